// The types of factors. A new type is one more row here, and its texts.

import { t } from './texts.js';

/**
 * `label`: the API's label of a factor that nobody named, which is shown in the person's language.
 * `path`: the icon.
 * `sends`: a code is sent, so a check begins with a challenge, and `field` says where enrolments send it.
 * `asks`: the view in which an enrolment begins, where the person has something to give first.
 * `view`: the view that confirms an enrolment.
 */
export const TYPES = {
  passkey: {
    label: 'Passkey',
    path: 'M9 3a4 4 0 1 0 .01 0M2 21v-3q0-4 4-4h5M18 10a3 3 0 1 0 .01 0M18 16v6M18 20h2',
    asks: 'enrollPasskey',
  },
  totp: {
    label: 'Authenticator app',
    path: 'M7 3h10v18H7zM11 18h2',
    view: 'enrollApp',
  },
  sms: {
    label: 'SMS',
    path: 'M4 4h16v12h-8l-4 4v-4H4z',
    sends: true,
    field: { name: 'phoneNumber', type: 'tel', autocomplete: 'tel', inputmode: 'tel' },
    asks: 'begin',
    view: 'enrollSent',
  },
  email: {
    label: 'E-mail',
    path: 'M3 5h18v14H3zM3 6l9 7 9-7',
    sends: true,
    field: { name: 'email', type: 'email', autocomplete: 'email', inputmode: 'email', spellcheck: 'false' },
    asks: 'begin',
    view: 'enrollSent',
  },
};

/** Whether this page and this browser can do a type. */
export const isPossible = (type) =>
  type in TYPES && (type !== 'passkey' || globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON);

/** The ways to pass a check. One passkey comes first and stands for all, because a check takes any of them. */
export function waysOf(factors) {
  const usable = factors.filter(({ type, unreadable }) => isPossible(type) && !unreadable);
  const others = usable.filter(({ type }) => type !== 'passkey');
  return others.length < usable.length ? [{ type: 'passkey' }, ...others] : others;
}

export const typeName = (type) => t(type);

/** The name of a factor: its label, or the name of its type where nobody gave one. */
export function nameOf({ type, label }) {
  return label === TYPES[type]?.label || !label ? typeName(type) : label;
}
