//! A postback to anywhere: the operator's own URL, and perhaps a body, with macros ([`super::macros`]). For every network, tracker or script
//! that has no file of its own; a site may have several.

use super::macros::{self, Said, Template};
use super::{About, Account, Answer, Fate, Field, FieldKind, Limits, Method, Outcome, Parcel, Platform, Request};

/// An outgoing postback.
pub struct Postback;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

static ABOUT: About = About {
    name: "postback",
    title: "Postback",
    base_url: "",
    docs: "postback.md",
    fields: &[
        Field::text(
            "url",
            "URL",
            "Where to call, with macros: https://example.com/postback?cid={click_id}&payout={value}&txid={transaction_id}",
        ),
        Field::optional(
            "method",
            FieldKind::Choice(&["GET", "POST"]),
            "Method",
            "GET unless something else is chosen.",
        ),
        Field::optional("body", FieldKind::Text, "Body", "What is posted, with macros. Without it a POST has no body."),
        Field::optional(
            "content_type",
            FieldKind::Choice(&[JSON, FORM]),
            "Content type",
            "What the body is; it says how values are written into it. JSON unless something else is chosen.",
        ),
        Field::optional(
            "secret",
            FieldKind::Secret,
            "Secret",
            "Stands where `{secret}` does: a key that the receiver wants and nobody is to read.",
        ),
    ],
    clicks: None,
    everything: true,
    refunds: true,
    several: true,
    limits: Limits::USUAL,
};

struct Templates {
    url: Template,
    body: Option<Template>,
    posts: bool,
    content_type: &'static str,
}

impl Templates {
    fn of(account: &Account<'_>) -> Result<Self, String> {
        let raw = account.text("url").ok_or("set `url` to the address that is to be called")?;
        let url = Template::url(&macros::rebased(raw, account.base_url)).map_err(|why| format!("`url`: {why}"))?;
        let content_type = if account.text("content_type") == Some(FORM) { FORM } else { JSON };
        let read = if content_type == FORM { Template::form } else { Template::json };
        let body = account.text("body").map(read).transpose().map_err(|why| format!("`body`: {why}"))?;
        let posts = account.text("method") == Some("POST");
        if body.is_some() && !posts {
            return Err("a GET has no body: set `method` to POST, or clear `body`".into());
        }
        Ok(Self { url, body, posts, content_type })
    }

    fn macros(&self) -> impl Iterator<Item = &str> {
        self.url.macros().chain(self.body.iter().flat_map(Template::macros))
    }

    fn uses(&self, name: &str) -> bool {
        self.macros().any(|used| used == name)
    }
}

impl Platform for Postback {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn accepts(&self, parcel: &Parcel, account: &Account<'_>) -> Result<(), String> {
        let templates = Templates::of(account)?;
        if let Some(name) = templates.macros().find(|name| macros::said(name, parcel, account).is_none()) {
            return Err(format!("there is no macro {{{name}}}; there are {}", macros::known()));
        }
        if templates.uses("secret") && !account.has("secret") {
            return Err("the template has {secret}, and `secret` is empty: fill it in".into());
        }
        if account.validates_only() {
            return Err("a postback cannot be checked without being counted: switch `validate_only` off".into());
        }
        if account.test_event_code().is_some() && !templates.uses("test_event_code") {
            return Err("nothing would mark this as a test: put {test_event_code} into `url` or `body`, or clear \
                        `test_event_code`"
                .into());
        }
        Ok(())
    }

    fn request(&self, parcels: &[&Parcel], account: &Account<'_>) -> Request {
        let (Some(parcel), Ok(templates)) = (parcels.first(), Templates::of(account)) else {
            // Not reached: `accepts` has read the same settings. An empty URL goes nowhere.
            return Request::get(String::new());
        };
        let said = |name: &str| macros::said(name, parcel, account).unwrap_or(Said::Nothing);
        let mut request = Request::get(templates.url.expand(&said));
        if templates.posts {
            request.method = Method::Post;
        }
        if let Some(body) = &templates.body {
            request.body = body.expand(&said);
            request = request.header("content-type", templates.content_type);
        }
        request
    }

    fn outcome(&self, answer: &Answer, _parcels: &[&Parcel]) -> Outcome {
        Outcome::All(received(answer))
    }
}

/// What a receiver's answer means that may be anything: every 2xx is success, 410 the end. What it refuses is sent again all the same, for
/// as long as it is young enough: a receiver's mistake can be put right, and refusing for good would lose what came meanwhile.
pub(super) fn received(answer: &Answer) -> Fate {
    let said = format!("HTTP {}: {}", answer.status, answer.excerpt());
    match answer.status {
        200..=299 => Fate::Delivered(None),
        410 => Fate::Stop(format!("the receiver says that it is gone: {said}")),
        300..=399 => {
            Fate::Down(answer.retry_after, format!("redirects are not followed: set `url` to where it leads; {said}"))
        }
        408 | 425 | 429 | 500.. => Fate::Down(answer.retry_after, said),
        _ => Fate::Later(answer.retry_after, said),
    }
}
