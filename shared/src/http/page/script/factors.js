// The types of factors. A new type is one more row here, and its texts.

import { t } from './texts.js';

/**
 * `label`: the API's label of a factor that nobody named, which is shown in the person's language.
 * `path`: the icon.
 * `sends`: a code is sent, so a check begins with a challenge, and `field` says where enrolments send it.
 * `view`: the view that confirms an enrolment.
 */
export const TYPES = {
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
    view: 'enrollSent',
  },
  email: {
    label: 'E-mail',
    path: 'M3 5h18v14H3zM3 6l9 7 9-7',
    sends: true,
    field: { name: 'email', type: 'email', autocomplete: 'email', inputmode: 'email', spellcheck: 'false' },
    view: 'enrollSent',
  },
};

/** The factors that this page can check. */
export const usable = (factors) => factors.filter((factor) => factor.type in TYPES && !factor.unreadable);

export const typeName = (type) => t(type);

/** The name of a factor: its label, or the name of its type where nobody gave one. */
export function nameOf({ type, label }) {
  return label === TYPES[type]?.label || !label ? typeName(type) : label;
}
