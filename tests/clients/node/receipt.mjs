// A verifier with `jose`, as docs/receipts.md has it. It is given a genuine receipt, and forged ones that it must refuse.
import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { env } from './lib.mjs';

const issuer = env('COUNTERSIGN_URL');
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));

async function check(receipt, user) {
  const expected = { issuer, audience: 'countersign', algorithms: ['RS256'], typ: 'receipt+jwt' };
  const { payload } = await jwtVerify(receipt, keys, expected);
  if (payload.sub !== user || !payload.scope.split(' ').includes('second_factor')) {
    throw new Error('a second factor is needed');
  }
  return payload;
}

const { genuine, forged } = JSON.parse(env('RECEIPTS'));
assert.equal((await check(genuine, 'alice')).acr, 'otp');
await assert.rejects(check(genuine, 'bob'), /second factor/);
assert(Object.keys(forged).length > 4);
for (const [name, receipt] of Object.entries(forged)) {
  await assert.rejects(check(receipt, 'alice'), undefined, name);
}
