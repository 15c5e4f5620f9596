// The application: its back end, its return URL, and the person's authenticator app and inbox.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, url } from './lib.mjs';

const RETURN = process.env.RETURN_URL ?? assert.fail('set RETURN_URL in the environment');

export async function request(method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert(response.ok, `${method} ${path} answered ${response.status}: ${text}`);
  return text && JSON.parse(text);
}

/** A request of the back end for a user. curl signs it. */
export function backEnd(method, path, body, user = 'alice') {
  const signature = ['--aws-sigv4', 'aws:amz:local:execute-api', '--user', 'local:local'];
  const content = body ? ['-H', 'content-type: application/json', '-d', JSON.stringify(body)] : [];
  const to = `${url}/v1/users/${user}${path}`;
  const answer = execFileSync('curl', ['-sS', '-f', '-X', method, ...signature, ...content, to]);
  return answer.length ? JSON.parse(answer) : undefined;
}

let time = new Date();

export const setClock = () => request('POST', '/local/clock', { now: time.toISOString() });

/** Moves the server's clock: a code of an app passes once, so each check is in a period of its own. */
export async function nextPeriod(seconds = 60) {
  time = new Date(time.getTime() + seconds * 1000);
  await setClock();
}

export const totp = (secret) =>
  execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), secret], { encoding: 'utf8' }).trim();

export async function sentCode(to) {
  const message = (await request('GET', '/local/inbox')).find((each) => each.to === to);
  return message?.code ?? assert.fail(`no code was sent to ${to}`);
}

/** Scans the QR code that is shown; returns the secret in it. */
export async function scan(page) {
  const image = page.getByRole('img', { name: 'QR code' });
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
  try {
    const file = join(folder, 'qr.png');
    writeFileSync(file, await image.screenshot());
    const uri = execFileSync('zbarimg', ['-q', '--raw', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return new URL(uri).searchParams.get('secret');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opens a new session in a browser of its own. */
export async function begin(browser, purpose, more, user = 'alice') {
  const session = backEnd('POST', '/sessions', { purpose, returnUrl: RETURN, ...more }, user);
  const tab = await open(browser);
  // The application, which the browser comes from and goes back to.
  await tab.context.route(`${RETURN}**`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<h1>Fabrikam</h1>' }),
  );
  await tab.page.goto(RETURN);
  await tab.page.goto(session.url);
  return { ...tab, session, user };
}

/** Waits until the browser is back, and redeems the code that it brings. */
export async function redeem({ page, session, user, close }) {
  await page.waitForURL(`${RETURN}?**`);
  const { searchParams } = new URL(page.url());
  assert.equal(searchParams.get('session'), session.id);
  await close();
  return backEnd('POST', `/sessions/${session.id}/redeem`, { code: searchParams.get('code') }, user);
}
