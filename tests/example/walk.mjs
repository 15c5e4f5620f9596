// The example application with a browser that follows redirects and keeps cookies, and with a thief's browser. It runs in
// a folder with the example's packages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

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
      assert.match(set, /; HttpOnly; SameSite=Lax$/);
      this.cookie = set.split(';')[0];
    }
    return { status: response.status, location: response.headers.get('location'), text: await response.text() };
  }

  /** Fills in the form; returns the link to Countersign's page. */
  async passPassword() {
    const { status, location } = await this.submit('alice', 'correct horse');
    assert.equal(status, 303);
    assert(location.startsWith(`${countersign}/page#`), location);
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
    const answer = await response.json();
    assert(response.ok, `${method} ${path} answered ${response.status} ${answer.code}`);
    return answer;
  };
}

/** The server's clock stands still: a code of an app passes once, so each check is in a period of its own. */
let time = new Date();
let secret;
async function nextCode() {
  time = new Date(time.getTime() + 30_000);
  const headers = { 'content-type': 'application/json' };
  const set = await fetch(`${countersign}/local/clock`, { method: 'POST', headers, body: JSON.stringify({ now: time.toISOString() }) });
  assert(set.ok);
  return execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), secret], { encoding: 'utf8' }).trim();
}

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

await step('the first sign-in enrols an app, and is finished', async () => {
  const browser = new Browser();
  const call = page(await browser.passPassword());
  assert.equal((await call('GET', '/v1/session')).purpose, 'enroll');
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

await step('the code for Node in docs/integrate.md lets in the user who passed, and nobody else', async () => {
  const text = readFileSync(new URL('../../docs/integrate.md', import.meta.url), 'utf8');
  const [, code] = text.match(/```js\n(.*?)```/s);
  const file = resolve('integrate.mjs');
  writeFileSync(file, `const RETURN_URL = '${SIGNED_IN}';\n${code}\nexport { begin, finish };\n`);
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: 'us-east-1' });
  const { begin, finish } = await import(file);
  await assert.rejects(begin('bob|without', {}), /not_enrolled/);
  const [browser, other] = [{}, {}];
  const next = await passCheck(await begin('alice', browser));
  await begin('alice', other);
  const query = Object.fromEntries(new URL(next).searchParams);
  const { session } = query;
  assert.deepEqual(await Promise.all([{}, other].map((each) => finish(query, each))), [undefined, undefined]);
  assert.deepEqual([await finish({ session }, browser), await finish({ session, code: session }, browser)], [undefined, undefined]);
  assert.equal(await finish(query, browser), 'alice');
});
