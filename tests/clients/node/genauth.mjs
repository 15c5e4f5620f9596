// Every factor call of GenAuth's own Node client. TOKEN is the access token of a user without factors, TOKEN2 another user's.
import assert from 'node:assert/strict';
import { ok, refused, signedInWith, types } from './genauth-lib.mjs';
import { clock, env, readQr, secretIn, sentCode, step, totp, walk, wrongCode, wrongTotp } from './lib.mjs';

const client = signedInWith(env('TOKEN'));
const stranger = signedInWith(env('TOKEN2'));

// New ones each run, since a server remembers whom it wrote to.
const run = String(Date.now()).slice(-8);
const phoneNumber = `138${run}`;
const email = `node-${run}@example.com`;

function notVerified(reply, apiCode) {
  refused(reply, 422);
  assert.equal(reply.data.verified, false);
  assert.equal(reply.apiCode, apiCode);
}

const request = (factorType, profile = {}) => client.sendEnrollFactorRequest({ factorType, profile });
const enroll = (factorType, enrollmentToken, passCode) =>
  client.enrollFactor({ factorType, enrollmentToken, enrollmentData: { passCode } });
const verify = (code) => client.mfaOtpVerify({ totp: code });

async function sends(factorType, profile) {
  const data = ok(await request(factorType, profile));
  assert(data.enrollmentToken);
  assert(!('otpData' in data));
  return data.enrollmentToken;
}

await walk(async () => {
  await step('without an access token nothing is answered', async () => {
    await assert.rejects(signedInWith(undefined).listEnrolledFactors(), (error) => error.response?.status === 401);
  });

  await step('a new user has no factors and can enrol an app, a phone and an address', async () => {
    assert.deepEqual(ok(await client.listEnrolledFactors()), []);
    assert.deepEqual(types(ok(await client.listFactorsToEnroll())), ['EMAIL', 'OTP', 'SMS']);
  });

  await step('a face, which is not offered, is refused with a reason', async () => {
    refused(await request('FACE'), 501);
    const enrollmentData = { photo: 'https://example.com/face.jpg', isExternalPhoto: true };
    const reply = await client.enrollFactor({ factorType: 'FACE', enrollmentToken: 'none', enrollmentData });
    assert.notEqual(reply.statusCode, 200);
    assert(reply.message);
  });

  await step('a request without its number names the missing field', async () => {
    assert.match(refused(await request('SMS'), 400).message, /phoneNumber/);
  });

  const app = await step('an app is offered with a QR code that reads as its URI, and a recovery code', async () => {
    const { enrollmentToken, otpData } = ok(await request('OTP'));
    assert.match(otpData.qrCodeUri, /^otpauth:\/\/totp\//);
    assert.equal(readQr(otpData.qrCodeDataUrl), otpData.qrCodeUri);
    assert.match(otpData.recoveryCode, /^[0-9a-f]{4}(-[0-9a-f]{4}){5}$/);
    return { enrollmentToken, secret: secretIn(otpData.qrCodeUri), recoveryCode: otpData.recoveryCode };
  });

  await step('a wrong code enrols no app', async () => {
    refused(await enroll('OTP', app.enrollmentToken, wrongTotp(app.secret)), 422);
    assert.deepEqual(ok(await client.listEnrolledFactors()), []);
  });

  await step('the right code enrols it, once', async () => {
    assert.equal(ok(await enroll('OTP', app.enrollmentToken, totp(app.secret))) ?? undefined, undefined);
    await clock.advance(30);
    assert.notEqual((await enroll('OTP', app.enrollmentToken, totp(app.secret))).statusCode, 200);
  });

  const otp = await step('the app is listed and no longer offered', async () => {
    const [factor, ...others] = ok(await client.listEnrolledFactors());
    assert.deepEqual(others, []);
    assert.equal(factor.factorType, 'OTP');
    assert.deepEqual(factor.profile, {});
    assert.deepEqual(types(ok(await client.listFactorsToEnroll())), ['EMAIL', 'SMS']);
    return factor;
  });

  await step('it is found by its id, by its owner alone', async () => {
    assert.deepEqual(ok(await client.getFactor({ factorId: otp.factorId })), otp);
    refused(await client.getFactor({ factorId: 'no such factor' }), 404);
    refused(await stranger.getFactor({ factorId: otp.factorId }), 404);
  });

  await step('no code at all is bad input', async () => {
    refused(await verify(''), 400);
  });

  await step('a wrong code is not verified', async () => {
    notVerified(await verify(wrongTotp(app.secret)), 6001);
  });

  await step('the right code is verified, and not again', async () => {
    const code = totp(app.secret);
    assert.deepEqual(ok(await verify(code)), { verified: true });
    notVerified(await verify(code), 6001);
  });

  await step('the recovery code is verified in its place, and not again', async () => {
    assert.deepEqual(ok(await verify(app.recoveryCode)), { verified: true });
    notVerified(await verify(app.recoveryCode), 6002);
  });

  await step('a phone is enrolled with the code sent to it, and is written to once a minute', async () => {
    const enrollmentToken = await sends('SMS', { phoneNumber, phoneCountryCode: '+86' });
    refused(await request('SMS', { phoneNumber, phoneCountryCode: '+86' }), 429);
    const code = await sentCode('sms', `+86${phoneNumber}`);
    refused(await enroll('SMS', enrollmentToken, wrongCode(code)), 422);
    ok(await enroll('SMS', enrollmentToken, code));
  });

  await step('ten minutes after the last check, changing factors needs another one', async () => {
    await clock.advance(601);
    refused(await request('EMAIL', { email }), 403);
    refused(await client.resetFactor({ factorId: otp.factorId }), 403);
    ok(await verify(totp(app.secret)));
  });

  await step('an address is enrolled with the code sent to it, within a minute', async () => {
    const late = await sends('EMAIL', { email });
    const lateCode = await sentCode('email', email);
    await clock.advance(61);
    refused(await enroll('EMAIL', late, lateCode), 422);

    const enrollmentToken = await sends('EMAIL', { email });
    const code = await sentCode('email', email);
    refused(await enroll('EMAIL', enrollmentToken, wrongCode(code)), 422);
    ok(await enroll('EMAIL', enrollmentToken, code));
  });

  const enrolled = await step('all three are listed, number and address masked', async () => {
    const factors = ok(await client.listEnrolledFactors());
    assert.deepEqual(types(factors), ['EMAIL', 'OTP', 'SMS']);
    assert.deepEqual(ok(await client.listFactorsToEnroll()), []);
    const profile = (type) => factors.find((factor) => factor.factorType === type).profile;
    assert.equal(profile('SMS').phoneCountryCode, '+86');
    assert(profile('SMS').phoneNumber && !profile('SMS').phoneNumber.includes(phoneNumber.slice(3)));
    assert(profile('EMAIL').email && profile('EMAIL').email !== email);
    return factors;
  });

  await step('nobody resets a factor that is not theirs', async () => {
    refused(await client.resetFactor({ factorId: 'no such factor' }), 404);
    refused(await stranger.resetFactor({ factorId: otp.factorId }), 404);
  });

  await step('each factor is reset by its id, gone at once and offered again', async () => {
    for (const { factorId, factorType } of enrolled) {
      assert.equal(ok(await client.resetFactor({ factorId })) ?? undefined, undefined);
      refused(await client.getFactor({ factorId }), 404);
      assert(types(ok(await client.listFactorsToEnroll())).includes(factorType));
    }
    assert.deepEqual(ok(await client.listEnrolledFactors()), []);
  });

  await step('a code of the app that was reset is not verified', async () => {
    await clock.advance(30);
    const reply = await verify(totp(app.secret));
    assert.notEqual(reply.statusCode, 200);
    assert.notEqual(reply.data?.verified, true);
  });
});
