//! Every figure of a report leads to its rows, and these come to the figure: each metric, cell by cell, as a person would add it up.

use crate::dashboard::Browser;
use crate::server::{Server, sale, visit_with_click};
use reqwest::header::ACCEPT_LANGUAGE;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tagwerk_server::reports::{Kind, MadeOf, Metric};

/// Millionths.
const ONE: i64 = 1_000_000;

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

/// Millionths of a figure as it is written in English, whatever stands behind it.
fn read(figure: &str) -> i64 {
    let figure = figure.trim_start_matches("≈ ");
    let number: String =
        figure.chars().take_while(|c| c.is_ascii_digit() || ".,-".contains(*c)).filter(|c| *c != ',').collect();
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let magnitude = whole.trim_start_matches('-').parse::<i64>().expect(figure) * ONE
        + format!("{fraction:0<6}").parse::<i64>().expect(figure);
    if number.starts_with('-') { -magnitude } else { magnitude }
}

/// 10^-6 of EUR, at 1.25 USD and 0.80 GBP for one.
fn euros(micro: i64, currency: &str) -> i64 {
    match currency {
        "EUR" => micro,
        "USD" => micro * 4 / 5,
        "GBP" => micro * 5 / 4,
        other => panic!("no rate of {other}"),
    }
}

/// Value and commission of each conversion in EUR, negative where money went back.
type Worth = BTreeMap<String, (i64, i64)>;

async fn worth(server: &Server) -> Worth {
    let micro = |amount: &Value, currency: &Value| match amount.as_str() {
        Some(amount) => euros(read(amount), currency.as_str().expect("a currency")),
        None => 0,
    };
    let of = |row: &Value| {
        let sign = if row["transaction_type"] == "payment" { 1 } else { -1 };
        let commission = sign * micro(&row["amounts"]["affiliate"], &row["currency"]);
        let value = micro(&row["value"], &row["currency"]);
        assert!(value * sign >= 0, "the API says the sign: {row}");
        (row["id"].as_str().expect("an id").to_owned(), (value, commission))
    };
    server.all("conversions").await.iter().map(of).collect()
}

/// What the rows come to: how many rows, how many of them count, their value, their commission, what was spent.
#[derive(Debug, Default)]
struct Sums {
    rows: i64,
    count: i64,
    value: i64,
    commission: i64,
    cost: i64,
}

struct Reader<'a> {
    browser: Browser<'a>,
    worth: Worth,
}

impl Reader<'_> {
    async fn page(&self, link: &str) -> String {
        let link = link.replace("&#38;", "&").replace("&amp;", "&");
        // A server that has just been told much may need longer than it lets a report wait.
        for _ in 0..60 {
            let response = self.browser.get_in("en", &link).await;
            if response.status() != 503 {
                assert_eq!(response.status(), 200, "{link}");
                return response.text().await.expect("text");
            }
        }
        panic!("the facts are never up to date");
    }

    /// The first page of the rows, and what all of them come to.
    async fn rows(&self, link: &str, metric: Metric) -> (String, Sums) {
        let first = self.page(link).await;
        let (mut page, mut sums) = (first.clone(), Sums::default());
        loop {
            self.add(&page, metric, &mut sums);
            let Some(older) = between(&page, "<p class=\"older\"><a href=\"", "\"").pop() else { break };
            page = self.page(older).await;
        }
        (first, sums)
    }

    fn add(&self, page: &str, metric: Metric, sums: &mut Sums) {
        let traffic = page.matches("data-label=\"Visit\"").count() + page.matches("data-label=\"Click id\"").count();
        let traffic = i64::try_from(traffic).expect("few");
        sums.rows += traffic;
        sums.count += traffic * ONE;
        let noted = |heading: &str| -> BTreeMap<String, String> {
            let part = page.split(heading).nth(1).and_then(|rest| rest.split("</details>").next()).unwrap_or_default();
            let ids = between(part, "<code>", "<").into_iter().map(str::to_owned);
            ids.zip(between(part, "<dt>", "<").into_iter().map(str::to_owned)).collect()
        };
        let shares = noted("only a part counts here");
        for id in between(page, "id=\"conversion-", "\"") {
            let (value, commission) = self.worth.get(id).copied().expect("a conversion of the API");
            sums.rows += 1;
            let Some(share) = shares.get(id) else {
                sums.count += ONE;
                sums.value += value;
                sums.commission += commission;
                continue;
            };
            let (percent, money) = share.split_once(" %").expect("per cent");
            sums.count += read(percent) / 100;
            if let Some(money) = money.strip_prefix(", ") {
                let counted = euros(read(money), money.rsplit(' ').next().expect("a currency"));
                match metric {
                    Metric::Commission => sums.commission += counted,
                    _ => sums.value += counted,
                }
            }
        }
        let costs = between(page, "data-label=\"Counts here\"><span class=\"money\">", "<");
        let prices = noted("What each of them cost");
        let spent = costs.into_iter().chain(prices.values().map(String::as_str));
        sums.cost += spent.map(|money| euros(read(money), money.rsplit(' ').next().expect("a currency"))).sum::<i64>();
    }

    /// Holds a cell's figure against what it leads to.
    async fn holds(&self, link: &str, figure: &str) -> Metric {
        let word = between(link, "of=", "&").first().copied().expect("a metric").replace("&#38;", "");
        let metric = Metric::parse(&word).expect("a metric");
        let (page, sums) = self.rows(link, metric).await;
        let title = between(&page, "<h1>", "<").pop().expect("a title").to_owned();
        let told = title.strip_prefix(&format!("{}: ", metric.label())).unwrap_or_else(|| panic!("{title}"));
        assert_eq!(told.trim_end_matches(" EUR"), figure, "the page says the figure: {link}");
        let wanted = read(figure);
        let parts: Vec<i64> = match page.split("<p class=\"worked-out\">").nth(1) {
            Some(rest) => {
                between(rest.split("</p>").next().expect("its end"), "<b>", "<").into_iter().map(read).collect()
            }
            None => Vec::new(),
        };
        let near = |found: i64, step: i64| assert!((found - wanted).abs() <= step, "{link}: {found} is not {wanted}");
        match (metric.made_of(), parts.as_slice()) {
            (MadeOf::Quotient(first, _), [dividend, divisor]) => {
                // Per cent or money to the last digit shown; what is divided may have been rounded before.
                let scale = if metric.kind() == Kind::Ratio { 100 * ONE } else { ONE };
                let step = if metric.kind() == Kind::Ratio { 60_000 } else { 6_000 };
                let slack = if first.kind() == Kind::Money { 10_000 * scale / divisor } else { 0 };
                near(dividend * scale / divisor, step + slack);
            }
            (MadeOf::Difference(..), [first, second]) => assert_eq!(first - second, wanted, "{link}"),
            (MadeOf::Costs, []) => {
                let paid = between(&page, "Besides, <a href=\"", "\"").pop();
                let of_visits = match paid {
                    Some(paid) => self.rows(paid, metric).await.1.cost,
                    None => 0,
                };
                near(sums.cost + of_visits, 5_000);
            }
            (MadeOf::Rows(_), []) => match metric {
                Metric::Visitors => assert!(sums.count >= wanted && wanted > 0, "{link}"),
                Metric::Revenue | Metric::Net => near(sums.value, 5_000),
                Metric::Refunded => near(-sums.value, 5_000),
                Metric::Commission => near(sums.commission, 5_000),
                _ => assert_eq!(sums.count, wanted, "{link}: {sums:?}"),
            },
            (made_of, parts) => panic!("{link}: {made_of:?} says {parts:?}"),
        }
        metric
    }

    /// Holds every so manieth cell of a report against its rows; which metrics there were, and how many cells were held.
    async fn cells(&self, site_id: &str, query: &str, every: usize) -> BTreeMap<Metric, usize> {
        let columns: String = Metric::ALL.iter().map(|metric| format!("&column={}", metric.as_str())).collect();
        let report = self.page(&format!("/sites/{site_id}/reports?{query}{columns}")).await;
        let links = between(&report, "<a href=\"/sites/", "</a>");
        let cells = links.into_iter().filter_map(|link| {
            let (link, figure) = link.split_once("\">")?;
            link.contains("/reports/rows?").then(|| (format!("/sites/{link}"), figure))
        });
        let mut held: BTreeMap<Metric, usize> = BTreeMap::new();
        for (link, figure) in cells.step_by(every) {
            *held.entry(self.holds(&link, figure).await).or_default() += 1;
        }
        held
    }
}

/// Holds every so manieth cell of these reports against its rows; how many of each metric were held.
pub(crate) async fn figures_lead_to_their_rows(
    server: &Server,
    queries: &[&str],
    every: usize,
) -> BTreeMap<Metric, usize> {
    let reader = Reader { browser: Browser::signed_in(server).await, worth: worth(server).await };
    let mut held = BTreeMap::new();
    for query in queries {
        for (metric, count) in reader.cells(&server.site_id, query, every).await {
            *held.entry(metric).or_default() += count;
        }
    }
    held
}

impl Browser<'_> {
    async fn get_in(&self, language: &str, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.origin())).header(reqwest::header::COOKIE, &self.cookie);
        request.header(ACCEPT_LANGUAGE, language).send().await.expect("an answer")
    }
}

/// A bot, a visitor who comes twice, money in two currencies, going both ways, known and not, and costs of both kinds.
async fn filled() -> Server {
    let server = Server::start().await;
    let change = json!({
        "reporting_currency": "EUR", "purchase_value": "brutto", "cost": { "param": "c", "currency": "EUR" },
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = (-10..1).map(|days| today.checked_add(jiff::Span::new().days(days)).expect("a day"));
    let rates: String = days.map(|day| format!("{day},1.25,0.80\n")).collect();
    let add = async |path: &str, body: String| {
        let request = server.client.post(format!("{}/api/v1{path}", server.url)).bearer_auth(&server.token);
        let answer = request.body(body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    };
    add("/rates", format!("Date,USD,GBP\n{rates}")).await;
    let cost = json!({
        "first_day": today.checked_sub(jiff::Span::new().days(30)).expect("a day").to_string(),
        "last_day": today.to_string(), "amount": "31", "currency": "USD", "dimensions": { "utm_source": "google" },
    });
    add(&format!("/sites/{}/costs", server.site_id), cost.to_string()).await;

    let mut clicks = Vec::new();
    for (number, (query, visitor)) in [
        ("utm_source=google&utm_campaign=spring&c=0.25", "anna"),
        ("utm_source=meta&utm_campaign=summer&c=0.50", "anna"),
        ("utm_source=google&utm_campaign=summer", "bob"),
        ("utm_source=bing&utm_campaign=spring", "bot"),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut view, mut click) = visit_with_click();
        let back = 60_000 * (10 - i64::try_from(number).expect("small"));
        for event in [&mut view, &mut click] {
            event.at -= back;
            event.landing.at = event.at;
            event.page = format!("https://shop.example/?{query}");
            event.landing.page = event.page.clone();
            event.visitor_id = Some(visitor.to_owned());
            event.automated = visitor == "bot";
        }
        clicks.push(click.click_id.as_ref().expect("a click id").to_string());
        let events = if visitor == "bot" { vec![&view] } else { vec![&view, &click] };
        assert_eq!(server.post_events(&events).await.status(), 204);
    }
    let told = [
        (0, "t-1", "payment", Some("10.00"), "o-1", "EUR"),
        (1, "t-2", "payment", Some("20.00"), "o-2", "USD"),
        (2, "t-3", "payment", Some("40.00"), "o-3", "GBP"),
        (0, "t-4", "refund", Some("4.00"), "o-1", "EUR"),
        (1, "t-5", "chargeback", Some("20.00"), "o-2", "USD"),
        (2, "t-6", "payment", Some("0.00"), "o-6", "EUR"),
        (1, "t-7", "payment", None, "o-7", "EUR"),
    ];
    for (number, transaction, transaction_type, amount, order, currency) in told {
        let mut query = sale(&clicks[number], transaction);
        query.retain(|(name, _)| !name.starts_with("amount_") && !["transaction_type", "currency"].contains(name));
        query.extend([("transaction_type", transaction_type), ("order_id", order), ("currency", currency)]);
        query.extend(amount.iter().flat_map(|amount| [("amount_brutto", *amount), ("amount_affiliate", *amount)]));
        query.extend(amount.is_none().then_some(("amount_affiliate", "3.00")));
        assert_eq!(server.postback(&query).await.0, 200, "{query:?}");
    }
    server
}

#[tokio::test]
async fn every_figure_of_every_metric_leads_to_rows_that_come_to_it() {
    let server = filled().await;
    let queries = [
        "period=last_7_days&by=utm_source",
        "period=last_7_days&by=utm_campaign,utm_source&model=linear",
        "period=last_7_days&by=transaction_type&model=first",
        "period=last_7_days&by=day,type",
    ];
    let held = figures_lead_to_their_rows(&server, &queries, 1).await;
    let missing: Vec<&Metric> = Metric::ALL.iter().filter(|metric| !held.contains_key(metric)).collect();
    assert!(missing.is_empty(), "nothing was held of {missing:?}");
    assert!(held.values().sum::<usize>() > 150, "{held:?}");
}
