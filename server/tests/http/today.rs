//! Today: whether anything is broken, what the day came to, and what arrives as it arrives.

use crate::dashboard::{Browser, location};
use crate::server::{Server, add_site, sale, visit_with_click};
use reqwest::Response;
use std::time::Duration;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of server-sent events, as a browser reads it.
struct Live {
    response: Response,
    text: String,
}

impl Live {
    async fn open(browser: &Browser<'_>, path: &str) -> Self {
        let response = browser.get(path).await;
        assert_eq!(response.status(), 200);
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { response, text: String::new() }
    }

    /// Reads on until this stands in what came; all that came.
    async fn until(&mut self, part: &str) -> &str {
        let read = async {
            while !self.text.contains(part) {
                let chunk = self.response.chunk().await.expect("a stream").expect("it goes on");
                self.text.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("{part} did not come"));
        &self.text
    }

    /// Reads to the end.
    async fn ends(mut self) {
        let read = async { while self.response.chunk().await.ok().flatten().is_some() {} };
        tokio::time::timeout(PATIENCE, read).await.expect("it ends");
    }
}

fn today(server: &Server) -> String {
    format!("/sites/{}", server.site_id)
}

/// The text between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} in {text}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// A figure of the headline row.
fn figure<'a>(page: &'a str, word: &str) -> &'a str {
    between(page, &format!("data-figure=\"{word}\">"), "</a>")
}

#[tokio::test]
async fn a_site_where_nothing_came_yet_leads_to_connect_in_three_steps() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let page = browser.page(&today(&server)).await;
    assert!(page.contains("Nothing has come yet") && page.contains("data-empty"), "{page}");
    for step in ["snippet", "offers", "connect"] {
        let path = format!("{}/{step}", today(&server));
        assert!(page.contains(&format!("\"{path}\"")), "{step}");
        browser.page(&path).await;
    }
    assert!(page.contains("No event yet") && page.contains("No postback yet"));
    assert!(!page.contains("data-figure="), "figures of nothing help nobody");
}

#[tokio::test]
async fn a_sale_is_in_the_headline_in_the_chart_among_the_sources_and_in_the_feed() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    let page = browser.page(&today(&server)).await;
    for (word, value) in [("visits", "1"), ("clicks", "1"), ("sales", "1"), ("refunds", "0")] {
        assert_eq!(figure(&page, word), value, "{word}");
    }
    for (word, value) in [("revenue", "1.64 "), ("commission", "101.64 "), ("epc", "1.64 ")] {
        let figure = figure(&page, word);
        assert!(figure.starts_with(value) && figure.contains("EUR"), "{word}: {figure}");
    }
    assert_eq!(figure(&page, "conversion_rate"), "100.0 %");
    let chart = between(&page, "id=\"course-sales\"", "</table>");
    assert!(chart.contains("data-value=\"1.64\"") && chart.contains("data-currency=\"EUR\""), "{chart}");
    let sources = between(&page, "id=\"sources-title\"", "</table>");
    assert!(sources.contains("google") && sources.contains("where=utm_source%3Agoogle"), "{sources}");
    let links = between(&page, "id=\"links-title\"", "</table>");
    assert!(links.contains("www.digistore24.com/redir/1/a/"), "{links}");
    let feed = between(&page, "id=\"feed\"", "</ul>");
    for part in ["1.64 EUR", "101.64 EUR", "Purchase", "google / spring", "Buy now", "shop.example/review"] {
        assert!(feed.contains(part), "{part} in {feed}");
    }
    let place = |part: &str| feed.find(part).unwrap_or_else(|| panic!("{part} in {feed}"));
    assert!(place("id=\"conversion-") < place("id=\"click-") && place("id=\"click-") < place("id=\"visit-"));
}

#[tokio::test]
async fn figures_are_written_as_the_reader_s_language_does_and_lead_to_their_report() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.postback(&sale("", "t-1")).await;
    let page = browser.page_in("de-DE", &today(&server)).await;
    assert!(figure(&page, "revenue").starts_with("1,64"), "{}", figure(&page, "revenue"));
    let link = between(&page, "<p class=\"figure-value\"><a href=\"", "\"");
    let report = browser.page(&link.replace("&#38;", "&")).await;
    assert!(report.contains("<h1"), "{link}");
}

#[tokio::test]
async fn a_period_is_chosen_by_its_link_and_an_unknown_one_is_today() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.clicked().await;
    let path = today(&server);
    for (period, title, against) in [
        ("today", "Today", "yesterday at this time"),
        ("yesterday", "Yesterday", "the day before"),
        ("last_7_days", "Last 7 days", "the 7 days before"),
        ("last_30_days", "Last 30 days", "the 30 days before"),
        ("nonsense", "Today", "yesterday at this time"),
    ] {
        let page = browser.page(&format!("{path}?period={period}")).await;
        assert!(page.contains(&format!("<h2 id=\"figures-title\">{title}</h2>")), "{period}");
        assert!(page.contains(&format!("Against {against}.")), "{period}");
        let visits = if period == "yesterday" { "0" } else { "1" };
        assert_eq!(figure(&page, "visits"), visits, "{period}");
    }
}

#[tokio::test]
async fn the_figures_alone_are_what_the_page_shows_of_them() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.clicked().await;
    let part = browser.page(&format!("{}/figures?period=last_7_days", today(&server))).await;
    assert!(part.trim_start().starts_with("<section id=\"health\"") && !part.contains("<html"), "{part}");
    assert_eq!(figure(&part, "clicks"), "1");
}

#[tokio::test]
async fn what_is_refused_and_what_matches_no_visit_stands_in_the_health_strip_and_leads_to_the_worklist() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.postback(&[("transaction_id", "odd-one")]).await;
    server.postback(&sale("", "t-1")).await;
    let page = browser.page(&today(&server)).await;
    let health = between(&page, "id=\"health\"", "</section>");
    assert!(health.contains("1 refused, the last") && health.contains("/worklist#refused-title"), "{health}");
    assert!(health.contains("1 of 1 in 7 days match no visit"), "{health}");
    assert!(health.contains("class=\"sign bad\"") && health.contains("No backup yet"), "{health}");
    assert!(health.contains(" left"), "how much room the disk has: {health}");
}

#[tokio::test]
async fn the_page_of_health_says_what_to_do_about_each_thing() {
    let server = Server::start().await;
    let page = Browser::signed_in(&server).await.page(&format!("{}/health", today(&server))).await;
    for part in
        ["id=\"events\"", "id=\"postbacks\"", "id=\"disk\"", "id=\"backup\"", "tagwerk backup", "tagwerk doctor"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn an_event_arrives_on_the_stream_as_it_is_posted_and_a_sale_with_its_worth() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let mut live = Live::open(&browser, &format!("{}/live", today(&server))).await;
    live.until("live").await;
    let (view, click) = visit_with_click();
    assert_eq!(server.post_events(&[&view]).await.status(), 204);
    live.until(&format!("id=\"visit-{}\"", view.visit_id)).await;
    assert_eq!(server.post_events(&[&click]).await.status(), 204);
    let click_id = click.click_id.expect("a click id").to_string();
    live.until(&format!("id=\"click-{click_id}\"")).await;
    server.postback(&sale(&click_id, "t-1")).await;
    let told = live.until("101.64 EUR").await;
    assert!(told.contains("event: arrived") && told.contains("id=\"conversion-"), "{told}");
    assert_eq!(told.matches(&format!("id=\"visit-{}\"", view.visit_id)).count(), 1, "told once: {told}");
}

#[tokio::test]
async fn what_arrived_between_the_page_and_the_stream_is_not_missed() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let page = browser.page(&today(&server)).await;
    let after = between(&page, "data-after=\"", "\"").to_owned();
    let (view, _) = visit_with_click();
    assert_eq!(server.post_events(&[&view]).await.status(), 204);
    let mut live = Live::open(&browser, &format!("{}/live?after={after}", today(&server))).await;
    live.until(&format!("id=\"visit-{}\"", view.visit_id)).await;
}

#[tokio::test]
async fn another_site_s_stream_does_not_hear_of_it() {
    let server = Server::start().await;
    let (other, _) = add_site(server.data(), "Other");
    let browser = Browser::signed_in(&server).await;
    let mut live = Live::open(&browser, &format!("/sites/{other}/live")).await;
    let (elsewhere, _) = visit_with_click();
    assert_eq!(server.post_events(&[&elsewhere]).await.status(), 204);
    // What is posted to the other site afterwards comes, so what came before it would have.
    let (here, _) = visit_with_click();
    let request = server.client.post(format!("{}/{other}/event", server.url)).body(here.to_line());
    assert_eq!(request.send().await.expect("an answer").status(), 204);
    let told = live.until(&format!("visit-{}", here.visit_id)).await;
    assert!(!told.contains(&elsewhere.visit_id.to_string()), "{told}");
}

#[tokio::test]
async fn what_a_sender_wrote_reaches_the_stream_as_text_and_ends_no_line_of_it() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let mut live = Live::open(&browser, &format!("{}/live", today(&server))).await;
    let hostile = "<img src=x>\r\n\r\nevent: arrived\rdata: gotcha";
    let mut postback = sale("", "t-1");
    postback.push(("product_name", hostile));
    server.postback(&postback).await;
    let told = live.until("id=\"conversion-").await;
    assert!(!told.contains("<img") && told.contains("&#60;img"), "{told}");
    let lines = told.lines().filter(|line| !line.is_empty());
    let kinds = ["data:", "event: arrived", "id:", ":", "retry:"];
    for line in lines {
        assert!(kinds.iter().any(|kind| line.starts_with(kind)), "{line:?} in {told:?}");
    }
    assert_eq!(told.matches("\nevent: arrived").count(), 1, "{told:?}");
}

#[tokio::test]
async fn without_a_session_there_is_no_stream_and_no_figure() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    for part in ["", "/live", "/figures", "/health"] {
        let response = browser.get(&format!("{}{part}", today(&server))).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/sign-in"), "{part}");
    }
}

#[tokio::test]
async fn a_site_that_is_not_there_has_no_stream() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    for part in ["", "/live", "/figures", "/health"] {
        assert_eq!(browser.get(&format!("/sites/nobody{part}")).await.status(), 404, "{part}");
    }
}

#[tokio::test]
async fn a_stream_is_neither_kept_nor_collected_on_the_way() {
    let server = Server::start().await;
    let response = Browser::signed_in(&server).await.get(&format!("{}/live", today(&server))).await;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store", "no"));
}

#[tokio::test]
async fn a_stream_ends_when_its_session_does() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let live = Live::open(&browser, &format!("{}/live", today(&server))).await;
    assert_eq!(browser.post("/sign-out", &[]).await.status(), 303);
    live.ends().await;
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_does_not_wait_for_who_watches() {
    let mut server = Server::start().await;
    let live = {
        let browser = Browser::signed_in(&server).await;
        Live::open(&browser, &format!("{}/live", today(&server))).await
    };
    let began = std::time::Instant::now();
    assert!(server.stop());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    live.ends().await;
}

#[tokio::test]
async fn only_so_many_watch_at_once_and_the_next_is_told_when_to_come_again() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let path = format!("{}/live", today(&server));
    let mut watching = Vec::new();
    for _ in 0..64 {
        watching.push(Live::open(&browser, &path).await);
    }
    let response = browser.get(&path).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(watching.len(), 64);
}
