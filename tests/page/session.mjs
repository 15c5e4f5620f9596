// The page against a running Countersign, from the back end's session to its redemption.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessible, open, step, url, withBrowser } from './lib.mjs';

const RETURN = process.env.RETURN_URL ?? assert.fail('set RETURN_URL in the environment');
const USER = '/v1/users/alice';

async function request(method, path, body, headers) {
  const response = await fetch(url + path, {
    method,
    headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert(response.ok, `${method} ${path} answered ${response.status}: ${text}`);
  return text && JSON.parse(text);
}

/** A request of the back end. curl signs it. */
function backEnd(method, path, body) {
  const signature = ['--aws-sigv4', 'aws:amz:local:execute-api', '--user', 'local:local'];
  const content = body ? ['-H', 'content-type: application/json', '-d', JSON.stringify(body)] : [];
  const answer = execFileSync('curl', ['-sS', '-f', '-X', method, ...signature, ...content, url + USER + path]);
  return answer.length ? JSON.parse(answer) : undefined;
}

/** The server's clock: a code of an app passes once, so each check is in a period of its own. */
let time = new Date();
async function nextPeriod() {
  time = new Date(time.getTime() + 60_000);
  await request('POST', '/local/clock', { now: time.toISOString() });
}

const totp = (secret) =>
  execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), secret], { encoding: 'utf8' }).trim();

async function sentCode(to) {
  const message = (await request('GET', '/local/inbox')).find((each) => each.to === to);
  return message?.code ?? assert.fail(`no code was sent to ${to}`);
}

/** Scans the QR code that is shown; returns the secret in it. */
async function scan(page) {
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
async function begin(browser, purpose, more) {
  const session = await backEnd('POST', '/sessions', { purpose, returnUrl: RETURN, ...more });
  const tab = await open(browser);
  // The application, which the browser comes back to.
  await tab.context.route(`${RETURN}**`, (route) => route.fulfill({ body: 'back' }));
  await tab.page.goto(session.url);
  return { ...tab, session };
}

/** Waits until the browser is back, and redeems the code that it brings. */
async function redeem({ page, session, close }) {
  await page.waitForURL(`${RETURN}?**`);
  const { searchParams } = new URL(page.url());
  assert.equal(searchParams.get('session'), session.id);
  await close();
  return backEnd('POST', `/sessions/${session.id}/redeem`, { code: searchParams.get('code') });
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const choose = (page, name) => page.getByRole('button', { name }).click();
const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();

async function enter(page, label, text, button = 'Confirm') {
  await page.getByLabel(label, { exact: true }).fill(text);
  await press(page, button);
}

await withBrowser(async (browser) => {
  let secret;
  let recoveryCodes;
  await nextPeriod();

  await step('an app is enrolled with the QR code, and the recovery codes are kept', async () => {
    const tab = await begin(browser, 'enroll', { accountName: 'alice@example.com' });
    const { page } = tab;
    await heading(page, 'Protect your account');
    await choose(page, 'Authenticator app');
    secret = await scan(page);
    assert.equal((await page.locator('.app code').innerText()).replaceAll(' ', ''), secret);
    await accessible(page, 'an enrolment');
    await enter(page, 'Code that the app shows', totp(secret));
    await heading(page, 'Keep your recovery codes');
    recoveryCodes = await page.locator('.codes li').allInnerTexts();
    assert.equal(recoveryCodes.length, 10);
    await press(page, 'I have kept them');
    assert.equal((await redeem(tab)).status, 'enrolled');
  });

  await step(
    'a check passes with the app after a wrong code and a reload; another browser may not take part',
    async () => {
      await nextPeriod();
      const tab = await begin(browser, 'check');
      const { page } = tab;
      const right = totp(secret);
      await enter(page, 'Code', right === '000000' ? '111111' : '000000');
      await page.getByRole('alert').filter({ hasText: 'That code is not right.' }).waitFor();
      await page.reload();
      await heading(page, 'Confirm it’s you');
      const other = await open(browser);
      await other.page.goto(tab.session.url);
      await heading(other.page, 'This page is no longer valid');
      await other.close();
      await enter(page, 'Code', right);
      const { status, acr } = await redeem(tab);
      assert.deepEqual([status, acr], ['passed', 'otp']);
      const late = await open(browser);
      await late.page.goto(tab.session.url);
      await heading(late.page, 'This page is no longer valid');
      await late.close();
    },
  );

  await step('factors are managed: an address is added, renamed, and recovery codes are made anew', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'manage');
    const { page } = tab;
    await enter(page, 'Code', totp(secret));
    await heading(page, 'Your ways to confirm');
    await press(page, 'Add another way');
    await choose(page, 'E-mail');
    await enter(page, 'E-mail address', 'alice@example.com', 'Continue');
    await page.getByText('You can send a new one in').waitFor();
    await enter(page, 'Code', await sentCode('alice@example.com'));
    await heading(page, 'Your ways to confirm');
    await press(page, 'Rename: E-mail');
    await enter(page, 'Name', 'Work', 'Save');
    await page.getByText('Work', { exact: true }).waitFor();
    await accessible(page, 'the list');
    await press(page, 'Make new codes');
    await press(page, 'Make new codes');
    await heading(page, 'Keep your recovery codes');
    const made = await page.locator('.codes li').allInnerTexts();
    assert(made.every((code) => !recoveryCodes.includes(code)));
    recoveryCodes = made;
    await press(page, 'I have kept them');
    await press(page, 'Done');
    assert.equal((await redeem(tab)).status, 'managed');
  });

  await step(
    'a check passes by e-mail, chosen among the factors, and its message is in the language of the page',
    async () => {
      await nextPeriod();
      const tab = await begin(browser, 'check', { locale: 'zh-CN' });
      const { page } = tab;
      await choose(page, 'Work');
      await page.getByLabel('验证码', { exact: true }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-Hans');
      await enter(page, '验证码', await sentCode('alice@example.com'), '确认');
      const { status, acr } = await redeem(tab);
      assert.deepEqual([status, acr], ['passed', 'email']);
      const [message] = await request('GET', '/local/inbox');
      assert.match(message.text, /验证码/);
    },
  );

  await step('a check passes with a recovery code', async () => {
    const tab = await begin(browser, 'check');
    await choose(tab.page, 'Recovery codes');
    await enter(tab.page, 'Recovery code', recoveryCodes[0]);
    assert.equal((await redeem(tab)).acr, 'recovery');
  });

  await step('a person who leaves goes back without a code', async () => {
    const { page, session, close } = await begin(browser, 'check');
    await press(page, 'Cancel and go back');
    await page.waitForURL(`${RETURN}?session=${session.id}`);
    await close();
    assert.equal((await backEnd('GET', `/sessions/${session.id}`)).status, 'canceled');
  });

  await step('a factor is removed, and a second app needs a name of its own', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'manage');
    const { page } = tab;
    // An address is no way to change factors, so the app is the only one, and nothing is chosen.
    await enter(page, 'Code', totp(secret));
    await press(page, 'Remove: Work');
    await press(page, 'Remove');
    await heading(page, 'Your ways to confirm');
    assert.equal(await page.getByText('Work', { exact: true }).count(), 0);
    await press(page, 'Add another way');
    await choose(page, 'Authenticator app');
    await enter(page, 'Name', 'Tablet', 'Continue');
    await enter(page, 'Code that the app shows', totp(await scan(page)));
    await page.getByText('Tablet', { exact: true }).waitFor();
    await press(page, 'Done');
    assert.equal((await redeem(tab)).status, 'managed');
  });
});
