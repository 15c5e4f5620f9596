// Passkeys against a running Countersign, from the back end's session to its redemption, with virtual authenticators.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { backEnd, begin, nextPeriod, redeem, request, scan, totp } from './application.mjs';
import { alert, choose, enter, heading, press, step, url, withBrowser } from './lib.mjs';
import { device } from './virtual.mjs';

const BINARY = process.env.BINARY ?? assert.fail('set BINARY in the environment: the local server');
const FOLDER = process.env.DATA_FOLDER ?? assert.fail('set DATA_FOLDER in the environment');
const USE = 'Use your passkey';

/** Starts the server on its port again, with passkeys: their origin has the port. */
async function start() {
  const flags = ['--port', new URL(url).port, '--data-dir', FOLDER, '--return-urls', process.env.RETURN_URL];
  const passkeys = ['--rp-id', 'localhost', '--rp-origins', url, '--page-url', `${url}/page`];
  const server = spawn(BINARY, [...flags, ...passkeys], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('the server does not start')));
    let said = '';
    server.stdout.setEncoding('utf8').on('data', (chunk) => {
      said += chunk;
      if (said.includes('Countersign listens on')) resolve();
    });
  });
  return server;
}

/** Opens another session in the same tab, where the devices are. */
function again(tab, purpose, more) {
  tab.session = backEnd('POST', '/sessions', { purpose, returnUrl: process.env.RETURN_URL, ...more }, tab.user);
  return tab.page.goto(tab.session.url);
}

/** Waits for the way back, and redeems its code. The tab stays. */
const finish = (tab) => redeem({ ...tab, close: () => {} });

process.kill(Number(process.env.SERVER_ID), 'SIGKILL');
while (await request('GET', '/local/clock').catch(() => undefined));
const server = await start();
try {
  await withBrowser(async (browser) => {
    await nextPeriod();
    const tab = await begin(browser, 'enroll', { accountName: 'alice@example.com' });
    const { page } = tab;
    const send = await device(page, 'internal');

    await step('a passkey of the device is the first factor', async () => {
      await choose(page, 'Passkey');
      await choose(page, 'This device');
      await press(page, 'I have kept them');
      assert.equal((await finish(tab)).status, 'enrolled');
    });

    await step('a check passes with it', async () => {
      await again(tab, 'check');
      await press(page, USE);
      const { status, acr } = await finish(tab);
      assert.deepEqual([status, acr], ['passed', 'phr']);
    });

    await step('the same device is refused a second time; a security key is added, renamed and removed', async () => {
      await again(tab, 'manage');
      await press(page, USE);
      await heading(page, 'Your ways to confirm');
      await press(page, 'Add another way');
      await choose(page, 'Passkey');
      await choose(page, 'This device');
      await alert(page, 'You have added this already.');
      await send('removeVirtualAuthenticator');
      await device(page, 'usb');
      await choose(page, 'Security key or phone');
      await heading(page, 'Your ways to confirm');
      await page.getByRole('button', { name: 'Rename: Passkey' }).last().click();
      await enter(page, 'Name', 'Blue key', 'Save');
      await page.getByText('Blue key', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Remove: Passkey' }).first().click();
      await press(page, 'Remove');
      await heading(page, 'Your ways to confirm');
      assert.deepEqual(await page.locator('.rows b').allInnerTexts(), ['Blue key', 'Recovery codes']);
      await press(page, 'Done');
      assert.equal((await finish(tab)).status, 'managed');
      await again(tab, 'check');
      await press(page, USE);
      assert.equal((await finish(tab)).acr, 'phr');
    });
    await tab.close();

    await step('a person who passed with an app is offered a passkey, and uses it the next time', async () => {
      const tab = await begin(browser, 'enroll', { accountName: 'bob@example.com' }, 'bob');
      const { page } = tab;
      await device(page, 'internal');
      await choose(page, 'Authenticator app');
      const secret = await scan(page);
      await enter(page, 'Code that the app shows', totp(secret));
      await press(page, 'I have kept them');
      assert.equal((await finish(tab)).status, 'enrolled');

      for (const wanted of [false, true]) {
        await nextPeriod();
        await again(tab, 'check', { offerPasskey: true });
        await enter(page, 'Code', totp(secret));
        await heading(page, 'Faster next time?');
        await (wanted ? choose(page, 'This device') : press(page, 'Not now'));
        const { status, acr } = await finish(tab);
        assert.deepEqual([status, acr], ['passed', 'otp']);
      }

      await again(tab, 'check', { offerPasskey: true });
      await press(page, USE);
      assert.equal((await finish(tab)).acr, 'phr');
      await tab.close();
    });
  });
} finally {
  server.removeAllListeners('exit');
  server.kill();
}
