//! What the shim hands over, and what it gets back.

use crate::shop::{ask, record};
use tagwerk_protocol::form;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn a_record_without_a_visit_leaves_the_page_to_the_shim() {
    assert_eq!(ask(&["start", "seen=1"]), "");
}

#[wasm_bindgen_test]
fn a_new_visitor_gets_an_id_and_its_first_arrival_is_remembered() {
    let remembered = ask(&["start", &record("").replace("from=+", "from=gclid%3D1++")]);
    let fields: Vec<(String, String)> = form::pairs(&remembered).collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["visitor_id", "first_at", "first_page", "touch_at", "touch_page"]);
    assert_eq!(fields[0].1.len(), 16);
    let again = ask(&["start", &record(&format!("&{remembered}"))]);
    assert_eq!(again, remembered);
}

#[wasm_bindgen_test]
fn what_is_no_question_gets_no_answer() {
    for question in ["", "dance", "plan", "\0"] {
        assert_eq!(ask(&[question]), "", "{question:?}");
    }
}
