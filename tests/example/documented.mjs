// Runs the code for Node of a page of the documents, which is the argument. Each line of the input calls `begin` or `finish`
// with a user or a query, and with the browser's session; each line of the output is the outcome. It runs in a folder with
// the example's packages.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const codeOf = (page) => readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8').match(/```js\n(.*?)```/s)[1];

const { RETURN_URL } = process.env;
const file = resolve('integrate.mjs');
const code = codeOf('docs/integrate.md');
writeFileSync(file, `const { RETURN_URL } = process.env;\n${code}\nexport { begin, countersign, finish };\n`);
const { begin, countersign, finish } = await import(file);

/** The routes of the README, called as Express calls them. */
function ofRoutes() {
  const routes = {};
  const add = (path, ...handlers) => (routes[path] = handlers.at(-1));
  const given = { app: { get: add, post: add }, countersign, RETURN_URL, checkPassword: undefined };
  new Function(...Object.keys(given), codeOf('README.md'))(...Object.values(given));
  async function answer(path, req) {
    const answered = {};
    const res = {
      status: () => res,
      send: (body) => Object.assign(answered, { body }),
      sendStatus: (status) => Object.assign(answered, { body: `${status}` }),
      redirect: (status, url) => Object.assign(answered, { url }),
    };
    await routes[path](req, res);
    return answered;
  }
  return {
    async begin(user, session) {
      const { url, body } = await answer('/sign-in', { user, session });
      return url ?? assert.fail(body);
    },
    async finish(query, session) {
      const { url } = await answer('/signed-in', { query, session });
      assert.equal(url !== undefined, session.user !== undefined);
      return session.user;
    },
  };
}

const calls = process.argv[2] === 'README.md' ? ofRoutes() : { begin, finish };

for await (const line of createInterface({ input: process.stdin })) {
  const { call, given, session } = JSON.parse(line);
  const outcome = await calls[call](given, session).then(
    (result) => ({ result, session }),
    (error) => ({ error: error.message, session }),
  );
  console.log(JSON.stringify(outcome));
}
