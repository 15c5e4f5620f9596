// Runs the code for Node in docs/integrate.md. Each line of the input calls `begin` or `finish` with a user or a query,
// and with the browser's session; each line of the output is the outcome. It runs in a folder with the example's packages.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const page = readFileSync(new URL('../../docs/integrate.md', import.meta.url), 'utf8');
const [, code] = page.match(/```js\n(.*?)```/s);
const file = resolve('integrate.mjs');
writeFileSync(file, `const { RETURN_URL } = process.env;\n${code}\nexport { begin, finish };\n`);
const calls = await import(file);

for await (const line of createInterface({ input: process.stdin })) {
  const { call, given, session } = JSON.parse(line);
  const outcome = await calls[call](given, session).then(
    (result) => ({ result, session }),
    (error) => ({ error: error.message, session }),
  );
  console.log(JSON.stringify(outcome));
}
