//! Tagwerk's server.

pub mod attribution;
pub mod refunds;
pub mod store;
