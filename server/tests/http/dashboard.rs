//! What a person sees: signing in, the pages of a site, and what may not get in.

use crate::server::{Server, TOKEN, sale, visit_with_click};
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, ETAG, IF_NONE_MATCH, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

/// A browser of one operator: it follows no redirect by itself, so that each is seen.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    pub(crate) client: Client,
    pub(crate) cookie: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { server, client, cookie: String::new() }
    }

    /// Where the server is.
    pub(crate) fn origin(&self) -> &str {
        &self.server.url
    }

    pub(crate) async fn signed_in(server: &'a Server) -> Self {
        let mut browser = Self::new(server);
        let response = browser.post("/sign-in", &[("token", TOKEN)]).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/"));
        browser.cookie = session(&response).expect("a session");
        browser
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.server.url)).header(COOKIE, &self.cookie);
        request.send().await.expect("an answer")
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.expect("text")
    }

    /// A page as somebody sees it who reads this language.
    pub(crate) async fn page_in(&self, language: &str, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.server.url)).header(COOKIE, &self.cookie);
        let response = request.header(ACCEPT_LANGUAGE, language).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.expect("text")
    }

    async fn site(&self) -> String {
        self.page(&format!("/sites/{}", self.server.site_id)).await
    }

    async fn list(&self, list: &str) -> String {
        self.page(&format!("/sites/{}/{list}", self.server.site_id)).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_from(Some(&self.server.url), path, form).await
    }

    /// Sends a form with a file, as a page of the server's own does.
    pub(crate) async fn post_multipart(&self, path: &str, kind: &str, body: String) -> Response {
        let request = self.client.post(format!("{}{path}", self.server.url)).header(COOKIE, &self.cookie);
        let request = request.header("origin", &self.server.url).header("content-type", kind).body(body);
        request.send().await.expect("an answer")
    }

    pub(crate) async fn post_from(&self, origin: Option<&str>, path: &str, form: &[(&str, &str)]) -> Response {
        let mut request =
            self.client.post(format!("{}{path}", self.server.url)).header(COOKIE, &self.cookie).form(form);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        request.send().await.expect("an answer")
    }
}

pub(crate) fn location(response: &Response) -> &str {
    response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn cookies(response: &Response) -> Vec<&str> {
    response.headers().get_all(SET_COOKIE).into_iter().filter_map(|value| value.to_str().ok()).collect()
}

/// The `__Host-` cookie that a response sets, as it is sent back.
pub(crate) fn session(response: &Response) -> Option<String> {
    let cookie = cookies(response).into_iter().find(|cookie| cookie.starts_with("__Host-tagwerk="))?;
    cookie.split(';').next().map(str::to_owned)
}

/// The path of a link that the server printed.
fn printed_code(server: &Server, line: &str) -> String {
    let line = line.trim().rsplit(' ').next().expect("a link");
    line.strip_prefix(&server.url).and_then(|path| path.strip_prefix("/sign-in?code=")).expect("a code").to_owned()
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_form() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    for cookie in ["", "__Host-tagwerk=nonsense", "tagwerk-session=", "tagwerk=visit"] {
        browser.cookie = cookie.into();
        for path in ["/".to_owned(), format!("/sites/{}", server.site_id), format!("/sites/{}/visits", server.site_id)]
        {
            let response = browser.get(&path).await;
            assert_eq!((response.status().as_u16(), location(&response)), (303, "/sign-in"), "{path}");
        }
        let path = format!("/sites/{}/connect/digistore24/value", server.site_id);
        let response = browser.post(&path, &[("purchase_value", "brutto")]).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/sign-in"));
    }
    assert_eq!(server.api("/sites").await["items"][0]["settings"]["purchase_value"], "brutto_minus_netto");
}

#[tokio::test]
async fn the_admin_token_signs_in_with_a_cookie_that_no_script_can_read() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    let wrong = browser.post("/sign-in", &[("token", "wrong")]).await;
    assert_eq!((wrong.status().as_u16(), cookies(&wrong).len()), (401, 0));
    assert!(wrong.text().await.expect("text").contains("That is not the admin token."));
    let right = browser.post("/sign-in", &[("token", TOKEN)]).await;
    let cookies = cookies(&right);
    let cookie = cookies.iter().find(|cookie| cookie.starts_with("__Host-tagwerk=")).expect("a session");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/;", "; Max-Age=2592000"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(cookies.iter().all(|cookie| cookie.contains("; HttpOnly") && !cookie.contains("Domain")), "{cookies:?}");
}

#[tokio::test]
async fn a_session_does_not_open_the_api_and_the_token_alone_opens_no_page() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    assert_eq!(browser.get("/api/v1/sites").await.status(), 401);
    let request = browser.client.get(format!("{}/sites/{}", server.url, server.site_id)).bearer_auth(TOKEN);
    assert_eq!(request.send().await.expect("an answer").status(), 303);
}

#[tokio::test]
async fn a_one_time_link_signs_in_once_and_looking_at_it_does_not_use_it_up() {
    let server = Server::start_with(&["--demo"], "").await;
    let line = server.printed.iter().find(|line| line.contains("/sign-in?code=")).expect("a link");
    let code = printed_code(&server, line);
    let mut browser = Browser::new(&server);
    for _ in 0..2 {
        assert!(browser.page(&format!("/sign-in?code={code}")).await.contains(&format!("value=\"{code}\"")));
    }
    let first = browser.post("/sign-in", &[("code", &code)]).await;
    assert_eq!(first.status(), 303);
    let second = browser.post("/sign-in", &[("code", &code)]).await;
    assert_eq!((second.status().as_u16(), session(&second)), (401, None));
    assert!(second.text().await.expect("text").contains("was used before"));
    browser.cookie = session(&first).expect("a session");
    assert!(location(&browser.get("/").await).starts_with("/sites/"));
}

#[tokio::test]
async fn signing_out_ends_the_session_for_good() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let response = browser.post("/sign-out", &[]).await;
    assert_eq!((response.status().as_u16(), location(&response)), (303, "/sign-in"));
    assert!(cookies(&response).iter().all(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(location(&browser.get("/").await), "/sign-in");
}

#[tokio::test]
async fn a_write_from_another_page_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let value = format!("/sites/{}/connect/digistore24/value", server.site_id);
    let writes: [(&str, &[(&str, &str)]); 3] =
        [(value.as_str(), &[("purchase_value", "affiliate")]), ("/sign-in", &[("token", TOKEN)]), ("/sign-out", &[])];
    for (path, form) in writes {
        for origin in [None, Some("https://evil.example"), Some("null")] {
            let response = browser.post_from(origin, path, form).await;
            assert_eq!((response.status().as_u16(), cookies(&response).len()), (403, 0), "{path} from {origin:?}");
            assert!(response.text().await.expect("text").contains("did not come from one of this server"));
        }
    }
    assert_eq!(server.api("/sites").await["items"][0]["settings"]["purchase_value"], "brutto_minus_netto");
    assert!(browser.site().await.contains("Sign out"), "still signed in");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    for _ in 0..10 {
        assert_eq!(browser.post("/sign-in", &[("token", "wrong")]).await.status(), 401);
    }
    let response = browser.post("/sign-in", &[("token", TOKEN)]).await;
    assert_eq!((response.status().as_u16(), cookies(&response).len()), (429, 0));
    assert!(response.text().await.expect("text").contains("Wait a minute"));
}

#[tokio::test]
async fn every_page_forbids_scripts_frames_and_keeping() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let site = format!("/sites/{}", server.site_id);
    let lists = ["conversions", "clicks", "visits", "postbacks", "nothing"].map(|list| format!("{site}/{list}"));
    let pages = ["/", "/sign-in", "/sign-in?code=x", "/sites/nobody", &site].map(str::to_owned);
    for path in pages.iter().chain(&lists) {
        let response = browser.get(path).await;
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {rule} in {policy:?}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn what_a_page_loads_is_there_and_may_be_kept() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    let page = browser.page("/sign-in").await;
    let urls: Vec<&str> = page.split('"').filter(|part| part.starts_with("/dashboard/")).collect();
    for (ending, kind) in [(".css", "text/css"), (".js", "text/javascript"), (".svg", "image/svg+xml")] {
        let url = urls.iter().find(|url| url.ends_with(ending)).unwrap_or_else(|| panic!("no {ending} in {urls:?}"));
        let response = browser.get(url).await;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(response.status(), 200, "{url}");
        assert!(header(CONTENT_TYPE).starts_with(kind), "{url}");
        assert!(header(reqwest::header::CACHE_CONTROL).contains("immutable"), "{url}");
        let again = browser.client.get(format!("{}{url}", server.url)).header(IF_NONE_MATCH, header(ETAG));
        assert_eq!(again.send().await.expect("an answer").status(), 304, "{url}");
    }
    assert_eq!(browser.get("/dashboard/nothing.css").await.status(), 404);
}

#[tokio::test]
async fn a_sale_stands_there_with_its_value_its_commission_and_the_ad_that_made_it() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    server.postback(&sale(&click_id, "t-1")).await;
    let conversions = browser.list("conversions").await;
    for part in [
        "1.64 EUR",
        "101.64 EUR",
        "attributed",
        "t-1",
        "google",
        "spring",
        "Cj0KCQiA-Xyz_1",
        "Buy now",
        "shop.example/review",
    ] {
        assert!(conversions.contains(part), "{part} in {conversions}");
    }
    let clicks = browser.list("clicks").await;
    assert!(clicks.contains(&click_id) && clicks.contains("Buy now"), "{clicks}");
    assert!(browser.list("visits").await.contains("www.google.com"));
    let postbacks = browser.list("postbacks").await;
    assert!(postbacks.contains("accepted") && postbacks.contains("127.0.0.1"), "{postbacks}");
}

#[tokio::test]
async fn a_refused_postback_is_listed_with_its_reason_and_its_raw_request() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    server.postback(&[("transaction_id", "odd-one")]).await;
    let page = browser.list("postbacks").await;
    for part in ["refused", "transaction_type is missing", "transaction_id=odd-one"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn a_list_with_nothing_yet_says_what_to_do_next() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    for list in ["conversions", "clicks", "visits", "postbacks"] {
        assert!(browser.list(list).await.contains(&format!("No {list} yet.")), "{list}");
    }
}

#[tokio::test]
async fn what_is_stored_is_shown_as_text_and_never_as_markup_or_a_link() {
    const SCRIPT: &str = "<script>alert(1)</script>";
    const IMAGE: &str = "\"><img src=x onerror=alert(2)>";
    const LINK: &str = "javascript:alert(3)";
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    assert_eq!(server.patch_settings(serde_json::json!({ "name": format!("{SCRIPT}{IMAGE}") })).await.status(), 200);
    let (mut view, mut click) = visit_with_click();
    for event in [&mut view, &mut click] {
        event.page = format!("https://shop.example/?a={SCRIPT}{IMAGE}");
        event.landing.page =
            format!("https://shop.example/?utm_source={SCRIPT}&utm_term={IMAGE}&gclid={IMAGE}{SCRIPT}");
        event.landing.referrer = LINK.into();
    }
    let opened = click.click.as_mut().expect("a click");
    opened.href = LINK.into();
    opened.label = format!("{SCRIPT}{IMAGE}");
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    let click_id = click.click_id.expect("an id").to_string();
    let mut query = sale(&click_id, SCRIPT);
    query.extend([("product_name", IMAGE), ("sid1", SCRIPT), ("order_type", IMAGE), ("billing_type", LINK)]);
    server.postback(&query).await;
    server.postback(&[("transaction_type", SCRIPT), (IMAGE, SCRIPT)]).await;
    let site = format!("/sites/{}", server.site_id);
    for path in ["", "/conversions", "/clicks", "/visits", "/postbacks"] {
        let page = browser.page(&format!("{site}{path}")).await;
        assert!(page.contains("alert(1)") && page.contains("onerror=alert(2)"), "{path} shows it");
        assert!(!page.contains("<script>"), "{path}: no markup of theirs");
        assert!(!page.contains("<img src=x"), "{path}: no markup of theirs");
        assert!(!page.contains("href=\"javascript"), "{path}: no link of theirs");
    }
    assert!(browser.page(&format!("{site}/clicks")).await.contains(LINK), "where a link led is shown as text");
}

#[tokio::test]
async fn older_entries_are_one_link_away() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    for number in 0..51 {
        server.postback(&sale("", &format!("number-{number:02}"))).await;
    }
    let page = browser.list("conversions").await;
    assert!(page.contains(">number-50<") && page.contains(">number-01<") && !page.contains(">number-00<"));
    let (_, rest) = page.split_once(&format!("href=\"/sites/{}/conversions?after=", server.site_id)).expect("a link");
    let cursor = rest.split('"').next().expect("a cursor");
    let older = browser.page(&format!("/sites/{}/conversions?after={cursor}", server.site_id)).await;
    assert!(older.contains(">number-00<") && !older.contains(">number-01<"), "{older}");
    assert!(!older.contains("?after="), "nothing is older than the oldest");
}

#[tokio::test]
async fn a_session_outlives_a_restart() {
    let server = Server::start().await;
    let cookie = Browser::signed_in(&server).await.cookie;
    let server = server.restarted();
    let mut browser = Browser::new(&server);
    browser.cookie = cookie;
    assert!(browser.site().await.contains("Sign out"));
}
