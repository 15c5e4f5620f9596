// Hard use of the page against a running Countersign: the server dies and comes back, the network goes, people reload, go
// back, press twice and come late.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { backEnd, begin, nextPeriod, redeem, request, scan, sentCode, setClock, totp } from './application.mjs';
import { alert, choose, enter, heading, open, press, step, url, withBrowser } from './lib.mjs';

const BINARY = process.env.BINARY ?? assert.fail('set BINARY in the environment: the local server');
const FOLDER = process.env.DATA_FOLDER ?? assert.fail('set DATA_FOLDER in the environment');

let server;

/** Starts the server on its port, over the data that the last one left. */
async function start() {
  const flags = ['--port', new URL(url).port, '--data-dir', FOLDER, '--return-urls', process.env.RETURN_URL];
  server = spawn(BINARY, flags, { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('the server does not start')));
    let said = '';
    server.stdout.setEncoding('utf8').on('data', (chunk) => {
      said += chunk;
      if (said.includes('Countersign listens on')) resolve();
    });
  });
  await setClock();
}

/** Ends the server as a power cut does. */
async function kill() {
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
}

/** The calls of a page that are no reads. */
function changes(page) {
  const calls = [];
  page.on('request', (call) => {
    const [, path] = call.url().split('/v1/session/');
    if (path && call.method() !== 'GET') calls.push(`${call.method()} ${path}`);
  });
  return calls;
}

/** Reloads the page. The heading must be the same afterwards. */
async function reload(page, name) {
  await heading(page, name);
  await page.reload();
  await heading(page, name);
}

/** Reloads the page while the server is away, and waits until the browser has shown its own error. */
async function reloadInVain(page) {
  await assert.rejects(page.reload(), /CONNECTION_REFUSED/);
  await page.waitForURL('chrome-error://**');
}

/** The server does the next call to a path, and dies before it has answered. */
async function loseAnswer(page, path) {
  await page.route(
    `**/v1/session${path}`,
    async (route) => {
      await route.fetch();
      await kill();
      await route.abort();
    },
    { times: 1 },
  );
}

const NO_CONNECTION = 'There is no connection. Check your network and try again.';
const OVER = 'This page is no longer valid';

async function walk(browser) {
  let secret;
  let recoveryCodes;
  await nextPeriod();

  await step('the server dies in an enrolment: nothing is lost, not even by a reload while it is away', async () => {
    const tab = await begin(browser, 'enroll');
    const { page } = tab;
    await reload(page, 'Protect your account');
    await choose(page, 'Authenticator app');
    secret = await scan(page);
    await kill();
    await enter(page, 'Code that the app shows', totp(secret));
    await alert(page, NO_CONNECTION);
    assert.equal(await page.getByLabel('Code that the app shows').inputValue(), totp(secret));
    await reloadInVain(page);
    await start();
    await page.reload();
    assert.equal(await scan(page), secret);
    await enter(page, 'Code that the app shows', totp(secret));
    await heading(page, 'Keep your recovery codes');
    recoveryCodes = await page.locator('.codes li').allInnerTexts();
    await kill();
    await reloadInVain(page);
    await start();
    await page.reload();
    assert.deepEqual(await page.locator('.codes li').allInnerTexts(), recoveryCodes);
    await press(page, 'I have kept them');
    assert.equal((await redeem(tab)).status, 'enrolled');
  });

  await step('the server dies in a check: the same page passes when it is back', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'check');
    const { page } = tab;
    await enter(page, 'Code', totp(secret) === '000000' ? '111111' : '000000');
    await alert(page, 'That code is not right.');
    await kill();
    await enter(page, 'Code', totp(secret));
    await alert(page, NO_CONNECTION);
    await start();
    await press(page, 'Confirm');
    assert.equal((await redeem(tab)).status, 'passed');
  });

  await step('the server dies before it answers: the page finds what was done, and goes on or back', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'manage');
    const { page } = tab;
    await enter(page, 'Code', totp(secret));
    await press(page, 'Add another way');
    await choose(page, 'E-mail');
    await enter(page, 'E-mail address', 'alice@example.com', 'Continue');
    await page.getByText('You can send a new one in').waitFor();
    await loseAnswer(page, '/enrollments/confirm');
    await enter(page, 'Code', await sentCode('alice@example.com'));
    await alert(page, NO_CONNECTION);
    await start();
    await press(page, 'Confirm');
    await heading(page, 'Your ways to confirm');
    await page.getByText('a***@example.com').or(page.getByText('a•••@example.com')).waitFor();
    await loseAnswer(page, '/cancel');
    await press(page, 'Done');
    await alert(page, NO_CONNECTION);
    await start();
    await page.reload();
    assert.equal((await redeem(tab)).status, 'managed');

    await nextPeriod();
    const check = await begin(browser, 'check');
    await choose(check.page, 'Authenticator app');
    await loseAnswer(check.page, '/verify');
    await enter(check.page, 'Code', totp(secret));
    await alert(check.page, NO_CONNECTION);
    await start();
    await press(check.page, 'Confirm');
    assert.equal((await redeem(check)).status, 'passed');
  });

  await step('a reload at each step loses nothing, sends nothing, and changes nothing', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'manage');
    const { page } = tab;
    const calls = changes(page);
    await reload(page, 'Confirm it’s you');
    await enter(page, 'Code', totp(secret));
    await reload(page, 'Your ways to confirm');
    await press(page, 'Rename: E-mail');
    await reload(page, 'Rename');
    await enter(page, 'Name', 'Work', 'Save');
    await reload(page, 'Your ways to confirm');
    await press(page, 'Remove: Work');
    await reload(page, 'Remove “Work”?');
    await press(page, 'Remove');
    await reload(page, 'Your ways to confirm');
    await press(page, 'Add another way');
    await reload(page, 'Add another way');
    await choose(page, 'E-mail');
    await reload(page, 'Add an e-mail address');
    await enter(page, 'E-mail address', 'carol@example.com', 'Continue');
    const code = page.getByLabel('Code', { exact: true });
    await code.waitFor();
    await page.reload();
    await code.waitFor();
    await page.getByText('You can send a new one in').waitFor();
    await enter(page, 'Code', await sentCode('carol@example.com'));
    await press(page, 'Make new codes');
    await reload(page, 'Make new codes');
    await press(page, 'Make new codes');
    await heading(page, 'Keep your recovery codes');
    const made = await page.locator('.codes li').allInnerTexts();
    await reload(page, 'Keep your recovery codes');
    assert.deepEqual(await page.locator('.codes li').allInnerTexts(), made);
    await press(page, 'I have kept them');
    await reload(page, 'Your ways to confirm');
    assert.deepEqual(calls, [...new Set(calls)], 'each change was sent once');
    await press(page, 'Done');
    assert.equal((await redeem(tab)).status, 'managed');
  });

  await step(
    'back leads to the application and forward to the same step; a finished page does not come back',
    async () => {
      await nextPeriod();
      const tab = await begin(browser, 'check');
      const { page, session } = tab;
      await choose(page, 'Authenticator app');
      await page.goBack();
      await heading(page, 'Fabrikam');
      await page.goForward();
      await page.getByText('that “Authenticator app” shows now').waitFor();
      // The link again, as by the application's own button: it is the same session.
      await page.goto(session.url);
      await page.getByText('that “Authenticator app” shows now').waitFor();
      await enter(page, 'Code', totp(secret));
      await page.waitForURL('**?session=*&code=*');
      const { searchParams } = new URL(page.url());
      await page.goBack();
      await heading(page, OVER);
      await tab.close();
      const { status } = backEnd('POST', `/sessions/${session.id}/redeem`, { code: searchParams.get('code') });
      assert.equal(status, 'passed');
    },
  );

  await step('a double click sends one request, and presses nothing of what comes next', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'manage');
    const { page } = tab;
    const calls = changes(page);
    await page.getByLabel('Code', { exact: true }).fill(totp(secret));
    await page.getByRole('button', { name: 'Confirm', exact: true }).dblclick();
    await heading(page, 'Your ways to confirm');
    await press(page, 'Make new codes');
    await heading(page, 'Make new codes');
    // The second click of the double click, on the button that has come under the pointer.
    await page.getByRole('button', { name: 'Make new codes' }).hover();
    await page.mouse.down({ clickCount: 2 });
    await page.mouse.up({ clickCount: 2 });
    await press(page, 'Back');
    await page.getByRole('button', { name: 'Add another way' }).dblclick();
    await heading(page, 'Add another way');
    assert.deepEqual(calls, ['POST verify']);
    await choose(page, 'E-mail');
    await page.getByLabel('E-mail address').fill('dora@example.com');
    await page.getByRole('button', { name: 'Continue' }).dblclick();
    await page.getByLabel('Code', { exact: true }).waitFor();
    assert.deepEqual(calls, ['POST verify', 'POST enrollments']);
    assert.equal(await page.locator('#problem').textContent(), '');
    await tab.close();
  });

  await step('without a network the page says so, and goes on where it was', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'check');
    const { page, context } = tab;
    await heading(page, 'Confirm it’s you');
    await context.setOffline(true);
    await choose(page, 'E-mail');
    await alert(page, NO_CONNECTION);
    await context.setOffline(false);
    await choose(page, 'E-mail');
    const code = page.getByLabel('Code', { exact: true });
    await code.waitFor();
    await code.fill(await sentCode('carol@example.com'));
    await context.setOffline(true);
    await press(page, 'Confirm');
    await alert(page, NO_CONNECTION);
    await context.setOffline(false);
    await press(page, 'Confirm');
    assert.equal((await redeem(tab)).acr, 'email');
  });

  await step('a person who comes after the end of the session is told so, at every step', async () => {
    await nextPeriod();
    const tab = await begin(browser, 'check');
    const { page } = tab;
    await choose(page, 'Authenticator app');
    await nextPeriod(15 * 60);
    await enter(page, 'Code', totp(secret));
    await heading(page, OVER);
    await page.getByText('It has expired, was finished, or is open in another tab. Go back and start again.').waitFor();
    await page.reload();
    await heading(page, OVER);
    await tab.close();
    const late = await open(browser);
    await late.page.goto(tab.session.url);
    await heading(late.page, OVER);
    await late.close();
  });
}

// The server that the test started is the first to die.
process.kill(Number(process.env.SERVER_ID), 'SIGKILL');
try {
  while (await request('GET', '/local/clock').catch(() => undefined));
  await start();
  await withBrowser(walk);
} finally {
  server?.kill('SIGKILL');
}
