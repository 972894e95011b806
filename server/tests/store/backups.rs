//! What backups were taken.

use crate::given::NOW;
use tagwerk_server::store::{Backup, SharedStore};

fn backup(at: i64, bytes: u64) -> Backup {
    Backup { at, bytes, folder: format!("/backups/{at}") }
}

pub(crate) async fn the_backup_that_was_begun_last_is_the_last(store: SharedStore) {
    assert_eq!(store.last_backup().await.expect("read"), None);
    for taken in [backup(NOW + 1, 20), backup(NOW + 2, 30), backup(NOW, 10)] {
        store.note_backup(taken).await.expect("noted");
    }
    assert_eq!(store.last_backup().await.expect("read"), Some(backup(NOW + 2, 30)));
    let known = store.backups().await.expect("read");
    assert_eq!(known, [backup(NOW + 2, 30), backup(NOW + 1, 20), backup(NOW, 10)]);
}

pub(crate) async fn a_bounded_number_of_backups_is_known(store: SharedStore) {
    for number in 0..410 {
        store.note_backup(backup(NOW + number, 1)).await.expect("noted");
    }
    let known = store.backups().await.expect("read");
    assert_eq!((known.len(), known[0].at, known[399].at), (400, NOW + 409, NOW + 10));
}
