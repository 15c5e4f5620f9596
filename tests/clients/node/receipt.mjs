// The code of docs/receipts.md as it stands there. It is given genuine receipts, and forged ones that it must refuse.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { env } from './lib.mjs';

const issuer = env('COUNTERSIGN_URL');
const blocks = [...readFileSync(env('PAGE'), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
const module = `./page-${process.pid}.mjs`;
writeFileSync(module, `const issuer = ${JSON.stringify(issuer)}\n${blocks.join('')}\nexport { asked, check, demand }\n`);
const { asked, check, demand } = await import(module).finally(() => rmSync(module));

const { genuine, transfer, token, forged } = JSON.parse(env('RECEIPTS'));
assert.equal((await check(genuine, 'alice')).acr, 'otp');
await assert.rejects(check(genuine, 'bob'), /second_factor is needed/);
assert(Object.keys(forged).length > 5);
for (const [name, receipt] of Object.entries(forged)) {
  await assert.rejects(check(receipt, 'alice'), undefined, name);
}

// A transaction: an independent reading of RFC 8785, whose form of such an object is that of JSON.stringify.
const claims = await check(transfer, 'alice', 'transaction');
const [details] = claims.authorization_details;
assert.deepEqual(details, { type: 'transfer', id: 't-1', payee: 'Zoë "Z"', amount: '5 EUR' });
const canonical = JSON.stringify(Object.fromEntries(Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1))));
const hash = createHash('sha256').update(`countersign-transaction:${canonical}`).digest('base64url');
assert.deepEqual([claims.transaction_hash, claims.txn, claims.transaction_shown], [hash, 't-1', 'message']);
assert.equal(claims.scope, 'transaction');

// RFC 9470: a service asks for a level, and the application asks what is needed.
const request = (receipt) => new Request(issuer, { headers: receipt ? { 'countersign-receipt': receipt } : {} });
async function needed(body) {
  const headers = { authorization: token, 'content-type': 'application/json' };
  const response = await fetch(`${issuer}/v1/me/checks`, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.json();
}
for (const receipt of [undefined, forged['another user'], transfer]) {
  assert.equal((await demand(request(receipt), 'alice', { acrValues: ['otp'], maxAge: 300 })).status, 401);
}
const refused = await demand(request(), 'alice', { acrValues: ['otp', 'sms'], maxAge: 300 });
assert.deepEqual(asked(refused), { acrValues: ['otp', 'sms'], maxAge: 300 });
const passed = await needed(asked(refused));
assert.equal(passed.status, 'passed');
assert.equal(await demand(request(passed.receipt), 'alice', { acrValues: ['otp', 'sms'], maxAge: 300 }), null);
assert.equal((await needed({ acrValues: ['email'], maxAge: 300 })).status, 'enroll');
assert.equal((await needed({ acrValues: ['otp'] })).status, 'challenge');
assert.equal(asked(new Response()), null);
