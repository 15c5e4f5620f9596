// examples/profile-page in a browser, against a running Countersign that allows its origin. TOKEN is the access token of a
// user without factors.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessible, open, shot, step, url, withBrowser } from './lib.mjs';

const env = (name) => process.env[name] ?? assert.fail(`set ${name} in the environment`);
const [TOKEN, ORIGIN, FILE] = [env('TOKEN'), env('ORIGIN'), env('PAGE_FILE')];

/** The page, as any static server gives it. Only the URL of Countersign is that of the test. */
const document = readFileSync(FILE, 'utf8').replace("'http://127.0.0.1:3000'", `'${url}'`);
assert(document.includes(`const API = '${url}';`));
const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(document);
});
await new Promise((listening) => server.listen(Number(new URL(ORIGIN).port), '127.0.0.1', listening));

/** The server's clock stands still: a code of an app passes once, so each is of a period of its own. */
let time = new Date();
async function nextCode(secret) {
  time = new Date(time.getTime() + 30_000);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ now: time.toISOString() });
  assert((await fetch(`${url}/local/clock`, { method: 'POST', headers, body })).ok);
  return execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), secret], { encoding: 'utf8' }).trim();
}

/** The text in the QR code that is shown. */
async function scan(page) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
  try {
    const file = join(folder, 'qr.png');
    writeFileSync(file, await page.getByRole('img', { name: 'QR code' }).screenshot());
    return execFileSync('zbarimg', ['-q', '--raw', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const alert = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
const sees = (page, text) => page.getByText(text).filter({ visible: true }).waitFor();

async function enter(page, label, text, button) {
  await page.getByLabel(label, { exact: true }).filter({ visible: true }).fill(text);
  await press(page, button);
}

/** Every width and colour scheme of a view: axe finds nothing, and a person may look at the pictures. */
async function views(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await accessible(page, `${name}, ${colorScheme}, ${width}`);
      await shot(page, `profile-${name}-${width}-${colorScheme}`);
    }
  }
}

const SETUP = 'Code that the app shows';
const CODE = 'Code of the app, or a recovery code';

async function signIn(page, token) {
  await page.goto(ORIGIN);
  await enter(page, 'Access token', token, 'Continue');
}

await withBrowser(async (browser) => {
  const { page, close, context } = await open(browser);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  let secret;
  let codes;

  await step('without a token, or with a wrong one, the page asks for a sign-in', async () => {
    await page.goto(ORIGIN);
    await sees(page, 'Sign in first.');
    await views(page, 'signed-out');
    await signIn(page, 'no-token');
    await alert(page, 'Your sign-in has ended. Sign in again.');
    await sees(page, 'Sign in first.');
  });

  await step('a new app is set up with the QR code; a wrong code is a sentence, and turns nothing on', async () => {
    await signIn(page, TOKEN);
    await sees(page, 'It is off.');
    assert.equal(await page.getByRole('alert').innerText(), '');
    await views(page, 'off');
    await press(page, 'Turn on');
    await sees(page, 'Scan the picture');
    const uri = await scan(page);
    secret = new URL(uri).searchParams.get('secret');
    assert.equal((await page.locator('#secret').innerText()).replaceAll(' ', ''), secret);
    assert.equal(await page.getByRole('link').getAttribute('href'), uri);
    await views(page, 'setup');
    const right = await nextCode(secret);
    await enter(page, SETUP, right === '000000' ? '111111' : '000000', 'Confirm');
    await alert(page, 'Incorrect 2FA code.');
    await views(page, 'wrong');
    await enter(page, SETUP, right, 'Confirm');
    await sees(page, 'Keep these recovery codes');
  });

  await step('the recovery codes are shown once, and copied', async () => {
    codes = await page.getByRole('listitem').allInnerTexts();
    assert.equal(codes.length, 12);
    await views(page, 'codes');
    await press(page, 'Copy');
    assert.deepEqual(await page.evaluate(() => navigator.clipboard.readText()), codes.join('\n'));
    await press(page, 'I have kept them');
    await sees(page, 'You have 12 recovery codes left.');
    const html = await page.content();
    for (const kept of [...codes, secret]) assert(!html.includes(kept), 'a secret stays in the page');
    await page.reload();
    await sees(page, 'You have 12 recovery codes left.');
    await views(page, 'on');
  });

  await step('a wrong code turns nothing off; a recovery code does', async () => {
    await enter(page, CODE, '000000', 'Turn off');
    await alert(page, 'Incorrect 2FA code.');
    await enter(page, CODE, codes[0], 'Turn off');
    await sees(page, 'It is off.');
    assert.equal(await page.getByRole('alert').innerText(), '');
  });

  await step('it is turned on again, and off with the app; too many wrong codes show a wait', async () => {
    await press(page, 'Turn on');
    await sees(page, 'Scan the picture');
    await press(page, 'Cancel');
    await sees(page, 'It is off.');
    await press(page, 'Turn on');
    await sees(page, 'Scan the picture');
    const second = new URL(await scan(page)).searchParams.get('secret');
    assert.notEqual(second, secret);
    await enter(page, SETUP, await nextCode(second), 'Confirm');
    await press(page, 'I have kept them');
    const right = await nextCode(second);
    await enter(page, CODE, right, 'Turn off');
    await sees(page, 'It is off.');
    await press(page, 'Turn on');
    await sees(page, 'Scan the picture');
    for (let tries = 0; tries < 5; tries += 1) {
      await enter(page, SETUP, '000000', 'Confirm');
      await alert(page, 'Incorrect 2FA code.');
    }
    await enter(page, SETUP, '000000', 'Confirm');
    await alert(page, /Too many wrong codes: try again in \d+ s\./);
  });

  await step('without an answer the page says so', async () => {
    await page.route(`${url}/**`, (route) => route.abort());
    await page.reload();
    await alert(page, 'There is no answer. Check your connection, and try again.');
    await page.unroute(`${url}/**`);
  });
  await close();

  await step('an origin that is not allowed gets no answer', async () => {
    const { page, context } = await open(browser);
    await page.goto(ORIGIN.replace('127.0.0.1', 'localhost'));
    await enter(page, 'Access token', TOKEN, 'Continue');
    await alert(page, 'There is no answer.');
    await context.close();
  });
});
server.close();
