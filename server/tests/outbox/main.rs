//! What waits for the ad platforms, sent by the real runner to platforms on loopback that answer as the real ones do: what they take, what
//! they refuse, and everything that can go wrong on the way.

// The parts of a test say what must hold by failing, too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod dialect;
mod fake;
mod faults;
mod home;
mod log;
mod pace;
mod parcels;
mod platforms;
mod secrets;
mod split;
mod stops;
mod targets;
mod tokens;
mod webhooks;
