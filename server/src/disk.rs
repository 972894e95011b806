//! How much room there is where something lies.

use std::io;
use std::path::Path;

/// The room of the file system that a folder lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this process may still write, in bytes: what is kept back for the system is not counted.
    pub free: u64,
    /// All there is, in bytes.
    pub total: u64,
}

/// The room of the file system that this folder, or file, lies on.
///
/// # Errors
/// It is not there, or the system does not say.
pub fn space(folder: &Path) -> io::Result<Space> {
    let told = fs4::statvfs(folder)?;
    Ok(Space { free: told.available_space(), total: told.total_space() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_part_of_what_there_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = space(folder.path()).expect("told");
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
    }

    #[test]
    fn of_a_folder_that_is_not_there_nothing_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(space(&folder.path().join("gone")).is_err());
    }
}
