use super::*;

const NOW: Millis = 1_700_000_000_000;

/// A site on which all is well.
fn well() -> Facts {
    let rhythm = |ago: Millis, pause: Millis| Rhythm { last: Some(NOW - ago), longest_pause: Some(pause) };
    Facts {
        site_id: "Site".into(),
        vitals: Vitals { events: rhythm(MINUTE, HOUR), postbacks: rhythm(HOUR, 10 * HOUR), ..Vitals::default() },
        platforms: Vec::new(),
        space: Some(Space { free: 60 * GB, total: 100 * GB }),
        backup: Some(Backup { at: NOW - HOUR, bytes: 1, folder: "/backups".into() }),
        since: NOW - 30 * DAY,
    }
}

fn the(kind: Kind, facts: &Facts) -> Sign {
    judge(facts, NOW).into_iter().find(|sign| sign.kind == kind).expect("every kind is judged")
}

fn level(kind: Kind, facts: &Facts) -> Level {
    the(kind, facts).level
}

fn silent(kind: Kind, ago: Millis, pause: Option<Millis>) -> Sign {
    let rhythm = Rhythm { last: Some(NOW - ago), longest_pause: pause };
    let vitals = match kind {
        Kind::Events => Vitals { events: rhythm, ..well().vitals },
        _ => Vitals { postbacks: rhythm, ..well().vitals },
    };
    the(kind, &Facts { vitals, ..well() })
}

#[test]
fn a_site_on_which_all_is_well_says_so_of_everything() {
    let signs = judge(&well(), NOW);
    assert_eq!(signs.iter().map(|sign| sign.kind).collect::<Vec<_>>(), Kind::ALL);
    assert!(signs.iter().all(|sign| sign.level == Level::Good), "{signs:?}");
    assert!(signs.iter().all(|sign| sign.href.starts_with("/sites/Site/") && !sign.said.is_empty()));
}

#[test]
fn what_never_came_leads_to_connect() {
    let facts = Facts { vitals: Vitals::default(), ..well() };
    for kind in [Kind::Events, Kind::Postbacks] {
        let sign = the(kind, &facts);
        assert_eq!((sign.level, sign.href.as_str()), (Level::Watch, "/sites/Site/connect"));
    }
}

#[test]
fn a_busy_site_s_silence_is_noticed_after_two_hours_and_broken_after_twelve() {
    let level = |ago| silent(Kind::Events, ago, Some(10 * MINUTE)).level;
    assert_eq!([level(2 * HOUR), level(2 * HOUR + 1)], [Level::Good, Level::Watch]);
    assert_eq!([level(12 * HOUR), level(12 * HOUR + 1)], [Level::Watch, Level::Bad]);
}

#[test]
fn a_quiet_site_s_silence_is_measured_by_its_usual_pauses() {
    let level = |ago| silent(Kind::Events, ago, Some(20 * HOUR)).level;
    assert_eq!([level(30 * HOUR), level(30 * HOUR + 1)], [Level::Good, Level::Watch]);
    assert_eq!([level(60 * HOUR), level(60 * HOUR + 1)], [Level::Watch, Level::Bad]);
    let said = silent(Kind::Events, 31 * HOUR, Some(20 * HOUR)).said;
    assert_eq!(said, "Last event 1 day ago; pauses were 20 hours at most before");
}

#[test]
fn sales_may_stay_away_for_a_day_before_anybody_is_alarmed() {
    let level = |ago| silent(Kind::Postbacks, ago, Some(HOUR)).level;
    assert_eq!([level(DAY), level(DAY + 1), level(4 * DAY + 1)], [Level::Good, Level::Watch, Level::Bad]);
}

#[test]
fn a_first_and_only_event_has_some_hours_before_its_silence_says_anything() {
    let level = |ago| silent(Kind::Events, ago, None).level;
    assert_eq!([level(12 * HOUR), level(12 * HOUR + 1), level(24 * HOUR + 1)], [Level::Good, Level::Watch, Level::Bad]);
}

#[test]
fn a_clock_that_went_back_is_no_alarm() {
    assert_eq!(silent(Kind::Events, -HOUR, Some(HOUR)).level, Level::Good);
}

#[test]
fn a_refused_postback_of_this_week_is_broken_and_an_older_one_worth_a_look() {
    let refused = |ago: Millis| {
        let vitals = Vitals { refused: 3, last_refused: Some(NOW - ago), ..well().vitals };
        the(Kind::Refused, &Facts { vitals, ..well() })
    };
    assert_eq!((refused(7 * DAY).level, refused(7 * DAY + 1).level), (Level::Bad, Level::Watch));
    assert_eq!(refused(2 * HOUR).said, "3 refused, the last 2 hours ago");
    assert_eq!(refused(DAY).href, "/sites/Site/worklist#refused-title");
}

#[test]
fn a_sale_without_a_visit_is_worth_a_look_and_most_sales_without_one_are_broken() {
    let of = |lately: u64, all: u64| {
        let vitals =
            Vitals { unattributed: lately + 2, unattributed_lately: lately, conversions_lately: all, ..well().vitals };
        level(Kind::Unattributed, &Facts { vitals, ..well() })
    };
    assert_eq!([of(0, 9), of(1, 1), of(4, 4)], [Level::Good, Level::Watch, Level::Watch]);
    assert_eq!([of(5, 10), of(6, 10)], [Level::Watch, Level::Bad]);
}

#[test]
fn a_count_that_was_cut_says_so() {
    let vitals = Vitals { refused: MOST_COUNTED, last_refused: Some(NOW), ..well().vitals };
    assert_eq!(the(Kind::Refused, &Facts { vitals, ..well() }).said, "10000 or more refused, the last just now");
}

fn sending(platform: Sending) -> Vec<Sign> {
    let platform = Sending { name: "meta".into(), title: "Meta".into(), ..platform };
    let other =
        Sending { name: "ga4".into(), title: "GA4".into(), waiting: 1, oldest: Some(NOW), ..Sending::default() };
    let signs = judge(&Facts { platforms: vec![other, platform], ..well() }, NOW);
    signs.into_iter().filter(|sign| sign.kind == Kind::Deliveries).collect()
}

#[test]
fn a_platform_that_is_stopped_says_why_and_leads_to_its_page() {
    let signs = sending(Sending { stopped: Some("The token has expired.".into()), waiting: 9, ..Sending::default() });
    assert_eq!(signs.len(), 1, "the others are well: {signs:?}");
    assert_eq!((signs[0].level, signs[0].href.as_str()), (Level::Bad, "/sites/Site/platforms/meta"));
    assert_eq!(signs[0].said, "Sending to Meta is stopped. The token has expired.");
}

#[test]
fn what_waits_is_on_its_way_for_an_hour_noticed_then_and_broken_after_six() {
    let level = |ago: Millis| sending(Sending { waiting: 3, oldest: Some(NOW - ago), ..Sending::default() })[0].level;
    assert_eq!([level(HOUR), level(HOUR + 1)], [Level::Good, Level::Watch]);
    assert_eq!([level(6 * HOUR), level(6 * HOUR + 1)], [Level::Watch, Level::Bad]);
    assert_eq!(sending(Sending::default())[0].said, "1 on their way");
}

#[test]
fn what_a_platform_did_not_take_or_still_lacks_is_worth_a_look() {
    assert_eq!(sending(Sending { failed: 2, ..Sending::default() })[0].said, "2 not taken by Meta");
    let missing = &sending(Sending { not_set_up: true, ..Sending::default() })[0];
    assert_eq!((missing.level, missing.said.as_str()), (Level::Watch, "Meta is on, and its settings are not complete"));
}

#[test]
fn a_site_without_platforms_is_well_without_them() {
    assert_eq!(the(Kind::Deliveries, &well()).said, "None is switched on");
}

#[test]
fn room_is_noticed_below_ten_per_cent_or_two_gigabytes_and_running_out_below_500_megabytes() {
    let of = |free: u64, total: u64| level(Kind::Disk, &Facts { space: Some(Space { free, total }), ..well() });
    assert_eq!([of(10 * GB, 100 * GB), of(10 * GB - 1, 100 * GB)], [Level::Good, Level::Watch]);
    assert_eq!([of(2 * GB, 5 * GB), of(2 * GB - 1, 5 * GB)], [Level::Good, Level::Watch]);
    assert_eq!([of(500 * MB, 5 * GB), of(500 * MB - 1, 5 * GB)], [Level::Watch, Level::Bad]);
    assert_eq!(of(60 * GB, 4000 * GB), Level::Good, "of a large disk, a part is still much");
    assert_eq!(level(Kind::Disk, &Facts { space: None, ..well() }), Level::Watch);
    let little = the(Kind::Disk, &Facts { space: Some(Space { free: 1_640 * MB, total: 20 * GB }), ..well() });
    assert_eq!(little.said, "1.6 GB left, 8 % of the disk");
}

#[test]
fn a_backup_that_was_missed_is_noticed_after_two_days_and_one_that_nobody_takes_after_a_week() {
    let of = |ago: Millis| {
        let backup = Some(Backup { at: NOW - ago, bytes: 1, folder: "/b".into() });
        level(Kind::Backup, &Facts { backup, ..well() })
    };
    assert_eq!([of(2 * DAY), of(2 * DAY + 1)], [Level::Good, Level::Watch]);
    assert_eq!([of(7 * DAY), of(7 * DAY + 1)], [Level::Watch, Level::Bad]);
}

#[test]
fn a_new_site_without_a_backup_is_reminded_and_an_old_one_is_told() {
    let of = |age: Millis| the(Kind::Backup, &Facts { backup: None, since: NOW - age, ..well() });
    assert_eq!((of(HOUR).level, of(8 * DAY).level), (Level::Watch, Level::Bad));
    assert_eq!(of(HOUR).said, "No backup yet");
}
