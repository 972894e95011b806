use super::*;
use proptest::prelude::*;
use std::cell::Cell;

fn read_at(url: &str, html: &str) -> Page {
    read(html, &Url::parse(url).expect("a URL"), |_, _| true, || true)
}

fn page(html: &str) -> Page {
    read_at("https://shop.example/blog/post", html)
}

fn addresses(page: &Page) -> Vec<&str> {
    page.links.iter().map(|link| link.found.href.as_str()).collect()
}

#[test]
fn links_areas_svg_links_and_forms_are_found_in_document_order() {
    let page = page(
        r#"<a href="/one">One</a><map><area href="/two"></map><svg><a xlink:href="/three"><text>Three</text></a><a href="/four"/></svg>
           <form action="/five" method="POST"><input name="a" value="b"></form><a name="no-address">x</a><form><input></form>"#,
    );
    assert_eq!(addresses(&page), ["/one", "/two", "/three", "/four", "/five"]);
    assert_eq!(page.links[2].found.text, "Three");
    let form = &page.links[4].found;
    assert!(form.kind == Kind::Form && !form.gets && form.fields == [("a".to_owned(), "b".to_owned())]);
}

#[test]
fn where_a_link_leads_is_told_by_the_base_address() {
    let page = page(
        r#"<base href="https://cdn.example/x/"><a href="go/1">a</a><a href="HTTPS://N.EXAMPLE./r">b</a><a href="mailto:x@y">c</a>"#,
    );
    let targets: Vec<_> =
        page.links.iter().map(|link| link.found.target.clone().map(|to| (to.host, to.path))).collect();
    assert_eq!(targets[0], Some(("cdn.example".into(), "/x/go/1".into())));
    assert_eq!(targets[1], Some(("n.example".into(), "/r".into())));
    assert_eq!(targets[2], None);
    let forbidden = read(r#"<base href="https://cdn.example/"><a href="a">"#, &page.url, |_, _| false, || true);
    assert_eq!(forbidden.links[0].url.as_ref().map(Url::as_str), Some("https://shop.example/blog/a"));
}

#[test]
fn what_is_no_part_of_the_page_is_not_found_and_open_shadow_roots_are() {
    let page = page(
        r#"<template><a href="/inert"></a></template><noscript><a href="/noscript"></a></noscript><!-- <a href="/comment"></a> -->
           <div><template shadowrootmode="open"><a href="/shadow"></a></template></div><a href="/light"></a>
           <template shadowrootmode="closed"><a href="/closed"></a></template>"#,
    );
    assert_eq!(addresses(&page), ["/shadow", "/light"]);
}

#[test]
fn scripts_are_found_with_their_place_and_text() {
    let page = page(
        r#"<head><script async src="/a.js" data-x="1"></script><script>var gtm = "x"</script></head><body><script src=""></script>"#,
    );
    let told: Vec<_> = page.scripts.iter().map(|it| (it.in_head, it.url.as_ref().map(Url::as_str))).collect();
    assert_eq!(told, [(true, Some("https://shop.example/a.js")), (true, None), (false, None)]);
    assert_eq!(page.scripts[0].attribute("data-x"), Some("1"));
    assert_eq!(page.scripts[1].text, "var gtm = \"x\"");
}

#[test]
fn what_the_page_says_of_itself_is_read() {
    let page = page(
        r#"<meta http-equiv="Content-Security-Policy" content="script-src 'self'"><meta name="Referrer" content=" No-Referrer ">
           <meta http-equiv=refresh content="0; url=/next"><body><meta http-equiv=content-security-policy content="x">"#,
    );
    assert_eq!(page.policies.iter().map(|(_, policy)| policy.as_str()).collect::<Vec<_>>(), ["script-src 'self'"]);
    assert_eq!(page.referrer.as_deref(), Some("no-referrer"));
    assert_eq!(page.refresh.as_ref().map(Url::as_str), Some("https://shop.example/next"));
}

#[test]
fn a_form_marked_by_hand_sends_to_its_own_page() {
    let page = page(r#"<form data-tracking-group="n"></form>"#);
    assert_eq!(page.links[0].url.as_ref().map(Url::as_str), Some("https://shop.example/blog/post"));
}

#[test]
fn the_text_of_a_link_is_what_people_read() {
    let page = page(
        r#"<a href=1>  Buy
        <b>now</b></a><a href=2 aria-label="Label"><img></a><a href=3 title=T></a>"#,
    );
    assert_eq!(page.links.iter().map(|link| link.found.text.as_str()).collect::<Vec<_>>(), ["Buy now", "Label", "T"]);
}

#[test]
fn a_page_of_many_links_is_read_up_to_a_bound() {
    let html = "<a href=/x>x</a>".repeat(MOST_LINKS + 7);
    let page = page(&html);
    assert_eq!((page.links.len(), page.unread), (MOST_LINKS, 7));
}

#[test]
fn a_page_is_read_no_longer_than_wanted() {
    for nested in ["<div>", "<template>", "<b><p>", "<a href=x>", "<svg><a href=x>", "<form>", "<table><td>"] {
        let parts = Cell::new(0);
        let read = read(&nested.repeat(200_000), &page("").url, |_, _| true, || parts.replace(parts.get() + 1) < 3);
        assert!(read.given_up && parts.get() == 4, "{nested}");
    }
}

proptest! {
    #[test]
    fn any_page_is_read_without_a_panic(html in "(<[a-z]{1,8}( [a-z-]{1,8}=?[\"']?[^<]{0,8}[\"']?)*>|[^<]{0,9}|</[a-z]{1,8}>|<!--|-->){0,30}") {
        let page = page(&html);
        prop_assert!(!page.given_up && page.links.iter().all(|link| link.url.is_some() == link.found.target.is_some()));
    }
}
