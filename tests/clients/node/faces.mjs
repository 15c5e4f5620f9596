// A face by GenAuth's own Node client, and its check, for which the client has no method, by the native route. PHOTO and
// OTHER_PHOTO are data URLs of two pictures, and PHOTO_OF_NOBODY is one without a face.
import assert from 'node:assert/strict';
import { ok, refused, signedInWith, types } from './genauth-lib.mjs';
import { env, secretIn, step, clock, totp, url, walk } from './lib.mjs';

const token = env('TOKEN');
const client = signedInWith(token);
const [photo, otherPhoto, photoOfNobody] = ['PHOTO', 'OTHER_PHOTO', 'PHOTO_OF_NOBODY'].map(env);
const consent = { version: '2027-01' };

function refusedAs(reply, statusCode, apiCode) {
  refused(reply, statusCode);
  assert.equal(reply.apiCode, apiCode, reply.message);
}

const begin = (profile) => client.sendEnrollFactorRequest({ factorType: 'FACE', profile });
const enroll = (enrollmentToken, enrollmentData) =>
  client.enrollFactor({ factorType: 'FACE', enrollmentToken, enrollmentData });

async function show(photo) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/me/verify`, { method: 'POST', headers, body: JSON.stringify({ photo }) });
  return { status: response.status, body: await response.json() };
}

await walk(async () => {
  await step('a face is no first factor', async () => {
    assert.deepEqual(types(ok(await client.listFactorsToEnroll())), ['EMAIL', 'OTP', 'SMS']);
    refusedAs(await begin({ consent }), 422, 1703);
  });

  const secret = await step('an app comes first, and a check with it', async () => {
    const { enrollmentToken, otpData } = ok(await client.sendEnrollFactorRequest({ factorType: 'OTP', profile: {} }));
    const secret = secretIn(otpData.qrCodeUri);
    const enrollmentData = { passCode: totp(secret) };
    ok(await client.enrollFactor({ factorType: 'OTP', enrollmentToken, enrollmentData }));
    await clock.advance(30);
    assert.deepEqual(ok(await client.mfaOtpVerify({ totp: totp(secret) })), { verified: true });
    assert.deepEqual(types(ok(await client.listFactorsToEnroll())), ['EMAIL', 'FACE', 'SMS']);
    return secret;
  });

  await step('without consent nothing begins', async () => {
    refusedAs(await begin({}), 400, 9016);
  });

  const enrollmentToken = await step('consent goes in the profile', async () => {
    const data = ok(await begin({ consent }));
    assert.deepEqual(Object.keys(data), ['enrollmentToken']);
    return data.enrollmentToken;
  });

  await step('a photo is needed, and a link is none', async () => {
    refusedAs(await enroll(enrollmentToken, {}), 400, 1700);
    refusedAs(await enroll(enrollmentToken, { photo: 'https://example.com/face.jpg' }), 400, 1700);
    refusedAs(await enroll(enrollmentToken, { photo: 'https://example.com/face.jpg', isExternalPhoto: true }), 400, 1700);
  });

  await step('a photo without a face is refused, and the enrolment stays', async () => {
    refusedAs(await enroll(enrollmentToken, { photo: photoOfNobody }), 422, 1702);
  });

  await step('a photo as a data URL enrols the face', async () => {
    assert.equal(ok(await enroll(enrollmentToken, { photo, isExternalPhoto: false })) ?? undefined, undefined);
  });

  const face = await step('the face is listed and found, and there is no second one', async () => {
    const [, face] = ok(await client.listEnrolledFactors());
    assert.deepEqual([face.factorType, face.profile], ['FACE', {}]);
    assert.deepEqual(ok(await client.getFactor({ factorId: face.factorId })), face);
    assert.deepEqual(types(ok(await client.listFactorsToEnroll())), ['EMAIL', 'SMS']);
    refusedAs(await begin({ consent }), 409, 1706);
    return face;
  });

  await step('the native route checks it, beside the check with the app', async () => {
    const { status, body } = await show(photo);
    assert.deepEqual([status, body.verified, body.acr, body.amr], [200, true, 'otp', ['otp', 'face']]);
    assert.deepEqual([(await show(otherPhoto)).body.code, (await show(photoOfNobody)).body.code], ['incorrect_code', 'photo_unclear']);
  });

  await step('ten minutes after the check with the app, a face passes nothing and resets nothing', async () => {
    await clock.advance(601);
    assert.equal((await show(photo)).body.code, 'step_up_required');
    refusedAs(await client.resetFactor({ factorId: face.factorId }), 403, 9005);
    ok(await client.mfaOtpVerify({ totp: totp(secret) }));
  });

  await step('the face is reset, gone at once and offered again', async () => {
    assert.equal(ok(await client.resetFactor({ factorId: face.factorId })) ?? undefined, undefined);
    refused(await client.getFactor({ factorId: face.factorId }), 404);
    assert.deepEqual(types(ok(await client.listFactorsToEnroll())), ['EMAIL', 'FACE', 'SMS']);
    assert.equal((await show(photo)).status, 400);
  });
});
