// Every published link case, in the browser, by hovering, in both modes of the tag.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { startCollector } from './collector.mjs';
import { MODES, isClickId, launchShop, openShop } from './shop.mjs';

const { cases } = JSON.parse(readFileSync(new URL('../cases/links.json', import.meta.url)));

for (const mode of MODES) {
  describe(`links.json in the browser, ${mode}`, () => {
    let browser, collector;
    const shops = new Map();

    before(async () => {
      collector = await startCollector();
      browser = await launchShop(collector);
      for (const existing of ['keep', 'replace']) {
        collector.settings = { existing };
        const shop = await openShop(browser, collector, { mode });
        await shop.visit('<div id="stage"></div>');
        assert.equal((await shop.inspect()).mode, mode);
        shops.set(existing, shop);
      }
    });
    after(async () => {
      await browser.close();
      await collector.stop();
    });

    assert.ok(cases.length >= 36);
    for (const { name, href, attributes, expect, settings } of cases) {
      it(name, async () => {
        const { page } = shops.get(settings?.existing_subid ?? 'keep');
        await page.evaluate(
          ([href, attributes]) => {
            const link = document.createElement('a');
            for (const [name, value] of Object.entries({ href, ...attributes })) link.setAttribute(name, value);
            link.innerHTML = '<b id="inside">offer</b>';
            document.querySelector('#stage').replaceChildren(link);
          },
          [href, attributes],
        );
        await page.hover('#inside');
        const found = await page.getAttribute('#stage a', 'href');
        if (expect === null) return assert.equal(found, href);
        const [before, ...rest] = expect.split('CLICKID');
        const id = found.slice(before.length, before.length + 32);
        assert.ok(isClickId(id), `${found} carries a click id`);
        assert.equal(found, [before, ...rest].join(id));
        assert.equal(id.slice(0, 16), await page.evaluate(async () => (await window.tagwerk('inspect')).visit_id));
      });
    }
  });
}
