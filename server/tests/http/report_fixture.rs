//! A thousand visitors, two thousand conversions: what reports say is what arithmetic says, by every dimension, model and currency.
//!
//! Each visitor `v` comes twice, seven days apart: first from Google, then from Meta, and clicks each time. Two conversions follow a day
//! after the second visit, one by each click; of every fifth visitor the second of them is the refund of the first.

use crate::report_rows::figures_lead_to_their_rows;
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tagwerk_protocol::click_id::{ClickId, Random, VisitId};
use tagwerk_protocol::event::{Click, Event, How};
use tagwerk_protocol::source::Arrival;
use tokio::task::JoinSet;

const VISITORS: i64 = 1000;
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
/// Millionths.
const ONE: i64 = 1_000_000;

/// Bytes that count up: ids that differ, the same in every run.
struct Counted(u64);

impl Random for Counted {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
        true
    }
}

/// The day of the fixture's first visits, at midnight UTC.
fn base() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    (i64::try_from(now).expect("in range") / DAY - 30) * DAY
}

fn first_visit(v: i64) -> i64 {
    base() + (v % 7) * DAY + 10 * HOUR
}

fn second_visit(v: i64) -> i64 {
    first_visit(v) + 7 * DAY
}

/// When both conversions of a visitor happen.
fn converted(v: i64) -> i64 {
    second_visit(v) + DAY + (v % 24) * HOUR
}

fn landing(v: i64, second: bool) -> String {
    match second {
        false => format!("https://shop.example/a{}?utm_source=google&utm_campaign=c{}&gclid=G{v}", v % 3, v % 5),
        true => format!("https://shop.example/b{}?utm_source=meta&utm_campaign=c{}&fbclid=F{v}", v % 3, (v + 1) % 5),
    }
}

fn currency(v: i64) -> &'static str {
    ["EUR", "EUR", "USD", "GBP"][usize::try_from(v % 4).expect("small")]
}

/// What both of a visitor's conversions are worth, in whole units of their currency.
fn worth(v: i64) -> i64 {
    3 * (v % 50 + 1)
}

fn is_refund(v: i64) -> bool {
    v % 5 == 4
}

fn is_lead(v: i64) -> bool {
    v % 11 == 0 && !is_refund(v)
}

/// 10^-6 of EUR or USD, by the rates that are given to the server: 1 EUR is 1.25 USD and 0.80 GBP.
fn in_currency(v: i64, into: &str) -> i64 {
    let euros = worth(v) * ONE * [100, 100, 80, 125][usize::try_from(v % 4).expect("small")] / 100;
    if into == "USD" { euros * 125 / 100 } else { euros }
}

type Values = BTreeMap<&'static str, String>;

/// What reports tell, of one fact or many: visits, clicks, conversions, leads, sales, refunds, revenue, refunded.
type Sums = [i64; 8];

/// By which dimensions, and under which conditions.
type Asked = (Vec<&'static str>, Vec<(&'static str, &'static str)>);

/// Everything that happened, as the model `model` credits it, each with the values of its dimensions.
fn facts(model: &str, into: &str) -> Vec<(Values, Sums)> {
    let mut facts = Vec::new();
    for v in 0..VISITORS {
        let visit = |second: bool| -> Values {
            let path = if second { "b" } else { "a" };
            [
                ("utm_source", if second { "meta" } else { "google" }.to_owned()),
                ("utm_campaign", format!("c{}", if second { (v + 1) % 5 } else { v % 5 })),
                ("platform", if second { "meta" } else { "google" }.to_owned()),
                ("landing_page", format!("/{path}{}", v % 3)),
            ]
            .into()
        };
        let time = |at: i64| -> Values {
            let at = jiff::Timestamp::from_millisecond(at).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
            [
                ("day", at.date().to_string()),
                ("hour", format!("{:02}", at.hour())),
                ("weekday", at.weekday().to_monday_one_offset().to_string()),
                ("month", format!("{:04}-{:02}", at.year(), at.month())),
            ]
            .into()
        };
        let click = |second: bool| -> Values {
            let path = if second { "b" } else { "a" };
            [
                ("link", format!("www.digistore24.com/redir/{}/me/", v % 7)),
                ("page", format!("shop.example/{path}{}", v % 3)),
                ("group", "digistore24".to_owned()),
            ]
            .into()
        };
        for (second, at) in [(false, first_visit(v)), (true, second_visit(v))] {
            facts.push((visit(second).into_iter().chain(time(at)).collect(), [1, 0, 0, 0, 0, 0, 0, 0]));
            let values = visit(second).into_iter().chain(time(at + 60_000)).chain(click(second));
            facts.push((values.collect(), [0, 1, 0, 0, 0, 0, 0, 0]));
        }
        for second in [false, true] {
            let (refund, lead) = (second && is_refund(v), second && is_lead(v));
            // A refund is credited as its sale is, which came by the first click.
            let by_second = second && !refund;
            // A subscription was agreed upon at its click: what the visitor did later has no part in its payments.
            let agreed = v % 3 == 0 && !by_second;
            let shares: [(bool, i64, i64); 2] = match model {
                _ if agreed => [(false, 1, 1), (true, 0, 1)],
                "click" => [(by_second, 1, 1), (!by_second, 0, 1)],
                "last_non_direct" => [(true, 1, 1), (false, 0, 1)],
                "first" => [(false, 1, 1), (true, 0, 1)],
                // Seven days are one half-life.
                "time_decay" => [(false, 1, 3), (true, 2, 3)],
                _ => [(false, 1, 2), (true, 1, 2)],
            };
            for (of_second, part, of) in shares.into_iter().filter(|(_, part, _)| *part > 0) {
                // What is left over of a third goes to the larger part, which lost most.
                let count = ONE * part / of + i64::from(of == 3 && part == 2);
                let money = if lead { 0 } else { in_currency(v, into) * part / of };
                let said: Values = [
                    ("product", (v % 7).to_string()),
                    (
                        "type",
                        if refund {
                            "Refund"
                        } else if lead {
                            "Lead"
                        } else {
                            "Purchase"
                        }
                        .to_owned(),
                    ),
                    ("transaction_type", if refund { "refund" } else { "payment" }.to_owned()),
                    ("order_type", if v % 2 == 0 { "initial_sale" } else { "upsell" }.to_owned()),
                    ("billing_type", if v % 3 == 0 { "subscription" } else { "single_payment" }.to_owned()),
                    ("billing_status", if second { "completed" } else { "paying" }.to_owned()),
                    ("sid1", format!("s{}", v % 4)),
                    ("campaignkey", format!("k{second}")),
                    ("state", "attributed".to_owned()),
                ]
                .into();
                let sums = match (refund, lead) {
                    (true, _) => [0, 0, 0, 0, 0, count, 0, money],
                    (_, true) => [0, 0, count, count, 0, 0, 0, 0],
                    _ => [0, 0, count, 0, count, 0, money, 0],
                };
                let values = visit(of_second).into_iter().chain(time(converted(v))).chain(click(by_second)).chain(said);
                facts.push((values.collect(), sums));
            }
        }
    }
    facts
}

fn event(visit_id: &VisitId, v: i64, at: i64, second: bool) -> Event {
    let page = landing(v, second);
    Event {
        event_id: format!("view-{visit_id}"),
        name: "PageView".into(),
        at,
        visitor_id: Some(format!("visitor-{v}")),
        page: page.clone(),
        landing: Arrival { at, page, referrer: String::new() },
        touch: None,
        first: None,
        click_id: None,
        click: None,
        attributes: vec![],
        cookies: vec![],
        automated: false,
        visit_id: visit_id.clone(),
    }
}

/// Tells the server everything.
async fn filled() -> Server {
    let server = Server::start_with(&[], "[limits]\nevents_per_minute = 100000\n").await;
    let change = json!({ "reporting_currency": "EUR", "purchase_value": "brutto" });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let day = jiff::Timestamp::from_millisecond(base() - DAY).expect("a time").to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut rates = "Date,USD,GBP\n".to_owned();
    for offset in 0..32 {
        let day = day.checked_add(jiff::Span::new().days(offset)).expect("a day");
        rates.push_str(&format!("{day},1.25,0.80\n"));
    }
    let request = server.client.post(format!("{}/api/v1/rates", server.url)).bearer_auth(&server.token);
    let answer = request.body(rates).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());

    let mut random = Counted(1);
    let (mut lines, mut postbacks) = (Vec::new(), Vec::new());
    for v in 0..VISITORS {
        let mut clicks = Vec::new();
        for (second, at) in [(false, first_visit(v)), (true, second_visit(v))] {
            let visit_id = VisitId::mint(&mut random).expect("random");
            let click_id = ClickId::mint(&visit_id, &mut random).expect("random");
            let view = event(&visit_id, v, at, second);
            let click = Event {
                event_id: click_id.to_string(),
                name: "OutboundClick".into(),
                at: at + 60_000,
                click: Some(Click {
                    group: Some("digistore24".into()),
                    href: format!("https://www.digistore24.com/redir/{}/me/?cid={click_id}", v % 7),
                    label: "Buy now".into(),
                    how: How::Left,
                    foreign: false,
                }),
                click_id: Some(click_id.clone()),
                ..view.clone()
            };
            lines.extend([view.to_line(), click.to_line()]);
            clicks.push(click_id.to_string());
        }
        for second in [false, true] {
            let (refund, lead) = (second && is_refund(v), second && is_lead(v));
            let amount = if lead { "0.00".to_owned() } else { format!("{}.00", worth(v)) };
            postbacks.push(vec![
                ("cid", clicks[usize::from(second && !refund)].clone()),
                ("transaction_id", format!("t{v}{second}")),
                ("transaction_type", if refund { "refund" } else { "payment" }.to_owned()),
                ("order_id", if second && !refund { format!("later{v}") } else { format!("order{v}") }),
                ("amount_brutto", amount.clone()),
                ("amount_netto", amount.clone()),
                ("amount_affiliate", amount),
                ("currency", currency(v).to_owned()),
                ("product_id", (v % 7).to_string()),
                ("order_type", if v % 2 == 0 { "initial_sale" } else { "upsell" }.to_owned()),
                ("billing_type", if v % 3 == 0 { "subscription" } else { "single_payment" }.to_owned()),
                ("billing_status", if second { "completed" } else { "paying" }.to_owned()),
                ("sid1", format!("s{}", v % 4)),
                ("campaignkey", format!("k{second}")),
                ("datetime_unix", (converted(v) / 1000).to_string()),
            ]);
        }
    }
    for part in lines.chunks(60) {
        assert_eq!(server.post_event_body(part.join("\n")).await.status(), 204);
    }
    // In no order: a refund may come before its sale.
    let mut sending = JoinSet::new();
    for (index, query) in postbacks.into_iter().enumerate().rev() {
        let request = server.client.get(server.collect_url("digistore24")).query(&query);
        sending.spawn(async move { (index, request.send().await.expect("an answer").status().as_u16()) });
        if sending.len() >= 32 {
            assert_eq!(sending.join_next().await.expect("one").expect("it ran").1, 200);
        }
    }
    for (_, status) in sending.join_all().await {
        assert_eq!(status, 200);
    }
    server
}

fn expected(facts: &[(Values, Sums)], by: &[&str], only: &[(&str, &str)]) -> BTreeMap<Vec<Option<String>>, Sums> {
    let mut groups: BTreeMap<Vec<Option<String>>, Sums> = BTreeMap::new();
    for (values, sums) in facts {
        if only.iter().all(|(name, value)| values.get(name).is_some_and(|known| known == value)) {
            let key = by.iter().map(|name| values.get(name).cloned()).collect();
            let group = groups.entry(key).or_default();
            for (sum, more) in group.iter_mut().zip(sums) {
                *sum += more;
            }
        }
    }
    groups
}

fn millionths(value: &Value) -> i64 {
    let Some(text) = value.as_str() else { return value.as_i64().map_or(0, |count| count) };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    whole.parse::<i64>().expect(text) * ONE + format!("{fraction:0<6}").parse::<i64>().expect(text)
}

const METRICS: [&str; 8] = ["visits", "clicks", "conversions", "leads", "sales", "refunds", "revenue", "refunded"];

fn told(row: &Value) -> Sums {
    METRICS.map(|metric| millionths(&row[metric]))
}

#[tokio::test]
async fn reports_say_what_arithmetic_says_of_two_thousand_conversions() {
    let server = filled().await;
    let site_id = &server.site_id;
    // A server that has just been told so much may need longer than it lets a report wait; each question waits for a while.
    let report = async |query: &str| {
        let path = format!("/sites/{site_id}/report?period=last_90_days&limit=10000&{query}");
        for _ in 0..30 {
            let answer = server.api_response(&path).await;
            match answer.status().as_u16() {
                503 => continue,
                status => assert_eq!(status, 200, "{query}"),
            }
            return answer.json::<Value>().await.expect("JSON");
        }
        panic!("the facts are never up to date");
    };

    // By hand: of the thousand visitors 200 have a refund and 73 of the others a lead. A hundred visitors in a row spend, at the rates
    // given, 3 * (625 * 1.80 + 650 * 2.25) = 7762.50 EUR by their first conversion, and of every fifth of them
    // 3 * (125 * 1.80 + 150 * 2.25) = 1687.50 EUR come back.
    let totals = report("by=all").await["totals"].clone();
    let counted = ["visits", "visitors", "clicks", "conversions", "leads", "sales", "refunds", "refunded"];
    let by_hand = [
        json!(2000),
        json!(1000),
        json!(2000),
        json!("1800"),
        json!("73"),
        json!("1727"),
        json!("200"),
        json!("16875.00"),
    ];
    assert_eq!(counted.map(|metric| totals[metric].clone()), by_hand);
    let firsts = report("by=all&where=campaignkey:kfalse").await["totals"].clone();
    assert_eq!((&firsts["revenue"], &firsts["commission"]), (&json!("77625.00"), &json!("77625.00")));
    assert_eq!((&totals["ctr"], &totals["conversion_rate"]), (&json!("1"), &json!("0.9")));

    let one_by_one = [
        "utm_source",
        "utm_campaign",
        "platform",
        "landing_page",
        "day",
        "hour",
        "weekday",
        "month",
        "link",
        "page",
        "group",
        "product",
        "type",
        "transaction_type",
        "order_type",
        "billing_type",
        "billing_status",
        "sid1",
        "campaignkey",
        "state",
    ];
    let mut questions: Vec<Asked> = one_by_one.iter().map(|by| (vec![*by], vec![])).collect();
    questions.extend([
        (vec!["utm_source", "utm_campaign", "day"], vec![]),
        (vec!["utm_campaign", "product", "order_type"], vec![]),
        (vec!["link", "page", "hour"], vec![("utm_source", "meta")]),
        (vec!["platform", "billing_type"], vec![("product", "3"), ("sid1", "s2")]),
        (vec!["type"], vec![("utm_campaign", "c1"), ("weekday", "2")]),
        (vec!["landing_page"], vec![("transaction_type", "refund")]),
    ]);
    for (model, into) in [
        ("click", "EUR"),
        ("click", "USD"),
        ("last_non_direct", "EUR"),
        ("first", "EUR"),
        ("linear", "USD"),
        ("time_decay", "EUR"),
        ("position_based", "EUR"),
    ] {
        let facts = facts(model, into);
        for (by, only) in &questions {
            let conditions: String = only.iter().map(|(name, value)| format!("&where={name}:{value}")).collect();
            let query = format!("by={}&model={model}&currency={into}{conditions}", by.join(","));
            let answer = report(&query).await;
            let dimensions = || by.iter().copied().chain(only.iter().map(|(name, _)| *name));
            let of_conversions = |name: &str| one_by_one.iter().position(|known| *known == name) >= Some(11);
            let of_clicks = |name: &str| ["link", "page", "group"].contains(&name) || of_conversions(name);
            let mut wanted = expected(&facts, by, only);
            for sums in wanted.values_mut() {
                // What cannot be told apart is not told.
                sums[0] *= i64::from(!dimensions().any(of_clicks));
                sums[1] *= i64::from(!dimensions().any(of_conversions));
            }
            wanted.retain(|_, sums| *sums != Sums::default());
            let name = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
            let rows = answer["rows"].as_array().expect("rows");
            let found: BTreeMap<Vec<Option<String>>, Sums> =
                rows.iter().map(|row| (by.iter().map(|word| name(row, word)).collect(), told(row))).collect();
            assert_eq!(found.len(), rows.len(), "{query}: each row once");
            assert_eq!(found, wanted, "{query}");
            let mut summed = Sums::default();
            for sums in found.values() {
                for (sum, more) in summed.iter_mut().zip(sums) {
                    *sum += more;
                }
            }
            assert_eq!(told(&answer["totals"]), summed, "{query}: the totals are the sum of the rows");
        }
    }

    let held = figures_lead_to_their_rows(
        &server,
        &["period=last_90_days&by=utm_campaign,utm_source", "period=last_90_days&by=product,type&model=linear"],
        13,
    )
    .await;
    assert!(held.len() >= 6 && held.values().sum::<usize>() >= 15, "a sample of all cells: {held:?}");
}
