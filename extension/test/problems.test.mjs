// Which problem is told of what was seen, where a browser is not needed to see it. Every kind of broken page in a browser is in
// tests/extension.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { problems } from '../problems.js';
import { absent, script, seen } from './page.mjs';

const ids = (what) => problems(what).map(({ id }) => id);
const SCRIPT = script().address;
const violation = (directive, blocked, disposition = 'enforce') => ({ directive, blocked, disposition });

describe('problems', () => {
  it('are none where nothing is wrong', () => {
    assert.deepEqual(problems(seen()), []);
  });

  it('are none of a tag of an older server, which says less', () => {
    const older = { server: undefined, settings: undefined, groups: undefined, minted: undefined, version: undefined };
    assert.deepEqual(problems(seen({ report: older })), []);
  });

  it('come the worst first', () => {
    const what = seen({ page: { scripts: [script({ async: false })] }, report: { server: { ...seen().frames[0].tag.report.server, hosts: ['other.example'] } } });
    assert.deepEqual(problems(what).map(({ level }) => level), ['broken', 'look']);
  });

  it('each have a title, a mend, and a row in the documentation', () => {
    const page = readFileSync(new URL('../../docs/extension.md', import.meta.url), 'utf8');
    const sources = ['script', 'parts', 'events', 'links', 'page'].map((name) => readFileSync(new URL(`../problems/${name}.js`, import.meta.url), 'utf8')).join('\n');
    const told = [...new Set([...sources.matchAll(/\bid: '(\w+)'/g)].map(([, id]) => id))];
    assert.ok(told.length > 40, `${told.length}`);
    assert.deepEqual(told.filter((id) => !page.includes(`\`${id}\``)), []);
  });

  it('that are documented are told', () => {
    const page = readFileSync(new URL('../../docs/extension.md', import.meta.url), 'utf8');
    const sources = readdirSync(new URL('../problems/', import.meta.url)).map((name) => readFileSync(new URL(`../problems/${name}`, import.meta.url), 'utf8')).join('\n');
    const [table = ''] = (page.split('\n## What it tells')[1] ?? '').split('\n## ');
    const rows = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, id]) => id);
    assert.deepEqual(rows.filter((id) => !sources.includes(`id: '${id}'`)), []);
  });
});

describe('the script', () => {
  it('that was refused because of a policy that only reports was not refused', () => {
    const refused = absent({ scripts: [script()], violations: [violation('script-src-elem', SCRIPT, 'report')] });
    assert.deepEqual(ids(refused), ['no_answer']);
  });

  it('that is not there yet, while the page is being loaded, is no fault', () => {
    assert.deepEqual(ids(absent({ scripts: [script()], complete: false })), ['loading']);
  });

  it('of a tag manager that runs is not missed as if the manager did not', () => {
    assert.deepEqual(ids(absent({ scripts: [] }, { manager: 'runs' })), ['no_tag']);
  });

  it('that has come from nowhere is not told where the browser wrote down no more', () => {
    assert.deepEqual(ids(seen({ page: { scripts: [], resources: [] } })), ['copied']);
    assert.deepEqual(ids(seen({ page: { scripts: [], resources: [], full: true } })), []);
  });

  it('that is imported by a module is no copy', () => {
    assert.deepEqual(ids(seen({ page: { scripts: [] } })), []);
  });

  it('of another site beside it is told, of a library is not', () => {
    const beside = (address) => seen({ page: { scripts: [script(), script({ address, raw: address })] } });
    assert.deepEqual(ids(beside('https://other.example/AbCd12EfGh34.js')), ['two_sites']);
    assert.deepEqual(ids(beside('https://shop.example/bootstrapApp.js')), []);
    assert.deepEqual(ids(beside('https://cdn.example/chunks/AbCd12EfGh34.js')), []);
  });

  it('that is expected is found under whatever path', () => {
    const address = 'https://t.example/lib/siteAbcdef01/x.js';
    const expected = { address, origin: 'https://t.example', site_id: 'siteAbcdef01' };
    assert.deepEqual(ids({ ...absent({ scripts: [script({ address, raw: address, type: 'text/plain', runs: false })] }), expected }), ['held_back']);
  });
});

describe('the parts of the tag', () => {
  it('are missed for one reason, the first', () => {
    const what = seen({
      page: { violations: [violation('connect-src', 'https://t.example/assets/tag.wasm'), violation('script-src', 'wasm-eval')] },
      report: { mode: 'shim', links: [], problems: ['tagwerk: TypeError: Failed to fetch', 'links are not judged, since WebAssembly cannot run here: x'] },
    });
    assert.deepEqual(ids(what), ['csp_connect']);
  });

  it('that a policy keeps from other scripts are not the tag\'s', () => {
    assert.deepEqual(ids(seen({ page: { violations: [violation('connect-src', 'https://elsewhere.example/x'), violation('script-src', 'wasm-eval')] } })), []);
  });

  it('that could not tell what they see are told, with what they said', () => {
    const [problem] = problems(seen({ tag: { answer: 'error', report: null, error: 'TypeError: no' } }));
    assert.equal(problem.id, 'no_report');
    assert.match(problem.mend, /TypeError: no/);
  });

  it('of a page without WebAssembly for a reason that nobody knows are told with what the tag says', () => {
    const [problem] = problems(seen({ report: { mode: 'shim', links: [], problems: ['tagwerk: something'] } }));
    assert.equal(problem.id, 'shim');
    assert.deepEqual(problem.about, ['tagwerk: something']);
  });
});

describe('events', () => {
  const server = (changes) => ({ server: { ...seen().frames[0].tag.report.server, ...changes } });

  it('of a page whose origin is not listed are told as that, not as lost', () => {
    const failed = { ...seen().frames[0].tag.report.events[0], state: 'failed', status: null };
    assert.deepEqual(ids(seen({ report: { ...server({ hosts: ['www.shop.example'] }), events: [failed] } })), ['origin_not_listed']);
  });

  it('of a visitor who refused are not missed', () => {
    assert.deepEqual(ids(seen({ report: { ...server({ hosts: ['www.shop.example'] }), consent: 'denied', events: [] } })), []);
  });

  it('get wrong times by a clock that is two minutes off, in either direction', () => {
    const title = (clock_ahead) => problems(seen({ report: server({ clock_ahead }) })).map(({ title }) => title).join();
    assert.equal(title(119_000), '');
    assert.match(title(180_000), /3 minutes ahead of the server/);
    assert.match(title(-7_200_000), /2 hours behind the server/);
  });

  it('wait in a browser that stores nothing, which is told', () => {
    assert.deepEqual(ids(seen({ tag: { storage: false } })), ['no_storage']);
  });

  it('are not missed by pixels while the visitor has not agreed', () => {
    const pixels = [{ function: 'fbq', platforms: ['meta'], switched_on: true, found: false, events: ['*'] }];
    assert.deepEqual(ids(seen({ report: { pixels } })), ['pixel_missing']);
    assert.deepEqual(ids(seen({ report: { pixels, consent: 'denied' } })), []);
  });
});

describe('links', () => {
  const cloaked = (reason, more) => ({ cloaked: [{ url: 'https://shop.example/go', group: 'digistore24', forwards: false, resolved: null, reason, ...more }] });
  const link = (changes) => ({ kind: 'link', href: 'https://www.digistore24.com/redir/1/a', text: 'Offer', group: 'digistore24', verdict: 'will_be_decorated', reason: 'it gets a click id at the latest when it is used', click_id: null, ...changes });

  it('that are cloaked are told by what became of the id', () => {
    assert.deepEqual(ids(seen({ report: cloaked('it leads to the network and loses cid on the way') })), ['redirect_drops']);
    assert.deepEqual(ids(seen({ report: cloaked('its redirect sets cid itself, and existing_subid keeps that') })), ['redirect_sub_id']);
    assert.deepEqual(ids(seen({ report: cloaked('it leads to the network; whether parameters get through is not known: too slow') })), ['redirect_unknown']);
    assert.deepEqual(ids(seen({ report: cloaked('it drops cid', { resolved: 'https://www.digistore24.com/redir/2/b' }) })), []);
    assert.deepEqual(ids(seen({ report: cloaked('it leads to no network', { group: null }) })), []);
  });

  it('that nobody has decorated yet are not told as written over', () => {
    assert.deepEqual(ids(seen({ report: { links: [link({})], minted: [] } })), []);
    assert.deepEqual(ids(seen({ report: { links: [link({})], minted: ['hbshnsrle2u9bhhz1xhcgm36fwbdjgzd'] } })), ['overwritten']);
  });

  it('that come after the first twenty are not told as written over', () => {
    const minted = Array.from({ length: 20 }, (_, at) => `hbshnsrle2u9bhhz1xhcgm36fwbdjg${String(at).padStart(2, '0')}`);
    assert.deepEqual(ids(seen({ report: { links: [link({})], minted } })), []);
  });

  it('that carry a used id of this visit were not published with it', () => {
    const used = (id) => seen({ report: { links: [link({ href: `https://www.digistore24.com/redir/1/a?cid=${id}`, reason: 'it carries the click id of another page load, which is replaced when it is used' })], minted: [] } });
    assert.deepEqual(ids(used('hbshnsrle2u9bhhz1xhcgm36fwbdjgzd')), []);
    assert.deepEqual(ids(used('otherrle2u9bhhzx1xhcgm36fwbdjgzd')), ['saved_ids']);
  });

  it('in a frame without the tag are told by the page\'s groups, all others are not', () => {
    const framed = (links) => ({ ...absent({ address: 'https://shop.example/frame', links }).frames[0], frameId: 3 });
    assert.deepEqual(ids(seen({ inner: [framed(['https://www.digistore24.com/redir/1/a', 'https://shop.example/about'])] })), ['frame_links']);
    assert.deepEqual(ids(seen({ inner: [framed(['https://www.digistore24.com/login', 'https://shop.example/about'])] })), []);
  });

  it('of a frame with a tag of its own are told with the frame', () => {
    const [framed] = seen({ page: { address: 'https://other.example/in' }, report: { links: [link({ verdict: 'foreign' })], server: undefined } }).frames;
    const [problem] = problems(seen({ inner: [{ ...framed, frameId: 4 }] }));
    assert.equal(problem.id, 'foreign_sub_id');
    assert.match(problem.title, /^In a frame: /);
    assert.equal(problem.about[0], 'https://other.example/in');
  });
});
