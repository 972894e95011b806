//! The real binary, asked over HTTP: one behaviour each.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod api;
mod assets;
mod bad_input;
mod cloaks;
mod dashboard;
mod demo;
mod events;
mod network_api;
mod postbacks;
mod reconcile;
mod rates;
mod report;
mod scan;
mod server;
mod settings;
mod start;
mod visitor;
