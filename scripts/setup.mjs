// What building and testing need, found or installed. A second run finds everything and is quick.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { browserStep } from './browser.mjs';
import { read, root, run } from './run.mjs';
import { Missing, main, walk } from './steps.mjs';

const WASM_PACK = '0.15.1';
const TARGET = 'wasm32-unknown-unknown';

/** The steps that make this machine ready to build, and with `browser` to test. They change PATH for what runs after them. */
export function setupSteps({ browser = false } = {}) {
  usePath(join(root, 'node_modules', '.bin'));
  const steps = [
    { name: 'Rust', work: rust },
    { name: 'C compiler', work: compiler },
    { name: 'WebAssembly target', work: target },
    { name: 'Node packages', work: packages },
    { name: 'wasm-bindgen', work: bindgen },
    { name: 'wasm-pack', work: pack },
  ];
  return browser ? [...steps, browserStep] : steps;
}

async function rust(say) {
  // rustup puts this on PATH for shells that are opened after it.
  usePath(join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin'), { last: true });
  let version = read('rustc', ['--version']);
  if (!version && read('rustup', ['--version'])) {
    say('installing the stable toolchain with rustup');
    await run('rustup', ['default', 'stable']);
    version = read('rustc', ['--version']);
  }
  if (!version) throw new Missing('Rust is missing. Install rustup (see rust-lang.org/tools/install), open a new shell, and start again.');
  const wanted = manifest('Cargo.toml', /^rust-version = "([\d.]+)"/m);
  const found = version.match(/\d+\.\d+\.\d+/)?.[0] ?? '0';
  if (older(found, wanted)) throw new Missing(`Rust ${found} is too old, ${wanted} or newer is needed: rustup update stable`);
  return found;
}

async function compiler() {
  const name = process.env.CC ?? 'cc';
  const version = read(name, ['--version']);
  if (version) return version.split('\n')[0];
  const how = { linux: 'apt-get install build-essential (or your distribution\'s gcc)', darwin: 'xcode-select --install' };
  throw new Missing(`A C compiler is missing (${name}). Install one: ${how[platform()] ?? 'clang or gcc'}`);
}

async function target(say) {
  const libraries = join(read('rustc', ['--print', 'sysroot']) ?? '', 'lib', 'rustlib', TARGET);
  if (existsSync(libraries)) return TARGET;
  if (!read('rustup', ['--version'])) throw new Missing(`Rust's ${TARGET} target is missing and there is no rustup to add it. Install it the way your Rust was installed.`);
  say(`adding ${TARGET} with rustup`);
  await run('rustup', ['target', 'add', TARGET]);
  return 'added';
}

async function packages(say) {
  const [major] = process.versions.node.split('.');
  if (Number(major) < 20) throw new Missing(`Node ${process.versions.node} is too old, 20 or newer is needed.`);
  const installed = join(root, 'node_modules', '.package-lock.json');
  const locked = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(locked).mtimeMs) return 'up to date';
  say('installing with npm ci');
  // None of the three packages needs its install script.
  await run('npm', ['ci', '--ignore-scripts'], { shell: platform() === 'win32' });
  return 'installed';
}

/** Glue and WebAssembly only fit together when the tool is of exactly the version of the library. */
async function bindgen(say) {
  const version = manifest('Cargo.lock', /^name = "wasm-bindgen"\nversion = "([^"]+)"/m);
  const wanted = `wasm-bindgen ${version}`;
  const found = () => ['wasm-bindgen', 'wasm-bindgen-test-runner'].every((tool) => read(tool, ['--version'])?.endsWith(` ${version}`));
  if (!found()) usePath(join(tools(version), 'bin'));
  if (found()) return version;
  say(`building ${wanted} with cargo, some minutes, once`);
  // Not --locked: the crate's own lock file asks for dependencies that may need a newer Rust than this project does.
  await install(tools(version), ['wasm-bindgen-cli', '--version', `=${version}`, '--bin', 'wasm-bindgen', '--bin', 'wasm-bindgen-test-runner']);
  if (!found()) throw new Missing(`${wanted} was installed in ${tools(version)} and does not run. Remove that folder and start again.`);
  return `${version} installed`;
}

async function pack(say) {
  const version = () => read('wasm-pack', ['--version'])?.replace('wasm-pack ', '');
  const usable = () => version() && !older(version(), '0.13.1');
  const folder = tools(manifest('Cargo.lock', /^name = "wasm-bindgen"\nversion = "([^"]+)"/m));
  if (!usable()) usePath(join(folder, 'bin'));
  if (usable()) return version();
  say(`building wasm-pack ${WASM_PACK} with cargo, some minutes, once`);
  await install(folder, ['wasm-pack', '--version', `=${WASM_PACK}`, '--locked']);
  if (!usable()) throw new Missing(`wasm-pack was installed in ${folder} and does not run. Remove that folder and start again.`);
  return `${version()} installed`;
}

/** Installs a tool without optimizing it: that takes less than half the time, and the tool's own work is a second or two here. */
async function install(folder, what) {
  const env = { ...process.env, CARGO_PROFILE_DEV_DEBUG: '0' };
  await run('cargo', ['install', ...what, '--debug', '--root', folder, '--force'], { env });
}

/** Builds another tool of cargo's into the same folder, which is on PATH then. */
export async function installTool(say, name, version, more = []) {
  const folder = tools(manifest('Cargo.lock', /^name = "wasm-bindgen"\nversion = "([^"]+)"/m));
  usePath(join(folder, 'bin'));
  if (existsSync(join(folder, 'bin', name))) return;
  say(`building ${name} ${version} with cargo, a few minutes, once`);
  await install(folder, [name, '--version', `=${version}`, ...more]);
}

/** Where tools of this wasm-bindgen version live, shared by all clones of this user. */
function tools(version) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'tagwerk', `tools-${version}`);
}

function usePath(folder, { last = false } = {}) {
  const path = (process.env.PATH ?? '').split(delimiter);
  if (!path.includes(folder)) process.env.PATH = (last ? [...path, folder] : [folder, ...path]).join(delimiter);
}

function manifest(file, pattern) {
  const found = readFileSync(join(root, file), 'utf8').match(pattern)?.[1];
  if (!found) throw new Error(`${file} has nothing like ${pattern}`);
  return found;
}

/** Whether one dotted version comes before another. */
export function older(version, wanted) {
  const numbers = (text) => text.split('.').map((part) => Number.parseInt(part, 10));
  const [a, b] = [numbers(version), numbers(wanted)];
  const at = b.findIndex((number, index) => (a[index] ?? 0) !== number);
  return at >= 0 && (a[at] ?? 0) < b[at];
}

await main(import.meta.url, async () => {
  const took = await walk(setupSteps({ browser: true }));
  console.log(`ready in ${took} s`);
});
