// A check: the choice of a factor, its code, or a recovery code.

import { ICONS, el } from '../dom.js';
import { TYPES, nameOf, usable } from '../factors.js';
import {
  VIEWS,
  attempt,
  bare,
  codeField,
  field,
  form,
  leave,
  link,
  problemBox,
  remember,
  resend,
  screen,
  show,
  shown,
} from '../screen.js';
import { call, state } from '../session.js';
import { language, pieces, t } from '../texts.js';
import { proceed } from './flow.js';

/** Milliseconds until a code can be sent again. The API refuses an earlier request and says how long to wait. */
export const RESEND_AFTER = 30_000;

const factors = () => usable(state.session.factors);

const hasRecoveryCodes = () => state.session.recoveryCodes.remaining > 0;

/** Begins a check: at once where there is one factor, else with the choice. */
export function check() {
  if (factors().length === 1) return attempt(() => beginCheck(factors()[0]), 'choose');
  show(factors().length || hasRecoveryCodes() ? 'choose' : 'nothing');
}

async function beginCheck(factor) {
  const sent = TYPES[factor.type].sends ? await challenge(factor) : {};
  show('code', { factor, ...sent });
}

async function challenge(factor) {
  const body = { factorId: factor.id, locale: language, platform: 'web' };
  const { challengeId, sentTo } = await call('POST', '/challenges', body);
  return { challengeId, sentTo, resendAt: Date.now() + RESEND_AFTER };
}

const verify = async (body) => proceed((await call('POST', '/verify', body)).next);

const title = () => t(state.session.transaction ? 'check.transaction' : 'check.title');

/** The way out. In a session that manages, the person is finished. */
export const cancel = () => link(t('cancel'), async () => leave((await call('POST', '/cancel')).next));

/** What the person confirms, in full: its text in their language, else in another, else its fields. */
function transaction() {
  const { transaction: fields, transactionText: texts = {} } = state.session;
  if (!fields) return null;
  const lang = language in texts ? language : Object.keys(texts)[0];
  const text =
    texts[lang] ??
    Object.entries(fields)
      .map((pair) => pair.join(': '))
      .join('\n');
  return el('p', { class: 'transaction', lang }, text);
}

VIEWS.choose = ({ again }) => {
  const list = factors().map((factor) => ({
    path: TYPES[factor.type].path,
    name: nameOf(factor),
    detail: factor.maskedDestination ?? t(`${factor.type}.detail`),
    choose: () => beginCheck(factor),
  }));
  if (hasRecoveryCodes()) {
    list.push({
      path: ICONS.key,
      name: t('recovery.name'),
      detail: t('recovery.hint'),
      choose: () => show('recovery'),
    });
  }
  const lead = t(again ? 'check.again' : 'check.lead');
  screen({ title: title(), lead }, transaction(), problemBox(), choices(list), checkLinks());
};

VIEWS.code = ({ factor, challengeId, sentTo }) => {
  const another = factors().length > 1 || hasRecoveryCodes();
  codeView({
    title: title(),
    lead: t('code.app', { name: nameOf(factor) }),
    sentTo,
    type: factor.type,
    submit: (code) => verify({ code, ...(challengeId ? { challengeId } : { factorId: factor.id }) }),
    again: challengeId && (() => challenge(factor)),
    links: checkLinks(another && link(t('check.another'), () => show('choose'))),
  });
};

/** A view with the field of a code. One that was sent has its destination, and `again`, which sends another. */
export function codeView({ title, lead, sentTo, type, submit, again, links }) {
  const node = form(codeField({ autofocus: true }), t('confirm'), ({ code }) => submit(bare(code)));
  screen(
    { title, lead: sentTo ? pieces('code.sent', { to: el('b', null, sentTo) }) : lead },
    transaction(),
    node,
    again && resend(async () => remember(await again())),
    links,
  );
  if (type === 'sms') fillIn(node);
}

VIEWS.recovery = () => {
  const input = field({
    label: t('recovery.label'),
    hint: t('recovery.hint'),
    name: 'code',
    class: 'code',
    autofocus: true,
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  screen(
    { title: title(), lead: t('recovery.lead') },
    transaction(),
    form(input, t('confirm'), ({ code }) => verify({ code })),
    checkLinks(factors().length > 0 && link(t('check.another'), () => show('choose'))),
  );
};

/** Nothing can pass a check: the person can only go back. */
VIEWS.nothing = () => screen({ title: t('nothing.title'), lead: t('nothing.lead') }, problemBox(), checkLinks());

/** The ways from a view: others, and out. */
export const checkLinks = (...others) => el('div', { class: 'links' }, others, cancel());

/** Lets the browser fill in the code of an SMS (WebOTP) and sends it. */
async function fillIn(node) {
  if (!('OTPCredential' in window)) return;
  try {
    const { code } = await navigator.credentials.get({ otp: { transport: ['sms'] }, signal: shown.signal });
    node.elements.code.value = code;
    node.requestSubmit();
  } catch {
    // The person types it, or has left.
  }
}
