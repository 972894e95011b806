//! `tagwerk site`: adds sites, and lists them.

use super::{Parts, open};
use anyhow::{Result, anyhow};
use serde_json::json;
use tagwerk_server::app;
use tagwerk_server::cli::Options;
use tagwerk_server::groups;
use tagwerk_server::rotation;
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

/// Gives a site a new tracking id; a running server on the same data knows it at once.
///
/// # Errors
/// There is no such site, the old id cannot go on for that long, or the store does not take it.
pub(crate) async fn rotate(site_id: &str, grace_hours: u32, options: &Options) -> Result<()> {
    let Parts { store, .. } = open(options)?;
    let rotated = rotation::rotate(store.as_ref(), site_id, grace_hours, app::now()).await?;
    println!("tracking_id={}", rotated.tracking_id);
    for old in rotated.replaced {
        let until = jiff::Timestamp::from_millisecond(old.until)?;
        println!("still_works={}\tuntil={until:.0}", old.tracking_id);
    }
    store.close().await;
    Ok(())
}
