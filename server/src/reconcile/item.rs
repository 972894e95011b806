//! From an item of an API's list to the parameters of a postback. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use tagwerk_protocol::absent::present;
use tagwerk_protocol::group::api::{Api, Field, FieldForm};
use tagwerk_protocol::money::Amount;

/// The time zone of times without one.
pub(super) fn zone(api: &Api) -> Result<TimeZone, String> {
    match &api.zone {
        None => Ok(TimeZone::UTC),
        Some(rule) => TimeZone::posix(rule).map_err(|error| format!("api.zone \"{rule}\": {error}")),
    }
}

/// What stands at a place: names with dots between them, numbers for positions.
pub(super) fn at<'a>(value: &'a Value, place: &str) -> Option<&'a Value> {
    place.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })
}

/// A value as the text that a postback would have; `None` for what says nothing.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        _ => return None,
    };
    present(&text).map(str::to_owned)
}

/// The text at the first of these places that has one.
pub(super) fn first(item: &Value, places: &[String]) -> Option<String> {
    places.iter().find_map(|place| at(item, place).and_then(text))
}

/// What becomes of an item, in the order of the fields.
pub(super) fn pairs(fields: &[Field], item: &Value, zone: &TimeZone) -> Vec<(String, String)> {
    fields.iter().filter_map(|field| Some((field.param.clone(), value(field, item, zone)?))).collect()
}

fn value(field: &Field, item: &Value, zone: &TimeZone) -> Option<String> {
    let value = match field.form {
        FieldForm::Text => first(item, &field.from)?,
        // A date of noughts is how some databases write that there is none: then the next place is asked.
        FieldForm::Time => field.from.iter().find_map(|place| rfc3339(&at(item, place).and_then(text)?, zone))?,
        FieldForm::Amount => amount(field, item)?,
    };
    if field.words.is_empty() {
        return Some(value);
    }
    field.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&value)).map(|(_, ours)| ours.clone())
}

/// An amount without its sign, less another. What is no amount stays as it is: whoever reads it says what is wrong with it.
fn amount(field: &Field, item: &Value) -> Option<String> {
    let whole = first(item, &field.from)?;
    let Ok(amount) = Amount::parse(&whole) else { return Some(whole) };
    if field.minus.is_empty() {
        return Some(amount.magnitude().to_string());
    }
    let part = Amount::parse(&first(item, &field.minus)?).ok()?;
    Some(amount.magnitude().minus(part.magnitude())?.to_string())
}

fn rfc3339(text: &str, zone: &TimeZone) -> Option<String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.to_string());
    }
    let civil: DateTime = text.parse().ok()?;
    zone.to_ambiguous_timestamp(civil).compatible().ok().map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn field(form: FieldForm, from: &[&str], minus: &[&str]) -> Field {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Field { param: "p".into(), from: owned(from), form, minus: owned(minus), words: [].into() }
    }

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule")
    }

    fn time(text: &str) -> Option<String> {
        rfc3339(text, &berlin())
    }

    #[test]
    fn a_time_without_a_zone_is_read_in_the_api_s_own_in_summer_and_in_winter() {
        assert_eq!(time("2026-01-31 00:30:00").as_deref(), Some("2026-01-30T23:30:00Z"));
        assert_eq!(time("2026-07-31 00:30:00").as_deref(), Some("2026-07-30T22:30:00Z"));
        assert_eq!(time("2026-07-31").as_deref(), Some("2026-07-30T22:00:00Z"));
        assert_eq!(time("2026-07-31T00:30:00+05:00").as_deref(), Some("2026-07-30T19:30:00Z"));
    }

    #[test]
    fn an_hour_that_is_skipped_or_comes_twice_is_read_all_the_same() {
        assert_eq!(time("2026-03-29 02:30:00").as_deref(), Some("2026-03-29T01:30:00Z"));
        assert_eq!(time("2026-10-25 02:30:00").as_deref(), Some("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn a_time_that_is_none_leaves_the_word_to_the_next_place() {
        let field = field(FieldForm::Time, &["paid", "made"], &[]);
        let item = json!({ "paid": "0000-00-00 00:00:00", "made": "2026-01-31 00:30:00" });
        assert_eq!(value(&field, &item, &berlin()).as_deref(), Some("2026-01-30T23:30:00Z"));
        assert_eq!(value(&field, &json!({ "paid": "soon" }), &berlin()), None);
    }

    #[test]
    fn an_amount_loses_its_sign_and_keeps_its_decimals() {
        let field = field(FieldForm::Amount, &["moved", "whole"], &[]);
        for (item, expected) in [
            (json!({ "moved": "-88.20", "whole": "294.00" }), Some("88.20")),
            (json!({ "moved": null, "whole": "294.00" }), Some("294.00")),
            (json!({ "moved": "", "whole": 294.5 }), Some("294.5")),
            (json!({ "moved": "88,20" }), Some("88,20")),
            (json!({}), None),
        ] {
            assert_eq!(value(&field, &item, &berlin()).as_deref(), expected, "{item}");
        }
    }

    #[test]
    fn a_difference_needs_both_of_its_amounts() {
        let field = field(FieldForm::Amount, &["whole"], &["tax"]);
        for (item, expected) in [
            (json!({ "whole": "294.00", "tax": "46.94" }), Some("247.06")),
            (json!({ "whole": "-88.20", "tax": "-14.08" }), Some("74.12")),
            (json!({ "whole": "-88.20", "tax": "14.08" }), Some("74.12")),
            (json!({ "whole": "294.00" }), None),
            (json!({ "whole": "294.00", "tax": "none" }), None),
        ] {
            assert_eq!(value(&field, &item, &berlin()).as_deref(), expected, "{item}");
        }
    }

    #[test]
    fn of_words_that_are_mapped_any_other_says_nothing() {
        let words = [("test".to_owned(), "1".to_owned())].into();
        let field = Field { words, ..field(FieldForm::Text, &["type"], &[]) };
        for (word, expected) in [("test", Some("1")), ("TEST", Some("1")), ("live", None), ("regular", None)] {
            assert_eq!(value(&field, &json!({ "type": word }), &berlin()).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn a_place_leads_into_tables_and_lists() {
        let item = json!({ "items": [{ "id": 7 }], "ids": { "one": " x " } });
        let found = |place: &str| at(&item, place).and_then(text);
        assert_eq!(found("items.0.id").as_deref(), Some("7"));
        assert_eq!(found("ids.one").as_deref(), Some("x"));
        for place in ["items.1.id", "items.id", "ids", "ids.one.two", "", "."] {
            assert_eq!(found(place), None, "{place}");
        }
    }

    /// Any JSON of a few levels.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            "\\PC{0,20}".prop_map(Value::from),
            "-?[0-9]{1,9}(\\.[0-9]{0,4})?".prop_map(Value::from),
            "[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_item_is_read_without_a_panic_and_absent_values_make_no_pair(item in any_json()) {
            for form in [FieldForm::Text, FieldForm::Amount, FieldForm::Time] {
                let fields = [field(form, &["a", "b.c", "0", "a.1"], &[])];
                for (_, value) in pairs(&fields, &item, &berlin()) {
                    prop_assert!(present(&value).is_some());
                }
            }
        }

        #[test]
        fn a_difference_and_what_was_taken_off_add_up_to_the_whole(whole in 0i64..10_000_000, share in 0i64..10_000_000, minus in any::<bool>()) {
            let share = share.min(whole);
            let sign = if minus { "-" } else { "" };
            let written = |cents: i64| format!("{sign}{}.{:02}", cents / 100, cents % 100);
            let item = json!({ "whole": written(whole), "tax": written(share) });
            let left = value(&field(FieldForm::Amount, &["whole"], &["tax"]), &item, &berlin()).expect("a difference");
            let scaled = Amount::parse(&left).expect("an amount").scaled().expect("in range");
            prop_assert_eq!(scaled + share * 10_000, whole * 10_000);
        }

        #[test]
        fn every_second_of_the_clock_is_read(seconds in 0i64..4_000_000_000) {
            let zone = berlin();
            let at = Timestamp::from_second(seconds).expect("in range");
            let shown = at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
            let read: Timestamp = rfc3339(&shown, &zone).expect("a time").parse().expect("RFC 3339");
            // The second time of the hour that comes twice is read as the first.
            prop_assert!(read == at || at.as_second() - read.as_second() == 3600, "{} {}", shown, read);
        }
    }
}
