//! What stands at the top of every page of a site: its name, the other sites, and where else to go.

use super::page;
use crate::app::SharedApp;
use crate::http::error::Error;
use crate::http::session::who_is_here;
use crate::people::{Role, Who};
use crate::settings::SiteSettings;
use crate::store::Site;
use axum::http::StatusCode;
use axum::response::Response;

/// A site in the list of sites.
pub(super) struct SiteLink {
    pub(super) site_id: String,
    pub(super) name: String,
}

/// The parts of a site's dashboard, in the order in which they are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Today,
    Reports,
    Costs,
    Log,
    Worklist,
    Platforms,
    Connect,
    Settings,
}

impl Tab {
    const ALL: [Self; 8] = [
        Self::Today,
        Self::Reports,
        Self::Costs,
        Self::Log,
        Self::Worklist,
        Self::Platforms,
        Self::Connect,
        Self::Settings,
    ];

    fn label(self) -> &'static str {
        match self {
            Tab::Today => "Today",
            Tab::Reports => "Reports",
            Tab::Costs => "Costs",
            Tab::Log => "Log",
            Tab::Worklist => "Worklist",
            Tab::Platforms => "Platforms",
            Tab::Connect => "Connect",
            Tab::Settings => "Settings",
        }
    }

    /// What follows the site's id in the URL.
    fn path(self) -> &'static str {
        match self {
            Tab::Today => "",
            Tab::Reports => "/reports",
            Tab::Costs => "/costs",
            Tab::Log => "/log",
            Tab::Worklist => "/worklist",
            Tab::Platforms => "/platforms",
            Tab::Connect => "/connect",
            Tab::Settings => "/settings",
        }
    }
}

/// A part of the dashboard, as it is offered.
pub(super) struct TabLink {
    pub(super) label: &'static str,
    pub(super) href: String,
    pub(super) is_here: bool,
}

/// What stands at the top of every page of a site.
pub(super) struct Head {
    pub(super) site_id: String,
    pub(super) name: String,
    pub(super) sites: Vec<SiteLink>,
    pub(super) tabs: Vec<TabLink>,
    /// Whoever is signed in.
    pub(super) who: Option<Who>,
}

impl Head {
    /// Whether whoever is signed in may do what takes an analyst.
    pub(super) fn may_work(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.role >= Role::Analyst)
    }

    /// Whether whoever is signed in may do what takes an owner.
    pub(super) fn may_change(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.role >= Role::Owner)
    }
}

/// The site, and what stands at the top of its pages; `here` is the part of the dashboard that is shown.
pub(super) async fn find(app: &SharedApp, site_id: &str, here: Tab) -> Result<Option<(Site, Head)>, Error> {
    let sites = app.store.sites().await?;
    let link = |site: &Site| SiteLink { site_id: site.site_id.clone(), name: name(site) };
    let links = sites.iter().map(link).collect();
    let found = sites.into_iter().find(|site| site.site_id == site_id);
    Ok(found.map(|site| {
        let tab = |tab: Tab| TabLink {
            label: tab.label(),
            href: format!("/sites/{}{}", site.site_id, tab.path()),
            is_here: tab == here,
        };
        let tabs = Tab::ALL.map(tab).into();
        let head = Head { site_id: site.site_id.clone(), name: name(&site), sites: links, tabs, who: who_is_here() };
        (site, head)
    }))
}

/// A site's name; its id where it has none.
pub(super) fn name(site: &Site) -> String {
    SiteSettings::of(site)
        .ok()
        .map(|settings| settings.name)
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| site.site_id.clone())
}

pub(super) fn no_site() -> Response {
    page::refuse(
        StatusCode::NOT_FOUND,
        "There is no such site",
        "It may have had another id. The dashboard lists all sites.",
    )
}
