use super::*;
use crate::costs::{Change, written};
use proptest::prelude::*;

fn choices(pairs: &[(&str, &str)]) -> Choices {
    let mut choices = Choices::default();
    for (name, value) in pairs {
        assert_eq!(choices.set(name, value), Ok(true), "{name}={value}");
    }
    choices
}

fn read_with(file: &str, pairs: &[(&str, &str)]) -> Told {
    read(file.as_bytes(), &choices(pairs), "EUR", 7).expect(file)
}

/// Each cost as `day(s) amount currency dimension=value ...`.
fn told(file: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let told = read_with(file, pairs);
    assert_eq!(told.problems, [], "{file}");
    shown(&told)
}

fn shown(told: &Told) -> Vec<String> {
    let one = |cost: &Cost| {
        let days = if cost.first_day == cost.last_day {
            cost.first_day.to_string()
        } else {
            format!("{}..{}", cost.first_day, cost.last_day)
        };
        let dimensions: String = cost.dimensions.iter().map(|(word, value)| format!(" {word}={value}")).collect();
        format!("{days} {} {}{dimensions}", written(cost.amount), cost.currency)
    };
    told.costs.iter().map(one).collect()
}

fn problems(file: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let told = read_with(file, pairs);
    told.problems.iter().map(|line| format!("{}: {}", line.number, line.reason)).collect()
}

#[test]
fn a_file_of_days_and_campaigns_is_read() {
    let file = "Day,Campaign name,Ad set name,Amount spent (USD)\n2026-01-02,Winter,A,12.5\n2026-01-01,Winter,B,0.03\n";
    assert_eq!(
        told(file, &[]),
        ["2026-01-02 12.50 USD utm_campaign=Winter utm_term=A", "2026-01-01 0.03 USD utm_campaign=Winter utm_term=B"]
    );
    let read = read_with(file, &[]);
    assert_eq!((read.tool, read.source.as_str(), read.rows), (Some("Meta"), "Meta", 2));
}

#[test]
fn lines_before_the_table_and_rows_that_sum_up_are_passed_over() {
    let file = "Campaign performance\n\"January 1, 2026 - January 31, 2026\"\nDay,Campaign,Currency code,Cost\n\
                2026-01-02,Winter,EUR,\"1,234.50\"\nTotal: Campaigns, --, --,99\n, --,EUR,99\n2026-01-03,Winter,EUR,--\n\
                2026-01-03,Total Relax,EUR,5\n2026 Microsoft. All rights reserved.\n";
    let read = read_with(file, &[]);
    assert_eq!(
        shown(&read),
        ["2026-01-03 5.00 EUR utm_campaign=Total Relax", "2026-01-02 1234.50 EUR utm_campaign=Winter"]
    );
    assert_eq!(read.problems, []);
    assert_eq!(read.passed_over.iter().map(|line| line.number).collect::<Vec<_>>(), [5, 6, 7, 9]);
}

#[test]
fn a_spreadsheet_s_export_in_utf_16_is_read() {
    let text = "\u{feff}Tag\tKampagne\tWährungscode\tKosten\r\n31.01.2026\tFrühling\tEUR\t1.234,50\r\n";
    let file: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let read = read(&file, &Choices::default(), "USD", 7).expect("read");
    assert_eq!(shown(&read), ["2026-01-31 1234.50 EUR utm_campaign=Frühling"]);
}

#[test]
fn what_one_row_does_not_show_the_others_do() {
    let file = "Date,Campaign,Cost\n2/1/2026,a,\"1,234\"\n2/13/2026,a,0.5\n";
    assert_eq!(told(file, &[]), ["2026-02-13 0.50 EUR utm_campaign=a", "2026-02-01 1234.00 EUR utm_campaign=a"]);
    let file = "Date;Campaign;Cost\n13/2/2026;a;1.234\n2/1/2026;a;0,5\n";
    assert_eq!(told(file, &[]), ["2026-02-13 1234.00 EUR utm_campaign=a", "2026-01-02 0.50 EUR utm_campaign=a"]);
}

#[test]
fn what_could_be_two_is_told_until_somebody_says_which() {
    let file = "Date,Campaign,Cost\n2/1/2026,a,5\n";
    assert!(problems(file, &[])[0].starts_with("2: \"2/1/2026\" could be two days; say which with dates=day_first"));
    assert_eq!(told(file, &[("dates", "day_first")]), ["2026-01-02 5.00 EUR utm_campaign=a"]);
    let file = "Date,Campaign,Cost\n2026-01-01,a,\"1,234\"\n";
    assert!(problems(file, &[])[0].contains("decimals=point"));
    assert_eq!(told(file, &[("decimals", "comma")]), ["2026-01-01 1.234 EUR utm_campaign=a"]);
}

#[test]
fn a_row_that_does_not_read_is_told_by_its_line_and_the_others_are_read() {
    let long = "x".repeat(501);
    let file = format!(
        "Day,Campaign,Cost,Currency\n2026-02-30,a,5,EUR\n2026-01-01,a,free,EUR\n2026-01-01,a,-5,EUR\n2026-01-01,a,5,euro\n\
         2026-01-01,{long},5,EUR\n2026-01-01,a,€5,USD\n2026-01-01,a,9999999999999,EUR\n1026-01-01,a,5,EUR\n2026-01-01,b,5,EUR\n"
    );
    let lines: Vec<u64> = read_with(&file, &[]).problems.iter().map(|line| line.number).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(shown(&read_with(&file, &[])), ["2026-01-01 5.00 EUR utm_campaign=b"]);
}

#[test]
fn the_currency_is_the_row_s_else_the_header_s_else_the_amount_s_else_the_one_chosen() {
    let one = |file: &str, pairs: &[(&str, &str)]| told(file, pairs)[0].clone();
    assert_eq!(one("Day,Cost (EUR),Currency\n2026-01-01,5,usd\n", &[]), "2026-01-01 5.00 USD");
    assert_eq!(one("Day,Cost (CHF),Currency\n2026-01-01,5,\n", &[("currency", "usd")]), "2026-01-01 5.00 CHF");
    assert_eq!(one("Day,Cost\n2026-01-01,\"£ 1,234.50\"\n", &[("currency", "usd")]), "2026-01-01 1234.50 GBP");
    assert_eq!(one("Day;Cost\n2026-01-01;1\u{a0}234,50 SEK\n", &[]), "2026-01-01 1234.50 SEK");
    assert_eq!(one("Day,Cost\n2026-01-01,$5\n", &[("currency", "usd")]), "2026-01-01 5.00 USD");
    assert_eq!(one("Day,Cost\n2026-01-01,5\n", &[]), "2026-01-01 5.00 EUR");
}

#[test]
fn rows_of_several_days_are_one_cost() {
    let file = "Reporting starts,Reporting ends,Campaign name,Amount spent (EUR)\n2026-01-01,2026-01-31,a,31\n";
    assert_eq!(told(file, &[]), ["2026-01-01..2026-01-31 31.00 EUR utm_campaign=a"]);
}

#[test]
fn days_are_read_as_they_stand_there_whatever_zone_is_behind_them() {
    for day in
        ["2026-01-31", "20260131", "2026-01-31T00:30:00+14:00", "2026-01-31 00:00:00", "31.01.2026", "Jan 31, 2026"]
    {
        assert_eq!(told(&format!("Day,Cost\n\"{day}\",5\n"), &[]), ["2026-01-31 5.00 EUR"], "{day}");
    }
}

#[test]
fn amounts_are_rounded_to_what_is_kept() {
    let file = "Day,Campaign,Cost\n2026-01-01,a,0.12345649\n2026-01-01,b,0.1234565\n2026-01-01,c,0.9999999\n";
    let amounts: Vec<i64> = read_with(file, &[]).costs.iter().map(|cost| cost.amount).collect();
    assert_eq!(amounts, [123_456, 123_457, 1_000_000]);
}

#[test]
fn what_rows_do_not_tell_is_said_for_all_of_them() {
    let file = "Day,Source,Campaign,Cost\n2026-01-01,,a,5\n2026-01-01,other,a,5\n";
    let with = [("with.utm_source", "facebook"), ("with.platform", "meta")];
    let told = told(file, &with);
    assert_eq!(
        told,
        [
            "2026-01-01 5.00 EUR platform=meta utm_campaign=a utm_source=facebook",
            "2026-01-01 5.00 EUR platform=meta utm_campaign=a utm_source=other"
        ]
    );
}

#[test]
fn the_rows_of_one_day_and_campaign_are_added_up() {
    let file = "Day,Campaign,Device,Cost\n2026-01-01,a,pc,5\n2026-01-01,a,phone,0.000001\n";
    assert_eq!(told(file, &[("column.Device", "")]), ["2026-01-01 5.000001 EUR utm_campaign=a"]);
}

#[test]
fn the_same_row_has_the_same_id_in_every_file_of_its_name_and_no_other() {
    let ids = |file: &str, source: &str| -> Vec<String> {
        read_with(file, &[("source", source)]).costs.into_iter().map(|cost| cost.id).collect()
    };
    let first = "Day,Campaign,Cost\n2026-01-01,a,5\n";
    let restated = "Cost;Campaign;Date\n0,10;a;02.01.2026\n6,00;a;01.01.2026\n";
    assert_eq!(ids(first, "Meta"), ids(restated, "Meta")[1..]);
    assert_ne!(ids(first, "Meta"), ids(first, "Google"));
    for other in ["2026-01-02,a,5", "2026-01-01,b,5", "2026-01-01,a,$5 USD"] {
        let other = format!("Day,Campaign,Cost\n{other}\n").replace("$5 USD", "USD 5");
        assert_ne!(ids(first, "Meta"), ids(&other, "Meta"), "{other}");
    }
}

#[test]
fn what_a_file_would_change_is_told() {
    let told = |rows: &str| read_with(&format!("Day,Campaign,Cost\n{rows}"), &[]).costs;
    let kept = told("2026-01-01,a,5\n2026-01-01,b,5\n2026-01-01,c,5\n");
    let change =
        Change::of(&kept, &told("2026-01-01,a,5\n2026-01-01,b,6\n2026-01-01,c,0\n2026-01-01,d,1\n2026-01-01,e,0\n"));
    assert_eq!(change, Change { added: 1, changed: 1, same: 1, removed: 1 });
}

#[test]
fn a_file_whose_columns_are_not_known_says_which_it_has() {
    let refused = |file: &str| read(file.as_bytes(), &Choices::default(), "EUR", 7).expect_err(file);
    let other = refused("When,What,How much\n2026-01-01,a,5\n");
    assert_eq!(other.columns, ["When", "What", "How much"]);
    assert!(
        other
            .sentence
            .starts_with("no column tells the day, or what was spent; say which does. The columns are \"When\"")
    );
    assert!(refused("").sentence.contains("empty"));
    assert!(refused("PK\u{3}\u{4}").sentence.contains("CSV UTF-8"));
    let chosen = [("column.When", "day"), ("column.How much", "amount"), ("column.What", "utm_campaign")];
    let told = told("When,What,How much\n2026-01-01,a,5\n", &chosen);
    assert_eq!(told, ["2026-01-01 5.00 EUR utm_campaign=a"]);
    let unknown = read(b"Day,Cost\n", &choices(&[("column.Spent", "amount")]), "EUR", 7).expect_err("unknown");
    assert!(unknown.sentence.contains("no column \"Spent\"") && unknown.columns == ["Day", "Cost"]);
}

#[test]
fn a_choice_that_cannot_be_is_refused_by_name() {
    for (name, value) in [
        ("source", "x\ny"),
        ("currency", "euro"),
        ("decimals", "dot"),
        ("dates", "us"),
        ("with.product", "x"),
        ("with.country", "Germany"),
    ] {
        let refused = Choices::default().set(name, value).expect_err(name);
        assert!(refused.contains(name.rsplit('.').next().unwrap_or_default()), "{refused}");
    }
    assert_eq!(Choices::default().set("colum.x", "day"), Ok(false));
}

proptest! {
    #[test]
    fn any_file_is_read_without_a_panic(file in "[0-9/.,;a\"\n\r -]{0,80}|.*", head in any::<bool>()) {
        let file = if head { format!("Day,Campaign,Cost\n{file}") } else { file };
        let _ = read(file.as_bytes(), &Choices::default(), "EUR", 7);
    }

    #[test]
    fn what_rows_say_adds_up(amounts in proptest::collection::vec(0i64..1_000_000_000_000, 1..40)) {
        let rows: String = amounts.iter().enumerate().map(|(at, amount)| {
            format!("2026-01-0{},{},{}\n", at % 9 + 1, at % 4, written(*amount))
        }).collect();
        let told = read_with(&format!("Day,Campaign,Cost\n{rows}"), &[("decimals", "point")]);
        prop_assert_eq!(told.costs.iter().map(|cost| cost.amount).sum::<i64>(), amounts.iter().sum::<i64>());
    }
}
