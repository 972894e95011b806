//! The report: what `tagwerk('inspect')` answers. `www/tagwerk.d.ts` says the same in TypeScript, and tests hold the two together.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Names and values, in the order in which they were found; an object in the report. Of a name that is there twice the last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(pub Vec<(String, String)>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Everything there is to know about the tag on this page. Every key is always there; what is absent is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `wasm`, or `shim` where the shim works alone.
    pub mode: String,
    /// Whether it is decided which of the two it is.
    pub ready: bool,
    /// Version of the server that this module came from; absent where it is not the module that reports.
    pub version: Option<String>,
    /// The site's public id.
    pub site_id: String,
    /// Whom the tag talks to.
    pub server: Server,
    /// What the site has set, as far as it decides what the tag does.
    pub settings: Settings,
    /// The tracking groups by which links are recognised.
    pub groups: Vec<Group>,
    /// The visit that this page load belongs to.
    pub visit_id: Option<String>,
    /// The browser's first-party id.
    pub visitor_id: Option<String>,
    /// `granted`, `pending` or `denied`.
    pub consent: String,
    /// Where the visitor came from.
    pub source: Source,
    /// Every link that could be a network's, in document order, those in open shadow roots after their host.
    pub links: Vec<Link>,
    /// The click ids that this page load has put into links and that are not used up.
    pub minted: Vec<String>,
    /// Every event of this page load, and those that earlier ones left behind, in order of time.
    pub events: Vec<Event>,
    /// The page's own pixels.
    pub pixels: Vec<Pixel>,
    /// What AutoScan found out about cloaked links.
    pub cloaked: Vec<Cloaked>,
    /// What went wrong, a sentence each.
    pub problems: Vec<String>,
}

/// The server that the tag talks to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Server {
    /// Its origin.
    pub origin: String,
    /// Where events go.
    pub event: String,
    /// What the script loads: glue, WebAssembly, and the two files of the inspection.
    pub assets: Vec<String>,
    /// Hosts of the origins that it takes events from; none where it takes them from everywhere.
    pub hosts: Vec<String>,
    /// How far the visitor's clock is ahead of the server's, in milliseconds; absent where the browser does not tell.
    pub clock_ahead: Option<f64>,
}

/// What the site has set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// `none`, `required` or `auto`.
    pub consent: String,
    /// Whether links get click ids before consent.
    pub decorate_without: bool,
    /// Whether Global Privacy Control is a refusal.
    pub gpc: bool,
    /// Somebody else's sub-id: `keep` or `replace`.
    pub existing: String,
    /// Hosts whose links AutoScan asks about; none where it is off.
    pub scan_hosts: Vec<String>,
}

/// How a tracking group's links are recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The parameter that takes the click id.
    pub sub_id: String,
    /// Its hosts; sub-domains are included.
    pub hosts: Vec<String>,
    /// What a path of its begins with; none where any will do.
    pub paths: Vec<String>,
}

/// Where the visitor came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Source {
    /// Campaign parameters of the arrival that counts: the landing if it has a source, else the last touch.
    pub utm: Values,
    /// Ad click ids of the arrival that counts, in the platforms' spelling.
    pub click_ids: Values,
    /// Referrer of the arrival that counts.
    pub referrer: Option<String>,
    /// How this visit began.
    pub landing: Option<Arrival>,
    /// The first arrival that is known.
    pub first: Option<Arrival>,
    /// The last arrival that had a source.
    pub last: Option<Arrival>,
}

/// One arrival at the site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arrival {
    /// When, in milliseconds since 1970 UTC.
    pub at: f64,
    /// The page's address.
    pub page: String,
    /// Where from, if the browser says.
    pub referrer: Option<String>,
    /// Campaign parameters.
    pub utm: Values,
    /// Ad click ids.
    pub click_ids: Values,
}

/// A link (or a form) that could be a network's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// `link` or `form`.
    pub kind: Kind,
    /// Its address, as it stands in the page.
    pub href: String,
    /// Its text, white space collapsed.
    pub text: String,
    /// The tracking group it belongs to.
    pub group: Option<String>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// The click id of this page load that it carries.
    pub click_id: Option<String>,
}

/// What carries the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `a` or `area`, also of SVG.
    Link,
    /// A form's `action`.
    Form,
}

/// What becomes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It carries a click id of this page load.
    Decorated,
    /// It gets a click id at the latest when it is used.
    WillBeDecorated,
    /// It keeps somebody else's sub-id; a click on it is reported as foreign.
    Foreign,
    /// It is left as it is.
    Left,
}

/// An event, and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub event_id: String,
    /// `PageView`, `OutboundClick`, or a name of the page's own.
    pub name: String,
    /// When, in milliseconds since 1970 UTC.
    pub at: f64,
    /// The click id handed out with it.
    pub click_id: Option<String>,
    /// Where the link that was clicked leads.
    pub href: Option<String>,
    /// The text of the link that was clicked.
    pub label: Option<String>,
    /// The tracking group of the link that was clicked.
    pub group: Option<String>,
    /// What `trigger` was given.
    pub attributes: Values,
    /// How far it has come.
    pub state: State,
    /// The status of the server's last answer.
    pub status: Option<u16>,
}

/// How far an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for consent.
    Held,
    /// It is on its way.
    InFlight,
    /// The server has it on disk.
    Delivered,
    /// The server does not want it, and it is not sent again.
    Refused,
    /// The last try failed; the next page sends it again.
    Failed,
    /// An earlier page left it in the outbox.
    Waiting,
}

/// A function of the page that takes events for an ad platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pixel {
    /// Where it is, below `window`.
    pub function: String,
    /// The platforms it belongs to, by their names in the site's setting `pixels`.
    pub platforms: Vec<String>,
    /// Whether this site feeds it.
    pub switched_on: bool,
    /// Whether the page has it.
    pub found: bool,
    /// The names of the events that it is fed; `*` for all that have no name here.
    pub events: Vec<String>,
}

/// What AutoScan found out about a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cloaked {
    /// The link's address, without query and fragment.
    pub url: String,
    /// The tracking group it leads to.
    pub group: Option<String>,
    /// Whether it passes query parameters on.
    pub forwards: bool,
    /// The offer it leads to, where that is to be used in its stead.
    pub resolved: Option<String>,
    /// Why, in a sentence.
    pub reason: Option<String>,
}
