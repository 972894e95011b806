//! The tag: what runs in a visitor's browser once the shim (`www/tagwerk.js`) has loaded it.
//!
//! The shim owns the listeners, the clock, the browser's storage and the wire, since it must do without this module where
//! it cannot run. This module says what is to be done: which links are a network's and what happens to them, which
//! clicks count, who the visitor is and how they came, and what is reported. Its rules come from [`tagwerk_protocol`];
//! [`visit`], [`clicks`] and [`wanted`] are pure, and whatever touches the browser is in `page`.
//!
//! The exports (`start`, `handle`, `settle`, `scan`, `command`) exist on wasm32 alone.

#![cfg_attr(small, no_std)]

extern crate alloc;

pub mod clicks;
pub mod visit;
pub mod wanted;

#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(all(target_arch = "wasm32", small))]
mod small;
#[cfg(target_arch = "wasm32")]
mod tag;

#[cfg(target_arch = "wasm32")]
mod exports {
    use crate::tag;
    use alloc::string::String;
    use wasm_bindgen::prelude::wasm_bindgen;
    use web_sys::{Element, Event};

    /// Takes over from the shim: the site's settings, and what the shim knows of this page load, both form-encoded.
    /// Answers the fields that are to be remembered with the record; nothing where the facts make no sense.
    /// Once more when the facts have changed (consent).
    #[wasm_bindgen]
    pub fn start(settings: &str, facts: &str) -> Option<String> {
        tag::start(settings, facts)
    }

    /// An event that came through a link: the link is decorated, and a click is noted (with the link's text) until
    /// [`settle`].
    #[wasm_bindgen]
    pub fn handle(event: &Event, link: &Element, label: &str) {
        tag::handle(event, link, label);
    }

    /// Every listener has run, or the page (whose address it is) goes away: answers the lines of the clicks that count.
    #[wasm_bindgen]
    pub fn settle(page: &str) -> Option<String> {
        tag::settle(page)
    }

    /// Decorates a slice of the links that are in the page. Answers 1 if there are more, 0 if there are none just now,
    /// and -1 if no further call is wanted.
    #[wasm_bindgen]
    pub fn scan() -> i32 {
        tag::scan()
    }

    /// `event` (name, page's address, form-encoded attributes) answers its line, `decorate` (URL, page's base URL) the
    /// decorated URL, or nothing where it is left alone.
    #[wasm_bindgen]
    pub fn command(name: &str, subject: &str, page: &str, more: &str) -> Option<String> {
        match name {
            "event" => tag::event(subject, page, more),
            "decorate" => tag::decorate(subject, page),
            _ => None,
        }
    }
}

#[cfg(target_arch = "wasm32")]
pub use exports::{command, handle, scan, settle, start};
