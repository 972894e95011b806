//! The data directory's files: are they there, and who may read them?

use crate::finding::Finding;
use std::path::Path;

/// A file or folder of the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name, for people.
    pub name: String,
    /// Its size in bytes; `None` where it is not there.
    pub size: Option<u64>,
    /// Its permission bits, where the system has such; the last three octal digits.
    pub mode: Option<u32>,
}

impl Kept {
    /// Looks at it.
    pub fn look(name: &str, path: &Path) -> Self {
        let there = std::fs::metadata(path).ok();
        Self {
            name: name.to_owned(),
            size: there.as_ref().map(std::fs::Metadata::len),
            mode: there.as_ref().and_then(mode),
        }
    }

    /// Whether somebody but its owner may do anything with it.
    fn is_open(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o077 != 0)
    }
}

#[cfg(unix)]
fn mode(there: &std::fs::Metadata) -> Option<u32> {
    Some(std::os::unix::fs::PermissionsExt::mode(&there.permissions()) & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> Option<u32> {
    None
}

/// What a data directory holds.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder itself.
    pub folder: Kept,
    /// The database and the files beside it.
    pub database: Vec<Kept>,
    /// The file of keys.
    pub key: Kept,
    /// A change of the keys that was cut off, if there is one.
    pub key_change: Kept,
    /// How many keys there are, or why they do not read.
    pub keys: Result<usize, String>,
}

/// Judges a data directory.
pub fn judge(folder: &Folder) -> Vec<Finding> {
    let mut found = Vec::new();
    if folder.key.size.is_none() {
        found.push(Finding::error(
            "key_missing",
            "the file of keys is missing: no secret in the database opens",
            "put secret.key back from your backup",
        ));
    } else if let Err(why) = &folder.keys {
        found.push(Finding::error("key_unreadable", why.clone(), "put secret.key back from your backup"));
    }
    if folder.key.is_open() {
        let says = format!("{} may be read by others ({:o})", folder.key.name, folder.key.mode.unwrap_or_default());
        found.push(Finding::error("key_open", says, "chmod 600 it, then give it a new key: tagwerk key rotate"));
    }
    for file in folder.database.iter().filter(|file| file.is_open()) {
        let says = format!("{} may be read by others ({:o})", file.name, file.mode.unwrap_or_default());
        found.push(Finding::warning("database_open", says, "chmod 600 it"));
    }
    if folder.folder.is_open() {
        let mode = folder.folder.mode.unwrap_or_default();
        let says = format!("the data directory is open to others ({mode:o})");
        found.push(Finding::warning("data_dir_open", says, "chmod 700 it"));
    }
    if folder.key_change.size.is_some() {
        let says = "secret.key.new is there: a change of the keys was cut off, or is under way";
        found.push(Finding::warning("key_change", says, "where nobody is changing them just now, delete it"));
    }
    match folder.keys {
        Ok(count) if count > 1 => found.push(Finding::note(
            "keys_old",
            format!("there are {count} keys: what was sealed before the newest came is still under an older one"),
            "tagwerk key prune seals it anew and drops the older ones",
        )),
        Ok(_) if found.is_empty() => {
            found.push(Finding::ok("files", "key and database are there, and nobody else may read them"));
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, mode: u32) -> Kept {
        Kept { name: name.into(), size: Some(1), mode: Some(mode) }
    }

    fn good() -> Folder {
        Folder {
            folder: kept("data", 0o700),
            database: vec![kept("tagwerk.db", 0o600)],
            key: kept("secret.key", 0o600),
            key_change: Kept { name: "secret.key.new".into(), size: None, mode: None },
            keys: Ok(1),
        }
    }

    fn words(folder: &Folder) -> Vec<&'static str> {
        judge(folder).iter().map(|finding| finding.word).collect()
    }

    #[test]
    fn files_that_nobody_else_may_read_are_good() {
        assert_eq!(words(&good()), ["files"]);
        let no_bits = Folder { folder: Kept { mode: None, ..kept("data", 0) }, ..good() };
        assert_eq!(words(&no_bits), ["files"], "a system without permission bits");
    }

    #[test]
    fn what_others_may_read_is_told_by_name() {
        assert_eq!(words(&Folder { key: kept("secret.key", 0o644), ..good() }), ["key_open"]);
        assert_eq!(words(&Folder { database: vec![kept("tagwerk.db", 0o640)], ..good() }), ["database_open"]);
        assert_eq!(words(&Folder { folder: kept("data", 0o755), ..good() }), ["data_dir_open"]);
    }

    #[test]
    fn a_key_that_is_missing_or_does_not_read_is_an_error() {
        let missing = Kept { size: None, mode: None, ..kept("secret.key", 0) };
        assert_eq!(words(&Folder { key: missing, keys: Err("gone".into()), ..good() }), ["key_missing"]);
        assert_eq!(words(&Folder { keys: Err("line 1 is no key".into()), ..good() }), ["key_unreadable"]);
        assert_eq!(words(&Folder { key_change: kept("secret.key.new", 0o600), ..good() }), ["key_change"]);
        assert_eq!(words(&Folder { keys: Ok(2), ..good() }), ["keys_old"]);
    }
}
