//! `application/x-www-form-urlencoded`, both ways, as the URL Standard defines it.
//!
//! The wire of the tag, the settings handed to it and its memory in the browser are all in this form: the browser
//! reads and writes it by `URLSearchParams`, and it needs no parser that would weigh on the tag.

/// The pairs of a form-encoded text, in order, repeats kept. Bytes that are not UTF-8 become U+FFFD.
pub fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(value))
    })
}

/// Decodes one name or value: `+` is a space, `%XX` a byte, anything else stands for itself.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match hex_pair(rest.peek_two()) {
                Some(decoded) => {
                    bytes.push(decoded);
                    rest.next();
                    rest.next();
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
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

/// Looks two bytes ahead without taking them.
trait TwoBytes {
    fn peek_two(&self) -> Option<(u8, u8)>;
}

impl TwoBytes for std::str::Bytes<'_> {
    fn peek_two(&self) -> Option<(u8, u8)> {
        let mut ahead = self.clone();
        Some((ahead.next()?, ahead.next()?))
    }
}

fn hex_pair(pair: Option<(u8, u8)>) -> Option<u8> {
    let (high, low) = pair?;
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
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
