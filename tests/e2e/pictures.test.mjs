// The pictures of the docs: each that is named can be made, shows something, and is there; and what the commands print is what the docs say.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { looked } from '../pictures/png.mjs';
import { DOCS, PRINTED, takeAll } from '../pictures/take.mjs';
import { findings, standing, terminal } from '../pictures/terminal.mjs';

const FOLDER = fileURLToPath(new URL('../../target/pictures/', import.meta.url));
/** Fewer colours than this has nothing that shows text. */
const FEWEST_COLOURS = 12;

const names = (folder) => readdirSync(folder).filter((name) => name.endsWith('.png')).map((name) => name.slice(0, -4)).sort();
/** The pictures that the docs show, with the page that shows them. */
const shown = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .flatMap((page) => [...readFileSync(join(DOCS, page), 'utf8').matchAll(/!\[[^\]]*\]\(pictures\/([\w-]+)\.png\)/g)].map(([, name]) => ({ page, name })));

describe('the pictures of the docs', () => {
  before(() => takeAll(FOLDER, { small: false }));

  it('each that is shown is made, and each that is made is shown', () => {
    const made = names(FOLDER);
    assert.ok(shown.length > 30, `${shown.length} are shown`);
    for (const { page, name } of shown) assert.ok(made.includes(name), `${page} shows ${name}, which nothing makes`);
    for (const name of made) assert.ok(shown.some((one) => one.name === name), `${name} is made and nowhere shown`);
  });

  it('none of them is blank', async () => {
    for (const name of names(FOLDER)) {
      const { width, height, colours } = await looked(readFileSync(join(FOLDER, `${name}.png`)));
      assert.ok(colours >= FEWEST_COLOURS && width >= 200 && height >= 80, `${name}: ${colours} colours, ${width} by ${height}`);
    }
  });

  it('those that are kept are all of them, and none of them is blank', async () => {
    const kept = join(DOCS, 'pictures');
    assert.deepEqual(names(kept), names(FOLDER), 'npm run pictures brings them up to date');
    for (const name of names(kept)) assert.ok((await looked(readFileSync(join(kept, `${name}.png`)))).colours >= FEWEST_COLOURS, name);
  });
});

it('what check and doctor print is what the docs show', async () => {
  const page = readFileSync(join(DOCS, PRINTED), 'utf8');
  for (const [name, text] of Object.entries(await terminal())) {
    assert.ok(findings(text).length > 0, text);
    assert.deepEqual(findings(standing(page, name) ?? ''), findings(text), `npm run pictures brings ${name} up to date:\n${text}`);
  }
});
