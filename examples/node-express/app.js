// An application with a password, and with Countersign as its second factor.
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import express from 'express';

const { PORT = '8080', HOST = '127.0.0.1', COUNTERSIGN_URL = 'http://127.0.0.1:3000' } = process.env;
const ORIGIN = process.env.ORIGIN ?? `http://127.0.0.1:${PORT}`;
const RETURN_URL = `${ORIGIN}/signed-in`; // Countersign must allow it: RETURN_URLS

// --- Countersign: requests are signed with AWS IAM. The local server has a key of its own. ---
const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
const { AWS_SESSION_TOKEN: sessionToken, AWS_REGION: region = 'us-east-1' } = process.env;
const key = COUNTERSIGN_URL.startsWith('http://127.0.0.1:')
  ? { accessKeyId: 'local', secretAccessKey: 'local' }
  : { accessKeyId, secretAccessKey, sessionToken };
const aws = new AwsClient({ ...key, region, service: 'execute-api', retries: 2 });

async function countersign(user, path, body) {
  const answer = await aws.fetch(`${COUNTERSIGN_URL}/v1/users/${encodeURIComponent(user)}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: answer.status, body: await answer.json() };
}

// Starts a session for this user. A user without a factor gets a session that enrols the first one.
async function startSession(user) {
  // firstFactor: the password was checked here. An e-mail is then not enough as a second factor.
  const check = { purpose: 'check', returnUrl: RETURN_URL, firstFactor: { amr: ['pwd'] } };
  // contact: a code is sent there before the first factor is enrolled. A thief of the password does not get this code.
  const contact = { email: users.get(user).email };
  const enroll = { purpose: 'enroll', returnUrl: RETURN_URL, accountName: user, contact };
  let expected = 'passed';
  let { status, body } = await countersign(user, '/sessions', check);
  if (status === 404 && body.code === 'not_enrolled') {
    expected = 'enrolled';
    ({ status, body } = await countersign(user, '/sessions', enroll));
  }
  if (status !== 201) throw new Error(`Countersign answered ${status} ${body.code}`);
  return { id: body.id, url: body.url, expected };
}

// --- Your users. Here: one, in memory. ---
const salt = randomBytes(16);
const hash = (password) => scryptSync(password, salt, 32);
const users = new Map([['alice', { hash: hash('correct horse'), email: 'alice@example.com' }]]);

function passwordIsRight(name, password) {
  // An unknown name is compared too, so that it takes the same time.
  return timingSafeEqual(hash(password), users.get(name)?.hash ?? randomBytes(32));
}

// --- Your browser sessions. Here: in memory. ---
// After the password: { waiting: { user, id, expected } }. After the second factor: { user }.
const browserSessions = new Map();
const secure = ORIGIN.startsWith('https:');
const cookieName = secure ? '__Host-session' : 'session';

const cookieOf = (req) => (req.get('cookie') ?? '').split('; ').find((each) => each.startsWith(`${cookieName}=`));
const sessionOf = (req) => browserSessions.get(cookieOf(req)) ?? {};

// Every step gets a new cookie, so a cookie from before the step is worth nothing.
function replaceSession(req, res, session) {
  browserSessions.delete(cookieOf(req));
  const value = randomBytes(32).toString('base64url');
  browserSessions.set(`${cookieName}=${value}`, session);
  // "lax": the browser must send the cookie when it comes back from Countersign's page. "strict" does not work.
  res.cookie(cookieName, value, { httpOnly: true, sameSite: 'lax', secure });
}

// --- The pages. ---
const page = (content) => `<!doctype html><html lang="en"><title>Example</title>${content}</html>`;
const refuse = (res, why) => res.status(403).send(page(`<p>${why}</p><p><a href="/">Sign in</a></p>`));

const app = express().use(express.urlencoded({ extended: false }));

app.get('/', (req, res) => res.send(page(`<form method="post" action="/sign-in">
<p><label>Name <input name="name" autocomplete="username" required></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><button>Sign in</button></form>`)));

// Step 1: the password. The browser then goes to Countersign's page.
app.post('/sign-in', async (req, res) => {
  const [name, password] = [String(req.body?.name), String(req.body?.password)];
  if (req.get('origin') && req.get('origin') !== ORIGIN) return refuse(res, 'This form is of another site.');
  if (!passwordIsRight(name, password)) return refuse(res, 'Name or password is wrong.');
  const { id, url, expected } = await startSession(name);
  replaceSession(req, res, { waiting: { user: name, id, expected } });
  res.redirect(303, url);
});

// Step 2: the browser comes back, with the session's id and a one-time code.
app.get('/signed-in', async (req, res) => {
  const { waiting } = sessionOf(req);
  // The session must be the one that THIS browser started. If not, somebody else's link was opened here.
  if (!waiting || req.query.session !== waiting.id) return refuse(res, 'This browser did not start this sign-in.');
  if (!req.query.code) return refuse(res, 'You left before the end.');
  // The browser proves nothing. Only this answer does. User and id come from the cookie's session.
  const { status, body } = await countersign(waiting.user, `/sessions/${waiting.id}/redeem`, { code: req.query.code });
  if (status !== 200 || body.status !== waiting.expected) return refuse(res, 'The second factor is missing.');
  replaceSession(req, res, { user: waiting.user });
  res.redirect(303, '/private');
});

// Step 3: a page that needs both factors.
app.get('/private', (req, res) => {
  const { user } = sessionOf(req);
  if (!user) return refuse(res, 'Please sign in.');
  res.send(page(`<h1>Welcome, ${user}</h1>`));
});

// No answer of Countersign: nobody comes in.
app.use((error, req, res, next) => {
  console.error(error.message);
  res.status(503).send(page('<p>Signing in does not work at the moment. Please try again later.</p>'));
});

app.listen(Number(PORT), HOST, () => console.log(`The example listens on ${ORIGIN}`));
