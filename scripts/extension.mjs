// Packs the helper extension: dist/extension/, to be loaded unpacked, and dist/tagwerk-helper-<version>.zip, for the store. The
// same sources give the same bytes.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { browserStep } from './browser.mjs';
import { root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { main, walk } from './steps.mjs';

const source = join(root, 'extension');
const packed = join(root, 'dist', 'extension');
const SIZES = [16, 32, 48, 128];
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The step that packs. */
export const extensionStep = { name: 'Extension', work: pack };

async function pack(say) {
  say('putting it together');
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(join(packed, 'icons'), { recursive: true });
  for (const path of sources()) {
    mkdirSync(join(packed, path, '..'), { recursive: true });
    copyFileSync(join(source, path), join(packed, path));
  }
  const manifest = { ...JSON.parse(readFileSync(join(source, 'manifest.json'), 'utf8')), version };
  writeFileSync(join(packed, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(packed, 'probe.js'), await probe());
  for (const [size, image] of await icons()) writeFileSync(join(packed, 'icons', `${size}.png`), image);
  const zip = join(root, 'dist', `tagwerk-helper-${version}.zip`);
  writeFileSync(zip, await zipped());
  return `dist/extension and dist/tagwerk-helper-${version}.zip`;
}

/** What is packed as it stands: scripts, pages and styles, no types, tests or store texts. */
function sources() {
  const of = (folder) => readdirSync(join(source, folder), { withFileTypes: true }).filter((entry) => entry.isFile() && /\.(js|html|css)$/.test(entry.name)).map(({ name }) => join(folder, name));
  return [...of('.'), ...of('problems')].filter((path) => path !== 'probe.js').sort();
}

/** The script for the page's world, in one piece: it answers a promise, and leaves no name behind. */
async function probe() {
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: [join(source, 'probe.js')],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'parts',
    target: 'chrome116',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: '(() => {' },
    footer: { js: 'return parts.probe();\n})();' },
    absWorkingDir: root,
    plugins: [{
      name: 'pixels',
      setup(build) {
        build.onResolve({ filter: /^\.\/pixels\.json$/ }, () => ({ path: 'pixels', namespace: 'pixels' }));
        build.onLoad({ filter: /.*/, namespace: 'pixels' }, async () => ({ contents: JSON.stringify(await pixels()), loader: 'json' }));
      },
    }],
  });
  return result.outputFiles[0].contents;
}

/** The functions that ad platforms put into pages, each with the platforms it belongs to. */
export async function pixels() {
  const { parse } = await import('smol-toml');
  const rows = new Map();
  for (const { function: name, platform } of parse(readFileSync(join(root, 'groups', 'pixels.toml'), 'utf8')).pixel) {
    rows.set(name, new Set([...(rows.get(name) ?? []), platform]));
  }
  return [...rows].map(([name, platforms]) => ({ function: name, platforms: [...platforms] }));
}

/** The dashboard's icon in each size. */
async function icons() {
  const { chromium } = await import('playwright-core');
  const svg = readFileSync(join(root, 'server', 'assets', 'icon.svg'), 'utf8');
  const browser = await chromium.launch({ executablePath: process.env.TAGWERK_CHROMIUM, args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run'] });
  try {
    const page = await browser.newPage();
    const images = [];
    for (const size of SIZES) {
      await page.setViewportSize({ width: size, height: size });
      await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
      images.push([size, await page.screenshot({ omitBackground: true })]);
    }
    return images;
  } finally {
    await browser.close();
  }
}

/** The packed folder, in the order of its names, with one date for all. */
async function zipped() {
  const { zipSync } = await import('fflate');
  const files = readdirSync(packed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  // A zip holds local time, so this is one date everywhere.
  const mtime = new Date(1980, 0, 1);
  return zipSync(Object.fromEntries(paths.map((path) => [path.slice(packed.length + 1).replaceAll('\\', '/'), new Uint8Array(readFileSync(path))])), { level: 9, mtime });
}

await main(import.meta.url, async () => {
  await walk([...setupSteps().filter(({ name }) => name === 'Node packages'), browserStep, extensionStep]);
});
