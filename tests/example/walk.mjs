// An example application, in whatever language, with a browser that follows redirects and keeps cookies, and with a
// thief's browser. Then the code of the documents in that language: the arguments are the command that runs it, and the
// documents.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const env = (name) => process.env[name] ?? assert.fail(`set ${name} in the environment`);
const app = env('APP_URL');
const countersign = env('COUNTERSIGN_URL');
const SIGNED_IN = `${app}/signed-in`;

async function step(sentence, act) {
  try {
    await act();
    console.log(`ok - ${sentence}`);
  } catch (error) {
    console.log(`not ok - ${sentence}`);
    throw error;
  }
}

/** A browser as far as the example needs one. It follows no redirect by itself. */
class Browser {
  cookie;

  async open(url, init) {
    const headers = { ...init?.headers, ...(this.cookie && { cookie: this.cookie }) };
    const response = await fetch(new URL(url, app), { ...init, headers, redirect: 'manual' });
    const [set] = response.headers.getSetCookie();
    if (set) {
      const [cookie, ...attributes] = set.split('; ');
      // Frameworks differ in order and letter case.
      assert.deepEqual(attributes.map((each) => each.toLowerCase()).sort(), ['httponly', 'path=/', 'samesite=lax']);
      this.cookie = cookie;
    }
    return { status: response.status, location: response.headers.get('location'), text: await response.text() };
  }

  /** Fills in the form; returns the link to Countersign's page. */
  async passPassword() {
    const { status, location } = await this.submit('alice', 'correct horse');
    assert.equal(status, 303);
    // Browsers allow passkeys at `localhost`, and at no IP address.
    assert(location.startsWith(`${countersign.replace('127.0.0.1', 'localhost')}/page#`), location);
    return location;
  }

  submit(name, password, headers) {
    return this.open('/sign-in', { method: 'POST', body: new URLSearchParams({ name, password }), headers });
  }

  async isRefused(url) {
    const before = this.cookie;
    assert.equal((await this.open(url)).status, 403, url);
    assert.equal(this.cookie, before);
    assert.equal((await this.open('/private')).status, 403, `/private after ${url}`);
  }

  async isLetIn(url) {
    const { status, location } = await this.open(url);
    assert.deepEqual([status, location], [303, '/private']);
    const { status: last, text } = await this.open(location);
    assert.equal(last, 200);
    assert.match(text, /Welcome, alice/);
  }
}

/** The calls that the page makes in a browser that opened this link. */
function page(link) {
  const token = new URL(link).hash.slice(1);
  const browser = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url');
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'countersign-browser': browser, 'content-type': 'application/json' };
    const response = await fetch(countersign + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    assert(response.ok, `${method} ${path} answered ${response.status} ${text}`);
    return text && JSON.parse(text);
  };
}

/** The server's clock stands still: a code of an app passes once, so each check is in a period of its own. */
let time = new Date();
async function nextPeriod() {
  time = new Date(time.getTime() + 30_000);
  const headers = { 'content-type': 'application/json' };
  const set = await fetch(`${countersign}/local/clock`, { method: 'POST', headers, body: JSON.stringify({ now: time.toISOString() }) });
  assert(set.ok);
}

let secret;
async function nextCode() {
  await nextPeriod();
  return execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), secret], { encoding: 'utf8' }).trim();
}

/** The newest code that was sent to the user's address. */
async function sentCode() {
  const inbox = await fetch(`${countersign}/local/inbox`, { headers: { accept: 'application/json' } });
  const message = (await inbox.json()).find(({ to, code }) => to === 'alice@example.com' && code);
  return message?.code ?? assert.fail('no code was sent');
}

const wrong = (code) => (code === '00000000' ? '11111111' : '00000000');

/** Passes the check behind a link; returns the URL to which the browser goes. */
async function passCheck(link) {
  const call = page(link);
  assert.equal((await call('GET', '/v1/session')).purpose, 'check');
  const { next } = await call('POST', '/v1/session/verify', { code: await nextCode() });
  assert(next.startsWith(`${SIGNED_IN}?session=`), next);
  return next;
}

const part = (url, name) => new URL(url).searchParams.get(name);
const signedIn = (session, code) => `${SIGNED_IN}?${new URLSearchParams({ session, ...(code && { code }) })}`;

await step('a browser without both factors stays outside', async () => {
  const browser = new Browser();
  await browser.isRefused('/private');
  await browser.isRefused('/signed-in?session=any&code=any');
  await browser.isRefused('/signed-in');
  assert.equal((await browser.submit('alice', 'wrong')).status, 403);
  assert.equal((await browser.submit('nobody', 'correct horse')).status, 403);
  assert.equal((await browser.submit('alice', 'correct horse', { origin: 'https://thief.example' })).status, 403);
  assert.equal(browser.cookie, undefined);
});

await step('a thief with the password who comes first enrols nothing', async () => {
  const thief = new Browser();
  const call = page(await thief.passPassword());
  const { purpose, needs, contact } = await call('GET', '/v1/session');
  assert.deepEqual([purpose, needs, contact.maskedDestination], ['enroll', 'contact', 'a***@example.com']);
  const refused = /403 .*contact_required/;
  await assert.rejects(call('POST', '/v1/session/enrollments', { factorType: 'totp' }), refused);
  await call('POST', '/v1/session/contact', {});
  await assert.rejects(call('POST', '/v1/session/contact/confirm', { code: wrong(await sentCode()) }), /incorrect_code/);
  await assert.rejects(call('POST', '/v1/session/enrollments', { factorType: 'totp' }), refused);
  await nextPeriod();
});

await step('the first sign-in enrols an app with the code that was sent to the address on record', async () => {
  const browser = new Browser();
  const call = page(await browser.passPassword());
  assert.equal((await call('GET', '/v1/session')).needs, 'contact');
  await call('POST', '/v1/session/contact', {});
  await call('POST', '/v1/session/contact/confirm', { code: await sentCode() });
  assert.equal((await call('GET', '/v1/session')).needs, 'enroll');
  const { enrollmentToken, totp } = await call('POST', '/v1/session/enrollments', { factorType: 'totp' });
  assert.match(totp.uri, /:alice\?/);
  secret = totp.secret;
  await browser.isRefused('/private');
  const { next } = await call('POST', '/v1/session/enrollments/confirm', { enrollmentToken, code: await nextCode() });
  await browser.isLetIn(next);
});

await step('the second sign-in needs a check, and every step has a cookie of its own', async () => {
  const browser = new Browser();
  const link = await browser.passPassword();
  const first = browser.cookie;
  await browser.isRefused('/private');
  const next = await passCheck(link);
  await browser.isLetIn(next);
  const old = new Browser();
  old.cookie = first;
  // The code gets the same answer for a minute. The cookie from before does not.
  await old.isRefused(next);
});

await step('a browser that skips the page or guesses the code stays outside, and may still finish', async () => {
  const browser = new Browser();
  const link = await browser.passPassword();
  const next = await passCheck(link);
  const id = part(next, 'session');
  await browser.isRefused(signedIn(id));
  await browser.isRefused(signedIn(id, 'AAAAAAAAAAAAAAAAAAAAAA'));
  await browser.isRefused(signedIn(id, id));
  await browser.isRefused(`${signedIn(id)}&code=${part(next, 'code')}&code=x`);
  await browser.isLetIn(next);
});

await step('a person who leaves stays outside', async () => {
  const browser = new Browser();
  const { next } = await page(await browser.passPassword())('POST', '/v1/session/cancel');
  await browser.isRefused(next);
});

await step("a thief with the password gets nothing from the owner's checks, and the owner nothing from the thief's link", async () => {
  const [thief, owner, idle] = [new Browser(), new Browser(), new Browser()];
  const thiefsLink = await thief.passPassword();
  const owners = await passCheck(await owner.passPassword());
  // The thief sends the owner the genuine link, and the owner passes the check.
  const thiefs = await passCheck(thiefsLink);
  const [ownersId, thiefsId] = [part(owners, 'session'), part(thiefs, 'session')];
  await thief.isRefused(signedIn(thiefsId));
  // The owner's browser did not start that session, whether it started another one or none.
  await idle.isRefused(thiefs);
  await owner.isRefused(thiefs);
  // A code passes only beside the id for which it was made.
  await thief.isRefused(owners);
  await thief.isRefused(signedIn(thiefsId, part(owners, 'code')));
  await thief.isRefused(signedIn(ownersId, part(thiefs, 'code')));
  await owner.isLetIn(owners);
  await thief.isRefused('/private');
});

const [program, script, ...documents] = process.argv.slice(2);
for (const document of documents) await step(`the code in ${document} lets in the user who passed, and nobody else`, async () => {
  const env = { ...process.env, RETURN_URL: SIGNED_IN, AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-east-1' };
  Object.assign(env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
  const code = spawn(program, [script, document], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const outcomes = createInterface({ input: code.stdout })[Symbol.asyncIterator]();
  /** Calls a documented function; the application's session of this browser is changed as the function changes it. */
  const call = async (name, given, browser) => {
    code.stdin.write(`${JSON.stringify({ call: name, given, session: browser })}\n`);
    const { value = assert.fail('the documented code ended') } = await outcomes.next();
    const { session, result, error } = JSON.parse(value);
    Object.assign(browser, session);
    if (error) throw new Error(error);
    return result ?? undefined;
  };
  await assert.rejects(call('begin', 'bob|without', {}), /not_enrolled/);
  const [browser, other] = [{}, {}];
  const next = await passCheck(await call('begin', 'alice', browser));
  await call('begin', 'alice', other);
  const query = Object.fromEntries(new URL(next).searchParams);
  const { session } = query;
  assert.equal(await call('finish', query, {}), undefined, 'a browser that began nothing');
  assert.equal(await call('finish', query, other), undefined, 'a browser that began another session');
  assert.equal(await call('finish', { ...query, session: 'another' }, browser), undefined, 'the address of another session');
  assert.equal(await call('finish', { session }, browser), undefined, 'no code');
  assert.equal(await call('finish', { session, code: session }, browser), undefined, 'a wrong code');
  assert.equal(await call('finish', query, browser), 'alice');
  code.stdin.end();
});
