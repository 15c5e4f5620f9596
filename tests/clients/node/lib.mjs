// What every driver needs: the server's clock and inbox, an authenticator app (oathtool) and a camera (zbarimg).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const env = (name) => {
  assert(process.env[name], `set ${name} in the environment`);
  return process.env[name];
};

export const url = env('COUNTERSIGN_URL').replace(/\/+$/, '');

let passed = 0;

export async function step(sentence, act) {
  try {
    const result = await act();
    passed += 1;
    console.log(`ok ${passed} - ${sentence}`);
    return result;
  } catch (error) {
    console.log(`not ok ${passed + 1} - ${sentence}`);
    throw error;
  }
}

// Runs a walk under a frozen clock and lets the clock go again, whatever happened.
export async function walk(steps) {
  await clock.freeze();
  try {
    await steps();
  } finally {
    await clock.release();
  }
  console.log(`${passed} steps passed`);
}

async function local(path, init) {
  const response = await fetch(url + path, { ...init, headers: { accept: 'application/json', 'content-type': 'application/json' } });
  assert(response.ok, `${path} answered ${response.status}`);
  return response.json();
}

const PERIOD = 30_000;

// The time is set and never left to run, so that no step depends on how long the one before it took.
export const clock = {
  async set(time) {
    this.time = time;
    await local('/local/clock', { method: 'POST', body: JSON.stringify({ now: time.toISOString() }) });
  },
  async freeze() {
    const { now } = await local('/local/clock');
    // Forward to the start of the next period: backwards could undercut what the server has stored.
    await this.set(new Date(Math.ceil(Date.parse(now) / PERIOD) * PERIOD));
  },
  async advance(seconds) {
    await this.set(new Date(this.time.getTime() + seconds * 1000));
  },
  async release() {
    await local('/local/clock', { method: 'POST', body: JSON.stringify({ now: null }) });
  },
};

// The newest code that was sent there; notices, which carry none, are passed over.
export async function sentCode(channel, to) {
  const message = (await local('/local/inbox')).find((m) => m.channel === channel && m.to === to && m.code);
  assert(message, `no code was sent to ${to} by ${channel}`);
  assert(message.text.includes(message.code), 'the text shows the code');
  return message.code;
}

const oathtool = (secret, time, ...options) =>
  execFileSync('oathtool', ['--totp', '-b', '-N', time.toISOString(), ...options, secret], { encoding: 'utf8' }).trim().split('\n');

export const totp = (secret) => oathtool(secret, clock.time)[0];

// A code that is wrong for sure: none of those that the server's window of one step either way takes.
export function wrongTotp(secret) {
  const right = oathtool(secret, new Date(clock.time.getTime() - PERIOD), '-w', '2');
  return ['000000', '111111', '222222', '333333'].find((code) => !right.includes(code));
}

export const wrongCode = (right) => (right === '000000' ? '111111' : '000000');

export const secretIn = (uri) => new URL(uri).searchParams.get('secret');

export function readQr(dataUrl) {
  const [, png] = /^data:image\/png;base64,([A-Za-z0-9+/]+=*)$/.exec(dataUrl) ?? assert.fail('no PNG data URL');
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
  try {
    const file = join(folder, 'qr.png');
    writeFileSync(file, Buffer.from(png, 'base64'));
    return execFileSync('zbarimg', ['-q', '--raw', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trimEnd();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
