//! What can be done about a conversion from its page: mark it as a test, and send it to the platforms again.

use super::super::page;
use super::super::platforms::Notice;
use super::super::worklist::answer;
use super::conversion::{deliveries, no_conversion};
use super::related::one;
use crate::app::SharedApp;
use crate::audit;
use crate::fix;
use crate::http::error::Error;
use crate::http::session::{Analyst, SameOrigin};
use crate::store::{Again, ConversionRow, DeliveryState};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

/// What was done just now, as the address tells.
pub(in super::super) struct Done {
    pub(in super::super) done: Option<String>,
    pub(in super::super) count: Option<u64>,
}

impl Done {
    /// In words; nothing for what was never done.
    pub(in super::super) fn notice(&self) -> Option<Notice> {
        let good = |said: &str| Some(Notice { good: true, said: said.to_owned() });
        let count = self.count.unwrap_or_default();
        match self.done.as_deref()? {
            "assigned" => good("It is assigned to that click. Every replay keeps it so."),
            "corrected" => good("Corrected, and read again. What arrived is unchanged: the correction lies beside it."),
            "replayed" => good("Read again by the rules of now."),
            "test" => Some(Notice {
                good: true,
                said: match count {
                    0 => "It is a test now: it counts in no report, and what waited to be sent is dropped.".to_owned(),
                    1 => "It is a test now, and with it one that tells of the same sale. Neither counts in a report, and what waited to be sent is dropped.".to_owned(),
                    more => format!("It is a test now, and with it {more} that tell of the same sale. None counts in a report, and what waited to be sent is dropped."),
                },
            }),
            "not_test" => good("It is no test any more: it counts in reports, and platforms are told."),
            "again" => Some(match count {
                0 => Notice { good: false, said: "Nothing is sent again: the platform is switched off, or nothing is left to be sent.".to_owned() },
                1 => Notice { good: true, said: "One delivery is sent again, under the same event id.".to_owned() },
                more => Notice { good: true, said: format!("{more} deliveries are sent again, under the same event ids.") },
            }),
            _ => None,
        }
    }
}

/// What a conversion is called on its page.
pub(super) fn title_of(row: &ConversionRow) -> String {
    row.said.kind.clone()
}

#[derive(Deserialize)]
pub(super) struct MarkForm {
    #[serde(default)]
    is_test: String,
}

/// Marks a conversion as a test, or as none.
pub(super) async fn mark(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
    Form(form): Form<MarkForm>,
) -> Result<Response, Error> {
    let is_test = form.is_test == "1";
    let done = fix::mark(&app, &site_id, &id, is_test).await;
    if let Ok((row, count)) = &done {
        let about = json!({ "conversion_id": row.id, "is_test": is_test, "others": count });
        audit::note(&app, &who, Some(&site_id), "conversion.marked", about).await;
    }
    let word = if is_test { "test" } else { "not_test" };
    answer(done.map(|(row, count)| format!("/sites/{site_id}/conversions/{}?done={word}&count={count}", row.id)))
}

#[derive(Deserialize)]
pub(super) struct AgainForm {
    #[serde(default)]
    delivery: String,
}

/// Sends one delivery of a conversion again, or all that were refused or have expired.
pub(super) async fn again(
    _: SameOrigin,
    Analyst(who): Analyst,
    State(app): State<SharedApp>,
    Path((site_id, id)): Path<(String, String)>,
    Form(form): Form<AgainForm>,
) -> Result<Response, Error> {
    let Some(row) = one(&app, &site_id, &id).await? else { return Ok(no_conversion()) };
    let is_meant = |delivery: &crate::store::DeliveryRow| match form.delivery.as_str() {
        "" => matches!(delivery.state, DeliveryState::Refused | DeliveryState::Expired),
        id => delivery.id == id,
    };
    let mut count = 0;
    for delivery in deliveries(&app, &site_id, &row).await?.into_iter().filter(is_meant) {
        count += app.store.send_again(&site_id, Again::One(delivery.id), app.now()).await?;
    }
    app.outbox.ring();
    let about = json!({ "conversion_id": row.id, "deliveries": count });
    audit::note(&app, &who, Some(&site_id), "deliveries.sent_again", about).await;
    let path = format!("/sites/{site_id}/conversions/{}?done=again&count={count}#sent", row.id);
    Ok(page::guarded(Redirect::to(&path).into_response()))
}
