//! The log: its lists, filters and search, and one postback as it came.

use crate::dashboard::Browser;
use crate::server::{Server, sale};
use serde_json::{Value, json};

fn path(server: &Server, rest: &str) -> String {
    format!("/sites/{}{rest}", server.site_id)
}

fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}

/// A server on which something of each kind arrived, and who looks at it.
async fn filled() -> (Server, String) {
    let server = Server::start().await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-fine")).await;
    server.postback(&sale("", "t-alone")).await;
    server.postback(&[("transaction_type", "paid"), ("cid", &click_id)]).await;
    (server, click_id)
}

#[tokio::test]
async fn everything_that_arrived_is_listed_with_state_and_reason_and_leads_on() {
    let (server, _) = filled().await;
    let browser = Browser::signed_in(&server).await;
    let page = browser.page(&path(&server, "/log")).await;
    for part in ["state accepted", "state unattributed", "state refused", "no click id was sent", "it must be one of"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let postbacks = server.list("postbacks").await;
    assert!(page.contains(&format!("/log/postbacks/{}\"", id(&postbacks[0]))));
    let conversion = server.list("conversions").await[0]["id"].as_str().expect("an id").to_owned();
    assert!(page.contains(&format!("/conversions/{conversion}\"")));
    for (list, part) in [
        ("events", "PageView"),
        ("clicks", "Buy now"),
        ("visits", "google / spring"),
        ("order_events", "None yet."),
        ("anything", "state refused"),
    ] {
        assert!(browser.page(&path(&server, &format!("/log?list={list}"))).await.contains(part), "{list}");
    }
}

#[tokio::test]
async fn filters_leave_out_what_is_not_like_that_and_the_file_and_the_api_take_the_same() {
    let (server, _) = filled().await;
    let browser = Browser::signed_in(&server).await;
    let table = |page: &str| page.split("<tbody").nth(1).unwrap_or_default().to_owned();
    let refused = browser.page(&path(&server, "/log?state=refused&channel=collect&group=digistore24")).await;
    assert_eq!(table(&refused).matches("<tr ").count(), 1);
    let link = format!("/api/v1/sites/{}/postbacks.csv?state=refused&#38;channel=collect", server.site_id);
    assert!(refused.contains(&link), "{refused}");
    let file = browser
        .page(
            &path(&server, "")
                .replace("/sites/", "/api/v1/sites/")
                .to_string()
                .replace(&server.site_id, &format!("{}/postbacks.csv?state=refused&channel=collect", server.site_id)),
        )
        .await;
    assert_eq!(file.lines().count(), 2, "a header and one row: {file}");
    let none = browser.page(&path(&server, "/log?state=refused&to=2001-01-01")).await;
    assert!(none.contains("Nothing is like that."), "{none}");
    let all = browser.page(&path(&server, "/log?from=2001-01-01T00:00")).await;
    assert_eq!(table(&all).matches("<tr ").count(), 3);
    let named = browser.page(&path(&server, "/log?list=events&name=PageView")).await;
    assert_eq!(table(&named).matches("<tr ").count(), 1);
    let wrong = browser.get(&path(&server, "/log?state=lost")).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.expect("text").contains("state is one of accepted"));
    let wrong = browser.get(&path(&server, "/log?from=yesterday")).await;
    assert_eq!(wrong.status(), 422);
}

#[tokio::test]
async fn older_ones_follow_page_by_page_under_the_same_filter() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    for number in 0..60 {
        server.postback(&sale("", &format!("t-{number}"))).await;
    }
    server.postback(&[("transaction_type", "paid")]).await;
    let first = browser.page(&path(&server, "/log?state=unattributed")).await;
    let rows = |page: &str| page.matches("/log/postbacks/").count();
    assert_eq!(rows(&first), 50);
    let link = first.split("<p class=\"older\">").nth(1).expect("a link to the older ones");
    let link = link.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let older = browser.page(&link.replace("&#38;", "&").replace("&amp;", "&")).await;
    assert_eq!(rows(&older), 10);
    assert!(!older.contains("Older postbacks"));
}

#[tokio::test]
async fn what_is_searched_is_recognised_found_and_said_where() {
    let (server, click_id) = filled().await;
    let browser = Browser::signed_in(&server).await;
    let search = async |q: &str| {
        let url = reqwest::Url::parse_with_params("http://x/", [("q", q)]).expect("a URL");
        browser.page(&path(&server, &format!("/log?{}", url.query().expect("a query")))).await
    };
    let capitals = click_id.to_ascii_uppercase();
    for given in [click_id.as_str(), capitals.as_str()] {
        let page = search(given).await;
        assert!(page.contains("its check characters are right"), "{page}");
        assert!(page.contains("<b>Click</b>") && page.contains("<b>Conversion</b>") && page.contains("<b>Visit</b>"));
    }
    let damaged = format!("{}0", &click_id[..31]);
    let damaged = if damaged == click_id { format!("{}1", &click_id[..31]) } else { damaged };
    let page = search(&damaged).await;
    assert!(page.contains("its check characters are wrong") && page.contains("<b>Visit</b>"), "{page}");
    for (given, kind) in [
        ("t-alone", "<b>Conversion</b>"),
        (&click_id[..16], "<b>Visit</b>"),
        (&*format!("visitor-{}", &click_id[..16]), "<b>Visitor</b>"),
        (&*format!("view-{}", &click_id[..16]), "<b>Event</b>"),
        (&*id(&server.list("postbacks").await[0]), "<b>Postback</b>"),
        (&*id(&server.list("conversions").await[0]), "<b>Conversion</b>"),
    ] {
        let page = search(given).await;
        assert!(page.contains(kind) && page.contains("Looked in:"), "{given}: {page}");
    }
    let page = search("ann@example.com").await;
    assert!(page.contains("E-mail addresses cannot be searched") && page.contains("Nothing found"), "{page}");
    let page = search("<b>%_'; DROP</b>").await;
    assert!(page.contains("Nothing found") && !page.contains("<b>%_"), "{page}");
}

#[tokio::test]
async fn a_postback_is_shown_as_it_came_and_how_it_reads_now() {
    let (server, _) = filled().await;
    let browser = Browser::signed_in(&server).await;
    let postbacks = server.list("postbacks").await;
    let raw = |row: &Value| path(&server, &format!("/log/postbacks/{}", id(row)));
    let refused = browser.page(&raw(&postbacks[0])).await;
    assert!(refused.contains("By the rules of now it is refused"), "{refused}");
    assert!(refused.contains("transaction_type=paid") && refused.contains("127.0.0.1"), "{refused}");
    let fine = browser.page(&raw(&postbacks[2])).await;
    assert!(fine.contains("By the rules of now it reads as it is booked."), "{fine}");
    server.patch_settings(json!({ "purchase_value": "netto" })).await;
    let other = browser.page(&raw(&postbacks[2])).await;
    assert!(other.contains("reads otherwise than it is booked") && other.contains("163.55"), "{other}");
    let replay = path(&server, &format!("/postbacks/{}/replay", id(&postbacks[2])));
    assert_eq!(browser.post(&replay, &[("back", "log")]).await.status(), 303);
    assert!(browser.page(&raw(&postbacks[2])).await.contains("it reads as it is booked."));
}

#[tokio::test]
async fn an_event_tells_what_came_of_it() {
    let (server, click_id) = filled().await;
    let browser = Browser::signed_in(&server).await;
    let page = browser.page(&path(&server, &format!("/log/events/{click_id}"))).await;
    assert!(page.contains("OutboundClick") && page.contains("What came of it") && page.contains("t-fine"), "{page}");
    assert_eq!(browser.get(&path(&server, "/log/events/nothing")).await.status(), 404);
}
