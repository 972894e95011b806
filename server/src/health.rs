//! Is anything broken? Judges what there is to see of a site and its server, in words a person can act on. Pure.

use crate::disk::Space;
use crate::store::health::{LATELY, MOST_COUNTED, Rhythm, Vitals};
use crate::store::{Backup, Millis};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;
const MB: u64 = 1_000_000;
const GB: u64 = 1000 * MB;

/// What a judgement is made from.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The site: its pages are where signs lead.
    pub site_id: String,
    /// What the store sees of it.
    pub vitals: Vitals,
    /// Its ad platforms that are switched on, in any order.
    pub platforms: Vec<Sending>,
    /// The room where the data lies; `None` where the system does not tell.
    pub space: Option<Space>,
    /// The last backup that is known.
    pub backup: Option<Backup>,
    /// When there first was something to back up.
    pub since: Millis,
}

/// How sending to an ad platform goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sending {
    /// Its name in the settings.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Why nothing is sent before somebody has done something.
    pub stopped: Option<String>,
    /// Whether settings are missing without which nothing can be sent.
    pub not_set_up: bool,
    /// How many deliveries wait.
    pub waiting: u64,
    /// How many it refused, or which became too old for it.
    pub failed: u64,
    /// When the oldest that waits was made.
    pub oldest: Option<Millis>,
}

/// What a sign is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Events of pages.
    Events,
    /// Postbacks of networks.
    Postbacks,
    /// Postbacks that were refused.
    Refused,
    /// Conversions that match no visit.
    Unattributed,
    /// Deliveries to ad platforms.
    Deliveries,
    /// Room on the disk.
    Disk,
    /// Backups.
    Backup,
}

impl Kind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 7] =
        [Self::Events, Self::Postbacks, Self::Refused, Self::Unattributed, Self::Deliveries, Self::Disk, Self::Backup];

    /// The word, as in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Events => "events",
            Kind::Postbacks => "postbacks",
            Kind::Refused => "refused",
            Kind::Unattributed => "unattributed",
            Kind::Deliveries => "deliveries",
            Kind::Disk => "disk",
            Kind::Backup => "backup",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Events => "Events",
            Kind::Postbacks => "Postbacks",
            Kind::Refused => "Refused",
            Kind::Unattributed => "Unattributed",
            Kind::Deliveries => "Ad platforms",
            Kind::Disk => "Disk",
            Kind::Backup => "Backup",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Somebody should look.
    Watch,
    /// Something is broken, or soon will be.
    Bad,
}

impl Level {
    /// The word for style sheets and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Good => "good",
            Level::Watch => "watch",
            Level::Bad => "bad",
        }
    }

    /// The word for people.
    pub fn label(self) -> &'static str {
        match self {
            Level::Good => "OK",
            Level::Watch => "Look",
            Level::Bad => "Act",
        }
    }
}

/// How it stands with one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// With what.
    pub kind: Kind,
    /// How bad it is.
    pub level: Level,
    /// The same in words.
    pub said: String,
    /// Where something can be done about it.
    pub href: String,
}

/// Judges everything, in the order of [`Kind::ALL`]. Of ad platforms there is a sign for each that is in trouble, or one for all.
pub fn judge(facts: &Facts, now: Millis) -> Vec<Sign> {
    let vitals = &facts.vitals;
    let mut signs = vec![
        quiet(facts, Kind::Events, vitals.events, now),
        quiet(facts, Kind::Postbacks, vitals.postbacks, now),
        refused(facts, now),
        unattributed(facts),
    ];
    signs.extend(deliveries(facts, now));
    signs.push(disk(facts));
    signs.push(backup(facts, now));
    signs
}

fn sign(facts: &Facts, kind: Kind, level: Level, said: impl Into<String>) -> Sign {
    let place = match kind {
        Kind::Refused => "worklist#refused-title",
        Kind::Unattributed => "worklist#unattributed-title",
        Kind::Deliveries => "platforms",
        Kind::Events => "health#events",
        Kind::Postbacks => "health#postbacks",
        Kind::Disk => "health#disk",
        Kind::Backup => "health#backup",
    };
    Sign { kind, level, said: said.into(), href: format!("/sites/{}/{place}", facts.site_id) }
}

/// Silence is told from what was usual: half as long again as the longest pause of late is worth a look, three times as long is broken. A site
/// with few visitors has long nights, so that nobody is alarmed before some hours have gone, and of sales not before a day has.
fn quiet(facts: &Facts, kind: Kind, rhythm: Rhythm, now: Millis) -> Sign {
    let (what, usual, watch, bad) = match kind {
        Kind::Events => ("event", 8 * HOUR, 2 * HOUR, 12 * HOUR),
        _ => ("postback", 2 * DAY, DAY, 4 * DAY),
    };
    let Some(last) = rhythm.last else {
        return Sign {
            href: format!("/sites/{}/connect", facts.site_id),
            ..sign(facts, kind, Level::Watch, format!("No {what} yet"))
        };
    };
    let silence = now.saturating_sub(last);
    let usual = rhythm.longest_pause.unwrap_or(usual);
    let level = if silence > bad.max(usual.saturating_mul(3)) {
        Level::Bad
    } else if silence > watch.max(usual.saturating_mul(3) / 2) {
        Level::Watch
    } else {
        Level::Good
    };
    let said = match (level, rhythm.longest_pause) {
        (Level::Good, _) => format!("Last {what} {}", ago(silence)),
        (_, Some(pause)) => {
            format!("Last {what} {}; pauses were {} at most before", ago(silence), long(pause.max(MINUTE)))
        }
        (_, None) => format!("Last {what} {}, and only one before that of late", ago(silence)),
    };
    sign(facts, kind, level, said)
}

/// A refused postback is money that nobody sees: a recent one is likely to be followed by others.
fn refused(facts: &Facts, now: Millis) -> Sign {
    let Vitals { refused, last_refused, .. } = facts.vitals;
    if refused == 0 {
        return sign(facts, Kind::Refused, Level::Good, "None refused");
    }
    let age = last_refused.map(|last| now.saturating_sub(last));
    let level = if age.is_some_and(|age| age > LATELY) { Level::Watch } else { Level::Bad };
    let last = age.map(|age| format!(", the last {}", ago(age))).unwrap_or_default();
    sign(facts, Kind::Refused, level, format!("{} refused{last}", counted(refused)))
}

/// Some sales always come without an ad: by a friend's link, or another device. Most of them doing so means that click ids get lost.
fn unattributed(facts: &Facts) -> Sign {
    let Vitals { unattributed, unattributed_lately: lately, conversions_lately: all, .. } = facts.vitals;
    let (level, said) = if unattributed == 0 {
        (Level::Good, "No sale without a visit".to_owned())
    } else if lately == 0 {
        (Level::Good, format!("None in 7 days, {} before", counted(unattributed)))
    } else if lately >= 5 && lately.saturating_mul(2) > all {
        (Level::Bad, format!("{} of {} in 7 days match no visit", counted(lately), counted(all)))
    } else {
        (Level::Watch, format!("{} of {} in 7 days match no visit", counted(lately), counted(all)))
    };
    sign(facts, Kind::Unattributed, level, said)
}

/// What waits for an hour waits for more than a hiccup; for six, and soon for nothing: platforms take what is a few days old.
fn deliveries(facts: &Facts, now: Millis) -> Vec<Sign> {
    let troubled = |one: &Sending| {
        let to = |level, said| {
            Some(Sign {
                href: format!("/sites/{}/platforms/{}", facts.site_id, one.name),
                ..sign(facts, Kind::Deliveries, level, said)
            })
        };
        let (waits, age) = (one.waiting > 0, one.oldest.map_or(0, |oldest| now.saturating_sub(oldest)));
        if let Some(reason) = &one.stopped {
            return to(Level::Bad, format!("Sending to {} is stopped. {reason}", one.title));
        }
        if one.not_set_up {
            return to(Level::Watch, format!("{} is on, and its settings are not complete", one.title));
        }
        if waits && age > 6 * HOUR {
            return to(Level::Bad, format!("{} waiting for {}, for {}", counted(one.waiting), one.title, long(age)));
        }
        if waits && age > HOUR {
            return to(Level::Watch, format!("{} waiting for {}, for {}", counted(one.waiting), one.title, long(age)));
        }
        (one.failed > 0).then(|| to(Level::Watch, format!("{} not taken by {}", counted(one.failed), one.title)))?
    };
    let signs: Vec<Sign> = facts.platforms.iter().filter_map(troubled).collect();
    if !signs.is_empty() {
        return signs;
    }
    let said = match (facts.platforms.len(), facts.platforms.iter().map(|one| one.waiting).sum::<u64>()) {
        (0, _) => "None is switched on".to_owned(),
        (_, 0) => "All is delivered".to_owned(),
        (_, waiting) => format!("{} on their way", counted(waiting)),
    };
    vec![sign(facts, Kind::Deliveries, Level::Good, said)]
}

/// Below ten per cent somebody should look (of a large disk, below 50 GB), and below 2 GB of any; below 500 MB writing soon ends, and with
/// it the taking in.
fn disk(facts: &Facts) -> Sign {
    let Some(Space { free, total }) = facts.space else {
        return sign(facts, Kind::Disk, Level::Watch, "The system does not tell how much room is left");
    };
    let level = if free < 500 * MB {
        Level::Bad
    } else if free < 2 * GB || (free < total / 10 && free < 50 * GB) {
        Level::Watch
    } else {
        Level::Good
    };
    let said = match free.saturating_mul(100).checked_div(total) {
        Some(percent) if level > Level::Good => format!("{} left, {percent} % of the disk", size(free)),
        _ => format!("{} left", size(free)),
    };
    sign(facts, Kind::Disk, level, said)
}

/// A backup a day is usual: two days without one is one that was missed, a week is one that nobody takes.
fn backup(facts: &Facts, now: Millis) -> Sign {
    let age = now.saturating_sub(facts.backup.as_ref().map_or(facts.since, |backup| backup.at));
    let level = match age {
        age if age > 7 * DAY => Level::Bad,
        age if age > 2 * DAY || facts.backup.is_none() => Level::Watch,
        _ => Level::Good,
    };
    let said = match &facts.backup {
        Some(_) => format!("Last backup {}", ago(age)),
        None => "No backup yet".to_owned(),
    };
    sign(facts, Kind::Backup, level, said)
}

fn counted(count: u64) -> String {
    if count >= MOST_COUNTED { format!("{MOST_COUNTED} or more") } else { count.to_string() }
}

/// A span in the largest unit that fits.
fn long(span: Millis) -> String {
    let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1000, "second")];
    let fits = |(size, unit): (Millis, &str)| {
        let count = span.checked_div(size).filter(|count| *count > 0)?;
        Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
    };
    units.into_iter().find_map(fits).unwrap_or_else(|| "a moment".to_owned())
}

fn ago(span: Millis) -> String {
    if span < 1000 { "just now".to_owned() } else { format!("{} ago", long(span)) }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 10 * GB => format!("{} GB", bytes / GB),
        bytes if bytes >= GB => format!("{}.{} GB", bytes / GB, bytes % GB / (100 * MB)),
        bytes => format!("{} MB", bytes / MB),
    }
}

#[cfg(test)]
mod tests;
