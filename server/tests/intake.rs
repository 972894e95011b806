//! Intake, held to every group's own postback cases and to its promises.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing"
)]

use proptest::prelude::*;
use tagwerk_protocol::conversion::{Conversion, ValueRule};
use tagwerk_protocol::form;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::money::Currency;
use tagwerk_server::groups::Groups;
use tagwerk_server::intake::{Rules, understand};

const SALE: &str = "amount_affiliate=101.64&transaction_id=t&amount_brutto=165.19&transaction_type=payment&amount_netto=163.55&currency=EUR&cid=x&random=1";

fn group(name: &str) -> Group {
    Groups::load(None).expect("the built-in groups load").get(name).expect("a built-in group").clone()
}

fn read_by(query: &str, rules: &Rules) -> Result<Conversion, String> {
    let pairs: Vec<(String, String)> = form::pairs(query).collect();
    let group = group("digistore24");
    understand(&pairs, &group.name, group.postback.as_ref().expect("it has postbacks"), rules, "call")
}

fn read(query: &str) -> Result<Conversion, String> {
    read_by(query, &Rules::default())
}

fn sale_with(more: &str) -> Result<Conversion, String> {
    read(&format!("{SALE}&{more}"))
}

#[test]
fn every_group_s_own_cases_hold() {
    let groups = Groups::load(None).expect("loading holds them to their cases");
    let cases: usize = groups.iter().map(|group| group.postback_case.len()).sum();
    assert!(cases >= 5, "{cases} cases");
}

#[test]
fn the_site_s_rule_picks_the_value() {
    let value = |rule| {
        let rules = Rules { value: rule, ..Rules::default() };
        read_by(SALE, &rules).expect("understood").value.map(|value| value.to_string())
    };
    assert_eq!(value(ValueRule::BruttoMinusNetto).as_deref(), Some("1.64"));
    assert_eq!(value(ValueRule::Affiliate).as_deref(), Some("101.64"));
    assert_eq!(value(ValueRule::Brutto).as_deref(), Some("165.19"));
    assert_eq!(value(ValueRule::Netto).as_deref(), Some("163.55"));
    assert_eq!(value(ValueRule::Vendor), None);
}

#[test]
fn a_missing_amount_leaves_the_value_open_with_a_note() {
    let found = read("transaction_id=t&transaction_type=payment&amount_brutto=1.00&currency=EUR").expect("understood");
    assert_eq!(found.value, None);
    assert!(found.notes.iter().any(|note| note.contains("amount_netto")), "{:?}", found.notes);
}

#[test]
fn a_group_s_currency_goes_before_the_one_sent() {
    let rules = Rules { currency: Currency::parse("usd"), ..Rules::default() };
    let found = read_by(SALE, &rules).expect("understood");
    assert_eq!(found.currency.map(|code| code.to_string()).as_deref(), Some("USD"));
}

#[test]
fn names_match_ignoring_case_and_separators() {
    let found = read("TransactionID=t&Transaction-Type=Payment&amountBrutto=2.00&AMOUNT_NETTO=1.00&currency=eur");
    let found = found.expect("understood");
    assert_eq!(found.transaction_id.as_deref(), Some("t"));
    assert_eq!(found.value.map(|value| value.to_string()).as_deref(), Some("1.00"));
}

#[test]
fn a_parameter_sent_twice_with_different_values_is_refused_by_name() {
    assert!(sale_with("amount_brutto=1.00").expect_err("two values").contains("amount_brutto"));
    assert!(sale_with("Amount-Brutto=165.19").is_ok());
}

#[test]
fn what_decides_about_neither_money_nor_identity_may_be_sent_twice() {
    let found = sale_with("sid1=a&sid1=b&datetime_unix=1697080237&datetime_unix=5&product_name=x&product_name=y");
    let found = found.expect("understood");
    assert_eq!(found.custom, [("sid1".to_owned(), "a".to_owned())]);
    assert_eq!((found.sent_at, found.product_name.as_deref()), (Some(1_697_080_237_000), Some("x")));
}

#[test]
fn the_transaction_type_gives_the_sign_whatever_the_amounts_say() {
    let value = |query: &str| {
        let found = read(query).expect("understood");
        (found.value.map(|value| value.to_string()), found.notes.len())
    };
    let amounts = "transaction_id=t&amount_brutto=100&amount_netto=119.00&currency=EUR";
    assert_eq!(value(&format!("{amounts}&transaction_type=refund")), (Some("-19.00".into()), 1));
    assert_eq!(value(&format!("{amounts}&transaction_type=payment")), (Some("19.00".into()), 1));
}

#[test]
fn the_cache_buster_changes_nothing() {
    let one = read(SALE).expect("understood");
    let other = read(&SALE.replace("random=1", "random=2")).expect("understood");
    assert_eq!((&one.identity, &one.content), (&other.identity, &other.content));
}

#[test]
fn a_sale_its_refund_and_another_type_of_it_are_three() {
    let sale = read(SALE).expect("understood").identity;
    let refund = read(&SALE.replace("=payment", "=refund")).expect("understood").identity;
    let typed = sale_with("type=InitiateCheckout").expect("understood").identity;
    assert!(sale != refund && sale != typed && refund != typed);
}

#[test]
fn without_a_transaction_id_all_it_says_identifies_it() {
    let bare = SALE.replace("transaction_id=t", "transaction_id=");
    let identity = |query: &str| read(query).expect("understood").identity;
    assert_eq!(identity(&bare), identity(&bare.replace("random=1", "random=2")));
    assert_ne!(identity(&bare), identity(&bare.replace("101.64", "1.64")));
}

#[test]
fn a_type_that_is_one_of_the_network_s_words_is_that_fact() {
    let found = sale_with("type=upsell").expect("understood");
    assert_eq!((found.kind.as_str(), found.order_type.as_deref()), ("Purchase", Some("upsell")));
    assert_eq!(sale_with("type=MyType").expect("understood").kind, "MyType");
    assert!(sale_with("type=refund").expect_err("a contradiction").contains("transaction_type"));
}

#[test]
fn a_test_never_stands_in_a_sale_s_way() {
    let test = sale_with("is_test=Y").expect("understood");
    assert!(test.is_test);
    assert_ne!(test.identity, read(SALE).expect("understood").identity);
    for no in ["0", "N", "false", "", "{is_test}"] {
        assert!(!sale_with(&format!("is_test={no}")).expect("understood").is_test, "{no:?}");
    }
}

#[test]
fn the_sender_s_time_is_read_in_both_forms() {
    assert_eq!(sale_with("datetime_unix=1697080237").expect("understood").sent_at, Some(1_697_080_237_000));
    let full = sale_with("datetime_full=2023-10-12T05:10:37%2B02:00").expect("understood");
    assert_eq!(full.sent_at, Some(1_697_080_237_000));
    assert_eq!(sale_with("datetime_unix=99999999999999999999").expect("understood").sent_at, None);
}

proptest! {
    #[test]
    fn any_query_is_read_without_a_panic(query in ".*") {
        let _ = read(&query);
    }

    #[test]
    fn any_values_of_known_parameters_are_read_without_a_panic(
        amount in ".{0,20}", kind in ".{0,20}", time in ".{0,30}", id in ".{0,20}"
    ) {
        let names = ["amount_brutto", "type", "transaction_type", "datetime_unix", "datetime_full", "transaction_id", "cid"];
        let values = [&amount, &kind, &kind, &time, &time, &id, &id];
        let pairs: Vec<(String, String)> =
            names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let group = group("digistore24");
        let _ = understand(&pairs, &group.name, group.postback.as_ref().unwrap(), &Rules::default(), "call");
    }

    #[test]
    fn the_order_of_parameters_does_not_matter(turn in 0usize..8) {
        let mut parts: Vec<&str> = SALE.split('&').collect();
        parts.rotate_left(turn);
        prop_assert_eq!(read(&parts.join("&")), read(SALE));
    }
}
