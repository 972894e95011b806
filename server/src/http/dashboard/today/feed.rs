//! What came in last, of every kind, as a person reads it. Every string in here was sent by somebody: the template escapes it.

use super::super::figures::Figures;
use super::super::when::Money;
use crate::app::App;
use crate::masking::Masking;
use crate::reports::platforms;
use crate::store::{ClickRow, ConversionRow, Filter, Listing, Millis, Page, StoreError, Visit};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::money::Amount;

/// What a fact is about.
pub(super) struct Tag {
    /// The word for style sheets.
    pub(super) class: &'static str,
    /// The word for people.
    pub(super) word: String,
}

/// Something that came.
pub(super) struct Entry {
    /// Its place in the page: `visit-...`, so that nothing stands there twice.
    pub(super) key: String,
    /// `visit`, `click` or `conversion`.
    pub(super) kind: &'static str,
    /// When it was received.
    pub(super) received_at: Millis,
    /// The same for programs.
    pub(super) machine: String,
    /// The day in the site's zone, where it is not today.
    pub(super) day: Option<String>,
    /// The time of day in the site's zone.
    pub(super) clock: String,
    /// What people call it: `Visit`, `Click`, `Purchase`, ...
    pub(super) word: String,
    /// Its story.
    pub(super) href: String,
    /// What it was about: a page, a link, a product.
    pub(super) about: Option<String>,
    /// Where it came from.
    pub(super) from: Option<String>,
    /// What it is worth.
    pub(super) value: Option<Money>,
    /// What the affiliate gets of it.
    pub(super) commission: Option<Money>,
    /// What else there is to know.
    pub(super) tags: Vec<Tag>,
}

/// Writes entries.
struct Writing<'a> {
    site_id: &'a str,
    clicks: &'a Clicks,
    zone: &'a TimeZone,
    now: Millis,
    figures: &'a Figures,
}

/// What came since, newest first: so many of each kind at most, and so many in all.
pub(super) async fn newest(
    app: &App,
    site_id: &str,
    zone: &TimeZone,
    since: Option<Millis>,
    most: usize,
    (figures, seen): (&Figures, &Masking),
) -> Result<Vec<Entry>, StoreError> {
    let page = || Page { filter: Filter { from: since, ..Filter::default() }, ..Page::first(most) };
    let store = &app.store;
    let (mut visits, mut clicks, mut conversions) = tokio::try_join!(
        store.visits(site_id, page()),
        store.clicks(site_id, page()),
        store.conversions(site_id, page()),
    )?;
    visits.items = seen.all(visits.items);
    clicks.items = seen.all(clicks.items);
    conversions.items = seen.all(conversions.items);
    let origins = origins(app, site_id, &visits, &clicks, &conversions).await?;
    let write = Writing { site_id, clicks: &app.clicks, zone, now: app.now(), figures };
    let mut entries: Vec<Entry> = visits.items.iter().map(|visit| write.visit(visit)).collect();
    entries.extend(clicks.items.iter().map(|click| write.click(click, origins.get(&click.visit_id))));
    entries.extend(conversions.items.iter().map(|row| {
        let visit = row.attribution.visit_id.as_ref().and_then(|id| origins.get(id));
        write.conversion(row, visit)
    }));
    // A sale stands above the click that it is of, and that above its visit, where all came at once.
    let rank = |entry: &Entry| match entry.kind {
        "visit" => 0,
        "click" => 1,
        _ => 2,
    };
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.received_at, rank(entry))));
    entries.truncate(most);
    Ok(entries)
}

/// The visits that clicks and conversions are of.
async fn origins(
    app: &App,
    site_id: &str,
    visits: &Listing<Visit>,
    clicks: &Listing<ClickRow>,
    conversions: &Listing<ConversionRow>,
) -> Result<BTreeMap<String, Visit>, StoreError> {
    let mut known: BTreeMap<String, Visit> =
        visits.items.iter().map(|visit| (visit.visit_id.clone(), visit.clone())).collect();
    let of_clicks = clicks.items.iter().map(|click| &click.visit_id);
    let of_conversions = conversions.items.iter().filter_map(|row| row.attribution.visit_id.as_ref());
    let asked: BTreeSet<&String> = of_clicks.chain(of_conversions).filter(|id| !known.contains_key(*id)).collect();
    let asked: Vec<String> = asked.into_iter().cloned().collect();
    if !asked.is_empty() {
        let found = app.store.visits_by_id(site_id, &asked).await?;
        known.extend(found.into_iter().map(|visit| (visit.visit_id.clone(), visit)));
    }
    Ok(known)
}

impl Writing<'_> {
    fn entry(&self, kind: &'static str, id: &str, received_at: Millis) -> Entry {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap_or_default().to_zoned(self.zone.clone());
        let (then, now) = (at(received_at), at(self.now));
        Entry {
            key: format!("{kind}-{id}"),
            kind,
            received_at,
            machine: then.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            day: (then.date() != now.date()).then(|| then.strftime("%-d %b").to_string()),
            clock: then.strftime("%H:%M:%S").to_string(),
            word: String::new(),
            href: format!("/sites/{}/{kind}s/{id}", self.site_id),
            about: None,
            from: None,
            value: None,
            commission: None,
            tags: Vec::new(),
        }
    }

    fn visit(&self, visit: &Visit) -> Entry {
        let mut tags: Vec<Tag> = [&visit.device, &visit.country]
            .into_iter()
            .flatten()
            .map(|word| Tag { class: "plain", word: word.clone() })
            .collect();
        if visit.bot {
            tags.push(Tag { class: "bot", word: "bot".to_owned() });
        }
        Entry {
            word: "Visit".to_owned(),
            about: Some(place(&visit.landing_page)),
            from: Some(self.source(visit)),
            tags,
            ..self.entry("visit", &visit.visit_id, visit.received_at)
        }
    }

    fn click(&self, click: &ClickRow, visit: Option<&Visit>) -> Entry {
        let mut tags = Vec::new();
        if click.foreign {
            tags.push(Tag { class: "waiting", word: "kept another tracker's sub-id".to_owned() });
        }
        let label = click.label.clone().filter(|label| !label.trim().is_empty());
        Entry {
            word: "Click".to_owned(),
            about: Some(label.unwrap_or_else(|| place(&click.href))),
            from: visit.map(|visit| self.source(visit)),
            // A click is told with its visit.
            href: format!("/sites/{}/visits/{}", self.site_id, click.visit_id),
            tags,
            ..self.entry("click", &click.click_id, click.received_at)
        }
    }

    fn conversion(&self, row: &ConversionRow, visit: Option<&Visit>) -> Entry {
        let said = &row.said;
        let state = row.attribution.state.as_str();
        let mut tags = Vec::new();
        if state != "attributed" {
            tags.push(Tag { class: state, word: state.to_owned() });
        }
        if said.past {
            tags.push(Tag { class: "plain", word: "imported".to_owned() });
        }
        // Amounts are kept as magnitudes; what a person reads as earned has to shrink where money went back.
        let commission = match said.transaction_type {
            TransactionType::Payment => said.amounts.affiliate,
            TransactionType::Refund | TransactionType::Chargeback => said.amounts.affiliate.map(Amount::negated),
        };
        // What is booked under another conversion shows its money there.
        let commission = commission.filter(|_| row.booked_under.is_none());
        Entry {
            word: said.kind.clone(),
            about: said
                .product_name
                .clone()
                .or_else(|| said.product_id.clone())
                .or_else(|| said.transaction_id.clone()),
            from: visit.map(|visit| self.source(visit)),
            value: Money::of(row.value(), said, self.figures),
            commission: Money::of(commission, said, self.figures),
            tags,
            ..self.entry("conversion", &row.id, row.received_at)
        }
    }

    /// Where a visit came from: its campaign, else its ad platform, else the page that led there.
    fn source(&self, visit: &Visit) -> String {
        let campaign =
            ["utm_source", "utm_medium", "utm_campaign"].into_iter().filter_map(|name| visit.source.get(name));
        let campaign: Vec<&str> = campaign.map(String::as_str).collect();
        if !campaign.is_empty() {
            return campaign.join(" / ");
        }
        if !visit.click_ids.is_empty() {
            let names: Vec<&str> = visit.click_ids.keys().map(String::as_str).collect();
            return platforms(&names.join(","), self.clicks);
        }
        match visit.referrer.as_deref().and_then(host) {
            Some(host) => host,
            None => "directly".to_owned(),
        }
    }
}

fn host(address: &str) -> Option<String> {
    url::Url::parse(address).ok()?.host_str().map(str::to_owned)
}

/// Host and path of an address; all of what is none.
fn place(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(url) => format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_by_host_and_path_and_what_is_none_as_it_is() {
        assert_eq!(place("https://shop.example/review?utm_source=x#y"), "shop.example/review");
        assert_eq!(place("not an address"), "not an address");
        assert_eq!(host("https://www.google.com/"), Some("www.google.com".to_owned()));
        assert_eq!(host(""), None);
    }
}
