//! Whether a link leads to the same address each time, its sub-id aside. Pure.

use tagwerk_protocol::form;
use url::Url;

/// How the addresses differ that one link led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// Not at all.
    None,
    /// In what the parameters hold, or by more of them: an id of each visit, a time.
    Values,
    /// In host or path, or a parameter is gone: another offer, or somebody else's commission.
    Address,
}

/// Compares where a link led first with where it led another time. A slash at the end of the path and the order of
/// parameters mean nothing.
pub(super) fn between(first: &Url, other: &Url, sub_id: &str) -> Difference {
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let (had, has) = (parameters(first, sub_id), parameters(other, sub_id));
    let is_gone = |(name, _): &(String, String)| !has.iter().any(|(known, _)| known == name);
    if first.host_str() != other.host_str() || path(first) != path(other) || had.iter().any(is_gone) {
        Difference::Address
    } else if had == has {
        Difference::None
    } else {
        Difference::Values
    }
}

fn parameters(url: &Url, sub_id: &str) -> Vec<(String, String)> {
    let pairs = form::pairs(url.query().unwrap_or_default());
    let mut pairs: Vec<_> = pairs.filter(|(name, _)| !name.is_empty() && name != sub_id).collect();
    pairs.sort();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(other: &str) -> Difference {
        let url = |text: &str| Url::parse(text).expect(text);
        between(&url("https://n.example/go/1/?a=b&c=%E4"), &url(other), "sub")
    }

    #[test]
    fn the_sub_id_the_order_and_a_last_slash_make_no_difference() {
        for other in [
            "https://n.example/go/1/?a=b&c=%E4",
            "https://n.example/go/1?c=%E4&a=b",
            "http://n.example/go/1?a=b&sub=1&c=%E4&sub=2&#x",
        ] {
            assert_eq!(of(other), Difference::None, "{other}");
        }
    }

    #[test]
    fn other_values_and_more_parameters_are_told_from_another_address() {
        for other in ["https://n.example/go/1?a=z&c=%E4", "https://n.example/go/1?a=b&c=%E4&time=1"] {
            assert_eq!(of(other), Difference::Values, "{other}");
        }
        for other in [
            "https://m.example/go/1?a=b&c=%E4",
            "https://n.example/go/2?a=b&c=%E4",
            "https://n.example/go/1?a=b",
            "https://n.example/go/1?sub=1",
        ] {
            assert_eq!(of(other), Difference::Address, "{other}");
        }
    }
}
