// What the two-factor page of a plain web application does, with nothing but fetch. TOKEN is the access token of a user without factors.
import assert from 'node:assert/strict';
import { clock, env, readQr, step, totp, url, walk, wrongTotp } from './lib.mjs';

const token = env('TOKEN');

async function call(method, path, body, authorization = `Bearer ${token}`) {
  const headers = { authorization, ...(body && { 'content-type': 'application/json' }) };
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

const generate = () => call('POST', '/profile/two-fa');
const enable = (code) => call('PATCH', '/profile/two-fa', { code });
const state = () => call('GET', '/profile/two-fa');
const disable = (code) => call('PATCH', '/profile/two-fa/disable', { code });

function refused(reply, message) {
  assert.deepEqual(reply, { status: 400, body: { status: 'error', message, data: null } });
}

const INCORRECT = 'Incorrect 2FA code.';
const ENABLED = '2FA is already enabled on your account';
const DISABLED = '2FA is already disabled on your account';
const USED = 'This code was used before: wait for the next one.';

async function secretShown() {
  const { status, body } = await generate();
  assert.equal(status, 201, body.message);
  assert.equal(body.status, 'success');
  assert.equal(body.message, 'Successfully generated 2FA code');
  const { otpAuthURL, qrCodeImage } = body.data;
  assert.equal(readQr(qrCodeImage), otpAuthURL);
  // Pages show as the secret whatever follows here, so nothing else may.
  const secret = otpAuthURL.slice(otpAuthURL.indexOf('secret=') + 'secret='.length);
  assert.match(secret, /^[A-Z2-7]{32}$/);
  return secret;
}

async function recoveryCodesFor(secret) {
  const { status, body } = await enable(totp(secret));
  assert.equal(status, 200, body.message);
  assert.equal(body.status, 'success');
  assert.equal(body.message, 'Successfully enabled 2FA');
  assert.equal(body.data.length, 12);
  assert.equal(new Set(body.data).size, 12);
  return body.data;
}

async function disables(code) {
  const { status, body } = await disable(code);
  assert.equal(status, 200, body.message);
  assert.equal(body.status, 'success');
  assert.equal(body.message, 'Successfully disabled 2FA');
}

await walk(async () => {
  await step('without a valid access token nothing is answered', async () => {
    assert.deepEqual(await call('POST', '/profile/two-fa', undefined, 'no-token'), { status: 401, body: { message: 'Unauthorized' } });
  });

  await step('what is not enabled can not be disabled', async () => {
    assert.deepEqual((await state()).body.data, { enabled: false, remainingRecoveryCodes: 0 });
    refused(await disable('000000'), DISABLED);
  });

  await step('a missing code is named', async () => {
    const { status, body } = await call('PATCH', '/profile/two-fa', {});
    assert.equal(status, 400);
    assert.equal(body.status, 'error');
    assert.match(body.message, /code/);
  });

  const secret = await step('a secret is shown, as text and as a QR code, and a second one replaces it', async () => {
    const first = await secretShown();
    const second = await secretShown();
    assert.notEqual(second, first);
    refused(await enable(totp(first)), INCORRECT);
    return second;
  });

  await step('a wrong code enables nothing', async () => {
    refused(await enable(wrongTotp(secret)), INCORRECT);
  });

  const codes = await step('the right code enables it and brings twelve recovery codes', () => recoveryCodesFor(secret));

  await step('the page can show that it is enabled, and how many recovery codes are left', async () => {
    const { status, body } = await state();
    assert.equal(status, 200, body.message);
    assert.deepEqual(body.data, { enabled: true, remainingRecoveryCodes: 12 });
  });

  await step('what is enabled can not be enabled again', async () => {
    refused(await generate(), ENABLED);
  });

  await step('neither a wrong code nor the one that enabled it disables it', async () => {
    refused(await disable(wrongTotp(secret)), INCORRECT);
    refused(await disable(totp(secret)), USED);
  });

  await step('a recovery code disables it, once', async () => {
    await disables(codes[0]);
    refused(await disable(codes[1]), DISABLED);
  });

  await step('enabled anew, it is disabled by a code of the app, not by a recovery code that was used', async () => {
    const renewed = await secretShown();
    await recoveryCodesFor(renewed);
    refused(await disable(codes[0]), INCORRECT);
    await clock.advance(30);
    await disables(totp(renewed));
  });
});
