//! The real binary, asked over HTTP: one behaviour each.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod addresses;
mod api;
mod assets;
mod bad_input;
mod cloaks;
mod connect;
mod costs;
mod csv;
mod dashboard;
mod demo;
mod erase;
mod events;
mod export;
mod fix;
mod ipn;
mod ipn_events;
mod log;
mod network_api;
mod outbox;
mod people;
mod pixel;
mod platform_pages;
mod postbacks;
mod rates;
mod reconcile;
mod repeats;
mod replay;
mod report;
mod report_fixture;
mod report_rows;
mod scan;
mod server;
mod settings;
mod start;
mod story;
mod today;
mod tracker;
mod types;
mod visitor;
mod worklist;
