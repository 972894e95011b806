//! The database, and the room it has. Pure.

use crate::disk::Space;
use crate::finding::{Finding, bytes};
use crate::store::Backup;
use crate::store::sqlite::{Checked, Examined};

const MB: u64 = 1_000_000;
const DAY: i64 = 86_400_000;
/// A journal beside the database that is larger than this was not taken in for long, in bytes: usual are some MB, 64 after a burst.
const LONG_JOURNAL: u64 = 256 * MB;
/// News that reports have not taken in: more is not a moment's.
const MUCH_NEWS: i64 = 20_000;
/// The room lasts for less than so many days.
const SOON: u64 = 30;

/// What there is to see of a database and its disk.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the engine says, or why it cannot be asked.
    pub examined: Result<Examined, String>,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The size of the journal beside it, in bytes.
    pub journal: u64,
    /// The most that it may grow to, in MB; 0 for as much as the disk has.
    pub limit_mb: u64,
    /// The room of the disk.
    pub space: Option<Space>,
    /// By how many bytes it grows in a day, where backups tell.
    pub growth: Option<u64>,
}

/// By how much a database grows in a day, as its backups tell: their sizes, from the oldest to the newest that are known.
pub fn growth(backups: &[Backup]) -> Option<u64> {
    let (newest, oldest) = (backups.first()?, backups.last()?);
    let days = u64::try_from(newest.at.checked_sub(oldest.at)?.checked_div(DAY)?).ok()?;
    newest.bytes.saturating_sub(oldest.bytes).checked_div(days)
}

/// Judges them.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    match &facts.examined {
        Err(why) => found.push(Finding::error(
            "database_unreadable",
            format!("the database cannot be read: {why}"),
            "look at the rights of its file, whether its disk is there, and at --data-dir",
        )),
        Ok(examined) => found.extend(engine(examined)),
    }
    let journal = facts.journal;
    if journal > LONG_JOURNAL {
        found.push(Finding::warning(
            "journal_long",
            format!("tagwerk.db-wal has grown to {}", bytes(journal)),
            "somebody reads the database without an end, a backup that hangs for instance; end it, or restart the server",
        ));
    }
    let limit = facts.limit_mb.saturating_mul(MB);
    if limit > 0 && facts.size.saturating_mul(10) > limit.saturating_mul(8) {
        let says = format!("the database has {} of the {} it may have", bytes(facts.size), bytes(limit));
        let mend = "raise limits.database_mb: past it nothing is taken in";
        found.push(if facts.size.saturating_mul(100) > limit.saturating_mul(95) {
            Finding::error("database_limit", says, mend)
        } else {
            Finding::warning("database_limit", says, mend)
        });
    }
    found.extend(room(facts));
    if facts.examined.is_ok() && found.iter().all(|finding| finding.mend.is_none()) {
        let grows = facts.growth.map(|growth| format!(", and grows by {} a day", bytes(growth))).unwrap_or_default();
        found.insert(0, Finding::ok("database", format!("the database is sound; it has {}{grows}", bytes(facts.size))));
    }
    found
}

fn engine(examined: &Examined) -> Vec<Finding> {
    let mut found = Vec::new();
    match &examined.check {
        Checked::Good => {}
        Checked::Broken(what) => found.push(Finding::error(
            "database_broken",
            format!("the database is damaged: {what}"),
            "stop the server, keep the file, and restore the last backup; docs/operating.md says how. Then look at the disk",
        )),
        Checked::Unfinished => found.push(Finding::note(
            "database_unchecked",
            "the database is too large to be checked in the time that was given",
            "give it more: --patience 600",
        )),
    }
    if examined.lacking > 0 {
        found.push(Finding::note(
            "database_older",
            format!("the database is an older version's: it lacks {} of the changes this one makes", examined.lacking),
            "take a backup, then restart the server on this version: it makes them by itself",
        ));
    }
    if examined.lacking < 0 {
        found.push(Finding::error(
            "database_newer",
            "the database is a newer version's, which this one does not open",
            "run the version that it was last run with, or a newer one",
        ));
    }
    if !examined.journal_mode.eq_ignore_ascii_case("wal") {
        found.push(Finding::warning(
            "journal_mode",
            format!("the database keeps its journal as {}, not as wal", examined.journal_mode),
            "start the server once: it sets this. Where it does not stay, the disk is one that lacks shared memory (a network's): move the data",
        ));
    }
    if let Some(news) = examined.news.filter(|news| *news >= MUCH_NEWS) {
        found.push(Finding::warning(
            "reports_behind",
            format!("reports have not taken in {news} or more of what came"),
            "they do so by themselves while the server runs; where this stays, its disk is too slow",
        ));
    }
    found
}

/// Whether the room lasts, as far as that can be told.
fn room(facts: &Facts) -> Option<Finding> {
    let days = facts.space?.free.checked_div(facts.growth.filter(|growth| *growth > 0)?)?;
    (days < SOON).then(|| {
        Finding::warning(
            "disk_soon_full",
            format!("at the pace of late, the disk is full in {days} days"),
            "make room, or move the data to a larger disk",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        Facts {
            examined: Ok(Examined { journal_mode: "wal".into(), lacking: 0, check: Checked::Good, news: Some(3) }),
            size: 2_000 * MB,
            journal: 4 * MB,
            limit_mb: 0,
            space: Some(Space { free: 90_000 * MB, total: 100_000 * MB }),
            growth: Some(10 * MB),
        }
    }

    fn of(examined: Examined) -> Facts {
        Facts { examined: Ok(examined), ..good() }
    }

    fn words(facts: &Facts) -> Vec<&'static str> {
        judge(facts).iter().map(|finding| finding.word).collect()
    }

    #[test]
    fn a_sound_database_tells_how_it_grows() {
        let found = judge(&good());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].says, "the database is sound; it has 2.0 GB, and grows by 10.0 MB a day");
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_database_has_its_word() {
        let examined = || good().examined.expect("good");
        for (facts, word) in [
            (Facts { examined: Err("disk I/O error".into()), ..good() }, "database_unreadable"),
            (of(Examined { check: Checked::Broken("page 3".into()), ..examined() }), "database_broken"),
            (of(Examined { check: Checked::Unfinished, ..examined() }), "database_unchecked"),
            (of(Examined { lacking: 2, ..examined() }), "database_older"),
            (of(Examined { lacking: -1, ..examined() }), "database_newer"),
            (of(Examined { journal_mode: "delete".into(), ..examined() }), "journal_mode"),
            (of(Examined { news: Some(50_000), ..examined() }), "reports_behind"),
            (Facts { journal: 300 * MB, ..good() }, "journal_long"),
            (Facts { limit_mb: 2_300, ..good() }, "database_limit"),
            (Facts { growth: Some(5_000 * MB), ..good() }, "disk_soon_full"),
        ] {
            assert_eq!(words(&facts), [word]);
        }
        assert_eq!(words(&Facts { limit_mb: 10_000, ..good() }), ["database"]);
    }

    #[test]
    fn growth_is_told_by_backups_that_are_days_apart() {
        let backup = |at, bytes| Backup { at, bytes, folder: String::new() };
        assert_eq!(growth(&[backup(10 * DAY, 1_500), backup(5 * DAY, 1_200), backup(0, 500)]), Some(100));
        assert_eq!(growth(&[backup(DAY / 2, 1_500), backup(0, 500)]), None);
        assert_eq!(growth(&[backup(DAY, 100), backup(0, 500)]), Some(0), "what was forgotten is gone");
        assert_eq!(growth(&[]), None);
    }
}
