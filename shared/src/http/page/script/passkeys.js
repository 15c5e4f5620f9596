// Passkeys: what the browser is asked for (WebAuthn Level 3).

import { shown } from './screen.js';
import { Problem } from './session.js';

const PARSERS = { create: 'parseCreationOptionsFromJSON', get: 'parseRequestOptionsFromJSON' };

/** Makes a passkey (`create`) or uses one (`get`). Takes the API's options; returns what the API takes. */
export async function passkey(method, options) {
  try {
    const publicKey = PublicKeyCredential[PARSERS[method]](options);
    return (await navigator.credentials[method]({ publicKey, signal: shown.signal })).toJSON();
  } catch (error) {
    // The person has canceled, has waited too long, or has no passkey here: browsers don't tell which.
    const code = { NotAllowedError: 'canceled', InvalidStateError: 'already_enrolled' }[error.name];
    throw code ? new Problem({ code }) : error;
  }
}
