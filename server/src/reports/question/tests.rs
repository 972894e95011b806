use super::*;
use proptest::prelude::*;

const TODAY: Date = date(2026, 3, 31);

fn now() -> Circumstances {
    Circumstances { today: TODAY, zone: TimeZone::UTC, currency: Currency::parse("EUR") }
}

fn read(query: &str) -> Result<Question, String> {
    let pairs: Vec<(String, String)> = form::pairs(query).collect();
    Question::read(&pairs, &now())
}

fn asked(question: &Question) -> Asked {
    question.asked(Arc::default(), &[], str::to_owned)
}

fn utm(name: &str) -> Dimension {
    Dimension::Utm(name.into())
}

fn only(dimension: Dimension, values: &[&str]) -> Condition {
    let present = |value: &&str| (!value.is_empty()).then(|| (*value).to_owned());
    Condition { dimension, values: values.iter().map(present).collect() }
}

#[test]
fn a_report_that_asks_for_nothing_is_the_last_thirty_days_by_day() {
    let question = read("").expect("a question");
    assert_eq!((question.from, question.to, question.period), (date(2026, 3, 2), TODAY, Some(Period::Last30Days)));
    assert_eq!((question.by.as_slice(), question.model), ([Dimension::Day].as_slice(), Model::Click));
    assert_eq!(question.currency, Currency::parse("EUR"));
    assert_eq!((question.sort, question.limit), ((Column::Value, false), 1000));
    assert_eq!(question.query(&now()), "");
}

#[test]
fn everything_that_is_asked_for_is_read_and_written_again() {
    let query = "from=2026-01-01&to=2026-01-31&by=utm_campaign%2Clink%2Chour&where=utm_source%3Agoogle&where=utm_source%3A\
                 &where=platform%3Ameta&model=time_decay&currency=USD&compare=previous&sort=-revenue&limit=5";
    let question = read(query).expect("a question");
    assert_eq!(question.by, [utm("utm_campaign"), Dimension::Link, Dimension::Hour]);
    let conditions = [only(utm("utm_source"), &["google", ""]), only(Dimension::ClickIds, &["meta"])];
    assert_eq!(question.conditions, conditions);
    assert_eq!(question.sort, (Column::Metric(Metric::Revenue), true));
    assert_eq!(question.query(&now()), query);
    let asked = asked(&question);
    assert_eq!((asked.from, asked.until), (1_767_225_600_000, 1_769_904_000_000));
    assert_eq!((asked.model, asked.into), (Model::TimeDecay, Currency::parse("USD")));
}

#[test]
fn a_period_is_read_against_the_day_it_is() {
    for (word, from, to) in [
        ("today", TODAY, TODAY),
        ("yesterday", date(2026, 3, 30), date(2026, 3, 30)),
        ("last_7_days", date(2026, 3, 25), TODAY),
        ("last_90_days", date(2026, 1, 1), TODAY),
        ("this_month", date(2026, 3, 1), TODAY),
        ("last_month", date(2026, 2, 1), date(2026, 2, 28)),
        ("this_year", date(2026, 1, 1), TODAY),
    ] {
        let question = read(&format!("period={word}")).expect(word);
        assert_eq!((question.from, question.to), (from, to), "{word}");
        assert_eq!(question.query(&now()), format!("period={word}"));
    }
}

#[test]
fn days_begin_in_the_zone_of_the_site() {
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    let pairs = vec![("from".to_owned(), "2026-03-29".to_owned()), ("to".to_owned(), "2026-03-29".to_owned())];
    let question = Question::read(&pairs, &Circumstances { zone, ..now() }).expect("a question");
    let asked = asked(&question);
    // The clocks went forward that day.
    assert_eq!((asked.from, asked.until - asked.from), (1_774_738_800_000, 23 * 3_600_000));
}

#[test]
fn the_days_before_are_as_many_and_whole_months_are_whole_months() {
    let before = |query: &str| read(query).expect(query).before().map(|before| (before.from, before.to));
    assert_eq!(before("period=today&compare=previous"), Some((date(2026, 3, 30), date(2026, 3, 30))));
    assert_eq!(before("period=last_7_days&compare=previous"), Some((date(2026, 3, 18), date(2026, 3, 24))));
    assert_eq!(before("period=this_month&compare=previous"), Some((date(2026, 2, 1), date(2026, 2, 28))));
    assert_eq!(before("from=2026-01-01&to=2026-02-28&compare=previous"), Some((date(2025, 11, 1), date(2025, 12, 31))));
    assert_eq!(before("from=2024-02-29&to=2024-02-29&compare=year"), Some((date(2023, 2, 28), date(2023, 2, 28))));
    assert_eq!((before("period=today"), before("from=1970-01-01&compare=previous")), (None, None));
}

#[test]
fn a_platform_stands_for_the_click_ids_that_are_its_own() {
    let question = read("where=platform:google&where=platform:").expect("a question");
    let platform = |names: &str| if names.contains("gclid") { "google".to_owned() } else { "meta".to_owned() };
    let names = ["gclid".to_owned(), "fbclid".to_owned(), "gbraid,gclid".to_owned()];
    let asked = question.asked(Arc::default(), &names, platform);
    assert_eq!(asked.conditions, [only(Dimension::ClickIds, &["gclid", "gbraid,gclid", ""])]);
}

#[test]
fn drilling_down_adds_a_condition_or_narrows_the_days() {
    let question = read("from=2026-01-10&to=2026-02-20&where=country:DE").expect("a question");
    let narrowed = question.narrowed(&Dimension::Country, None);
    assert_eq!(narrowed.conditions, [only(Dimension::Country, &[""])]);
    let days = |dimension, value| {
        let narrowed = question.narrowed(&dimension, Some(value));
        (narrowed.from, narrowed.to, narrowed.conditions.len())
    };
    assert_eq!(days(Dimension::Day, "2026-01-31"), (date(2026, 1, 31), date(2026, 1, 31), 1));
    assert_eq!(days(Dimension::Month, "2026-02"), (date(2026, 2, 1), date(2026, 2, 20), 1));
    assert_eq!(days(Dimension::Week, "2026-W03"), (date(2026, 1, 12), date(2026, 1, 18), 1));
    assert_eq!(days(Dimension::Hour, "07"), (date(2026, 1, 10), date(2026, 2, 20), 2));
}

#[test]
fn a_metric_can_be_told_where_what_it_counts_can_be_told_apart() {
    let has = |query: &str| {
        let question = read(query).expect(query);
        [Metric::Visits, Metric::Clicks, Metric::Sales, Metric::Ctr, Metric::Epc].map(|metric| question.has(metric))
    };
    assert_eq!(has("by=utm_source,country,day"), [true; 5]);
    assert_eq!(has("by=utm_source,link"), [false, true, true, false, true]);
    assert_eq!(has("by=country&where=product:7"), [false, false, true, false, false]);
}

#[test]
fn what_cannot_be_asked_for_is_told_by_name() {
    for (query, word) in [
        ("from=yesterday", "from must be a day like 2026-01-31"),
        ("from=2026-1-1", "from must be"),
        ("from=2026-02-30", "from must be"),
        ("to=1969-12-31", "to must be"),
        ("from=2026-02-01&to=2026-01-31", "from (2026-02-01) must not lie after to (2026-01-31)"),
        ("period=forever", "period must be one of today"),
        ("period=today&from=2026-01-01", "period says which days"),
        ("by=day,day", "by names day twice"),
        ("by=UTM_SOURCE", "by cannot be UTM_SOURCE; it can be utm_source"),
        ("by=day,hour,link,page", "by names 4 dimensions; at most 3"),
        ("where=country", "where must be like utm_source:google"),
        ("where=moon:full", "where cannot ask for moon"),
        ("where=day:2026-01-01", "from and to say which days"),
        ("model=last", "model must be one of click, last_non_direct"),
        ("currency=euro", "currency must be"),
        ("compare=moon", "compare must be one of none, previous, year"),
        ("sort=fun", "sort must be value or one of visits"),
        ("sort=--net", "sort must be"),
        ("limit=0", "limit must be a number from 1 to 10000"),
        ("limit=10001", "limit must be"),
        ("model=click&model=first", "model stands there twice"),
        ("form=2026-01-01", "a report has no parameter form"),
    ] {
        let sentence = read(query).expect_err(query);
        assert!(sentence.contains(word), "{query}: {sentence}");
    }
}

#[test]
fn what_is_empty_is_not_asked_for() {
    let empty = read("from=&to=&period=&by=&where=&model=&currency=&compare=&sort=&limit=").expect("a question");
    assert_eq!(empty.query(&now()), "");
}

proptest! {
    #[test]
    fn any_query_is_read_without_a_panic_and_what_is_read_is_written_again(
        name in "from|to|by|where|sort|limit|period|compare|currency", value in "\\PC*",
    ) {
        if let Ok(question) = read(&format!("{name}={value}")) {
            let again = read(&question.query(&now())).expect("what was written is read");
            prop_assert_eq!(again.query(&now()), question.query(&now()));
        }
    }

    #[test]
    fn conditions_are_written_as_they_were_read(values in prop::collection::vec("\\PC{1,20}", 1..5)) {
        let mut query = String::new();
        for value in &values {
            form::push(&mut query, "where", &format!("utm_term:{value}"));
        }
        let question = read(&query).expect("a question");
        let again = read(&question.query(&now())).expect("a question");
        prop_assert_eq!(&again.conditions, &question.conditions);
        for value in values {
            prop_assert!(question.conditions[0].values.contains(&Some(value)));
        }
    }
}
