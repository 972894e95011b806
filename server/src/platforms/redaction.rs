//! Takes secrets out of texts that people get to see.

use super::about::{About, FieldKind};
use super::account::Account;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Stands where a secret was.
const GONE: &str = "•••";
/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The shortest text that counts as a secret: shorter ones would tear words apart.
const SHORTEST: usize = 4;

/// The shortest part of a secret that is told by itself.
const CORE: usize = 12;

/// The secrets of an account, in every spelling in which a request may carry them.
pub struct Redaction(Vec<String>);

impl Redaction {
    /// The secrets of this account: its secret settings, and the token that was fetched.
    pub fn of(about: &About, account: &Account<'_>) -> Self {
        let named = about.fields.iter().filter(|field| field.kind == FieldKind::Secret);
        let texts = named.filter_map(|field| account.text(field.name)).chain(account.token);
        let mut all: Vec<String> = texts.filter(|text| text.len() >= SHORTEST).flat_map(spellings).collect();
        // The longest first: one secret may begin with another.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        all.dedup();
        Self(all)
    }

    /// The text without them.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, GONE))
    }
}

/// As it is, in JSON (also where that escapes slashes), and percent-encoded in the ways in use: like a form, like a URL, and as RFC 3986 has it.
fn spellings(secret: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(secret).to_string();
    let json = quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(secret).to_owned();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let url = form.replace('+', "%20");
    let strict = utf8_percent_encode(secret, UNRESERVED).to_string();
    let encoded = [form, url, strict].into_iter().flat_map(|text| [in_lower_case(&text), text]);
    let spelt = [secret.to_owned(), json.replace('/', "\\/"), json].into_iter().chain(encoded);
    spelt.chain(cores(secret).map(str::to_owned)).collect()
}

/// The parts of a secret that no encoding changes, where they are long enough to be told from anything else: whatever was encoded twice,
/// such as JSON within JSON, still holds them.
fn cores(secret: &str) -> impl Iterator<Item = &str> {
    let changes = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-');
    secret.split(changes).filter(|part| part.len() >= CORE)
}

/// The same with `%2f` for `%2F`.
fn in_lower_case(encoded: &str) -> String {
    let mut rest = 0;
    let lower = |c: char| {
        let is_digit = rest > 0;
        rest = if c == '%' { 2 } else { i32::max(rest - 1, 0) };
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_in_every_spelling_that_a_request_or_an_answer_may_have() {
        let all = spellings("a/B~*\"+ c");
        for spelling in [
            "a/B~*\"+ c",
            "a/B~*\\\"+ c",
            "a\\/B~*\\\"+ c",
            "a%2FB%7E*%22%2B+c",
            "a%2FB%7E*%22%2B%20c",
            "a%2fB%7e*%22%2b%20c",
            "a%2FB~%2A%22%2B%20c",
            "a%2fB~%2a%22%2b%20c",
        ] {
            assert!(all.iter().any(|known| known == spelling), "{spelling} in {all:?}");
        }
    }

    #[test]
    fn what_was_encoded_twice_loses_the_part_by_which_a_secret_is_known() {
        let redaction = Redaction(spellings("~\"/Zq7Mark_access-token\\+"));
        let twice =
            serde_json::Value::from(serde_json::Value::from("~\"/Zq7Mark_access-token\\+").to_string()).to_string();
        let redacted = redaction.redact(&twice);
        assert!(redacted.contains(GONE) && !redacted.contains("Zq7"), "{redacted}");
        assert_eq!(cores("short-one.and more").count(), 0);
    }
}
