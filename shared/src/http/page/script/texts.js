// Texts in the language of the person.

// Columns of lines: the keys, and below the tag of each language its texts in their order.
const columns = document.getElementById('texts').textContent.split('\n\n');
const { keys: KEYS, ...LANGUAGES } = Object.fromEntries(
  columns.map((column) => {
    const [name, ...lines] = column.split('\n');
    return [name, lines];
  }),
);

/** The language tag of the texts, one of the keys of `LANGUAGES`. */
export let language = 'en';

/** Picks the first wish that is one of ours by its first subtag, as `de` of `de-AT`. */
export function speak(...wishes) {
  const subtag = (tag) => tag?.split(/[-_]/)[0].toLowerCase();
  const tags = Object.keys(LANGUAGES);
  language = wishes.map((wish) => tags.find((tag) => subtag(tag) === subtag(wish))).find(Boolean) ?? 'en';
  document.documentElement.lang = language;
}

/** A text. Its placeholders are replaced by values, and a value `n` of 1 picks the singular. */
export function t(key, values) {
  return pieces(key, values).join('');
}

/** The same as a list, so that a value can be an element. */
export function pieces(key, values = {}) {
  const plural = values.n === 1 && textOf(`${key}.one`);
  return (plural || textOf(key)).split(/\{(\w+)\}/).map((piece, index) => (index % 2 ? values[piece] : piece));
}

/** The text of a key; none where the language has none. */
export const textOf = (key) => LANGUAGES[language][KEYS.indexOf(key)];

/** A day, as `3 May 2026`. */
export const day = (time) => new Date(time).toLocaleDateString(language, { dateStyle: 'medium' });

/** Seconds, fewer than a day's, as `01:05`, or as `01:02:05` from an hour on. */
export const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(seconds < 3600 ? 14 : 11, 19);
