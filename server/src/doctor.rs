//! `tagwerk doctor`: looks at the server's own house. Gathering and judging stand apart: what is judged is plain data.

pub mod around;
pub mod backups;
pub mod database;
pub mod files;
pub mod run;
pub mod server;
pub mod site;

use crate::finding::{Finding, Level, count, counted, lines, worst};
use serde::Serialize;
use std::fmt::Write as _;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// In the order in which it was looked at: the machine, the database, the settings, the sites.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report of these; what was found twice is told once.
    pub fn new(found: Vec<Finding>) -> Self {
        let mut findings: Vec<Finding> = Vec::with_capacity(found.len());
        for finding in found {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        Self { findings }
    }

    /// Whether nothing is lost now.
    pub fn is_good(&self) -> bool {
        worst(&self.findings) < Level::Error
    }

    /// The report as text, the worst first.
    pub fn text(&self) -> String {
        let mut findings = self.findings.clone();
        // Stable: what is equally bad stays in its order.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let mut text = lines(&findings, "");
        let of = |level| count(&findings, level);
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "\n{}, {}, {}.",
            counted(of(Level::Error), "error", "errors"),
            counted(of(Level::Warning), "warning", "warnings"),
            counted(of(Level::Ok), "thing is as it should be", "things are as they should be")
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_stands_first_and_what_was_found_twice_once() {
        let report = Report::new(vec![
            Finding::ok("clock", "the clock is right"),
            Finding::error("key_missing", "there is no key", "put it back"),
            Finding::ok("clock", "the clock is right"),
        ]);
        assert_eq!(report.findings.len(), 2);
        let text = report.text();
        assert!(text.starts_with("error"), "{text}");
        assert!(text.ends_with("1 error, 0 warnings, 1 thing is as it should be.\n"), "{text}");
        assert!(!report.is_good());
        assert!(Report::new(vec![Finding::warning("rates_old", "old", "fetch them")]).is_good());
    }
}
