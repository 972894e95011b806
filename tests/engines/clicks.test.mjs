// The click matrix: every way to open an offer, in both modes of the tag. Each row asserts which addresses were opened, byte for
// byte but for the click id; that every one of them carries a valid id of its own; and that the server has one click and one
// OutboundClick for each, and no more.
import assert from 'node:assert/strict';
import { FORM, GESTURES, on } from './gestures.mjs';
import { MODES, isClickId, taken } from './shop.mjs';
import { inModes, suite } from './suite.mjs';

/** Rows that look at more than what opened. */
const OTHERS = [
  {
    name: 'right click: nothing opens, and the link carries an id for whoever copies its address',
    async run(shop) {
      await shop.visit(shop.link);
      await shop.click('#offer', { button: 'right' });
      await shop.until('the id', async () => taken(await shop.href())[1]);
      const [rest, id] = taken(await shop.href());
      assert.equal(rest, shop.offer);
      assert.ok(isClickId(id));
      await shop.dismiss();
      await shop.settled();
      await shop.counted([]);
      assert.deepEqual(shop.opened(), []);
    },
  },
  {
    name: 'a link that is dragged takes an id along, and counts nothing',
    async run(shop) {
      await shop.visit(shop.link + on('dragstart', "window.dragged = event.dataTransfer.getData('text/uri-list') || link.href", 'document'));
      await shop.drag();
      await shop.until('the drag', () => shop.run('return window.dragged'));
      const [rest, id] = taken((await shop.run('return dragged')).trim());
      assert.equal(rest, shop.offer);
      assert.ok(isClickId(id));
      await shop.settled();
      await shop.counted([]);
    },
  },
  {
    name: "somebody else's sub-id stays, and its click is told as foreign",
    async run(shop) {
      const foreign = `${shop.bare}?cid=partner-7`;
      await shop.visit(`<a id="offer" target="_blank" href="${foreign}">Buy</a>`);
      await shop.click();
      assert.deepEqual((await shop.destinations(1)).map((one) => one.url), [foreign]);
      await shop.settled();
      const [click, ...others] = await shop.clicks();
      assert.deepEqual(others, []);
      assert.deepEqual([click.foreign, click.href], [true, foreign]);
      assert.ok(isClickId(click.click_id));
    },
  },
  {
    name: "a link of nobody's is left alone and not reported",
    async run(shop) {
      const foreign = `http://example.com${shop.place}?q=x+y%20z&%E9`;
      await shop.visit(`<a id="offer" target="_blank" href="${foreign}">read</a>`);
      await shop.click();
      assert.deepEqual((await shop.destinations(1)).map((one) => one.url), [foreign]);
      await shop.settled();
      await shop.counted([]);
      assert.equal(await shop.href(), foreign);
    },
  },
  {
    name: "a form of nobody's is left alone and not reported",
    async run(shop) {
      await shop.visit(FORM(shop, 'target="_blank"', '<input name="q" value="1"><button id="offer">Find</button>').replace(shop.bare, `http://example.com${shop.place}`));
      await shop.click();
      assert.deepEqual((await shop.destinations(1)).map((one) => one.url), [`http://example.com${shop.place}?q=1`]);
      await shop.settled();
      await shop.counted([]);
    },
  },
];

const gesture = ({ body = (shop) => shop.link, act, opens = 1, beside, how, offers = (shop) => [shop.offer], sent = '', parameter, group = 'digistore24', href = true, label = 'Buy the course', undecorated, ...row }) => ({
  ...row,
  async run(shop) {
    await shop.visit(body(shop));
    const [shown] = await shop.driver.getAllWindowHandles();
    await act(shop);
    await shop.destinations(opens);
    await shop.driver.switchTo().window(shown);
    if (opens && !beside) await shop.back();
    await shop.told('OutboundClick', undecorated ? 0 : opens);
    await shop.settled();

    const opened = shop.opened();
    assert.equal(opened.length, opens, `${JSON.stringify(opened)} are ${opens}`);
    const parts = opened.map(({ url }) => taken(url, parameter));
    for (const [index, [rest]] of parts.entries()) {
      const wanted = offers(shop);
      assert.equal(rest, (wanted[index] ?? wanted[0]).split('#')[0], 'every other byte stays');
      assert.equal(opened[index].body, sent);
    }
    const ids = parts.map(([, id]) => id).filter((id) => !undecorated || id);
    assert.equal(ids.length, undecorated ? 0 : opens);
    for (const id of ids) assert.ok(isClickId(id), `${opened.map(({ url }) => url)} carry click ids`);
    assert.equal(new Set(ids).size, ids.length, 'every click has an id of its own');
    for (const click of await shop.counted(ids, { how })) {
      assert.equal(click.group, group);
      assert.equal(click.page, shop.url);
      if (href) assert.ok(click.href.includes(click.click_id), `${click.href} is what was opened`);
      if (shop.body.includes('the course')) assert.equal(click.label, label);
    }
  },
});

/** Rows in which the tag's mode is part of the story. */
const EARLY = [
  {
    name: 'a click before the WebAssembly part has come is told by the shim, and its link gets another id from the module',
    mode: 'wasm',
    async run(shop) {
      let open;
      shop.world.now.gate = new Promise((resolve) => (open = resolve));
      await shop.visit(shop.link.replace('<a', '<a target="_blank"'), { wait: false });
      await shop.loaded();
      const [shown] = await shop.driver.getAllWindowHandles();
      await shop.click();
      await shop.destinations(1);
      await shop.driver.switchTo().window(shown);
      open();
      await shop.working();
      await shop.click();
      await shop.destinations(2);
      await shop.driver.switchTo().window(shown);
      await shop.settled();
      const ids = shop.opened().map(({ url }) => taken(url)[1]);
      const clicks = await shop.counted(ids);
      assert.deepEqual(clicks.map((click) => click.how).sort(), ['early', 'left']);
      assert.equal(new Set(ids).size, 2);
      assert.equal((await shop.events('PageView')).length, 1);
    },
  },
];

suite('clicks', [...inModes([...GESTURES.map(gesture), ...OTHERS], MODES), ...EARLY]);
