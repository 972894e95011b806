//! The tag: what runs in a visitor's browser once the shim (`www/tagwerk.js`) has loaded it.
//!
//! The shim owns the listeners, the clock, the browser's storage and the wire, since it must do without this module where
//! it cannot run; the glue (`www/glue.js`) is what else needs the browser. This module decides: which links are a network's,
//! what becomes of them and which click ids they get, who the visitor is and how they first and last came, and which links
//! are worth decorating before anybody uses them. Its rules come from [`tagwerk_protocol`], and everything but the browser's
//! randomness is pure.
//!
//! There is one export, `ask`: texts in and texts out, since each further one and each browser type that crosses the border
//! costs every visitor bytes on both sides of it. [`tag::Tag::ask`] lists the questions.

#![cfg_attr(small, no_std)]
#![cfg_attr(test, allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

extern crate alloc;

pub mod tag;
pub mod visit;
pub mod wanted;

#[cfg(all(target_arch = "wasm32", small))]
mod small;

#[cfg(target_arch = "wasm32")]
mod page {
    use crate::tag::Tag;
    use alloc::string::String;
    use core::cell::RefCell;
    use wasm_bindgen::prelude::wasm_bindgen;

    struct Slot(RefCell<Tag>);

    // The module is built without threads, so nobody else can be here.
    #[allow(unsafe_code)]
    unsafe impl Sync for Slot {}

    static TAG: Slot = Slot(RefCell::new(Tag::new()));

    /// Answers a question of the shim's or the glue's: see [`Tag::ask`].
    #[wasm_bindgen]
    pub fn ask(question: &str) -> String {
        let mut random = |bytes: &mut [u8]| getrandom::fill(bytes).is_ok();
        TAG.0.try_borrow_mut().map(|mut tag| tag.ask(question, &mut random)).unwrap_or_default()
    }
}

#[cfg(target_arch = "wasm32")]
pub use page::ask;
