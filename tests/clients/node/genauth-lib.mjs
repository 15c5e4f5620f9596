// What the walks with GenAuth's Node client share.
import assert from 'node:assert/strict';
import { AuthenticationClient } from 'authing-node-sdk';
import { url } from './lib.mjs';

export const signedInWith = (accessToken) =>
  new AuthenticationClient({ appId: 'countersign-clients', appHost: url, tokenEndPointAuthMethod: 'none', accessToken });

export function ok(reply) {
  assert.equal(reply.statusCode, 200, reply.message);
  assert.equal(reply.message, 'Operation successful');
  assert(reply.requestId, 'every answer names its request');
  assert(!('apiCode' in reply), 'an apiCode means an error');
  return reply.data;
}

export function refused(reply, statusCode) {
  assert.equal(reply.statusCode, statusCode, reply.message);
  assert(reply.message, 'a refusal says why');
  return reply;
}

export const types = (factors) => factors.map((factor) => factor.factorType).sort();
