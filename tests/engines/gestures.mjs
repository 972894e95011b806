// Every way to open an offer: the page, what the visitor does, and what is to come of it. One list for all engines.
import assert from 'node:assert/strict';
import { Key, isClickId, isEngine, taken } from './shop.mjs';

/** A script that listens to the offer's link, or to another target. */
export const on = (type, code, target = 'link', capture = false) => `<script>{
  const link = document.querySelector('#offer');
  (${target}).addEventListener('${type}', (event) => { ${code} }, ${capture});
}</script>`;
const SVG = (shop, href) => `<svg width="99" height="99"><a id="offer" ${href}="${shop.offer}"><rect id="inside" width="99" height="99"/></a></svg>`;
const SHADOW = (shop, nested) => `<div id="host"></div><script>{
  const outer = document.querySelector('#host').attachShadow({ mode: 'open' });
  outer.innerHTML = ${nested} ? '<p></p>' : ${JSON.stringify(shop.link)};
  if (${nested}) outer.firstChild.attachShadow({ mode: 'open' }).innerHTML = ${JSON.stringify(shop.link)};
}</script>`;
/** A form that leads to the offer. */
export const FORM = (shop, attributes, fields) => `<form id="form" action="${shop.bare}" ${attributes}>${fields}</form>`;
const WITHOUT_NAVIGATION = 'delete window.navigation;';
// A page without the Navigation API that goes within a second has gone for the offer: by a clock that goes as many times as fast,
// so that a second is as long as the row wants it, and not as the machine is busy.
const clock = (times) => `{ const { now } = Date, from = now(); Date.now = () => Math.round(from + (now() - from) * ${times}) }`;
const ASKING = (then) => on('click', `event.preventDefault(); fetch('/asked').then(() => location.assign(${then}))`);
const asks = (shop) => shop.world.pages.set(`http://${shop.host}/asked`, ({ response }) => response.end('yes'));
const goesOn = async (shop) => {
  asks(shop);
  shop.put(`http://${shop.host}/next`, shop.link);
  await shop.click();
  await shop.until('the next page', async () => (await shop.driver.getCurrentUrl()).endsWith('/next'));
  await shop.working();
};

const NOT_BY_META = { firefox: 'a click with meta held is left to the browser around the page, which on Linux does nothing then: https://searchfox.org/firefox-main/source/dom/base/Element.cpp' };
const LACKS_NAVIGATION_API = { webkit: 'without the Navigation API, which WebKitGTK 2.50 has yet to switch on, a page that goes within a second has gone for the offer: https://bugs.webkit.org/show_bug.cgi?id=298730' };
/** MiniBrowser opens links that are clicked with ctrl or shift in place: what a modifier does is the browser's choice, not the engine's. */
const BY_MODIFIER = !isEngine('webkit');

/**
 * Each row: a page (`body`, or a link), what the visitor does (`act`), how many offers that opens (1 unless told), whether
 * `beside` the page, how the tag says it happened (`how`), and what opens (`offers`, without click ids; the offer unless told).
 * What no tag can see opens `undecorated` and is not told.
 */
export const GESTURES = [
  { name: 'left click', act: (shop) => shop.click(), how: 'left' },
  { name: 'click on a child of the link', act: (shop) => shop.click('#inside'), how: 'left' },
  { name: 'ctrl and click', act: (shop) => shop.click('#offer', { keys: [Key.CONTROL] }), how: 'modified', beside: BY_MODIFIER },
  { name: 'meta and click', act: (shop) => shop.click('#offer', { keys: [Key.META] }), how: 'modified', differs: NOT_BY_META },
  { name: 'shift and click', act: (shop) => shop.click('#offer', { keys: [Key.SHIFT] }), how: 'modified', beside: BY_MODIFIER },
  {
    name: 'ctrl and click twice in a row',
    differs: { webkit: 'MiniBrowser opens in place what is clicked with ctrl, so that there is no second click: https://github.com/WebKit/WebKit/blob/main/Tools/MiniBrowser/gtk/BrowserWindow.c' },
    act: async (shop) => {
      await shop.click('#offer', { keys: [Key.CONTROL] });
      await shop.click('#offer', { keys: [Key.CONTROL] });
    },
    opens: 2,
    how: 'modified',
    beside: true,
  },
  { name: 'middle click', act: (shop) => shop.click('#offer', { button: 'middle' }), how: 'middle', beside: true },
  {
    name: 'middle click twice in a row',
    act: async (shop) => {
      const [shown] = await shop.driver.getAllWindowHandles();
      await shop.click('#offer', { button: 'middle' });
      await shop.destinations(1);
      await shop.driver.switchTo().window(shown);
      await shop.click('#offer', { button: 'middle' });
    },
    opens: 2,
    how: 'middle',
    beside: true,
  },
  { name: 'Enter', act: (shop) => shop.press('#offer', Key.ENTER), how: 'keyboard' },
  { name: 'target=_blank', body: (shop) => shop.link.replace('<a', '<a target="_blank"'), act: (shop) => shop.click(), how: 'left', beside: true },
  {
    name: 'two clicks on one link that opens beside the page',
    body: (shop) => shop.link.replace('<a', '<a target="_blank"'),
    act: async (shop) => {
      const [shown] = await shop.driver.getAllWindowHandles();
      await shop.click();
      await shop.destinations(1);
      await shop.driver.switchTo().window(shown);
      await shop.click();
    },
    opens: 2,
    how: 'left',
    beside: true,
  },
  {
    name: 'a link inserted later',
    body: () => '<p id="stage"></p>',
    act: async (shop) => {
      await shop.run("document.querySelector('#stage').innerHTML = arguments[0]", shop.link);
      await shop.click();
    },
    how: 'left',
  },
  {
    name: 'a link inserted and clicked in the same task',
    body: () => '<p id="stage"></p>',
    act: (shop) => shop.run("document.querySelector('#stage').innerHTML = arguments[0]; document.querySelector('#offer').click()", shop.link),
    how: 'script',
  },
  {
    name: 'a link that never was in the page, clicked by a script',
    body: () => '<p id="stage"></p>',
    act: (shop) => shop.run("Object.assign(document.createElement('a'), { href: arguments[0] }).click()", shop.offer),
    how: 'script',
    // Its click reaches nobody but the link itself.
    undecorated: true,
  },
  {
    name: 'an address that the page changes after decoration',
    body: (shop) => shop.link.replace(shop.offer, 'http://www.digistore24.com/redir/9/z'),
    act: async (shop) => {
      await shop.hover();
      assert.ok(isClickId(taken(await shop.href())[1]), 'hovering decorates');
      await shop.run("document.querySelector('#offer').setAttribute('href', arguments[0])", shop.offer);
      await shop.click();
    },
    how: 'left',
  },
  {
    name: 'an address that the page changes on mousedown',
    body: (shop) => shop.link + on('mousedown', `link.setAttribute('href', ${JSON.stringify(shop.offer)})`),
    act: (shop) => shop.click(),
    how: 'left',
  },
  { name: 'open shadow root', body: (shop) => SHADOW(shop, false), act: (shop) => shop.click(), how: 'left' },
  { name: 'nested open shadow roots', body: (shop) => SHADOW(shop, true), act: (shop) => shop.click('#inside'), how: 'left' },
  {
    name: 'closed shadow root, which nobody can look into',
    body: (shop) => `<div id="host" style="display: inline-block"></div><script>document.querySelector('#host').attachShadow({ mode: 'closed' }).innerHTML = ${JSON.stringify(shop.link)}</script>`,
    act: (shop) => shop.click('#host'),
    undecorated: true,
  },
  { name: 'SVG link', body: (shop) => SVG(shop, 'href'), act: (shop) => shop.click('#inside'), how: 'left' },
  { name: 'SVG link with xlink:href', body: (shop) => SVG(shop, 'xlink:href'), act: (shop) => shop.click('#inside'), how: 'left' },
  {
    name: 'image map',
    body: (shop) => `<map name="m"><area id="offer" shape="default" href="${shop.offer}"></map><img id="inside" usemap="#m" width="99" height="99"
      src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">`,
    act: (shop) => shop.click('#inside'),
    how: 'left',
  },
  {
    name: 'a relative address on a page with a base',
    body: (shop) => `<base href="http://www.digistore24.com/redir/"><a id="offer" href="${shop.number}/a?x">Buy the course</a>`,
    act: (shop) => shop.click(),
    how: 'left',
    offers: (shop) => [`${shop.bare}?x`],
  },

  // Forms.
  {
    name: 'GET form, by its button',
    body: (shop) => FORM(shop, 'method="get"', '<input name="u" value="x y ä"><button id="offer">Buy</button>'),
    act: (shop) => shop.click(),
    how: 'form',
    offers: (shop) => [`${shop.bare}?u=x+y+%C3%A4`],
  },
  {
    name: 'GET form, by Enter in a field',
    body: (shop) => FORM(shop, '', '<input id="field" name="u" value="1"><button name="b" value="2">Buy</button>'),
    act: (shop) => shop.press('#field', Key.ENTER),
    how: 'form',
    offers: (shop) => [`${shop.bare}?u=1&b=2`],
  },
  {
    name: 'GET form without any field',
    body: (shop) => FORM(shop, 'method="get"', '<button id="offer">Buy</button>'),
    act: (shop) => shop.click(),
    how: 'form',
    offers: (shop) => [shop.bare],
  },
  {
    name: 'GET form, by a button with formaction',
    body: (shop) => FORM(shop, '', `<input name="u" value="1"><button id="offer" formaction="${shop.bare}b">Buy</button>`),
    act: (shop) => shop.click(),
    how: 'form',
    offers: (shop) => [`${shop.bare}b?u=1`],
  },
  {
    name: 'GET form beside the page',
    body: (shop) => FORM(shop, 'target="_blank"', '<input name="u" value="1"><button id="offer">Buy</button>'),
    act: (shop) => shop.click(),
    how: 'form',
    beside: true,
    offers: (shop) => [`${shop.bare}?u=1`],
  },
  {
    name: 'POST form, by its button',
    body: (shop) => FORM(shop, 'method="post"', '<input name="u" value="x y"><button id="offer">Buy</button>').replace(shop.bare, `${shop.bare}?x+y%20z&%E9`),
    act: (shop) => shop.click(),
    how: 'form',
    offers: (shop) => [`${shop.bare}?x+y%20z&%E9`],
    sent: 'u=x+y',
  },
  {
    name: 'POST form, by a button with formaction and formmethod',
    body: (shop) => FORM(shop, 'method="get"', `<input name="u" value="1"><button id="offer" formmethod="post" formaction="${shop.bare}b?x">Buy</button>`),
    act: (shop) => shop.click(),
    how: 'form',
    offers: (shop) => [`${shop.bare}b?x`],
    sent: 'u=1',
  },
  {
    name: 'form with the token in a field',
    body: (shop) => FORM(shop, '', '<input name="tid" type="hidden" value="--CLICK-ID--"><button id="offer">Buy</button>').replace(shop.bare, `http://example.com${shop.place}a`),
    act: (shop) => shop.click(),
    how: 'form',
    parameter: 'tid',
    offers: (shop) => [`http://example.com${shop.place}a`],
    group: null,
    // The id is in a field, not in the address.
    href: false,
  },
  {
    name: 'form.submit() by a script',
    body: (shop) => FORM(shop, '', '<input name="u" value="1">'),
    act: (shop) => shop.run("document.querySelector('#form').submit()"),
    how: 'form',
    offers: (shop) => [`${shop.bare}?u=1`],
  },
  {
    name: 'form.submit() by a script, POST',
    body: (shop) => FORM(shop, 'method="post"', '<input name="u" value="1">'),
    act: (shop) => shop.run("document.querySelector('#form').submit()"),
    how: 'form',
    offers: (shop) => [shop.bare],
    sent: 'u=1',
  },
  {
    name: 'form whose sending the page prevents',
    body: (shop) => FORM(shop, '', '<button id="offer">Buy</button>') + on('submit', 'event.preventDefault()', 'document'),
    act: (shop) => shop.click(),
    opens: 0,
  },

  // Windows that the page opens.
  {
    name: 'window.open with a decorated address',
    body: (shop) => `<button id="go">Buy</button>${on('click', `window.open(tagwerk('decorate', ${JSON.stringify(shop.offer)}))`, "document.querySelector('#go')")}`,
    act: (shop) => shop.click('#go'),
    how: 'script',
    beside: true,
  },
  {
    name: 'window.open with a plain address',
    body: (shop) => `<button id="go">Buy</button>${on('click', `window.open(${JSON.stringify(shop.offer)})`, "document.querySelector('#go')")}`,
    act: (shop) => shop.click('#go'),
    how: 'script',
    beside: true,
  },
  {
    name: 'window.open in place of a click that the page prevents',
    body: (shop) => shop.link + on('click', 'event.preventDefault(); window.open(link.href)'),
    act: (shop) => shop.click(),
    how: 'script',
    beside: true,
    label: null,
  },

  // What pages do to clicks.
  { name: 'stopPropagation by the page', body: (shop) => shop.link + on('click', 'event.stopPropagation()'), act: (shop) => shop.click(), how: 'left' },
  {
    name: 'stopImmediatePropagation by the page, early',
    body: (shop) => shop.link + on('click', 'event.stopImmediatePropagation()', 'document', true),
    act: (shop) => shop.click(),
    how: 'left',
  },
  { name: 'preventDefault by the page', body: (shop) => shop.link + on('click', 'event.preventDefault()'), act: (shop) => shop.click(), opens: 0 },
  { name: 'preventDefault by the page, early', init: "addEventListener('click', (event) => event.preventDefault(), true);", act: (shop) => shop.click(), opens: 0 },
  { name: 'preventDefault by the page, as late as can be', body: (shop) => shop.link + on('click', 'event.preventDefault()', 'window'), act: (shop) => shop.click(), opens: 0 },
  ...[['', ''], [' without the Navigation API', WITHOUT_NAVIGATION]].flatMap(([where, lack]) => [
    {
      name: `preventDefault, then the page leaves for that address${where}`,
      init: lack + clock(0.02),
      body: (shop) => shop.link + on('click', 'event.preventDefault(); location.href = link.href'),
      act: (shop) => shop.click(),
      how: 'left',
    },
    {
      name: `preventDefault, then the page leaves for that address after asking its server${where}`,
      init: lack + clock(0.02),
      body: (shop) => shop.link + ASKING('link.href'),
      act: async (shop) => {
        asks(shop);
        await shop.click();
      },
      how: 'left',
    },
  ]),
  {
    name: 'preventDefault, then the page goes to another page of its own',
    body: (shop) => shop.link + on('click', "event.preventDefault(); location.href = '/next'"),
    act: goesOn,
    opens: 0,
    differs: LACKS_NAVIGATION_API,
  },
  {
    name: 'preventDefault, then the page goes to another page of its own after more than a second, without the Navigation API',
    init: WITHOUT_NAVIGATION + clock(1000),
    body: (shop) => shop.link + ASKING("'/next'"),
    act: goesOn,
    opens: 0,
  },

  // What opens nothing.
  { name: 'a key that opens nothing', act: (shop) => shop.press('#offer', Key.SHIFT), opens: 0 },
  {
    name: 'a click dispatched on the document',
    act: (shop) => shop.run("document.dispatchEvent(new MouseEvent('click', { bubbles: true })); window.dispatchEvent(new Event('click')); window.dispatchEvent(new Event('auxclick'))"),
    opens: 0,
  },
];
