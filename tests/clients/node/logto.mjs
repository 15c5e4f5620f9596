// Logto's own API client on the Experience API's calls for an authenticator app. TOKEN is the access token of a user without factors.
import assert from 'node:assert/strict';
import { createApiClient } from '@logto/api/management';
import { clock, env, readQr, secretIn, step, totp, url, walk, wrongTotp } from './lib.mjs';

const signedInWith = (token) => createApiClient({ baseUrl: url, getToken: async () => token });
const client = signedInWith(env('TOKEN'));

const post = (path, body) => client.POST(`/api/experience${path}`, body && { body });
const newSecret = () => post('/verification/totp/secret');
const verify = (body) => post('/verification/totp/verify', body);
const bind = (verificationId) => post('/profile/mfa', { type: 'Totp', verificationId });

function ok({ data, error, response }, status = 200) {
  assert.equal(response.status, status, JSON.stringify(error));
  return data;
}

function refused({ data, error, response }, status, code) {
  assert.equal(response.status, status, JSON.stringify(data ?? error));
  assert.equal(error.code, code);
  assert(error.message, 'a refusal says why');
  return error;
}

await walk(async () => {
  await step('without a valid access token nothing is answered', async () => {
    const { error, response } = await signedInWith('no-token').POST('/api/experience/verification/totp/secret');
    assert.equal(response.status, 401);
    assert.deepEqual(error, { message: 'Unauthorized' });
  });

  await step('a missing code is named by its key path', async () => {
    assert.match(refused(await verify({}), 400, 'guard.invalid_input').details, /Error in key path "code"/);
  });

  const { verificationId, secret } = await step('a new secret comes with a QR code that holds it', async () => {
    const data = ok(await newSecret());
    assert(data.verificationId);
    assert.match(data.secret, /^[A-Z2-7]{32}$/);
    const uri = readQr(data.secretQrCode);
    assert.match(uri, /^otpauth:\/\/totp\//);
    assert.equal(secretIn(uri), data.secret);
    return data;
  });

  await step('an unknown verification id is not found', async () => {
    refused(await verify({ verificationId: 'unknown', code: totp(secret) }), 404, 'session.verification_session_not_found');
    refused(await bind('unknown'), 404, 'session.verification_session_not_found');
  });

  await step('a secret that is not verified can not be bound', async () => {
    refused(await bind(verificationId), 400, 'session.verification_failed');
  });

  await step('a wrong code does not verify it', async () => {
    refused(await verify({ verificationId, code: wrongTotp(secret) }), 400, 'session.mfa.invalid_totp_code');
    refused(await bind(verificationId), 400, 'session.verification_failed');
  });

  await step('the right code does, and then it is bound', async () => {
    // Logto's sign-in page binds the id that came with the secret, so the answer must be that one.
    assert.deepEqual(ok(await verify({ verificationId, code: totp(secret) })), { verificationId });
    assert.equal(ok(await bind(verificationId), 204), undefined);
  });

  await step('the code that bound it does not pass again', async () => {
    refused(await verify({ code: totp(secret) }), 400, 'session.mfa.invalid_totp_code');
  });

  await step('the enrolled app is checked without an id, each code once', async () => {
    await clock.advance(30);
    refused(await verify({ code: wrongTotp(secret) }), 400, 'session.mfa.invalid_totp_code');
    assert(ok(await verify({ code: totp(secret) })).verificationId);
    refused(await verify({ code: totp(secret) }), 400, 'session.mfa.invalid_totp_code');
  });

  const second = await step('a second secret can be verified, but not bound', async () => {
    const data = ok(await newSecret());
    assert.notEqual(data.secret, secret);
    ok(await verify({ verificationId: data.verificationId, code: totp(data.secret) }));
    refused(await bind(data.verificationId), 422, 'user.totp_already_in_use');
    return data;
  });

  await step('ten minutes after the last check, binding asks for another one', async () => {
    await clock.advance(601);
    const { data } = refused(await bind(second.verificationId), 403, 'session.mfa.require_mfa_verification');
    assert(data.availableFactors.includes('Totp'));
  });
});
