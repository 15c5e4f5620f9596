// Passkeys on the page, with virtual authenticators in place of a person's devices (WebDriver's, over CDP). A script gives
// the answers. It checks each assertion's signature with the key of the registration.
import assert from 'node:assert/strict';
import { createHash, randomBytes, verify } from 'node:crypto';
import { CODES, ENROLL, MANAGE, PAGE, TRANSACTION, answer, app, changes, keys, problem, session } from './api.mjs';
import { alert, choose, enter, heading, open, press, step, url, withBrowser } from './lib.mjs';
import { device } from './virtual.mjs';

const NEXT = `${url}/page?session=s&code=c`;
const USE = 'Use your passkey';

const bytes = (text) => Buffer.from(text, 'base64url');
const clientData = ({ response }) => JSON.parse(bytes(response.clientDataJSON));

/** A relying party that keeps what it is told, and passes an assertion only if its signature is right. */
function relyingParty() {
  const registered = new Map();
  let challenge;
  const fresh = () => (challenge = randomBytes(32).toString('base64url'));
  const list = () => [...registered.keys()].map((id) => ({ type: 'public-key', id }));
  const isAnswer = (credential, type) => {
    const data = clientData(credential);
    assert.deepEqual([data.type, data.challenge, data.origin], [type, challenge, url]);
  };
  return {
    registered,
    created: () => ({
      rp: { id: 'localhost', name: 'Fabrikam Bank' },
      user: { id: randomBytes(32).toString('base64url'), name: 'alice@example.com', displayName: 'alice' },
      challenge: fresh(),
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: list(),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      attestation: 'none',
      timeout: 60_000,
    }),
    register(credential) {
      isAnswer(credential, 'webauthn.create');
      registered.set(credential.id, { key: bytes(credential.response.publicKey), format: 'der', type: 'spki' });
    },
    requested: () => ({
      rpId: 'localhost',
      challenge: fresh(),
      allowCredentials: list(),
      userVerification: 'required',
      timeout: 60_000,
    }),
    check(credential) {
      isAnswer(credential, 'webauthn.get');
      const { authenticatorData, clientDataJSON, signature } = credential.response;
      const hash = createHash('sha256').update(bytes(clientDataJSON)).digest();
      const signed = Buffer.concat([bytes(authenticatorData), hash]);
      assert(verify('sha256', signed, registered.get(credential.id), bytes(signature)), 'the signature is wrong');
    },
  };
}

/** The answers of the API with a relying party; `given` replaces some. */
function api(party, given) {
  const expiresAt = '2030-01-01T00:00:00Z';
  return {
    'POST /enrollments': () => ({
      status: 201,
      body: { enrollmentToken: 'e1', expiresAt, passkey: { publicKey: party.created() } },
    }),
    'POST /enrollments/confirm': ({ credential }) => {
      party.register(credential);
      return { status: 201, body: { factor: keys[0], recoveryCodes: CODES, next: NEXT } };
    },
    'POST /challenges': () => ({
      status: 201,
      body: { challengeId: 'c1', expiresAt, passkey: { publicKey: party.requested() } },
    }),
    'POST /verify': ({ credential }) => {
      party.check(credential);
      return { verified: true, next: NEXT };
    },
    ...given,
  };
}

/** Runs a step in a tab with a device. */
const withDevice = (browser, sentence, given, walk, transport = 'internal', more = {}) =>
  step(sentence, async () => {
    const party = relyingParty();
    const { page, close } = await open(browser);
    const calls = await answer(page, api(party, given));
    const send = await device(page, transport, more);
    // What the browser is asked for.
    await page.addInitScript(() => {
      if (!navigator.credentials) return;
      const create = navigator.credentials.create.bind(navigator.credentials);
      navigator.credentials.create = (options) => {
        const { hints, authenticatorSelection } = options.publicKey;
        globalThis.asked = { hints, ...authenticatorSelection };
        return create(options);
      };
    });
    await page.goto(PAGE);
    await walk(page, { calls, party, send });
    await close();
  });

/** Adds a passkey in a tab; ends in the view with the recovery codes. */
async function add(page, place) {
  await choose(page, 'Passkey');
  await heading(page, 'Add a passkey');
  await choose(page, place);
  await heading(page, 'Keep your recovery codes');
}

async function enrolments(browser) {
  const places = [
    ['This device', 'internal', 'platform', ['client-device']],
    ['Security key or phone', 'usb', 'cross-platform', ['security-key', 'hybrid']],
  ];
  for (const [place, transport, authenticatorAttachment, hints] of places) {
    let view = { ...ENROLL, types: ['totp', 'passkey'] };
    await withDevice(
      browser,
      `a passkey is added, and then used: ${place}`,
      { GET: () => session(view) },
      async (page, { calls, party }) => {
        await add(page, place);
        const asked = await page.evaluate(() => globalThis.asked);
        assert.deepEqual([asked.hints, asked.authenticatorAttachment], [hints, authenticatorAttachment]);
        assert.deepEqual(
          [asked.residentKey, asked.userVerification],
          ['preferred', 'required'],
          'the API’s wishes stay',
        );
        assert.deepEqual(changes(calls), ['POST /enrollments', 'POST /enrollments/confirm']);
        assert.deepEqual(calls.at(-2).body, { factorType: 'passkey' });
        assert.deepEqual(Object.keys(calls.at(-1).body), ['enrollmentToken', 'credential']);
        assert.equal(party.registered.size, 1);
        await press(page, 'I have kept them');
        await page.waitForURL(NEXT);
        view = { factors: [app, ...keys], types: ['totp', 'passkey'] };
        await page.goto(`${url}/page#token-2`);
        await heading(page, 'Confirm it’s you');
        await page.reload();
        await heading(page, 'Confirm it’s you');
        assert(
          !changes(calls).includes('POST /challenges'),
          'nothing is asked for before the person presses the button',
        );
        await press(page, USE);
        await page.waitForURL(NEXT);
        assert.deepEqual(calls.at(-2).body, { factorType: 'passkey' });
        assert.deepEqual(Object.keys(calls.at(-1).body), ['challengeId', 'credential']);
      },
      transport,
    );
  }
  await withDevice(
    browser,
    'a device that has a passkey already is refused in a sentence, and so is one that the person does not unlock',
    { GET: session({ ...ENROLL, types: ['passkey'] }) },
    async (page, { calls, send, party }) => {
      await heading(page, 'Add a passkey');
      assert.deepEqual(changes(calls), [], 'the only type is not begun before the person chooses');
      await send('setUserVerified', { isUserVerified: false });
      await choose(page, 'This device');
      await alert(page, 'It was cancelled or took too long. Try again, or choose another way.');
      await send('setUserVerified', { isUserVerified: true });
      await choose(page, 'This device');
      await heading(page, 'Keep your recovery codes');
      assert.equal(party.registered.size, 1);
      await page.goto('about:blank');
      await page.goto(`${url}/page#token-2`);
      await choose(page, 'This device');
      await alert(page, 'You have added this already.');
    },
  );
}

async function checks(browser) {
  const wrong = [problem(400, 'incorrect_code', { remainingAttempts: 4 }), problem(410, 'expired')];
  const wait = problem(429, 'too_many_attempts', { retryAfter: 125 });
  let enrolled = false;
  await withDevice(
    browser,
    'what goes wrong with a passkey is a sentence, and the person may try again or choose another way',
    {
      GET: () =>
        session(enrolled ? { ...TRANSACTION, factors: [app, ...keys] } : { ...ENROLL, types: ['totp', 'passkey'] }),
      'POST /verify': () => wrong.shift() ?? wait,
    },
    async (page, { send }) => {
      await add(page, 'This device');
      enrolled = true;
      await page.goto('about:blank');
      await page.goto(`${url}/page#token-2`);
      const use = page.getByRole('button', { name: USE, exact: true });
      const [text, button] = await Promise.all([page.locator('.transaction').boundingBox(), use.boundingBox()]);
      assert(text.y + text.height <= button.y, 'the transaction stands above the button');
      await send('setUserVerified', { isUserVerified: false });
      await use.click();
      await alert(page, 'It was cancelled or took too long. Try again, or choose another way.');
      await send('setUserVerified', { isUserVerified: true });
      await use.click();
      await alert(page, 'That passkey was not accepted. You have 4 tries left.');
      await use.click();
      await alert(page, 'That took too long. Try again.');
      await use.click();
      await alert(page, /Too many failed attempts. Try again in 02:0\d/);
      assert.equal(await use.getAttribute('aria-disabled'), 'true');
      await press(page, 'Choose another way');
      const names = await page.locator('.choice b').allInnerTexts();
      assert.deepEqual(names, ['Passkey', 'Authenticator app', 'Recovery codes']);
      await choose(page, 'Authenticator app');
      await page.getByLabel('Code', { exact: true }).waitFor();
      await press(page, 'Choose another way');
      await choose(page, 'Passkey');
      await use.waitFor();
    },
  );
  await withDevice(
    browser,
    'a session that ends while the browser asks for the passkey closes the question',
    { GET: () => (enrolled ? session({ factors: keys }) : problem(401, 'unauthorized')) },
    async (page) => {
      await page.clock.install();
      await page.reload();
      await press(page, USE);
      await page.locator('[aria-busy]').waitFor();
      enrolled = false;
      const ended = heading(page, 'This page is no longer valid').then(() => true);
      while (!(await Promise.race([ended, page.clock.runFor(910_000).then(() => false)])));
    },
    'usb',
    { automaticPresenceSimulation: false },
  );
}

async function management(browser) {
  let factors = [];
  let stepUp = true;
  await withDevice(
    browser,
    'passkeys are listed by their names, renamed after a check with one of them, and removed',
    {
      GET: () => session(factors.length ? { ...MANAGE, factors } : { ...ENROLL, types: ['totp', 'passkey'] }),
      'POST /verify': () => {
        stepUp = false;
        return { verified: true };
      },
      'PATCH /factors/k2': ({ label }) => {
        if (stepUp) return problem(403, 'step_up_required', { factors: keys });
        factors = [factors[0], { ...factors[1], label }];
        return factors[1];
      },
      'DELETE /factors/k1': () => {
        factors = factors.slice(1);
        return { status: 204 };
      },
    },
    async (page, { calls }) => {
      await add(page, 'This device');
      factors = keys;
      await page.goto('about:blank');
      await page.goto(`${url}/page#token-2`);
      await heading(page, 'Your ways to confirm');
      assert.deepEqual(await page.locator('.rows b').allInnerTexts(), ['Passkey', 'Blue key', 'Recovery codes']);
      await press(page, 'Rename: Blue key');
      await enter(page, 'Name', 'Desk', 'Save');
      await page.getByText('This change needs a new confirmation.').waitFor();
      await press(page, USE);
      await enter(page, 'Name', 'Desk', 'Save');
      await page.getByText('Desk', { exact: true }).waitFor();
      await press(page, 'Remove: Passkey');
      await press(page, 'Remove');
      await page.getByText('Desk', { exact: true }).waitFor();
      assert.deepEqual(changes(calls).slice(2), [
        'PATCH /factors/k2',
        'POST /challenges',
        'POST /verify',
        'PATCH /factors/k2',
        'DELETE /factors/k1',
      ]);
    },
  );
}

async function offers(browser) {
  const OFFER = 'Faster next time?';
  const LEFT = `${url}/page?session=s&code=left`;
  let needs = 'check';
  const given = {
    GET: () => session({ needs, factors: needs === 'check' ? [app] : [], types: ['totp', 'passkey'] }),
    'POST /verify': () => {
      needs = 'passkey';
      return { verified: true };
    },
    'POST /enrollments/confirm': () => ({ status: 201, body: { factor: keys[0], next: NEXT } }),
    'POST /cancel': { next: LEFT },
  };
  await withDevice(
    browser,
    'a person who passed with an app is offered a passkey, finds the offer again after a reload, and goes on with it',
    given,
    async (page, { calls }) => {
      await enter(page, 'Code', '123456');
      await heading(page, OFFER);
      await page.reload();
      await heading(page, OFFER);
      assert.equal(await page.getByRole('button', { name: 'Choose another way' }).count(), 0);
      await choose(page, 'This device');
      await page.waitForURL(NEXT);
      assert.deepEqual(changes(calls), ['POST /verify', 'POST /enrollments', 'POST /enrollments/confirm']);
    },
  );
  needs = 'check';
  await withDevice(
    browser,
    'who cancels the offered passkey is asked again, and who wants none goes on without',
    given,
    async (page, { calls, send }) => {
      await enter(page, 'Code', '123456');
      await send('setUserVerified', { isUserVerified: false });
      await choose(page, 'This device');
      await alert(page, 'It was cancelled or took too long. Try again, or choose another way.');
      await press(page, 'Not now');
      await page.waitForURL(LEFT);
      assert.deepEqual(changes(calls), ['POST /verify', 'POST /enrollments', 'POST /cancel']);
    },
  );
  await step('a browser that can make no passkey goes on without the offer', async () => {
    const { page, close } = await open(browser);
    needs = 'passkey';
    const calls = await answer(page, given);
    await page.addInitScript(() => delete PublicKeyCredential.parseRequestOptionsFromJSON);
    await page.goto(PAGE);
    await page.waitForURL(LEFT);
    assert.deepEqual(changes(calls), ['POST /cancel']);
    await close();
  });
}

async function withoutPasskeys(browser) {
  const SORRY = 'This browser can’t use passkeys.';
  const none = { recoveryCodes: { remaining: 0 } };
  const cases = [
    [
      'the other factor is asked for',
      { factors: [...keys, app] },
      (page) => page.getByText('“Authenticator app” shows'),
    ],
    [
      'recovery codes are left',
      { factors: keys },
      (page) => page.getByRole('button', { name: 'Recovery codes' }),
      SORRY,
    ],
    [
      'nothing is left',
      { factors: keys, ...none },
      (page) => page.getByText('There is nothing to confirm with'),
      SORRY,
    ],
    ['no type is left', { ...ENROLL, types: ['passkey'] }, (page) => page.getByText('Protect your account'), SORRY],
    ['others are offered', { ...ENROLL, types: ['passkey', 'sms', 'totp'] }, (page) => page.getByText('Text message')],
  ];
  for (const [sentence, changes, find, sorry] of cases) {
    await step(`in a browser without passkeys ${sentence}`, async () => {
      const { page, close } = await open(browser);
      await answer(page, { GET: session(changes) });
      await page.addInitScript(() => delete PublicKeyCredential.parseRequestOptionsFromJSON);
      await page.goto(PAGE);
      await find(page).waitFor();
      assert.equal(await page.getByText(SORRY).count(), sorry ? 1 : 0);
      assert.equal(await page.getByRole('button', { name: 'Passkey' }).count(), 0);
      await close();
    });
  }
}

await withBrowser(async (browser) => {
  await enrolments(browser);
  await checks(browser);
  await management(browser);
  await offers(browser);
  await withoutPasskeys(browser);
});
