//! Whether a notification is signed by who knows the passphrase. Pure.
//!
//! Source of the scheme: the network's official sample code and its test vectors (`digistore24/ds24-skills`, `ipn-protocol.md`;
//! `digistore24/ds24-appkit`, `lib/digistore/ipn-vectors.json`).

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use tagwerk_protocol::group::SignatureScheme;

/// Why a notification is not taken to be authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It carries no signature.
    #[error("the notification is not signed")]
    Missing,
    /// Its signature is that of something else, or made with another passphrase.
    #[error("the signature is wrong")]
    Wrong,
}

/// Holds the fields of a form to the signature among them (in one of `signed_by`, compared ignoring case), in constant time.
///
/// # Errors
/// See [`SignatureError`]. An empty passphrase signs nothing, and neither does a form without values.
pub fn check(
    scheme: SignatureScheme,
    fields: &[(String, String)],
    signed_by: &[String],
    passphrase: &str,
) -> Result<(), SignatureError> {
    let is_signature = |name: &str| signed_by.iter().any(|known| known.eq_ignore_ascii_case(name));
    let signature = fields.iter().find(|(name, value)| is_signature(name) && !value.is_empty());
    let (_, given) = signature.ok_or(SignatureError::Missing)?;
    let given = given.to_ascii_uppercase();
    let signed: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(name, _)| !is_signature(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let digests = match scheme {
        SignatureScheme::SortedPairsSha512 => [
            sorted_pairs_sha512(&signed, passphrase, str::to_owned),
            sorted_pairs_sha512(&signed, passphrase, str::to_uppercase),
        ],
    };
    let mut fits = subtle::Choice::from(0);
    for digest in &digests {
        fits |= digest.as_bytes().ct_eq(given.as_bytes());
    }
    // Nobody needs a passphrase for the digest of nothing.
    let says_something = signed.iter().any(|(_, value)| !value.is_empty());
    if says_something && !passphrase.is_empty() && bool::from(fits) { Ok(()) } else { Err(SignatureError::Wrong) }
}

/// The signature of a form's fields, as the network makes it: empty values and the fields that carry signatures aside.
pub fn sign(scheme: SignatureScheme, fields: &[(String, String)], signed_by: &[String], passphrase: &str) -> String {
    let is_signature = |name: &str| signed_by.iter().any(|known| known.eq_ignore_ascii_case(name));
    let signed = fields.iter().filter(|(name, _)| !is_signature(name));
    let signed: Vec<(&str, &str)> = signed.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match scheme {
        SignatureScheme::SortedPairsSha512 => sorted_pairs_sha512(&signed, passphrase, str::to_owned),
    }
}

/// SHA-512, in upper-case hexadecimal, over `name=value` and the passphrase for each field that is not empty, sorted by the bytes of
/// the names as `spelled`.
fn sorted_pairs_sha512(fields: &[(&str, &str)], passphrase: &str, spelled: fn(&str) -> String) -> String {
    let mut pairs: Vec<(String, &str)> =
        fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (spelled(name), *value)).collect();
    pairs.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    let mut hash = Sha512::new();
    for (name, value) in pairs {
        for part in [&name, "=", value, passphrase] {
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCHEME: SignatureScheme = SignatureScheme::SortedPairsSha512;
    const PUBLISHED: &str = "s3cret-passphrase";

    fn fields(pairs: &[(&str, &str)], signature: &str) -> Vec<(String, String)> {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        pairs.iter().copied().chain([("sha_sign", signature)]).map(own).collect()
    }

    fn signed_by() -> Vec<String> {
        vec!["sha_sign".into(), "SHASIGN".into()]
    }

    fn fits(pairs: &[(&str, &str)], signature: &str, passphrase: &str) -> Result<(), SignatureError> {
        check(SCHEME, &fields(pairs, signature), &signed_by(), passphrase)
    }

    const ORDER: [(&str, &str); 2] = [("order_id", "ORD-1"), ("product_id", "42")];
    const OF_ORDER: &str = "9A23DE2603A33D17D935908580B5DB90C452DE8E68556E2A4AD96F1C3EC3BFD2EE3AE47B819B96286812224FBCED943D0ACF48C8C20CA57570E2263B6ABAF099";
    const OF_ORDER_IN_CAPITALS: &str = "650DFA85696C764CF5276397D48D5F1E7D1D0D42D2836E459CAE83A36814DF67E90C59A508B73D98280400758A65381D09BFA36D7F575345639D24F269A666A2";
    const OF_AMOUNT: &str = "D10912B7772A60B4CCA3F9B1BF1D5AE5E32D75FC75FCBC44BFD265D7890B07C3ACA99F1C6DB50A69AF4762A5C4C1812A4CF7C388367F93682F846AE74E685025";

    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(fits(&ORDER, OF_ORDER, PUBLISHED), Ok(()));
        assert_eq!(fits(&[("product_id", "42"), ("order_id", "ORD-1")], OF_ORDER, PUBLISHED), Ok(()));
        assert_eq!(fits(&[("ORDER_ID", "ORD-1"), ("PRODUCT_ID", "42")], OF_ORDER_IN_CAPITALS, PUBLISHED), Ok(()));
        assert_eq!(fits(&ORDER, OF_ORDER_IN_CAPITALS, PUBLISHED), Ok(()));
        assert_eq!(
            fits(&[("amount", "47.00"), ("product_id", "42"), ("order_id", "ORD-1")], OF_AMOUNT, PUBLISHED),
            Ok(())
        );
        assert_eq!(fits(&[ORDER[0], ORDER[1], ("note", "")], OF_ORDER, PUBLISHED), Ok(()));
    }

    #[test]
    fn what_is_signed_here_is_taken_to_be_authentic() {
        let signed = sign(SCHEME, &fields(&ORDER, "of before"), &signed_by(), PUBLISHED);
        assert_eq!(signed, OF_ORDER);
        assert_eq!(fits(&ORDER, &signed, PUBLISHED), Ok(()));
    }

    #[test]
    fn the_signature_may_come_in_small_letters_and_under_either_name() {
        assert_eq!(fits(&ORDER, &OF_ORDER.to_ascii_lowercase(), PUBLISHED), Ok(()));
        let mut other = fields(&ORDER, "");
        other.push(("SHASIGN".into(), OF_ORDER.into()));
        assert_eq!(check(SCHEME, &other, &signed_by(), PUBLISHED), Ok(()));
    }

    #[test]
    fn without_signature_or_passphrase_nothing_is_authentic() {
        assert_eq!(fits(&ORDER, "", PUBLISHED), Err(SignatureError::Missing));
        let unsigned = sorted_pairs_sha512(&ORDER, "", str::to_owned);
        assert_eq!(fits(&ORDER, &unsigned, ""), Err(SignatureError::Wrong));
    }

    #[test]
    fn a_form_that_says_nothing_is_never_authentic() {
        let nothing: [&[(&str, &str)]; 2] = [&[], &[("event", "")]];
        for pairs in nothing {
            let known_to_all = sorted_pairs_sha512(pairs, PUBLISHED, str::to_owned);
            assert_eq!(known_to_all, sorted_pairs_sha512(&[], "", str::to_owned));
            assert_eq!(fits(pairs, &known_to_all, PUBLISHED), Err(SignatureError::Wrong));
        }
    }

    proptest! {
        #[test]
        fn any_change_of_a_value_is_noticed(
            pairs in proptest::collection::btree_map("[a-z_]{1,8}", "\\PC{1,12}", 1..6),
            passphrase in "\\PC{1,12}",
            more in "\\PC{1,3}",
        ) {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let signature = sorted_pairs_sha512(&pairs, &passphrase, str::to_owned);
            prop_assert_eq!(fits(&pairs, &signature, &passphrase), Ok(()));
            let changed = format!("{}{more}", pairs[0].1);
            let mut other = pairs.clone();
            other[0].1 = &changed;
            prop_assert_eq!(fits(&other, &signature, &passphrase), Err(SignatureError::Wrong));
        }
    }
}
