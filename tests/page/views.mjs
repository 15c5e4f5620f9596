// Every view of the page in every window: axe finds nothing, nothing is too wide, and there is a screenshot to look at.
import {
  BEGUN,
  CODES,
  CONTACT,
  CONTACTED,
  ENROLL,
  LOGO,
  MANAGE,
  NAVY,
  PICTURE,
  SENT,
  TRANSACTION,
  YELLOW,
  answer,
  app,
  keys,
  phone,
  problem,
  session,
} from './api.mjs';
import { accessible, open, shot, step, url, withBrowser } from './lib.mjs';

/** An enrolment with every type. */
const TYPES = { ...ENROLL, types: ['passkey', 'totp', 'sms', 'email'] };

/** Where each view is reached: the answers, the way there, and a word of it. */
const VIEWS = {
  choose: [{ GET: session() }],
  code: [{ GET: session({ factors: [app] }) }],
  transaction: [{ GET: session({ ...TRANSACTION, factors: [phone] }), 'POST /challenges': SENT }],
  recovery: [{ GET: session() }, (page) => page.locator('.choice').last().click()],
  wrong: [
    { GET: session({ factors: [app] }), 'POST /verify': problem(400, 'incorrect_code', { remainingAttempts: 3 }) },
    async (page) => {
      await page.locator('input').fill('123456');
      await page.locator('.primary').click();
    },
  ],
  wait: [
    { GET: session({ factors: [app] }), 'POST /verify': problem(429, 'too_many_attempts', { retryAfter: 125 }) },
    async (page) => {
      await page.locator('input').fill('123456');
      await page.locator('.primary').click();
    },
  ],
  nothing: [{ GET: session({ factors: [], recoveryCodes: { remaining: 0 } }) }],
  contact: [{ GET: session(CONTACT) }],
  contactCode: [{ GET: session(CONTACT), 'POST /contact': CONTACTED }, (page) => page.locator('.primary').click()],
  passkey: [{ GET: session({ ...TRANSACTION, factors: keys }) }],
  canceled: [
    { GET: session({ factors: keys }), 'POST /challenges': problem(400, 'canceled') },
    (page) => page.locator('.primary').click(),
  ],
  withPasskey: [{ GET: session({ factors: [app, ...keys] }) }, (page) => page.locator('.link').first().click()],
  types: [{ GET: session(TYPES) }],
  place: [{ GET: session(TYPES) }, (page) => page.locator('.choice').first().click()],
  offer: [{ GET: session({ needs: 'passkey', factors: [], types: TYPES.types }) }],
  number: [{ GET: session(ENROLL) }, (page) => page.locator('.choice').nth(1).click()],
  app: [{ GET: session(ENROLL), 'POST /enrollments': BEGUN }, (page) => page.locator('.choice').first().click()],
  sent: [
    { GET: session(ENROLL), 'POST /enrollments': BEGUN },
    async (page) => {
      await page.locator('.choice').nth(1).click();
      await page.locator('input').fill('+49 1512 3456789');
      await page.locator('.primary').click();
    },
  ],
  codes: [
    {
      GET: session(ENROLL),
      'POST /enrollments': BEGUN,
      'POST /enrollments/confirm': { status: 201, body: { factor: app, recoveryCodes: CODES } },
    },
    async (page) => {
      await page.locator('.choice').first().click();
      await page.locator('input').fill('123456');
      await page.locator('.primary').click();
    },
  ],
  manage: [{ GET: session({ ...MANAGE, factors: [app, ...keys, phone] }) }],
  rename: [{ GET: session(MANAGE) }, (page) => page.locator('.rows .link').first().click()],
  remove: [{ GET: session(MANAGE) }, (page) => page.locator('.rows .link').nth(1).click()],
  renew: [{ GET: session(MANAGE) }, (page) => page.locator('.rows .link').last().click()],
  branded: [{ GET: session({ brand: { ...YELLOW, logo: LOGO } }) }],
  brandedList: [{ GET: session({ ...MANAGE, brand: YELLOW }) }],
  brandedCode: [{ GET: session({ ...TRANSACTION, factors: [phone], brand: NAVY }), 'POST /challenges': SENT }],
  brandedApp: [
    { GET: session({ ...ENROLL, brand: { ...NAVY, logo: LOGO } }), 'POST /enrollments': BEGUN },
    (page) => page.locator('.choice').first().click(),
  ],
  ended: [{ GET: problem(401, 'unauthorized') }],
  failed: [{ GET: { status: 0 } }],
};

/** The windows and languages. Some are for screenshots alone: for axe they are like others. */
const WINDOWS = {
  '1280-light': {},
  ...(process.env.SCREENSHOTS && {
    '1280-dark': { colorScheme: 'dark' },
    '390-light': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  }),
  '390-dark': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' },
  '320-de': { viewport: { width: 320, height: 568 }, locale: 'de-AT' },
  '390-zh': { viewport: { width: 390, height: 844 }, locale: 'zh-CN' },
};

await withBrowser(async (browser) => {
  for (const [name, options] of Object.entries(WINDOWS)) {
    await step(`axe finds nothing, and nothing is too wide: ${name}`, async () => {
      const { page, close } = await open(browser, options);
      for (const [view, [answers, walk]] of Object.entries(VIEWS)) {
        await page.unrouteAll();
        await answer(page, answers);
        await page.route(LOGO, (route) => route.fulfill({ contentType: 'image/svg+xml', body: PICTURE }));
        await page.goto('about:blank');
        await page.goto(`${url}/page#${name}-${view}`);
        await page.waitForFunction(() => document.querySelector('main') && !document.querySelector('.spinner'));
        await walk?.(page);
        await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
        await accessible(page, `${view} ${name}`);
        await shot(page, `${view}-${name}`);
      }
      await close();
    });
  }
});
