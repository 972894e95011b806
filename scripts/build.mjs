// Builds what visitors download (shim, glue, WebAssembly) into dist/, and the server that carries it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { read, root, run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const INPUTS = ['Cargo.toml', 'Cargo.lock', 'package-lock.json', 'protocol/Cargo.toml', 'protocol/src', 'build.rs', 'src', 'www/glue.js', 'www/tagwerk.js', 'scripts/build.mjs'];
const OUTPUTS = ['tagwerk.js', 'tag.js', 'tag.wasm'];
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
  const stamp = join(dist, '.inputs');
  const inputs = fingerprint();
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs && OUTPUTS.every((name) => existsSync(join(dist, name)));
  if (fresh) return 'unchanged';
  say('compiling to WebAssembly');
  // Not by `wasm-pack build`, which makes the rlib that the tests link as well: beside an rlib nothing is optimized across
  // crates, and that is half of the bytes.
  await run('cargo', ['rustc', '--lib', '--profile', 'tag', '--target', 'wasm32-unknown-unknown', '--crate-type', 'cdylib']);
  const module = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'wasm32-unknown-unknown', 'tag', 'tagwerk_tag.wasm');
  await run('wasm-bindgen', ['--target', 'web', '--no-typescript', '--out-dir', pkg, '--out-name', 'tagwerk_tag', module]);
  say('making it small');
  const small = join(root, 'target', 'small.wasm');
  const optimizer = join(root, 'node_modules', 'binaryen', 'bin', 'wasm-opt');
  await run(process.execPath, [optimizer, '-Oz', '--converge', ...FEATURES.map((name) => `--enable-${name}`), join(pkg, 'tagwerk_tag_bg.wasm'), '-o', small]);
  const [glue, shim] = await minify();
  mkdirSync(dist, { recursive: true });
  keep('tag.wasm', readFileSync(small));
  keep('tag.js', glue);
  keep('tagwerk.js', shim);
  writeFileSync(stamp, inputs);
  return OUTPUTS.map((name) => `${name} ${statSync(join(dist, name)).size}`).join(', ') + ' bytes';
}

async function minify() {
  // Imported late: on a fresh machine a step before this one installs it.
  const { build } = await import('esbuild');
  const common = { bundle: true, minify: true, write: false, legalComments: 'none', charset: 'utf8', target: 'es2020', logLevel: 'warning', absWorkingDir: root };
  const results = await Promise.all([
    build({ ...common, entryPoints: ['www/glue.js'], format: 'esm' }),
    build({ ...common, entryPoints: ['www/tagwerk.js'], format: 'iife' }),
  ]).catch(() => {
    throw new Failed('the tag\'s JavaScript does not build; see above');
  });
  const [glue, shim] = results.map((result) => Buffer.from(result.outputFiles[0].contents));
  if (shim.toString().split(SETTINGS).length !== 2) throw new Failed(`www/tagwerk.js must hold ${SETTINGS} exactly once after minifying: the server writes the settings there`);
  return [glue, shim];
}

/** Leaves a file that is the same already alone, so that cargo does not rebuild the server for nothing. */
function keep(name, bytes) {
  const path = join(dist, name);
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  writeFileSync(path, bytes);
}

function fingerprint() {
  const hash = createHash('sha256');
  hash.update(read('rustc', ['--version']) ?? '');
  for (const path of INPUTS.flatMap((input) => files(join(root, input)))) {
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
