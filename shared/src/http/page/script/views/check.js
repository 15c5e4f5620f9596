// A check: the choice of a factor, its code, or a recovery code.

import { ICONS, el, icon } from '../dom.js';
import { TYPES, nameOf, waysOf } from '../factors.js';
import { passkey } from '../passkeys.js';
import {
  VIEWS,
  attempt,
  bare,
  button,
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

const ways = () => waysOf(state.session.factors);

const hasRecoveryCodes = () => state.session.recoveryCodes.remaining > 0;

/** Begins a check: with the passkey, else at once where there is one way, else with the choice. `again`: for a change. */
export function check(again) {
  const [first, second] = ways();
  if (first?.type === 'passkey') return show('passkey', { again });
  if (first && !second && !again) return attempt(() => beginCheck(first), 'choose');
  show(first || hasRecoveryCodes() ? 'choose' : 'nothing', { again });
}

async function beginCheck(factor) {
  if (factor.type === 'passkey') return show('passkey');
  const sent = TYPES[factor.type].sends ? await challenge(factor) : {};
  show('code', { factor, ...sent });
}

async function challenge(factor) {
  const body = { factorId: factor.id, locale: language, platform: 'web' };
  const { challengeId, sentTo } = await call('POST', '/challenges', body);
  return { challengeId, sentTo, resendAt: Date.now() + RESEND_AFTER };
}

const verify = async (body) => proceed((await call('POST', '/verify', body)).next);

/** Asks for the passkey. Only a button calls this, because Safari asks only after a press of one. */
async function checkPasskey() {
  const begun = await call('POST', '/challenges', { factorType: 'passkey' });
  await verify({ challengeId: begun.challengeId, credential: await passkey('get', begun.passkey.publicKey) });
}

const title = () => t(state.session.transaction ? 'check.transaction' : 'check.title');

/** The link to the other ways, if there are any. */
const anotherWay = () => ways().length + hasRecoveryCodes() > 1 && link(t('check.another'), () => show('choose'));

/** A text, or the reason why it can't be followed: the only factors are passkeys, which this browser can't use. */
function leadOf(key) {
  const hasPasskey = state.session?.factors.some(({ type }) => type === 'passkey');
  return t(hasPasskey && !ways().length ? 'passkey.impossible' : key);
}

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
  const list = ways().map((factor) => ({
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
  const lead = again ? t('check.again') : leadOf('check.lead');
  screen({ title: title(), lead }, transaction(), problemBox(), choices(list), checkLinks());
};

VIEWS.passkey = ({ again }) =>
  screen(
    { title: title(), lead: t(again ? 'check.again' : 'passkey.detail') },
    transaction(),
    problemBox(),
    button('primary', checkPasskey, icon(TYPES.passkey.path), t('passkey.use')),
    checkLinks(anotherWay()),
  );

VIEWS.code = ({ factor, challengeId, sentTo }) => {
  codeView({
    title: title(),
    lead: t('code.app', { name: nameOf(factor) }),
    sentTo,
    type: factor.type,
    submit: (code) => verify({ code, ...(challengeId ? { challengeId } : { factorId: factor.id }) }),
    again: challengeId && (() => challenge(factor)),
    links: checkLinks(anotherWay()),
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
    checkLinks(anotherWay()),
  );
};

/** Nothing can pass a check: the person can only go back. */
VIEWS.nothing = () => screen({ title: t('nothing.title'), lead: leadOf('nothing.lead') }, problemBox(), checkLinks());

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
