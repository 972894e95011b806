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

describe('shim and WebAssembly', () => {
  let browser, collector;

  before(async () => {
    collector = await startCollector();
    browser = await launchShop(collector);
  });
  after(async () => {
    await browser.close();
    await collector.stop();
  });

  const HEADS = [
    'https://www.digistore24.com/redir/1/a', '//digistore24.com/content/9', 'HTTPS://u:p@DIGISTORE24.COM.:8443/x/../redir/3', 'https:\\\\digistore24.com\\redir\\5',
    'https://digistore24.com/redir//', 'https://evil-digistore24.com/redir/1', 'https://x.hop.clickbank.net', 'https://other.example/redir/1', '/go/x', '',
  ];
  // MINE stands for an id of this page load.
  const PARTS = [
    'cid', 'cid=', 'cid=partner', 'cid=MINE', 'cid=hbshnsrle2u9bhhz1xhcgm36fwbdjgzd', 'cid=--CLICK-ID--', 'cid=%20', 'CID=1', '%63id=7', 'xcid=2', 'tid=', 'tid=x', 'sid1=tw_MINE', 'sid1=--CLICK-ID--x',
    '=', '&', '&&', '?', '#', '/', ';', 'a=1', 'x+y%20z', '%E9', 'ä', '{macro}', '\t',
  ];

  /** The same addresses on every run. */
  function addresses(count) {
    let state = 1;
    const below = (limit) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    const one = (list) => list[below(list.length)];
    return Array.from({ length: count }, () => one(HEADS) + (below(5) ? '?' : '') + Array.from({ length: below(6) }, () => one(PARTS) + (below(2) ? '&' : '')).join(''));
  }

  for (const existing of ['keep', 'replace']) {
    it(`answer any address alike: ${existing}`, async () => {
      collector.settings = { existing };
      const asked = addresses(2000);
      const answers = await Promise.all(MODES.map(async (mode) => {
        const shop = await openShop(browser, collector, { mode });
        await shop.visit('');
        assert.equal((await shop.inspect()).mode, mode);
        const decorated = await shop.page.evaluate((asked) => asked.map((address) => {
          const mine = /[a-z0-9]{32}/.exec(tagwerk('decorate', 'https://digistore24.com/redir/1/a'))[0];
          const answer = tagwerk('decorate', address.replaceAll('MINE', mine));
          return answer.replaceAll(mine, 'MINE').replaceAll(new RegExp(`${mine.slice(0, 16)}[a-z0-9]{16}`, 'g'), 'FRESH');
        }), asked);
        assert.deepEqual(shop.errors, []);
        await shop.close();
        return decorated;
      }));
      assert.ok(answers[0].filter((answer) => answer.includes('FRESH')).length > 500);
      asked.forEach((address, index) => assert.equal(answers[1][index], answers[0][index], address));
    });
  }
});
