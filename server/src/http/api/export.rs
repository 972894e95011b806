//! The lists as CSV files: `GET .../conversions.csv` and the others, every row, in parts as the caller reads them.

use super::settings::existing;
use super::{part, shapes};
use crate::app::{App, SharedApp};
use crate::csv::export::{Cell, header, lines, lists};
use crate::http::error::Error;
use crate::http::operator::Operator;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::people::Who;
use crate::store::{
    ClickRow, ConversionRow, DeliveryRow, EventRow, List, Listing, OrderEventRow, Page, PostbackRow, StoreError, Visit,
};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::channel::Channel;
use tagwerk_protocol::form;

/// Rows that are read at once; with the parts that wait to be sent, that is what an export holds in memory.
const ROWS: usize = 1000;
/// Parts that wait to be sent.
const AHEAD: usize = 1;

/// Whoever may read: by a token, or signed in, so that the dashboard can link to a file.
pub(super) struct Reader(Who);

impl FromRequestParts<SharedApp> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Error> {
        if !parts.headers.contains_key(AUTHORIZATION)
            && let Ok(SignedIn(who)) = SignedIn::from_request_parts(parts, app).await
        {
            return Ok(Self(who));
        }
        Operator::from_request_parts(parts, app).await.map(|Operator(who)| Self(who))
    }
}

macro_rules! export {
    ($name:ident, $list:ident, $row:ty, $columns:expr, $cells:expr) => {
        /// The site's rows as a file, as the query asks for them.
        pub(super) async fn $name(
            Reader(who): Reader,
            State(app): State<SharedApp>,
            Path(site_id): Path<String>,
            RawQuery(query): RawQuery,
        ) -> Result<Response, Error> {
            existing(&app, &site_id).await?;
            let page = asked(List::$list, query.as_deref())?;
            let custom = custom_columns(&app);
            let columns: fn(&[String]) -> Vec<String> = $columns;
            let cells: fn(&App, &Masking, &[String], $row) -> Vec<Cell> = $cells;
            let seen = Masking::of(&app.groups, who.role);
            let file = concat!(stringify!($name), ".csv");
            // The first part is read before anything is answered, so that what is wrong is told as everywhere.
            let mut part: Listing<$row> = app.store.$name(&site_id, page.clone()).await?;
            let (mut sender, body) = Channel::<Bytes, StoreError>::new(AHEAD);
            let of = site_id.clone();
            tokio::spawn(async move {
                let mut text = header(&columns(&custom));
                loop {
                    let rows = part.items.into_iter().map(|row| cells(&app, &seen, &custom, seen.masked(row)));
                    text.extend(lines(rows));
                    // Whoever asked has gone.
                    if sender.send_data(Bytes::from(std::mem::take(&mut text))).await.is_err() {
                        return;
                    }
                    let Some(next) = part.next else { return };
                    part = match app.store.$name(&of, Page { after: Some(next), ..page.clone() }).await {
                        Ok(part) => part,
                        Err(error) => {
                            tracing::error!(%error, "an export breaks off");
                            return sender.abort(error);
                        }
                    };
                }
            });
            Ok(answer(&site_id, file, Body::new(body)))
        }
    };
}

export!(visits, Visits, Visit, |_| lists::visit_columns(), |_, _, _, visit| lists::visit(visit));
export!(events, Events, EventRow, |_| lists::event_columns(), |_, _, _, event| lists::event(event));
export!(clicks, Clicks, ClickRow, |_| lists::click_columns(), |_, _, _, click| lists::click(click));
export!(postbacks, Postbacks, PostbackRow, |_| lists::postback_columns(), |app, seen, _, postback| {
    let raw = shapes::raw_text(app, seen, &postback);
    lists::postback(postback, raw)
});
export!(conversions, Conversions, ConversionRow, lists::conversion_columns, |_, _, custom, conversion| {
    lists::conversion(conversion, custom)
});
export!(order_events, OrderEvents, OrderEventRow, |_| lists::order_event_columns(), |_, _, _, event| {
    lists::order_event(event)
});
export!(deliveries, Deliveries, DeliveryRow, |_| lists::delivery_columns(), |_, _, _, delivery| {
    lists::delivery(delivery)
});

/// What the query asks for; a file has all of it.
fn asked(list: List, query: Option<&str>) -> Result<Page, Error> {
    if form::pairs(query.unwrap_or_default()).any(|(name, _)| name == "limit") {
        return Err(Error::Invalid("a file has every row; leave limit out".into()));
    }
    Ok(Page { limit: ROWS, ..part::asked(list, query)? })
}

/// The parameters that any group passes through: each has a column of its own, unless one of ours is called so.
pub(super) fn custom_columns(app: &App) -> Vec<String> {
    let taken = lists::conversion_columns(&[]);
    let mut names: Vec<String> = Vec::new();
    for name in app.groups.iter().filter_map(|group| group.postback.as_ref()).flat_map(|postback| &postback.custom) {
        if !names.contains(name) && !taken.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn answer(site_id: &str, file: &str, body: Body) -> Response {
    let headers: [(HeaderName, String); 4] = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".into()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"tagwerk-{site_id}-{file}\"")),
        (CACHE_CONTROL, "no-store".into()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    (headers, body).into_response()
}
