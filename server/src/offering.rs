//! Looking at offers' links with what the server knows of the site: its settings, and what AutoScan found out.

use crate::app::App;
use crate::offers::{self, Cloaked, Judged, Rules};
use crate::settings::SiteSettings;
use crate::store::StoreError;
use crate::tag;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// Stands for a page of a site that has not said what its pages are.
const SOME_PAGE: &str = "https://your-site.example/";
/// How many links AutoScan is asked about.
const MOST_ASKED: usize = 200;

impl App {
    /// What is wrong with each of these links, one on each line.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn check_offers(
        &self,
        site_id: &str,
        settings: &SiteSettings,
        text: &str,
    ) -> Result<Vec<Judged>, StoreError> {
        let base = settings.origins.first().map_or_else(|| SOME_PAGE.to_owned(), |origin| format!("{origin}/"));
        let base_url = Url::parse(&base).ok();
        // AutoScan knows links whole, as a parser writes them.
        let whole = |link: &str| Some(base_url.as_ref()?.join(link.trim()).ok()?.as_str().to_owned());
        let asked: BTreeSet<String> = text.lines().filter_map(whole).take(MOST_ASKED).collect();
        let rows = self.store.links_by_url(site_id, &asked.into_iter().collect::<Vec<_>>()).await?;
        let found: BTreeMap<String, Cloaked> = rows
            .into_iter()
            .map(|row| (row.url, Cloaked { group: row.group, forwards: row.forwards, reason: row.reason }))
            .collect();
        let known = |link: &str| found.get(&whole(link)?).cloned();
        let links = tag::rules(self, settings);
        let rules = Rules {
            groups: &self.groups,
            links: &links,
            base: &base,
            own_hosts: &settings.scan_hosts(),
            autoscan: settings.autoscan.enabled,
            known: &known,
        };
        Ok(offers::check(text, &rules))
    }
}
