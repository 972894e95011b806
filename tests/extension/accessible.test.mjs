// The extension's window as somebody meets it who sees little, or nothing: axe finds nothing wrong with it, light or dark, narrow or wide.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { judged } from '../e2e/axe.mjs';
import { startHelper } from './helper.mjs';
import { BODY, settled, startPages } from './pages.mjs';

describe('the helper extension, judged by axe', () => {
  let pages, helper;
  before(async () => {
    pages = await startPages();
    helper = await startHelper(pages.world);
  });
  after(async () => {
    await helper?.stop();
    await pages?.stop();
  });

  for (const [what, options] of [
    ['a good page', {}],
    ['a page with the tag twice', { twice: true }],
    ['a page without a tag', { head: '', tag: false }],
  ]) {
    it(`nothing is wrong with its window on ${what}`, { timeout: 60_000 }, async () => {
      const page = await pages.open(helper.context, options.twice ? { head: pages.line + pages.line, body: BODY } : { body: BODY, ...options });
      if (options.head !== '') await settled(page);
      const { view } = await helper.look(page);
      for (const theme of ['light', 'dark']) {
        await view.emulateMedia({ colorScheme: theme });
        assert.deepEqual(await judged(view), [], theme);
      }
      await view.close();
      await page.close();
    });
  }
});
