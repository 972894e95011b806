//! The files under `groups/`, and what the schema says of broken ones.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing"
)]

use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::group::{Group, Postback};
use tagwerk_protocol::pixels::{Events, Pixels};

const CLICKS: &str = include_str!("../../groups/clicks.toml");
const PIXELS: &str = include_str!("../../groups/pixels.toml");
const GROUP: &str = include_str!("../../groups/digistore24.toml");

#[test]
fn the_click_table_knows_the_platforms_parameters() {
    let clicks = Clicks::parse("clicks.toml", CLICKS).expect("the table is well-formed");
    for param in
        ["gclid", "gbraid", "wbraid", "fbclid", "ttclid", "msclkid", "twclid", "li_fat_id", "epik", "ScCid", "rdt_cid"]
    {
        assert!(clicks.params().iter().any(|known| known == param), "{param}");
    }
}

#[test]
fn a_parameter_that_stands_twice_is_refused() {
    let error =
        Clicks::parse("clicks.toml", &format!("{CLICKS}\n[[click]]\nparam = \"GCLID\"\nplatform = \"google\"\n"));
    assert!(error.expect_err("twice").contains("GCLID"));
}

#[test]
fn a_platform_s_cookie_is_known_by_its_name_or_by_its_beginning() {
    let clicks = Clicks::parse("clicks.toml", CLICKS).expect("the table is well-formed");
    for name in
        ["_fbp", "_fbc", "_ga", "_gcl_au", "_gac_UA-1-1", "_ttp", "_uetvid", "_epik", "_scid", "_rdt_uuid", "li_fat_id"]
    {
        assert!(clicks.is_cookie(name), "{name}");
    }
    for name in ["session", "_FBP", "_fbpx", "_gac", "_gac_a b", "_gac_\u{e4}", ""] {
        assert!(!clicks.is_cookie(name), "{name}");
    }
    assert!(!clicks.is_cookie(&format!("_gac_{}", "a".repeat(128))));
}

#[test]
fn meta_s_cookie_is_built_of_the_click_id_as_it_stands_and_the_time_of_the_arrival() {
    let clicks = Clicks::parse("clicks.toml", CLICKS).expect("the table is well-formed");
    let built = |at: i64, id: &'static str| -> Vec<(String, String)> {
        clicks.built_cookies(at, |param| (param == "fbclid").then_some(id)).collect()
    };
    assert_eq!(
        built(1_554_763_741_205, "IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk"),
        [("_fbc".into(), "fb.1.1554763741205.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk".into())]
    );
    assert_eq!(built(1, "a\u{e4}"), []);
    assert_eq!(built(0, "a"), [], "a click of 1970 is a broken clock");
    assert_eq!(clicks.built_cookies(1, |_| None).count(), 0);
}

#[test]
fn a_cookie_that_is_built_of_nothing_known_is_refused() {
    let text = CLICKS.replacen("from = \"fbclid\"", "from = \"fbclib\"", 1);
    assert!(Clicks::parse("f", &text).expect_err("unknown").contains("fbclib"));
}

#[test]
fn every_pixel_is_called_for_a_click_and_with_the_event_s_id() {
    let pixels = Pixels::parse("pixels.toml", PIXELS).expect("the table is well-formed");
    let functions: Vec<&str> = pixels.pixel.iter().map(|row| row.function.as_str()).collect();
    for function in [
        "gtag",
        "fbq",
        "ttq.track",
        "uetq.push",
        "dataLayer.push",
        "pintrk",
        "snaptr",
        "rdt",
        "twq",
        "lintrk",
        "_tfa.push",
        "obApi",
    ] {
        assert!(functions.contains(&function), "{function}");
    }
    for row in &pixels.pixel {
        let template = serde_json::to_string(&row.template).expect("JSON");
        assert!(template.contains("\"{event_id}\""), "{}: {template}", row.platform);
        let calls: Vec<_> = pixels.pixel.iter().filter(|other| other.platform == row.platform).collect();
        let takes_clicks = calls.iter().any(|call| match &call.events {
            Events::Others => true,
            Events::Named(names) => names.contains_key("OutboundClick"),
        });
        assert!(takes_clicks, "{}", row.platform);
    }
}

#[test]
fn an_unknown_key_is_told_with_file_and_line() {
    let text = GROUP.replacen("sub_id = \"cid\"", "sub_id = \"cid\"\nsubid = \"cid\"", 1);
    let error = Group::parse("digistore24", "groups/digistore24.toml", &text).expect_err("an unknown key");
    assert!(
        error.contains("groups/digistore24.toml") && error.contains("line 8") && error.contains("subid"),
        "{error}"
    );
}

#[test]
fn a_case_that_does_not_hold_is_told_by_its_name() {
    let text = GROUP.replacen("anytrack/?cid=CLICKID", "anytrack/?cid=OTHER", 1);
    let error = Group::parse("digistore24", "f", &text).expect_err("a wrong case");
    assert!(error.contains("promolink"), "{error}");
}

#[test]
fn the_affiliate_s_postback_url_has_every_published_macro() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/cases/postbacks.json")).expect("JSON");
    let group = Group::parse("digistore24", "f", GROUP).expect("a group");
    let postback = group.postback.expect("it has postbacks");
    let names = |key: &str| -> Vec<String> {
        cases[key].as_array().expect("a list").iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(postback.affiliate_macros, names("affiliate_macros"));
    assert_eq!(postback.vendor_macros, names("vendor_extra_macros"));
    assert!(Postback::query(&postback.affiliate_macros).starts_with("cid={cid}&sid1={sid1}&"));
}
