//! What ad platforms tell repeats by: the same for whatever is the same sale to them, at every attempt, on every run of the books.

use sha2::{Digest, Sha256};
use tagwerk_protocol::conversion::Conversion;

/// The event id of a conversion: 32 hexadecimal digits, made of the site, the group, the transaction and what happened to its money, so that
/// one transaction is one event however many postbacks, channels and types tell it. A type whose repeats each count has one for each;
/// without a transaction, the conversion's identity is what there is.
pub fn event_id(site_id: &str, conversion: &Conversion) -> String {
    let transaction = conversion.transaction_id.as_deref().filter(|_| conversion.series.is_none());
    let parts = match transaction {
        Some(id) => [site_id, "transaction", &conversion.group, id, conversion.transaction_type.as_str()],
        None => [site_id, "identity", &conversion.group, &conversion.identity, ""],
    };
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep neighbours apart.
        hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let whole = hash.finalize();
    // A test is never the real one, whatever it is sent with.
    let mark = if conversion.is_test { "test" } else { "" };
    let digits: String = whole.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{mark}{digits}")
}

/// A row's id that is of this time and follows from what the row is, so that making it again gives the same.
pub fn row_id(at: i64, platform: &str, event_id: &str) -> String {
    let hash = Sha256::digest(format!("{platform}\n{event_id}"));
    let mut bytes = [0_u8; 10];
    for (byte, from) in bytes.iter_mut().zip(hash) {
        *byte = from;
    }
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap_or_default(), &bytes).into_uuid().to_string()
}
