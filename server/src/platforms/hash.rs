//! Normal forms of personal data and their SHA-256, as the platforms want them. What is hashed already passes unchanged.
//!
//! Sources: Meta's customer information parameters, Google's Data Manager formatter (data-manager-python), TikTok's and LinkedIn's
//! pages; the vectors in the tests are theirs.

use sha2::{Digest, Sha256};

/// The SHA-256 of a text, in lower-case hexadecimal digits.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text is a SHA-256 in hexadecimal digits.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Hashes a normal form; a hash passes, in lower case. Nothing where nothing is left.
pub fn hashed(raw: &str, normal: impl Fn(&str) -> String) -> Option<String> {
    let raw = raw.trim();
    if is_hash(raw) {
        return Some(raw.to_ascii_lowercase());
    }
    let normal = normal(raw);
    (!normal.is_empty()).then(|| sha256(&normal))
}

/// An e-mail address as most platforms want it: no white space around it, lower case.
pub fn email(raw: &str) -> String {
    let text = raw.trim().to_lowercase();
    if text.contains('@') { text } else { String::new() }
}

/// An e-mail address as Google wants it: that of a Google mailbox also without the dots and the part after `+` before the `@`.
/// Google's own library does so for those domains alone, an older sample of Google's for all: the library is followed.
pub fn google_email(raw: &str) -> String {
    let text = email(raw);
    match text.split_once('@') {
        Some((name, domain @ ("gmail.com" | "googlemail.com"))) => {
            let name = name.split('+').next().unwrap_or_default().replace('.', "");
            format!("{name}@{domain}")
        }
        _ => text,
    }
}

/// An e-mail address as Microsoft and Reddit want it: that of any mailbox without the dots and the part after `+` before the `@`
/// (MicrosoftDocs/Advertising `bingads-13/guides/uet-conversion-api-integration.md`; ads-api.reddit.com/docs/v3).
pub fn email_without_dots(raw: &str) -> String {
    match email(raw).split_once('@') {
        Some((name, domain)) => {
            let name = name.split('+').next().unwrap_or_default().replace('.', "");
            format!("{name}@{domain}")
        }
        None => String::new(),
    }
}

/// A phone number in digits alone, without the zeros of an international prefix.
pub fn phone_digits(raw: &str) -> String {
    let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").unwrap_or(&digits).to_owned()
}

/// A phone number as E.164 writes it: `+` and at most 15 digits.
pub fn phone_e164(raw: &str) -> String {
    let digits: String = phone_digits(raw).chars().take(15).collect();
    if digits.is_empty() { digits } else { format!("+{digits}") }
}

/// A name, city or code: lower case, letters and digits alone.
pub fn plain(raw: &str) -> String {
    raw.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_own_vectors_hold() {
        let vectors = [
            (hashed("John_Smith@gmail.com", email), "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
            (
                hashed("nicholas.aguilar@segment.com", email),
                "eeaf810ee0e3cef3307089f22c3804f54c79eed19ef29bf70df864b43862c380",
            ),
            (hashed("abc@gmail.com ", email), "48ddb93f0b30c475423fe177832912c5bcdce3cc72872f8051627967ef278e08"),
            (
                hashed("alexz@example.com", google_email),
                "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a",
            ),
            (hashed("1 800 555 0100", phone_e164), "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30"),
            (
                hashed("+1 (510) 555-0011", phone_digits),
                "d4b7c9f6b02e092351ed7ae8ee8efa8165a96070e1db113c178ce091e3f26387",
            ),
            (hashed("+1555-555-5555", phone_e164), "910a625c4ba147b544e6bd2f267e130ae14c591b6ba9c25cb8573322dedbebd0"),
            (
                hashed("john@contoso.com", email_without_dots),
                "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602",
            ),
            (hashed("+14255551234", phone_e164), "c59475d96e9f01d7d18d06cfad84dd02333207f02c0c2c5663ef2782cda0390e"),
            (
                hashed("Al.ice+Apple@Example.Com", email_without_dots),
                "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976",
            ),
            (
                hashed("+1 (555) 444-1234", phone_e164),
                "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a",
            ),
            // X's page has since renamed the address, and kept the hash.
            (hashed(" test@twitter.com", email), "d360d510a224510f373931ce2d6215a799f5a9c1cef221b0149b6b6b50cced62"),
            (hashed("+11234567890", phone_e164), "1fa6b8d986d9b9cd01bf36951815158bbde9f520c0567c835dfe34783d0a4231"),
            (hashed("US", plain), "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
        ];
        for (hash, wanted) in vectors {
            assert_eq!(hash.as_deref(), Some(wanted));
        }
    }

    #[test]
    fn dots_count_everywhere_but_in_mailboxes_of_google() {
        assert_eq!(google_email("Jefferson.Loves.hiking+ads@gmail.com"), "jeffersonloveshiking@gmail.com");
        assert_eq!(google_email("jefferson.loves+ads@example.com"), "jefferson.loves+ads@example.com");
    }

    #[test]
    fn what_is_hashed_already_passes_and_nothing_stays_nothing() {
        let hash = sha256("x");
        assert_eq!(hashed(&hash.to_uppercase(), email).as_deref(), Some(hash.as_str()));
        assert_eq!(hashed(" ", email), None);
        assert_eq!(hashed("no address", email), None);
    }
}
