//! Settings by GET and PATCH.

use crate::server::{Server, error_of};
use serde_json::{Value, json};

async fn settings(server: &Server) -> Value {
    server.api(&format!("/sites/{}/settings", server.site_id)).await
}

#[tokio::test]
async fn every_key_stands_there_with_its_default() {
    let server = Server::start().await;
    let found = settings(&server).await;
    assert_eq!(
        found,
        json!({
            "name": "Test",
            "origins": [],
            "reporting_currency": null,
            "time_zone": "UTC",
            "cost": {"param": null, "currency": null},
            "purchase_value": "brutto_minus_netto",
            "existing_subid": "keep",
            "consent": {"mode": "none", "gpc": false, "decorate_without": false},
            "privacy": {"ip": "truncated", "keep_days": 730},
            "attribution": {"first_touch_days": 90, "last_touch_days": 30},
            "autoscan": {"enabled": false, "hosts": [], "use_resolved": false},
            "pixels": [],
            "pixel_ids": {},
            "groups": {},
            "types": [],
            "platforms": {},
        })
    );
}

#[tokio::test]
async fn a_change_is_merged_and_stays() {
    let server = Server::start().await;
    let change = json!({
        "reporting_currency": "EUR",
        "time_zone": "Europe/Berlin",
        "cost": {"param": "cost", "currency": "usd"},
        "consent": {"mode": "required"},
        "groups": {"digistore24": {"hosts": ["127.0.0.1"], "currency": "USD"}},
        "types": [{"name": "Upsell", "repeat": "edit", "from": {"order_type": ["upsell"]}}],
        "platforms": {"google": {"enabled": true, "conversion_actions": {"Purchase": "customers/1/conversionActions/2"}}},
    });
    assert_eq!(server.patch_settings(change).await.status(), 200);
    assert_eq!(
        server
            .patch_settings(json!({"consent": {"gpc": true}, "reporting_currency": null, "cost": {"currency": null}}))
            .await
            .status(),
        200
    );
    let server = server.restarted();
    let found = settings(&server).await;
    assert_eq!(found["consent"], json!({"mode": "required", "gpc": true, "decorate_without": false}));
    assert_eq!(found["reporting_currency"], Value::Null);
    assert_eq!(found["time_zone"], "Europe/Berlin");
    assert_eq!(found["cost"], json!({"param": "cost", "currency": null}));
    assert_eq!(found["groups"]["digistore24"]["hosts"], json!(["127.0.0.1"]));
    assert_eq!(found["types"][0]["name"], "Upsell");
    assert_eq!(found["platforms"]["google"]["enabled"], true);
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name_and_changes_nothing() {
    let server = Server::start().await;
    for (change, key) in [
        (json!({"purchase_valu": "netto"}), "purchase_valu"),
        (json!({"consent": {"modus": "none"}}), "modus"),
        (json!({"purchase_value": "gross"}), "purchase_value"),
        (json!({"origins": ["shop.example"]}), "origins"),
        (json!({"origins": ["https://shop.example/x"]}), "origins"),
        (json!({"reporting_currency": "EURO"}), "reporting_currency"),
        (json!({"time_zone": "Berlin"}), "Europe/Berlin"),
        (json!({"time_zone": ""}), "Europe/Berlin"),
        (json!({"time_zone": "europe/berlin"}), "Europe/Berlin"),
        (json!({"time_zone": "../etc/passwd"}), "time_zone"),
        (json!({"time_zone": 2}), "time_zone"),
        (json!({"cost": ["cost"]}), "cost"),
        (json!({"cost": {"parameter": "cost"}}), "parameter"),
        (json!({"cost": {"parameter": null}}), "cost.parameter"),
        (json!({"cost": {"param": ""}}), "cost.param"),
        (json!({"cost": {"param": "a&b"}}), "cost.param"),
        (json!({"cost": {"param": "UTM_cost"}}), "cost.param"),
        (json!({"cost": {"param": "GCLID"}}), "cost.param"),
        (json!({"cost": {"param": "c".repeat(65)}}), "cost.param"),
        (json!({"cost": {"currency": "euro"}}), "cost.currency"),
        (json!({"groups": {"nobody": {}}}), "nobody"),
        (json!({"groups": {"digistore24": {"hosts": ["a.example,b.example"]}}}), "hosts"),
        (json!({"groups": {"digistore24": {"senders": ["here"]}}}), "senders"),
        (json!({"platforms": {"myspace": {}}}), "myspace"),
        (json!({"platforms": {"meta": {"token": "x"}}}), "token"),
        (json!({"platforms": {"meta": {"enabled": "yes"}}}), "enabled"),
        (json!({"platforms": {"ga4": {"base_url": "ftp://x"}}}), "base_url"),
        (json!({"privacy": {"keep_days": 0}}), "keep_days"),
        (json!({"types": [{"name": "A"}, {"name": "A"}]}), "types"),
        (json!({"groups": {"digistore24": ["secret", ["203.0.113.1"], "usd", ["x.example"]]}}), "groups.digistore24"),
        (json!({"groups": {"digistore24": []}}), "groups.digistore24"),
        (json!({"groups": []}), "groups"),
        (json!({"platforms": {"meta": ["x"]}}), "platforms.meta"),
        (json!({"consent": ["required", true, true]}), "consent"),
        (json!({"types": [["A"]]}), "types"),
        (json!({"groups": {"digistore24": {"hosts": ["münchen.example"]}}}), "hosts"),
        (json!({"groups": {"digistore24": {"hosts": ["a.example."]}}}), "hosts"),
        (json!([1]), "object"),
        (json!({"attribution": {"last_touch_days": 0}}), "last_touch_days"),
        (json!({"attribution": {"first_touch_days": 731}}), "first_touch_days"),
        (json!({"attribution": {"last_touch_days": "30"}}), "last_touch_days"),
        (json!({"attribution": [1, 1]}), "attribution"),
        (json!({"pixels": ["myspace"]}), "myspace"),
        (json!({"pixels": ["meta", "meta"]}), "meta"),
        (json!({"pixels": ["linkedin"]}), "pixel_ids.linkedin"),
        (json!({"pixel_ids": {"myspace": {"Lead": "1"}}}), "myspace"),
        (json!({"pixel_ids": {"meta": {"Lead": "1"}}}), "pixel_ids.meta"),
        (json!({"pixel_ids": {"x": {"Lead": "tw-a\"]"}}}), "pixel_ids.x"),
        (json!({"pixel_ids": {"taboola": {"Lead": "1"}}}), "pixel_ids.taboola"),
        (json!({"pixel_ids": {"x": ["1"]}}), "pixel_ids.x"),
        (json!({"consent": {"mode": "always"}}), "mode"),
        (json!({"consent": {"gpc": "yes"}}), "gpc"),
    ] {
        let (status, sentence) = error_of(server.patch_settings(change.clone()).await).await;
        assert_eq!(status, 422, "{change}: {sentence}");
        assert!(sentence.contains(key), "{change}: {sentence}");
    }
    let found = settings(&server).await;
    assert_eq!((&found["origins"], &found["groups"]), (&json!([]), &json!({})));
}

#[tokio::test]
async fn a_secret_is_never_shown_nor_stored_in_the_open() {
    let server = Server::start().await;
    let change = json!({
        "groups": {"digistore24": {"ipn_passphrase": "very-secret-phrase"}},
        "platforms": {"meta": {"pixel_id": "1", "access_token": "very-secret-token"}},
    });
    let answer = server.patch_settings(change).await.text().await.expect("text");
    assert!(!answer.contains("very-secret"), "{answer}");
    let sites = server.api("/sites").await.to_string();
    assert!(!sites.contains("very-secret") && sites.contains("********"), "{sites}");
    for file in std::fs::read_dir(server.data()).expect("the data directory") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        assert!(!String::from_utf8_lossy(&bytes).contains("very-secret"));
    }
}

#[tokio::test]
async fn the_mask_sent_back_leaves_a_secret_as_it_is() {
    let server = Server::start().await;
    server.patch_settings(json!({"platforms": {"meta": {"pixel_id": "1", "access_token": "t"}}})).await;
    let shown = settings(&server).await;
    assert_eq!(server.patch_settings(shown.clone()).await.status(), 200);
    assert_eq!(settings(&server).await, shown);
    server.patch_settings(json!({"platforms": {"meta": {"access_token": null}}})).await;
    assert_eq!(settings(&server).await["platforms"]["meta"], json!({"pixel_id": "1"}));
}

#[tokio::test]
async fn another_base_url_forgets_the_credentials_unless_they_come_with_it() {
    let server = Server::start().await;
    server
        .patch_settings(json!({"platforms": {"meta": {"pixel_id": "1", "access_token": "t", "enabled": true}}}))
        .await;
    server.patch_settings(json!({"platforms": {"meta": {"base_url": "http://127.0.0.1:9/x"}}})).await;
    let meta = settings(&server).await["platforms"]["meta"].clone();
    assert_eq!(meta, json!({"enabled": true, "base_url": "http://127.0.0.1:9/x"}));
    let change =
        json!({"platforms": {"meta": {"base_url": "http://127.0.0.1:8", "access_token": "u", "pixel_id": "2"}}});
    server.patch_settings(change).await;
    let meta = settings(&server).await["platforms"]["meta"].clone();
    assert_eq!((&meta["access_token"], &meta["pixel_id"]), (&json!("********"), &json!("2")));
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told() {
    let server = Server::start().await;
    let request = server.client.patch(format!("{}/api/v1/sites/{}/settings", server.url, server.site_id));
    let response = request.bearer_auth(&server.token).body("{").send().await.expect("an answer");
    let (status, sentence) = error_of(response).await;
    assert_eq!(status, 400);
    assert!(sentence.contains("not JSON"), "{sentence}");
}

#[tokio::test]
async fn the_value_rule_holds_for_the_next_postback() {
    let server = Server::start().await;
    server.patch_settings(json!({"purchase_value": "affiliate"})).await;
    server.postback(&crate::server::sale("", "t-1")).await;
    assert_eq!(server.list("conversions").await.remove(0)["value"], "101.64");
}
