//! The file of keys: one a line, the newest first. The newest seals, every one opens.

use super::{VaultError, random};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const KEY_FILE: &str = "secret.key";
/// What the file is called while it is written anew. Whoever makes it is the only one who may.
const NEW_FILE: &str = "secret.key.new";

/// Keys, the newest first; at least one.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    newest: [u8; 32],
    older: Vec<[u8; 32]>,
}

/// Tells how many there are, and none of them.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.count())
    }
}

impl Keys {
    /// The keys of a data directory.
    ///
    /// # Errors
    /// Their file cannot be read, or holds something else; the line is told, not what stands in it.
    pub fn of(data_dir: &Path) -> Result<Self, VaultError> {
        Self::read(&file_in(data_dir))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.older.len() + 1
    }

    /// These, and behind them those of `others` that are not among them.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        for key in others.all() {
            if !self.all().any(|known| known == key) {
                self.older.push(*key);
            }
        }
        self
    }

    /// Writes them into a folder that has none yet, for nobody else to read, and waits until they are on disk.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, VaultError> {
        let path = file_in(folder);
        let written = private(&path).and_then(|file| self.fill(file));
        written.map_err(told(&path))?;
        Ok(path)
    }

    /// One new key.
    pub(super) fn generate() -> Result<Self, VaultError> {
        Ok(Self { newest: random::<32>()?, older: Vec::new() })
    }

    /// The newest of them alone.
    pub(super) fn newest_alone(&self) -> Self {
        Self { newest: self.newest, older: Vec::new() }
    }

    /// The one that seals.
    pub(super) fn newest(&self) -> &[u8; 32] {
        &self.newest
    }

    /// Every one, the newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    pub(super) fn read(path: &Path) -> Result<Self, VaultError> {
        let text = fs::read_to_string(path).map_err(told(path))?;
        let mut keys: Option<Self> = None;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let key = unhex(line.trim())
                .ok_or_else(|| VaultError::BadKey { file: path.display().to_string(), line: index + 1 })?;
            let key = Self { newest: key, older: Vec::new() };
            keys = Some(keys.map_or(key.clone(), |keys| keys.and(&key)));
        }
        keys.ok_or_else(|| VaultError::NoKey(path.display().to_string()))
    }

    fn fill(&self, mut file: File) -> std::io::Result<()> {
        let text: String = self.all().map(|key| format!("{}\n", hex(key))).collect();
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// The file of keys of a data directory.
pub(super) fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join(KEY_FILE)
}

/// Changes a file of keys: afterwards there is what was or what is to be, whatever happens. Owner and rights stay, so that who
/// reads it now can read it then. Of two who do this at once only one does.
pub(super) fn replace(path: &Path, change: impl FnOnce(Keys) -> Result<Keys, VaultError>) -> Result<Keys, VaultError> {
    // Where the name leads elsewhere, what is there is changed.
    let path = fs::canonicalize(path).map_err(told(path))?;
    let new = path.with_file_name(NEW_FILE);
    let file = private(&new).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => VaultError::UnderWay(new.display().to_string()),
        _ => told(&new)(source),
    })?;
    // Read only now: nobody else changes it from here on.
    let replaced = Keys::read(&path).and_then(change).and_then(|keys| {
        keep_owner(&path, &file)
            .and_then(|()| keys.fill(file))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(told(&path))?;
        Ok(keys)
    });
    if replaced.is_err() {
        // The error says why; one of cleaning up would hide it.
        let _ = fs::remove_file(&new);
    }
    let keys = replaced?;
    sync(path.parent().unwrap_or(Path::new("."))).map_err(told(&path))?;
    Ok(keys)
}

/// By what a file of keys is seen to have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Seen {
    /// As it is now; `None` where it is not there or cannot be looked at.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let number = 0;
        Some(Self { modified: found.modified().ok(), length: found.len(), number })
    }

    /// How long ago it was written; nothing where the clock was behind that since.
    pub(super) fn age(&self) -> Duration {
        self.modified.and_then(|written| written.elapsed().ok()).unwrap_or_default()
    }
}

fn told(path: &Path) -> impl FnOnce(std::io::Error) -> VaultError {
    let file = path.display().to_string();
    move |source| VaultError::KeyFile { file, source }
}

/// A new file for nobody else to read.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Gives a new file the owner and the rights of the one it takes the place of. The command may run as root, the server does not.
fn keep_owner(of: &Path, file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let (before, now) = (fs::metadata(of)?, file.metadata()?);
        if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
            fchown(file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
    }
    #[cfg(not(unix))]
    let _ = (of, file);
    Ok(())
}

/// Waits until a folder's names are on disk.
fn sync(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    // A sign would be taken for a digit otherwise.
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}
