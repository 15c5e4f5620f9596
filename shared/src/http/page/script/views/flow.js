// The way through a session: what comes next is the API's to say.

import { isPossible } from '../factors.js';
import { attempt, leave, show } from '../screen.js';
import { call, state } from '../session.js';
import { speak } from '../texts.js';
import { check } from './check.js';
import { enroll } from './enroll.js';

/** Asks the API for the session. */
export async function refresh() {
  state.session = await call('GET');
  speak(state.session.locale, ...navigator.languages);
}

/** After a step: to the application, if the session is complete; else to what the session needs now. */
export async function proceed(next) {
  if (next) return leave(next, true);
  await refresh();
  return route();
}

/** Ends a session that is passed or that manages factors. */
export const finish = async () => leave((await call('POST', '/cancel')).next, true);

export function route() {
  const { after } = state;
  const { needs, next } = state.session;
  // The session is finished, and the answer with the way back was lost.
  if (next) return leave(next, true);
  if (needs === 'check') return check();
  delete state.after;
  if (after) return show(after.name, { ...after, problem: null });
  if (needs === 'contact') return show('contact');
  // A passkey is offered after a check. A browser that can make none goes on.
  if (needs === 'passkey') return isPossible('passkey') ? show('enrollPasskey') : attempt(finish, 'enrollPasskey');
  return needs === 'enroll' ? enroll() : show('manage');
}
