//! `tagwerk site`: adds sites, and lists them.

use super::{Parts, open};
use anyhow::{Result, anyhow};
use serde_json::json;
use tagwerk_server::app;
use tagwerk_server::cli::Options;
use tagwerk_server::groups;
use tagwerk_server::settings::{SiteSettings, Tables};
use tagwerk_server::store::Sites;

/// Adds a site and prints its ids.
pub(crate) async fn add(name: &str, origins: &[String], options: &Options) -> Result<()> {
    let Parts { groups, vault, store, .. } = open(options)?;
    let pixels = groups::pixels().map_err(|problem| anyhow!(problem))?;
    let tables = Tables { groups: &groups, pixels: &pixels };
    let site = app::new_site(name, json!({ "origins": origins }), tables, &vault)?;
    store.add_site(site.clone()).await?;
    println!("site_id={}\ntracking_id={}", site.site_id, site.tracking_id);
    store.close().await;
    Ok(())
}

/// Prints every site, oldest first.
pub(crate) async fn list(options: &Options) -> Result<()> {
    let Parts { store, .. } = open(options)?;
    for site in store.sites().await? {
        let settings = SiteSettings::of(&site)?;
        println!("site_id={}\ttracking_id={}\tname={}", site.site_id, site.tracking_id, settings.name);
    }
    store.close().await;
    Ok(())
}
