use super::*;
use crate::credit::Model;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn question(query: &str) -> Question {
    let pairs: Vec<(String, String)> = tagwerk_protocol::form::pairs(query).collect();
    let now = Circumstances { today: date(2026, 1, 31), zone: TimeZone::UTC, currency: None };
    Question::read(&pairs, &now).expect("a question")
}

fn group(values: &[Option<&str>], counts: Counts) -> Group {
    Group { values: values.iter().map(|value| value.map(str::to_owned)).collect(), counts, ..Group::default() }
}

/// A group of one conversion whose money needed no conversion.
fn sold(value: Option<&str>, currency: &str, revenue: i128, refunded: i128) -> Group {
    let money = Money { revenue, refunded, ..Money::default() };
    let counts = Counts { conversions: WHOLE, sales: WHOLE, ..Counts::default() };
    Group { amounts: [(Some(currency.to_owned()), money)].into(), converted: money, ..group(&[value], counts) }
}

fn found(groups: Vec<Group>) -> Groups {
    Groups { groups, visitors: None }
}

fn made(query: &str, groups: Vec<Group>) -> Report {
    report(&question(query), found(groups), Vec::new(), &crate::groups::clicks().expect("the table"))
}

fn names(report: &Report) -> Vec<&str> {
    report.rows.iter().map(|row| row.values[0].as_deref().unwrap_or("-")).collect()
}

#[test]
fn the_only_currency_there_is_is_the_report_s_if_none_is_asked_for() {
    let mut one = sold(Some("a"), "USD", 5, 0);
    (one.converted, one.not_converted) = (Money::default(), vec![Some("USD".into())]);
    let report = made("by=utm_term", vec![one.clone(), group(&[Some("b")], Counts { clicks: 2, ..Counts::default() })]);
    assert_eq!((report.currency.as_deref(), report.totals.converted.revenue), (Some("USD"), 5));
    assert_eq!(report.totals.metric(Metric::Epc), Some(3));
    let mut other = sold(Some("c"), "EUR", 7, 0);
    (other.converted, other.not_converted) = (Money::default(), vec![Some("EUR".into())]);
    let report = made("by=utm_term", vec![one, other]);
    assert_eq!((report.currency, report.totals.converted.revenue), (None, 0));
    assert_eq!(report.totals.not_converted.len(), 2);
}

#[test]
fn money_of_which_not_all_is_known_gives_no_ratio() {
    let mut partly = sold(Some("a"), "EUR", 10, 0);
    partly.counts.clicks = 1;
    partly.not_converted = vec![Some("XAU".into())];
    let report = made("by=utm_term&currency=EUR", vec![partly]);
    assert_eq!((report.totals.metric(Metric::Epc), report.totals.metric(Metric::Roi)), (None, None));
    assert_eq!(report.totals.metric(Metric::Revenue), Some(10));
}

#[test]
fn click_ids_are_told_by_their_platforms() {
    let row = |names| sold(Some(names), "EUR", 1, 0);
    let report =
        made("by=platform&currency=EUR", vec![row("gbraid,gclid"), row("gclid"), row("fbclid,gclid"), row("newclid")]);
    let told: Vec<(&str, i128)> =
        names(&report).into_iter().zip(report.rows.iter().map(|row| row.converted.revenue)).collect();
    assert_eq!(told, [("google", 2), ("google+meta", 1), ("newclid", 1)]);
}

#[test]
fn ratios_are_rounded_and_absent_where_there_is_nothing_to_divide_by() {
    let counts = Counts { visits: 6, clicks: 3, conversions: WHOLE, ..Counts::default() };
    let row = Row {
        counts,
        converted: Money { revenue: 20_000_000, cost: 15_000_000, ..Money::default() },
        ..Row::default()
    };
    assert_eq!(row.metric(Metric::Ctr), Some(500_000));
    assert_eq!((row.metric(Metric::ConversionRate), row.metric(Metric::Epc)), (Some(333_333), Some(6_666_667)));
    assert_eq!((row.metric(Metric::Profit), row.metric(Metric::Roi)), (Some(5_000_000), Some(333_333)));
    for metric in [Metric::Ctr, Metric::Epc, Metric::ConversionRate, Metric::Roi] {
        assert_eq!(Row::default().metric(metric), None, "{metric:?}");
    }
    assert_eq!(ratio(-20, 3), Some(-7));
}

#[test]
fn rows_that_are_left_out_are_counted_and_in_the_totals() {
    let row = |name, revenue| sold(Some(name), "EUR", revenue, 0);
    let report = made("by=product&currency=EUR&limit=1", vec![row("a", 1), row("b", 3), row("c", 2)]);
    assert_eq!(names(&report), ["b"]);
    assert_eq!((report.left_out, report.totals.converted.revenue), (2, 6));
}

#[test]
fn rows_are_sorted_as_asked_and_what_has_no_name_or_no_figure_comes_last() {
    let row = |name, revenue| sold(name, "EUR", revenue, 0);
    let clicked = || Group { counts: Counts { clicks: 1, ..Counts::default() }, ..row(Some("c"), 0) };
    let sorted = |sort: &str| {
        let groups = vec![row(None, 2), row(Some("a"), 1), row(Some("b"), 3), clicked()];
        names(&made(&format!("by=utm_term&currency=EUR&sort={sort}"), groups)).join(",")
    };
    assert_eq!(sorted("value"), "a,b,c,-");
    assert_eq!(sorted("revenue"), "c,a,-,b");
    assert_eq!(sorted("-revenue"), "b,-,a,c");
    assert_eq!(sorted("epc"), "c,b,-,a");
    assert_eq!(sorted("-epc"), "c,b,-,a");
}

#[test]
fn what_was_spent_stands_in_the_rows_it_belongs_to() {
    let spent = Group {
        values: vec![Some("a".into())],
        amounts: [(Some("EUR".into()), Money { cost: 4, ..Money::default() })].into(),
        converted: Money { cost: 4, ..Money::default() },
        ..Group::default()
    };
    let only_spent = Group { values: vec![Some("b".into())], ..spent.clone() };
    let clicks = crate::groups::clicks().expect("the table");
    let facts = found(vec![sold(Some("a"), "EUR", 10, 0)]);
    let report = report(&question("by=utm_source&currency=EUR"), facts, vec![spent, only_spent], &clicks);
    let profits: Vec<Option<i128>> = report.rows.iter().map(|row| row.metric(Metric::Profit)).collect();
    assert_eq!((names(&report), profits), (vec!["a", "b"], vec![Some(6), Some(-4)]));
    assert_eq!(report.totals.metric(Metric::Roi), Some(250_000));
}

#[test]
fn a_row_of_nothing_is_no_row() {
    assert!(made("by=product", vec![group(&[Some("gone")], Counts::default())]).rows.is_empty());
}

#[test]
fn decimals_are_exact_and_no_longer_than_needed() {
    for (millionths, least, text) in [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (2_500_000, 0, "2.5"),
        (1_640_000, 2, "1.64"),
        (10_000_000, 2, "10.00"),
        (3_333_334, 2, "3.333334"),
        (-1, 2, "-0.000001"),
        (-1_500_000, 0, "-1.5"),
        (i128::from(i64::MAX) * 3, 2, "27670116110564.327421"),
    ] {
        assert_eq!(decimal(millionths, least), text);
    }
}

fn any_group() -> impl Strategy<Value = Group> {
    let word = |words: &'static [&'static str]| prop::option::of(prop::sample::select(words).prop_map(str::to_owned));
    let money = 0i128..1_000_000_000_000;
    (word(&["a", "b", "c"]), word(&["EUR", "USD", "XAU"]), 0..9i64, 0..2_000_000i64, money.clone(), money).prop_map(
        |(value, currency, clicks, conversions, revenue, refunded)| {
            let money = Money { revenue, refunded, ..Money::default() };
            Group {
                values: vec![value],
                counts: Counts { clicks, conversions, ..Counts::default() },
                amounts: [(currency, money)].into(),
                converted: money,
                ..Group::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn the_totals_are_the_sum_of_the_rows_and_of_everything_that_was_found(
        groups in prop::collection::vec(any_group(), 0..60),
        by in prop::sample::select(&["utm_campaign", "platform", "country"][..]),
    ) {
        let report = made(&format!("by={by}&currency=EUR&limit=10000"), groups.clone());
        let mut summed = Row::default();
        for row in &report.rows {
            summed.add(row);
        }
        prop_assert_eq!(&summed, &Row { visitors: Visitors::default(), ..report.totals.clone() });
        let (mut counts, mut money) = (Counts::default(), Money::default());
        for group in groups {
            counts += group.counts;
            money += group.converted;
        }
        prop_assert_eq!((report.totals.counts, report.totals.converted), (counts, money));
    }
}

#[test]
fn every_model_may_be_asked_for() {
    for model in Model::ALL {
        assert_eq!(question(&format!("model={}", model.as_str())).model, model);
    }
}
