//! `application/x-www-form-urlencoded`, both ways, as the URL Standard defines it.
//!
//! The wire of the tag, the settings handed to it and its memory in the browser are all in this form: the browser
//! reads and writes it by `URLSearchParams`, and it needs no parser that would weigh on the tag.

use alloc::string::String;
use alloc::vec::Vec;

/// The pairs of a form-encoded text, in order, repeats kept. Bytes that are not UTF-8 become U+FFFD.
pub fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    split(text, b'&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = split_once(part, b'=').unwrap_or((part, ""));
        (decode(name), decode(value))
    })
}

/// `str::split` at an ASCII character, for a fraction of its weight in the tag.
pub fn split(text: &str, mark: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (part, after) = split_once(text, mark).map_or((text, None), |(part, after)| (part, Some(after)));
        rest = after;
        Some(part)
    })
}

/// `str::split_once` at an ASCII character.
pub fn split_once(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Decodes one name or value: `+` is a space, `%XX` a byte, anything else stands for itself.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        let mut byte = *byte;
        if byte == b'+' {
            byte = b' ';
        } else if byte == b'%'
            && let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
        {
            byte = high << 4 | low;
            rest = after;
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes()))
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(any(test, feature = "server"))]
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The tag decodes nothing but what its server encoded, which is UTF-8.
#[cfg(not(any(test, feature = "server")))]
fn lossy(_: &[u8]) -> String {
    String::new()
}

/// Adds `name=value` to a form-encoded text.
pub fn push(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push('&');
    }
    encode(text, name);
    text.push('=');
    encode(text, value);
}

fn encode(text: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => text.push(char::from(byte)),
            b' ' => text.push('+'),
            other => {
                text.push('%');
                for nibble in [other >> 4, other & 15] {
                    text.push(char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Vec<(String, String)> {
        pairs(text).collect()
    }

    #[test]
    fn plus_is_a_space_and_percent_a_byte() {
        assert_eq!(one("a+b=%C3%A4%26&c"), [("a b".into(), "ä&".into()), ("c".into(), String::new())]);
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        assert_eq!(
            one("a=%&b=%4&c=%zz"),
            [("a".into(), "%".into()), ("b".into(), "%4".into()), ("c".into(), "%zz".into())]
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(decode("%E9t%E9"), "\u{fffd}t\u{fffd}");
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_read_back(name in ".+", value in ".*") {
            let mut text = String::new();
            push(&mut text, &name, &value);
            prop_assert_eq!(one(&text), vec![(name, value)]);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = one(&text);
        }
    }
}
