//! Cells that a spreadsheet would take for a formula. Everything that is stored was sent by somebody, so a cell that begins like a formula
//! gets an apostrophe in front; reading it again takes that away, so nothing is lost on the way.
//!
//! A spreadsheet that is set to semicolons, as many are in Europe, takes a cell apart at semicolons, tabs and line breaks in spite of
//! its quotes. So what stands behind one of these is treated like the beginning of the cell.

use std::borrow::Cow;

/// Whether a cell that begins with this may be taken for a formula: OWASP's list ("CSV injection"), with the full-width forms.
fn begins_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

/// Whether a cell that begins with this may be read without it, so that what follows becomes its beginning.
fn is_dropped(c: char) -> bool {
    matches!(c, '\t' | '\r' | '\n')
}

/// Whether a new cell may begin behind this.
fn separates(c: char) -> bool {
    matches!(c, ';' | '\t' | '\r' | '\n')
}

/// The text with an apostrophe in front of whatever would begin a formula. Where apostrophes stand there already, there is one more.
pub fn defuse(text: &str) -> Cow<'_, str> {
    rewrite(text, |apostrophes| Some(apostrophes + 1))
}

/// What was [`defuse`]d, as it was.
pub fn restore(text: &str) -> Cow<'_, str> {
    rewrite(text, |apostrophes| apostrophes.checked_sub(1))
}

/// The text with another number of apostrophes, `None` for the same, in each place where apostrophes lead up to a formula.
fn rewrite(text: &str, number: impl Fn(usize) -> Option<usize>) -> Cow<'_, str> {
    let mut rewritten: Option<String> = None;
    let mut rest = text;
    let mut is_beginning = true;
    loop {
        let behind = rest.trim_start_matches('\'');
        let apostrophes = rest.len() - behind.len();
        let leads_up = behind.starts_with(|c| begins_formula(c) || is_beginning && is_dropped(c));
        let changed = leads_up.then(|| number(apostrophes)).flatten();
        if changed.is_some() && rewritten.is_none() {
            rewritten = Some(text.get(..text.len() - rest.len()).unwrap_or_default().to_owned());
        }
        // Up to the next separator, which may be the very character that would begin the formula.
        let length = behind.find(separates).map_or(behind.len(), |at| at + 1);
        let (piece, after) = behind.split_at_checked(length).unwrap_or((behind, ""));
        if let Some(rewritten) = &mut rewritten {
            rewritten.extend(std::iter::repeat_n('\'', changed.unwrap_or(apostrophes)));
            rewritten.push_str(piece);
        }
        if after.is_empty() {
            return rewritten.map_or(Cow::Borrowed(text), Cow::Owned);
        }
        (rest, is_beginning) = (after, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_begins_like_a_formula_gets_an_apostrophe() {
        for (text, safe) in [
            ("=HYPERLINK(\"https://x.example\")", "'=HYPERLINK(\"https://x.example\")"),
            ("+49 30 1234", "'+49 30 1234"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=1", "'\r'=1"),
            ("two\r\nlines", "two\r\nlines"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("harmless", "harmless"),
            ("it's -1", "it's -1"),
            ("", ""),
            ("'quoted'", "'quoted'"),
        ] {
            assert_eq!(defuse(text), safe);
            assert_eq!(restore(safe), text);
        }
    }

    #[test]
    fn what_stands_behind_a_semicolon_or_a_line_break_is_treated_like_a_beginning() {
        assert_eq!(defuse("a;=1;b\n-2\t@x"), "a;'=1;b\n'-2\t'@x");
        assert_eq!(restore("a;'=1;b\n'-2\t'@x"), "a;=1;b\n-2\t@x");
    }

    #[test]
    fn a_number_of_ones_own_stays_as_it_is_when_it_is_read() {
        assert_eq!(restore("-1.64"), "-1.64");
        assert_eq!(restore("'n"), "'n");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_formula_is_left(text in "[-=+@;'\t\r\na＝ ]{0,12}|.*") {
            let safe = defuse(&text).into_owned();
            let restored = restore(&safe).into_owned();
            prop_assert_eq!(restored, text);
            let mut pieces = safe.split(separates);
            prop_assert!(!pieces.any(|piece| piece.starts_with(begins_formula)), "{}", safe);
            prop_assert!(!safe.starts_with(is_dropped), "{}", safe);
        }

        #[test]
        fn a_foreign_text_is_read_without_a_panic(text in "[-=+@;'\t\r\na＝ ]{0,12}|.*") {
            let _ = restore(&text);
        }
    }
}
