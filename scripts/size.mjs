// What the tag costs a visitor: bytes of shim, glue and WebAssembly, raw and as the server sends them. Writes bench/size.md;
// with --check it only holds the numbers against bench/budget.json.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { tagStep } from './build.mjs';
import { root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const PARTS = [
  ['shim', 'tagwerk.js'],
  ['glue', 'tag.js'],
  ['wasm', 'tag.wasm'],
];

function measure(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes, { params }).length };
}

function table(sizes) {
  const number = (value) => value.toLocaleString('en').padStart(8);
  const row = (name, { raw, gzip, brotli }) => `| ${name.padEnd(5)} | ${number(raw)} | ${number(gzip)} | ${number(brotli)} |`;
  return ['| part  |      raw |   gzip 9 | brotli 11 |', '|---|---:|---:|---:|', ...Object.entries(sizes).map(([name, size]) => row(name, size))].join('\n');
}

await main(import.meta.url, async () => {
  const check = process.argv.includes('--check');
  await walk([...setupSteps(), tagStep]);
  const sizes = Object.fromEntries(PARTS.map(([part, file]) => [part, measure(readFileSync(join(root, 'dist', file)))]));
  const sum = (kind) => PARTS.reduce((total, [part]) => total + sizes[part][kind], 0);
  sizes.total = { raw: sum('raw'), gzip: sum('gzip'), brotli: sum('brotli') };
  console.log(`\n${table(sizes)}\n`);

  const budget = JSON.parse(readFileSync(join(root, 'bench', 'budget.json'), 'utf8'));
  const over = Object.entries(budget).flatMap(([part, limits]) =>
    Object.entries(limits).filter(([kind, limit]) => !(sizes[part]?.[kind] <= limit)).map(([kind, limit]) => `${part} ${kind}: ${sizes[part]?.[kind]} of ${limit} bytes`),
  );
  if (!check) {
    const text = `# What the tag costs a visitor\n\nBytes, written by \`npm run size\`. The shim is measured without a site's settings, which add some hundred bytes.\n\n${table(sizes)}\n\nThe budget is in \`bench/budget.json\` and is part of \`npm run check\`.\n`;
    writeFileSync(join(root, 'bench', 'size.md'), text);
    console.log('written: bench/size.md');
  }
  if (over.length > 0) throw new Failed(`over budget: ${over.join('; ')}`);
  console.log('within budget');
});
