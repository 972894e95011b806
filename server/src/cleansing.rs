//! Erasing a visitor who asks for it: what is sealed is opened, cleansed and sealed again while the store takes the rest out. And what a
//! network tells later of an erased visitor is cleansed before it is kept.

use crate::app::{App, SharedApp};
use crate::audit;
use crate::erasing::{Names, Note, Scrubbing, Traces, hash};
use crate::jobs::replay::{corrections_of, opened};
use crate::people::Who;
use crate::reading::{self, Corrections, RawRequest, Refusal};
use crate::settings::{SettingsError, SiteSettings};
use crate::store::{Channel, Cleansed, Cleansing, Erased, Erasure, PostbackRow, Said, Site, StoreError};
use crate::vault::VaultError;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tagwerk_protocol::click_id::{Reading, read};
use tagwerk_protocol::form;
use tagwerk_protocol::group::Postback;

/// How many postbacks without a conversion are looked at in one go.
const PART: usize = 500;

/// Why somebody was not erased: nothing of them is, then.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The settings do not read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Erases a visitor of a site, and writes down that somebody was erased, not who; `None` where nothing is known of the visitor.
///
/// # Errors
/// See [`EraseError`]; then nothing is erased, and trying again does no harm.
pub async fn erase(app: &SharedApp, who: &Who, site: &Site, visitor_id: &str) -> Result<Option<Erased>, EraseError> {
    let site_id = &site.site_id;
    let Some(footprint) = app.store.footprint(site_id, visitor_id).await? else { return Ok(None) };
    let (loose, looked_until) = loose(app, site_id, &footprint.traces).await?;
    let cleanser = Cleanser {
        app: Arc::clone(app),
        site: site.clone(),
        settings: SiteSettings::of(site)?,
        names: Names::of(&app.groups, &app.clicks),
    };
    let erasure = Erasure { cleansing: Arc::new(cleanser), loose, looked_until };
    let Some(erased) = app.store.erase_visitor(site_id, visitor_id, erasure, app.now()).await? else {
        return Ok(None);
    };
    // Enough to tell that it was this visitor, for whoever has the id and asks; not enough to find out who it was.
    let mark: String = hash(site_id, "trail", visitor_id).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let about = json!({
        "visitor_hash": mark,
        "visits": erased.visits,
        "events": erased.events,
        "clicks": erased.clicks,
        "conversions": erased.conversions,
        "postbacks": erased.postbacks,
        "deliveries_stopped": erased.stopped,
        "deliveries_cleared": erased.deliveries,
    });
    audit::note(app, who, Some(site_id), "visitor.erased", about).await;
    Ok(Some(erased))
}

/// Postbacks without a conversion that tell of the visitor, and the last one that was looked at.
async fn loose(app: &App, site_id: &str, traces: &Traces) -> Result<(Vec<String>, Option<String>), StoreError> {
    let (mut found, mut last) = (Vec::new(), None);
    loop {
        let part = app.store.loose_postbacks(site_id, last.clone(), PART).await?;
        found.extend(part.iter().filter(|postback| is_told(app, postback, traces)).map(|postback| postback.id.clone()));
        let is_last = part.len() < PART;
        last = part.last().map(|postback| postback.id.clone()).or(last);
        if is_last {
            return Ok((found, last));
        }
    }
}

/// Whether a postback tells of the visitor, as far as it opens.
fn is_told(app: &App, postback: &PostbackRow, traces: &Traces) -> bool {
    let by_hand = || corrections_of(app, postback).unwrap_or_default();
    opened(app, postback).is_ok_and(|raw| {
        traces.are_in_request(&postback.group, &raw) || by_hand().values().any(|value| traces.are_named_in(value))
    })
}

/// Opens, cleanses and seals what is kept of one site.
struct Cleanser {
    app: SharedApp,
    site: Site,
    settings: SiteSettings,
    names: Names,
}

impl Cleansing for Cleanser {
    fn names(&self) -> &Names {
        &self.names
    }

    fn cleanse(&self, postback: &PostbackRow, traces: &Traces, if_told: bool) -> Result<Option<Cleansed>, String> {
        if if_told && !is_told(&self.app, postback, traces) {
            return Ok(None);
        }
        let (Ok(raw), Ok(corrections), Some(channel)) =
            (opened(&self.app, postback), corrections_of(&self.app, postback), Channel::parse(&postback.channel))
        else {
            // No key opens it now; should one be found, it must open nothing.
            let corrections = postback.corrections.as_ref().map(|_| Vec::new());
            return Ok(Some(Cleansed { raw: Vec::new(), corrections }));
        };
        let call = Call { id: &postback.id, received_at: postback.received_at, channel, group: &postback.group };
        let (raw, cleansed) = self.scrubbed(&call, &raw, &corrections, traces);
        let sealed = |place: &str, text: Result<Vec<u8>, serde_json::Error>| {
            let text = text.map_err(|error| error.to_string())?;
            self.app.vault.seal(place, &text).map_err(|error| error.to_string())
        };
        let corrections = match &postback.corrections {
            Some(_) => Some(sealed(&RawRequest::corrections_place(&postback.id), serde_json::to_vec(&cleansed))?),
            None => None,
        };
        let raw = sealed(&RawRequest::place(&postback.id), serde_json::to_vec(&raw))?;
        Ok(Some(Cleansed { raw, corrections }))
    }
}

/// Which call a raw request is.
struct Call<'a> {
    id: &'a str,
    received_at: i64,
    channel: Channel,
    group: &'a str,
}

impl Cleanser {
    /// A raw request and its corrections without the person; they say the same as before of everything else.
    fn scrubbed(
        &self,
        call: &Call<'_>,
        raw: &RawRequest,
        corrections: &Corrections,
        traces: &Traces,
    ) -> (RawRequest, Corrections) {
        let app = &self.app;
        let read = |raw: &RawRequest, corrections: &Corrections| {
            let (site, settings) = (&self.site, &self.settings);
            app.read(site, settings, call.channel, call.group, raw, corrections, call.id, call.received_at)
        };
        let known = reading::call(&app.groups, call.channel, call.group, raw);
        let before = read(raw, corrections);
        let mut note = raw.erased.clone().unwrap_or_else(|| Note {
            call: known.as_ref().map(|(hash, _)| hash.clone()),
            base: None,
            forbidden: match &before {
                Err(Refusal::Forbidden(reason)) => Some(reason.clone()),
                _ => None,
            },
        });
        let scrubbing = Scrubbing {
            site_id: &self.site.site_id,
            names: &self.names,
            traces,
            form: known.map(|(_, form)| form),
            from_browser: call.channel == Channel::Pixel,
        };
        let corrections = scrubbing.corrections(corrections);
        let after = scrubbing.request(raw, note.clone());
        // Where the group tells a call by something that is gone, what that came to is kept.
        if let (Ok(Said::Conversion { conversion: was, .. }), Ok(Said::Conversion { conversion: is, .. })) =
            (before, read(&after, &corrections))
            && was.identity != is.identity
        {
            note.base = Some(was.series.unwrap_or(was.identity));
            return (scrubbing.request(raw, note), corrections);
        }
        (after, corrections)
    }
}

/// The visit that a raw request's click id names, if it names one.
pub fn named_visit(app: &App, channel: Channel, group: &str, raw: &RawRequest) -> Option<String> {
    let parameter = Postback::plain_name(reading::click_id_parameter(&app.groups, channel, group)?);
    let mut pairs = form::pairs(&raw.query).chain(form::pairs(&raw.body));
    pairs.find_map(|(name, value)| {
        if Postback::plain_name(&name) != parameter {
            return None;
        }
        match read(&value) {
            Reading::Ours(click) => Some(click.visit().to_string()),
            Reading::Other(Some(visit)) => Some(visit.to_string()),
            Reading::Other(None) | Reading::Absent => None,
        }
    })
}

/// A raw request that names an erased visit, as it is kept: sealed, and without what tells of the person.
///
/// # Errors
/// It cannot be sealed.
#[expect(clippy::too_many_arguments, reason = "what makes a row: whose, whence, what, and its id and time")]
pub fn at_receipt(
    app: &SharedApp,
    site: &Site,
    settings: &SiteSettings,
    channel: Channel,
    group: &str,
    raw: &RawRequest,
    visit: String,
    postback_id: &str,
    received_at: i64,
) -> Result<Vec<u8>, VaultError> {
    let cleanser = Cleanser {
        app: Arc::clone(app),
        site: site.clone(),
        settings: settings.clone(),
        names: Names::of(&app.groups, &app.clicks),
    };
    let traces = Traces { visits: BTreeSet::from([visit]), ..Traces::default() };
    let call = Call { id: postback_id, received_at, channel, group };
    let (scrubbed, _) = cleanser.scrubbed(&call, raw, &Corrections::new(), &traces);
    let text = serde_json::to_vec(&scrubbed).unwrap_or_default();
    app.vault.seal(&RawRequest::place(postback_id), &text)
}
