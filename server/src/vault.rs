//! Seals what must not lie open on disk: passphrases, platform tokens, raw requests.
//!
//! XChaCha20-Poly1305 under a key that lies in the data directory; each sealed text is bound to the place it belongs to. There may be
//! several keys: the newest seals, every one opens. Who seals or opens heeds the file as it is by then, so that a key can be changed
//! while the server runs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use keys::Seen;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

mod keys;

pub use keys::Keys;

const NONCE: usize = 24;

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The keys' file cannot be read or made.
    #[error("{file}: {source}")]
    KeyFile {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of the keys' file is no key.
    #[error("{file}: line {line} is no key of 64 hexadecimal digits")]
    BadKey {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// The keys' file holds nothing.
    #[error("{0} holds no key of 64 hexadecimal digits")]
    NoKey(String),
    /// The database is there, its key is not.
    #[error(
        "{0} is missing, but the database is there: without its key, its secrets cannot be read. Put the key back from your backup"
    )]
    LostKey(String),
    /// Somebody is changing the keys, or was cut off while doing so.
    #[error(
        "{0} is there: the keys are being changed just now. If nobody does, a change was cut off: delete that file"
    )]
    UnderWay(String),
    /// Somebody has changed the keys meanwhile.
    #[error("{0} has changed meanwhile; run it again")]
    Changed(String),
    /// No randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// The sealed text was made under another key or for another place.
    #[error("a sealed text does not open: it was sealed under another key, or damaged")]
    Damaged,
}

/// Seals and opens.
pub struct Vault {
    file: PathBuf,
    held: RwLock<Arc<Held>>,
}

/// The keys at hand, and what their file looked like when they were read.
struct Held {
    keys: Keys,
    seen: Option<Seen>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Opens the vault of a data directory; makes its key if there is neither key nor database yet.
    ///
    /// # Errors
    /// The keys cannot be read or made, or are missing though the database is there.
    pub fn open(data_dir: &Path, database_exists: bool) -> Result<Self, VaultError> {
        let file = keys::file_in(data_dir);
        let mut seen = Seen::of(&file);
        let keys = match Keys::read(&file) {
            Err(VaultError::KeyFile { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                if database_exists {
                    return Err(VaultError::LostKey(file.display().to_string()));
                }
                let keys = Keys::generate()?;
                keys.write(data_dir)?;
                seen = Seen::of(&file);
                keys
            }
            read => read?,
        };
        Ok(Self { file, held: RwLock::new(Arc::new(Held { keys, seen })) })
    }

    /// Adds a new key, which seals from now on; those before go on opening. How many there are then.
    ///
    /// # Errors
    /// The keys' file cannot be changed, or somebody else is changing it; it stays as it was.
    pub fn add_key(&self) -> Result<usize, VaultError> {
        let new = Keys::generate()?;
        Ok(keys::replace(&self.file, |keys| Ok(new.and(&keys)))?.count())
    }

    /// Drops every key but the newest. Nothing that is sealed under another one opens ever after.
    ///
    /// # Errors
    /// The file no longer holds the keys that are `known` to the caller, or cannot be changed; it stays as it was.
    pub fn drop_old_keys(&self, known: &Keys) -> Result<(), VaultError> {
        let changed = || VaultError::Changed(self.file.display().to_string());
        keys::replace(&self.file, |keys| if keys == *known { Ok(keys.newest_alone()) } else { Err(changed()) })?;
        Ok(())
    }

    /// How long ago the keys were changed. Until then, others may have sealed under the key before.
    pub fn age_of_keys(&self) -> Duration {
        Seen::of(&self.file).map(|seen| seen.age()).unwrap_or_default()
    }

    /// Seals `plain` for `place`, under the newest key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let cipher = XChaCha20Poly1305::new(self.of_now().keys.newest().into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Damaged)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// It was sealed under a key that is not there or for another place, or is damaged.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let held = self.at_hand();
        let opened = held.keys.all().find_map(|key| unsealed(key, place, sealed));
        // Somebody may have sealed it under a key that has come since.
        let again = || {
            let now = self.of_now();
            if Arc::ptr_eq(&held, &now) { None } else { now.keys.all().find_map(|key| unsealed(key, place, sealed)) }
        };
        opened.or_else(again).ok_or(VaultError::Damaged)
    }

    /// Seals anew what was sealed for `place` under another key than the newest; `None` where it is under that one.
    ///
    /// # Errors
    /// As [`Self::unseal`] and [`Self::seal`].
    pub fn reseal(&self, place: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        if unsealed(self.of_now().keys.newest(), place, sealed).is_some() {
            return Ok(None);
        }
        self.seal(place, &self.unseal(place, sealed)?).map(Some)
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

    /// As [`Self::reseal`], for what [`Self::seal_text`] made.
    ///
    /// # Errors
    /// As [`Self::reseal`].
    pub fn reseal_text(&self, place: &str, sealed: &str) -> Result<Option<String>, VaultError> {
        let sealed = BASE64.decode(sealed).map_err(|_| VaultError::Damaged)?;
        Ok(self.reseal(place, &sealed)?.map(|sealed| BASE64.encode(sealed)))
    }

    fn at_hand(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys as their file has them now. Looking whether it has changed takes microseconds. Where it cannot be read any more,
    /// what is at hand goes on; and what once was at hand opens as long as this process runs.
    fn of_now(&self) -> Arc<Held> {
        let (held, seen) = (self.at_hand(), Seen::of(&self.file));
        if held.seen == seen {
            return held;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.seen != seen {
            let keys = match Keys::read(&self.file) {
                Ok(keys) => {
                    tracing::info!(keys = keys.count(), "the keys have changed; the newest seals from now on");
                    keys.and(&held.keys)
                }
                Err(error) => {
                    tracing::error!(%error, "the keys have changed and do not read; those before go on");
                    held.keys.clone()
                }
            };
            *held = Arc::new(Held { keys, seen });
        }
        Arc::clone(&held)
    }
}

fn unsealed(key: &[u8; 32], place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: sealed, aad: place.as_bytes() };
    XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const OLD: &str = "0101010101010101010101010101010101010101010101010101010101010101";
    const NEW: &str = "0202020202020202020202020202020202020202020202020202020202020202";

    /// A folder with these lines as its keys, and its vault.
    fn holding(lines: &str) -> (TempDir, Vault) {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder, lines);
        let vault = Vault::open(folder.path(), true).expect("keys");
        (folder, vault)
    }

    fn write(folder: &TempDir, lines: &str) {
        std::fs::write(folder.path().join("secret.key"), lines).expect("written");
    }

    fn lines(folder: &TempDir) -> Vec<String> {
        let text = std::fs::read_to_string(folder.path().join("secret.key")).expect("there");
        text.lines().map(str::to_owned).collect()
    }

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
        assert!(!folder.path().join("secret.key").exists());
    }

    #[test]
    fn of_several_keys_the_first_seals_and_every_one_opens() {
        let (_folder, old) = holding(OLD);
        let (_folder, new) = holding(&format!("{NEW}\n"));
        let (_folder, both) = holding(&format!("\n{NEW}\r\n\n  {}  \n\n", OLD.to_uppercase()));
        for other in [&old, &new] {
            let sealed = other.seal_text("place", "secret").expect("sealed");
            assert_eq!(both.unseal_text("place", &sealed).expect("opened"), "secret");
        }
        let sealed = both.seal_text("place", "secret").expect("sealed");
        assert_eq!(new.unseal_text("place", &sealed).expect("opened"), "secret");
        assert!(matches!(old.unseal_text("place", &sealed), Err(VaultError::Damaged)));
    }

    #[test]
    fn a_line_that_is_no_key_is_told_by_its_number_alone() {
        let signed = format!("+{}", &NEW[1..]);
        for damaged in ["abc", &NEW[1..], &format!("{NEW}0"), &signed, &NEW.replace("02", "0g"), &"ä".repeat(32)] {
            let folder = tempfile::tempdir().expect("a folder");
            write(&folder, &format!("{OLD}\n\n{damaged}\n"));
            let told = Vault::open(folder.path(), true).expect_err(damaged).to_string();
            assert!(told.contains("line 3") && !told.contains(damaged), "{told}");
        }
        for empty in ["", "\n \n"] {
            let folder = tempfile::tempdir().expect("a folder");
            write(&folder, empty);
            assert!(matches!(Vault::open(folder.path(), true), Err(VaultError::NoKey(_))));
        }
    }

    #[test]
    fn a_new_key_seals_at_once_and_those_before_go_on_opening() {
        let (folder, vault) = holding(OLD);
        let before = vault.seal("place", b"before").expect("sealed");
        assert_eq!(vault.add_key().expect("added"), 2);
        assert_eq!((lines(&folder).len(), lines(&folder)[1].as_str()), (2, OLD));
        let after = vault.seal("place", b"after").expect("sealed");
        assert_eq!(vault.unseal("place", &before).expect("opened"), b"before");
        let (_folder, old) = holding(OLD);
        assert!(old.unseal("place", &after).is_err(), "it is sealed under the new one");
    }

    #[test]
    fn who_runs_already_opens_and_seals_by_a_key_that_came_since() {
        let (folder, running) = holding(OLD);
        let before = running.seal("place", b"before").expect("sealed");
        let other = Vault::open(folder.path(), true).expect("keys");
        other.add_key().expect("added");
        let sealed = other.seal("place", b"by the new one").expect("sealed");
        assert_eq!(running.unseal("place", &sealed).expect("opened"), b"by the new one");
        let after = running.seal("place", b"after").expect("sealed");
        assert!(other.reseal("place", &after).expect("opened").is_none(), "it is sealed under the new one");
        other.drop_old_keys(&Keys::of(folder.path()).expect("keys")).expect("dropped");
        assert_eq!(running.unseal("place", &before).expect("it was at hand"), b"before");
        assert_eq!(running.unseal("place", &after).expect("opened"), b"after");
    }

    #[test]
    fn a_file_that_no_longer_reads_stops_nobody_who_runs() {
        let (folder, vault) = holding(OLD);
        let sealed = vault.seal("place", b"secret").expect("sealed");
        for damage in ["no key", ""] {
            write(&folder, damage);
            assert!(vault.seal("place", b"more").is_ok());
        }
        std::fs::remove_file(folder.path().join("secret.key")).expect("removed");
        assert!(vault.seal("place", b"more").is_ok());
        assert_eq!(vault.unseal("place", &sealed).expect("opened"), b"secret");
    }

    #[test]
    fn only_what_is_under_an_older_key_is_sealed_anew() {
        let (_folder, old) = holding(OLD);
        let (_folder, both) = holding(&format!("{NEW}\n{OLD}\n"));
        let sealed = old.seal_text("place", "secret").expect("sealed");
        let anew = both.reseal_text("place", &sealed).expect("opened").expect("it was under the older one");
        assert_eq!(both.reseal_text("place", &anew).expect("opened"), None);
        assert!(old.unseal_text("place", &anew).is_err());
        assert_eq!(both.unseal_text("place", &anew).expect("opened"), "secret");
        assert!(both.reseal_text("other", &sealed).is_err());
    }

    #[test]
    fn keys_are_dropped_only_where_they_are_those_that_are_known() {
        let (folder, vault) = holding(OLD);
        let known = Keys::of(folder.path()).expect("keys");
        vault.add_key().expect("added");
        assert!(matches!(vault.drop_old_keys(&known), Err(VaultError::Changed(_))));
        assert_eq!(lines(&folder).len(), 2);
        vault.drop_old_keys(&Keys::of(folder.path()).expect("keys")).expect("dropped");
        assert!(lines(&folder).len() == 1 && lines(&folder) != [OLD]);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn keys_are_not_changed_while_somebody_else_does() {
        let (folder, vault) = holding(OLD);
        std::fs::write(folder.path().join("secret.key.new"), "").expect("written");
        let told = vault.add_key().expect_err("somebody is at it").to_string();
        assert!(told.contains("secret.key.new"), "{told}");
        assert_eq!(lines(&folder), [OLD]);
        assert!(folder.path().join("secret.key.new").exists(), "it is the other's");
    }

    #[test]
    fn keys_of_two_moments_are_put_together_without_repeats() {
        let (before, _) = holding(&format!("{OLD}\n"));
        let (after, _) = holding(&format!("{NEW}\n{OLD}\n"));
        let of = |folder: &TempDir| Keys::of(folder.path()).expect("keys");
        let copy = tempfile::tempdir().expect("a folder");
        of(&after).and(&of(&before)).write(copy.path()).expect("written");
        assert_eq!(lines(&copy), [NEW, OLD]);
        assert!(of(&after).write(copy.path()).is_err(), "nothing is overwritten");
        assert!(!format!("{:?}", of(&after)).contains("02"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(folder.path(), false).expect("a new vault");
        let path = folder.path().join("secret.key");
        let mode = || std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        vault.add_key().expect("added");
        assert_eq!(mode(), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn keys_that_lie_elsewhere_are_changed_there() {
        let (elsewhere, _) = holding(OLD);
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("secret.key");
        std::os::unix::fs::symlink(elsewhere.path().join("secret.key"), &link).expect("a link");
        Vault::open(folder.path(), true).expect("keys").add_key().expect("added");
        assert_eq!(lines(&elsewhere).len(), 2);
        assert!(link.is_symlink());
    }
}
