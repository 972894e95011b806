//! What came in, as a person reads it. Pure: rows of the store in, plain words out. Every string in here was sent by
//! somebody and is shown as text; the templates escape it and make no link of it.

use super::when::{Moment, Money};
use crate::http::collect::RawRequest;
use crate::store::{ClickRow, ConversionRow, Listing, PostbackRow, Visit};
use std::collections::BTreeMap;
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

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// What it is.
    pub(super) name: String,
    /// What it says.
    pub(super) value: String,
}

impl Pair {
    fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into() }
    }

    fn some(name: &str, value: Option<impl Into<String>>) -> Option<Self> {
        value.map(|value| Self::new(name, value))
    }
}

/// Where a visit came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Campaign parameters, the five well-known ones first and without their `utm_`.
    pub(super) campaign: Vec<Pair>,
    /// Ad click ids.
    pub(super) click_ids: Vec<Pair>,
    /// The page it began on.
    pub(super) landing_page: Option<String>,
    /// The page that led there.
    pub(super) referrer: Option<String>,
    /// The text of the link that was clicked.
    pub(super) link: Option<String>,
}

impl Origin {
    fn of(source: &BTreeMap<String, String>, click_ids: &BTreeMap<String, String>) -> Self {
        const FIRST: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];
        let known = FIRST.into_iter().filter_map(|name| {
            source.get(name).map(|value| Pair::new(name.strip_prefix("utm_").unwrap_or(name), value.as_str()))
        });
        let others = source.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
        Self {
            campaign: known.chain(others.map(|(name, value)| Pair::new(name, value.as_str()))).collect(),
            click_ids: click_ids.iter().map(|(name, value)| Pair::new(name, value.as_str())).collect(),
            ..Self::default()
        }
    }

    /// Whether neither campaign nor ad click id is known.
    pub(super) fn is_plain(&self) -> bool {
        self.campaign.is_empty() && self.click_ids.is_empty()
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
pub(super) fn conversion(row: ConversionRow, visit: Option<&Visit>, click: Option<&ClickRow>) -> ConversionEntry {
    let said = &row.said;
    let amount = |amount| Money::of(amount, said).map(|money| format!("{} {}", money.amount, money.currency));
    let mut facts: Vec<Pair> = [
        Pair::some("Brutto", amount(said.amounts.brutto)),
        Pair::some("Netto", amount(said.amounts.netto)),
        Pair::some("Commission", amount(said.amounts.affiliate)),
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
    let origin = row.attribution.visit_id.is_some().then(|| Origin {
        landing_page: visit.map(|visit| visit.landing_page.clone()),
        referrer: visit.and_then(|visit| visit.referrer.clone()),
        link: click.map(|click| click.label.clone().unwrap_or_else(|| click.href.clone())),
        ..Origin::of(&row.source, &row.click_ids)
    });
    ConversionEntry {
        at: Moment::of(row.at),
        kind: said.kind.clone(),
        state: row.attribution.state.as_str(),
        reasons: row.attribution.reason.iter().chain(&said.notes).cloned().collect(),
        value: Money::of(said.value, said),
        commission: Money::of(said.amounts.affiliate, said),
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

/// Shows a click.
pub(super) fn click(row: ClickRow) -> ClickEntry {
    ClickEntry {
        at: Moment::of(row.at),
        click_id: row.click_id,
        label: row.label,
        href: row.href,
        page: row.page,
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
    let first = row.first_touch.as_ref().filter(|first| first.landing_page != row.landing_page).map(|first| Origin {
        landing_page: Some(first.landing_page.clone()),
        referrer: first.referrer.clone(),
        ..Origin::of(&first.source, &first.click_ids)
    });
    let device: Vec<String> = [row.device, row.country].into_iter().flatten().collect();
    VisitEntry {
        at: Moment::of(row.at),
        origin: Origin {
            landing_page: Some(row.landing_page),
            referrer: row.referrer,
            ..Origin::of(&row.source, &row.click_ids)
        },
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

/// Shows a postback; `open` reads the sealed request.
pub(super) fn postback(row: PostbackRow, open: impl FnOnce(&PostbackRow) -> Option<RawRequest>) -> PostbackEntry {
    PostbackEntry {
        raw: open(&row).map(raw),
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
