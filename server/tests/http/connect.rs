//! Connecting networks: the catalog, a group's page with its addresses and settings, tests, what is waited for, the snippet, and links.

use crate::dashboard::{Browser, location, session};
use crate::ipn::{PASSPHRASE, notify};
use crate::server::{Server, error_of, sale};
use serde_json::{Value, json};
use tagwerk_protocol::group::Group;

const NETWORK: &str = include_str!("../../../groups/digistore24.toml");

/// The text of a page, as a person reads what is escaped in it.
fn read(page: &str) -> String {
    let marks = [("&#38;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'")];
    marks.iter().fold(page.to_owned(), |text, (mark, letter)| text.replace(mark, letter))
}

fn connect(server: &Server, rest: &str) -> String {
    format!("/sites/{}/connect{rest}", server.site_id)
}

/// A browser in which a new person of this role is signed in.
async fn person<'a>(server: &'a Server, owner: &Browser<'_>, email: &str, role: &str) -> Browser<'a> {
    const PASSWORD: &str = "correct horse battery staple";
    let invited = owner.post("/people", &[("email", email), ("name", "Somebody"), ("role", role)]).await;
    let page = invited.text().await.expect("text");
    let code = page.split("/sign-in?code=").nth(1).expect("a link on the page");
    let code: String = code.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let mut browser = Browser::new(server);
    let form = [("code", code.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    let response = browser.post("/sign-in", &form).await;
    browser.cookie = session(&response).expect("a session");
    browser
}

async fn group(browser: &Browser<'_>, server: &Server, name: &str) -> String {
    read(&browser.page(&connect(server, &format!("/{name}"))).await)
}

/// Sends a test by a way of a group; the page that tells what became of it.
async fn tested(browser: &Browser<'_>, server: &Server, group: &str, way: &str, click_id: &str) -> String {
    let form = [("way", way), ("click_id", click_id)];
    let response = browser.post(&connect(server, &format!("/{group}/test")), &form).await;
    assert_eq!(response.status(), 303, "{}", response.text().await.expect("text"));
    read(&browser.page(location(&response).split('#').next().expect("a path")).await)
}

async fn milestones(browser: &Browser<'_>, server: &Server, query: &str) -> Vec<(String, bool)> {
    let answer: Value = browser.get(&connect(server, &format!(".json{query}"))).await.json().await.expect("JSON");
    let items = answer["milestones"].as_array().expect("milestones").iter();
    items.map(|one| (one["id"].as_str().expect("an id").to_owned(), one["done"] == true)).collect()
}

#[tokio::test]
async fn set_up_gives_the_snippet_and_the_postback_url_with_every_macro() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let snippet = format!("<script async src=\"{}/{}.js\"></script>", server.url, server.site_id);
    let catalog = read(&browser.page(&connect(&server, "")).await);
    assert!(catalog.contains(&snippet), "{catalog}");
    let page = group(&browser, &server, "digistore24").await;
    let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/postbacks.json")).expect("JSON");
    let macros = cases["affiliate_macros"].as_array().expect("a list").iter().map(|name| name.as_str().expect("text"));
    let query: Vec<String> = macros.map(|name| format!("{name}={{{name}}}")).collect();
    assert!(page.contains(&format!("{}?{}", server.collect_url("digistore24"), query.join("&"))), "{page}");
    for words in
        ["Account › S2S Postback › Add new connection", "For order event", "tick payment, refund and chargeback"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test]
async fn the_catalog_begins_with_the_networks_that_tell_of_sales_and_says_what_has_come() {
    let groups = tempfile::tempdir().expect("a folder");
    let own = "title = \"Own <b>Net</b>\"\n[link]\nsub_id = \"s\"\nhosts = [\"own.example\"]\n[postback]\nsetup = \"Own: Tracking\"\n\
               affiliate_macros = [\"s\"]\n[postback.fields]\nclick_id = \"s\"\ntransaction_type = \"what\"\n\
               [postback.transaction_types]\nsale = \"payment\"\n";
    std::fs::write(groups.path().join("own.toml"), own).expect("written");
    let server = Server::start_with(&[], &format!("groups_dir = {:?}\n", groups.path())).await;
    let browser = Browser::signed_in(&server).await;
    let page = browser.page(&connect(&server, "")).await;
    let place =
        |name: &str| page.find(&format!("id=\"group-{name}\"")).unwrap_or_else(|| panic!("{name} is not there"));
    assert!(place("digistore24") < place("own") && place("own") < place("clickbank"));
    assert!(place("clickbank") < place("tracker"));
    assert!(page.contains("your own") && page.contains("Own &#60;b&#62;Net") && !page.contains("Own <b>"));
    assert_eq!(page.matches("nothing yet").count(), 3, "{page}");
    server.postback(&[("transaction_id", "odd")]).await;
    assert!(browser.page(&connect(&server, "")).await.contains("only refused ones so far"));
    server.postback(&sale("", "t-1")).await;
    let page = browser.page(&connect(&server, "")).await;
    assert!(page.contains("connected") && page.contains("1 unattributed") && page.contains("1 refused"), "{page}");

    let own = group(&browser, &server, "own").await;
    assert!(
        own.contains(&format!("{}?s={{s}}", server.collect_url("own"))),
        "the addresses are there without words: {own}"
    );
    assert!(own.contains("no way of marking a call as a test"), "{own}");
    let refused = browser.post(&connect(&server, "/own/test"), &[("way", "affiliate")]).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(browser.get(&connect(&server, "/nobody")).await.status(), 404);
}

#[tokio::test]
async fn the_rule_of_value_is_shown_on_the_guide_s_example_and_what_is_chosen_counts_from_then_on() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let page = group(&browser, &server, "digistore24").await;
    for example in ["1.64 EUR", "101.64 EUR", "165.19 EUR", "163.55 EUR", "not in this example", "AnyTrack's guide"] {
        assert!(page.contains(example), "{example}");
    }
    assert!(page.contains("value=\"brutto_minus_netto\" checked"));
    let path = connect(&server, "/digistore24/value");
    assert_eq!(browser.post(&path, &[("purchase_value", "all of it")]).await.status(), 422);
    let saved = browser.post(&path, &[("purchase_value", "affiliate")]).await;
    assert_eq!((saved.status().as_u16(), location(&saved).ends_with("#value")), (303, true));
    let page = browser.page(location(&saved).split('#').next().expect("a path")).await;
    assert!(page.contains("value=\"affiliate\" checked") && page.contains("Saved."), "{page}");
    server.postback(&sale("", "t-1")).await;
    assert_eq!(server.list("conversions").await[0]["value"], "101.64");
    let tracker = group(&browser, &server, "tracker").await;
    assert!(!tracker.contains("purchase_value"), "its one amount leaves no choice");
}

#[tokio::test]
async fn the_dashboard_shows_every_address_takes_the_passphrase_and_rotates() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let urls = server.api(&format!("/sites/{}/postback_urls", server.site_id)).await;
    for one in urls["items"].as_array().expect("items") {
        let page = group(&browser, &server, one["group"].as_str().expect("a group")).await;
        assert!(page.contains(one["url"].as_str().expect("text")), "{one}");
    }
    let before = group(&browser, &server, "digistore24").await;
    assert!(before.contains("None is kept yet."));
    let path = connect(&server, "/digistore24");
    let passphrase = [("ipn_passphrase", PASSPHRASE)];
    for (path, form) in [(path.clone(), &passphrase[..]), (format!("{path}/rotate"), &[("grace_hours", "0")])] {
        let evil = browser.post_from(Some("https://evil.example"), &path, form).await;
        assert_eq!(evil.status(), 403, "{path}");
        assert_eq!(group(&browser, &server, "digistore24").await, before, "{path}");
    }
    let saved = browser.post(&path, &passphrase).await;
    assert_eq!((saved.status().as_u16(), location(&saved)), (303, format!("{path}?saved=settings#settings").as_str()));
    let with_passphrase = group(&browser, &server, "digistore24").await;
    assert!(with_passphrase.contains("One is kept, sealed") && !with_passphrase.contains(PASSPHRASE));
    assert_eq!(notify(&server, &[("event", "connection_test")]).await.0, 200);
    assert_eq!(browser.post(&path, &[("ipn_passphrase", ""), ("currency", "usd")]).await.status(), 303);
    assert_eq!(notify(&server, &[("event", "connection_test")]).await.0, 200, "an empty field leaves it as it is");

    assert_eq!(browser.post(&format!("{path}/rotate"), &[("grace_hours", "99999")]).await.status(), 422);
    let rotated = browser.post(&format!("{path}/rotate"), &[("grace_hours", "24")]).await;
    assert!(location(&rotated).ends_with("?saved=rotation#rotation"), "{}", location(&rotated));
    let after = group(&browser, &server, "digistore24").await;
    let begins = &server.tracking_id[..4];
    assert!(!after.contains(&server.tracking_id) && after.contains(&format!("begins with <code>{begins}</code>")));
}

#[tokio::test]
async fn what_holds_for_a_group_is_saved_from_its_page_and_a_slip_stands_beside_its_field() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let path = connect(&server, "/digistore24");
    let form = [
        ("currency", "eur"),
        ("click_expiry_days", "90"),
        ("senders", "192.0.2.1\r\n192.0.2.2"),
        ("hosts", "offer.shop.example"),
        ("api_key", "the-key"),
        ("api_role", "vendor"),
        ("reconcile_days", "14"),
    ];
    assert_eq!(browser.post(&path, &form).await.status(), 303);
    let settings = server.api(&format!("/sites/{}/settings", server.site_id)).await;
    let said = &settings["groups"]["digistore24"];
    assert_eq!(said["senders"], json!(["192.0.2.1", "192.0.2.2"]));
    assert_eq!(
        (&said["currency"], &said["click_expiry_days"], &said["reconcile_days"]),
        (&json!("EUR"), &json!(90), &json!(14))
    );
    assert_eq!((&said["hosts"], &said["api_role"]), (&json!(["offer.shop.example"]), &json!("vendor")));
    assert_eq!(said["api_key"], "********");
    let page = group(&browser, &server, "digistore24").await;
    assert!(page.contains("offer.shop.example") && !page.contains("the-key"), "{page}");

    for (field, value, said) in [
        ("senders", "<b>nobody</b>", "must be an IP address"),
        ("currency", "euros", "must be a code of three letters"),
        ("hosts", "https://a.example/", "bare host name"),
        ("reconcile_days", "1000", "must be a number from 1 to 180"),
        ("click_expiry_days", "soon", "must be a whole number"),
        ("api_role", "king", "must be one of"),
    ] {
        let response = browser.post(&path, &[(field, value), ("api_role", "vendor"), ("api_key", "other")][..]).await;
        let status = response.status();
        let page = read(&response.text().await.expect("text"));
        assert_eq!(status, 422, "{field}");
        let (_, beside) = page.split_once(&format!("for=\"field-{field}\"")).expect("the field");
        let beside = beside.split("class=\"field").next().expect("a part");
        assert!(beside.contains(said) && page.contains("Nothing was saved."), "{field}: {beside}");
        assert!(page.contains("has to be entered again"), "{field}");
    }
    let after = server.api(&format!("/sites/{}/settings", server.site_id)).await;
    assert_eq!(after, settings, "nothing of it was saved");
    assert_eq!(browser.post(&path, &[("forget", "api_key"), ("api_role", "vendor")]).await.status(), 303);
    let settings = server.api(&format!("/sites/{}/settings", server.site_id)).await;
    let said = &settings["groups"]["digistore24"];
    assert_eq!((&said["api_key"], &said["currency"], &said["senders"]), (&Value::Null, &Value::Null, &json!([])));
}

#[tokio::test]
async fn a_test_postback_goes_the_way_of_every_call_and_no_report_counts_it() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let click_id = server.clicked().await.to_string();
    assert!(
        group(&browser, &server, "digistore24").await.contains(&format!("value=\"{click_id}\"")),
        "it can be chosen"
    );
    let page = tested(&browser, &server, "digistore24", "affiliate", &click_id).await;
    for said in [
        "It works.",
        "Purchase",
        "1.64 EUR",
        "Brutto − netto",
        "google",
        "spring",
        "Buy now",
        "no platform is switched on",
    ] {
        assert!(page.contains(said), "{said} in {page}");
    }
    let conversion = server.list("conversions").await.remove(0);
    assert_eq!((&conversion["state"], &conversion["click_id"]), (&json!("test"), &json!(click_id)));
    assert!(page.contains(&format!(
        "/sites/{}/conversions/{}",
        server.site_id,
        conversion["id"].as_str().expect("an id")
    )));
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!(
        (&postback["state"], &postback["channel"], &postback["group"]),
        (&json!("test"), &json!("collect"), &json!("digistore24"))
    );
    assert!(postback["raw"].as_str().expect("kept").contains("is_test=1"), "{postback}");
    tested(&browser, &server, "digistore24", "affiliate", "").await;
    assert_eq!(server.list("conversions").await.len(), 2, "each has a transaction of its own");
    assert!(server.list("conversions").await.iter().all(|one| one["state"] == "test"));
    let trail = server.api("/audit").await.to_string();
    assert!(trail.contains("postback.tested"), "{trail}");
}

#[tokio::test]
async fn a_test_notification_is_signed_with_the_site_s_passphrase() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    assert!(group(&browser, &server, "digistore24").await.contains("Enter the passphrase"));
    let path = connect(&server, "/digistore24/test");
    let early = browser.post(&path, &[("way", "ipn")]).await;
    assert_eq!(early.status(), 422);
    assert!(server.list("postbacks").await.is_empty(), "nothing was sent");
    assert_eq!(browser.post(&connect(&server, "/digistore24"), &[("ipn_passphrase", PASSPHRASE)]).await.status(), 303);
    let page = tested(&browser, &server, "digistore24", "ipn", "").await;
    assert!(
        page.contains("The signature fits the passphrase.") && page.contains("Nobody. No click id was sent."),
        "{page}"
    );
    let postback = server.list("postbacks").await.remove(0);
    assert_eq!((&postback["channel"], &postback["state"]), (&json!("ipn"), &json!("test")));
    assert!(!page.contains(PASSPHRASE));
}

#[tokio::test]
async fn every_way_with_a_test_is_understood_and_the_others_say_why_there_is_none() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    for (name, way) in [("digistore24", "vendor"), ("tracker", "tracker")] {
        let page = tested(&browser, &server, name, way, "").await;
        assert!(page.contains("It works."), "{name} {way}: {page}");
    }
    assert!(group(&browser, &server, "tracker").await.contains("A pixel stands in pages"));
    for (name, way) in [("tracker", "pixel"), ("clickbank", "affiliate"), ("digistore24", "carrier pigeon")] {
        let response = browser.post(&connect(&server, &format!("/{name}/test")), &[("way", way)]).await;
        assert_eq!(response.status(), 422, "{name} {way}");
    }
    assert_eq!(server.list("postbacks").await.len(), 2);
}

#[tokio::test]
async fn a_test_comes_as_if_from_a_listed_sender_and_platforms_say_whether_they_would_get_a_real_one() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let change = json!({
        "groups": { "digistore24": { "senders": ["192.0.2.9"] } },
        "platforms": {
            "webhook": { "enabled": true, "url": "https://hook.example/" },
            "meta": { "enabled": true, "pixel_id": "1", "access_token": "t" },
        },
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let click_id = server.clicked().await.to_string();
    let page = tested(&browser, &server, "digistore24", "affiliate", &click_id).await;
    assert!(page.contains("as if from 192.0.2.9"), "{page}");
    assert!(
        page.contains("It does not get this test.") && page.contains("the visitor came by no ad of its (fbclid)"),
        "{page}"
    );
    assert!(server.list("deliveries").await.is_empty(), "no platform gets a test");
}

#[tokio::test]
async fn each_milestone_is_reached_by_its_own_first_and_a_test_is_no_sale() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let reached = async |query: &str| -> Vec<String> {
        let all = milestones(&browser, &server, query).await;
        all.into_iter().filter(|(_, done)| *done).map(|(id, _)| id).collect()
    };
    assert!(reached("").await.is_empty());
    let click_id = server.clicked().await.to_string();
    assert_eq!(reached("").await, ["tag", "click"]);
    tested(&browser, &server, "digistore24", "affiliate", "").await;
    assert_eq!(reached("").await, ["tag", "click", "test"]);
    assert!(reached("?group=digistore24").await.is_empty(), "a test is not what is waited for");
    server.postback(&[("transaction_id", "odd")]).await;
    assert!(reached("?group=digistore24").await.is_empty(), "nor is what was refused");
    server.postback(&sale(&click_id, "t-1")).await;
    assert_eq!(reached("").await, ["tag", "click", "test", "sale"]);
    assert_eq!(reached("?group=digistore24").await, ["real-collect"]);
    assert!(reached("?group=tracker").await.is_empty());
    let handed_out = async |vendor: bool, transaction: &str| {
        let group = Group::parse("digistore24", "its file", NETWORK).expect("the network's file");
        let postback = group.postback.expect("postbacks");
        let more = postback.vendor_macros.iter().filter(|_| vendor);
        let names = postback.affiliate_macros.iter().chain(more);
        let sale = sale(&click_id, transaction);
        let value = |name: &str| sale.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let query: Vec<(&str, &str)> = names.map(|name| (name.as_str(), value(name))).collect();
        assert_eq!(server.postback(&query).await.0, 200);
    };
    handed_out(true, "t-2").await;
    assert_eq!(reached("?group=digistore24").await, ["real-collect", "real-vendor"]);
    handed_out(false, "t-3").await;
    assert_eq!(reached("?group=digistore24").await, ["real-collect", "real-affiliate", "real-vendor"]);
    let page = browser.page(&connect(&server, "")).await;
    assert_eq!(page.matches("class=\"done\"").count(), 4, "{page}");
}

#[tokio::test]
async fn a_trial_of_the_connection_is_no_first_notification() {
    let server = crate::ipn::vendor().await;
    let browser = Browser::signed_in(&server).await;
    notify(&server, &[("event", "connection_test")]).await;
    assert!(milestones(&browser, &server, "?group=digistore24").await.iter().all(|(_, done)| !done));
    notify(
        &server,
        &[("event", "on_payment"), ("order_id", "A1"), ("amount_brutto", "2.00"), ("amount_netto", "1.00")],
    )
    .await;
    let reached = milestones(&browser, &server, "?group=digistore24").await;
    assert!(reached.contains(&("real-ipn".into(), true)) && reached.contains(&("real-collect".into(), false)));
}

#[tokio::test]
async fn the_snippet_s_page_has_every_form_of_it_with_the_script_where_the_operator_put_it() {
    let server = Server::start_with(&[], "script_path = \"/lib/{site_id}/m.js\"\n").await;
    let browser = Browser::signed_in(&server).await;
    let page = read(&browser.page(&format!("/sites/{}/snippet", server.site_id)).await);
    let script = format!("src=\"{}/lib/{}/m.js\"></script>", server.url, server.site_id);
    assert_eq!(page.matches(&script).count(), 4, "plain, WordPress, tag manager, nonce: {page}");
    let policy = format!("script-src {0} 'wasm-unsafe-eval'; connect-src {0}", server.url);
    for part in [
        policy.as_str(),
        "data-cfasync=\"false\"",
        "Custom HTML",
        "Set for this site: <b>none</b>",
        "noscript",
        "integrity",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(server.patch_settings(json!({ "consent": { "mode": "required", "gpc": true } })).await.status(), 200);
    let page = read(&browser.page(&format!("/sites/{}/snippet", server.site_id)).await);
    assert!(page.contains("Set for this site: <b>required</b>") && page.contains("counts as a refusal"), "{page}");
}

#[tokio::test]
async fn pasted_links_are_judged_line_by_line_and_shown_as_text() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let path = format!("/sites/{}/offers", server.site_id);
    assert!(browser.page(&path).await.contains("<textarea id=\"links\""));
    let links = "https://www.checkout-ds24.com/redir/1/me\r\n\r\nhttps://bit.ly/x\r\n<script>alert(1)</script>\r\n\
                 https://www.checkout-ds24.com/redir/PRODUCT/me?cid=\"><img src=x onerror=alert(2)>";
    let response = browser.post(&path, &[("links", links)]).await;
    assert_eq!(response.status(), 200);
    let page = response.text().await.expect("text");
    assert!(page.contains("1 good, 0 to look at, 3 wrong."), "{page}");
    assert!(page.contains("Digistore24, promolink") && page.contains("cid=examplevisit0000exampleclick000b"));
    assert!(page.contains("alert(1)") && !page.contains("<script>alert") && !page.contains("<img src=x"));
    assert_eq!(browser.post_from(Some("https://evil.example"), &path, &[("links", links)]).await.status(), 403);
}

#[tokio::test]
async fn the_api_judges_links_too() {
    let server = Server::start().await;
    assert_eq!(server.patch_settings(json!({ "existing_subid": "replace" })).await.status(), 200);
    let url = format!("{}/api/v1/sites/{}/offers/check", server.url, server.site_id);
    let ask = async |body: Value| {
        server.client.post(&url).bearer_auth(&server.token).json(&body).send().await.expect("an answer")
    };
    let links = json!({ "links": [
        "https://www.checkout-ds24.com/redir/1/me?cid=x",
        "https://www.digistore24.com/receipt/1/A",
        "<a rel='digistore24' href='/go/x'>",
    ] });
    let answer: Value = ask(links).await.json().await.expect("JSON");
    let items = answer["items"].as_array().expect("items");
    assert_eq!(items.len(), 3);
    assert_eq!(
        (&items[0]["verdict"], &items[0]["sub_id"], &items[0]["kind"]),
        (&json!("good"), &json!("fixed"), &json!("promolink"))
    );
    assert!(items[0]["decorated"].as_str().expect("a link").contains("cid=examplevisit"));
    assert_eq!((&items[1]["verdict"], &items[1]["findings"][0]["code"]), (&json!("wrong"), &json!("elsewhere")));
    assert_eq!((&items[1]["group"], &items[1]["decorated"]), (&Value::Null, &Value::Null));
    assert_eq!((&items[2]["group"], &items[2]["line"]), (&json!("digistore24"), &json!(3)));
    for body in [json!({ "links": [] }), json!({ "links": vec!["x"; 501] })] {
        let (status, sentence) = error_of(ask(body).await).await;
        assert_eq!((status, sentence.as_str()), (422, "links: must be 1 to 500"));
    }
    assert_eq!(ask(json!({ "link": "x" })).await.status(), 400);
    assert_eq!(server.client.post(&url).send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn addresses_are_shown_to_analysts_and_changed_by_owners_alone() {
    let server = Server::start().await;
    let owner = Browser::signed_in(&server).await;
    let reader = person(&server, &owner, "reader@example.com", "read_only").await;
    let analyst = person(&server, &owner, "analyst@example.com", "analyst").await;
    let (seen, shown) = (group(&reader, &server, "digistore24").await, group(&analyst, &server, "digistore24").await);
    assert!(!seen.contains(&server.tracking_id) && seen.contains("shown to analysts and owners"));
    assert!(!seen.contains("Send a test postback"));
    assert!(shown.contains(&server.tracking_id) && shown.contains("Send a test postback"));
    for page in [&seen, &shown] {
        assert!(!page.contains("name=\"ipn_passphrase\"") && !page.contains("/rotate"));
    }
    let pixel = group(&reader, &server, "tracker").await;
    assert!(pixel.contains(&format!("/{}/postback?format=img", server.site_id)), "what stands in pages is no secret");
    assert_eq!(reader.post(&connect(&server, "/digistore24/test"), &[("way", "affiliate")]).await.status(), 403);
    tested(&analyst, &server, "digistore24", "affiliate", "").await;
    for (path, form) in
        [("", ("currency", "EUR")), ("/value", ("purchase_value", "netto")), ("/rotate", ("grace_hours", "1"))]
    {
        let response = analyst.post(&connect(&server, &format!("/digistore24{path}")), &[form]).await;
        assert_eq!(response.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn what_a_click_says_is_text_on_a_group_s_page() {
    let server = Server::start().await;
    let browser = Browser::signed_in(&server).await;
    let (view, mut click) = crate::server::visit_with_click();
    click.click.as_mut().expect("a click").label = format!("</option><script>alert(1)</script>{}", "x".repeat(500));
    assert_eq!(server.post_events(&[&view, &click]).await.status(), 204);
    let page = browser.page(&connect(&server, "/digistore24")).await;
    assert!(page.contains("alert(1)") && !page.contains("<script>alert") && !page.contains(&"x".repeat(100)), "{page}");
    let click_id = click.click_id.expect("an id").to_string();
    let form = [("way", "affiliate"), ("click_id", click_id.as_str())];
    let response = browser.post(&connect(&server, "/digistore24/test"), &form).await;
    let page = browser.page(location(&response).split('#').next().expect("a path")).await;
    assert!(page.contains("alert(1)") && !page.contains("<script>alert"), "{page}");
}
