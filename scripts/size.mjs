// What the tag costs a visitor: bytes of shim, glue and WebAssembly, raw and as the server sends them, and who wrote them.
// Writes bench/size.md; with --check it only holds the numbers against bench/budget.json.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { bind, compile, optimize, tagStep } from './build.mjs';
import { root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';
import { byCrate, dissect } from './wasm.mjs';

/** What every visitor downloads, and what only somebody who asks for inspection does. */
const PARTS = [
  ['shim', 'tagwerk.js'],
  ['glue', 'tag.js'],
  ['wasm', 'tag.wasm'],
];
const ON_DEMAND = [
  ['inspect.js', 'inspect.js'],
  ['inspect.wasm', 'inspect.wasm'],
];
const MODULES = [
  ['tagwerk-tag', 'tag.wasm', 'The tag\'s module'],
  ['tagwerk-inspect', 'inspect.wasm', 'The inspection module'],
];
const SCRIPTS = [
  ['www/tagwerk.js', 'iife', 'shim'],
  ['www/glue.js', 'esm', 'glue'],
  ['inspect/inspect.js', 'esm', 'inspect.js'],
];
const named = join(root, 'target', 'named');
const dist = (name) => readFileSync(join(root, 'dist', name));

function measure(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes, { params }).length };
}

function sizesOf(parts) {
  const sizes = Object.fromEntries(parts.map(([part, file]) => [part, measure(dist(file))]));
  const sum = (kind) => parts.reduce((total, [part]) => total + sizes[part][kind], 0);
  return { ...sizes, total: { raw: sum('raw'), gzip: sum('gzip'), brotli: sum('brotli') } };
}

const count = (value) => value.toLocaleString('en');

/** A table of a name and numbers, padded so that it reads well in a terminal too. */
function table(heads, rows) {
  const cells = [heads, ...rows.map(([name, ...numbers]) => [name, ...numbers.map((number) => (typeof number === 'number' ? count(number) : number))])];
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  return [line(cells[0]), `|---|${'---:|'.repeat(heads.length - 1)}`, ...cells.slice(1).map(line)].join('\n');
}

const bytesTable = (sizes) => table(['part', 'raw', 'gzip 9', 'brotli 11'], Object.entries(sizes).map(([name, { raw, gzip, brotli }]) => [name, raw, gzip, brotli]));

/** A module as it is shipped, but with its functions' names: who wrote how much of its code. */
async function crates([name, shipped, title]) {
  const file = name.replace('-', '_');
  mkdirSync(named, { recursive: true });
  await bind(await compile(name), named, file);
  const path = join(named, `${file}.wasm`);
  await optimize(join(named, `${file}_bg.wasm`), path, { names: true });
  const { sections, functions } = dissect(readFileSync(path));
  const { code, data = 0 } = dissect(dist(shipped)).sections;
  if (sections.code !== code) throw new Failed(`${name} has ${sections.code} bytes of code with names and ${code} as shipped: remove dist/ and start again`);
  const raw = dist(shipped).length;
  const share = (bytes) => [bytes, `${((100 * bytes) / raw).toFixed(1)} %`];
  const rows = byCrate(functions, file).map(([crate, bytes]) => [`\`${crate}\``, ...share(bytes)]);
  return `### ${title}\n\n${table(['whose', 'bytes', 'of the module'], [...rows, ['constants', ...share(data)], ['types, imports, exports and the like', ...share(raw - data - rows.reduce((sum, row) => sum + row[1], 0))]])}\n`;
}

/** Who wrote how much of the JavaScript, as the bundler counts before the last minifying. */
async function sources() {
  const { build } = await import('esbuild');
  const rows = [];
  for (const [entry, format, part] of SCRIPTS) {
    const options = { bundle: true, minify: true, write: false, metafile: true, legalComments: 'none', charset: 'utf8', target: 'es2020', logLevel: 'warning', absWorkingDir: root };
    const { metafile } = await build({ ...options, entryPoints: [entry], format });
    const [{ inputs }] = Object.values(metafile.outputs);
    const made = Object.entries(inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
    rows.push(...made.map(([path, { bytesInOutput }]) => [part, `\`${path.replace(/^pkg\/(\w+)\.js$/, 'wasm-bindgen, for $1')}\``, count(bytesInOutput)]));
  }
  return `| part | source | bytes |\n|---|---|---:|\n${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

await main(import.meta.url, async () => {
  const check = process.argv.includes('--check');
  await walk([...setupSteps(), tagStep]);
  const sizes = sizesOf(PARTS);
  const bytes = bytesTable(sizes);
  const onDemand = bytesTable(sizesOf(ON_DEMAND));
  console.log(`\n${bytes}\n\nOn demand:\n\n${onDemand}\n`);

  const budget = JSON.parse(readFileSync(join(root, 'bench', 'budget.json'), 'utf8'));
  const over = Object.entries(budget).flatMap(([part, limits]) =>
    Object.entries(limits).filter(([kind, limit]) => !(sizes[part]?.[kind] <= limit)).map(([kind, limit]) => `${part} ${kind}: ${sizes[part]?.[kind]} of ${limit} bytes`),
  );
  if (!check) {
    const modules = [];
    for (const one of MODULES) modules.push(await crates(one));
    const dependencies = `${modules.join('\n')}\n### JavaScript\n\n${await sources()}`;
    console.log(`\n${dependencies}`);
    const text = `# What the tag costs a visitor

Bytes, written by \`npm run size\`. The shim is measured without a site's settings, which add some hundred bytes.

${bytes}

The budget is in \`bench/budget.json\` and is part of \`npm run check\`. What was tried to get here is in [docs/size.md](../docs/size.md).

On demand, when somebody calls \`tagwerk('inspect')\`, and for nobody else:

${onDemand}

## What each dependency costs

Bytes of code by the crate that wrote it, before compression. A function belongs to the crate in its name; one that was inlined belongs to
the function it ended up in, and our exports have drawn much into themselves.

${dependencies}`;
    writeFileSync(join(root, 'bench', 'size.md'), text);
    console.log('written: bench/size.md');
  }
  if (over.length > 0) throw new Failed(`over budget: ${over.join('; ')}`);
  console.log('within budget');
});
