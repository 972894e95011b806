// A shop's page with the tag in it, in whatever engine: what a visitor does there, and what became of it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { clickByHand, dismissByHand, engine } from './engine.mjs';
import { PATIENCE, TAG_HOST } from './world.mjs';

const { Button, Key, Origin } = createRequire(import.meta.url)('selenium-webdriver');

export { Key };

/** The two ways the tag works in: `wasm`, and the shim alone where there is no WebAssembly. */
export const MODES = ['wasm', 'shim'];

const BUTTONS = { left: Button.LEFT, middle: Button.MIDDLE, right: Button.RIGHT };
const ELSEWHERE = [600, 400];

// The first element that matches, in open shadow roots too.
const FIND = `const find = (root) => {
  const found = root.querySelector(arguments[0]);
  if (found) return found;
  for (const host of root.querySelectorAll('*')) {
    const inner = host.shadowRoot && find(host.shadowRoot);
    if (inner) return inner;
  }
};
return find(document);`;

/** Whether a text is a click id whose check characters are right. */
export function isClickId(id) {
  if (!/^[a-z0-9]{32}$/.test(id)) return false;
  const h = [...id.slice(0, 30)].reduce((sum, c) => (sum * 37 + parseInt(c, 36) + 1) % 1296, 0);
  return id.slice(30) === Math.floor(h / 36).toString(36) + (h % 36).toString(36);
}

/** An address without its click id, and the id. */
export function taken(address, parameter = 'cid') {
  const [before, id] = new RegExp(`[?&]${parameter}=([^&#]*)`).exec(address) ?? [];
  if (!id) return [address, undefined];
  const rest = address.replace(before[0] === '?' && address.includes(`${before}&`) ? `${before.slice(1)}&` : before, '');
  return [rest, id];
}

let shops = 0;

/**
 * A shop of its own name (`host` makes it of the shop's number), so that no shop finds what another has stored. `init` is a script
 * that runs in each of its pages before anything else.
 */
export class Shop {
  constructor({ driver, world, server }, { mode = 'wasm', init = '', host = (number) => `shop${number}.example` } = {}) {
    this.number = ++shops;
    Object.assign(this, { driver, world, server, mode, init });
    this.host = host(this.number);
    this.url = `http://${this.host}/blog/post`;
    this.script = `http://${TAG_HOST}/${server.site.site_id}.js`;
    this.tag = `<script async src="${this.script}"></script>`;
    /** An offer that no other row opens, with all that is to stay byte for byte. */
    this.place = `/redir/${this.number}/`;
    this.bare = `http://www.digistore24.com${this.place}a`;
    this.offer = `${this.bare}?u=/a,b&sig=x+y%20z&%E9={m}&flag#top`;
    this.link = `<a id="offer" href="${this.offer}">Buy <b id="inside">the course</b></a>`;
  }

  // --- pages ------------------------------------------------------------------------------------------------------

  /** Puts a page of this shop into the world. */
  put(url, body, { head = this.tag, headers } = {}) {
    const alone = this.mode === 'shim' ? 'delete window.WebAssembly;' : '';
    // Two words of the platform are kept, in case the page takes them away.
    const first = `<script>${alone}{
      window.problems = [];
      const beacon = navigator.sendBeacon.bind(navigator);
      const tell = (text) => { problems.push(text); beacon('/oops', text); };
      addEventListener('error', (event) => tell(event.message || 'an element does not load'));
      addEventListener('unhandledrejection', (event) => tell('' + event.reason));
    }${this.init}</script>`;
    this.world.pages.set(url.split(/[?#]/)[0], { headers, html: `<!doctype html><html><head>${first}${head}</head><body>${body}</body></html>` });
  }

  /** Opens the shop with this body; waits until the tag is at work unless told not to. */
  async visit(body, { url = this.url, wait = true, ...options } = {}) {
    this.world.pages.set(`http://${this.host}/oops`, ({ response, body: text }) => {
      this.oops.push(text);
      response.writeHead(204).end();
    });
    this.put(url, body, options);
    this.body = body;
    this.options = options;
    await this.driver.get(url);
    if (wait) assert.equal(await this.working(), this.works ?? this.mode, 'the tag works in this mode');
  }

  /** What the pages' `window.onerror` saw. */
  oops = [];

  /** Waits until WebAssembly has taken over, or the shim knows that it is alone; answers the mode. */
  async working() {
    await this.loaded();
    return this.driver.executeAsyncScript("Promise.resolve(tagwerk('ready')).then(arguments[arguments.length - 1])");
  }

  /** Waits until the shim is there. */
  loaded() {
    return this.until('the shim is there', () => this.run('return !!(window.tagwerk && tagwerk.loaded)'));
  }

  /** What the tag says of itself. */
  async inspect() {
    const text = await this.driver.executeAsyncScript("tagwerk('inspect').then((report) => arguments[arguments.length - 1](JSON.stringify(report)))");
    return JSON.parse(text);
  }

  /** Waits for something in the page, or of it. */
  async until(what, condition) {
    return this.driver.wait(condition, PATIENCE, `${what}: it did not come to pass`, 25);
  }

  /** Runs a script in the page and answers what it returns. */
  run(script, ...args) {
    return this.driver.executeScript(script, ...args);
  }

  // --- gestures ---------------------------------------------------------------------------------------------------

  async find(css) {
    const found = await this.run(FIND, css);
    assert.ok(found, `${css} is in the page`);
    return found;
  }

  async hover(css = '#offer') {
    await this.driver.actions().move({ x: ELSEWHERE[0], y: ELSEWHERE[1], duration: 0 }).move({ origin: await this.find(css), duration: 0 }).perform();
  }

  async click(css = '#offer', { button = 'left', keys = [] } = {}) {
    if (clickByHand && button !== 'left') return clickByHand(this.driver, await this.find(css), BUTTONS[button]);
    const actions = this.driver.actions();
    for (const key of keys) actions.keyDown(key);
    actions.move({ origin: await this.find(css), duration: 0 }).press(BUTTONS[button]).release(BUTTONS[button]);
    for (const key of keys) actions.keyUp(key);
    await actions.perform();
  }

  /** Closes the menu that a right click has opened. */
  async dismiss() {
    if (dismissByHand) return dismissByHand();
    await this.driver.actions().sendKeys(Key.ESCAPE).perform();
  }

  async press(css, key) {
    await this.run('arguments[0].focus()', await this.find(css));
    await this.driver.actions().sendKeys(key).perform();
  }

  async drag(css = '#offer') {
    const move = { origin: Origin.POINTER, duration: 50 };
    await this.driver.actions().move({ origin: await this.find(css), duration: 0 }).press().move({ ...move, x: 30, y: 30 }).move({ ...move, x: 60, y: 60 }).release().perform();
  }

  /** The link's address as it stands in the page. */
  async href(css = '#offer') {
    return this.run("const link = arguments[0]; return link.getAttribute('href') || link.getAttribute('xlink:href')", await this.find(css));
  }

  // --- what became of it ------------------------------------------------------------------------------------------

  /** The addresses outside the shop that were opened, as `{ url, method, body }`. */
  opened(part = this.place) {
    return this.world.opened(part);
  }

  /** Waits until so many addresses were opened outside the shop; answers all. */
  async destinations(count, part) {
    if (count) await this.world.until(`${count} destinations`, async () => this.opened(part).length >= count);
    return this.opened(part);
  }

  /** The shop's page again, where an offer has taken its place: what a page could not deliver, the next one does. */
  async back() {
    await this.until('the page has gone', async () => !(await this.driver.getCurrentUrl()).startsWith(`http://${this.host}/`));
    await this.visit(this.body, this.options);
  }

  /** What the server has of this shop's pages, oldest first. */
  async events(name) {
    const events = await this.server.list('events', 300);
    return events.reverse().filter((event) => event.page.startsWith(`http://${this.host}/`) && (!name || event.name === name));
  }

  async clicks() {
    const clicks = await this.server.list('clicks', 300);
    return clicks.reverse().filter((click) => click.page.startsWith(`http://${this.host}/`));
  }

  /** Waits until the server has so many events of that name; answers them. */
  async told(name, count) {
    await this.world.until(`${count} times ${name}`, async () => (await this.events(name)).length >= count);
    return this.events(name);
  }

  /** All that the tag has to tell is at the server: an event that is sent now is, and nothing waits in the outbox. */
  async settled({ answered = true } = {}) {
    const id = await this.run("return tagwerk('trigger', 'Marker')");
    assert.ok(isClickId(id), `the marker has an id: ${id}`);
    // Where the page keeps the answers from the tag, the outbox is not emptied.
    if (answered) await this.until('the outbox is empty', () => this.run("try { return !localStorage['tagwerk.outbox'] } catch (error) { return true }"));
    await this.world.until('the marker', async () => (await this.events('Marker')).some((event) => event.event_id === id));
  }

  /**
   * Clicks that count: the opened addresses, the server's events and its list of clicks name the same ids, each of them once.
   * Answers the clicks.
   */
  async counted(ids, { how } = {}) {
    // What a page sends as it goes may come later than what the next one sends.
    await this.told('OutboundClick', ids.length);
    const clicks = await this.clicks();
    const events = await this.events('OutboundClick');
    assert.deepEqual(clicks.map((click) => click.click_id).sort(), [...ids].sort(), 'the server knows the clicks that were opened');
    assert.deepEqual(events.map((event) => event.click_id).sort(), [...ids].sort(), 'and has one event for each');
    for (const event of events) assert.equal(event.event_id, event.click_id);
    for (const click of clicks) if (how) assert.equal(click.how, this.mode === 'wasm' ? how : 'early');
    return clicks;
  }

  /** Closes what the row has opened, and looks whether anything reached the page's `onerror`. */
  async close() {
    const { driver } = this;
    const handles = await driver.getAllWindowHandles();
    for (const handle of handles.slice(1)) {
      await driver.switchTo().window(handle);
      await driver.close();
    }
    await driver.switchTo().window(handles[0]);
    // As one text: a page may have changed how lists are written.
    const shown = await this.run("return (window.problems || []).join('\\n')").catch(() => '');
    await driver.get('about:blank');
    assert.deepEqual([...new Set([...shown.split('\n').filter(Boolean), ...this.oops])], [], 'nothing reaches the page');
  }
}

/** Whether the engine at work is one of these. */
export const isEngine = (...names) => names.includes(engine);
