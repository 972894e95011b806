//! What rows of a file say, read as postbacks with the groups that are built in; and that our own export comes back as it was.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tagwerk_protocol::conversion::{Conversion, TransactionType, ValueRule};
use tagwerk_protocol::form;
use tagwerk_protocol::imports::Imports;
use tagwerk_server::attribution::{Attribution, State};
use tagwerk_server::csv::export::{header, lines, lists};
use tagwerk_server::csv::import::Choices;
use tagwerk_server::groups::{Groups, imports};
use tagwerk_server::importing::{Became, ImportError, Importer};
use tagwerk_server::intake::{Rules, understand};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::store::{ConversionRow, Said};
use tagwerk_server::vault::Vault;

static GROUPS: LazyLock<Groups> = LazyLock::new(|| Groups::load(None).expect("groups"));

/// What a row became.
#[derive(Debug)]
enum Read {
    Conversion(Box<Conversion>),
    Refused(String),
    PassedOver(String),
    Unreadable(String),
}

/// The rows of a file by their lines.
fn try_read(file: &[u8], choices: &[(&str, &str)]) -> Result<Vec<(u64, Read)>, ImportError> {
    static IMPORTS: LazyLock<Imports> = LazyLock::new(|| imports().expect("a table"));
    static VAULT: LazyLock<Vault> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        Vault::open(folder.path(), false).expect("a vault")
    });
    let settings = SiteSettings { purchase_value: ValueRule::Affiliate, ..SiteSettings::default() };
    let importer = Importer { groups: &GROUPS, imports: &IMPORTS, vault: &VAULT, settings: &settings };
    let mut said = Choices::default();
    for (name, value) in choices {
        assert!(said.set(name, value).expect("a choice"), "{name}");
    }
    let mut opened = importer.open(file, &said)?;
    let (mut rows, mut next) = (Vec::new(), Some(opened.sheet.first()));
    while let Some(from) = next {
        let part = opened.part(from)?;
        rows.extend(part.lines.into_iter().map(|line| {
            let read = match line.became {
                Became::PassedOver(reason) => Read::PassedOver(reason),
                Became::Unreadable(problem) => Read::Unreadable(problem),
                Became::Arrival(arrival) => match arrival.said {
                    Ok(Said::Conversion { conversion, .. }) => Read::Conversion(conversion),
                    Ok(other) => panic!("{other:?}"),
                    Err(reason) => Read::Refused(reason),
                },
            };
            (line.number, read)
        }));
        next = part.next;
    }
    Ok(rows)
}

fn read(file: &str, choices: &[(&str, &str)]) -> Vec<(u64, Read)> {
    try_read(file.as_bytes(), choices).expect("a file that can be imported")
}

fn only(file: &str, choices: &[(&str, &str)]) -> Conversion {
    let mut rows = read(file, choices);
    assert_eq!(rows.len(), 1, "{rows:?}");
    match rows.remove(0).1 {
        Read::Conversion(conversion) => *conversion,
        other => panic!("{other:?}"),
    }
}

fn refusal(file: &str, choices: &[(&str, &str)]) -> String {
    try_read(file.as_bytes(), choices).expect_err("a file that cannot be imported").to_string()
}

/// What the same postback would have said at the time.
fn postback(pairs: &[(String, String)]) -> Conversion {
    let group = GROUPS.get("digistore24").expect("a group");
    let rules = Rules { value: ValueRule::Affiliate, ..Rules::default() };
    understand(pairs, &group.name, group.postback.as_ref().expect("postbacks"), &rules, "call").expect("a conversion")
}

const DS24: [(&str, &str); 1] = [("group", "digistore24")];

#[test]
fn a_row_in_the_group_s_own_names_is_the_postback_that_it_was() {
    let file = "CID,Transaction-ID,transactiontype,amount_affiliate,currency,datetime_full,sid2,order_type\r\n\
                abc,t-1,payment,101.64,EUR,2023-10-12T05:10:37+02:00,two,upsell\r\n";
    let row = only(file, &DS24);
    let query = "cid=abc&transaction_id=t-1&transaction_type=payment&amount_affiliate=101.64&currency=EUR&random=x";
    let at_the_time = postback(&form::pairs(query).collect::<Vec<_>>());
    assert_eq!(row.identity, at_the_time.identity);
    assert_eq!((row.value.expect("a value").to_string(), row.past), ("101.64".into(), true));
    assert_eq!(row.sent_at, Some(1_697_080_237_000));
    assert_eq!(row.order_type.as_deref(), Some("upsell"));
    assert_eq!(row.custom, [("sid2".to_owned(), "two".to_owned())]);
}

#[test]
fn the_names_of_other_tools_are_known_and_a_type_that_says_no_more_than_payment_is_no_type() {
    let file = "Click ID;Conversion type;Payout;Currency;Transaction ID;Created at;Status;Offer;Country\r\n\
                abc;Purchase;12,50;eur;t-1;12.10.2023 05:10:37;approved;A course;DE\r\n\
                abc;Upsell;7;EUR;t-2;12.10.2023;approved;;\r\n\
                abc;Refund;-12,50;EUR;t-3;13.10.2023;approved;;\r\n\
                abc;Purchase;1;EUR;t-4;13.10.2023;declined;;\r\n";
    let rows = read(file, &[("group", "digistore24"), ("zone", "Europe/Berlin")]);
    let conversion = |at: usize| match &rows[at].1 {
        Read::Conversion(conversion) => conversion,
        other => panic!("{other:?}"),
    };
    let first = conversion(0);
    assert_eq!((first.kind.as_str(), first.type_sent.as_deref()), ("Purchase", None));
    assert_eq!((first.sent_at, first.product_name.as_deref()), (Some(1_697_080_237_000), Some("A course")));
    assert_eq!(first.value.expect("a value").to_string(), "12.50");
    let pairs = [("transaction_id", "t-1"), ("transaction_type", "payment")].map(|(a, b)| (a.into(), b.into()));
    assert_eq!(first.identity, postback(&pairs).identity, "it is the sale that a postback told");
    assert_eq!((conversion(1).order_type.as_deref(), conversion(1).kind.as_str()), (Some("upsell"), "Purchase"));
    assert_eq!(conversion(2).transaction_type, TransactionType::Refund);
    assert_eq!(conversion(2).value.expect("a value").to_string(), "-12.50");
    assert!(matches!(&rows[3].1, Read::PassedOver(reason) if reason.contains("declined")), "{rows:?}");
}

#[test]
fn the_documented_names_of_both_tools_are_read() {
    let red = "clickid,sum,type,txid,currency,time\nabc,5.00,Lead,t-1,USD,2026-01-02 03:04\n";
    let any = "click_id,value,conversion_type,transaction_id,currency,timestamp\nabc,5.00,Lead,t-1,USD,1767323040\n";
    for (file, group) in [(red, "digistore24"), (any, "digistore24"), (red, "tracker"), (any, "tracker")] {
        let row = only(file, &[("group", group)]);
        assert_eq!(row.transaction_id.as_deref(), Some("t-1"), "{group}");
        assert_eq!(row.amounts.affiliate.expect("an amount").to_string(), "5.00", "{group}");
        assert_eq!((row.sub_id.as_deref(), row.transaction_type), (Some("abc"), TransactionType::Payment), "{group}");
        assert_eq!(row.sent_at, Some(1_767_323_040_000), "{group}");
    }
}

#[test]
fn a_column_that_is_needed_and_missing_is_named() {
    let all = "transaction_id,transaction_type,datetime_unix,amount_affiliate";
    assert!(try_read(format!("{all}\n").as_bytes(), &DS24).is_ok());
    for missing in ["transaction_id", "transaction_type", "datetime_unix"] {
        let file = format!("{}\n", all.replace(missing, "other"));
        let problem = refusal(&file, &DS24);
        let named = if missing == "datetime_unix" { "time" } else { missing };
        assert!(problem.contains(named) && problem.contains("column.") && problem.contains("\"other\""), "{problem}");
        // Said by hand, it is there.
        let ours = ("column.OTHER", named);
        assert!(try_read(file.as_bytes(), &[DS24[0], ours]).is_ok());
    }
    assert!(refusal("transaction_id\n", &[]).contains("group="));
    assert!(refusal("transaction_id\n", &[("group", "nobody")]).contains("nobody"));
}

#[test]
fn two_columns_of_the_same_meaning_are_told_unless_one_goes_before() {
    let file = "Transaction ID,transaction_id,transaction_type,datetime_unix\na,b,payment,1697080237\n";
    let problem = refusal(file, &DS24);
    assert!(problem.contains("the same") && problem.contains("Transaction ID"), "{problem}");
    // A name further down the list gives way.
    let file = "payout,sum,clickid,txid,type,time\n1,2,abc,t-1,Sale,2026-01-02\n";
    assert_eq!(only(file, &DS24).amounts.affiliate.expect("an amount").to_string(), "2");
    let chosen = only(file, &[DS24[0], ("column.payout", "amount_affiliate")]);
    assert_eq!(chosen.amounts.affiliate.expect("an amount").to_string(), "1");
    assert!(refusal(file, &[DS24[0], ("column.nothing", "sum")]).contains("no such column"));
    assert!(refusal(file, &[DS24[0], ("column.payout", "colour")]).contains("colour"));
}

#[test]
fn a_row_that_does_not_read_is_told_by_its_line_and_column_and_stops_no_other() {
    let file = "transaction_id,transaction_type,datetime_unix,amount_affiliate\n\
                t-1,payment,1697080237,1.00\n\
                t-2,payment,yesterday,1.00\n\
                t-3,payment,1697080237,\"1,234\"\n\
                1.23457E+15,payment,1697080237,1.00\n\
                ,payment,1697080237,1.00\n\
                t-4,payment,1697080237\n\
                t-5,gift,1697080237,1.00\n\
                t-6,payment,,1.00\n\
                t-7,payment,4102444800,1.00\n\
                ,,,\n\
                t-8,refund,1697080237,1.00\n";
    let rows = read(file, &DS24);
    let problems: Vec<(u64, &str)> = rows
        .iter()
        .filter_map(|(line, row)| match row {
            Read::Unreadable(problem) => Some((*line, problem.as_str())),
            _ => None,
        })
        .collect();
    let expected = [
        (3, "datetime_unix: \"yesterday\""),
        (4, "amount_affiliate: \"1,234\" could be 1.234 or 1234"),
        (5, "transaction_id: \"1.23457E+15\" was rounded"),
        (6, "no transaction id"),
        (7, "3 cells, the header has 4"),
        (9, "when it happened"),
        (10, "in the future"),
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for ((line, problem), (at, part)) in problems.into_iter().zip(expected) {
        assert!(line == at && problem.contains(part), "{line}: {problem}");
    }
    // What reads, but is not understood, goes into the inbox with its reason.
    assert!(matches!(&rows[6], (8, Read::Refused(reason)) if reason.contains("gift")), "{rows:?}");
    assert!(matches!(&rows[9], (11, Read::PassedOver(_))), "{rows:?}");
    assert!(matches!(&rows[10], (12, Read::Conversion(_))), "{rows:?}");
}

#[test]
fn a_negative_amount_that_nothing_calls_a_refund_is_no_sale() {
    let file = "clickid,sum,txid,time,status\nabc,-5.00,t-1,2026-01-02,approved\n";
    let rows = read(file, &DS24);
    assert!(matches!(&rows[0].1, Read::Unreadable(problem) if problem.contains("negative")), "{rows:?}");
}

#[test]
fn rows_without_a_transaction_id_are_taken_when_that_is_said_and_the_same_row_is_the_same_conversion() {
    let file = "transaction_type,datetime_unix,amount_affiliate\npayment,1697080237,1.00\npayment,1697080237,1.00\n";
    let rows = read(file, &[DS24[0], ("without_id", "true")]);
    let identity = |at: usize| match &rows[at].1 {
        Read::Conversion(conversion) => conversion.identity.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(identity(0), identity(1));
}

#[test]
fn a_column_may_tell_each_row_s_group() {
    let file = "group,transaction_id,transaction_type,at,amount_affiliate,type_sent\n\
                digistore24,t-1,payment,2026-01-02T03:04:05.678Z,1.00,\n\
                tracker,t-1,payment,2026-01-02T03:04:05.678Z,1.00,\n\
                nobody,t-1,payment,2026-01-02T03:04:05.678Z,1.00,\n";
    let rows = read(file, &[]);
    let group = |at: usize| match &rows[at].1 {
        Read::Conversion(conversion) => conversion.group.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!([group(0), group(1)], ["digistore24", "tracker"]);
    assert!(matches!(&rows[2].1, Read::Unreadable(problem) if problem.contains("nobody")), "{rows:?}");
    let rows = read(file, &[("group", "tracker")]);
    assert!(matches!(&rows[0].1, Read::PassedOver(reason) if reason.contains("digistore24")), "{rows:?}");
}

/// A conversion as the books list it.
fn row(said: Conversion) -> ConversionRow {
    ConversionRow {
        id: "018bcfe5-6800-7000-8000-000000000000".into(),
        at: said.sent_at.unwrap_or(1_700_000_000_000),
        received_at: 1_700_000_000_000,
        attribution: Attribution { state: State::Unattributed, reason: None, click_id: None, visit_id: None },
        said,
        sale_id: None,
        booked_under: None,
        overdrawn: false,
        repeated: false,
        rebill: false,
        source: BTreeMap::new(),
        click_ids: BTreeMap::new(),
    }
}

/// Text as it may come from anybody: quotes, commas, line breaks, and what begins like a formula.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof!["[-=+@,;'\"\t\r\na＝{}|0.]{0,10}", ".{0,20}", Just("=HYPERLINK(\"http://x\")".to_owned())]
}

proptest! {
    #[test]
    fn our_own_export_comes_back_as_it_was(
        texts in proptest::collection::vec(hostile(), 9),
        amounts in proptest::collection::vec(proptest::option::of(("[0-9]{1,7}", "(\\.[0-9]{1,6})?")), 4),
        kind in prop_oneof![Just("payment"), Just("refund"), Just("chargeback")],
        type_sent in prop_oneof![Just(String::new()), Just("upsell".to_owned()), "[A-Za-z]{1,8}"],
        at in 1_500_000_000_000i64..1_690_000_000_000,
        is_test in any::<bool>(),
    ) {
        let names =
            ["cid", "transaction_id", "order_id", "order_type", "billing_type", "product_id", "product_name", "sid1", "campaignkey"];
        let mut pairs: Vec<(String, String)> =
            names.iter().zip(&texts).map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        let own = ["amount_affiliate", "amount_vendor", "amount_brutto", "amount_netto"];
        for (name, amount) in own.iter().zip(&amounts) {
            if let Some((whole, fraction)) = amount {
                pairs.push(((*name).to_owned(), format!("{whole}{fraction}")));
            }
        }
        // Some words for the type say what happened; then they must not say otherwise.
        let says_otherwise = ["payment", "refund", "chargeback"].iter().any(|word| word.eq_ignore_ascii_case(&type_sent));
        prop_assume!(!says_otherwise);
        let when = jiff::Timestamp::from_millisecond(at).expect("in range");
        pairs.extend([
            ("transaction_type".to_owned(), kind.to_owned()),
            ("type".to_owned(), type_sent),
            ("currency".to_owned(), "EUR".to_owned()),
            ("datetime_full".to_owned(), format!("{when:.3}")),
            ("is_test".to_owned(), if is_test { "1".to_owned() } else { String::new() }),
        ]);
        let told = postback(&pairs);
        prop_assume!(told.transaction_id.is_some());
        let rounded = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(['E', 'e']));
        prop_assume!(![&told.transaction_id, &told.order_id, &told.sub_id].into_iter().any(rounded));

        let custom: Vec<String> = ["sid1", "sid2"].map(str::to_owned).to_vec();
        let mut file = header(&lists::conversion_columns(&custom));
        file.extend(lines([lists::conversion(row(told.clone()), &custom)]));
        let mut rows = try_read(&file, &[]).expect("our own export");
        prop_assert_eq!(rows.len(), 1);
        let Read::Conversion(back) = rows.remove(0).1 else { panic!("{file:?}") };
        let expected = Conversion { past: true, content: back.content.clone(), ..told };
        prop_assert_eq!(*back, expected);
    }

    #[test]
    fn any_file_is_read_or_refused(file in "(clickid|sum|txid|type|time|group|[,;\n\t\"'=0-9.a/:-]){0,40}") {
        let _ = try_read(file.as_bytes(), &[("group", "tracker"), ("without_id", "true")]);
    }
}
