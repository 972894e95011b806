use super::*;
use crate::finding::Level;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tagwerk_protocol::settings::TagSettings;

const SCRIPT: &str = "https://t.example/abcDEF123456.js";
const JS: [(&str, &str); 4] = [
    ("content-type", "text/javascript; charset=utf-8"),
    ("content-encoding", "br"),
    ("cache-control", "public, max-age=300"),
    ("access-control-allow-origin", "*"),
];

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Asked {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        );
    }
    Ok(Answer {
        url: Url::parse(SCRIPT).expect("a URL"),
        before: Vec::new(),
        status,
        headers: map,
        body: body.as_bytes().to_vec(),
        sent: body.len(),
        certificate: None,
        ahead: Some(0),
    })
}

fn asset(name: &str, headers: &[(&str, &str)]) -> (Url, Asked) {
    let url = Url::parse("https://t.example/assets/").and_then(|url| url.join(name)).expect("a URL");
    let mut all = vec![("access-control-allow-origin", "*"), ("cache-control", "public, max-age=31536000, immutable")];
    all.extend(headers);
    (url, answer(200, &all, "x"))
}

fn good() -> Served {
    let allowed = [("access-control-allow-origin", "https://shop.example"), ("vary", "origin")];
    Served {
        script_url: Url::parse(SCRIPT).expect("a URL"),
        script: answer(200, &JS, "script"),
        settings: Some(TagSettings::default()),
        assets: vec![
            asset("tag.1.js", &[("content-type", "text/javascript")]),
            asset("tag.2.wasm", &[("content-type", "application/wasm")]),
        ],
        health: answer(200, &[], "OK\n"),
        preflights: vec![("https://shop.example".into(), answer(204, &allowed, ""))],
    }
}

fn words(served: &Served) -> Vec<&'static str> {
    judge(served, true, Timestamp::UNIX_EPOCH).iter().map(|finding| finding.word).collect()
}

/// The good script with these headers in the place of its own.
fn script(status: u16, headers: &[(&str, &str)]) -> Served {
    let mut all: Vec<(&str, &str)> = headers.to_vec();
    all.extend(JS.iter().filter(|(name, _)| !headers.iter().any(|(known, _)| known == name)));
    all.retain(|(_, value)| !value.is_empty());
    Served { script: answer(status, &all, "script"), ..good() }
}

#[test]
fn a_server_that_answers_as_it_should_is_good() {
    assert_eq!(words(&good()), ["server"]);
}

#[test]
fn each_thing_that_a_proxy_may_break_has_its_word() {
    let away = || Err(Unanswered { says: "t.example cannot be reached".into(), certificate: false });
    let expired = Err(Unanswered { says: "the certificate of t.example has run out".into(), certificate: true });
    let origin = || "https://shop.example".to_owned();
    for (served, word) in [
        (Served { script: away(), ..good() }, "server_down"),
        (Served { script: expired, ..good() }, "certificate"),
        (script(404, &[]), "script_status"),
        (script(301, &[("location", "https://www.example/")]), "script_status"),
        (Served { settings: None, ..good() }, "script_other"),
        (script(200, &[("content-type", "text/html")]), "script_type"),
        (script(200, &[("content-encoding", "")]), "script_plain"),
        (script(200, &[("cache-control", "max-age=31536000")]), "script_cache"),
        (script(200, &[("cache-control", "")]), "script_cache"),
        (script(200, &[("access-control-allow-origin", "")]), "script_cors"),
        (Served { assets: vec![(good().script_url, answer(404, &[], ""))], ..good() }, "asset_missing"),
        (Served { assets: vec![asset("tag.2.wasm", &[("content-type", "text/plain")])], ..good() }, "asset_type"),
        (Served { preflights: vec![(origin(), answer(403, &[], ""))], ..good() }, "origin_refused"),
        (Served { preflights: vec![(origin(), answer(405, &[], ""))], ..good() }, "origin_refused"),
        (
            Served {
                preflights: vec![(
                    origin(),
                    answer(204, &[("access-control-allow-origin", "https://other.example")], ""),
                )],
                ..good()
            },
            "origin_refused",
        ),
        (Served { health: answer(200, &[("age", "12")], "OK\n"), ..good() }, "cached"),
        (Served { health: answer(200, &[("cf-cache-status", "HIT")], "OK\n"), ..good() }, "cached"),
        (Served { health: answer(404, &[], ""), ..good() }, "server_health"),
    ] {
        assert_eq!(words(&served), [word]);
    }
}

#[test]
fn a_site_without_origins_takes_events_from_all() {
    let any = answer(204, &[("access-control-allow-origin", "*")], "");
    assert_eq!(words(&Served { preflights: vec![("https://shop.example".into(), any)], ..good() }), ["server"]);
}

#[test]
fn clocks_that_differ_by_much_are_an_error() {
    let level = |ahead| clock(ahead, "t.example").map(|finding| finding.level);
    assert_eq!([level(0), level(2_900), level(-2_900)], [None, None, None]);
    assert_eq!([level(5_000), level(-29_000)], [Some(Level::Warning), Some(Level::Warning)]);
    assert_eq!([level(40_000), level(i64::MIN)], [Some(Level::Error), Some(Level::Error)]);
}

#[test]
fn a_certificate_that_ends_soon_is_told_in_days() {
    let mut parameters = rcgen::CertificateParams::new(vec!["t.example".into()]).expect("a name");
    parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2026, 12, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let made = parameters.self_signed(&key).expect("a certificate");
    let on = |day: &str| {
        let now: Timestamp = format!("{day}T00:00:00Z").parse().expect("a time");
        let found = certificate(made.der(), "t.example", now).expect("it reads");
        (found.word, found.level)
    };
    assert_eq!(on("2026-06-01"), ("certificate", Level::Ok));
    assert_eq!(on("2026-11-20"), ("certificate_ends", Level::Warning));
    assert_eq!(on("2026-11-29"), ("certificate_ends", Level::Error));
    assert_eq!(on("2026-12-24"), ("certificate_ends", Level::Error));
    assert_eq!(certificate(b"no certificate", "t.example", Timestamp::UNIX_EPOCH), None);
}
