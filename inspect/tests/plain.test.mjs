// The report without WebAssembly says the same as the one with it, except for what only the rules know.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { plain } from '../plain.js';

const sample = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url)));

describe('the report without WebAssembly', () => {
  before(() => {
    globalThis.window = { fbq() {}, ttq: { track() {} }, get gtag() { throw new Error('no'); } };
  });
  after(() => delete globalThis.window);

  it('says what the one with it says, but for links and for pixels that the site does not feed', () => {
    const full = sample('report');
    const report = plain(sample('facts'), new Error('blocked'));
    assert.deepEqual(report, {
      ...full,
      version: null,
      links: [],
      pixels: full.pixels.filter((pixel) => pixel.switched_on).map((pixel) => ({ ...pixel, platforms: [] })),
      problems: [full.problems[0], 'links are not judged, since WebAssembly cannot run here: Error: blocked'],
    });
  });

  it('credits a direct visit to the touch before it', () => {
    const record = new URLSearchParams({ landing_at: 9, landing_page: 'https://shop.example/', touch_at: 1, touch_page: 'https://shop.example/?gclid=x' });
    const { source } = plain({ ...sample('facts'), record: `${record}` }, 'no');
    assert.deepEqual(source.click_ids, { gclid: 'x' });
    assert.deepEqual(source.landing.click_ids, {});
    assert.equal(source.first, null);
  });
});
