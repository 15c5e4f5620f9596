// The page against a running Countersign, from the back end's session to its redemption.
import assert from 'node:assert/strict';
import { backEnd, begin, nextPeriod, redeem, request, scan, sentCode, totp } from './application.mjs';
import { accessible, choose, enter, heading, open, press, step, withBrowser } from './lib.mjs';

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
      await other.page.getByText('or is open in another tab. Go back and start again.').waitFor();
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
    await page.waitForURL(`**?session=${session.id}`);
    await close();
    assert.equal(backEnd('GET', `/sessions/${session.id}`).status, 'canceled');
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

  await step('a first factor follows a code that is sent to the contact of the application’s record', async () => {
    await nextPeriod();
    const contact = { email: 'bob@fabrikam.example' };
    const tab = await begin(browser, 'enroll', { contact, locale: 'de' }, 'bob');
    const { page } = tab;
    await page.getByText('Wir senden einen Code an').waitFor();
    assert(!(await page.locator('main').innerText()).includes(contact.email), 'the address is masked');
    await accessible(page, 'a contact');
    await press(page, 'Code senden');
    await page.getByText('gesendet haben').waitFor();
    const code = await sentCode(contact.email);
    await enter(page, 'Code', code === '00000000' ? '11111111' : '00000000', 'Bestätigen');
    await page.getByRole('alert').filter({ hasText: 'Sie haben noch 4 Versuche.' }).waitFor();
    await page.reload();
    await enter(page, 'Code', code, 'Bestätigen');
    await heading(page, 'Schützen Sie Ihr Konto');
    await choose(page, 'Authenticator-App');
    const secret = (await page.locator('.app code').innerText()).replaceAll(' ', '');
    await enter(page, 'Code, den die App anzeigt', totp(secret), 'Bestätigen');
    await press(page, 'Ich habe sie aufbewahrt');
    assert.equal((await redeem(tab)).status, 'enrolled');
  });
});
