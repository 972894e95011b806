// @ts-check
// Runs in the page's own world: asks the tag what it sees, and reads which pixels the page has. It only reads, and leaves
// nothing behind, no name in `window` either. Packed into one script, since a page's world has no modules of ours.
import { plain } from '../inspect/plain.js';
// Made of groups/pixels.toml when the extension is packed: functions below `window`, and whose they are.
import pixels from './pixels.json';

/** How long the tag may take to answer, in milliseconds. */
const PATIENCE = 20_000;
/** Most entries of a pixel's queue, and how long each may be. */
const MOST_ENTRIES = 20;
const LONGEST = 240;

/** @type {any} */
const page = window;

/** @template T @param {() => T} step @param {T} otherwise */
const attempt = (step, otherwise) => {
  try {
    return step();
  } catch {
    return otherwise;
  }
};

// --- pixels -----------------------------------------------------------------------------------------------------------

/** An entry as a text; what is neither plain value nor plain object is left out. @param {unknown} entry */
const brief = (entry) => {
  /** @param {unknown} value @param {number} depth @returns {unknown} */
  const copy = (value, depth) => {
    if (typeof value === 'function') return 'function';
    if (value === null || typeof value !== 'object') return typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value;
    if (depth > 3 || value instanceof Node || value === window) return '…';
    if (Array.isArray(value) || Object.prototype.toString.call(value) === '[object Arguments]') return Array.from(/** @type {ArrayLike<unknown>} */ (value), (item) => copy(item, depth + 1)).slice(0, 12);
    return Object.fromEntries(Object.entries(value).slice(0, 12).map(([name, item]) => [name, copy(item, depth + 1)]));
  };
  const text = JSON.stringify(copy(entry, 0)) ?? '';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
};

/** What waits in, or was put into, the queue behind a function. @param {any} owner @param {any} call */
const queueOf = (owner, call) => [owner, call?.queue, call?.q, call?.callQueue].find((list) => Array.isArray(list)) ?? [];

/** @param {{ function: string, platforms: string[] }} pixel */
const toldOf = ({ function: path, platforms }) =>
  attempt(() => {
    const [name = '', above] = path.split('.').reverse();
    const owner = above ? page[above] : page;
    const call = owner?.[name];
    const entries = typeof call === 'function' ? queueOf(above ? owner : null, call) : [];
    return { function: path, platforms, found: typeof call === 'function', entries: Array.from(entries).slice(-MOST_ENTRIES).map((entry) => attempt(() => brief(entry), '…')) };
  }, { function: path, platforms, found: false, entries: [] });

/** A tag manager marks its own first entry once it runs. */
const managerOf = () => {
  const layer = page.dataLayer;
  if (!Array.isArray(layer)) return 'none';
  const starts = layer.filter((entry) => entry && typeof entry === 'object' && 'gtm.start' in entry);
  if (starts.length === 0) return 'none';
  return starts.some((entry) => 'gtm.uniqueEventId' in entry) ? 'runs' : 'blocked';
};

// --- the tag ----------------------------------------------------------------------------------------------------------

/** @param {any} tag */
const stateOf = (tag) => {
  if (tag === undefined) return 'absent';
  if (typeof tag !== 'function') return 'other';
  return tag.loaded ? 'loaded' : 'stub';
};

/** What the tag says, or what stands where it says nothing. @param {any} tag */
const ask = async (tag) => {
  const late = new Promise((resolve) => setTimeout(() => resolve('late'), PATIENCE));
  const said = await Promise.race([tag('inspect'), late]);
  if (said === 'late') return { answer: 'late' };
  if (!said) return { answer: 'nothing' };
  if (Array.isArray(said.links)) return { answer: 'report', report: said };
  // The part that makes the report did not load, or not even the one before it: then the shim's own memory tells the rest.
  const little = said.settings === undefined;
  const facts = { settings: '', record: attempt(() => localStorage.getItem('tagwerk'), null) ?? '', outbox: attempt(() => localStorage.getItem('tagwerk.outbox'), null) ?? '', consent: null, sent: [], held: [], minted: [], cloaked: [], ready: true, ...said };
  return { answer: little ? 'little' : 'facts', report: plain(facts, 'the part that makes the report did not load') };
};

/** What `executeScript` answers. @returns {Promise<import('./seen').Tag>} */
export const probe = async () => {
  const tag = attempt(() => page.tagwerk, undefined);
  const state = attempt(() => stateOf(tag), /** @type {const} */ ('other'));
  /** @type {any} */
  const said = state === 'loaded' ? await ask(tag).catch((error) => ({ answer: 'error', error: String(error) })) : { answer: 'unasked' };
  return {
    state,
    waiting: attempt(() => (state === 'stub' && Array.isArray(tag.q) ? tag.q.length : 0), 0),
    report: null,
    error: null,
    ...said,
    wasm: typeof WebAssembly === 'object',
    storage: attempt(() => Boolean(localStorage), false),
    automated: navigator.webdriver,
    gpc: Boolean(/** @type {any} */ (navigator).globalPrivacyControl),
    manager: attempt(managerOf, /** @type {const} */ ('none')),
    pixels: pixels.map(toldOf),
  };
};
