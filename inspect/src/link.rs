//! What becomes of each link of the page, and why. Pure.

use crate::report::{Cloaked, Kind, Link, Verdict};
use tagwerk_protocol::click_id::ClickId;
use tagwerk_protocol::form;
use tagwerk_protocol::href::{self, Target};
use tagwerk_protocol::link::{self, Existing, GroupRule, LinkRules, Plan, Reason, TOKEN, plan_at};

/// Link types that say nothing about a tracking group.
/// Source: the HTML Standard, "Link types", and the microformats that are registered there.
const LINK_TYPES: [&str; 24] = [
    "alternate",
    "author",
    "bookmark",
    "canonical",
    "contents",
    "external",
    "help",
    "home",
    "index",
    "license",
    "me",
    "next",
    "nofollow",
    "noopener",
    "noreferrer",
    "opener",
    "prev",
    "privacy-policy",
    "search",
    "self",
    "sponsored",
    "tag",
    "terms-of-service",
    "ugc",
];

/// A link or form as it stands in the page.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which of the two it is.
    pub kind: Kind,
    /// Its address, untouched.
    pub href: String,
    /// Where that leads; nothing unless it is http(s).
    pub target: Option<Target>,
    /// The `data-tracking-group` attribute.
    pub group: Option<String>,
    /// The `rel` attribute.
    pub rel: Option<String>,
    /// Its text.
    pub text: String,
    /// Whether it is a form that is sent by GET: then the browser drops the address's own query, and the id goes into a field.
    pub gets: bool,
    /// A form's fields, as they stand in the page.
    pub fields: Vec<(String, String)>,
}

/// What links are judged by.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The site's link rules.
    pub rules: LinkRules,
    /// Whether links get click ids now.
    pub decorates: bool,
    /// The click ids of this page load that stand in links.
    pub minted: Vec<ClickId>,
    /// What AutoScan found out.
    pub cloaked: Vec<Cloaked>,
    /// Hosts whose links AutoScan asks about; none where it is off.
    pub scan_hosts: Vec<String>,
}

struct Judged {
    group: Option<String>,
    verdict: Verdict,
    reason: String,
    click_id: Option<ClickId>,
}

impl Site {
    /// The link's row in the report; nothing where it has nothing to do with any network.
    pub fn judge(&self, found: &Found) -> Option<Link> {
        let judged = self.verdict(found)?;
        Some(Link {
            kind: found.kind,
            href: found.href.clone(),
            text: found.text.clone(),
            group: judged.group,
            verdict: judged.verdict,
            reason: judged.reason,
            click_id: judged.click_id.map(|id| id.to_string()),
        })
    }

    fn verdict(&self, found: &Found) -> Option<Judged> {
        let plan = self.plan(found, found.group.as_deref());
        let Plan::Leave(why) = plan else { return Some(self.planned(found, plan)) };
        if self.decorates && found.fields.iter().any(|(_, value)| value.contains(TOKEN)) {
            let reason = format!("the {TOKEN} in its field becomes a click id when it is sent");
            return Some(Judged { group: None, verdict: Verdict::WillBeDecorated, reason, click_id: None });
        }
        let leads_there = |cloaked: &&Cloaked| found.target.is_some() && href::target(&cloaked.url, "") == found.target;
        if let Some(cloaked) = self.cloaked.iter().find(leads_there) {
            return Some(self.cloaked(found, cloaked));
        }
        let reason = self.why_left(found, why)?;
        Some(Judged { group: None, verdict: Verdict::Left, reason, click_id: None })
    }

    fn plan(&self, found: &Found, group: Option<&str>) -> Plan {
        let href = if found.gets { found.href.split(['?', '#']).next().unwrap_or_default() } else { &found.href };
        let link = link::Link { href, group, rel: found.rel.as_deref() };
        plan_at(&link, &self.rules, || found.target.clone(), |id| self.minted.contains(id))
    }

    /// What the rules say of a network's link.
    fn planned(&self, found: &Found, plan: Plan) -> Judged {
        let (group, verdict, reason, click_id) = match plan {
            Plan::Decorated { group, click_id } => {
                (group, Verdict::Decorated, "it carries a click id of this page load".to_owned(), Some(click_id))
            }
            Plan::Foreign { group } => {
                let reason = self.why_foreign(&group);
                (Some(group), Verdict::Foreign, reason, None)
            }
            Plan::Decorate(decoration) => self.to_decorate(found, decoration.group),
            Plan::Leave(_) => (None, Verdict::Left, format!("its group is unknown: {}", self.groups()), None),
        };
        Judged { group, verdict, reason, click_id }
    }

    fn to_decorate(&self, found: &Found, group: Option<String>) -> (Option<String>, Verdict, String, Option<ClickId>) {
        let carried = group.as_deref().and_then(|name| carried(found, self.sub_id(name)));
        let field = carried.as_deref().filter(|_| found.gets).map(ClickId::parse);
        match (field, &group) {
            (Some(Some(id)), _) if self.minted.contains(&id) => {
                let reason = "its field carries a click id of this page load".to_owned();
                (group, Verdict::Decorated, reason, Some(id))
            }
            (Some(None), Some(name)) if self.rules.existing == Existing::Keep => {
                let reason = self.why_foreign(name);
                (group, Verdict::Foreign, reason, None)
            }
            _ if !self.decorates => (group, Verdict::Left, NOT_AGREED.to_owned(), None),
            _ => {
                let reason = self.why_decorated(found, group.as_deref(), carried);
                (group, Verdict::WillBeDecorated, reason, None)
            }
        }
    }

    /// A link that leads to a network by way of another host.
    fn cloaked(&self, found: &Found, cloaked: &Cloaked) -> Judged {
        let said = cloaked.reason.as_deref().unwrap_or("AutoScan gave no reason").trim_end_matches('.');
        let Some(group) = &cloaked.group else {
            return Judged { group: None, verdict: Verdict::Left, reason: format!("AutoScan: {said}"), click_id: None };
        };
        if cloaked.forwards {
            let judged = self.planned(found, self.plan(found, Some(group)));
            return Judged { reason: format!("cloaked link: {said}; {}", judged.reason), ..judged };
        }
        let (verdict, reason) = match &cloaked.resolved {
            Some(_) if !self.decorates => (Verdict::Left, NOT_AGREED.to_owned()),
            Some(offer) => (Verdict::WillBeDecorated, format!("cloaked link: {said}; it becomes a link to {offer}")),
            None => (Verdict::Left, format!("cloaked link that drops parameters: {said}")),
        };
        Judged { group: Some(group.clone()), verdict, reason, click_id: None }
    }

    fn why_foreign(&self, group: &str) -> String {
        format!("its {} is somebody else's, which this site keeps", self.sub_id(group))
    }

    fn why_decorated(&self, found: &Found, group: Option<&str>, carried: Option<String>) -> String {
        let at = match found.kind {
            Kind::Link => "when it is used",
            Kind::Form => "when it is sent",
        };
        if found.href.contains(TOKEN) {
            return format!("its {TOKEN} becomes a click id {at}");
        }
        match carried.map(|value| ClickId::parse(&value).is_some()) {
            Some(true) => format!("it carries the click id of another page load, which is replaced {at}"),
            Some(false) => {
                let sub_id = group.map(|name| self.sub_id(name)).unwrap_or_default();
                format!("its {sub_id} is somebody else's, which this site replaces {at}")
            }
            None => format!("it gets a click id at the latest {at}"),
        }
    }

    /// Why a link is left that looks like a network's; nothing where it looks like none.
    fn why_left(&self, found: &Found, why: Reason) -> Option<String> {
        let is_known = |name: &str| self.rules.groups.iter().any(|group| group.name.eq_ignore_ascii_case(name));
        let named = found.group.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let rel = || found.rel.as_deref().unwrap_or_default().split_ascii_whitespace();
        let known_rel = rel().any(is_known);
        let unknown_rel = rel().find(|word| !LINK_TYPES.iter().any(|known| known.eq_ignore_ascii_case(word)));
        let mentioned = self.mentioned(&found.href);
        let has_token = found.href.contains(TOKEN);
        if named.is_none() && !known_rel && unknown_rel.is_none() && mentioned.is_none() && !has_token {
            return self.may_be_cloaked(found).then(|| "AutoScan has not said where it leads".to_owned());
        }
        if why == Reason::SamePage {
            return Some("it leads to a place on the same page".to_owned());
        }
        let Some(target) = found.target.as_ref().filter(|_| why != Reason::NotHttp) else {
            return Some("it is not http or https".to_owned());
        };
        if let Some(name) = named {
            return Some(format!("data-tracking-group names {name}, {}", self.no_group()));
        }
        if let Some(group) = self.rules.groups.iter().find(|group| owns_host(group, target)) {
            let (host, paths) = (&target.host, group.paths.join(", "));
            return Some(format!("{host} is {}'s, but the path {} is none of {paths}", group.name, target.path));
        }
        if let Some((group, host)) = mentioned {
            return Some(format!("its address names {}'s {host}, but leads to {}", group.name, target.host));
        }
        unknown_rel.map(|word| format!("rel names {word}, {}", self.no_group()))
    }

    /// Whether the tag asks AutoScan about such a link.
    fn may_be_cloaked(&self, found: &Found) -> bool {
        let is_plain = found.kind == Kind::Link && !found.href.contains('?');
        is_plain && found.target.as_ref().is_some_and(|to| to.path != "/" && self.scan_hosts.contains(&to.host))
    }

    /// The group whose host stands somewhere in an address.
    fn mentioned(&self, href: &str) -> Option<(&GroupRule, &str)> {
        let href = href::trim(href).to_ascii_lowercase();
        self.rules.groups.iter().find_map(|group| {
            group.hosts.iter().find(|host| href.contains(host.as_str())).map(|host| (group, host.as_str()))
        })
    }

    fn no_group(&self) -> String {
        format!("which is no active group: {}", self.groups())
    }

    fn groups(&self) -> String {
        let names: Vec<_> = self.rules.groups.iter().map(|group| group.name.as_str()).collect();
        if names.is_empty() { "this site has none".to_owned() } else { format!("this site has {}", names.join(", ")) }
    }

    fn sub_id(&self, group: &str) -> &str {
        self.rules.groups.iter().find(|known| known.name == group).map_or("sub-id", |known| &known.sub_id)
    }
}

const NOT_AGREED: &str = "the visitor has not agreed, and this site decorates nothing without";

/// The sub-id that a link has already, or a form that is sent by GET.
fn carried(found: &Found, sub_id: &str) -> Option<String> {
    let is_it = |(name, value): &(String, String)| name == sub_id && !value.is_empty();
    if found.gets {
        return found.fields.iter().find(|field| is_it(field)).map(|(_, value)| value.clone());
    }
    let (_, query) = found.href.split_once('?')?;
    form::pairs(query.split('#').next()?).find(is_it).map(|(_, value)| value)
}

fn owns_host(group: &GroupRule, target: &Target) -> bool {
    GroupRule { paths: Vec::new(), ..group.clone() }.owns(target)
}
