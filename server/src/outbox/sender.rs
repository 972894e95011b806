//! Sends parcels to one platform for one site: fetches access tokens, takes batches apart, reads answers. It keeps nothing.

use super::account::OpenAccount;
use super::exchange::Exchange;
use super::post::{self, NoAnswer};
use crate::app::App;
use crate::platforms::redaction::Redaction;
use crate::platforms::{Answer, Fate, Outcome, Parcel, Platform, Request};
use crate::settings::SiteSettings;
use std::time::Instant;

/// The way from a site to a platform.
pub struct Sender<'a> {
    app: &'a App,
    site_id: &'a str,
    name: &'a str,
    /// What the platform's file says.
    pub platform: &'static dyn Platform,
    /// The site's account.
    pub account: OpenAccount,
}

/// What became of a parcel, and what was said.
pub type Sent = (Fate, Option<Exchange>);

impl<'a> Sender<'a> {
    /// The way to a platform.
    ///
    /// # Errors
    /// The account does not open, or something is missing in it: a sentence for the operator.
    pub fn of(
        app: &'a App,
        site_id: &'a str,
        site: &SiteSettings,
        name: &'a str,
        platform: &'static dyn Platform,
    ) -> Result<Self, String> {
        let account = OpenAccount::of(app, site_id, site, name, platform)?;
        match account.missing(platform) {
            Some(missing) => Err(missing),
            None => Ok(Self { app, site_id, name, platform, account }),
        }
    }

    /// Whether the platform can be told this parcel at all.
    ///
    /// # Errors
    /// Why not.
    pub fn accepts(&self, parcel: &Parcel) -> Result<(), String> {
        self.platform.accepts(parcel, &self.account.at(self.app.now(), None))
    }

    /// Sends a batch, all of it accepted; a spoiled one in halves, as long as there is time. Answers in the order of the parcels.
    pub async fn send(&self, parcels: &[&Parcel], until: Instant) -> Vec<Sent> {
        let mut sent: Vec<Sent> = Vec::with_capacity(parcels.len());
        let mut todo: Vec<&[&Parcel]> = vec![parcels];
        let mut given_up: Option<Fate> = None;
        while let Some(part) = todo.pop() {
            let given_up_now = given_up.clone().or_else(|| {
                (Instant::now() > until)
                    .then(|| Fate::Later(Some(Default::default()), "its batch is being taken apart".into()))
            });
            if let Some(fate) = given_up_now {
                sent.extend(part.iter().map(|_| (fate.clone(), None)));
                continue;
            }
            let (outcome, heard) = self.once(part).await;
            match outcome {
                Outcome::Split(reason) if part.len() > 1 => {
                    tracing::debug!(platform = self.name, parcels = part.len(), reason, "a batch is taken apart");
                    let (first, second) = part.split_at(part.len() / 2);
                    todo.push(second);
                    todo.push(first);
                }
                Outcome::Split(reason) => sent.extend(self.told(part, vec![Fate::Refused(reason)], &heard)),
                Outcome::All(fate) => {
                    if matches!(fate, Fate::Down(..) | Fate::Stop(_)) {
                        given_up = Some(fate.clone());
                    }
                    sent.extend(self.told(part, vec![fate; part.len()], &heard));
                }
                Outcome::Each(mut fates) => {
                    fates.resize(part.len(), Fate::Later(None, "the platform's answer does not name it".into()));
                    sent.extend(self.told(part, fates, &heard));
                }
            }
        }
        sent
    }

    /// Asks what became of something that the platform judges later.
    pub async fn enquire(&self, receipt: &str) -> Sent {
        let mut fate = Fate::Delivered(Some("the platform gives no verdict".into()));
        let mut exchange = None;
        let mut last_token = None;
        for is_last in [false, true] {
            let token = match self.token().await {
                Ok(token) => token,
                Err(fate) => return (fate, None),
            };
            let account = self.account.at(self.app.now(), token.as_deref());
            let Some(request) = self.platform.enquiry(receipt, &account) else { break };
            let heard = self.post(&request, token.as_deref()).await;
            fate = match &heard {
                Ok(answer) => self.platform.enquired(answer, receipt),
                Err(failure) => failed(failure),
            };
            exchange = Some(self.exchange(&request, &heard, token.as_deref(), 1));
            last_token = token;
            if !matches!(fate, Fate::Renew(_)) || is_last {
                break;
            }
            self.app.tokens.forget(self.site_id, self.name);
        }
        (self.clean(fate, last_token.as_deref()), exchange)
    }

    /// One request, and once more with another token where the first is no longer good.
    async fn once(&self, parcels: &[&Parcel]) -> (Outcome, Option<Heard>) {
        let mut is_last = false;
        loop {
            let token = match self.token().await {
                Ok(token) => token,
                Err(fate) => return (Outcome::All(fate), None),
            };
            let request = self.platform.request(parcels, &self.account.at(self.app.now(), token.as_deref()));
            let answer = self.post(&request, token.as_deref()).await;
            let outcome = match &answer {
                Ok(answer) => self.platform.outcome(answer, parcels),
                Err(failure) => Outcome::All(failed(failure)),
            };
            match outcome {
                Outcome::All(Fate::Renew(reason)) => {
                    self.app.tokens.forget(self.site_id, self.name);
                    if is_last || token.is_none() {
                        return (Outcome::All(Fate::Stop(reason)), Some(Heard { request, answer, token }));
                    }
                    is_last = true;
                }
                outcome => return (outcome, Some(Heard { request, answer, token })),
            }
        }
    }

    /// The access token, fetched where none is at hand; `None` for a platform that wants none of that kind.
    async fn token(&self) -> Result<Option<String>, Fate> {
        let now = self.app.now();
        let Some(request) = self.platform.token_request(&self.account.at(now, None)) else { return Ok(None) };
        // A token that was fetched with other credentials is not theirs. The body may be signed with the time.
        let asked_with = serde_json::Value::Object(self.account.settings.clone()).to_string();
        if let Some(token) = self.app.tokens.get(self.site_id, self.name, &asked_with, now) {
            return Ok(Some(token));
        }
        let answer = self.post(&request, None).await.map_err(|failure| failed(&failure))?;
        if let Some(token) = self.app.tokens.keep(self.site_id, self.name, &asked_with, &answer.json(), now) {
            return Ok(Some(token));
        }
        let said = format!("no access token: HTTP {}: {}", answer.status, answer.excerpt());
        let fate = match answer.by_status() {
            Fate::Down(after, _) => Fate::Down(after, said),
            // A page in the place of an answer is somebody else's trouble.
            Fate::Delivered(_) if !answer.json().is_object() => Fate::Down(None, said),
            _ => Fate::Stop(format!("{said}. Connect the account again and enter its new credentials")),
        };
        Err(self.clean(fate, None))
    }

    /// A platform may repeat in its answer what it was sent. That goes before anything is read or cut off: half of a secret would no
    /// longer be known as one.
    async fn post(&self, request: &Request, token: Option<&str>) -> Result<Answer, NoAnswer> {
        let mut answer = post::send(&self.app.outgoing, request, self.platform.about().limits.timeout).await?;
        answer.body = self.redaction(token).redact(&answer.body);
        Ok(answer)
    }

    /// What became of each parcel, with the request as it would have been for it alone.
    fn told(&self, parcels: &[&Parcel], fates: Vec<Fate>, heard: &Option<Heard>) -> Vec<Sent> {
        let told = parcels.iter().zip(fates).map(|(parcel, fate)| {
            let exchange = heard.as_ref().map(|heard| {
                let token = heard.token.as_deref();
                if parcels.len() == 1 {
                    return self.exchange(&heard.request, &heard.answer, token, 1);
                }
                let alone = self.platform.request(&[parcel], &self.account.at(self.app.now(), token));
                self.exchange(&alone, &heard.answer, token, parcels.len())
            });
            (self.clean(fate, heard.as_ref().and_then(|heard| heard.token.as_deref())), exchange)
        });
        told.collect()
    }

    fn exchange(
        &self,
        request: &Request,
        answer: &Result<Answer, NoAnswer>,
        token: Option<&str>,
        together: usize,
    ) -> Exchange {
        let now = self.app.now();
        let heard = answer.clone().map_err(|failure| match failure {
            NoAnswer::Forbidden(why) | NoAnswer::Silence(why) => why,
        });
        Exchange::of(&self.redaction(token), request, &heard, now, together)
    }

    fn redaction(&self, token: Option<&str>) -> Redaction {
        Redaction::of(self.platform.about(), &self.account.at(0, token))
    }

    /// What a platform repeats of a secret may be spelt in its answer in a way that only reading it undoes.
    fn clean(&self, fate: Fate, token: Option<&str>) -> Fate {
        let redaction = self.redaction(token);
        let clean = |text: String| redaction.redact(&text);
        match fate {
            Fate::Delivered(note) => Fate::Delivered(note.map(clean)),
            Fate::Duplicate(note) => Fate::Duplicate(clean(note)),
            Fate::Later(after, reason) => Fate::Later(after, clean(reason)),
            Fate::Down(after, reason) => Fate::Down(after, clean(reason)),
            Fate::Enquire(receipt, after) => Fate::Enquire(receipt, after),
            Fate::Refused(reason) => Fate::Refused(clean(reason)),
            Fate::Renew(reason) | Fate::Stop(reason) => Fate::Stop(clean(reason)),
        }
    }
}

/// A request that was made, and what came of it.
struct Heard {
    request: Request,
    answer: Result<Answer, NoAnswer>,
    token: Option<String>,
}

fn failed(failure: &NoAnswer) -> Fate {
    match failure {
        NoAnswer::Forbidden(why) => Fate::Stop(why.clone()),
        NoAnswer::Silence(why) => Fate::Down(None, why.clone()),
    }
}
