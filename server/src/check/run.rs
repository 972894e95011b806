//! Carries a check out: page by page, then the servers behind them, each once.

use super::csp::{Policies, TagRequests};
use super::delivered::{self, Delivered};
use super::fetch::{Answer, Asking, LONGEST_PAGE, Unanswered};
use super::links::{self, Way};
use super::page::{self, Page};
use super::server::{self, Asked};
use super::snippet::{self, Tag};
use super::{PageReport, Report, ServerReport, served};
use crate::autoscan::walk;
use crate::config;
use crate::finding::Finding;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tagwerk_inspect::report::Link;
use tagwerk_protocol::settings::TagSettings;
use url::Url;

/// Most scripts of a page that are asked whether they are a tag: of those whose address looks so, and of the others where none is.
const MOST_LIKELY: usize = 8;
const MOST_OTHERS: usize = 16;
/// How long reading one page may take.
const READING: Duration = Duration::from_secs(10);
/// How many links are followed at once, and how long following a page's links may take in all.
const AT_ONCE: usize = 4;
const FOLLOWING: Duration = Duration::from_secs(60);

/// What is to be checked, and by what.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The pages.
    pub pages: Vec<Url>,
    /// The site whose tag is wanted, as its settings say; without it, what the page's own tag says counts.
    pub site: Option<TagSettings>,
    /// The address of the tag's script, where it is known; pages that load it by a tag manager do not tell.
    pub script: Option<Url>,
    /// Whether a page may be without links of a network.
    pub allow_no_links: bool,
    /// Whether links that may be cloaked are followed.
    pub follows: bool,
    /// Hosts whose links are followed, besides the page's own and those of the site's AutoScan.
    pub hosts: Vec<String>,
    /// Most links of a page that are followed.
    pub most_followed: usize,
    /// How links are followed.
    pub bounds: config::Autoscan,
}

/// Checks pages and the servers behind them.
pub async fn check(asking: &Asking<'_>, wishes: &Wishes) -> Report {
    let mut run = Run { asking, wishes, scripts: BTreeMap::new(), servers: BTreeMap::new() };
    let mut pages = Vec::new();
    for url in &wishes.pages {
        pages.push(run.page(url).await);
    }
    Report { pages, servers: run.behind().await }
}

struct Run<'a> {
    asking: &'a Asking<'a>,
    wishes: &'a Wishes,
    scripts: BTreeMap<Url, Asked>,
    /// Of each script the pages that have it, and whether one of them must be allowed to read it.
    servers: BTreeMap<Url, (Vec<Url>, bool)>,
}

impl Run<'_> {
    async fn page(&mut self, url: &Url) -> PageReport {
        let mut report = PageReport {
            url: url.to_string(),
            final_url: None,
            site_id: None,
            script: None,
            findings: Vec::new(),
            links: Vec::new(),
            others: 0,
        };
        let answer = match self.asking.page(url).await {
            Ok(answer) => answer,
            Err(Unanswered { says, .. }) => {
                report.findings.push(Finding::error(
                    "page_unread",
                    says,
                    "look at the address, and whether its server runs",
                ));
                return report;
            }
        };
        let delivered = delivered(&answer);
        if let Err(finding) = delivered::is_page(&delivered) {
            report.findings.push(finding);
            return report;
        }
        report.final_url = Some(answer.url.to_string());
        let (read, headers) = read(&answer).await;
        let tags = self.tags(&read).await;
        let settings = self.settings(&tags).await;
        report.site_id = tags.first().map(|tag| tag.settings.site_id.clone());
        let wanted = self.wishes.site.as_ref().map(|site| site.site_id.as_str());
        report.findings = snippet::judge(&read, &tags, wanted);
        // A copy tells nothing of where its server is.
        let own = tags.iter().filter_map(|tag| Some((tag.url.as_ref()?, &tag.settings)));
        let own = own.filter(|(url, settings)| !snippet::is_a_copy(url, settings)).map(|(url, _)| url.clone()).next();
        let script = own.or_else(|| self.wishes.script.clone());
        let mut links: Vec<Link> = Vec::new();
        match settings {
            Some(settings) => {
                let ways = self.follow(&read, &settings).await;
                let rows = links::rows(&read, &settings, &ways, self.wishes.follows);
                report.findings.extend(links::judge(&read, &settings, &rows, &ways, !self.wishes.allow_no_links));
                links = rows.iter().map(|row| row.link.clone()).collect();
                report.links = rows;
                if let Some(script) = &script {
                    report.findings.extend(policy(&read, &headers, script, &settings, tags.first()));
                }
            }
            None => report.findings.push(Finding::note(
                "rules_unknown",
                "which links are a network's is not known without the tag",
                "give its address with --script, or a site of this machine's data directory with --site",
            )),
        }
        report.findings.extend(delivered::judge(&delivered, &read, &links, script.as_ref()));
        report.others = read.links.len().saturating_sub(report.links.len());
        if let Some(script) = script {
            report.script = Some(script.to_string());
            let needs_cors = tags.first().is_some_and(|tag| {
                let is_module = tag.script.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("module"));
                is_module || tag.script.attribute("crossorigin").is_some()
            });
            let (pages, cors) = self.servers.entry(script).or_default();
            pages.push(answer.url.clone());
            *cors |= needs_cors;
        }
        report
    }

    /// The tags of a page: scripts whose address looks like a tag's and whose text is one; where there is none, any script that holds one.
    async fn tags(&mut self, page: &Page) -> Vec<Tag> {
        let builds_on = page.base.as_ref().unwrap_or(&page.url);
        let with_address = |script: &page::Script| Some((script.clone(), snippet::address(script, builds_on)?));
        let (likely, others): (Vec<_>, Vec<_>) = page.scripts.iter().filter_map(with_address).partition(|(_, url)| {
            snippet::is_like_a_tag(url) || self.wishes.script.as_ref().is_some_and(|known| is_same_script(known, url))
        });
        let mut tags = Vec::new();
        for (script, url) in likely.into_iter().take(MOST_LIKELY) {
            tags.extend(self.tag(script, url).await);
        }
        for script in page.scripts.iter().filter(|script| script.url.is_none()) {
            if let Some(settings) = snippet::settings_in(&script.text) {
                tags.push(Tag { script: script.clone(), url: None, settings, body: Vec::new() });
            }
        }
        for (script, url) in others.into_iter().take(MOST_OTHERS) {
            if !tags.is_empty() {
                break;
            }
            tags.extend(self.tag(script, url).await);
        }
        tags
    }

    async fn tag(&mut self, script: page::Script, url: Url) -> Option<Tag> {
        let asked = self.script(&url).await;
        let body = asked.as_ref().ok().map(|answer| answer.body.clone());
        let text = body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        match snippet::settings_in(&text) {
            Some(settings) => Some(Tag { script, url: Some(url), settings, body: body.unwrap_or_default() }),
            // Its server is away, or has no such site any more: it is the tag that is wanted all the same.
            None => {
                let known = self.wishes.script.as_ref().filter(|known| is_same_script(known, &url))?;
                let site = self.wishes.site.clone().filter(|site| known.path().contains(&site.site_id))?;
                Some(Tag { script, url: Some(url), settings: site, body: Vec::new() })
            }
        }
    }

    /// A script, fetched once however many pages have it.
    async fn script(&mut self, url: &Url) -> Asked {
        if let Some(asked) = self.scripts.get(url) {
            return asked.clone();
        }
        let asked = server::script(self.asking, url).await;
        self.scripts.insert(url.clone(), asked.clone());
        asked
    }

    /// What the links are judged by.
    async fn settings(&mut self, tags: &[Tag]) -> Option<TagSettings> {
        if let Some(site) = &self.wishes.site {
            return Some(site.clone());
        }
        if let Some(tag) = tags.first() {
            return Some(tag.settings.clone());
        }
        let script = self.wishes.script.clone()?;
        let asked = self.script(&script).await;
        snippet::settings_in(&asked.ok()?.text())
    }

    async fn follow(&self, page: &Page, settings: &TagSettings) -> Vec<Way> {
        if !self.wishes.follows {
            return Vec::new();
        }
        let mut hosts = settings.scan_hosts.clone();
        hosts.extend(self.wishes.hosts.iter().cloned());
        hosts.extend(page.url.host_str().map(str::to_owned));
        let urls = links::to_follow(page, settings, &hosts, self.wishes.most_followed);
        let (outgoing, rules, bounds) = (self.asking.outgoing, &settings.rules, &self.wishes.bounds);
        let walks = stream::iter(urls).map(|url| async move {
            let found = walk::follow(outgoing, rules, &url, bounds).await;
            Way { url, found }
        });
        let mut ways = Vec::new();
        let mut walks = std::pin::pin!(walks.buffered(AT_ONCE));
        let all = async {
            while let Some(way) = walks.next().await {
                ways.push(way);
            }
        };
        // What was found until then counts.
        let _ = tokio::time::timeout(FOLLOWING, all).await;
        ways
    }

    /// Looks at each server once.
    async fn behind(mut self) -> Vec<ServerReport> {
        let mut reports = Vec::new();
        for (url, (pages, needs_cors)) in std::mem::take(&mut self.servers) {
            let asked = self.script(&url).await;
            let looked = server::look(self.asking, &url, asked, &served::origins(&pages)).await;
            let mut findings = served::judge(&looked, needs_cors, Timestamp::now());
            let wanted = self.wishes.site.as_ref().map(|site| &site.rules);
            let older = looked.settings.as_ref().zip(wanted).is_some_and(|(served, wanted)| served.rules != *wanted);
            if older {
                findings.push(Finding::warning(
                    "script_old",
                    "the script that pages get has other link rules than the site's settings say",
                    "where settings have just changed, wait five minutes; else empty the cache in front of the server",
                ));
            }
            reports.push(ServerReport { script: url.to_string(), findings });
        }
        reports
    }
}

fn is_same_script(known: &Url, url: &Url) -> bool {
    let bare = |url: &Url| {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    bare(known) == bare(url)
}

fn delivered(answer: &Answer) -> Delivered {
    Delivered {
        before: answer.before.clone(),
        status: answer.status,
        content_type: answer.header("content-type"),
        referrer_policy: answer.header("referrer-policy"),
        is_cut: answer.body.len() >= LONGEST_PAGE,
    }
}

/// Reads a page where that holds up nobody, and what its answer's policies are.
async fn read(answer: &Answer) -> (Page, Vec<(String, bool)>) {
    let values = |name: &str, only_reported: bool| {
        let values = answer.headers.get_all(name).iter();
        values.map(|value| (String::from_utf8_lossy(value.as_bytes()).into_owned(), only_reported)).collect::<Vec<_>>()
    };
    let mut headers = values("content-security-policy", false);
    headers.extend(values("content-security-policy-report-only", true));
    let (text, url, policies) = (answer.text(), answer.url.clone(), headers.clone());
    let until = Instant::now() + READING;
    let read = move || {
        let allow_base = |base: &Url, metas: &[_]| Policies::new(&url, &policies, metas).allow_base(base);
        page::read(&text, &url, allow_base, || Instant::now() < until)
    };
    let nothing = || page::read("", &answer.url, |_, _| true, || true);
    (tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| nothing()), headers)
}

fn policy(
    page: &Page,
    headers: &[(String, bool)],
    script: &Url,
    settings: &TagSettings,
    tag: Option<&Tag>,
) -> Vec<Finding> {
    let element = tag.map(|tag| &tag.script);
    let attribute = |name: &str| element.and_then(|script| script.attribute(name)).unwrap_or_default();
    Policies::new(&page.url, headers, &page.policies).judge(&TagRequests {
        script,
        glue: script.join(&settings.glue).ok(),
        event: script.join(&settings.event).ok(),
        nonce: attribute("nonce"),
        integrity: attribute("integrity"),
        parser_inserted: element.is_some(),
        order: element.map_or(usize::MAX, |script| script.order),
    })
}
