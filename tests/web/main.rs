//! The WebAssembly half of the tag, in a browser, through the one export that shim and glue call.
#![cfg(target_arch = "wasm32")]
// The linter knows `#[test]` alone as a test; here as there, failing is how a test speaks.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod links;
mod shop;
mod starting;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
