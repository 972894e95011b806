//! The addresses of a site that others are to call: for affiliates, for vendors, for trackers, and for images in pages. Pure.

use crate::intake::TYPE;
use serde::Serialize;
use tagwerk_protocol::group::connect::WayKind;
use tagwerk_protocol::group::{Group, Postback};

/// An address, and where to enter it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostbackUrl {
    /// What it is for.
    pub kind: WayKind,
    /// The group's name.
    pub group: String,
    /// What people call the network.
    pub title: String,
    /// The address; the sender replaces what is in braces.
    pub url: String,
    /// Where it is entered, as `Network: Account > Postback > Add`.
    pub setup: String,
}

/// Every address of a site: first those of networks, by group, then those of trackers and pixels.
pub fn of<'a>(
    public_url: &str,
    site_id: &str,
    tracking_id: &str,
    groups: impl IntoIterator<Item = &'a Group>,
) -> Vec<PostbackUrl> {
    let (trackers, networks): (Vec<&Group>, Vec<&Group>) = groups.into_iter().partition(|group| group.tracker);
    let base = format!("{public_url}/{tracking_id}");
    let networks = networks.into_iter().flat_map(|group| of_network(&base, group));
    let trackers = trackers.into_iter().take(1).flat_map(|group| of_tracker(public_url, site_id, &base, group));
    networks.chain(trackers).collect()
}

fn of_network(base: &str, group: &Group) -> Vec<PostbackUrl> {
    let url = |kind, url, setup: &str| PostbackUrl {
        kind,
        group: group.name.clone(),
        title: group.title.clone(),
        url,
        setup: setup.to_owned(),
    };
    let mut urls = Vec::new();
    if let Some(postback) = &group.postback {
        let collect = |macros: String| format!("{base}/collect/{}?{macros}", group.name);
        let affiliate = Postback::query(&postback.affiliate_macros);
        if !affiliate.is_empty() {
            urls.push(url(WayKind::Affiliate, collect(affiliate), &postback.setup));
        }
        if !postback.vendor_macros.is_empty() {
            let vendor = Postback::query(postback.affiliate_macros.iter().chain(&postback.vendor_macros));
            let setup = postback.vendor_setup.as_deref().unwrap_or(&postback.setup);
            urls.push(url(WayKind::Vendor, collect(vendor), setup));
        }
    }
    if let Some(ipn) = &group.ipn {
        urls.push(url(WayKind::Ipn, format!("{base}/ipn/{}", group.name), &ipn.setup));
    }
    urls
}

/// Whether a group's postback URLs for affiliates and vendors differ, so that calls tell by which of them they came.
pub fn tells_apart(group: &Group) -> bool {
    group
        .postback
        .as_ref()
        .is_some_and(|postback| !postback.affiliate_macros.is_empty() && !postback.vendor_macros.is_empty())
}

/// By which of a group's postback URLs a call with parameters of these names came. A URL as it was handed out has all names of its own,
/// whatever stands behind them; of one that somebody wrote or changed it cannot be told.
pub fn came_by(postback: &Postback, names: &[String]) -> Option<WayKind> {
    let has = |wanted: &String| {
        let wanted = Postback::plain_name(wanted);
        names.iter().any(|name| Postback::plain_name(name) == wanted)
    };
    let (affiliate, vendor) = (&postback.affiliate_macros, &postback.vendor_macros);
    match (affiliate.iter().all(has), vendor.iter().all(has), vendor.iter().any(has)) {
        (true, true, true) => Some(WayKind::Vendor),
        (true, false, false) => Some(WayKind::Affiliate),
        _ => None,
    }
}

/// Each parameter stands under its own name: which macro goes there, only the sender knows.
fn of_tracker(public_url: &str, site_id: &str, base: &str, group: &Group) -> Vec<PostbackUrl> {
    let Some(postback) = &group.postback else { return Vec::new() };
    let (fields, amounts) = (&postback.fields, &postback.amounts);
    let kind = TYPE.to_owned();
    let optional = [amounts.affiliate.as_ref(), Some(&kind), fields.transaction_id.as_ref(), fields.currency.as_ref()];
    let names = [&fields.click_id].into_iter().chain(optional.into_iter().flatten());
    let url = |kind, url, setup: &str| PostbackUrl {
        kind,
        group: group.name.clone(),
        title: group.title.clone(),
        url,
        setup: setup.to_owned(),
    };
    let tracker = url(WayKind::Tracker, format!("{base}/postback?{}", Postback::query(names)), &postback.setup);
    let pixel = postback.pixel.as_ref().map(|pixel| {
        let query = format!("format=img&{}={}&{TYPE}={}", fields.click_id, pixel.click_id, pixel.kind);
        url(WayKind::Pixel, format!("{public_url}/{site_id}/postback?{query}"), &pixel.setup)
    });
    [tracker].into_iter().chain(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = r#"
title = "Net Work"
[link]
sub_id = "cid"
hosts = ["network.example"]
[postback]
setup = "Net Work: Account > S2S"
vendor_setup = "Net Work: Settings > S2S"
affiliate_macros = ["cid", "amount"]
vendor_macros = ["email", "order_id"]
[postback.fields]
click_id = "cid"
transaction_type = "kind"
[postback.transaction_types]
payment = "payment"
[ipn]
setup = "Net Work: Settings > IPN"
signature = "sorted_pairs_sha512"
signed_by = ["sign"]
event = "event"
[ipn.form.fields]
click_id = "click"
transaction_type = "event"
[ipn.form.transaction_types]
paid = "payment"
"#;

    const TRACKER: &str = r#"
title = "Others"
tracker = true
[link]
sub_id = "cid"
hosts = []
[postback]
setup = "Wherever"
[postback.pixel]
setup = "In a page"
click_id = "__cid__"
kind = "InitiateCheckout"
[postback.fields]
click_id = "clickid"
transaction_type = "what"
transaction_id = "txid"
currency = "currency"
[postback.amounts]
affiliate = "sum"
[postback.transaction_types]
payment = "payment"
"#;

    const WITHOUT_POSTBACKS: &str = "title = \"Other\"\n[link]\nsub_id = \"tid\"\nhosts = [\"other.example\"]\n";

    fn urls(groups: &[(&str, &str)]) -> Vec<(WayKind, String, String)> {
        let groups: Vec<Group> =
            groups.iter().map(|(name, text)| Group::parse(name, name, text).expect("a group")).collect();
        let urls = of("https://t.example", "PUBLIC", "SECRET", &groups);
        urls.into_iter().map(|url| (url.kind, url.url, url.setup)).collect()
    }

    #[test]
    fn a_network_s_vendor_url_has_the_affiliate_s_macros_and_its_own() {
        let found = urls(&[("network", NETWORK)]);
        let expected = [
            (
                WayKind::Affiliate,
                "https://t.example/SECRET/collect/network?cid={cid}&amount={amount}",
                "Net Work: Account > S2S",
            ),
            (
                WayKind::Vendor,
                "https://t.example/SECRET/collect/network?cid={cid}&amount={amount}&email={email}&order_id={order_id}",
                "Net Work: Settings > S2S",
            ),
            (WayKind::Ipn, "https://t.example/SECRET/ipn/network", "Net Work: Settings > IPN"),
        ];
        assert_eq!(found, expected.map(|(kind, url, setup)| (kind, url.to_owned(), setup.to_owned())));
    }

    #[test]
    fn a_call_tells_by_its_names_alone_by_which_url_it_came() {
        let group = Group::parse("network", "network", NETWORK).expect("a group");
        let postback = group.postback.as_ref().expect("postbacks");
        let by = |names: &[&str]| came_by(postback, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(tells_apart(&group));
        assert_eq!(by(&["cid", "AMOUNT", "type"]), Some(WayKind::Affiliate));
        assert_eq!(by(&["cid", "amount", "email", "order-id"]), Some(WayKind::Vendor));
        assert_eq!(by(&["cid", "amount", "order_id"]), None, "affiliates use it, too");
        assert_eq!(by(&["cid"]), None, "written by hand");
        assert!(!tells_apart(&Group::parse("other", "other", WITHOUT_POSTBACKS).expect("a group")));
    }

    #[test]
    fn trackers_come_last_and_a_pixel_holds_the_public_id_alone() {
        let found = urls(&[("a-tracker", TRACKER), ("network", NETWORK), ("other", WITHOUT_POSTBACKS)]);
        let kinds: Vec<WayKind> = found.iter().map(|(kind, _, _)| *kind).collect();
        use WayKind::{Affiliate, Ipn, Pixel, Tracker, Vendor};
        assert_eq!(kinds, [Affiliate, Vendor, Ipn, Tracker, Pixel]);
        assert_eq!(
            found[3].1,
            "https://t.example/SECRET/postback?clickid={clickid}&sum={sum}&type={type}&txid={txid}&currency={currency}"
        );
        assert_eq!(found[4].1, "https://t.example/PUBLIC/postback?format=img&clickid=__cid__&type=InitiateCheckout");
        assert!(found.iter().all(|(kind, url, _)| url.contains("SECRET") != (*kind == Pixel)));
    }

    #[test]
    fn a_group_without_postbacks_has_no_address() {
        assert_eq!(urls(&[("other", WITHOUT_POSTBACKS)]), []);
    }
}
