// What every driver of the page needs: a browser, axe, screenshots, and steps that say what they do.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

export const url =
  process.env.COUNTERSIGN_URL?.replace(/\/+$/, '') ?? assert.fail('set COUNTERSIGN_URL in the environment');

/** A folder for screenshots; without one none are made. */
const SHOTS = process.env.SCREENSHOTS;

let passed = 0;

export async function step(sentence, act) {
  try {
    await act();
    passed += 1;
    console.log(`ok ${passed} - ${sentence}`);
  } catch (error) {
    console.log(`not ok ${passed + 1} - ${sentence}`);
    throw error;
  }
}

/** Runs steps with a browser, and closes it, whatever happened. */
export async function withBrowser(steps) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    await steps(browser);
  } finally {
    await browser.close();
  }
  console.log(`${passed} steps passed`);
}

/** A tab in a browser of its own. Whatever its policy refuses, and every error of its script, fails the test at `close`. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.stack));
  page.on('console', (message) => {
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) faults.push(message.text());
  });
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, context, close };
}

/** Asserts that axe finds nothing, and that nothing is wider than the window. */
export async function accessible(page, name) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
  assert.deepEqual(found, [], name);
  const [wide, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert(wide <= window, `${name} is ${wide} wide in a window of ${window}`);
}

export async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** Presses the button of exactly this name. */
export const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

/** Presses the button whose name has this in it. */
export const choose = (page, name) => page.getByRole('button', { name }).click();

export const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();

export const alert = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();

/** Fills in a field, and presses the button. */
export async function enter(page, label, text, button = 'Confirm') {
  await page.getByLabel(label, { exact: true }).fill(text);
  await press(page, button);
}
