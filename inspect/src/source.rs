//! Where the visitor came from, as the record tells it. Pure.

use crate::facts::value;
use crate::report::{Arrival, Source, Values};
use tagwerk_protocol::event::field;
use tagwerk_protocol::source;

/// Reads the record's arrivals; `params` are the ad platforms' click id parameters, `own` the hosts of the site's own.
pub fn source(record: &str, params: &[String], own: &[String]) -> Source {
    let (landing, is_sourced) = arrival(record, field::LANDING, params, own).unzip();
    let first = arrival(record, field::FIRST, params, own).map(|(arrival, _)| arrival);
    let touch = arrival(record, field::TOUCH, params, own).map(|(arrival, _)| arrival);
    let last = landing.clone().filter(|_| is_sourced == Some(true)).or(touch);
    let counts = last.clone();
    let (utm, click_ids, referrer) =
        counts.map(|arrival| (arrival.utm, arrival.click_ids, arrival.referrer)).unwrap_or_default();
    Source { utm, click_ids, referrer, landing, first, last }
}

/// The arrival with that prefix, and whether it has a source.
fn arrival(record: &str, prefix: &str, params: &[String], own: &[String]) -> Option<(Arrival, bool)> {
    let get = |name: &str| value(record, &[prefix, name].concat());
    let arrival = source::Arrival {
        at: get(field::AT).and_then(|at| at.parse().ok()).unwrap_or_default(),
        page: get(field::PAGE)?,
        referrer: get(field::REFERRER).unwrap_or_default(),
    };
    let read = source::read(&arrival.page, params);
    let is_sourced = arrival.has_source(params, own);
    let row = Arrival {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        at: arrival.at as f64,
        page: arrival.page,
        referrer: Some(arrival.referrer).filter(|referrer| !referrer.is_empty()),
        utm: Values(read.utm),
        click_ids: Values(read.click_ids),
    };
    Some((row, is_sourced))
}
