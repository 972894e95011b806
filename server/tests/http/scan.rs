//! AutoScan: where links lead that may be cloaked.

use crate::cloaks::{Cloaks, endless_page};
use crate::server::{Server, add_site, command, error_of};
use reqwest::Response;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use tagwerk_protocol::form;
use tagwerk_protocol::settings::TagSettings;
use tokio::net::{TcpListener, TcpStream};

const PRIVATE: &str = "allow_private_targets = true\n";

/// A server that may follow links to this machine, with AutoScan on for its site.
async fn scanning(config: &str) -> Server {
    let server = Server::start_with(&[], &format!("{PRIVATE}{config}")).await;
    switch_on(&server).await;
    server
}

async fn switch_on(server: &Server) {
    let change = json!({
        "autoscan": {"enabled": true, "hosts": ["127.0.0.1", "localhost"]},
        "groups": {"digistore24": {"hosts": ["127.0.0.1"]}},
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
}

async fn post(server: &Server, body: impl Into<reqwest::Body>) -> Response {
    let request = server.client.post(format!("{}/{}/scan", server.url, server.site_id));
    request.header("content-type", "text/plain").body(body).send().await.expect("an answer")
}

/// The answer's lines, as pairs.
async fn ask(server: &Server, links: &[String]) -> Vec<Value> {
    let response = post(server, links.join("\n")).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.expect("text");
    let line = |line: &str| form::pairs(line).map(|(name, value)| (name, Value::from(value))).collect::<Value>();
    text.lines().map(line).collect()
}

async fn ask_one(server: &Server, link: &str) -> Value {
    let mut answers = ask(server, &[link.to_owned()]).await;
    assert_eq!(answers.len(), 1);
    let answer = answers.remove(0);
    assert_eq!(answer["url"], link, "as asked");
    assert!(answer["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
    answer
}

/// The listed link of that URL.
async fn listed(server: &Server, link: &str) -> Value {
    let links = server.list("links").await;
    links.into_iter().find(|listed| listed["url"] == link).unwrap_or_else(|| panic!("{link} is not listed"))
}

#[tokio::test]
async fn a_cloaked_link_that_passes_parameters_on_is_told_with_its_network() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    for path in ["/go/forwards", "/go/relative", "/go/knows", "/go/page", "/go/chain/4"] {
        let answer = ask_one(&server, &site.link(path)).await;
        assert_eq!((&answer["group"], &answer["forwards"]), (&json!("digistore24"), &json!("1")), "{path}: {answer}");
        assert_eq!(answer.get("resolved"), None, "{answer}");
    }
    assert!(!site.heard().iter().any(|heard| heard.starts_with("/redir/")), "the offer itself is never asked for");
    assert_eq!(site.cookies(), 0, "no cookie is kept");
}

#[tokio::test]
async fn a_cloaked_link_that_drops_parameters_is_resolved_where_the_site_allows_it() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let link = site.link("/go/drops");
    let answer = ask_one(&server, &link).await;
    assert_eq!(answer["group"], "digistore24");
    assert_eq!((answer.get("forwards"), answer.get("resolved")), (None, None), "{answer}");
    assert!(answer["reason"].as_str().expect("a reason").contains("drops cid"), "{answer}");
    assert_eq!(server.patch_settings(json!({"autoscan": {"use_resolved": true}})).await.status(), 200);
    let answer = ask_one(&server, &link).await;
    assert_eq!(answer["resolved"], site.link("/redir/7/partner/?aff=%E9").as_str());
    assert_eq!(answer.get("forwards"), None);
    assert_eq!(site.heard().len(), 2, "once plain and once with a probe, then never again: {:?}", site.heard());
    // With a sub-id of the plugin's own beside ours, the network might read either.
    let answer = ask_one(&server, &site.link("/go/own")).await;
    assert_eq!(answer.get("forwards"), None, "{answer}");
    assert_eq!(answer["resolved"], site.link("/redir/7/partner/?cid=theplugin&").as_str());
}

#[tokio::test]
async fn a_cloaked_link_that_would_lose_a_parameter_is_not_decorated() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    assert_eq!(server.patch_settings(json!({"autoscan": {"use_resolved": true}})).await.status(), 200);
    let answer = ask_one(&server, &site.link("/go/replaces")).await;
    assert_eq!(answer.get("forwards"), None, "the commission is somebody's: {answer}");
    assert_eq!(answer["resolved"], site.link("/redir/7/partner/?aff=7").as_str());
    assert_eq!(site.heard().len(), 3, "plain, with a probe, and plain again: {:?}", site.heard());
}

#[tokio::test]
async fn an_offer_s_address_that_is_made_for_each_visitor_takes_no_link_s_place() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    assert_eq!(server.patch_settings(json!({"autoscan": {"use_resolved": true}})).await.status(), 200);
    let answer = ask_one(&server, &site.link("/go/visit")).await;
    assert_eq!((answer.get("forwards"), answer.get("resolved")), (None, None), "{answer}");
    assert!(answer["reason"].as_str().is_some_and(|why| why.contains("not the same each time")), "{answer}");
}

#[tokio::test]
async fn a_redirect_s_own_sub_id_is_kept_unless_the_site_says_replace() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let link = site.link("/go/sets");
    let answer = ask_one(&server, &link).await;
    assert_eq!(answer.get("forwards"), None, "{answer}");
    assert!(answer["reason"].as_str().is_some_and(|why| why.contains("existing_subid")), "{answer}");
    assert_eq!(server.patch_settings(json!({"existing_subid": "replace"})).await.status(), 200);
    assert_eq!(ask_one(&server, &link).await["forwards"], "1");
    assert_eq!(site.heard().len(), 2, "what is known is judged anew without asking again: {:?}", site.heard());
}

#[tokio::test]
async fn a_link_that_leads_to_no_network_is_told_with_a_reason_alone() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    for (path, why) in [
        ("/about", "redirects no further"),
        ("/nothing", "answered 404"),
        ("/go/circle", "circle"),
        ("/go/endless/0", "more than 10 times"),
        ("/go/chain/11", "more than 10 times"),
        ("/go/file", "file:"),
    ] {
        let answer = ask_one(&server, &site.link(path)).await;
        assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{path}: {answer}");
        assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2), "{answer}");
    }
}

#[tokio::test]
async fn every_verdict_is_listed_with_reason_and_way() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    for path in ["/go/chain/1", "/go/drops", "/about", "/go/silent-not-there"] {
        ask_one(&server, &site.link(path)).await;
    }
    let chain = listed(&server, &site.link("/go/chain/1")).await;
    assert_eq!((&chain["group"], &chain["forwards"]), (&json!("digistore24"), &json!(true)));
    let hops = ["/go/chain/1", "/go/chain/0?", "/redir/7/partner/"].map(|path| site.link(path));
    assert_eq!(chain["hops"], json!(hops));
    assert_eq!(chain["resolved"], hops[2].as_str());
    let drops = listed(&server, &site.link("/go/drops")).await;
    assert_eq!(drops["forwards"], false);
    let about = listed(&server, &site.link("/about")).await;
    assert_eq!((&about["group"], &about["forwards"], &about["resolved"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(about["reason"].as_str().is_some_and(|reason| reason.contains("redirects no further")), "{about}");
    assert_eq!(lasts(&about), 7 * 24 * 3600);
    let part = server.api(&format!("/sites/{}/links?limit=3", server.site_id)).await;
    assert_eq!(part["items"].as_array().map(Vec::len), Some(3));
    assert!(part["next"].is_string());
    let response = server.api_response("/sites/nobody/links").await;
    assert_eq!(error_of(response).await.0, 404);
}

/// For how many seconds a listed link's answer holds.
fn lasts(link: &Value) -> i64 {
    let at = |name: &str| link[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).expect("a time");
    at("expires_at").as_second() - at("checked_at").as_second()
}

#[tokio::test]
async fn a_link_that_could_not_be_followed_is_tried_again_soon_and_not_at_once() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let link = site.link("/go/flaky");
    for _ in 0..2 {
        let answer = ask_one(&server, &link).await;
        assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("503")), "{answer}");
    }
    assert_eq!(site.heard().len(), 1);
    assert_eq!(lasts(&listed(&server, &link).await), 600);
}

#[tokio::test]
async fn what_has_run_out_is_found_out_anew() {
    let (server, site) = (scanning("[autoscan]\nretry_minutes = 0\n").await, Cloaks::open().await);
    let link = site.link("/go/flaky");
    assert_eq!(ask_one(&server, &link).await.get("group"), None);
    assert_eq!(ask_one(&server, &link).await["group"], "digistore24");
    assert_eq!(server.list("links").await.len(), 1, "the new answer takes the place of the old one");
}

#[tokio::test]
async fn other_link_rules_ask_anew() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    server.patch_settings(json!({"groups": {"digistore24": {"hosts": []}}})).await;
    let link = site.link("/go/forwards");
    assert_eq!(ask_one(&server, &link).await.get("group"), None, "the host is not the network's");
    switch_on(&server).await;
    assert_eq!(ask_one(&server, &link).await["group"], "digistore24");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let (server, site) = (scanning("[autoscan]\nhop_seconds = 1\n").await, Cloaks::open().await);
    let answer = ask_one(&server, &site.link("/go/silent")).await;
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("did not answer in time")), "{answer}");
}

#[tokio::test]
async fn only_the_beginning_of_a_page_is_read() {
    let server = scanning("").await;
    let (link, page) = endless_page();
    let answer = ask_one(&server, &link).await;
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("redirects no further")), "{answer}");
    page.await.expect("nobody reads on");
}

#[tokio::test]
async fn what_is_not_known_in_time_is_known_the_next_time() {
    let config = "[autoscan]\nhold_seconds = 0\nrequests_per_minute = 100000\n";
    let (server, site) = (scanning(config).await, Cloaks::open().await);
    let link = site.link("/held/1");
    let answer = ask_one(&server, &link).await;
    assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains("ask again")), "{answer}");
    site.release(2);
    while ask_one(&server, &link).await.get("group").is_none() {}
    assert_eq!(site.heard().len(), 2, "one following, however many asked: {:?}", site.heard());
}

#[tokio::test]
async fn the_links_of_one_host_are_followed_a_few_at_a_time() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let links: Vec<String> = (0..6).map(|number| site.link(&format!("/held/{number}"))).collect();
    let release = async {
        // Each link is asked for twice: plain, and with a probe.
        for heard in 2..=12 {
            site.asked(heard).await;
            site.release(1);
        }
        site.release(1);
    };
    let (answers, ()) = tokio::join!(ask(&server, &links), release);
    assert_eq!(site.most_held(), 2);
    let urls: Vec<&str> = answers.iter().filter_map(|answer| answer["url"].as_str()).collect();
    assert_eq!(urls, links, "in the order they were asked");
    assert!(answers.iter().all(|answer| answer["forwards"] == "1"), "{answers:?}");
}

#[tokio::test]
async fn links_elsewhere_are_not_followed() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let port = site.url.rsplit(':').next().expect("a port").to_owned();
    for (link, why) in [
        (format!("http://127.0.0.2:{port}/go/forwards"), "not among the site's hosts"),
        (site.link("/go/forwards?x=1"), "without query"),
        (site.link("/go/forwards#x"), "without query"),
        (format!("http://x@127.0.0.1:{port}/go/forwards"), "user name"),
        ("file:///etc/passwd".to_owned(), "only http"),
        ("go/forwards".to_owned(), "only http"),
    ] {
        let answer = ask_one(&server, &link).await;
        assert!(answer["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{link}: {answer}");
    }
    assert_eq!(site.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn the_hosts_of_the_site_s_origins_are_its_own() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let change = json!({"autoscan": {"hosts": []}, "origins": ["http://127.0.0.1"]});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    assert_eq!(ask_one(&server, &site.link("/go/forwards")).await["forwards"], "1");
}

#[tokio::test]
async fn nobody_on_this_machine_is_asked_unless_private_targets_are_allowed() {
    let server = Server::start().await;
    switch_on(&server).await;
    let inside = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = inside.local_addr().expect("an address").port();
    for host in ["127.0.0.1", "localhost"] {
        let answer = ask_one(&server, &format!("http://{host}:{port}/go/x")).await;
        assert!(answer["reason"].as_str().is_some_and(|why| why.contains("TAGWERK_ALLOW_PRIVATE_TARGETS")), "{answer}");
    }
    // If nobody has connected, our own connection is the first that is accepted.
    let own = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let (_, first) = inside.accept().await.expect("a connection");
    assert_eq!(first, own.local_addr().expect("an address"));
}

#[tokio::test]
async fn a_site_that_is_not_there_or_has_it_off_is_told_so() {
    let server = Server::start().await;
    let response = post(&server, "https://shop.example/go/x").await;
    assert_eq!(response.status(), 403);
    assert!(response.text().await.expect("text").contains("autoscan.enabled"));
    let request = server.client.post(format!("{}/nobody/scan", server.url)).body("https://shop.example/");
    assert_eq!(request.send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_told() {
    let server = scanning("").await;
    for (body, status) in [
        (String::new(), 400),
        ("\n \n".to_owned(), 400),
        ("http://127.0.0.1/x\n".repeat(51), 400),
        // One byte too many: with more of it unread, the connection might break before the answer is heard.
        ("x".repeat(50 * 2050 + 1), 413),
    ] {
        let length = body.len();
        assert_eq!(post(&server, body).await.status(), status, "{length}");
    }
    assert_eq!(post(&server, vec![0xff, 0xfe, b'\n', 0]).await.status(), 200, "what is no link is told line by line");
}

#[tokio::test]
async fn only_so_many_questions_and_so_many_new_links_a_minute() {
    let (server, site) =
        (scanning("[autoscan]\nrequests_per_minute = 3\nfollowings_per_minute = 2\n").await, Cloaks::open().await);
    let links: Vec<String> = (0..4).map(|number| site.link(&format!("/{number}"))).collect();
    let answers = ask(&server, &links).await;
    let not_followed =
        |answer: &&Value| answer["reason"].as_str().is_some_and(|why| why.contains("followings_per_minute"));
    assert_eq!(answers.iter().filter(not_followed).count(), 2, "{answers:?}");
    let again = ask(&server, &links).await;
    assert_eq!(again[0]["reason"], answers[0]["reason"], "what is known costs nothing");
    ask(&server, &links).await;
    let response = post(&server, links.join("\n")).await;
    assert_eq!(response.status(), 429);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn the_answer_may_be_read_by_the_site_s_pages_alone() {
    let (server, site) = (scanning("").await, Cloaks::open().await);
    let from = |origin: &'static str| {
        let request = server.client.post(format!("{}/{}/scan", server.url, server.site_id));
        request.header("origin", origin).body(site.link("/about")).send()
    };
    let answer = from("https://any.example").await.expect("an answer");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    server.patch_settings(json!({"origins": ["https://shop.example"]})).await;
    let answer = from("https://shop.example").await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    assert_eq!(from("https://evil.example").await.expect("an answer").status(), 403);
    let url = format!("{}/{}/scan", server.url, server.site_id);
    let preflight = server.client.request(reqwest::Method::OPTIONS, url).header("origin", "https://shop.example");
    let preflight = preflight.send().await.expect("an answer");
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-methods"], "POST");
}

/// The settings in the tag's script.
async fn tag_settings(server: &Server) -> TagSettings {
    let script = server.client.get(format!("{}/{}.js", server.url, server.site_id)).send().await.expect("an answer");
    let script = script.text().await.expect("text");
    let start = script.find("site_id=").expect("the settings");
    let text = script.get(start..).unwrap_or_default();
    TagSettings::from_text(text.split(['"', '\'', '`']).next().unwrap_or_default())
}

#[tokio::test]
async fn the_tag_is_told_where_to_ask_and_about_which_hosts_where_it_is_on() {
    let server = Server::start_with(&[], "scan_path = \"/where/{site_id}\"\n").await;
    let off = tag_settings(&server).await;
    assert_eq!((off.scan.as_str(), off.scan_hosts.len()), ("", 0));
    let change =
        json!({"autoscan": {"enabled": true, "hosts": ["go.shop.example"]}, "origins": ["https://shop.example"]});
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let on = tag_settings(&server).await;
    assert_eq!(on.scan, format!("/where/{}", server.site_id));
    assert_eq!(on.scan_hosts, ["go.shop.example", "shop.example"]);
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let server = Server::start().await;
    for host in ["https://shop.example", "shop.example/go", "Shop.example", "shop.example:80", "*.shop.example", ""] {
        let (status, sentence) = error_of(server.patch_settings(json!({"autoscan": {"hosts": [host]}})).await).await;
        assert_eq!(status, 422, "{host}");
        assert!(sentence.contains("autoscan.hosts"), "{host}: {sentence}");
    }
}

#[test]
fn a_machine_without_certificates_starts_all_the_same() {
    let data = tempfile::tempdir().expect("a folder");
    add_site(data.path(), "Test");
    let mut child = command(data.path())
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", data.path())
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("listening on ")));
    child.kill().expect("a process of ours");
    child.wait().expect("it ends");
}
