// A page on which nothing is wrong, as the reading scripts tell it, for tests to break.
import { readFileSync } from 'node:fs';

const SCRIPT = 'https://t.example/siteAbcdef01.js';

/** The report of inspect/tests/report.json, without what is odd in it. */
function report() {
  const whole = JSON.parse(readFileSync(new URL('../../inspect/tests/report.json', import.meta.url), 'utf8'));
  const isRight = ({ verdict }) => verdict === 'decorated' || verdict === 'will_be_decorated';
  const isDone = ({ state }) => state === 'delivered' || state === 'in_flight';
  return { ...whole, links: whole.links.filter(isRight), events: whole.events.filter(isDone), pixels: whole.pixels.filter(({ found }) => found), cloaked: whole.cloaked.filter(({ forwards }) => forwards), problems: [] };
}

/** A script element as it should be. */
export const script = (changes) => ({ address: SCRIPT, raw: SCRIPT, attribute: 'src', type: '', runs: true, async: true, defer: false, module: false, nomodule: false, integrity: false, within: 'page', ...changes });

/** What was seen in a tab; `page`, `tag` and `report` say what is otherwise. */
export function seen({ page = {}, tag = {}, report: changes = {}, inner = [], expected = null } = {}) {
  const said = { ...report(), ...changes };
  const frame = {
    frameId: 0,
    page: {
      address: 'https://shop.example/blog/post?utm_source=news&email=jane%40shop.example&token=0123456789abcdef', title: 'A review', complete: true, loadedAt: 900, scripts: [script()], violations: [],
      resources: [{ address: SCRIPT, initiator: 'script', start: 40, status: 0, answered: true }], full: false, frames: [], hidden: [], links: [], base: null, savedFrom: null, ...page,
    },
    tag: { state: 'loaded', waiting: 0, answer: 'report', report: said, error: null, wasm: true, storage: true, automated: false, gpc: false, manager: 'none', pixels: [], ...tag },
    places: said.links.map(() => ({ found: true, shown: true, inShadow: false })),
  };
  return { frames: [frame, ...inner], expected };
}

/** What was seen where no tag is at work. */
export const absent = (page, tag = {}) => seen({ page: { resources: [], ...page }, tag: { state: 'absent', answer: 'unasked', report: null, ...tag } });
