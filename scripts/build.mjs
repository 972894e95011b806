// Builds what visitors download (shim, glue, WebAssembly), the inspection module and the dashboard's chart library into dist/, and the
// server that carries them.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { read, root, run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const COMMON = ['Cargo.toml', 'Cargo.lock', 'package-lock.json', 'protocol/Cargo.toml', 'protocol/src', 'scripts/build.mjs'];
// What is built, and of what; each is built again when something of its own has changed.
const TAG = {
  stamp: '.inputs',
  inputs: [...COMMON, 'build.rs', 'src', 'www/glue.js', 'www/tagwerk.js'],
  outputs: ['tagwerk.js', 'tag.js', 'tag.wasm'],
  async build(say) {
    const wasm = await module('tagwerk-tag', say);
    const [glue, shim] = await minify([{ entryPoints: ['www/glue.js'], format: 'esm' }, { entryPoints: ['www/tagwerk.js'], format: 'iife' }]);
    if (shim.toString().split(SETTINGS).length !== 2) throw new Failed(`www/tagwerk.js must hold ${SETTINGS} exactly once after minifying: the server writes the settings there`);
    return [shim, glue, wasm];
  },
};
const INSPECT = {
  stamp: '.inspect-inputs',
  inputs: [...COMMON, 'groups/pixels.toml', 'inspect/Cargo.toml', 'inspect/build.rs', 'inspect/src', 'inspect/inspect.js', 'inspect/plain.js'],
  outputs: ['inspect.js', 'inspect.wasm'],
  async build(say) {
    const wasm = await module('tagwerk-inspect', say);
    const [script] = await minify([{ entryPoints: ['inspect/inspect.js'], format: 'esm' }]);
    return [script, wasm];
  },
};
// The chart library of the dashboard, with its licence in it, which it asks to be kept.
const CHART = {
  stamp: '.chart-inputs',
  inputs: ['package-lock.json', 'scripts/build.mjs'],
  outputs: ['uplot.js', 'uplot.css'],
  async build() {
    const from = (name) => readFileSync(join(root, 'node_modules', 'uplot', name), 'utf8');
    const licence = `/*!\nuPlot ${JSON.parse(from('package.json')).version}\n${from('LICENSE').trim()}\n*/\n`;
    const contents = "import uPlot from 'uplot'; globalThis.uPlot = uPlot;";
    const [script] = await minify([{ stdin: { contents, resolveDir: root }, format: 'iife' }]);
    return [Buffer.concat([Buffer.from(licence), script]), Buffer.from(licence + from('dist/uPlot.min.css'))];
  },
};
const SETTINGS = '"%TAGWERK_SETTINGS%"';
// What rustc emits by default and every browser has had for years; wasm-opt refuses a feature it was not told of.
const FEATURES = ['bulk-memory', 'bulk-memory-opt', 'reference-types', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals', 'multivalue'];

const dist = join(root, 'dist');
const pkg = join(root, 'pkg');

/** The step that builds dist/. */
export const tagStep = { name: 'Tag', work: buildTag };

/** The step that builds the server with dist/ in it. */
export function serverStep({ release = false } = {}) {
  const profile = release ? 'release' : 'debug';
  return {
    name: 'Server',
    async work(say) {
      say(`cargo build, ${profile}`);
      await run('cargo', ['build', '-p', 'tagwerk-server', ...(release ? ['--release'] : [])]);
      return profile;
    },
  };
}

async function buildTag(say) {
  const said = [];
  for (const { stamp, inputs, outputs, build } of [TAG, INSPECT, CHART]) {
    const seen = fingerprint(inputs);
    const path = join(dist, stamp);
    if (existsSync(path) && readFileSync(path, 'utf8') === seen && outputs.every((name) => existsSync(join(dist, name)))) continue;
    const files = await build(say);
    mkdirSync(dist, { recursive: true });
    outputs.forEach((name, index) => keep(name, files[index]));
    writeFileSync(path, seen);
    said.push(...outputs.map((name) => `${name} ${statSync(join(dist, name)).size}`));
  }
  return said.length > 0 ? `${said.join(', ')} bytes` : 'unchanged';
}

/** Compiles a package to WebAssembly, with its glue in pkg/, and makes it small. */
async function module(name, say) {
  const file = name.replace('-', '_');
  say(`compiling ${name} to WebAssembly`);
  await bind(await compile(name), pkg, file);
  say(`making ${name} small`);
  const small = join(root, 'target', `${file}.small.wasm`);
  await optimize(join(pkg, `${file}_bg.wasm`), small);
  return readFileSync(small);
}

/** The module of a package as rustc leaves it, in the profile that visitors get. */
export async function compile(name) {
  // Not by `wasm-pack build`, which makes the rlib that the tests link as well: beside an rlib nothing is optimized across
  // crates, and that is half of the bytes.
  await run('cargo', ['rustc', '-p', name, '--lib', '--profile', 'tag', '--target', 'wasm32-unknown-unknown', '--crate-type', 'cdylib']);
  return join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'wasm32-unknown-unknown', 'tag', `${name.replace('-', '_')}.wasm`);
}

/** Gives a module its glue: `<file>.js` and `<file>_bg.wasm` in a folder. */
export function bind(path, folder, file) {
  return run('wasm-bindgen', ['--target', 'web', '--no-typescript', '--out-dir', folder, '--out-name', file, path]);
}

/** Makes a module small; with `names` its functions keep their names. */
export function optimize(from, to, { names = false } = {}) {
  const optimizer = join(root, 'node_modules', 'binaryen', 'bin', 'wasm-opt');
  const features = FEATURES.map((name) => `--enable-${name}`);
  return run(process.execPath, [optimizer, '--flatten', '--rereloop', '-Oz', '-Oz', '--converge', '--strip-producers', '--strip-target-features', ...features, ...(names ? ['-g'] : []), from, '-o', to]);
}

async function minify(entries) {
  // Imported late: on a fresh machine a step before this one installs it.
  const [{ build }, { minify: shrink }] = await Promise.all([import('esbuild'), import('@swc/core').then((module) => module.default)]);
  const common = { bundle: true, write: false, legalComments: 'none', charset: 'utf8', target: 'es2020', logLevel: 'warning', absWorkingDir: root };
  const results = await Promise.all(entries.map((entry) => build({ ...common, ...entry }))).catch(() => {
    throw new Failed('the JavaScript does not build; see above');
  });
  // Of the minifiers in use, this one leaves the fewest bytes: some 110 fewer of the shim than the bundler's own.
  const options = { compress: { ecma: 2020, passes: 3 }, mangle: true, format: { comments: false } };
  const small = await Promise.all(results.map(({ outputFiles: [file] }, index) => shrink(file.text, { ...options, module: entries[index].format === 'esm' })));
  return small.map(({ code }) => Buffer.from(code));
}

/** Leaves a file that is the same already alone, so that cargo does not rebuild the server for nothing. */
function keep(name, bytes) {
  const path = join(dist, name);
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  writeFileSync(path, bytes);
}

function fingerprint(inputs) {
  const hash = createHash('sha256');
  hash.update(read('rustc', ['--version']) ?? '');
  for (const path of inputs.flatMap((input) => files(join(root, input)))) {
    hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

function files(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).sort().flatMap((name) => files(join(path, name)));
}

await main(import.meta.url, async () => {
  const release = process.argv.includes('--release');
  const took = await walk([...setupSteps(), tagStep, serverStep({ release })]);
  console.log(`built in ${took} s: target/${release ? 'release' : 'debug'}/tagwerk`);
});
