use super::*;
use proptest::prelude::*;

const SCRIPT: &str = "https://t.example/abcDEF123456.js";

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

fn tag<'a>(script: &'a Url, nonce: &'a str) -> TagRequests<'a> {
    TagRequests {
        script,
        glue: script.join("/assets/tag.1.js").ok(),
        event: script.join("/abcDEF123456/event").ok(),
        nonce,
        integrity: "",
        parser_inserted: true,
        order: 5,
    }
}

/// What a policy in the header comes to, on a page of another origin.
fn judged(policy: &str, nonce: &str) -> Vec<Finding> {
    let script = url(SCRIPT);
    Policies::new(&url("https://shop.example/a"), &[(policy.to_owned(), false)], &[]).judge(&tag(&script, nonce))
}

fn words(policy: &str, nonce: &str) -> Vec<&'static str> {
    judged(policy, nonce).iter().map(|finding| finding.word).collect()
}

/// The mend of the finding of that word.
fn mend(policy: &str, nonce: &str, word: &str) -> String {
    let found = judged(policy, nonce);
    let finding = found.iter().find(|finding| finding.word == word);
    finding.unwrap_or_else(|| panic!("{policy}: {found:?}")).mend.clone().unwrap_or_default()
}

#[test]
fn a_page_without_a_policy_says_nothing() {
    assert_eq!(words("", ""), [""; 0]);
    assert_eq!(words(" ; , ;", ""), [""; 0]);
}

#[test]
fn policies_that_let_the_tag_work_are_good() {
    for policy in [
        "script-src https://t.example 'wasm-unsafe-eval'; connect-src https://t.example",
        "script-src t.example 'unsafe-eval'; connect-src *",
        "script-src *.example 'wasm-unsafe-eval'; connect-src https:",
        "default-src https: 'wasm-unsafe-eval'",
        "script-src-elem https://t.example; script-src 'self' 'wasm-unsafe-eval'; connect-src https://t.example",
        "SCRIPT-SRC HTTPS://T.EXAMPLE 'WASM-UNSAFE-EVAL'",
        "frame-ancestors 'none'; img-src 'self'",
        "script-src https://t.example/ 'wasm-unsafe-eval'",
        "script-src https://t.example:443 'wasm-unsafe-eval'",
        "upgrade-insecure-requests",
    ] {
        assert_eq!(words(policy, ""), ["csp"], "{policy}");
    }
}

#[test]
fn the_guide_s_example_is_what_lets_the_tag_work() {
    assert_eq!(words("script-src https://t.example 'wasm-unsafe-eval'; connect-src https://t.example", ""), ["csp"]);
    assert_eq!(words("script-src 'nonce-abc' 'wasm-unsafe-eval'", "abc"), ["csp"]);
    assert_eq!(words("script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'; object-src 'none'", "abc"), ["csp"]);
}

#[test]
fn what_is_forbidden_is_told_with_what_to_add_to_which_directive() {
    assert_eq!(words("script-src 'self'; connect-src 'self'", ""), ["csp_script", "csp_wasm", "csp_connect"]);
    assert_eq!(mend("script-src 'self'", "", "csp_script"), "add https://t.example to script-src");
    assert_eq!(mend("script-src-elem 'self'", "", "csp_script"), "add https://t.example to script-src-elem");
    assert_eq!(mend("script-src 'self'", "", "csp_wasm"), "add 'wasm-unsafe-eval' to script-src");
    let connects = "script-src * 'wasm-unsafe-eval'; connect-src 'self'";
    assert_eq!(mend(connects, "", "csp_connect"), "add https://t.example to connect-src");
    assert_eq!(mend("default-src 'self'", "", "csp_connect"), "add the directive connect-src 'self' https://t.example");
    assert_eq!(mend("default-src 'none'", "", "csp_script"), "add the directive script-src https://t.example");
    assert_eq!(words("script-src https://t.example", ""), ["csp_wasm"]);
    assert_eq!(words("script-src https://t.example/other.js 'unsafe-eval'", ""), ["csp_script"], "another path");
    assert_eq!(words("script-src https://t.example/abcDEF123456.js 'unsafe-eval'", ""), ["csp_glue"]);
    assert_eq!(words("script-src http://t.example:8080 'unsafe-eval'", ""), ["csp_script"]);
}

#[test]
fn where_nonces_count_the_nonce_is_what_is_missing() {
    let policy = "script-src 'nonce-abc' 'strict-dynamic' https://t.example 'unsafe-eval'";
    assert!(mend(policy, "", "csp_script").contains("put the page's nonce on the tag's line"));
    assert!(mend(policy, "old", "csp_script").contains("not the one in the policy"));
    assert!(mend("script-src 'strict-dynamic' https://t.example", "", "csp_script").contains("puts hosts aside"));
    // Hosts count beside nonces where nothing puts them aside.
    assert_eq!(words("script-src 'nonce-abc' https://t.example 'unsafe-eval'", ""), ["csp"]);
}

#[test]
fn a_tag_that_a_script_put_there_is_trusted_by_strict_dynamic() {
    let script = url(SCRIPT);
    let policy = [("script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'".to_owned(), false)];
    let by_manager = TagRequests { parser_inserted: false, ..tag(&script, "") };
    let found = Policies::new(&url("https://shop.example/"), &policy, &[]).judge(&by_manager);
    assert_eq!(found.iter().map(|finding| finding.word).collect::<Vec<_>>(), ["csp"]);
}

#[test]
fn every_policy_has_to_agree() {
    let script = url(SCRIPT);
    let headers =
        [("script-src https://t.example 'wasm-unsafe-eval', script-src 'self' 'wasm-unsafe-eval'".to_owned(), false)];
    let found = Policies::new(&url("https://shop.example/"), &headers, &[]).judge(&tag(&script, ""));
    assert_eq!(found[0].word, "csp_script");
}

#[test]
fn a_policy_in_the_page_holds_for_what_comes_after_it() {
    let script = url(SCRIPT);
    let meta = |order| vec![(order, "script-src 'self' 'wasm-unsafe-eval' https://t.example/assets/".to_owned())];
    let judged = |order| {
        let found = Policies::new(&url("https://shop.example/"), &[], &meta(order)).judge(&tag(&script, ""));
        found.iter().map(|finding| finding.word).collect::<Vec<_>>()
    };
    assert_eq!(judged(2), ["csp_script"]);
    assert_eq!(judged(9), ["csp"], "the script was there before it");
}

#[test]
fn what_is_only_reported_forbids_nothing() {
    let script = url(SCRIPT);
    let headers = [("script-src 'self'".to_owned(), true)];
    let found = Policies::new(&url("https://shop.example/"), &headers, &[]).judge(&tag(&script, ""));
    assert_eq!(found.iter().map(|finding| finding.word).collect::<Vec<_>>(), ["csp_on_trial"]);
}

#[test]
fn a_sandbox_without_scripts_runs_none() {
    assert_eq!(words("sandbox allow-forms", ""), ["csp_sandbox"]);
    assert_eq!(words("sandbox allow-scripts allow-same-origin", ""), ["csp"]);
}

#[test]
fn a_script_that_is_pinned_is_let_in_by_its_hash() {
    let script = url(SCRIPT);
    let hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let headers = [(format!("script-src '{hash}' 'wasm-unsafe-eval' https://t.example/assets/"), false)];
    let pinned = TagRequests { integrity: hash, ..tag(&script, "") };
    let found = Policies::new(&url("https://shop.example/"), &headers, &[]).judge(&pinned);
    assert_eq!(found[0].word, "csp", "{found:?}");
}

#[test]
fn the_page_s_own_origin_is_self() {
    let script = url("https://shop.example/abcDEF123456.js");
    let headers = [("default-src 'self' 'wasm-unsafe-eval'".to_owned(), false)];
    let found = Policies::new(&url("https://shop.example/a/b"), &headers, &[]).judge(&tag(&script, ""));
    assert_eq!(found[0].word, "csp", "{found:?}");
}

#[test]
fn a_base_address_may_be_forbidden() {
    let page = url("https://shop.example/");
    let policies = |policy: &str| Policies::new(&page, &[(policy.to_owned(), false)], &[]);
    assert!(policies("default-src 'none'").allow_base(&url("https://cdn.example/")));
    assert!(!policies("base-uri 'self'").allow_base(&url("https://cdn.example/")));
    assert!(policies("base-uri 'self'").allow_base(&url("https://shop.example/x/")));
}

#[test]
fn ports_that_cannot_be_match_nothing_and_harm_nobody() {
    assert_eq!(words("script-src https://t.example:99999 https://t.example 'unsafe-eval'", ""), ["csp"]);
    assert_eq!(words("script-src https://t.example:99999999999999999999 'unsafe-eval'", ""), ["csp_script"]);
}

/// Pieces of policies, so that most of what is tried is nearly one.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("script-src".to_owned()),
        Just("script-src-elem".to_owned()),
        Just("default-src".to_owned()),
        Just("connect-src".to_owned()),
        Just("sandbox".to_owned()),
        Just("'self'".to_owned()),
        Just("'none'".to_owned()),
        Just("'strict-dynamic'".to_owned()),
        Just("'nonce-abc'".to_owned()),
        Just("'wasm-unsafe-eval'".to_owned()),
        Just("https:".to_owned()),
        Just("*".to_owned()),
        Just("*.example".to_owned()),
        Just("https://t.example:443/assets/".to_owned()),
        Just(";".to_owned()),
        Just(",".to_owned()),
        "[!-~ ]{0,20}",
        ".{0,10}",
    ]
}

proptest! {
    #[test]
    fn any_policy_is_read_without_a_panic(
        pieces in prop::collection::vec(piece(), 0..20),
        nonce in "[a-z]{0,4}",
        page in prop_oneof![Just("https://shop.example/"), Just("http://127.0.0.1:8080/a"), Just("https://[::1]/")],
    ) {
        let policy = pieces.join(" ");
        let script = url(SCRIPT);
        let policies = Policies::new(&url(page), &[(policy.clone(), false), (policy.clone(), true)], &[(1, policy)]);
        policies.allow_base(&script);
        for finding in policies.judge(&tag(&script, &nonce)) {
            prop_assert!(!finding.says.is_empty());
        }
    }

    /// What the mend says, done, mends it: the script's origin in the directive that forbade it.
    #[test]
    fn what_is_added_is_let_in(
        sources in prop::collection::vec(prop_oneof![Just("'self'"), Just("https://other.example"), Just("data:")], 0..4),
        directive in prop_oneof![Just("script-src"), Just("script-src-elem"), Just("default-src")],
    ) {
        let policy = format!("{directive} {}", sources.join(" "));
        let mend = mend(&policy, "", "csp_script");
        let mended = match mend.strip_prefix("add the directive ") {
            Some(more) => format!("{policy}; {more}"),
            None => format!("{policy} https://t.example"),
        };
        let words = words(&mended, "");
        prop_assert!(!words.contains(&"csp_script"), "{mended}: {words:?}");
    }

    /// One policy more never allows what was forbidden.
    #[test]
    fn more_policies_never_allow_more(one in prop::collection::vec(piece(), 0..8), other in prop::collection::vec(piece(), 0..8)) {
        let script = url(SCRIPT);
        let forbids = |headers: &[(String, bool)]| {
            let found = Policies::new(&url("https://shop.example/"), headers, &[]).judge(&tag(&script, ""));
            found.iter().any(|finding| finding.word == "csp_script")
        };
        let (one, other) = ((one.join(" "), false), (other.join(" "), false));
        if forbids(std::slice::from_ref(&one)) {
            prop_assert!(forbids(&[one, other]));
        }
    }
}
