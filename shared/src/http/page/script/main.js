// The start: the session is asked for, and the view of before is shown again after a reload.

import { VIEWS, button, loading, screen, show } from './screen.js';
import { isOpen, isOver, save, state } from './session.js';
import { speak, t } from './texts.js';
import { refresh, route } from './views/flow.js';

async function start() {
  const { session, view } = state;
  if (!state.token) return show('ended');
  // Recovery codes are shown once, by a session that may have ended with them.
  if (view?.name === 'codes') return show(view.name, view);
  try {
    await refresh();
  } catch (problem) {
    if (isOver(problem)) return show('ended');
    return problem.code === 'not_enrolled' ? show('nothing') : failed();
  }
  save();
  watch();
  const isSame = view?.name in VIEWS && session?.needs === state.session.needs;
  return isSame ? show(view.name, view) : route();
}

/** The API has not answered. What a reload must find again stays as it was. */
function failed() {
  screen({ title: t('failed.title'), lead: t('problem.offline') }, button('primary', start, t('failed.again')));
}

/** Asks the API whether the session is over, when it should be. The machine's clock may be wrong, so it decides nothing. */
function watch() {
  const left = Math.max(Date.parse(state.session.expiresAt) - Date.now(), 30_000);
  setTimeout(async () => {
    if (!state.token || state.view.name === 'codes') return;
    if (await isOpen()) watch();
    else show('ended');
  }, left);
}

// Another link of a session in this tab, and the way back from the application: both begin anew.
addEventListener('hashchange', () => location.reload());
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());

// The second click of a double click would press what has come in place of the first one's button. A held key would send
// the same code again and again.
const once = (event) => {
  if (event.detail < 2 && !(event.repeat && event.key === 'Enter')) return;
  event.stopPropagation();
  event.preventDefault();
};
addEventListener('click', once, true);
addEventListener('keydown', once, true);

speak(state.session?.locale, ...navigator.languages);
loading();
start();
