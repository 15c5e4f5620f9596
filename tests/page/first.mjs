// Before the first factor, and the operator's brand, on answers that a script gives.
import assert from 'node:assert/strict';
import {
  CONTACT,
  CONTACTED,
  ENROLL,
  LOGO,
  PAGE,
  PICTURE,
  YELLOW,
  alone,
  answer,
  app,
  changes,
  problem,
  session,
} from './api.mjs';
import { alert, choose, enter, heading, open, press, step, withBrowser } from './lib.mjs';

async function contacts(browser) {
  let needs = 'contact';
  const wrong = [problem(400, 'incorrect_code', { remainingAttempts: 4 }), problem(410, 'expired')];
  await alone(
    browser,
    'before the first factor a code goes to the contact when the person asks for it, and again after a wait',
    {
      GET: () => session({ ...CONTACT, needs }),
      'POST /contact': CONTACTED,
      'POST /contact/confirm': () => {
        const refusal = wrong.shift();
        if (!refusal) needs = 'enroll';
        return refusal ?? { status: 204 };
      },
    },
    async (page, calls) => {
      await page.getByText('We send a code to a•••@example.com.').waitFor();
      await page.reload();
      await heading(page, 'Confirm it’s you');
      assert.deepEqual(changes(calls), [], 'nothing is sent before the person asks for it');
      await press(page, 'Send the code');
      await page.getByText('Enter the code that we sent to a•••@example.com.').waitFor();
      assert.deepEqual(calls.at(-1).body, { locale: 'en', platform: 'web' });
      await enter(page, 'Code', '12 34-56');
      await alert(page, 'That code is not right. Check it and try again. You have 4 tries left.');
      assert.deepEqual(calls.at(-1).body, { code: '123456', locale: 'en' });
      await enter(page, 'Code', '123456');
      await alert(page, 'This code has expired. Send a new one.');
      await page.clock.install();
      await page.reload();
      await page.getByText('You can send a new one in').waitFor();
      await page.clock.runFor(31_000);
      await press(page, 'Send a new code');
      await page.getByText('We sent a new code.').waitFor();
      assert.equal(changes(calls).filter((key) => key === 'POST /contact').length, 2);
      await enter(page, 'Code', '123456');
      await heading(page, 'Protect your account');
    },
  );
  await alone(
    browser,
    'a contact that gets too many messages is sent none until the wait is over; a reload keeps the wait',
    { GET: session(CONTACT), 'POST /contact': problem(429, 'too_many_messages', { retryAfter: 42 }) },
    async (page, calls) => {
      await press(page, 'Send the code');
      await alert(page, /Too many messages were sent. Try again in 00:4\d/);
      await page.getByRole('button', { name: 'Send the code' }).click({ force: true });
      await page.reload();
      await alert(page, 'Too many messages were sent.');
      assert.deepEqual(changes(calls), ['POST /contact']);
    },
  );
  await alone(
    browser,
    'too many wrong codes for the contact are a wait',
    {
      GET: session({ ...CONTACT, contact: { type: 'sms', maskedDestination: '+49 ••• ••• 4521' } }),
      'POST /contact': CONTACTED,
      'POST /contact/confirm': problem(429, 'too_many_attempts', { retryAfter: 900 }),
    },
    async (page) => {
      await press(page, 'Send the code');
      await enter(page, 'Code', '123456');
      await alert(page, /Too many failed attempts. Try again in 1[45]:\d\d/);
    },
  );
  await alone(
    browser,
    'a first factor that a contact must come before is refused in a sentence',
    { GET: session(ENROLL), 'POST /enrollments': problem(403, 'contact_required') },
    async (page) => {
      await choose(page, 'Authenticator app');
      await alert(page, 'We can’t check here that it’s you. Go back and ask for help.');
    },
  );
}

async function brands(browser) {
  await step('the logo stands in place of the name; one that does not load leaves the name', async () => {
    const { page, close } = await open(browser);
    await answer(page, { GET: session({ factors: [app], brand: { ...YELLOW, logo: LOGO } }) });
    await page.route(LOGO, (route) => route.abort());
    await page.goto(PAGE);
    await page.locator('header').getByText('Fabrikam Bank').waitFor();
    await page.unroute(LOGO);
    let headers;
    await page.route(LOGO, async (route) => {
      headers = await route.request().allHeaders();
      await route.fulfill({ contentType: 'image/svg+xml', body: PICTURE });
    });
    await page.reload();
    await page.waitForFunction(() => document.querySelector('header img')?.naturalWidth > 0);
    await page.getByRole('img', { name: 'Fabrikam Bank' }).waitFor();
    assert.equal(await page.locator('header').innerText(), '');
    assert.equal(headers.referer, undefined);
    const primary = page.locator('.primary');
    const { backgroundColor, color } = await primary.evaluate((node) => ({ ...getComputedStyle(node) }));
    assert.deepEqual([backgroundColor, color], ['rgb(255, 212, 0)', 'rgb(0, 0, 0)']);
    await close();
  });
}

await withBrowser(async (browser) => {
  await contacts(browser);
  await brands(browser);
});
