//! The ad platforms: what each wants to be told, and what its answers mean. Pure: no clock, no network, no randomness; sending,
//! retrying and access tokens live in [`crate::outbox`].
//!
//! A platform is one file that implements [`Platform`] and one row of [`ALL`].

pub mod about;
pub mod account;
pub mod answer;
pub mod ga4;
pub mod google;
mod google_account;
pub mod google_ads;
pub mod hash;
pub mod linkedin;
pub mod macros;
pub mod meta;
pub mod microsoft;
pub mod microsoft_offline;
pub mod outbrain;
pub mod parcel;
pub mod pinterest;
pub mod postback;
pub mod redaction;
pub mod reddit;
pub mod request;
pub mod snapchat;
pub mod sparse;
pub mod taboola;
pub mod tiktok;
pub mod unreadable;
pub mod webhook;
pub mod x;

pub use about::{About, Field, FieldKind, Limits};
pub use account::Account;
pub use answer::{Answer, Fate, Outcome};
pub use parcel::{Parcel, Person, Touch};
pub use request::{Method, Request};

/// Every platform that is known, in the order in which people see them.
pub const ALL: &[&dyn Platform] = &[
    &meta::Meta,
    &google::Google,
    &google_ads::GoogleAds,
    &ga4::Ga4,
    &tiktok::TikTok,
    &microsoft::Microsoft,
    &microsoft_offline::MicrosoftOffline,
    &pinterest::Pinterest,
    &snapchat::Snapchat,
    &linkedin::LinkedIn,
    &reddit::Reddit,
    &x::X,
    &taboola::Taboola,
    &outbrain::Outbrain,
    &postback::Postback,
    &webhook::Webhook,
];

/// What a platform's file says. One value of it serves every site.
pub trait Platform: Send + Sync {
    /// Its name, settings, limits and habits.
    fn about(&self) -> &'static About;

    /// The settings without which nothing can be sent, and which this account lacks. A platform with several ways in says so here.
    fn missing(&self, account: &Account<'_>) -> Vec<&'static Field> {
        self.about().fields.iter().filter(|field| field.required && !account.has(field.name)).collect()
    }

    /// Whether a parcel can be told to the platform at all; it is asked for each one before they are put together.
    ///
    /// # Errors
    /// Why not, in a sentence that says what to do where something can be done: no name for its type, nobody to credit.
    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String>;

    /// The request that tells these parcels, all of them accepted, at least one and at most [`Limits::batch`].
    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request;

    /// What an answer to [`Self::request`] means for these parcels.
    fn outcome(&self, answer: &Answer, parcels: &[&Parcel]) -> Outcome;

    /// The request for an access token, where the platform wants one that has to be fetched.
    fn token_request(&self, _account: &Account<'_>) -> Option<Request> {
        None
    }

    /// The request that asks what became of something that was accepted and is judged later ([`Fate::Enquire`]).
    fn enquiry(&self, _receipt: &str, _account: &Account<'_>) -> Option<Request> {
        None
    }

    /// What the answer to [`Self::enquiry`] means.
    fn enquired(&self, answer: &Answer, _receipt: &str) -> Fate {
        answer.by_status()
    }
}

/// The platform of a name in the settings: its own, or for those that a site may have several of, its own, `-` and a label.
pub fn find(name: &str) -> Option<&'static dyn Platform> {
    let of = |name: &str| ALL.iter().copied().find(|platform| platform.about().name == name);
    of(name).or_else(|| {
        let (kind, label) = name.split_once('-')?;
        let is_label = (1..=40).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        of(kind).filter(|platform| is_label && platform.about().several)
    })
}
