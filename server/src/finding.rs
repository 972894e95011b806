//! What `tagwerk doctor` and `tagwerk check` found: how bad it is, what it is, and what to do. Pure.

use serde::Serialize;
use std::fmt::Write as _;

/// How bad it is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, and costs something or will go wrong.
    Warning,
    /// Something is lost now, or does not work.
    Error,
}

impl Level {
    /// The word, as in JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at, in a word that scripts can rely on; `docs/checking.md` lists them all.
    pub word: &'static str,
    /// Which site or page it is about; nothing where it is about the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What was found, in a sentence.
    pub says: String,
    /// What to do, in a sentence; nothing where nothing has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(word: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Ok, word, about: None, says: says.into(), mend: None }
    }

    /// Worth knowing.
    pub fn note(word: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::with(Level::Note, word, says.into(), mend.into())
    }

    /// It works, and costs something or will go wrong.
    pub fn warning(word: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::with(Level::Warning, word, says.into(), mend.into())
    }

    /// Something is lost now, or does not work.
    pub fn error(word: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::with(Level::Error, word, says.into(), mend.into())
    }

    fn with(level: Level, word: &'static str, says: String, mend: String) -> Self {
        Self { level, word, about: None, says, mend: Some(mend).filter(|mend| !mend.is_empty()) }
    }

    /// The same, about this site or page.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        self.about = Some(what.to_owned());
        self
    }
}

/// How many there are of a level.
pub fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// The worst level there is; [`Level::Ok`] where nothing was found.
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

/// One line for each finding, level and word aligned, and the mend below, each line with this in front.
pub fn lines(findings: &[Finding], indent: &str) -> String {
    let width = findings.iter().map(|finding| finding.word.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { level, word, about, says, mend } in findings {
        let about = about.as_ref().map(|about| format!("{}: ", shown(about))).unwrap_or_default();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{indent}{:<7}  {word:<width$}  {about}{}", level.as_str(), shown(says));
        if let Some(mend) = mend {
            let _ = writeln!(text, "{indent}{:<7}  {:<width$}  -> {}", "", "", shown(mend));
        }
    }
    text
}

/// A text of strangers as a terminal may be handed it: on one line, without control characters and without those that turn the direction of
/// what follows.
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if may_be_shown(c) { c } else { '\u{fffd}' }).collect()
}

fn may_be_shown(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    !(c.is_control() || turns || breaks)
}

/// How many, with the word in singular or plural.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// A number of bytes, for people: in the largest unit that leaves a whole number before the point.
pub fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| count >= *unit) {
        None => format!("{count} bytes"),
        Some((unit, name)) => {
            // Tenths, rounded, by whole numbers: 1_949_999_999 bytes are 1.9 GB.
            let tenths = count / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn findings_are_aligned_and_their_mends_stand_below() {
        let findings = [
            Finding::ok("disk", "10 GB are free"),
            Finding::error("key_missing", "there is no key", "put it back").about("a site"),
        ];
        let expected = "  ok       disk         10 GB are free\n  error    key_missing  a site: there is no key\n                        -> put it back\n";
        assert_eq!(lines(&findings, "  "), expected);
        assert_eq!((worst(&findings), count(&findings, Level::Ok)), (Level::Error, 1));
    }

    #[test]
    fn what_strangers_say_cannot_turn_or_colour_the_terminal() {
        assert_eq!(shown("a\u{1b}[31mb\nc\u{202e}d\u{2066}"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(shown("Grüße, العربية"), "Grüße, العربية");
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let told = [0, 999, 1_000, 1_949_999, 1_000_000_000, 2_500_000_000_000].map(bytes);
        assert_eq!(told, ["0 bytes", "999 bytes", "1.0 kB", "1.9 MB", "1.0 GB", "2.5 TB"]);
    }

    proptest! {
        #[test]
        fn any_finding_is_one_line_and_its_mend_another(says in any::<String>(), mend in ".+") {
            let text = lines(&[Finding::note("word", says, mend)], "");
            prop_assert_eq!(text.lines().count(), 2);
        }
    }
}
