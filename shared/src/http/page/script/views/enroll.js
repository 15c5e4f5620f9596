// An enrolment: the choice of a type, the destination, the code, and the recovery codes that come with the first factor.

import { ICONS, el, icon } from '../dom.js';
import { TYPES, isPossible, typeName } from '../factors.js';
import { passkey } from '../passkeys.js';
import {
  VIEWS,
  attempt,
  bare,
  button,
  choices,
  codeField,
  field,
  form,
  link,
  problemBox,
  screen,
  show,
} from '../screen.js';
import { call, state } from '../session.js';
import { language, t } from '../texts.js';
import { cancel, codeView } from './check.js';
import { finish, proceed } from './flow.js';

/** Milliseconds until a code can be sent again to a destination that is not enrolled yet. */
const RESEND_ENROLLMENT_AFTER = 60_000;

const types = () => state.session.types.filter(isPossible);

const isManaging = () => state.session.purpose === 'manage';

/** Begins an enrolment: at once where there is one type, else with the choice. */
export function enroll() {
  return types().length === 1 ? attempt(() => askOrBegin(types()[0]), 'types') : show('types');
}

/** Asks for what the type needs, and for the name of an app if there is one already. */
async function askOrBegin(type) {
  const { asks } = TYPES[type];
  if (asks) return show(asks, { type });
  try {
    await beginEnrollment(type, {});
  } catch (problem) {
    if (problem.code !== 'already_enrolled') throw problem;
    show('begin', { type });
  }
}

async function beginEnrollment(type, values) {
  show(TYPES[type].view, { type, values, ...(await request(type, values)) });
}

async function request(type, values) {
  const message = TYPES[type].sends && { locale: language, platform: 'web' };
  const { enrollmentToken, sentTo, totp } = await call('POST', '/enrollments', {
    factorType: type,
    ...values,
    ...message,
  });
  return { enrollmentToken, sentTo, totp, resendAt: Date.now() + RESEND_ENROLLMENT_AFTER };
}

async function confirm(proof) {
  const { enrollmentToken } = state.view;
  const { recoveryCodes, next } = await call('POST', '/enrollments/confirm', { enrollmentToken, ...proof });
  if (recoveryCodes) show('codes', { codes: recoveryCodes, next, until: Date.now() + 60_000 });
  else await proceed(next);
}

const enrollLinks = (...others) =>
  el('div', { class: 'links' }, others, isManaging() ? link(t('back'), () => show('manage')) : cancel());

const another = () => types().length > 1 && link(t('check.another'), () => show('types'));

VIEWS.types = () => {
  const list = types().map((type) => ({
    path: TYPES[type].path,
    name: typeName(type),
    detail: t(`${type}.detail`),
    choose: () => askOrBegin(type),
  }));
  const title = isManaging() ? 'enroll.add' : 'enroll.title';
  screen(
    { title: t(title), lead: t(types().length ? 'enroll.lead' : 'passkey.impossible') },
    problemBox(),
    choices(list),
    enrollLinks(),
  );
};

VIEWS.begin = ({ type, values }) => {
  const destination = TYPES[type].field;
  const input = destination
    ? { ...destination, label: t(`${type}.label`), hint: t(`${type}.hint`), value: values?.[destination.name] }
    : { name: 'label', label: t('name'), maxlength: 64 };
  screen(
    { title: t(`${type}.title`), lead: t(destination ? 'enroll.sent' : 'totp.name') },
    form(field({ ...input, autofocus: true }), t('continue'), (given) => beginEnrollment(type, given)),
    enrollLinks(another()),
  );
};

VIEWS.enrollSent = ({ type, values, sentTo }) =>
  codeView({
    title: t(`${type}.title`),
    sentTo,
    type,
    submit: (code) => confirm({ code }),
    again: () => request(type, values),
    links: enrollLinks(
      link(t('change'), () => show('begin', { type, values })),
      another(),
    ),
  });

VIEWS.enrollApp = ({ totp }) => {
  const groups = totp.secret.match(/.{1,4}/g).join(' ');
  screen(
    { title: t('totp.title'), lead: t('totp.lead') },
    el(
      'div',
      { class: 'app' },
      el('img', { src: totp.qrCode, alt: t('totp.qr') }),
      el(
        'div',
        null,
        el('a', { class: 'secondary phone', href: totp.uri }, t('totp.open')),
        el('p', { id: 'by-hand' }, t('totp.byHand')),
        el('code', { 'aria-describedby': 'by-hand' }, groups),
        copy(totp.secret),
      ),
    ),
    form(codeField({ label: t('totp.code') }), t('confirm'), ({ code }) => confirm({ code: bare(code) })),
    enrollLinks(another()),
  );
};

/** The choice is for the browser, which asks for the right device at once. */
VIEWS.enrollPasskey = () => {
  const place = (key, path, authenticatorAttachment, ...hints) => ({
    path,
    name: t(key),
    choose: () => enrollPasskey(authenticatorAttachment, hints),
  });
  const places = [
    place('passkey.device', ICONS.device, 'platform', 'client-device'),
    place('passkey.other', ICONS.stick, 'cross-platform', 'security-key', 'hybrid'),
  ];
  const isOffered = state.session.needs === 'passkey';
  screen(
    { title: t(isOffered ? 'passkey.offer' : 'passkey.title'), lead: t(isOffered ? 'passkey.why' : 'passkey.where') },
    problemBox(),
    choices(places),
    isOffered ? el('div', { class: 'links' }, link(t('passkey.later'), finish)) : enrollLinks(another()),
  );
};

async function enrollPasskey(authenticatorAttachment, hints) {
  const begun = await call('POST', '/enrollments', { factorType: 'passkey' });
  const { publicKey } = begun.passkey;
  const authenticatorSelection = { ...publicKey.authenticatorSelection, authenticatorAttachment };
  const credential = await passkey('create', { ...publicKey, hints, authenticatorSelection });
  await confirm({ enrollmentToken: begun.enrollmentToken, credential });
}

/** A button that copies a text, and says so. */
function copy(text) {
  const work = async () => {
    await navigator.clipboard.writeText(text);
    node.replaceChildren(icon(ICONS.check), t('copied'));
    setTimeout(() => node.replaceChildren(t('copy')), 2000);
  };
  const node = button('secondary', work, t('copy'));
  return node;
}

VIEWS.codes = ({ codes, next, until }) => {
  const name = `${state.session.product} – ${t('recovery.name')}`;
  const text = [name, '', ...codes, ''].join('\n');
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`;
  screen(
    { title: t('codes.title'), lead: t('codes.lead') },
    el(
      'ul',
      { class: 'codes' },
      codes.map((code) => el('li', null, code)),
    ),
    el(
      'div',
      { class: 'buttons' },
      copy(codes.join('\n')),
      el('a', { class: 'secondary', href: file, download: `${name}.txt` }, t('codes.download')),
      button('secondary', () => print(), t('codes.print')),
    ),
    problemBox(),
    // The code on the way back lives two minutes. After one, the API is asked for another.
    button('primary', () => proceed(Date.now() < until && next), t('codes.kept')),
  );
};
