//! The lists: newest first, in parts, complete.

use crate::given::{NOW, VISITED, book, click, newest, outbound, page_view, postback, said, sale, send, site, visit};
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::event::How;
use tagwerk_protocol::money::Currency;
use tagwerk_server::store::{
    Channel, Field, Filter, Job, JobKind, LinkRow, List, Listing, Order, OrderEvent, Page, Said, SharedStore,
    StoreError, Time,
};

/// Reads a list in parts of 3 and gives what identifies its items.
async fn in_parts<T, F>(read: impl Fn(Page) -> F, name: impl Fn(&T) -> String) -> Vec<String>
where
    F: Future<Output = Result<Listing<T>, StoreError>>,
{
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let part = read(Page { after, ..Page::first(3) }).await.expect("a part is read");
        assert!(part.items.len() == 3 || part.next.is_none(), "only the last part is shorter");
        names.extend(part.items.iter().map(&name));
        match part.next {
            Some(next) => after = Some(next),
            None => return names,
        }
    }
}

/// Ten visits with a click and a sale each.
async fn ten(store: &SharedStore, site_id: &str) {
    for number in 0..10 {
        let click_id = click(&visit(number), 1);
        send(store, site_id, vec![outbound(&click_id)]).await;
        book(store, site_id, &sale(&format!("t{number}"), Some(click_id.as_str()))).await;
    }
}

pub(crate) async fn every_list_can_be_read_in_parts_without_gap_or_repeat(store: SharedStore) {
    let site_id = site(&store).await;
    ten(&store, &site_id).await;
    let (store, site_id) = (&store, site_id.as_str());
    let lists = [
        in_parts(|page| store.visits(site_id, page), |row| row.visit_id.clone()).await,
        in_parts(|page| store.events(site_id, page), |row| row.event_id.clone()).await,
        in_parts(|page| store.clicks(site_id, page), |row| row.click_id.clone()).await,
        in_parts(|page| store.postbacks(site_id, page), |row| row.id.clone()).await,
        in_parts(|page| store.conversions(site_id, page), |row| row.id.clone()).await,
    ];
    for names in lists {
        assert_eq!(names.len(), 10);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 10, "{names:?}");
    }
}

pub(crate) async fn lists_are_newest_first(store: SharedStore) {
    let site_id = site(&store).await;
    ten(&store, &site_id).await;
    let clicks = store.clicks(&site_id, newest()).await.expect("read").items;
    let found: Vec<&str> = clicks.iter().map(|row| row.click_id.as_str()).collect();
    let wanted: Vec<String> = (0..10).rev().map(|number| click(&visit(number), 1).to_string()).collect();
    assert_eq!(found, wanted);
    let sales = store.conversions(&site_id, newest()).await.expect("read").items;
    let found: Vec<Option<String>> = sales.into_iter().map(|row| row.said.transaction_id).collect();
    let wanted: Vec<Option<String>> = (0..10).rev().map(|number| Some(format!("t{number}"))).collect();
    assert_eq!(found, wanted);
}

pub(crate) async fn a_part_that_ends_the_list_has_no_cursor(store: SharedStore) {
    let site_id = site(&store).await;
    assert_eq!(store.clicks(&site_id, newest()).await.expect("read"), Listing { items: Vec::new(), next: None });
    ten(&store, &site_id).await;
    let exactly = store.postbacks(&site_id, Page::first(10)).await.expect("read");
    assert_eq!((exactly.items.len(), exactly.next), (10, None));
    let fewer = store.postbacks(&site_id, Page::first(9)).await.expect("read");
    assert_eq!((fewer.items.len(), fewer.next.is_some()), (9, true));
    let most = store.postbacks(&site_id, Page::first(usize::MAX)).await.expect("read");
    assert_eq!(most.items.len(), 10);
}

pub(crate) async fn a_site_sees_its_own_alone(store: SharedStore) {
    let (one, two) = (site(&store).await, site(&store).await);
    ten(&store, &one).await;
    assert_eq!(store.visits(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.events(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.clicks(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.postbacks(&two, newest()).await.expect("read").items, []);
    assert_eq!(store.conversions(&two, newest()).await.expect("read").items, []);
}

pub(crate) async fn visits_and_clicks_are_found_by_their_ids(store: SharedStore) {
    let (one, two) = (site(&store).await, site(&store).await);
    ten(&store, &one).await;
    let visits = [3, 77, 5].map(|number| visit(number).to_string());
    let found = store.visits_by_id(&one, &visits).await.expect("read");
    let mut found: Vec<String> = found.into_iter().map(|row| row.visit_id).collect();
    found.sort();
    assert_eq!(found, [visits[0].clone(), visits[2].clone()]);
    let clicks = [3, 77].map(|number| click(&visit(number), 1).to_string());
    let found = store.clicks_by_id(&one, &clicks).await.expect("read");
    let found: Vec<String> = found.into_iter().map(|row| row.click_id).collect();
    assert_eq!(found, [clicks[0].clone()]);
    assert_eq!(store.visits_by_id(&two, &visits).await.expect("read"), []);
    assert_eq!(store.clicks_by_id(&two, &clicks).await.expect("read"), []);
    assert_eq!(store.clicks_by_id(&one, &[]).await.expect("read"), []);
}

pub(crate) async fn what_was_answered_can_be_read_at_once(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..50 {
        send(&store, &site_id, vec![page_view(&visit(number))]).await;
        let first = store.visits(&site_id, Page::first(1)).await.expect("read").items;
        assert_eq!(first[0].visit_id, visit(number).as_str());
    }
}

pub(crate) async fn the_check_says_that_writing_works(store: SharedStore) {
    store.check().await.expect("a fresh store can be written");
    store.check().await.expect("and again");
}

/// Milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// A row id of something received at this time, as the application makes them.
fn id_at(received_at: i64) -> String {
    tagwerk_server::app::row_id_at(received_at)
}

/// A site with twelve of everything, a minute apart; the first at [`NOW`].
async fn twelve(store: &SharedStore) -> String {
    let site_id = site(store).await;
    for number in 0..12 {
        add(store, &site_id, number, NOW + i64::try_from(number).expect("small") * MINUTE).await;
    }
    site_id
}

/// A visit with a click and a postback, whose fields differ by the number.
async fn add(store: &SharedStore, site_id: &str, number: u64, received_at: i64) {
    let click_id = click(&visit(number), 1);
    let (mut view, mut outbound) = (page_view(&visit(number)), outbound(&click_id));
    for event in [&mut view, &mut outbound] {
        (event.id, event.visit.id, event.received_at) = (id_at(received_at), id_at(received_at), received_at);
    }
    view.event.visitor_id = (number != 1).then(|| format!("visitor-{}", number % 4));
    view.visit.bot = number.is_multiple_of(3);
    view.visit.country = (number != 2).then(|| ["DE", "AT"][(number % 2) as usize].to_owned());
    view.visit.device = Some(["pc", "smartphone"][(number % 2) as usize].into());
    for (name, value) in
        [("source", number % 2), ("medium", number % 3), ("campaign", number % 4), ("term", number % 5)]
    {
        view.visit.source.insert(format!("utm_{name}"), format!("{name} {value}"));
    }
    // Two visits in three had an event of another name, too.
    if !number.is_multiple_of(3) {
        view.event.name = "ViewContent".into();
    }
    if let Some(click) = &mut outbound.event.click {
        click.foreign = number.is_multiple_of(4);
        click.how = if number.is_multiple_of(2) { How::Left } else { How::Early };
        click.group = (number != 3).then(|| format!("network-{}", number % 2));
    }
    // Of six postbacks, one is credited to a click, one to a visit, and one has somebody else's sub-id.
    let sub_id = match number % 6 {
        0 => Some(click_id.as_str().to_uppercase()),
        1 => Some(click_id.as_str()[..24].to_owned()),
        2 => Some("Somebody-Else".to_owned()),
        _ => None,
    };
    let mut conversion = sale(&format!("t{}", number / 2), sub_id.as_deref());
    conversion.identity = format!("network/{number}");
    conversion.kind = ["Purchase", "Upsell"][(number % 2) as usize].into();
    conversion.group = format!("network-{}", number % 2);
    conversion.order_id = (!number.is_multiple_of(3)).then(|| format!("o{}", number / 3));
    conversion.product_id = Some(format!("p{}", number % 3));
    conversion.order_type = number.is_multiple_of(2).then(|| "upsell".into());
    conversion.billing_type = number.is_multiple_of(3).then(|| "subscription".into());
    conversion.is_test = number.is_multiple_of(5);
    conversion.currency = Currency::parse(["EUR", "USD"][(number % 2) as usize]);
    // Sent in another order than received, and some at the same time.
    conversion.sent_at = Some(VISITED - i64::try_from(number / 2).expect("small") * MINUTE);
    conversion.past = true;
    let mut postback = match number {
        4 => said(Err("it cannot be understood".into())),
        5 => said(Ok(Said::OrderEvent(OrderEvent {
            group: "network-1".into(),
            order_id: "o1".into(),
            event: "payment_missed".into(),
            transaction_id: Some("t2".into()),
            product_id: Some("p2".into()),
            billing_status: None,
            sub_id: None,
            is_test: false,
        }))),
        _ => postback(&conversion),
    };
    (postback.id, postback.received_at) = (id_at(received_at), received_at);
    postback.group = format!("network-{}", number % 2);
    postback.channel = if number.is_multiple_of(3) { Channel::Ipn } else { Channel::Collect };
    if let Ok(Said::Conversion { conversion_id, .. }) = &mut postback.said {
        *conversion_id = id_at(received_at);
    }
    send(store, site_id, vec![view, outbound]).await;
    store.receive_postback(site_id, postback).await.expect("a postback is taken");
}

/// The values of a row, by field, as the API shows them.
type Row = (String, Vec<(Field, Option<String>)>);

/// A part of a list: what identifies its rows, and the value of each field that the list can be filtered by.
async fn rows(store: &SharedStore, site_id: &str, list: List, page: Page) -> Listing<Row> {
    let of = |source: &BTreeMap<String, String>, name: &str| source.get(name).cloned();
    let some = |text: &str| Some(text.to_owned());
    let sources = |source: &BTreeMap<String, String>| {
        [Field::UtmSource, Field::UtmMedium, Field::UtmCampaign, Field::UtmTerm, Field::UtmContent]
            .map(|field| (field, of(source, field.as_str())))
    };
    macro_rules! listed {
        ($read:ident, |$row:ident| $name:expr, $fields:expr) => {{
            let part = store.$read(site_id, page).await.expect("read");
            let items = part.items.into_iter().map(|$row| ($name, $fields)).collect();
            Listing { items, next: part.next }
        }};
    }
    match list {
        List::Visits => listed!(visits, |row| row.visit_id.clone(), {
            let mut fields = vec![
                (Field::VisitId, some(&row.visit_id)),
                (Field::VisitorId, row.visitor_id.clone()),
                (Field::Country, row.country.clone()),
                (Field::Device, row.device.clone()),
                (Field::Bot, Some(row.bot.to_string())),
            ];
            fields.extend(sources(&row.source));
            fields
        }),
        List::Events => listed!(events, |row| row.event_id.clone(), {
            vec![
                (Field::EventId, some(&row.event_id)),
                (Field::VisitId, some(&row.visit_id)),
                (Field::ClickId, row.click_id.clone()),
                (Field::Name, some(&row.name)),
            ]
        }),
        List::Clicks => listed!(clicks, |row| row.click_id.clone(), {
            vec![
                (Field::ClickId, some(&row.click_id)),
                (Field::VisitId, some(&row.visit_id)),
                (Field::Group, row.group.clone()),
                (Field::How, some(&row.how)),
                (Field::Foreign, Some(row.foreign.to_string())),
            ]
        }),
        List::Postbacks => listed!(postbacks, |row| row.id.clone(), {
            vec![
                (Field::Id, some(&row.id)),
                (Field::State, some(&row.state)),
                (Field::Group, some(&row.group)),
                (Field::Channel, some(&row.channel)),
                (Field::ConversionId, row.conversion_id.clone()),
            ]
        }),
        List::Conversions => listed!(conversions, |row| row.id.clone(), {
            let mut fields = vec![
                (Field::Id, some(&row.id)),
                (Field::State, some(row.attribution.state.as_str())),
                (Field::Type, some(&row.said.kind)),
                (Field::Group, some(&row.said.group)),
                (Field::TransactionId, row.said.transaction_id.clone()),
                (Field::TransactionType, some(row.said.transaction_type.as_str())),
                (Field::OrderId, row.said.order_id.clone()),
                (Field::ProductId, row.said.product_id.clone()),
                (Field::OrderType, row.said.order_type.clone()),
                (Field::BillingType, row.said.billing_type.clone()),
                (Field::Currency, row.said.currency.map(|code| code.to_string())),
                (Field::ClickId, row.attribution.click_id.clone().or(row.said.sub_id.clone())),
                (Field::VisitId, row.attribution.visit_id.clone()),
            ];
            fields.extend(sources(&row.source));
            fields
        }),
        List::OrderEvents => listed!(order_events, |row| row.id.clone(), {
            vec![
                (Field::Group, some(&row.event.group)),
                (Field::OrderId, some(&row.event.order_id)),
                (Field::Event, some(&row.event.event)),
                (Field::ProductId, row.event.product_id.clone()),
                (Field::TransactionId, row.event.transaction_id.clone()),
            ]
        }),
        List::Links => listed!(links, |row| row.id.clone(), {
            vec![(Field::Url, some(&row.url)), (Field::Group, row.group.clone())]
        }),
        List::Jobs => listed!(jobs, |row| row.id.clone(), {
            vec![(Field::Kind, some(row.kind.as_str())), (Field::State, some(row.state.as_str()))]
        }),
        // Nothing is sent on to platforms yet.
        List::Deliveries => Listing { items: Vec::new(), next: None },
    }
}

fn names(listing: &Listing<Row>) -> Vec<String> {
    listing.items.iter().map(|(name, _)| name.clone()).collect()
}

pub(crate) async fn every_field_finds_the_rows_that_have_its_value_and_no_others(store: SharedStore) {
    let site_id = twelve(&store).await;
    for list in [List::Visits, List::Events, List::Clicks, List::Postbacks, List::Conversions, List::OrderEvents] {
        let all = rows(&store, &site_id, list, newest()).await;
        assert!(!all.items.is_empty(), "{list:?}");
        for (index, field) in list.fields().iter().enumerate() {
            assert_eq!(all.items[0].1[index].0, *field, "{list:?} tells each of its fields");
            let values: BTreeSet<&String> =
                all.items.iter().filter_map(|(_, values)| values[index].1.as_ref()).collect();
            let unknown = "nobody".to_owned();
            for value in values.into_iter().chain([&unknown]) {
                let has = |row: &&Row| row.1[index].1.as_ref() == Some(value);
                let wanted: Vec<String> = all.items.iter().filter(has).map(|(name, _)| name.clone()).collect();
                let page = Page { filter: Filter::only(*field, value), ..newest() };
                assert_eq!(names(&rows(&store, &site_id, list, page).await), wanted, "{list:?} {field:?} {value}");
            }
        }
    }
}

pub(crate) async fn a_list_is_bounded_by_when_its_rows_were_received(store: SharedStore) {
    let site_id = twelve(&store).await;
    for list in [List::Visits, List::Events, List::Clicks, List::Postbacks, List::Conversions, List::OrderEvents] {
        let all = names(&rows(&store, &site_id, list, newest()).await);
        let between = |from: i64, until: i64| {
            let filter = Filter { from: Some(NOW + from), until: Some(NOW + until), only: Vec::new() };
            let page = Page { filter, ..newest() };
            let rows = rows(&store, &site_id, list, page);
            async move { names(&rows.await) }
        };
        assert_eq!(between(0, 12 * MINUTE).await, all, "{list:?}: all");
        assert_eq!(between(-MINUTE, 0).await, [""; 0], "{list:?}: before the first");
        assert_eq!(between(11 * MINUTE + 1, i64::MAX - NOW).await, [""; 0], "{list:?}: after the last");
        let (first, rest) = (between(0, 5 * MINUTE).await, between(5 * MINUTE, 12 * MINUTE).await);
        assert_eq!([rest, first].concat(), all, "{list:?}: the end of one range is the beginning of the next");
    }
}

pub(crate) async fn a_list_in_either_order_has_no_gap_and_no_repeat_whatever_arrives_meanwhile(store: SharedStore) {
    for list in [List::Visits, List::Events, List::Clicks, List::Postbacks, List::Conversions] {
        for (order, time) in [
            (Order::Falling, Time::Received),
            (Order::Rising, Time::Received),
            (Order::Falling, Time::Happened),
            (Order::Rising, Time::Happened),
        ] {
            if time == Time::Happened && !list.has_happened() {
                continue;
            }
            let site_id = twelve(&store).await;
            let page = |after, limit| Page { after, order, time, ..Page::first(limit) };
            let before = names(&rows(&store, &site_id, list, page(None, 1000)).await);
            let (mut seen, mut after, mut more) = (Vec::new(), None, 20);
            loop {
                let part = rows(&store, &site_id, list, page(after, 3)).await;
                seen.extend(names(&part));
                add(&store, &site_id, more, NOW + i64::try_from(more).expect("small") * MINUTE).await;
                more += 1;
                match part.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
                assert!(seen.len() < 1000, "it never ends");
            }
            let distinct: BTreeSet<&String> = seen.iter().collect();
            assert_eq!(distinct.len(), seen.len(), "{list:?} {order:?} {time:?}: a row came twice");
            let kept: Vec<&String> = seen.iter().filter(|name| before.contains(name)).collect();
            assert_eq!(kept, before.iter().collect::<Vec<_>>(), "{list:?} {order:?} {time:?}");
        }
    }
}

pub(crate) async fn conversions_are_sorted_and_bounded_by_when_they_happened(store: SharedStore) {
    let site_id = twelve(&store).await;
    let sorted = |order, filter| Page { order, filter, time: Time::Happened, ..newest() };
    let rising = store.conversions(&site_id, sorted(Order::Rising, Filter::default())).await.expect("read").items;
    let times: Vec<(i64, String)> = rising.iter().map(|row| (row.at, row.id.clone())).collect();
    assert_eq!(times.len(), 10);
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.windows(2).any(|two| two[0].0 == two[1].0), "some happened at once");
    let mut falling = store.conversions(&site_id, sorted(Order::Falling, Filter::default())).await.expect("read").items;
    falling.reverse();
    assert_eq!(falling, rising);
    let middle = times[4].0;
    let filter = Filter { from: Some(times[0].0 + 1), until: Some(middle), only: Vec::new() };
    let found = store.conversions(&site_id, sorted(Order::Rising, filter)).await.expect("read").items;
    let wanted: Vec<_> = rising.into_iter().filter(|row| row.at > times[0].0 && row.at < middle).collect();
    assert!(!wanted.is_empty());
    assert_eq!(found, wanted);
}

pub(crate) async fn filters_are_all_held_at_once_and_in_every_part(store: SharedStore) {
    let site_id = twelve(&store).await;
    let filter = Filter {
        from: Some(NOW + MINUTE),
        until: Some(NOW + 11 * MINUTE),
        only: vec![(Field::Group, "network-0".into()), (Field::Currency, "EUR".into())],
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = Page { after, filter: filter.clone(), ..Page::first(1) };
        let part = store.conversions(&site_id, page).await.expect("read");
        found.extend(part.items.into_iter().map(|row| row.said.identity));
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, ["network/10", "network/8", "network/6", "network/2"]);
}

pub(crate) async fn jobs_and_links_are_filtered_too(store: SharedStore) {
    let site_id = site(&store).await;
    for (kind, at) in [(JobKind::Replay, NOW), (JobKind::Import, NOW + MINUTE)] {
        assert!(store.add_job(Job::new(&site_id, id_at(at), kind, Vec::new(), at)).await.expect("added"));
    }
    for (url, group, at) in [("https://a.example/", Some("network"), NOW), ("https://b.example/", None, NOW + MINUTE)] {
        let link = LinkRow {
            id: id_at(at),
            url: url.into(),
            group: group.map(str::to_owned),
            forwards: None,
            resolved: None,
            reason: String::new(),
            hops: Vec::new(),
            rules: String::new(),
            checked_at: at,
            expires_at: at,
        };
        store.keep_link(&site_id, link, 10).await.expect("kept");
    }
    for (list, field, value) in [
        (List::Jobs, Field::Kind, "replay"),
        (List::Links, Field::Group, "network"),
        (List::Links, Field::Url, "https://a.example/"),
    ] {
        let all = rows(&store, &site_id, list, newest()).await;
        assert_eq!(all.items.len(), 2);
        for filter in [Filter::only(field, value), Filter { until: Some(NOW + 1), ..Filter::default() }] {
            let found = rows(&store, &site_id, list, Page { filter, ..newest() }).await;
            assert_eq!(names(&found), [all.items[1].0.clone()], "{list:?}");
        }
    }
    let waiting = Page { filter: Filter::only(Field::State, "waiting"), ..newest() };
    assert_eq!(store.jobs(&site_id, waiting).await.expect("read").items.len(), 2);
}

pub(crate) async fn a_field_or_cursor_that_a_list_does_not_have_is_an_error(store: SharedStore) {
    let site_id = twelve(&store).await;
    let page = Page { filter: Filter::only(Field::OrderId, "o1"), ..newest() };
    assert!(store.visits(&site_id, page).await.is_err());
    assert!(store.postbacks(&site_id, Page { time: Time::Happened, ..newest() }).await.is_err());
    assert!(store.visits(&site_id, Page { after: Some("x".into()), ..newest() }).await.is_err());
}
