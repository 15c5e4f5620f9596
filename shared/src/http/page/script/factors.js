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
    path: 'M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2',
    view: 'enrollApp',
  },
  sms: {
    label: 'SMS',
    path: 'M5 4h14a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-7l-4 4v-4H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z',
    sends: true,
    field: { name: 'phoneNumber', type: 'tel', autocomplete: 'tel', inputmode: 'tel' },
    view: 'enrollSent',
  },
  email: {
    label: 'E-mail',
    path: 'M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zM3.5 6.5l8.5 6.5 8.5-6.5',
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
