use super::*;
use crate::check::page::read;
use proptest::prelude::*;

const ID: &str = "abcDEF123456";

fn settings(site_id: &str) -> TagSettings {
    TagSettings { site_id: site_id.into(), event: format!("/{site_id}/event"), ..TagSettings::default() }
}

fn body() -> Vec<u8> {
    format!("(()=>{{let s={};go(s)}})()", serde_json::Value::from(settings(ID).to_text())).into_bytes()
}

fn page(html: &str) -> Page {
    read(html, &Url::parse("https://shop.example/").expect("a URL"), |_, _| true, || true)
}

/// The tags of a page as its server would have sent them.
fn tags(page: &Page) -> Vec<Tag> {
    let of = |script: &Script| {
        let url = address(script, &page.url).filter(is_like_a_tag)?;
        let settings = settings(url.path().trim_start_matches('/').trim_end_matches(".js"));
        Some(Tag { script: script.clone(), url: Some(url), settings, body: body() })
    };
    page.scripts.iter().filter_map(of).collect()
}

fn words(html: &str) -> Vec<&'static str> {
    let page = page(html);
    judge(&page, &tags(&page), None).iter().map(|finding| finding.word).collect()
}

fn line(attributes: &str) -> Vec<&'static str> {
    words(&format!("<head><script async src=\"https://t.example/{ID}.js\" {attributes}></script>"))
}

#[test]
fn the_line_as_the_dashboard_shows_it_is_good() {
    assert_eq!(line(""), ["tag"]);
    assert_eq!(line("type=module"), ["tag"]);
    assert_eq!(line("data-cfasync=false nonce=abc crossorigin"), ["tag"]);
}

#[test]
fn a_page_without_a_tag_is_told_apart_from_one_with_a_tag_manager() {
    assert_eq!(words("<p>no tag</p><script src=/jquery.js></script>"), ["tag_missing"]);
    assert_eq!(words("<script>j.src='https://www.googletagmanager.com/gtm.js?id='+i</script>"), ["tag_unseen"]);
}

#[test]
fn tags_twice_or_of_another_site_are_told() {
    let twice =
        format!("<head><script async src=/{ID}.js></script><script async src=https://t.example/{ID}.js></script>");
    assert_eq!(words(&twice), ["tag_twice"]);
    let page = page(&format!("<head><script async src=/{ID}.js></script>"));
    let found = judge(&page, &tags(&page), Some("otherSITE123"));
    assert_eq!(found[0].word, "tag_other_site");
}

#[test]
fn what_holds_a_tag_back_or_keeps_it_from_running_is_told() {
    for (attributes, word) in [
        ("type=\"text/plain\" data-cookieconsent=\"marketing\"", "tag_held_back"),
        ("type=text/plain", "tag_held_back"),
        ("type=rocketlazyloadscript", "tag_delayed"),
        ("type=\"litespeed/javascript\"", "tag_delayed"),
        ("type=\"application/json\"", "tag_never_runs"),
        ("nomodule", "tag_never_runs"),
        ("integrity=\"sha256-x\"", "tag_integrity"),
        ("integrity=\"sha256-x\" crossorigin", "tag_integrity"),
    ] {
        assert_eq!(line(attributes), [word], "{attributes}");
    }
    let moved =
        format!("<head><script async data-rocket-src=https://t.example/{ID}.js type=rocketlazyloadscript></script>");
    assert_eq!(words(&moved), ["tag_delayed"]);
    let insecure = format!("<head><script async src=http://t.example/{ID}.js></script>");
    assert_eq!(words(&insecure), ["tag_insecure"]);
}

#[test]
fn a_line_that_could_be_better_is_a_note() {
    assert_eq!(words(&format!("<head><script src=/{ID}.js></script>")), ["tag_holds_up"]);
    assert_eq!(words(&format!("<body><script async src=/{ID}.js></script>")), ["tag_late"]);
    let hash = BASE64.encode(Sha384::digest(body()));
    assert_eq!(line(&format!("crossorigin integrity=\"sha256-x sha384-{hash}\"")), ["tag_pinned"]);
    let weaker = BASE64.encode(Sha256::digest(body()));
    assert_eq!(line(&format!("crossorigin integrity=\"sha256-{weaker} sha384-x\"")), ["tag_integrity"]);
}

#[test]
fn a_copy_in_another_script_is_told() {
    let page = page("<head><script async src=/cache/autoptimize/js/all.js></script>");
    let script = page.scripts[0].clone();
    let copy = Tag { url: script.url.clone(), script, settings: settings(ID), body: body() };
    let found = judge(&page, &[copy], None);
    assert_eq!(found[0].word, "tag_copied");
    assert!(found[0].mend.as_deref().is_some_and(|mend| mend.contains("Autoptimize")), "{found:?}");
}

#[test]
fn addresses_that_could_be_a_tag_s_are_known_by_a_part_as_long_as_an_id() {
    let is_like = |text: &str| is_like_a_tag(&Url::parse(text).expect(text));
    for text in [
        "https://t.example/abcDEF123456.js?x",
        "https://t.example/lib/abcDEF123456/m.js",
        "https://t.example/x/abcDEF123456",
    ] {
        assert!(is_like(text), "{text}");
    }
    for text in ["https://t.example/jquery.min.js", "https://t.example/abcDEF12345.js", "https://t.example/"] {
        assert!(!is_like(text), "{text}");
    }
}

#[test]
fn settings_are_read_from_a_script_however_it_was_minified() {
    let text = settings(ID).to_text();
    for quoted in [serde_json::Value::from(text.as_str()).to_string(), format!("'{text}'"), format!("`{text}`")] {
        let script = format!("let a=\"site_id=\",b='x';let s={quoted};");
        assert_eq!(settings_in(&script).map(|settings| settings.site_id).as_deref(), Some(ID), "{script}");
    }
    for script in ["", "site_id=abcDEF123456", "\"site_id=abc\"", "var a = \"site_id=abcDEF123456&event=/x"] {
        assert_eq!(settings_in(script), None, "{script}");
    }
}

proptest! {
    #[test]
    fn any_script_is_searched_without_a_panic(script in "(site_id=|[\"'`]|abcDEF123456|&event=|.){0,40}") {
        let _ = settings_in(&script);
    }
}
