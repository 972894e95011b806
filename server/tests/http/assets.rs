//! The tag as pages load it.

use crate::server::Server;
use reqwest::Response;
use serde_json::json;
use tagwerk_protocol::settings::TagSettings;

async fn get(server: &Server, path: &str, encoding: &str) -> Response {
    let request = server.client.get(format!("{}{path}", server.url)).header("accept-encoding", encoding);
    request.send().await.expect("an answer")
}

/// The settings text in a site's script.
fn settings_in(script: &str, site_id: &str) -> TagSettings {
    let text = script.split('"').find(|text| text.starts_with(&format!("site_id={site_id}"))).expect("the settings");
    TagSettings::from_text(text)
}

async fn script(server: &Server) -> String {
    get(server, &format!("/{}.js", server.site_id), "identity").await.text().await.expect("text")
}

#[tokio::test]
async fn the_script_holds_the_public_settings() {
    let server = Server::start().await;
    server
        .patch_settings(json!({"existing_subid": "replace", "groups": {"digistore24": {"hosts": ["mine.example"]}}}))
        .await;
    let settings = settings_in(&script(&server).await, &server.site_id);
    assert_eq!(settings.event, format!("/{}/event", server.site_id));
    assert_eq!(settings.origin, server.url);
    let group = settings.rules.groups.iter().find(|group| group.name == "digistore24").expect("the group");
    assert_eq!(group.sub_id, "cid");
    assert!(group.hosts.iter().any(|host| host == "mine.example"));
    assert!(settings.clicks.iter().any(|param| param == "gclid"));
}

#[tokio::test]
async fn nothing_else_of_the_settings_reaches_the_page() {
    let server = Server::start().await;
    let change = json!({
        "name": "private-name",
        "origins": ["https://shop.example"],
        "reporting_currency": "XTS",
        "autoscan": {"hosts": ["private-autoscan.example"]},
        "groups": {"digistore24": {"ipn_passphrase": "private-phrase", "senders": ["203.0.113.77"], "currency": "XTS"}},
        "types": [{"name": "private-type"}],
        "platforms": {"meta": {"pixel_id": "private-pixel", "access_token": "private-token", "test_event_code": "private-code",
            "base_url": "https://private-base.example"}},
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let script = script(&server).await;
    for word in ["private", "203.0.113.77", "XTS", server.tracking_id.as_str(), server.token.as_str()] {
        assert!(!script.contains(word), "{word}");
    }
    // The keys are an explicit list: whoever adds one has to add it here too, and think.
    let text = settings_in(&script, &server.site_id).to_text();
    let mut keys: Vec<&str> = text.split('&').filter_map(|pair| pair.split('=').next()).collect();
    keys.dedup();
    assert_eq!(
        keys,
        [
            "site_id",
            "event",
            "glue",
            "wasm",
            "origin",
            "credentials",
            "consent",
            "existing",
            "group",
            "clicks",
            "cookies",
            "own",
            "inspect",
            "inspect_wasm"
        ]
    );
}

#[tokio::test]
async fn the_pixels_that_are_switched_on_reach_the_page_and_no_others() {
    let server = Server::start().await;
    let change = json!({
        "consent": {"gpc": true},
        "pixels": ["meta", "linkedin"],
        "pixel_ids": {"linkedin": {"OutboundClick": "15481652"}, "x": {"Lead": "tw-private-1"}},
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    let settings = settings_in(&script(&server).await, &server.site_id);
    let functions: Vec<&str> = settings.pixels.iter().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(functions, ["fbq", "fbq", "lintrk"]);
    let linkedin = settings.pixels.last().expect("a call");
    assert_eq!(
        linkedin,
        r#"lintrk OutboundClick=OutboundClick ["track",{"conversion_id":15481652,"event_id":"{event_id}"}]"#
    );
    assert!(settings.gpc);
    assert!(settings.cookies.iter().any(|name| name == "_fbp"), "{:?}", settings.cookies);
    assert_eq!(server.patch_settings(json!({"pixels": null})).await.status(), 200);
    assert!(settings_in(&script(&server).await, &server.site_id).pixels.is_empty());
}

#[tokio::test]
async fn script_and_assets_come_compressed_with_the_right_types() {
    let server = Server::start().await;
    let settings = settings_in(&script(&server).await, &server.site_id);
    let script = format!("/{}.js", server.site_id);
    for (path, kind) in [
        (script.as_str(), "text/javascript; charset=utf-8"),
        (settings.glue.as_str(), "text/javascript; charset=utf-8"),
        (settings.wasm.as_str(), "application/wasm"),
        (settings.inspect.as_str(), "text/javascript; charset=utf-8"),
        (settings.inspect_wasm.as_str(), "application/wasm"),
    ] {
        let mut lengths = Vec::new();
        for (accepted, sent) in [("gzip, br", Some("br")), ("gzip", Some("gzip")), ("identity", None)] {
            let response = get(&server, path, accepted).await;
            assert_eq!(response.status(), 200, "{path}");
            let encoding =
                response.headers().get("content-encoding").map(|value| value.to_str().expect("text").to_owned());
            assert_eq!(encoding.as_deref(), sent, "{path} {accepted}");
            assert_eq!(response.headers()["content-type"], kind);
            assert_eq!(response.headers()["access-control-allow-origin"], "*");
            assert_eq!(response.headers()["vary"], "accept-encoding");
            lengths.push(response.bytes().await.expect("bytes").len());
        }
        assert!(lengths[0] < lengths[1] && lengths[1] < lengths[2], "{path} {lengths:?}");
    }
}

#[tokio::test]
async fn a_page_of_any_origin_can_tell_what_is_missing_from_a_server_that_does_not_answer() {
    let server = Server::start().await;
    for path in ["/noSuchSite01.js", "/assets/tag.000000000000.wasm"] {
        let response = get(&server, path, "br").await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
        assert_eq!(response.headers()["timing-allow-origin"], "*", "{path}");
        assert_eq!(response.headers()["content-type"], "text/javascript; charset=utf-8", "{path}");
    }
}

#[tokio::test]
async fn a_page_of_any_origin_can_read_the_server_s_clock() {
    let server = Server::start().await;
    let settings = settings_in(&script(&server).await, &server.site_id);
    let response = get(&server, &settings.inspect_wasm, "br").await;
    assert!(response.headers().contains_key("date"));
    assert_eq!(response.headers()["access-control-expose-headers"], "date, age");
}

#[tokio::test]
async fn hashed_assets_are_immutable_and_the_script_is_asked_for_again() {
    let server = Server::start().await;
    let settings = settings_in(&script(&server).await, &server.site_id);
    let asset = get(&server, &settings.wasm, "br").await;
    assert!(asset.headers()["cache-control"].to_str().expect("text").contains("immutable"));
    let path = format!("/{}.js", server.site_id);
    let first = get(&server, &path, "br").await;
    assert_eq!(first.headers()["cache-control"], "public, max-age=300");
    let etag = first.headers()["etag"].clone();
    let again = |etag: reqwest::header::HeaderValue| {
        server.client.get(format!("{}{path}", server.url)).header("if-none-match", etag).send()
    };
    assert_eq!(again(etag.clone()).await.expect("an answer").status(), 304);
    server.patch_settings(json!({"existing_subid": "replace"})).await;
    assert_eq!(again(etag).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn paths_of_script_and_events_are_the_operator_s_choice() {
    let server =
        Server::start_with(&[], "script_path = \"/lib/{site_id}/shop.js\"\nevent_path = \"/b/{site_id}\"\n").await;
    let response = get(&server, &format!("/lib/{}/shop.js", server.site_id), "identity").await;
    assert_eq!(response.status(), 200);
    let settings = settings_in(&response.text().await.expect("text"), &server.site_id);
    assert_eq!(settings.event, format!("/b/{}", server.site_id));
    let (view, _) = crate::server::visit_with_click();
    let sent = server.client.post(format!("{}{}", server.url, settings.event)).body(view.to_line()).send().await;
    assert_eq!(sent.expect("an answer").status(), 204);
    assert_eq!(get(&server, &format!("/{}.js", server.site_id), "identity").await.status(), 404);
}
