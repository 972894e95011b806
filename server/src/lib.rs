//! Tagwerk's server: receives what the tag and the affiliate networks send, attributes each sale to its click, and shows it.
//!
//! `docs/architecture.md` draws the layers; [`http`] is the table of contents of everything that can be called.

pub mod app;
pub mod arrivals;
pub mod assets;
pub mod attribution;
pub mod audit;
pub mod autoscan;
pub mod check;
pub mod cli;
pub mod config;
pub mod costs;
pub mod credit;
pub mod csv;
pub mod dedupe;
pub mod disk;
pub mod doctor;

pub mod finding;
pub mod fix;
pub mod groups;
pub mod health;
pub mod http;
pub mod importing;
pub mod intake;
pub mod jobs;
pub mod ledger;
pub mod offering;
pub mod offers;
pub mod outbox;
pub mod outgoing;
pub mod people;
pub mod platforms;
pub mod postback_urls;
pub mod rates;
pub mod reading;
pub mod reconcile;
pub mod repeats;
pub mod reporting;
pub mod reports;
pub mod resealing;
pub mod rotation;
pub mod serve;
pub mod settings;
pub mod signature;
pub mod store;
pub mod tag;
pub mod totals;
pub mod trial_call;
pub mod vault;
pub mod visit;
pub mod visitor_cookie;
