//! Click ids, held to the published cases and to their promises.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing"
)]

use proptest::prelude::*;
use serde_json::Value;
use tagwerk_protocol::click_id::{ClickId, LENGTH, Random, Reading, VisitId, read};

/// A small generator, so that every run mints the same ids.
struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 33) as u8;
        }
        true
    }
}

fn minted(seed: u64) -> (VisitId, ClickId) {
    let mut random = Seeded(seed);
    let visit = VisitId::mint(&mut random).expect("randomness");
    let click = ClickId::mint(&visit, &mut random).expect("randomness");
    (visit, click)
}

#[test]
fn every_published_case_reads_as_it_says() {
    let cases: Value =
        serde_json::from_str(include_str!("../../tests/cases/clickids.json")).expect("the cases are JSON");
    let cases = cases["cases"].as_array().expect("a list of cases");
    assert!(cases.len() >= 17);
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        match (case["kind"].as_str().expect("a kind"), read(id)) {
            ("ours", Reading::Ours(click)) => {
                assert_eq!(click.visit().as_str(), case["visit"].as_str().expect("a visit"), "{id}");
            }
            ("absent", Reading::Absent) | ("other", Reading::Other(_)) => {}
            (kind, reading) => panic!("{id:?} should be {kind}, but reads as {reading:?}"),
        }
    }
}

#[test]
fn an_id_cut_off_on_the_way_still_tells_its_visit() {
    let (visit, click) = minted(7);
    let cut = &click.as_str()[..LENGTH - 3];
    assert_eq!(read(cut), Reading::Other(Some(visit)));
}

#[test]
fn nothing_is_minted_without_randomness() {
    assert_eq!(VisitId::mint(&mut |_: &mut [u8]| false), None);
}

#[test]
fn a_source_that_never_delivers_a_usable_byte_ends_in_none() {
    let stuck = |bytes: &mut [u8]| {
        bytes.fill(0xff);
        true
    };
    assert_eq!(VisitId::mint(&mut { stuck }), None);
}

#[test]
fn characters_are_unbiased() {
    let mut counts = [0u32; 36];
    let mut random = Seeded(1);
    for _ in 0..20_000 {
        let visit = VisitId::mint(&mut random).expect("randomness");
        for c in visit.as_str().chars() {
            counts[c.to_digit(36).expect("a base 36 digit") as usize] += 1;
        }
    }
    let expected = f64::from(20_000 * 16) / 36.0;
    for (digit, count) in counts.iter().enumerate() {
        let off = (f64::from(*count) - expected).abs() / expected;
        assert!(off < 0.06, "digit {digit} came {count} times, {expected} expected");
    }
}

proptest! {
    #[test]
    fn a_minted_id_reads_back_in_any_case(seed: u64) {
        let (visit, click) = minted(seed);
        prop_assert_eq!(click.as_str().len(), LENGTH);
        prop_assert_eq!(click.visit(), visit);
        prop_assert_eq!(read(click.as_str()), Reading::Ours(click.clone()));
        prop_assert_eq!(read(&click.as_str().to_ascii_uppercase()), Reading::Ours(click));
    }

    #[test]
    fn every_single_wrong_character_is_noticed(seed: u64, at in 0..LENGTH, other in "[a-z0-9]") {
        let (_, click) = minted(seed);
        let mut text = click.as_str().to_owned();
        prop_assume!(text[at..=at] != other);
        text.replace_range(at..=at, &other);
        prop_assert_eq!(ClickId::parse(&text), None);
    }

    #[test]
    fn every_swap_of_neighbours_is_noticed(seed: u64, at in 0..LENGTH - 1) {
        let (_, click) = minted(seed);
        let mut bytes = click.as_str().as_bytes().to_vec();
        prop_assume!(bytes[at] != bytes[at + 1]);
        bytes.swap(at, at + 1);
        let text = String::from_utf8(bytes).expect("still ASCII");
        prop_assert_eq!(ClickId::parse(&text), None);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".*") {
        let _ = read(&text);
    }
}
