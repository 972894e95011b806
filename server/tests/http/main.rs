//! The real binary, asked over HTTP: one behaviour each.

mod api;
mod assets;
mod bad_input;
mod events;
mod postbacks;
mod server;
mod settings;
mod start;
