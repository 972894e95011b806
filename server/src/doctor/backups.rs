//! The last backup: is it still where it was put, and is the key with it?

use crate::finding::Finding;
use crate::store::Backup;
use std::path::Path;

/// What there is to see of the last backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Its folder is not there any more: it was taken elsewhere, as it should be.
    Gone,
    /// Its folder is there, with these of its two files.
    There {
        /// The database.
        database: bool,
        /// The keys.
        key: bool,
    },
}

/// Looks where a backup was put.
pub fn look(backup: &Backup) -> Found {
    let folder = Path::new(&backup.folder);
    if !folder.is_dir() {
        return Found::Gone;
    }
    Found::There { database: folder.join("tagwerk.db").is_file(), key: folder.join("secret.key").is_file() }
}

/// Judges it. How old it is is judged with everything else that the dashboard shows ([`crate::health`]).
pub fn judge(backup: &Backup, found: Found, shares_the_disk: bool) -> Option<Finding> {
    let folder = &backup.folder;
    match found {
        Found::There { key: false, .. } => Some(Finding::error(
            "backup_without_key",
            format!("the key is missing from the last backup ({folder}): no secret in it can be opened"),
            "take a new one by tagwerk backup, and keep both files of it together",
        )),
        Found::There { database: false, .. } => Some(Finding::error(
            "backup_without_database",
            format!("the database is missing from the last backup ({folder})"),
            "take a new one by tagwerk backup",
        )),
        Found::There { .. } if shares_the_disk => Some(Finding::note(
            "backup_beside",
            format!("the last backup ({folder}) lies on the disk of the data itself"),
            "take it to another machine: what breaks the disk breaks both",
        )),
        Found::There { .. } | Found::Gone => None,
    }
}

/// Whether two places lie on one disk, as far as the system tells.
pub fn is_one_disk(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        let device = |path: &Path| std::fs::metadata(path).ok().map(|it| std::os::unix::fs::MetadataExt::dev(&it));
        device(one).is_some_and(|one| Some(one) == device(other))
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_whole_with_both_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let backup = Backup { at: 1, bytes: 1, folder: folder.path().display().to_string() };
        let word = |beside| judge(&backup, look(&backup), beside).map(|finding| finding.word);
        assert_eq!(word(false), Some("backup_without_key"));
        std::fs::write(folder.path().join("secret.key"), "key").expect("written");
        assert_eq!(word(false), Some("backup_without_database"));
        std::fs::write(folder.path().join("tagwerk.db"), "rows").expect("written");
        assert_eq!(word(false), None);
        assert_eq!(word(true), Some("backup_beside"));
        let moved = Backup { folder: "/nowhere/at/all".into(), ..backup };
        assert_eq!(look(&moved), Found::Gone);
        assert_eq!(judge(&moved, Found::Gone, false), None);
    }
}
