//! Seals what must not lie open on disk: passphrases, platform tokens, raw requests.
//!
//! XChaCha20-Poly1305 under one key that lies in the data directory; each sealed text is bound to the place it belongs to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const NONCE: usize = 24;
const KEY_FILE: &str = "secret.key";

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key's file cannot be read or made.
    #[error("{file}: {source}")]
    KeyFile {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The key's file does not hold a key.
    #[error("{0} does not hold a key of 64 hexadecimal digits")]
    BadKey(String),
    /// The database is there, its key is not.
    #[error(
        "{0} is missing, but the database is there: without its key, its secrets cannot be read. Put the key back from your backup"
    )]
    LostKey(String),
    /// No randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// The sealed text was made under another key or for another place.
    #[error("a sealed text does not open: it was sealed under another key, or damaged")]
    Damaged,
}

/// Seals and opens.
pub struct Vault(XChaCha20Poly1305);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Opens the vault of a data directory; makes its key if there is neither key nor database yet.
    ///
    /// # Errors
    /// The key cannot be read or made, or is missing though the database is there.
    pub fn open(data_dir: &Path, database_exists: bool) -> Result<Self, VaultError> {
        let path = data_dir.join(KEY_FILE);
        let file = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !database_exists => {
                let text = hex(&random::<32>()?);
                make_private(&path, &text).map_err(|source| VaultError::KeyFile { file: file.clone(), source })?;
                text
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(VaultError::LostKey(file)),
            Err(source) => return Err(VaultError::KeyFile { file, source }),
        };
        let key = unhex(text.trim()).ok_or(VaultError::BadKey(file))?;
        Ok(Self(XChaCha20Poly1305::new(&key.into())))
    }

    /// Copies the key of a data directory into another folder, for nobody else to read.
    ///
    /// # Errors
    /// The key cannot be read or is none, or the copy is there already or cannot be written.
    pub fn copy_key(data_dir: &Path, folder: &Path) -> Result<PathBuf, VaultError> {
        let (from, to) = (data_dir.join(KEY_FILE), folder.join(KEY_FILE));
        let told = |path: &Path| {
            let file = path.display().to_string();
            move |source| VaultError::KeyFile { file, source }
        };
        let text = std::fs::read_to_string(&from).map_err(told(&from))?;
        unhex(text.trim()).ok_or_else(|| VaultError::BadKey(from.display().to_string()))?;
        make_private(&to, &text).map_err(told(&to))?;
        Ok(to)
    }

    /// Seals `plain` for `place`.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Damaged)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// It was sealed under another key or for another place, or is damaged.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(VaultError::Damaged)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Damaged)
    }

    /// Seals a text into a text.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_text(&self, place: &str, plain: &str) -> Result<String, VaultError> {
        Ok(BASE64.encode(self.seal(place, plain.as_bytes())?))
    }

    /// Opens what [`Self::seal_text`] made.
    ///
    /// # Errors
    /// As [`Self::unseal`].
    pub fn unseal_text(&self, place: &str, sealed: &str) -> Result<String, VaultError> {
        let sealed = BASE64.decode(sealed).map_err(|_| VaultError::Damaged)?;
        String::from_utf8(self.unseal(place, &sealed)?).map_err(|_| VaultError::Damaged)
    }
}

/// Random bytes from the system.
///
/// # Errors
/// The system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

fn make_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_at_its_place_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(folder.path(), false).expect("a new vault");
        let sealed = vault.seal_text("site/token", "geheim ä").expect("sealed");
        assert!(!sealed.contains("geheim"));
        assert_eq!(vault.unseal_text("site/token", &sealed).expect("opened"), "geheim ä");
        assert!(vault.unseal_text("other/token", &sealed).is_err());
        let again = Vault::open(folder.path(), true).expect("the same key");
        assert_eq!(again.unseal_text("site/token", &sealed).expect("opened"), "geheim ä");
    }

    #[test]
    fn a_lost_key_is_told_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(Vault::open(folder.path(), true), Err(VaultError::LostKey(_))));
        assert!(!folder.path().join(KEY_FILE).exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        Vault::open(folder.path(), false).expect("a new vault");
        let mode = std::fs::metadata(folder.path().join(KEY_FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
