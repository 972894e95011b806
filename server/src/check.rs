//! `tagwerk check`: looks at pages as they come from their server, without a browser, and says what the tag would do with their links, whether
//! it can work on them, and how the server behind it answers. The rules are the tag's own.

pub mod csp;
pub mod delivered;
pub mod fetch;
pub mod links;
pub mod page;
pub mod run;
pub mod served;
pub mod server;
pub mod signs;
pub mod snippet;
pub mod told;

use crate::finding::{Finding, Level, worst};
use links::Row;
use serde::Serialize;

/// What was found on all pages, and behind them.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Page by page, in the order in which they were asked for.
    pub pages: Vec<PageReport>,
    /// Server by server, each once however many pages have its tag.
    pub servers: Vec<ServerReport>,
}

/// What was found on a page.
#[derive(Debug, Clone, Serialize)]
pub struct PageReport {
    /// The address that was asked for.
    pub url: String,
    /// The address that it led to, where the page could be read.
    pub final_url: Option<String>,
    /// The site whose tag is on it.
    pub site_id: Option<String>,
    /// The address of the tag's script.
    pub script: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The links that could be a network's.
    pub links: Vec<Row>,
    /// How many other links there are.
    pub others: usize,
}

/// What was found about a server.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// The address of the tag's script.
    pub script: String,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst that was found.
    pub fn worst(&self) -> Level {
        let pages = self.pages.iter().map(|page| worst(&page.findings));
        pages.chain(self.servers.iter().map(|server| worst(&server.findings))).max().unwrap_or(Level::Ok)
    }

    /// Whether nothing is wrong: notes are no problems.
    pub fn is_good(&self) -> bool {
        self.worst() <= Level::Note
    }

    /// Whether no page could be read at all.
    pub fn is_empty(&self) -> bool {
        self.pages.iter().all(|page| page.final_url.is_none())
    }
}
