// "Try it" on the local server's own page: the whole circle, from a factor to the answer that a back end gets.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessible, open, shot, step, url, withBrowser } from './lib.mjs';

/** The server as browsers see it: they are led from 127.0.0.1 to localhost, where passkeys are allowed. */
const site = url.replace('127.0.0.1', 'localhost');

/** The server's clock: a code of an app passes once, so each check is in a period of its own. */
let time = new Date();
async function nextPeriod() {
  time = new Date(time.getTime() + 60_000);
  const headers = { 'content-type': 'application/json' };
  const set = await fetch(`${url}/local/clock`, { method: 'POST', headers, body: JSON.stringify({ now: time }) });
  assert(set.ok);
}

let secret;
const totp = () =>
  execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), secret], { encoding: 'utf8' }).trim();

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const choose = (page, name) => page.getByRole('button', { name }).click();
const heading = (page, name) => page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();

async function enter(page, label, text, button = 'Confirm') {
  await page.getByLabel(label, { exact: true }).fill(text);
  await press(page, button);
}

/** Presses a button of the first page; returns the window that it opens, or opened before. */
async function begin(home, name) {
  const opened = home.waitForEvent('popup', { timeout: 2000 }).catch(() => undefined);
  await press(home, name);
  return (await opened) ?? home.context().pages().find((page) => page !== home);
}

/** The newest code in the inbox beside the form, other than the one before. */
async function newCode(home, before) {
  const code = home.locator('#inbox .code').first();
  await home.waitForFunction((old) => {
    const shown = document.querySelector('#inbox .code')?.textContent;
    return shown && shown !== old;
  }, before);
  return code.innerText();
}

/** The answer and the claims on the page with the result. */
async function result(page, title) {
  await heading(page, title);
  const [reply, claims] = await page.locator('.result pre').allInnerTexts();
  return { reply: reply && JSON.parse(reply), claims: claims && JSON.parse(claims) };
}

await withBrowser(async (browser) => {
  await nextPeriod();
  const tab = await open(browser);
  const { page: home, context } = tab;
  let page;

  await step('the first page has the form beside the inbox, and is accessible', async () => {
    await home.goto(url);
    assert.equal(home.url(), `${site}/`);
    await home.getByText('No messages yet').waitFor();
    await accessible(home, 'the first page');
    await shot(home, 'try-home-empty');
  });

  await step('a sign-in without a factor says so, and offers the enrolment', async () => {
    page = await begin(home, 'Sign in');
    page.setDefaultTimeout(10_000);
    await heading(page, 'Not enrolled');
    await page.getByText('not_enrolled').waitFor();
    await accessible(page, 'not enrolled');
    await shot(page, 'try-not-enrolled');
    await press(page, 'Enrol');
  });

  await step('an app is enrolled, and the result has the answer to the back end', async () => {
    await choose(page, 'Authenticator app');
    assert.equal(page.url(), `${site}/page`);
    secret = (await page.locator('.app code').innerText()).replaceAll(' ', '');
    await enter(page, 'Code that the app shows', totp());
    await press(page, 'I have kept them');
    const { reply, claims } = await result(page, 'Enrolled');
    assert.deepEqual([reply.status, claims?.sub ?? 'demo'], ['enrolled', 'demo']);
    await accessible(page, 'enrolled');
    await shot(page, 'try-enrolled');
  });

  await step('a sign-in passes with the app, and shows level and claims', async () => {
    await nextPeriod();
    await press(page, 'Sign in');
    await enter(page, 'Code', totp());
    const { reply, claims } = await result(page, 'Passed');
    assert.deepEqual([reply.status, reply.acr, reply.amr.includes('otp')], ['passed', 'otp', true]);
    assert.deepEqual([claims.sub, claims.acr, claims.iss], ['demo', 'otp', url]);
    await accessible(page, 'passed');
    await shot(page, 'try-passed');
    // A reload within a minute gets the same answer.
    await page.reload();
    await result(page, 'Passed');
  });

  let code;
  await step('an address is added in the same window; its code is in the inbox beside the form', async () => {
    await nextPeriod();
    const again = await begin(home, 'Manage');
    assert.equal(again, page, 'the window is the same one');
    await enter(page, 'Code', totp());
    await press(page, 'Add another way');
    await choose(page, 'E-mail');
    await enter(page, 'E-mail address', 'demo@example.com', 'Continue');
    code = await newCode(home);
    await accessible(home, 'the first page with a message');
    await shot(home, 'try-home-message');
    await enter(page, 'Code', code);
    await press(page, 'Done');
    const { reply, claims } = await result(page, 'Managed');
    assert.deepEqual([reply, claims], [{ status: 'managed' }, undefined]);
  });

  await step('a sign-in passes by e-mail with the code of the inbox', async () => {
    await nextPeriod();
    await begin(home, 'Sign in');
    // The page lists the factors.
    await choose(page, 'E-mail');
    await enter(page, 'Code', await newCode(home, code));
    assert.equal((await result(page, 'Passed')).reply.acr, 'email');
  });

  await step('a person who leaves, and a name that is none, get a sentence', async () => {
    await press(page, 'Sign in');
    await press(page, 'Cancel and go back');
    await result(page, 'Canceled');
    await page.getByText('demo left the page before the end').waitFor();
    await enter(page, 'Name', '<b> / </b>', 'Sign in');
    await result(page, 'That did not work');
    await page.getByText('The name must be 1 to 128 characters').waitFor();
    await accessible(page, 'an error');
  });

  await step('another browser, and a guessed code, are refused', async () => {
    await press(page, 'Sign in');
    await heading(page, 'Confirm it’s you');
    const other = await open(browser);
    const session = (await context.cookies(`${site}/local/try`)).find(({ name }) => name === 'countersign-try');
    assert.deepEqual([session.httpOnly, session.sameSite], [true, 'Lax']);
    const refused = await other.page.goto(`${site}/local/try/return?session=${session.value}&code=AAAAAAAAAAAAAAAAAAAAAA`);
    assert.equal(refused.status(), 403);
    await heading(other.page, 'Refused');
    await other.close();
    const foreign = await page.goto(`${site}/local/try/return?session=aaaaaaaaaaaaaaaa&code=AAAAAAAAAAAAAAAAAAAAAA`);
    assert.equal(foreign.status(), 403, 'a session that is not the one of the cookie');
    const guessed = await page.goto(`${site}/local/try/return?session=${session.value}&code=AAAAAAAAAAAAAAAAAAAAAA`);
    assert.equal(guessed.status(), 404);
    await heading(page, 'That did not work');
  });

  await step('a page of another site begins no session and reads nothing', async () => {
    const other = await open(browser);
    const form = `<form method="post" action="${url}/local/try"><input name="name" value="demo"><button name="purpose" value="check">Go</button></form>`;
    await other.context.route('http://evil.example/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>x</title>${form}` }),
    );
    await other.page.goto('http://evil.example/');
    const readable = await other.page.evaluate(
      (inbox) => fetch(inbox).then((answer) => answer.text()).catch(() => 'refused'),
      `${url}/local/inbox`,
    );
    assert.equal(readable, 'refused');
    const answered = other.page.waitForResponse(`${url}/local/try`);
    await press(other.page, 'Go');
    assert.equal((await answered).status(), 403);
    assert.deepEqual(await other.context.cookies([url, site]), []);
    await other.context.close();
  });

  await tab.close();

  await step('the pages fit every window, light and dark', async () => {
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
    for (const [name, options] of Object.entries({
      '1280-light': {},
      '1280-dark': { colorScheme: 'dark' },
      '390-light': phone,
      '390-dark': { ...phone, colorScheme: 'dark' },
    })) {
      const { page: first, close } = await open(browser, options);
      await first.goto(url);
      await first.locator('#inbox .code').first().waitFor();
      await accessible(first, name);
      await shot(first, `try-${name}`);
      await first.goto(`${url}/local/try/return`);
      await accessible(first, `a result, ${name}`);
      await shot(first, `try-refused-${name}`);
      await close();
    }
  });
});
