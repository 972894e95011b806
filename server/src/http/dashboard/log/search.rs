//! Finding by an id: what was given is recognised, looked for by indexes alone, and said where. Nothing that tells of a person is searchable:
//! it lies sealed.

use super::super::figures::Figures;
use super::super::story::{Other, one};
use super::super::when::Moment;
use crate::app::SharedApp;
use crate::masking::Masking;
use crate::store::{Field, Filter, Page, StoreError};
use tagwerk_protocol::click_id::{ClickId, VisitId};

/// Longest text that is looked for, in characters.
const LONGEST: usize = 200;
/// How many of one kind are shown.
const MOST: usize = 20;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) at: Moment,
    pub(super) what: &'static str,
    pub(super) title: String,
    pub(super) href: String,
    pub(super) state: Option<String>,
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Search {
    /// What the text was taken for.
    pub(super) taken_for: Vec<String>,
    /// Where it was looked for.
    pub(super) looked_in: Vec<&'static str>,
    pub(super) hits: Vec<Hit>,
}

/// What a text may be.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    /// An address for mail: never searched.
    Email,
    /// Too long for any id.
    TooLong,
    /// A click id of a tag.
    Click(ClickId),
    /// As long as one, but its check characters are wrong.
    Damaged(VisitId),
    /// As long as the id of a visit.
    Visit(VisitId),
    /// The id of a row.
    Row,
    /// Somebody else's.
    Other,
}

fn recognise(text: &str) -> Given {
    if text.contains('@') {
        return Given::Email;
    }
    if text.chars().count() > LONGEST {
        return Given::TooLong;
    }
    if let Some(click_id) = ClickId::parse(text) {
        return Given::Click(click_id);
    }
    if let Some(visit_id) = VisitId::parse(text) {
        return Given::Visit(visit_id);
    }
    let begins = text.get(..16).and_then(VisitId::parse);
    match begins {
        Some(visit_id) if text.len() == 32 && text.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Given::Damaged(visit_id)
        }
        _ if uuid::Uuid::parse_str(text).is_ok() && text.len() == 36 => Given::Row,
        _ => Given::Other,
    }
}

/// Looks for a text that is not empty.
pub(super) async fn search(
    app: &SharedApp,
    site_id: &str,
    text: &str,
    seen: &Masking,
    figures: &Figures,
) -> Result<Search, StoreError> {
    let given = recognise(text);
    let mut found = Search::default();
    let mut say = |sentence: &str| found.taken_for.push(sentence.to_owned());
    match &given {
        Given::Email => {
            say(
                "E-mail addresses cannot be searched: what tells of a person lies sealed. Search for the transaction, the order or the click id.",
            );
            return Ok(found);
        }
        Given::TooLong => {
            say("That is longer than any id. Paste the id alone.");
            return Ok(found);
        }
        Given::Click(_) => say("It is a click id: its check characters are right."),
        Given::Damaged(_) => {
            say(
                "It is as long as a click id, but its check characters are wrong: something changed it on the way, or it is another tracker’s. Its first 16 characters are looked for as a visit.",
            );
        }
        Given::Visit(_) => say("It is as long as the id of a visit, and may be somebody else’s id, too."),
        Given::Row => say("It is the id of a row here: of a postback, a conversion or a delivery."),
        Given::Other => {
            say("It is none of the ids that are made here, so it was looked for as the network’s and the visitor’s.")
        }
    }
    let mut seek = Seek { app, site_id, seen, figures, found };
    match &given {
        Given::Click(click_id) => {
            seek.click(click_id.as_str()).await?;
            seek.visit(&click_id.visit()).await?;
        }
        Given::Damaged(visit_id) | Given::Visit(visit_id) => seek.visit(visit_id).await?,
        Given::Row => seek.row(&text.to_ascii_lowercase()).await?,
        Given::Email | Given::TooLong | Given::Other => {}
    }
    seek.conversions(Field::ClickId, "click ids of conversions", text).await?;
    if !matches!(given, Given::Click(_)) {
        seek.event(text).await?;
        seek.visitor(text).await?;
        seek.conversions(Field::TransactionId, "transactions", text).await?;
        seek.conversions(Field::OrderId, "orders", text).await?;
        seek.order_events(text).await?;
    }
    Ok(seek.found)
}

/// A search under way.
struct Seek<'a> {
    app: &'a SharedApp,
    site_id: &'a str,
    seen: &'a Masking,
    figures: &'a Figures,
    found: Search,
}

impl Seek<'_> {
    fn looked_in(&mut self, place: &'static str) {
        if !self.found.looked_in.contains(&place) {
            self.found.looked_in.push(place);
        }
    }

    fn hit(&mut self, hit: Hit) {
        if !self.found.hits.iter().any(|known| known.href == hit.href && known.what == hit.what) {
            self.found.hits.push(hit);
        }
    }

    fn of(&self, field: Field, value: &str) -> Page {
        Page { filter: Filter::only(field, value), ..Page::first(MOST) }
    }

    async fn click(&mut self, click_id: &str) -> Result<(), StoreError> {
        self.looked_in("clicks");
        let clicks = self.app.store.clicks_by_id(self.site_id, &[click_id.to_owned()]).await?;
        for click in self.seen.all(clicks) {
            self.hit(Hit {
                at: Moment::of(click.at),
                what: "Click",
                title: click.label.unwrap_or(click.href),
                href: format!("/sites/{}/visits/{}", self.site_id, click.visit_id),
                state: click.group,
            });
        }
        self.event(click_id).await
    }

    async fn visit(&mut self, visit_id: &VisitId) -> Result<(), StoreError> {
        self.looked_in("visits");
        let visits = self.app.store.visits_by_id(self.site_id, &[visit_id.as_str().to_owned()]).await?;
        for visit in self.seen.all(visits) {
            self.hit(Hit {
                at: Moment::of(visit.at),
                what: "Visit",
                title: visit.landing_page,
                href: format!("/sites/{}/visits/{}", self.site_id, visit.visit_id),
                state: visit.bot.then(|| "bot".to_owned()),
            });
        }
        self.conversions(Field::VisitId, "visits of conversions", visit_id.as_str()).await
    }

    async fn visitor(&mut self, visitor_id: &str) -> Result<(), StoreError> {
        self.looked_in("visitors");
        let page = Page { limit: 1, ..self.of(Field::VisitorId, visitor_id) };
        for visit in self.app.store.visits(self.site_id, page).await?.items {
            self.hit(Hit {
                at: Moment::of(visit.at),
                what: "Visitor",
                title: visitor_id.to_owned(),
                href: format!("/sites/{}/visitors/{visitor_id}", self.site_id),
                state: None,
            });
        }
        Ok(())
    }

    async fn event(&mut self, event_id: &str) -> Result<(), StoreError> {
        self.looked_in("events");
        for event in self.app.store.events(self.site_id, self.of(Field::EventId, event_id)).await?.items {
            self.hit(Hit {
                at: Moment::of(event.at),
                what: "Event",
                title: event.name,
                href: format!("/sites/{}/log/events/{}", self.site_id, event.event_id),
                state: None,
            });
        }
        Ok(())
    }

    async fn conversions(&mut self, field: Field, place: &'static str, value: &str) -> Result<(), StoreError> {
        self.looked_in(place);
        for row in self.app.store.conversions(self.site_id, self.of(field, value)).await?.items {
            let other = Other::of(&row, "", self.figures);
            self.conversion(other);
        }
        Ok(())
    }

    fn conversion(&mut self, other: Other) {
        let value = other.value.map(|value| format!(" {} {}", value.amount, value.currency)).unwrap_or_default();
        self.hit(Hit {
            at: other.at,
            what: "Conversion",
            title: format!("{}{value}", other.kind),
            href: format!("/sites/{}/conversions/{}", self.site_id, other.id),
            state: Some(other.state.to_owned()),
        });
    }

    async fn order_events(&mut self, text: &str) -> Result<(), StoreError> {
        self.looked_in("order events");
        for field in [Field::OrderId, Field::TransactionId] {
            for row in self.app.store.order_events(self.site_id, self.of(field, text)).await?.items {
                self.hit(Hit {
                    at: Moment::of(row.received_at),
                    what: "Order event",
                    title: row.event.event,
                    href: format!("/sites/{}/log/postbacks/{}", self.site_id, row.id),
                    state: row.event.is_test.then(|| "test".to_owned()),
                });
            }
        }
        Ok(())
    }

    async fn row(&mut self, id: &str) -> Result<(), StoreError> {
        self.looked_in("postbacks");
        if let Some(postback) = self.app.store.postback(self.site_id, id).await? {
            self.hit(Hit {
                at: Moment::of(postback.received_at),
                what: "Postback",
                title: postback.group,
                href: format!("/sites/{}/log/postbacks/{id}", self.site_id),
                state: Some(postback.state),
            });
        }
        self.looked_in("conversions");
        if let Some(row) = one(self.app, self.site_id, id).await? {
            self.conversion(Other::of(&row, "", self.figures));
        }
        self.looked_in("deliveries");
        if let Some((delivery, _)) = self.app.store.delivery(self.site_id, id).await? {
            self.hit(Hit {
                at: Moment::of(delivery.received_at),
                what: "Delivery",
                title: format!("{} to {}", delivery.kind, super::super::platforms::title(&delivery.platform)),
                href: format!("/sites/{}/deliveries/{id}", self.site_id),
                state: Some(delivery.state.as_str().to_owned()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_given_is_recognised_by_its_form_and_its_check_characters() {
        let ours = "758eg6057boyx998uts8t098shhur7sp";
        assert_eq!(recognise(&ours.to_ascii_uppercase()), Given::Click(ClickId::parse(ours).expect("ours")));
        let visit = VisitId::parse("758eg6057boyx998").expect("a visit");
        assert_eq!(recognise("758eg6057boyx998uts8t098shhur7sq"), Given::Damaged(visit.clone()));
        assert_eq!(recognise("758EG6057boyx998"), Given::Visit(visit));
        assert_eq!(recognise("0190a1b2-0000-7000-8000-000000000000"), Given::Row);
        assert_eq!(recognise("anna@example.com"), Given::Email);
        assert_eq!(recognise(&"x".repeat(201)), Given::TooLong);
        for other in ["t-1", "A1B2C3D4", "visitor.1", "0190a1b2", "äöü", "758eg6057boyx99"] {
            assert_eq!(recognise(other), Given::Other, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_recognised_without_a_panic(text in ".{0,300}") {
            recognise(&text);
        }
    }
}
