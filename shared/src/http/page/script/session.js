// The session: its token, the secret of this browser, the view, and the calls to the API.

const STORE = 'countersign';

/**
 * What a reload must find again: `token`, `browser` (this browser's secret), `session` (the API's answer), `view` (its
 * name and its data), and `after` (the view to return to after a check).
 */
export const state = open();

function open() {
  const token = location.hash.slice(1);
  const kept = load();
  if (!token || token === kept.token) return kept;
  return { token, browser: secret() };
}

function load() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

/** 128 random bits in base64url. */
function secret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (char) => ({ '+': '-', '/': '_' })[char] ?? '');
}

/** Keeps the state for a reload. A browser without storage goes on without. */
export function save() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(state));
  } catch {
    // Only a reload misses it.
  }
}

/** Forgets everything. */
export function forget() {
  for (const name of Object.keys(state)) delete state[name];
  save();
}

save();
// The token must not stay in the address: the history and every screenshot would have it.
history.replaceState(null, '', location.pathname + location.search);

/** An answer that is an error, with the fields of its problem document (RFC 9457). */
export class Problem extends Error {
  constructor(fields) {
    super(fields.code);
    Object.assign(this, fields);
  }
}

/** Calls a route of the session. Its path is relative to the page, which may be below a prefix. */
export async function call(method, path = '', body) {
  let response;
  let answer;
  try {
    response = await fetch(`v1/session${path}`, {
      method,
      headers: {
        authorization: `Bearer ${state.token}`,
        'countersign-browser': state.browser,
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    answer = text && JSON.parse(text);
  } catch (error) {
    throw new Problem({ code: error instanceof SyntaxError ? 'busy' : 'offline' });
  }
  if (response.ok) return answer;
  throw new Problem({ code: response.status === 401 ? 'unauthorized' : 'busy', ...answer });
}

/** Whether a problem says that the session is over, or that another browser has it. A code can also be over by itself. */
export const isOver = ({ code }) => ['unauthorized', 'expired', 'already_used'].includes(code);

/** Asks the API whether the session is still open. Without an answer it counts as open. */
export const isOpen = () =>
  call('GET').then(
    () => true,
    (problem) => !isOver(problem),
  );
