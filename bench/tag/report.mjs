// The bench's numbers as Markdown. Pure.
import { FRAMES, INSERTED, LINKS, OFFERS } from './page.mjs';
import { CLICKS, IDLE } from './measure.mjs';

/** The middle of a list of numbers. */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const count = (number) => number.toLocaleString('en');
const one = (number, digits = 1) => number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function table(heads, rows, column = '---:|') {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heads), `|---|${column.repeat(heads.length - 1)}`, ...rows.map(line)].join('\n');
}

/** Lowest and highest of the rounds' values: how far the machine's noise reaches. */
const span = (numbers, digits = 1) => `${one(Math.min(...numbers), digits)} to ${one(Math.max(...numbers), digits)}`;

/**
 * The whole report. `results` are by candidate: `{ name, large: [...], clicks: [...], leaving: { answers, hangs, down } }`,
 * one entry a round.
 */
export function report({ results, sizes, budgets, leftOut, machine, rounds }) {
  const of = (kind, key) => (result) => median(result[kind].map((run) => run[key]));
  const pages = results.map((result) => {
    const at = (key, digits) => one(of('large', key)(result), digits);
    const both = (key) => `${at(`${key}Wall`)} / ${at(key)}`;
    const { name } = result;
    return [name, sizes.get(name) ? count(sizes.get(name)) : '–', both('load'), one(median(result.thread), 0), at('idle'), both('insert'), at('heap', 2), at('requests', 0), at('blocking', 0)];
  });
  const uses = results.map((result) => {
    const handler = median(result.clicks.flatMap((run) => run.handler));
    const gesture = median(result.clicks.flatMap((run) => run.gesture));
    const leaving = ['answers', 'hangs', 'down'].map((state) => one(median(result.leaving[state]), 0));
    return [result.name, one(handler, 2), one(of('clicks', 'cold')(result), 2), one(gesture, 2), one(of('clicks', 'told')(result), 0), one(of('clicks', 'decorated')(result), 0), ...leaving];
  });
  const spread = results.map((result) => {
    const values = (key) => result.large.map((run) => run[key]);
    return [result.name, span(values('loadWall')), span(values('load')), span(result.thread, 0), span(values('idle')), span(values('insert')), span(values('heap'), 2), span(result.leaving.answers, 0)];
  });
  return `# The tag beside others

Written by \`npm run bench:tag\`: headless Chromium, every tag in one run, the medians of ${rounds} rounds. In each round every candidate has its turn in
a fresh browser context, so that what else the machine does meets all alike. All hosts are one server of the bench's own. Script time is CDP's
\`ScriptDuration\`, by the clock on the wall / by the main thread's own, which counts neither waiting nor what else the machine did. The page's own script
is in it: compare with the first row.

## Budgets

${table(['', 'asked', 'measured'], budgets(results).map(([what, asked, measured]) => [what, asked, measured]))}

## A page of ${count(LINKS)} links, ${count(OFFERS)} of them offers

Script until the page rests after loading, in ${IDLE / 1000} s of being left alone, and while ${count(INSERTED)} more offers are inserted in ${FRAMES} frames; JavaScript heap at rest
after a collection (WebAssembly's memory is beside it); requests before the first click, and how many of them block rendering. Bytes are brotli 11 of all
that the tag downloads as code. Script time leaves out what promises do; the column \`thread\` is everything that the main thread does until the same page,
its links hidden, rests: parsing it, compiling scripts, promises, collecting garbage.

${table(['tag', 'bytes', 'load, ms', 'thread, ms', 'idle, ms', 'insert, ms', 'heap, MB', 'requests', 'blocking'], pages)}

## A click on an offer

${CLICKS} real clicks a round, each on another offer that answers without content, so that the page stays. The handler is the main
thread's own time in all listeners for \`click\`, as traced; cold is the first one. The whole gesture is all script from moving the mouse to the offer until the page rests: hovering, pressing,
deciding, sending. Requests are what the ${CLICKS} clicks made the tag tell its collector, decorated is how many of the ${CLICKS} addresses it changed. The last three: from
releasing the mouse to the offer's being asked for, while the collector answers, hangs for 3 s, is down.

${table(['tag', 'handler, ms', 'cold, ms', 'gesture, ms', 'requests', 'decorated', 'leave, ms', 'hangs, ms', 'down, ms'], uses)}

## Noise

Lowest and highest round of each number above.

${table(['tag', 'load, ms by the wall', 'by the thread', 'thread, ms', 'idle, ms', 'insert, ms by the thread', 'heap, MB', 'leave, ms'], spread)}

## What was measured

${table(['tag', 'version', 'set up for'], results.filter(({ made }) => made).map(({ name, made, does }) => [name, made, does]), '---|')}

Each peer is bundled by esbuild from its npm package with a few lines that set it up as its documentation does (\`bench/tag/peers.mjs\`), and loaded by
\`<script async>\`. Not measured: ${leftOut.map(([who, why]) => `${who} ${why}`).join('; ')}.

Machine: ${machine}.
`;
}
