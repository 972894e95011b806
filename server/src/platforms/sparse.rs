//! Bodies without what is not known: platforms refuse an empty field where they take a missing one.

use serde_json::Value;

/// The value without what is null or empty, at any depth. `false` and 0 say something and stay.
pub fn sparse(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, sparse(value)))
            .filter(|(_, value)| !is_empty(value))
            .collect(),
        Value::Array(items) => items.into_iter().map(sparse).filter(|value| !is_empty(value)).collect(),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_empty_goes_and_what_is_false_or_nothing_worth_stays() {
        let body =
            json!({ "a": null, "b": "", "c": [null, ""], "d": { "e": { "f": null } }, "g": false, "h": 0, "i": ["x"] });
        assert_eq!(sparse(body), json!({ "g": false, "h": 0, "i": ["x"] }));
    }
}
