//! What counts as "not there" in a parameter: nothing, the empty string, or a macro nobody expanded.

/// The value, unless it is empty or an unexpanded macro (`{cid}`, `__cid__`).
///
/// Networks send empty macros as empty strings, and test calls send the template itself
/// (design section 6.2, `facts/digistore24.md` 1.2).
pub fn present(value: &str) -> Option<&str> {
    let value = value.trim();
    if value.is_empty() || is_macro(value) {
        return None;
    }
    Some(value)
}

/// Whether the value is an unexpanded macro: `{name}` or `__name__`, the name of letters, digits and `_`.
pub fn is_macro(value: &str) -> bool {
    let name = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .or_else(|| value.strip_prefix("__").and_then(|rest| rest.strip_suffix("__")));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_and_unexpanded_macros_are_absent() {
        for value in ["", "  ", "{cid}", "__cid__", "{amount_brutto}"] {
            assert_eq!(present(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_value_is_kept_without_its_outer_space() {
        assert_eq!(present(" 0 "), Some("0"));
        assert_eq!(present("{a} {b}"), Some("{a} {b}"));
        assert_eq!(present("__"), Some("__"));
    }
}
