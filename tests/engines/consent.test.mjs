// Consent: for every state of the site's setting and every signal, what is stored, what reaches the server, and that the offer's
// link works in all of them.
import assert from 'node:assert/strict';
import { MODES, isClickId, taken } from './shop.mjs';
import { inModes, suite } from './suite.mjs';

const STUB = 'window.tagwerk = window.tagwerk || function () { (tagwerk.q = tagwerk.q || []).push(arguments) };';
const GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { configurable: true, get: () => true });";

/** A consent banner that speaks IAB TCF v2. `tcf(...)` in the page tells every listener. */
const TCF = `{
  const listeners = [];
  window.__tcfapi = (command, version, callback) => { if (command === 'addEventListener' && version === 2) { listeners.push(callback); if (window.latest) callback(latest, true) } };
  window.tcf = (eventStatus, purposes, more) => {
    const consents = Object.fromEntries(purposes.map((purpose) => [purpose, true]));
    window.latest = { tcString: 'CPc', gdprApplies: true, cmpStatus: 'loaded', listenerId: 1, ...more, eventStatus, purpose: { consents, legitimateInterests: {} } };
    listeners.forEach((callback) => callback(latest, true));
  };
}`;
const LAYER = 'window.dataLayer = window.dataLayer || []; window.gtag = function () { dataLayer.push(arguments) };';
const google = (kind, more) => `gtag('consent', '${kind}', ${JSON.stringify(more)});`;
const say = (state) => `tagwerk('consent', '${state}');`;
const ALL = '[1, 2, 7, 10]';

const modes = { none: { mode: 'none' }, required: { mode: 'required' }, auto: { mode: 'auto' } };

/**
 * Each row: the site's `setting`, whether links are decorated without consent (`without`, true unless told), `gpc` as the site has
 * it; what the page does `before` the tag loads and `after`; which consent stands before that (`first`: what stands then where there
 * is nothing more, else pending) and then (`is`).
 */
const TABLE = [
  { name: 'none: nothing is asked', setting: 'none', is: 'granted' },
  { name: 'none: refused before the tag came', setting: 'none', before: STUB + say('denied'), is: 'denied' },
  { name: 'none: refused afterwards', setting: 'none', first: 'granted', after: say('denied'), is: 'denied' },
  { name: 'none: refused, then granted', setting: 'none', first: 'granted', after: say('denied') + say('granted'), is: 'granted' },
  { name: 'none: a banner that refuses is not asked', setting: 'none', before: TCF + "tcf('tcloaded', []);", is: 'granted' },
  { name: 'none: the browser refuses, and the site heeds it', setting: 'none', gpc: true, before: GPC, is: 'denied' },
  { name: 'none: the browser refuses, and the site does not heed it', setting: 'none', before: GPC, is: 'granted' },
  { name: 'none: the browser refuses, and the page says otherwise before the tag came', setting: 'none', gpc: true, before: GPC + STUB + say('granted'), is: 'granted' },
  { name: 'none: the browser refuses, and the page says otherwise afterwards', setting: 'none', gpc: true, before: GPC, first: 'denied', after: say('granted'), is: 'granted' },

  { name: 'required: nobody has said anything', setting: 'required', is: 'pending' },
  { name: 'required: nobody has said anything, and links stay plain', setting: 'required', without: false, is: 'pending' },
  { name: 'required: granted before the tag came', setting: 'required', before: STUB + say('granted'), is: 'granted' },
  { name: 'required: granted afterwards', setting: 'required', after: say('granted'), is: 'granted' },
  { name: 'required: granted afterwards, links plain until then', setting: 'required', without: false, after: say('granted'), is: 'granted' },
  { name: 'required: refused', setting: 'required', after: say('denied'), is: 'denied' },
  { name: 'required: refused, and links stay plain', setting: 'required', without: false, after: say('denied'), is: 'denied' },
  { name: 'required: a word that is none', setting: 'required', after: say('maybe'), is: 'denied' },
  { name: 'required: a banner that grants is not asked', setting: 'required', before: TCF + `tcf('tcloaded', ${ALL});`, is: 'pending' },
  { name: 'required: the browser refuses, and the site heeds it', setting: 'required', gpc: true, before: GPC, is: 'denied' },

  { name: 'auto: nobody has said anything', setting: 'auto', is: 'pending' },
  { name: 'auto: nobody has said anything, and links stay plain', setting: 'auto', without: false, is: 'pending' },
  { name: 'auto: granted by the page', setting: 'auto', after: say('granted'), is: 'granted' },

  { name: 'auto, TCF: the GDPR does not apply', setting: 'auto', before: TCF + "tcf('tcloaded', [], { gdprApplies: false });", is: 'granted' },
  { name: 'auto, TCF: known from before, with purposes 1 and 7', setting: 'auto', before: TCF + `tcf('tcloaded', ${ALL});`, is: 'granted' },
  { name: 'auto, TCF: known from before, without purpose 7', setting: 'auto', before: TCF + "tcf('tcloaded', [1, 2]);", is: 'denied' },
  { name: 'auto, TCF: known from before, without purpose 1', setting: 'auto', before: TCF + "tcf('tcloaded', [7]);", is: 'denied' },
  { name: 'auto, TCF: the banner is shown', setting: 'auto', before: TCF + `tcf('cmpuishown', ${ALL});`, is: 'pending' },
  { name: 'auto, TCF: the banner is there and says nothing yet', setting: 'auto', before: TCF, is: 'pending' },
  { name: 'auto, TCF: the banner is shown, then agreed to', setting: 'auto', before: TCF + "tcf('cmpuishown', []);", after: `tcf('useractioncomplete', ${ALL});`, is: 'granted' },
  { name: 'auto, TCF: the banner is shown, then refused', setting: 'auto', before: TCF + "tcf('cmpuishown', []);", after: "tcf('useractioncomplete', []);", is: 'denied' },
  { name: 'auto, TCF: the banner comes after the tag', setting: 'auto', after: TCF + `tcf('tcloaded', ${ALL});`, is: 'granted' },
  { name: 'auto, TCF: agreed to, then withdrawn', setting: 'auto', before: TCF + `tcf('tcloaded', ${ALL});`, first: 'granted', after: "tcf('useractioncomplete', []);", is: 'denied' },
  { name: 'auto, TCF: a banner that throws', setting: 'auto', before: "window.__tcfapi = () => { throw new Error('broken') };", is: 'pending' },
  { name: 'auto, TCF: a banner that fails', setting: 'auto', before: 'window.__tcfapi = (command, version, callback) => callback(null, false);', is: 'pending' },
  { name: 'auto, TCF: refused, and the page says otherwise', setting: 'auto', before: STUB + say('granted') + TCF + "tcf('tcloaded', []);", is: 'granted' },
  { name: 'auto, TCF: agreed to, and the page says otherwise', setting: 'auto', before: TCF + `tcf('tcloaded', ${ALL});`, first: 'granted', after: say('denied') + `tcf('useractioncomplete', ${ALL});`, is: 'denied' },
  { name: 'auto, TCF: agreed to, and the browser refuses', setting: 'auto', gpc: true, before: GPC + TCF + `tcf('tcloaded', ${ALL});`, is: 'denied' },

  { name: 'auto, Google: default denied', setting: 'auto', before: LAYER + google('default', { ad_storage: 'denied', analytics_storage: 'denied', wait_for_update: 500 }), is: 'pending' },
  { name: 'auto, Google: default granted', setting: 'auto', before: LAYER + google('default', { ad_storage: 'granted' }), is: 'granted' },
  { name: 'auto, Google: default granted, said after the tag came', setting: 'auto', after: LAYER + google('default', { ad_storage: 'granted' }), is: 'granted' },
  { name: 'auto, Google: default denied, then updated to granted before the tag came', setting: 'auto', before: LAYER + google('default', { ad_storage: 'denied' }) + google('update', { ad_storage: 'granted' }), is: 'granted' },
  { name: 'auto, Google: default denied, then updated to granted', setting: 'auto', before: LAYER + google('default', { ad_storage: 'denied' }), after: google('update', { ad_storage: 'granted' }), is: 'granted' },
  { name: 'auto, Google: default denied, then updated to denied', setting: 'auto', before: LAYER + google('default', { ad_storage: 'denied' }), after: google('update', { ad_storage: 'denied' }), is: 'denied' },
  { name: 'auto, Google: granted, then withdrawn', setting: 'auto', before: LAYER + google('default', { ad_storage: 'granted' }), first: 'granted', after: google('update', { ad_storage: 'denied' }), is: 'denied' },
  { name: 'auto, Google: an update about something else', setting: 'auto', before: LAYER + google('default', { ad_storage: 'denied' }), after: google('update', { analytics_storage: 'granted' }), is: 'pending' },
  { name: 'auto, Google: updated without any default', setting: 'auto', before: LAYER, after: google('update', { ad_storage: 'granted' }), is: 'granted' },
  { name: 'auto, Google: other things in the data layer', setting: 'auto', before: "window.dataLayer = [{ event: 'gtm.js' }, null, 'text', ['consent'], { 0: 'consent' }];", after: "dataLayer.push({ event: 'x' }, undefined);", is: 'pending' },
  { name: 'auto, Google: denied, and the page says otherwise', setting: 'auto', before: LAYER + google('default', { ad_storage: 'denied' }), after: google('update', { ad_storage: 'denied' }) + say('granted'), is: 'granted' },
];

/** Every text that the browser keeps of us. */
const KEPT = "return [localStorage.getItem('tagwerk'), localStorage.getItem('tagwerk.outbox'), (/tagwerk=[^;]*/.exec(document.cookie) || [])[0]].filter(Boolean)";

const row = ({ setting, without = true, gpc = false, before = '', after = '', is, first = after ? 'pending' : is, ...more }) => ({
  ...more,
  settings: { consent: { ...modes[setting], gpc, decorate_without: without } },
  async run(shop) {
    const consent = async () => (await shop.inspect()).consent;
    // As the server's cookie would stand there from an earlier visit.
    const head = `<script>document.cookie = 'tagwerk=visitor_id%3Dkept; path=/'; ${before}</script>${shop.tag}`;
    await shop.visit(shop.link.replace('<a', '<a target="_blank"'), { head });
    await shop.until(`consent is ${first}`, async () => (await consent()) === first);
    const triggered = await shop.run("return tagwerk('trigger', 'Early')");
    await shop.run(after || 'return 0');
    await shop.until(`consent is ${is}`, async () => (await consent()) === is);

    // The link works, and carries an id where it may.
    const decorated = is === 'granted' || without;
    const [shown] = await shop.driver.getAllWindowHandles();
    await shop.click();
    const [{ url }] = await shop.destinations(1);
    await shop.driver.switchTo().window(shown);
    const [rest, id] = taken(url);
    assert.equal(rest, shop.offer.split('#')[0]);
    assert.equal(Boolean(id), decorated, url);
    if (decorated) assert.ok(isClickId(id));

    // What happened while nobody had refused is told sooner or later; what happened after a refusal is not.
    const told = () => shop.world.log.filter(({ what, about }) => what === 'event sent' && about.page.startsWith(`http://${shop.host}/`)).map(({ about }) => about.name);
    const early = { granted: [triggered], pending: /denied/.test(after) || is === 'denied' ? [] : [triggered], denied: [] }[first];
    const kept = await shop.run(KEPT);
    if (is === 'granted') {
      assert.ok(kept[0]?.includes('visit_id='), `the visit is kept: ${kept}`);
    } else {
      assert.deepEqual(kept.filter((text) => is === 'denied' || !text.startsWith('tagwerk=')), [], 'nothing is kept');
      assert.deepEqual(told().sort(), first === 'granted' ? ['Early', 'PageView'] : [], 'nothing is told');
      // The page agrees at last: what waited is told, what was refused is gone.
      await shop.run(say('granted'));
    }
    await shop.settled();
    await shop.counted(is !== 'denied' && decorated ? [id] : []);
    assert.deepEqual((await shop.events('Early')).map((event) => event.event_id), early);
    const again = first === 'granted' && (is === 'denied' || after.includes('denied'));
    assert.equal((await shop.events('PageView')).length, again ? 2 : 1, 'one view for each time that somebody agreed');
  },
});

const WITHDRAWAL = MODES.map((mode) => ({
  name: 'withdrawal purges what is kept, empties what waits, and stops the sending; later consent begins anew',
  mode,
  settings: { consent: { ...modes.required, gpc: false, decorate_without: true } },
  async run(shop) {
    await shop.visit(shop.link.replace('<a', '<a target="_blank"'), { head: `<script>${STUB + say('granted')}</script>${shop.tag}` });
    await shop.settled();
    assert.ok((await shop.run(KEPT)).length > 0);
    shop.world.now.events = 503;
    await shop.run("tagwerk('trigger', 'Undelivered')");
    await shop.world.until('the refused line', async () => shop.world.log.some(({ about }) => about?.name === 'Undelivered'));
    await shop.run(say('denied'));
    assert.deepEqual(await shop.run(KEPT), []);
    shop.world.now.events = 'forward';
    const [shown] = await shop.driver.getAllWindowHandles();
    await shop.click();
    await shop.destinations(1);
    await shop.driver.switchTo().window(shown);
    assert.deepEqual(await shop.run(KEPT), []);

    // The next page knows nothing of the answer, and asks again.
    await shop.visit(shop.link);
    assert.equal((await shop.inspect()).consent, 'pending');
    assert.deepEqual(await shop.run(KEPT), []);
    await shop.run(say('granted'));
    await shop.settled();
    assert.deepEqual(await shop.events('OutboundClick'), []);
    assert.deepEqual(await shop.events('Undelivered'), []);
    const visits = new Set((await shop.events('PageView')).map((event) => event.visit_id));
    assert.equal(visits.size, 2, 'another visit');
  },
}));

const rows = TABLE.map(row);
suite('consent', [...inModes(rows, ['wasm']), ...inModes(rows.filter(({ name }) => !/: (refused|known|a banner|an update|other things)/.test(name)), ['shim']), ...WITHDRAWAL]);
