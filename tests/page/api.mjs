// The API of a session as a script tells it, so that a test can have any answer, also one that the true API gives rarely.

import { open, step, url } from './lib.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };

export const app = {
  id: 'f1',
  type: 'totp',
  label: 'Authenticator app',
  createdAt: '2026-03-01T08:00:00Z',
  lastUsedAt: '2026-05-03T08:00:00Z',
};
export const phone = {
  id: 'f2',
  type: 'sms',
  label: 'SMS',
  maskedDestination: '+49 ••• ••• 4521',
  createdAt: '2026-03-02T08:00:00Z',
};
export const mail = {
  id: 'f3',
  type: 'email',
  label: 'Work',
  maskedDestination: 'a•••@example.com',
  createdAt: '2026-03-02T08:00:00Z',
};

/** Two passkeys. Nobody has named the first one. */
export const keys = [
  {
    id: 'k1',
    type: 'passkey',
    label: 'Passkey',
    createdAt: '2026-03-03T08:00:00Z',
    lastUsedAt: '2026-05-04T08:00:00Z',
  },
  { id: 'k2', type: 'passkey', label: 'Blue key', createdAt: '2026-03-04T08:00:00Z' },
];

export const CODES = Array.from({ length: 10 }, (_, n) => `${1000 + n}-abcd-ef01-234${n}`);

export const TRANSACTION = {
  transaction: { type: 'transfer', id: 'T-1', amount: '1,250.00 EUR', payee: 'Contoso Ltd' },
  transactionText: {
    en: 'Pay 1,250.00 EUR to Contoso Ltd\nReference: invoice 2026-117',
    'zh-Hans': '向 Contoso Ltd 支付 1,250.00 EUR',
  },
};

const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
/** A picture of one pixel, in place of a QR code. */
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==';
export const TOTP = { secret: SECRET, uri: `otpauth://totp/Fabrikam:alice?secret=${SECRET}`, qrCode: PIXEL };

export const SENT = {
  status: 201,
  body: { challengeId: 'c1', sentTo: phone.maskedDestination, expiresAt: '2030-01-01T00:00:00Z' },
};
export const BEGUN = ({ factorType }) => ({
  status: 201,
  body: {
    enrollmentToken: 'e1',
    expiresAt: '2030-01-01T00:00:00Z',
    ...(factorType === 'totp' ? { totp: TOTP } : { sentTo: '+49 1512 ••• 6789' }),
  },
});

export function session(changes) {
  return {
    purpose: 'check',
    product: 'Fabrikam Bank',
    expiresAt: new Date(Date.now() + 900_000).toISOString(),
    needs: 'check',
    factors: [app, phone, mail],
    recoveryCodes: { remaining: 8 },
    types: ['totp', 'sms', 'email'],
    ...changes,
  };
}

/** What changes in a session that enrols, and in one that manages. */
export const ENROLL = { purpose: 'enroll', needs: 'enroll', factors: [], recoveryCodes: { remaining: 0 } };
export const MANAGE = { purpose: 'manage', needs: 'nothing' };

/** What changes in a session of a user without a factor, whose contact the application gave. */
export const CONTACT = {
  ...ENROLL,
  needs: 'contact',
  contact: { type: 'email', maskedDestination: 'a•••@example.com' },
};
export const CONTACTED = { status: 201, body: { sentTo: 'a•••@example.com', expiresAt: '2030-01-01T00:00:00Z' } };

/** Brands as the API gives them: a light colour and a dark one, for which the page needs other colours as text. */
export const YELLOW = { colors: { fill: '#ffd400', onFill: '#000000', onLight: '#826c00', onDark: '#ffd400' } };
export const NAVY = { colors: { fill: '#001f5b', onFill: '#ffffff', onLight: '#001f5b', onDark: '#7d8dab' } };
/** The logo that the policy of the page allows. */
export const LOGO = process.env.LOGO_URL;
export const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="80" viewBox="0 0 320 80">
  <rect width="80" height="80" rx="16" fill="#826c00"/><path d="M104 64V20h60M104 42h50" fill="none" stroke="#222" stroke-width="12"/></svg>`;

/** An answer that is a problem. */
export const problem = (status, code, more) => ({ status, body: { code, detail: 'x', ...more } });

/**
 * Answers the calls of a tab. `answers` maps `POST /verify` to a body, to `{ status, body }`, or to a function of the
 * request's body that gives either. Returns the calls that were made, each `{ key, body, headers }`.
 */
export async function answer(page, answers) {
  const calls = [];
  await page.route('**/v1/session**', async (route) => {
    const request = route.request();
    const key = `${request.method()} ${new URL(request.url()).pathname.replace('/v1/session', '')}`.trim();
    const body = request.postData() ? request.postDataJSON() : undefined;
    calls.push({ key, body, headers: await request.allHeaders() });
    const given = answers[key];
    const { status = 200, body: reply = {} } = wrapped(typeof given === 'function' ? await given(body) : given);
    if (status === 0) return route.abort();
    return route.fulfill({ status, headers: JSON_TYPE, body: status === 204 ? '' : JSON.stringify(reply) });
  });
  return calls;
}

/** The address of the page with the token of a session. */
export const PAGE = `${url}/page#token-1`;

/** Runs a step in a tab of its own. */
export const alone = (browser, sentence, answers, walk, options) =>
  step(sentence, async () => {
    const { page, context, close } = await open(browser, options);
    const calls = await answer(page, answers);
    await page.goto(PAGE);
    await walk(page, calls, context);
    await close();
  });

/** The keys of the calls that change something. */
export const changes = (calls) => calls.map(({ key }) => key).filter((key) => key !== 'GET');

const wrapped = (given) =>
  given && 'status' in given ? given : { status: given ? 200 : 404, body: given ?? { code: 'not_found' } };
