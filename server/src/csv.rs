//! Tables as CSV: what the lists hold goes out, and past conversions come in. Pure.

pub mod export;
pub mod formula;
pub mod import;
pub mod instant;
pub mod number;
