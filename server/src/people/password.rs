//! Hashing passwords and checking them, as OWASP advises: Argon2id with 19 MiB of memory, two passes and one lane, which is what the
//! library does by default. Takes tens of milliseconds: callers do it on a thread that may wait.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use std::sync::LazyLock;

/// What is compared with where there is no password, so that it takes as long.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody's").ok());

/// The hash of a password under a fresh salt, as text that names its parameters.
///
/// # Errors
/// The system gives no randomness.
pub fn hash(password: &str) -> Result<String, Error> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

/// Whether this is the password that was hashed. Without a hash it takes as long, and is `false`.
pub fn is_right(password: &str, hash: Option<&str>) -> bool {
    let Some(kept) = hash.or(NOBODY.as_deref()) else { return false };
    let same =
        PasswordHash::new(kept).is_ok_and(|kept| Argon2::default().verify_password(password.as_bytes(), &kept).is_ok());
    same && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_under_its_own_hash_alone() {
        let kept = hash("correct horse battery").unwrap();
        assert!(is_right("correct horse battery", Some(&kept)));
        assert!(!is_right("correct horse batterz", Some(&kept)));
        assert!(!is_right("nobody's", None));
        assert!(!is_right("", Some("no hash")));
    }

    #[test]
    fn hashes_name_their_parameters_and_never_repeat() {
        let kept = hash("correct horse battery").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash("correct horse battery").unwrap());
    }
}
