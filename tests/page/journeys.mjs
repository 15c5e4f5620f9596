// The ways through the page, on answers that a script gives: what it says, what it sends, and what it keeps.
import assert from 'node:assert/strict';
import {
  BEGUN,
  CODES,
  ENROLL,
  MANAGE,
  PAGE,
  SENT,
  TOTP,
  TRANSACTION,
  alone,
  answer,
  app,
  changes,
  mail,
  phone,
  problem,
  session,
} from './api.mjs';
import { alert, choose, enter, heading, open, press, step, url, withBrowser } from './lib.mjs';

const NEXT = `${url}/page?session=s&code=c`;

async function secrets(browser) {
  await alone(
    browser,
    'the token leaves the address at once, and every call carries it with the secret of the browser',
    { GET: session({ factors: [app] }), 'POST /verify': problem(400, 'incorrect_code') },
    async (page, calls) => {
      await heading(page, 'Confirm it’s you');
      assert.equal(page.url(), `${url}/page`);
      assert.equal(await page.evaluate(() => history.length), 2, 'the tab’s first page and this one');
      await enter(page, 'Code', '123456');
      await alert(page, 'That code is not right.');
      const secret = calls[0].headers['countersign-browser'];
      assert.match(secret, /^[\w-]{22}$/);
      for (const { headers } of calls) {
        assert.deepEqual([headers.authorization, headers['countersign-browser']], ['Bearer token-1', secret]);
        assert.equal(headers.referer, undefined);
      }
      await page.reload();
      await heading(page, 'Confirm it’s you');
      assert.equal(calls.at(-1).headers['countersign-browser'], secret, 'a reload keeps the secret');
      await page.evaluate(() => (location.hash = 'token-2'));
      await page.waitForFunction(() => location.hash === '');
      await heading(page, 'Confirm it’s you');
      await page.waitForFunction(() => sessionStorage.countersign.includes('token-2'));
      assert.notEqual(calls.at(-1).headers['countersign-browser'], secret, 'another session has another secret');
    },
  );
  await step('without a token the page says that it is no longer valid', async () => {
    const { page, close } = await open(browser);
    const calls = await answer(page, {});
    await page.goto(`${url}/page`);
    await heading(page, 'This page is no longer valid');
    assert.deepEqual(calls, []);
    await close();
  });
}

async function checks(browser) {
  await alone(
    browser,
    'a code of the only app passes, whatever its form, and the page goes back and keeps nothing',
    {
      GET: session({ factors: [app] }),
      'POST /verify': { verified: true, factorId: 'f1', acr: 'otp', amr: ['otp'], next: NEXT },
    },
    async (page, calls) => {
      assert.equal(await page.title().then(() => page.locator('header').innerText()), 'Fabrikam Bank');
      const code = page.getByLabel('Code', { exact: true });
      await code.waitFor();
      assert.match(await page.title(), /^Fabrikam Bank/);
      assert.deepEqual(
        await code.evaluate((input) => [input.inputMode, input.autocomplete, document.activeElement === input]),
        ['numeric', 'one-time-code', true],
      );
      await page.keyboard.type('１23 4-56');
      await page.keyboard.press('Enter');
      await page.waitForURL(NEXT);
      assert.deepEqual(calls.at(-1).body, { code: '123456', factorId: 'f1' });
      assert.equal(await page.evaluate(() => sessionStorage.countersign), '{}');
      await heading(page, 'This page is no longer valid');
    },
  );
  await alone(
    browser,
    'one of several factors is chosen by keyboard, its code is sent once, and sent again after a wait',
    { GET: session({ locale: 'en' }), 'POST /challenges': SENT, 'POST /verify': problem(410, 'expired') },
    async (page, calls) => {
      await heading(page, 'Confirm it’s you');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByText('+49 ••• ••• 4521').waitFor();
      assert.deepEqual(calls.at(-1).body, { factorId: 'f2', locale: 'en', platform: 'web' });
      await page.getByText('You can send a new one in').waitFor();
      await page.reload();
      await page.getByText('+49 ••• ••• 4521').waitFor();
      assert.deepEqual(changes(calls), ['POST /challenges'], 'a reload sends nothing');
      await enter(page, 'Code', '123456');
      await alert(page, 'This code has expired.');
      assert.deepEqual(calls.find(({ key }) => key === 'POST /verify').body, { code: '123456', challengeId: 'c1' });
      await page.clock.install();
      await page.reload();
      await page.getByText('+49 ••• ••• 4521').waitFor();
      await page.clock.runFor(31_000);
      await press(page, 'Send a new code');
      await page.getByText('We sent a new code.').waitFor();
      assert.equal(changes(calls).filter((key) => key === 'POST /challenges').length, 2);
    },
  );
  await alone(
    browser,
    'the only number is sent a code at once; where that fails, the page says why and how to go on',
    { GET: session({ factors: [phone] }), 'POST /challenges': problem(502, 'delivery_failed') },
    async (page) => {
      await alert(page, 'The code could not be sent.');
      await choose(page, 'Recovery codes');
      await page.getByLabel('Recovery code').waitFor();
    },
  );
  await alone(
    browser,
    'a wait counts down, survives a reload, and lets nothing be sent before it is over',
    { GET: session({ factors: [app] }), 'POST /verify': problem(429, 'too_many_attempts', { retryAfter: 65 }) },
    async (page, calls) => {
      await page.clock.install();
      await enter(page, 'Code', '123456');
      await alert(page, /Too many failed attempts. Try again in 01:0\d/);
      await page.clock.runFor(5000);
      await alert(page, /Try again in 01:00|Try again in 00:59/);
      await page.reload();
      await alert(page, 'Too many failed attempts.');
      await page.getByLabel('Code', { exact: true }).fill('123456');
      await page.keyboard.press('Enter');
      assert.equal(changes(calls).length, 1);
      await page.clock.runFor(62_000);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('#problem p'));
      assert.equal(changes(calls).length, 2);
    },
  );
  await alone(
    browser,
    'a transaction is shown in full above the code, in the person’s language or else in another',
    { GET: session({ ...TRANSACTION, factors: [app] }) },
    async (page) => {
      const shown = page.locator('.transaction');
      assert.equal(await shown.innerText(), TRANSACTION.transactionText.en);
      assert.equal(await shown.getAttribute('lang'), 'en');
      const [text, code] = await Promise.all([shown.boundingBox(), page.locator('input').boundingBox()]);
      assert(text.y + text.height <= code.y);
    },
    { locale: 'de' },
  );
  await alone(
    browser,
    'a recovery code passes in place of a factor',
    { GET: session(), 'POST /verify': { verified: true, next: NEXT } },
    async (page, calls) => {
      await choose(page, 'Recovery codes');
      await enter(page, 'Recovery code', 'e7ad-aaa4-da75-fa37');
      await page.waitForURL(NEXT);
      assert.deepEqual(calls.at(-1).body, { code: 'e7ad-aaa4-da75-fa37' });
    },
  );
  await alone(
    browser,
    'a person can leave; an empty field is not sent, and a held key sends once',
    {
      GET: session({ factors: [app] }),
      'POST /verify': problem(400, 'incorrect_code'),
      'POST /cancel': { next: NEXT },
    },
    async (page, calls) => {
      await press(page, 'Confirm');
      await alert(page, 'Check the field “Code”.');
      assert.deepEqual(changes(calls), []);
      await page.getByLabel('Code', { exact: true }).fill('123456');
      await page.keyboard.down('Enter');
      await alert(page, 'That code is not right.');
      await page.keyboard.down('Enter');
      await page.keyboard.up('Enter');
      assert.deepEqual(changes(calls), ['POST /verify'], 'a held key sends once');
      await press(page, 'Cancel and go back');
      await page.waitForURL(NEXT);
    },
  );
  let answers = 0;
  await alone(
    browser,
    'a session that ends under way is said to have ended; one that does not answer is tried again',
    {
      GET: () => {
        answers += 1;
        if (answers === 1) return { status: 503, body: { code: 'busy' } };
        return answers === 2 ? session({ factors: [app] }) : problem(409, 'already_used');
      },
      'POST /verify': problem(409, 'already_used'),
    },
    async (page) => {
      await heading(page, 'No answer');
      await press(page, 'Try again');
      await enter(page, 'Code', '123456');
      await heading(page, 'This page is no longer valid');
    },
  );
  await step('a browser that reads the SMS fills in its code and sends it', async () => {
    const { page, close } = await open(browser);
    const calls = await answer(page, {
      GET: session({ factors: [phone] }),
      'POST /challenges': SENT,
      'POST /verify': { verified: true, next: NEXT },
    });
    await page.addInitScript(() => {
      globalThis.OTPCredential = class {};
      navigator.credentials.get = async ({ otp }) => otp && { code: '654321' };
    });
    await page.goto(PAGE);
    await page.waitForURL(NEXT);
    assert.deepEqual(calls.find(({ key }) => key === 'POST /verify').body, { code: '654321', challengeId: 'c1' });
    await close();
  });
  await step('at the end of its time the page asks whether the session is over', async () => {
    const { page, close } = await open(browser);
    let isOver = false;
    await answer(page, { GET: () => (isOver ? problem(401, 'unauthorized') : session({ factors: [app] })) });
    await page.clock.install();
    await page.goto(PAGE);
    await heading(page, 'Confirm it’s you');
    await Promise.all([page.waitForResponse('**/v1/session'), page.clock.runFor(1_000_000)]);
    await heading(page, 'Confirm it’s you');
    isOver = true;
    // The next question follows the answer before, which a real network brings.
    const ended = heading(page, 'This page is no longer valid').then(() => true);
    while (!(await Promise.race([ended, page.clock.runFor(31_000).then(() => false)])));
    await close();
  });
}

async function enrolments(browser) {
  const confirmed = { status: 201, body: { factor: app, recoveryCodes: CODES, next: NEXT } };
  await alone(
    browser,
    'an app is set up, the recovery codes survive a reload until they are kept, and then the page goes back',
    { GET: session(ENROLL), 'POST /enrollments': BEGUN, 'POST /enrollments/confirm': confirmed },
    async (page, calls, context) => {
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      await choose(page, 'Authenticator app');
      await page.getByRole('img', { name: 'QR code' }).waitFor();
      assert.deepEqual(calls.at(-1).body, { factorType: 'totp' });
      assert.equal(await page.locator('a.phone').isVisible(), false, 'the link is for phones');
      assert.equal(await page.locator('a.phone').getAttribute('href'), TOTP.uri);
      await press(page, 'Copy');
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), TOTP.secret);
      await page.reload();
      await page.getByRole('img', { name: 'QR code' }).waitFor();
      await enter(page, 'Code that the app shows', '123456');
      await heading(page, 'Keep your recovery codes');
      assert.deepEqual(calls.at(-1).body, { enrollmentToken: 'e1', code: '123456' });
      const { length } = calls;
      await page.reload();
      await heading(page, 'Keep your recovery codes');
      assert.equal(calls.length, length, 'the session may have ended: it is not asked');
      assert.deepEqual(await page.locator('.codes li').allInnerTexts(), CODES);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Download' }).click(),
      ]);
      assert.match(download.suggestedFilename(), /^Fabrikam Bank.*\.txt$/);
      await press(page, 'I have kept them');
      await page.waitForURL(NEXT);
      assert(!(await page.evaluate(() => sessionStorage.countersign)).includes(CODES[0]));
    },
  );
  await alone(
    browser,
    'on a phone the app is opened by a link',
    { GET: session({ ...ENROLL, types: ['totp'] }), 'POST /enrollments': BEGUN },
    async (page) => page.getByRole('link', { name: 'Open in my app' }).waitFor(),
    { isMobile: true, hasTouch: true, viewport: { width: 390, height: 844 } },
  );
  let refusals = 1;
  await alone(
    browser,
    'a number is refused in a sentence, corrected, and confirmed after a change',
    {
      GET: session({ ...ENROLL, types: ['sms', 'face'] }),
      'POST /enrollments': (body) =>
        refusals-- > 0
          ? problem(400, 'invalid_request', { errors: [{ field: 'phoneNumber', problem: 'x' }] })
          : BEGUN(body),
      'POST /enrollments/confirm': { status: 201, body: { factor: phone, next: NEXT } },
    },
    async (page, calls) => {
      await enter(page, 'Mobile number', '12', 'Continue');
      await alert(page, 'Check the field “Mobile number”.');
      assert.equal(await page.getByLabel('Mobile number').getAttribute('aria-invalid'), 'true');
      await enter(page, 'Mobile number', '+49 1512 3456789', 'Continue');
      await page.getByText('+49 1512 ••• 6789').waitFor();
      assert.deepEqual(calls.at(-1).body, {
        factorType: 'sms',
        phoneNumber: '+49 1512 3456789',
        locale: 'en',
        platform: 'web',
      });
      await press(page, 'Change');
      assert.equal(await page.getByLabel('Mobile number').inputValue(), '+49 1512 3456789');
      await press(page, 'Continue');
      await enter(page, 'Code', '123456');
      await page.waitForURL(NEXT);
    },
  );
}

async function management(browser) {
  let stepUp = true;
  let factors = [app, mail];
  const state = () => session({ ...MANAGE, factors, needs: 'nothing' });
  await alone(
    browser,
    'a factor is renamed after the check that the change needs',
    {
      GET: state,
      'PATCH /factors/f1': ({ label }) => {
        if (stepUp) return problem(403, 'step_up_required', { factors: [app] });
        factors = [{ ...app, label }, mail];
        return factors[0];
      },
      'POST /verify': () => {
        stepUp = false;
        return { verified: true };
      },
    },
    async (page, calls) => {
      await press(page, 'Rename: Authenticator app');
      await enter(page, 'Name', 'Work phone', 'Save');
      await page.getByText('This change needs a new confirmation.').waitFor();
      await choose(page, 'Authenticator app');
      await enter(page, 'Code', '123456');
      await heading(page, 'Rename');
      await enter(page, 'Name', 'Work phone', 'Save');
      await heading(page, 'Your ways to confirm');
      await page.getByText('Work phone', { exact: true }).waitFor();
      assert.deepEqual(changes(calls), ['PATCH /factors/f1', 'POST /verify', 'PATCH /factors/f1']);
    },
  );
  await alone(
    browser,
    'a factor is removed, new recovery codes are made, another app gets a name, and the person is done',
    {
      GET: state,
      'DELETE /factors/f3': () => {
        factors = factors.slice(0, 1);
        return { status: 204 };
      },
      'POST /recovery-codes': { status: 201, body: { recoveryCodes: CODES } },
      'POST /enrollments': (body) => (body.label ? BEGUN(body) : problem(409, 'already_enrolled')),
      'POST /enrollments/confirm': { status: 201, body: { factor: app } },
      'POST /cancel': { next: NEXT },
    },
    async (page, calls) => {
      await page.getByRole('button', { name: 'Remove: Work', exact: true }).click();
      await press(page, 'Remove');
      await heading(page, 'Your ways to confirm');
      assert.equal(await page.locator('.rows li').count(), 2);
      await press(page, 'Make new codes');
      await press(page, 'Make new codes');
      await press(page, 'I have kept them');
      await press(page, 'Add another way');
      await choose(page, 'Authenticator app');
      await enter(page, 'Name', 'Tablet', 'Continue');
      await enter(page, 'Code that the app shows', '123456');
      await heading(page, 'Your ways to confirm');
      assert.deepEqual(calls.findLast(({ key }) => key === 'POST /enrollments').body, {
        factorType: 'totp',
        label: 'Tablet',
      });
      await press(page, 'Done');
      await page.waitForURL(NEXT);
    },
  );
}

await withBrowser(async (browser) => {
  await secrets(browser);
  await checks(browser);
  await enrolments(browser);
  await management(browser);
});
