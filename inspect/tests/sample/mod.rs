//! A page with something of everything in it, and the report on it.

use tagwerk_inspect::report::Kind;

pub(crate) const FACTS: &str = include_str!("../facts.json");
pub(crate) const REPORT: &str = include_str!("../report.json");

/// The functions that the page has.
pub(crate) const FUNCTIONS: [&str; 2] = ["fbq", "ttq.track"];

/// The page's links: kind, address, text, `data-tracking-group`.
pub(crate) const LINKS: [(Kind, &str, &str, Option<&str>); 9] = [
    (
        Kind::Link,
        "https://www.digistore24.com/redir/1/a?cid=hbshnsrle2u9bhhz1xhcgm36fwbdjgzd",
        "Buy it",
        Some("digistore24"),
    ),
    (Kind::Link, "https://hop.clickbank.net/?vendor=v", "Another offer", None),
    (Kind::Link, "https://www.digistore24.com/redir/1/a?cid=blog", "Mine", None),
    (Kind::Link, "https://www.digistore24.com/login", "Sign in", None),
    (Kind::Link, "https://elsewhere.example/", "Elsewhere", Some("digistore42")),
    (Kind::Link, "https://plain.example/", "No candidate", None),
    (Kind::Link, "https://shop.example/go/one?x=1", "Recommended", None),
    (Kind::Link, "https://shop.example/go/two", "Also good", None),
    (Kind::Form, "https://www.checkout-ds24.com/product/7", "Order", None),
];
