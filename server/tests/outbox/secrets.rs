//! No secret stands anywhere: every secret of every platform is a marked text, everything is done with them that can be, each platform
//! repeats in its errors all that it was sent, and then everything that comes out of the server is searched.

use crate::fake::{Fake, Reply};
use crate::home::{Home, TOKEN};
use crate::log;
use crate::platforms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tagwerk_server::platforms::{ALL, FieldKind, find};
use tagwerk_server::store::DeliveryState;

/// Stands in every secret, in letters that no escaping changes.
const MARK: &str = "Zq7Mark";

/// The mark in every way in which it may have been written: its letters in any case, hexadecimal, and base64, wherever in the encoded text
/// it began.
fn needles() -> Vec<Vec<u8>> {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut needles = vec![MARK.to_ascii_lowercase().into_bytes(), hex.into_bytes()];
    for before in 0..3_usize {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{MARK}", "x".repeat(before)));
        // Characters at the edges hold bits of what is around it.
        let begin = (before * 8).div_ceil(6);
        let end = ((before + MARK.len()) * 8) / 6;
        needles.push(encoded[begin..end].to_ascii_lowercase().into_bytes());
    }
    needles
}

/// What is around a mark in a text, if there is one.
fn found(text: &[u8]) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    needles().into_iter().find_map(|needle| {
        let at = lower.windows(needle.len()).position(|window| window == needle)?;
        let around = &text[at.saturating_sub(300)..(at + 100).min(text.len())];
        Some(String::from_utf8_lossy(around).into_owned())
    })
}

fn names() -> Vec<&'static str> {
    ALL.iter().map(|platform| platform.about().name).collect()
}

/// Lets every platform answer so, makes a sale, and waits until each has had its trouble with it or its end; then all is well again.
async fn everything_answers(home: &Home, fake: &Fake, sale: usize, reply: Option<Reply>) {
    for name in names() {
        fake.always(name, reply.clone());
    }
    home.sales(sale, 1).await;
    // Verdicts that are due later are asked for meanwhile.
    home.let_pass(31 * 60_000);
    for name in names() {
        home.until(name, |row| row.state != DeliveryState::Waiting || row.attempts > 0 || row.reason.is_some()).await;
    }
    for name in names() {
        fake.always(name, None);
        home.app.store.resume(&home.site_id, name, home.app.now()).await.expect("the store answers");
    }
    home.let_pass(31 * 60_000);
    for name in names() {
        home.until(name, |row| row.state != DeliveryState::Waiting || row.receipt.is_some()).await;
        home.app.store.resume(&home.site_id, name, home.app.now()).await.expect("the store answers");
    }
}

/// A browser that is signed in.
struct Browser {
    client: reqwest::Client,
    url: String,
    first: String,
    cookie: String,
}

impl Browser {
    async fn signed_in(home: &Home) -> Self {
        let request = home.client.post(format!("{}/sign-in", home.url)).header(ORIGIN, &home.url);
        let response = request.form(&[("token", TOKEN)]).send().await.expect("an answer");
        assert_eq!(response.status(), 303);
        let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookie = cookies.map(|cookie| cookie.split(';').next().unwrap_or_default()).collect::<Vec<_>>().join("; ");
        let first = format!("/sites/{}", home.site_id);
        Self { client: home.client.clone(), url: home.url.clone(), first, cookie }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let request = self.client.get(format!("{}{path}", self.url)).header(COOKIE, &self.cookie);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> String {
        let request = self.client.post(format!("{}{path}", self.url)).header(COOKIE, &self.cookie);
        let response = request.header(ORIGIN, &self.url).form(form).send().await.expect("an answer");
        response.text().await.expect("text")
    }

    /// Every page that can be reached by links, with its path.
    async fn every_page(&self) -> Vec<(String, String)> {
        let (mut open, mut known) = (vec![self.first.clone()], BTreeSet::from([self.first.clone()]));
        let mut pages = Vec::new();
        while let Some(path) = open.pop() {
            let (status, page) = self.get(&path).await;
            assert!(matches!(status, 200 | 303), "{path}: {status}");
            for link in page.split("href=\"/").skip(1).filter_map(|rest| rest.split('"').next()) {
                let link = link.split('#').next().unwrap_or_default().replace("&amp;", "&");
                let link = format!("/{link}");
                if known.len() < 400 && !link.starts_with("/sign-out") && known.insert(link.clone()) {
                    open.push(link);
                }
            }
            pages.push((path, page));
        }
        pages
    }
}

#[test]
fn a_mark_is_found_in_every_encoding() {
    for before in ["", "a", "ab", "abc"] {
        for after in ["", "y", "yz"] {
            let text = format!("{before}{}{after}", platforms::secret("meta", "access_token"));
            let encoded = STANDARD_NO_PAD.encode(&text);
            let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            for spelling in [&text, &encoded, &hex, &form, &json!(text).to_string(), &text.to_uppercase()] {
                assert!(found(format!("... {spelling} ...").as_bytes()).is_some(), "{spelling}");
            }
        }
    }
    assert_eq!(found(b"nothing of that kind"), None);
}

#[tokio::test]
async fn no_secret_stands_in_any_log_error_metric_export_page_or_file() {
    let fake = Fake::start().await;
    let mut home = Home::start().await;
    home.set_up(platforms::all(&fake, &names())).await;
    home.send();
    let mut said: Vec<(String, String)> = Vec::new();

    // Everything goes well; then each of these happens to every platform at once.
    let mut sale = 1;
    let replies = || {
        let echoes = [200, 400, 401, 403, 404, 422, 429, 500].map(Reply::Echo);
        let page = Reply::status(502, "<html>Bad Gateway</html>");
        [None].into_iter().chain(echoes.map(Some)).chain([Some(Reply::Reset), Some(Reply::Half), Some(page)])
    };
    for reply in replies() {
        everything_answers(&home, &fake, sale, reply).await;
        sale += 1;
    }
    // The other ways in, of the platforms that have two.
    home.set_up(json!({
        "x": { "consumer_key": null, "consumer_secret": null, "token": null, "token_secret": null,
               "pixel_token": platforms::secret("x", "pixel_token") },
        "linkedin": { "access_token": null, "client_id": "an-app", "client_secret": platforms::secret("linkedin", "client_secret"),
                      "refresh_token": platforms::secret("linkedin", "refresh_token") },
    }))
    .await;
    everything_answers(&home, &fake, sale, None).await;
    sale += 1;
    // Fetching tokens fails as well.
    for name in names() {
        fake.spoil_tokens(name);
    }
    for status in [400, 401, 500] {
        home.set_up(json!({ "google": { "login_customer_id": status.to_string() }, "google_ads": { "login_customer_id": status.to_string() },
            "linkedin": { "client_id": format!("app-{status}") } }))
            .await;
        everything_answers(&home, &fake, sale, Some(Reply::Echo(status))).await;
        sale += 1;
    }
    // Test events, by the API and by the page.
    let browser = Browser::signed_in(&home).await;
    for reply in [None, Some(Reply::Echo(400)), Some(Reply::Echo(401)), Some(Reply::Echo(500))] {
        for name in names() {
            fake.always(name, reply.clone());
            let response =
                home.api("POST", &format!("/platforms/{name}/test"), Some(json!({ "type": "Purchase" }))).await;
            said.push((format!("test of {name}"), response.text().await.expect("text")));
            let path = format!("/sites/{}/platforms/{name}/test", home.site_id);
            said.push((path.clone(), browser.post(&path, &[("type", "Purchase")]).await));
        }
    }
    // A secret in the wrong place, and one that is no secret: the error must not repeat it.
    for (platform, key) in [("meta", "access_tokn"), ("nobody", "access_token")] {
        let body = json!({ "platforms": { platform: { key: platforms::secret("meta", "access_token") } } });
        let response = home.api("PATCH", "/settings", Some(body)).await;
        said.push((format!("PATCH of {platform}.{key}"), response.text().await.expect("text")));
    }
    home.halt().await;

    // What the platforms were told holds them: the test would find them.
    let heard: Vec<u8> =
        names().iter().flat_map(|name| fake.heard(name)).flat_map(|heard| heard.whole().into_bytes()).collect();
    let heard = String::from_utf8(heard).expect("text");
    for name in names() {
        let secrets =
            find(name).expect("a platform").about().fields.iter().filter(|field| field.kind == FieldKind::Secret);
        for field in secrets {
            // What only signs is sent nowhere.
            let signs = name == "webhook" || matches!(field.name, "consumer_secret" | "token_secret");
            assert_eq!(heard.contains(&format!("{MARK}{name}{}", field.name)), !signs, "{name}.{}", field.name);
        }
        assert!(!fake.heard(name).is_empty(), "{name} heard something");
    }

    let delivery_ids: Vec<String> = home.deliveries().await.into_iter().map(|row| row.id).collect();
    assert!(delivery_ids.len() > 100, "{}", delivery_ids.len());
    let lists = ["visits", "clicks", "events", "postbacks", "conversions", "order_events", "deliveries"];
    let mut paths: Vec<String> = vec!["/settings".into(), "/platforms".into(), "/jobs".into(), "/postback_urls".into()];
    paths.extend(lists.iter().flat_map(|list| [format!("/{list}?limit=1000"), format!("/{list}.csv")]));
    paths.extend(delivery_ids.iter().map(|id| format!("/deliveries/{id}")));
    for path in paths {
        let response = home.api("GET", &path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        said.push((path, response.text().await.expect("text")));
    }
    let metrics = home.client.get(format!("{}/metrics", home.url)).bearer_auth(TOKEN).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("tagwerk_delivery_attempts_total"), "{metrics}");
    said.push(("metrics".into(), metrics));
    let pages = browser.every_page().await;
    let has_page = |part: &str| pages.iter().any(|(path, _)| path.contains(part));
    assert!(
        has_page("/platforms/meta") && has_page("/deliveries/"),
        "{:?}",
        pages.iter().map(|page| &page.0).collect::<Vec<_>>()
    );
    said.extend(pages);

    for (place, text) in &said {
        assert_eq!(found(text.as_bytes()), None, "{place}");
    }
    let mut seen = 0;
    for file in home.files() {
        let bytes = std::fs::read(&file).expect("a file");
        assert_eq!(found(&bytes), None, "{}", file.display());
        seen += usize::from(file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tagwerk.db")));
    }
    assert!(seen >= 2, "the database and its log of writes");
    let log = log::said();
    assert!(log.len() > 10_000, "{}", log.len());
    assert_eq!(found(&log), None, "the log");
    // Even the errors' own words: what is shown of a stop names the setting, and not what stood in it.
    let shown: Value =
        serde_json::from_str(&said.iter().find(|(place, _)| place == "/settings").expect("settings").1).expect("JSON");
    assert!(shown["platforms"]["meta"]["pixel_id"].is_string(), "{shown}");
}
