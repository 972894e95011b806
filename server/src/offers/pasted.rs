//! From a line as it was pasted to the address in it: out of a tag's attribute, without what word processors put around it.

use super::{Findings, Verdict};
use tagwerk_protocol::href;

/// An address, and what the tag around it says.
pub(super) struct Pasted {
    /// The address.
    pub(super) href: String,
    /// The `data-tracking-group` of its tag.
    pub(super) group: Option<String>,
    /// The `rel` of its tag.
    pub(super) rel: Option<String>,
}

/// Quotation marks that keyboards do not have, and what stands around an address in a text.
const QUOTES: [char; 14] = [
    '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{201a}', '\u{ab}', '\u{bb}', '\u{2039}', '\u{203a}',
    '"', '\'', '<', '>',
];
/// What stands behind an address in a sentence.
const ENDS: [char; 3] = ['.', ',', ';'];

/// Reads the address out of a line.
pub(super) fn read(line: &str, findings: &mut Findings) -> Pasted {
    let line = line.trim();
    if let Some(tag) = Tag::of(line)
        && let Some(href) = tag.attribute("href").or_else(|| tag.attribute("action"))
    {
        let pasted = Pasted { href, group: tag.attribute("data-tracking-group"), rel: tag.attribute("rel") };
        return cleaned(pasted, findings);
    }
    cleaned(Pasted { href: line.to_owned(), group: None, rel: None }, findings)
}

/// Takes away what no address has, and says so.
fn cleaned(mut pasted: Pasted, findings: &mut Findings) -> Pasted {
    if pasted.href.contains(is_invisible) {
        pasted.href = pasted.href.replace(is_invisible, "");
        findings.add(
            "invisible",
            Verdict::Wrong,
            "There are invisible characters in it, as word processors and web pages leave them.",
            "Copy the address from the network again, or type it anew.",
        );
    }
    let bare = href::trim(pasted.href.trim().trim_matches(QUOTES)).trim_end_matches(ENDS).to_owned();
    if bare.contains(is_odd_quote) || pasted.href.trim().contains(is_odd_quote) {
        findings.add(
            "quotes",
            Verdict::Wrong,
            "There are curly quotation marks in it, as word processors make them: in a page they become part of the address.",
            "Put straight ones around the address, and none into it.",
        );
    }
    if bare.contains(char::is_whitespace) {
        findings.add(
            "space",
            Verdict::Wrong,
            "There is a space in it: the address may end there.",
            "Take the space out, or paste one link on each line.",
        );
    }
    if bare.contains("&amp;") {
        findings.add(
            "escaped",
            Verdict::Look,
            "It has &amp; in it. That is right in a page's source alone; anywhere else, what follows gets a wrong name.",
            "Where you do not write HTML, put & in its place.",
        );
        pasted.href = bare.replace("&amp;", "&");
    } else {
        pasted.href = bare;
    }
    pasted
}

fn is_odd_quote(c: char) -> bool {
    QUOTES.contains(&c) && !c.is_ascii()
}

/// Characters that nobody sees: of no width, marks of writing direction, the soft hyphen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A start tag in a line, read as far as its attributes need it.
struct Tag<'a>(&'a str);

impl<'a> Tag<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let start = line.find('<')?;
        let inside = line.get(start + 1..)?;
        inside.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(Self(inside))
    }

    /// The value of an attribute, as a parser of HTML reads it, but for character references.
    fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.0.trim_start_matches(|c: char| !c.is_whitespace() && c != '>');
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
            let (found, after) = rest.split_at_checked(end)?;
            if found.is_empty() {
                return None;
            }
            let after = after.trim_start();
            let Some(value) = after.strip_prefix('=') else {
                rest = after;
                continue;
            };
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (value, after) = match quote {
                Some(quote) => value.get(1..)?.split_once(quote)?,
                None => value
                    .split_at_checked(value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len()))?,
            };
            if found.eq_ignore_ascii_case(name) {
                return Some(value.to_owned());
            }
            rest = after;
        }
    }
}
