// Reads a WebAssembly module as far as its bytes are concerned: how large each function is, what it is called, and which crate
// it came from. Pure.

const SECTIONS = ['custom', 'type', 'import', 'function', 'table', 'memory', 'global', 'export', 'start', 'element', 'code', 'data', 'data count', 'tag'];
const MAGIC = 0x6d736100; // "\0asm"

/**
 * The parts of a module: `sections`, bytes by name (custom ones under their own), and `functions`, each `{ name, size }` in the
 * order they stand. Functions without a name have an empty one.
 */
export function dissect(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0, true) !== MAGIC) throw new Error('this is no WebAssembly module');
  const cursor = { bytes, at: 8 };
  const sections = {};
  let sizes = [];
  let imported = 0;
  let names = new Map();
  while (cursor.at < bytes.length) {
    const from = cursor.at;
    const id = cursor.bytes[cursor.at++];
    const end = number(cursor) + cursor.at;
    let kind = SECTIONS[id] ?? `section ${id}`;
    if (kind === 'import') imported = importedFunctions(cursor);
    else if (kind === 'code') sizes = bodies(cursor);
    else if (kind === 'custom') {
      kind = text(cursor);
      if (kind === 'name') names = functionNames(cursor, end);
    }
    sections[kind] = (sections[kind] ?? 0) + end - from;
    cursor.at = end;
  }
  return { sections, functions: sizes.map((size, index) => ({ name: names.get(imported + index) ?? '', size })) };
}

/**
 * The crate that a function's code was written in, by its demangled name: that of the type in `<Type as Trait>::function`,
 * or of the trait where the type is a parameter. `null` where the name says nothing.
 */
export function crateOf(name) {
  if (/^__(wbindgen|externref)_/.test(name)) return 'wasm-bindgen';
  if (/^(mem(cmp|cpy|move|set)|__(multi3|udivti3|umodti3|divti3|ashlti3|lshrti3))$/.test(name)) return 'compiler_builtins';
  const path = name.replace(/^(&mut |&|\*const |\*mut |dyn |[(<[])+/, '');
  if (/^(str|char|bool|[iuf]\d+|[iu]size)\b/.test(path)) return 'core';
  return /^([a-z_]\w*)(\[[0-9a-f]+\])?::/.exec(path)?.[1] ?? /^.*? as ([a-z_]\w*)(\[[0-9a-f]+\])?::/.exec(path)?.[1] ?? null;
}

/** Bytes of functions by crate, largest first: `[crate, bytes]`. What no crate claims by its name is `own`: the exports. */
export function byCrate(functions, own) {
  const sums = new Map();
  for (const { name, size } of functions) {
    const crate = crateOf(name) ?? own;
    sums.set(crate, (sums.get(crate) ?? 0) + size);
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** An unsigned LEB128 number. */
function number(cursor) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new Error('the module ends in the middle');
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

function text(cursor) {
  const length = number(cursor);
  cursor.at += length;
  return new TextDecoder().decode(cursor.bytes.subarray(cursor.at - length, cursor.at));
}

function bodies(cursor) {
  return Array.from({ length: number(cursor) }, () => {
    const from = cursor.at;
    const size = number(cursor);
    cursor.at += size;
    return cursor.at - from;
  });
}

// Imported functions come before the module's own in the space of function indices.
function importedFunctions(cursor) {
  let functions = 0;
  for (let left = number(cursor); left > 0; left--) {
    text(cursor);
    text(cursor);
    const kind = cursor.bytes[cursor.at++];
    if (kind === 0) {
      number(cursor);
      functions++;
    } else if (kind === 1) {
      cursor.at++;
      limits(cursor);
    } else if (kind === 2) limits(cursor);
    else cursor.at += 2;
  }
  return functions;
}

function limits(cursor) {
  const bounded = cursor.bytes[cursor.at++] & 1;
  number(cursor);
  if (bounded) number(cursor);
}

function functionNames(cursor, end) {
  const names = new Map();
  while (cursor.at < end) {
    const kind = cursor.bytes[cursor.at++];
    const next = number(cursor) + cursor.at;
    if (kind === 1) {
      for (let left = number(cursor); left > 0; left--) {
        const index = number(cursor);
        names.set(index, text(cursor));
      }
    }
    cursor.at = next;
  }
  return names;
}
