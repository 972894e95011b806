import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byCrate, crateOf, dissect } from './wasm.mjs';

const section = (id, ...bytes) => [id, bytes.length, ...bytes];
const text = (word) => [word.length, ...Buffer.from(word)];
const module = (...sections) => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);

const TYPE = section(1, 1, 0x60, 0, 0);
const CODE = section(10, 2, 2, 0, 0x0b, 4, 0, 1, 1, 0x0b);

test('every byte after the header belongs to a section', () => {
  const bytes = module(TYPE, section(3, 2, 0, 0), CODE);
  const { sections } = dissect(bytes);
  assert.deepEqual(sections, { type: 6, function: 5, code: 11 });
  assert.equal(Object.values(sections).reduce((sum, size) => sum + size), bytes.length - 8);
});

test('a function is as large as its body with its length', () => {
  const { functions } = dissect(module(TYPE, section(3, 2, 0, 0), CODE));
  assert.deepEqual(functions.map(({ size }) => size), [3, 5]);
});

test('names count imported functions first', () => {
  const imports = section(2, 2, ...text('m'), ...text('f'), 0, 0, ...text('m'), ...text('t'), 1, 0x70, 0, 1);
  const names = section(0, ...text('name'), 1, 11, 2, 1, ...text('one'), 2, ...text('two'));
  const { functions } = dissect(module(TYPE, imports, section(3, 2, 0, 0), CODE, names));
  assert.deepEqual(functions.map(({ name }) => name), ['one', 'two']);
});

test('what is no module is refused', () => {
  assert.throws(() => dissect(Buffer.from('<!doctype html>')), /no WebAssembly module/);
});

test('a module that ends in the middle is refused', () => {
  assert.throws(() => dissect(module([10, 0x80])), /ends in the middle/);
});

test('a path names its crate', () => {
  assert.equal(crateOf('tagwerk_protocol::link::place::hf65e3aa81c18eada'), 'tagwerk_protocol');
  assert.equal(crateOf('__rustc[b7974e8690430dd9]::__rust_realloc'), '__rustc');
});

test('the method of a type belongs to the type\'s crate', () => {
  assert.equal(crateOf('<lol_alloc::free_list_allocator::FreeListAllocator<T> as core::alloc::global::GlobalAlloc>::dealloc::ha7'), 'lol_alloc');
  assert.equal(crateOf('<&serde_core::de::Unexpected as core::fmt::Display>::fmt'), 'serde_core');
  assert.equal(crateOf('<alloc[3ca501edff3f0c7c]::string::String>::push'), 'alloc');
});

test('the method of a parameter belongs to the trait\'s crate', () => {
  assert.equal(crateOf('<T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec::h18f86b4cdaf0b8f2'), 'alloc');
  assert.equal(crateOf('<F as core::str::pattern::MultiCharEq>::matches::h591d7b2c248b15b1'), 'core');
});

test('a built-in type is core\'s', () => {
  assert.equal(crateOf('<str>::to_ascii_lowercase'), 'core');
  assert.equal(crateOf('<&str as core[c5930c85a12de822]::str::pattern::Pattern>::strip_prefix_of'), 'core');
});

test('what the glue calls is wasm-bindgen\'s', () => {
  assert.equal(crateOf('__externref_table_alloc'), 'wasm-bindgen');
  assert.equal(crateOf('__wbindgen_malloc'), 'wasm-bindgen');
});

test('an export is the module\'s own', () => {
  const functions = [{ name: 'ask multivalue shim', size: 7 }, { name: 'core::str::x', size: 2 }, { name: 'a_crate::f', size: 3 }];
  assert.deepEqual(byCrate(functions, 'a_crate'), [['a_crate', 10], ['core', 2]]);
});
