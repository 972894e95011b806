//! What came in, as a person reads it. Pure: rows of the store in, plain words out. Every string in here was sent by
//! somebody and is shown as text; the templates escape it and make no link of it.

use super::came_from::{Origin, Pair, without};
use super::figures::Figures;
use super::when::{Moment, Money};
use crate::attribution::State;
use crate::masking::Masking;
use crate::reading::RawRequest;
use crate::store::{ClickRow, ConversionRow, Listing, PostbackRow, Visit};
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::money::Amount;
use tagwerk_protocol::{absent, form};

/// A part of a list, as shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part<T> {
    /// The entries, newest first.
    pub(super) items: Vec<T>,
    /// The cursor of the older ones.
    pub(super) older: Option<String>,
}

impl<T> Part<T> {
    /// Shows each row of a listing.
    pub(super) fn of<R>(listing: Listing<R>, show: impl FnMut(R) -> T) -> Self {
        Self { items: listing.items.into_iter().map(show).collect(), older: listing.next }
    }
}

/// A conversion, as shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ConversionEntry {
    /// Its id.
    pub(super) id: String,
    /// When it happened.
    pub(super) at: Moment,
    /// `Purchase`, ...
    pub(super) kind: String,
    /// `attributed`, ...
    pub(super) state: &'static str,
    /// What there is to say about it.
    pub(super) reasons: Vec<String>,
    /// What it is worth by the site's rule.
    pub(super) value: Option<Money>,
    /// What the affiliate earns.
    pub(super) commission: Option<Money>,
    /// What was sold.
    pub(super) product: Option<String>,
    /// The network's transaction.
    pub(super) transaction_id: Option<String>,
    /// All else that is known.
    pub(super) facts: Vec<Pair>,
    /// The ad that made it; `None` where no visit is known.
    pub(super) origin: Option<Origin>,
}

/// Shows a conversion, with its visit and click where they are known.
pub(super) fn conversion(
    row: ConversionRow,
    visit: Option<&Visit>,
    click: Option<&ClickRow>,
    figures: &Figures,
) -> ConversionEntry {
    let said = &row.said;
    let amount = |amount| Money::of(amount, said, figures).map(|money| format!("{} {}", money.amount, money.currency));
    let mut facts: Vec<Pair> = [
        Pair::some("Brutto", amount(said.amounts.brutto)),
        Pair::some("Netto", amount(said.amounts.netto)),
        Pair::some("Vendor's share", amount(said.amounts.vendor)),
        Some(Pair::new("Transaction", said.transaction_type.as_str())),
        Pair::some("Order", said.order_id.as_deref()),
        Pair::some("Order type", said.order_type.as_deref()),
        Pair::some("Billing type", said.billing_type.as_deref()),
        Pair::some("Billing status", said.billing_status.as_deref()),
        Pair::some("Product id", said.product_id.as_deref()),
        Pair::some("Takes back sale", row.sale_id.as_deref()),
        Pair::some("Click id", row.attribution.click_id.as_deref().or(said.sub_id.as_deref())),
        Pair::some("Visit", row.attribution.visit_id.as_deref()),
        Some(Pair::new("Group", said.group.as_str())),
        Some(Pair::new("Conversion", row.id.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect();
    facts.extend(said.custom.iter().map(|(name, value)| Pair::new(name, value.as_str())));
    let is_credited = row.attribution.visit_id.is_some() || row.attribution.state == State::Attributed;
    let origin = is_credited.then(|| Origin {
        link: click.map(|click| click.label.clone().unwrap_or_else(|| click.href.clone())),
        ..Origin::of(
            &row.source,
            &row.click_ids,
            visit.map(|visit| visit.landing_page.as_str()),
            visit.and_then(|visit| visit.referrer.as_deref()),
        )
    });
    // Amounts are kept as magnitudes; what a person reads as earned has to shrink where money went back.
    let commission = match said.transaction_type {
        TransactionType::Payment => said.amounts.affiliate,
        TransactionType::Refund | TransactionType::Chargeback => said.amounts.affiliate.map(Amount::negated),
    };
    // The columns of money are what a person adds up; what is booked under another conversion is a detail here.
    let (commission, elsewhere) = match row.booked_under {
        None => (commission, None),
        Some(_) => (None, commission),
    };
    facts.extend(Pair::some("Commission", amount(elsewhere)));
    ConversionEntry {
        at: Moment::of(row.at),
        kind: said.kind.clone(),
        state: row.attribution.state.as_str(),
        reasons: row.reasons(),
        value: Money::of(row.value(), said, figures),
        commission: Money::of(commission, said, figures),
        product: said.product_name.clone().or_else(|| said.product_id.clone()),
        transaction_id: said.transaction_id.clone(),
        facts,
        origin,
        id: row.id,
    }
}

/// A click, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClickEntry {
    /// Its id.
    pub(super) click_id: String,
    /// When.
    pub(super) at: Moment,
    /// The link's text.
    pub(super) label: Option<String>,
    /// Where it led.
    pub(super) href: String,
    /// The page it stood on.
    pub(super) page: String,
    /// The tracking group.
    pub(super) group: Option<String>,
    /// How it was opened.
    pub(super) how: String,
    /// Whether it kept somebody else's sub-id.
    pub(super) foreign: bool,
    /// Its visit.
    pub(super) visit_id: String,
}

/// Shows a click; its page stands there without the ad's parameters, which its visit tells.
pub(super) fn click(row: ClickRow, ad_parameters: &[String]) -> ClickEntry {
    let is_ad_s = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("utm_") || ad_parameters.iter().any(|known| known.eq_ignore_ascii_case(&name))
    };
    ClickEntry {
        at: Moment::of(row.at),
        click_id: row.click_id,
        label: row.label,
        href: row.href,
        page: without(&row.page, is_ad_s),
        group: row.group,
        how: row.how,
        foreign: row.foreign,
        visit_id: row.visit_id,
    }
}

/// A visit, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VisitEntry {
    /// Its id.
    pub(super) visit_id: String,
    /// When it began.
    pub(super) at: Moment,
    /// Where it came from.
    pub(super) origin: Origin,
    /// Device and country, what is known of them.
    pub(super) device: Option<String>,
    /// Whether it is a bot or an automated browser.
    pub(super) bot: bool,
    /// Where this visitor first came from, if that was another arrival.
    pub(super) first: Option<Origin>,
}

/// Shows a visit.
pub(super) fn visit(row: Visit) -> VisitEntry {
    let first =
        row.first_touch.as_ref().filter(|first| first.landing_page != row.landing_page).map(|first| {
            Origin::of(&first.source, &first.click_ids, Some(&first.landing_page), first.referrer.as_deref())
        });
    let device: Vec<String> = [row.device, row.country].into_iter().flatten().collect();
    VisitEntry {
        at: Moment::of(row.at),
        origin: Origin::of(&row.source, &row.click_ids, Some(&row.landing_page), row.referrer.as_deref()),
        visit_id: row.visit_id,
        device: (!device.is_empty()).then(|| device.join(", ")),
        bot: row.bot,
        first,
    }
}

/// A postback, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostbackEntry {
    /// Its id.
    pub(super) id: String,
    /// When it arrived.
    pub(super) at: Moment,
    /// The group in its URL.
    pub(super) group: String,
    /// `accepted`, ...
    pub(super) state: String,
    /// Why.
    pub(super) reason: Option<String>,
    /// The request as it arrived; `None` where it no longer opens.
    pub(super) raw: Option<Raw>,
    /// The conversion it made, repeats or changed.
    pub(super) conversion_id: Option<String>,
}

/// Shows a postback; `open` reads the sealed request, and what tells of a person is left out of it.
pub(super) fn postback(
    row: PostbackRow,
    seen: &Masking,
    open: impl FnOnce(&PostbackRow) -> Option<RawRequest>,
) -> PostbackEntry {
    let opened = open(&row);
    let row = seen.masked(row);
    PostbackEntry {
        raw: opened.map(|opened| raw(seen.raw(&opened))),
        at: Moment::of(row.received_at),
        id: row.id,
        group: row.group,
        state: row.state,
        reason: row.reason,
        conversion_id: row.conversion_id,
    }
}

/// A raw request, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// GET or POST.
    pub(super) method: String,
    /// Who sent it.
    pub(super) source_ip: String,
    /// Query and body as they arrived.
    pub(super) text: String,
    /// The parameters that say something, decoded.
    pub(super) parameters: Vec<Pair>,
}

fn raw(request: RawRequest) -> Raw {
    let parameters = form::pairs(&request.query).chain(form::pairs(&request.body));
    Raw {
        parameters: parameters
            .filter(|(_, value)| absent::present(value).is_some())
            .map(|(name, value)| Pair { name, value })
            .collect(),
        text: request.text(),
        method: request.method,
        source_ip: request.source_ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::{Attribution, State};
    use crate::store::FirstTouch;
    use std::collections::BTreeMap;
    use tagwerk_protocol::conversion::{Amounts, Conversion, Repeat};
    use tagwerk_protocol::money::Currency;

    fn english() -> Figures {
        Figures::of(&axum::http::HeaderMap::new())
    }

    fn row(transaction_type: TransactionType) -> ConversionRow {
        let amount = |text: &str| Amount::parse(text).ok();
        ConversionRow {
            id: "c1".into(),
            at: 0,
            received_at: 0,
            attribution: Attribution {
                state: State::Attributed,
                reason: None,
                click_id: Some("click".into()),
                visit_id: Some("visit".into()),
            },
            said: Conversion {
                group: "network".into(),
                identity: "i".into(),
                content: "h".into(),
                kind: "Purchase".into(),
                type_sent: None,
                value: amount("1.64"),
                currency: Currency::parse("EUR"),
                amounts: Amounts { affiliate: amount("101.64"), ..Amounts::default() },
                transaction_id: Some("t-1".into()),
                transaction_type,
                assumed: false,
                order_type: None,
                billing_type: None,
                billing_status: None,
                order_id: None,
                product_id: Some("7".into()),
                product_name: None,
                sub_id: None,
                custom: vec![("sid1".into(), "one".into())],
                sent_at: None,
                is_test: false,
                repeat: Repeat::Ignore,
                series: None,
                rebill: None,
                recurring: false,
                click_expiry_days: None,
                past: false,
                marked: false,
                notes: vec!["a note".into()],
            },
            sale_id: None,
            booked_under: None,
            overdrawn: false,
            repeated: false,
            rebill: false,
            source: BTreeMap::from([("utm_source".into(), "google".into())]),
            click_ids: BTreeMap::from([("gclid".into(), "G".into())]),
        }
    }

    fn a_visit() -> Visit {
        Visit {
            visit_id: "visit".into(),
            visitor_id: None,
            at: 0,
            received_at: 0,
            landing_page: "https://a.example/?utm_source=google".into(),
            referrer: None,
            source: BTreeMap::from([("utm_source".into(), "google".into())]),
            click_ids: BTreeMap::new(),
            cookies: BTreeMap::new(),
            first_touch: None,
            country: Some("DE".into()),
            device: Some("pc".into()),
            bot: false,
            cost: None,
        }
    }

    fn a_click(label: Option<&str>) -> ClickRow {
        ClickRow {
            click_id: "click".into(),
            visit_id: "visit".into(),
            at: 0,
            received_at: 0,
            group: None,
            href: "https://network.example/".into(),
            label: label.map(str::to_owned),
            page: "https://a.example/".into(),
            how: "left".into(),
            foreign: false,
        }
    }

    #[test]
    fn a_conversion_names_the_ad_the_landing_page_and_the_link() {
        let entry =
            conversion(row(TransactionType::Payment), Some(&a_visit()), Some(&a_click(Some("Buy now"))), &english());
        let origin = entry.origin.unwrap();
        assert_eq!(origin.campaign, [Pair::new("source", "google")]);
        assert_eq!(origin.click_ids, [Pair::new("gclid", "G")]);
        assert_eq!(origin.landing_page.as_deref(), Some("https://a.example/"));
        assert_eq!(origin.link.as_deref(), Some("Buy now"));
    }

    #[test]
    fn a_link_without_text_is_named_by_where_it_led() {
        let entry = conversion(row(TransactionType::Payment), None, Some(&a_click(None)), &english());
        assert_eq!(entry.origin.unwrap().link.as_deref(), Some("https://network.example/"));
    }

    #[test]
    fn a_click_s_page_is_shown_without_the_ad_s_parameters() {
        let row = ClickRow { page: "https://a.example/?p=12&utm_source=x&sccid=Y".into(), ..a_click(None) };
        assert_eq!(click(row, &["ScCid".into()]).page, "https://a.example/?p=12");
    }

    #[test]
    fn a_conversion_that_is_nobody_s_has_no_ad_and_says_why() {
        let mut nobodys = row(TransactionType::Payment);
        nobodys.attribution =
            Attribution { state: State::Unattributed, reason: Some("why".into()), click_id: None, visit_id: None };
        let entry = conversion(nobodys, None, None, &english());
        assert_eq!((entry.origin, entry.state), (None, "unattributed"));
        assert_eq!(entry.reasons, ["why", "a note"]);
    }

    #[test]
    fn what_a_refund_takes_back_is_shown_as_less() {
        let commission = |kind| conversion(row(kind), None, None, &english()).commission.unwrap();
        assert_eq!(commission(TransactionType::Payment).amount, "101.64");
        let back = commission(TransactionType::Refund);
        assert_eq!((back.amount.as_str(), back.negative), ("-101.64", true));
    }

    #[test]
    fn what_is_booked_under_another_conversion_shows_no_money_but_in_its_details() {
        let elsewhere = ConversionRow { booked_under: Some("Lead".into()), ..row(TransactionType::Payment) };
        let entry = conversion(elsewhere, None, None, &english());
        assert_eq!((entry.value, entry.commission), (None, None));
        assert!(entry.facts.contains(&Pair::new("Commission", "101.64 EUR")));
        assert_eq!(entry.reasons, ["a note", "the money of this transaction is booked under Lead"]);
    }

    #[test]
    fn a_refund_of_more_than_was_left_says_so_beside_its_value() {
        let entry =
            conversion(ConversionRow { overdrawn: true, ..row(TransactionType::Refund) }, None, None, &english());
        assert_eq!(entry.reasons, ["a note", "more was refunded than was left of the sale"]);
        assert!(entry.value.is_some());
    }

    #[test]
    fn everything_that_was_passed_through_is_among_the_details() {
        let entry = conversion(row(TransactionType::Payment), None, None, &english());
        assert!(entry.facts.contains(&Pair::new("sid1", "one")));
        assert_eq!(entry.product.as_deref(), Some("7"));
    }

    #[test]
    fn a_first_touch_is_shown_only_where_it_was_another_arrival() {
        let touch = |page: &str| FirstTouch {
            at: 0,
            landing_page: page.into(),
            referrer: None,
            source: BTreeMap::new(),
            click_ids: BTreeMap::new(),
        };
        let with = |page: &str| visit(Visit { first_touch: Some(touch(page)), ..a_visit() }).first;
        assert_eq!(with("https://a.example/?utm_source=google"), None);
        assert!(with("https://a.example/other").is_some());
    }

    #[test]
    fn a_raw_request_shows_query_and_body_and_only_the_parameters_that_say_something() {
        let request = RawRequest {
            method: "POST".into(),
            query: "a=1&b=&c={c}".into(),
            body: "d=x+y".into(),
            source_ip: "192.0.2.1".into(),
            ..RawRequest::default()
        };
        let raw = raw(request);
        assert_eq!(raw.text, "a=1&b=&c={c}\nd=x+y");
        assert_eq!(raw.parameters, [Pair::new("a", "1"), Pair::new("d", "x y")]);
    }
}
