use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn expanded(template: &Template, value: &str) -> String {
    template.expand(&|_| text(Some(value)))
}

/// What a value must not change.
fn shape(url: &str) -> (String, usize, Vec<String>) {
    let url = Url::parse(url).expect("a URL");
    assert_eq!((url.fragment(), url.username(), url.password()), (None, "", None));
    let origin = format!("{}://{}:{:?}", url.scheme(), url.host_str().expect("a host"), url.port());
    let names = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    (origin, url.path_segments().expect("a path").count(), names)
}

/// What breaks out of somewhere, and anything else.
fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "..",
        ".",
        "/../..",
        "%2e%2e",
        "e",
        "2e",
        "&a=b",
        "#",
        "?x",
        "@evil.example",
        "\\",
        "\"",
        "\\u0022",
        "\"}",
        "{ip}",
        "\n",
        "\t",
    ];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), any::<String>()]
}

/// URLs of the parts that templates are made of, sensible or not.
fn templates() -> impl Strategy<Value = String> {
    let parts = [
        "/", "{v}", "{w}", "a", ".", "..", "%2e", "%2", "%", "e", "?", "&", "=", "x=", "p=", "{", "}", ":", "@", "é",
        ";", "+", ",",
    ];
    let part = proptest::sample::select(parts.to_vec());
    proptest::collection::vec(part, 0..14).prop_map(|parts| format!("https://h.example{}", parts.concat()))
}

proptest! {
    #[test]
    fn a_value_never_breaks_out_of_its_place_in_a_url(raw in templates(), one in hostile(), other in hostile()) {
        if let Ok(template) = Template::url(&raw) {
            let url = template.expand(&|name| text(Some(if name == "v" { &one } else { &other })));
            prop_assert_eq!(shape(&url), shape(&expanded(&template, "")), "{} became {}", raw, url);
        }
    }

    #[test]
    fn a_receiver_reads_in_the_query_what_was_put_in(value in any::<String>()) {
        let template = Template::url("https://h.example/p?a={v}&b=-{v}-").expect("a template");
        let url = Url::parse(&expanded(&template, &value)).expect("a URL");
        let read: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(&read["a"], &value);
        prop_assert_eq!(&read["b"], &format!("-{value}-"));
    }

    #[test]
    fn a_receiver_reads_in_a_form_what_was_put_in(value in any::<String>()) {
        let template = Template::form("a={v}&b=1").expect("a template");
        let body = expanded(&template, &value);
        let read: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        prop_assert_eq!(read, [("a".to_owned(), value), ("b".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_receiver_reads_in_json_what_was_put_in(value in any::<String>()) {
        let template = Template::json(r#"{"a":"{v}","b":[{w}],"c":"\\{v}\"","d":{"e":1}}"#).expect("a template");
        let read: Value = serde_json::from_str(&expanded(&template, &value)).expect("JSON");
        let whole = if value.is_empty() { Value::Null } else { Value::from(value.clone()) };
        prop_assert_eq!(read, serde_json::json!({"a": value, "b": [whole], "c": format!("\\{value}\""), "d": {"e": 1}}));
    }

    #[test]
    fn no_json_template_is_too_strange(parts in proptest::collection::vec(proptest::sample::select(&[
        "{v}", "\"", "\\", "{", "}", "[", "]", ":", ",", "a", "u00", "1", " ",
    ][..]), 0..14), value in hostile()) {
        if let Ok(template) = Template::json(&parts.concat()) {
            let with: Value = serde_json::from_str(&expanded(&template, &value)).expect("JSON");
            let without: Value = serde_json::from_str(&expanded(&template, "")).expect("JSON");
            prop_assert_eq!(names(&with), names(&without));
        }
    }

    #[test]
    fn no_text_is_too_strange(raw in any::<String>()) {
        let _ = (Template::url(&raw), Template::url(&format!("https://{raw}")), Template::form(&raw), Template::json(&raw));
        let _ = rebased(&raw, "http://127.0.0.1:1");
    }
}

#[test]
fn macros_stand_where_values_can_be_encoded_and_nowhere_else() {
    let refused = [
        ("https://{ip}.example/", "host"),
        ("https://{ip}/", "host"),
        ("https://h.example:{time}/", "host"),
        ("https://user@h.example/", "host"),
        ("https:///{ip}", "begins with https://"),
        ("ftp://h.example/", "begins with https://"),
        ("{page}", "begins with https://"),
        ("https://h.example/?{type}=1", "name"),
        ("https://h.example/?{type}", "name"),
        ("https://h.example/a#{type}", "`#`"),
        ("https://h.example/..{type}/", "dots"),
        ("https://h.example/%2E{type}", "dots"),
        ("https://h.example/%2{type}", "`%`"),
        ("https://h.example/?a=%{type}", "`%`"),
        ("https://h.example/?a={type", "nowhere else"),
        ("https://h.example/?a={{type}}", "nowhere else"),
        ("https://h.example/?a={click id}", "white space"),
        ("https://h example/", "white space"),
        ("https://[/", "no URL"),
    ];
    for (raw, words) in refused {
        let reason = Template::url(raw).expect_err(raw);
        assert!(reason.contains(words), "{raw}: {reason}");
    }
    assert!(Template::form("{type}=1").expect_err("a name").contains("name"));
    assert!(Template::json(r#"{"{type}":1}"#).expect_err("a name").contains("name"));
    assert!(Template::json(r#"{"a":{type}"#).expect_err("an end").contains("no JSON"));
    assert!(Template::json(r#"{"a":"\{type}"}"#).expect_err("an escape").contains("no JSON"));
}

#[test]
fn numbers_are_numbers_in_json_and_what_is_unknown_is_null_or_empty() {
    let template = Template::json(r#"{"n":{a},"s":"{a}","none":{b},"empty":"{b}"}"#).expect("a template");
    let body = template.expand(&|name| if name == "a" { Said::Number("-101.64".into()) } else { Said::Nothing });
    assert_eq!(body, r#"{"n":-101.64,"s":"-101.64","none":null,"empty":""}"#);
}

#[test]
fn campaign_parameters_come_from_one_arrival_and_click_ids_from_the_newest_that_has_them() {
    let touch = |source: &[(&str, &str)], clicks: &[(&str, &str)]| {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Touch { source: owned(source), click_ids: owned(clicks), ..Touch::default() }
    };
    let touches = vec![
        touch(&[], &[]),
        touch(&[("utm_source", "new")], &[("ScCid", "S")]),
        touch(&[("utm_source", "old"), ("utm_term", "shoes")], &[("gclid", "G")]),
    ];
    let parcel = Parcel { touches, ..Parcel::default() };
    let settings = serde_json::Map::new();
    let account = Account { settings: &settings, base_url: "", token: None, now: 0, nonce: "" };
    let of = |name: &str| said(name, &parcel, &account);
    assert_eq!(of("utm_source"), Some(Said::Text("new".into())));
    assert_eq!(of("utm_term"), Some(Said::Nothing));
    assert_eq!(of("gclid"), Some(Said::Text("G".into())));
    assert_eq!(of("sccid"), Some(Said::Text("S".into())));
    assert_eq!(of("fbclid"), Some(Said::Nothing));
    assert_eq!(of("no_such"), None);
}

#[test]
fn another_base_url_stands_for_scheme_and_host() {
    let base = "http://127.0.0.1:9/fake";
    assert_eq!(rebased("https://h.example/p?a=1", base), "http://127.0.0.1:9/fake/p?a=1");
    assert_eq!(rebased("https://h.example?a=1", base), "http://127.0.0.1:9/fake?a=1");
    assert_eq!(rebased("https://h.example/p", ""), "https://h.example/p");
    assert_eq!(rebased("no url", base), "no url");
}
