//! What AutoScan answered. Pure.

use crate::facts::value;
use crate::report::Cloaked;

/// Reads the answer's lines, one link each; one without an address says nothing.
pub fn cloaked(lines: &[String]) -> Vec<Cloaked> {
    lines.iter().flat_map(|answer| answer.lines()).filter_map(row).collect()
}

fn row(line: &str) -> Option<Cloaked> {
    Some(Cloaked {
        url: value(line, "url")?,
        group: value(line, "group"),
        forwards: value(line, "forwards").as_deref() == Some("1"),
        resolved: value(line, "resolved"),
        reason: value(line, "reason"),
    })
}
