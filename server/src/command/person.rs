//! `tagwerk person`: somebody who may sign in, added where there is no browser at hand.

use super::{Parts, open};
use anyhow::{Result, anyhow, bail};
use serde_json::json;
use tagwerk_server::app::{now, row_id};
use tagwerk_server::audit;
use tagwerk_server::cli::Options;
use tagwerk_server::http::session::new_link_of;
use tagwerk_server::people::{self, Who};
use tagwerk_server::store::{People, User};

/// Adds a person and prints the link by which they set their password.
pub(crate) async fn add(email: &str, name: Option<&str>, role: &str, options: &Options) -> Result<()> {
    let Parts { config, store, .. } = open(options)?;
    let email = people::email(email).map_err(|unfit| anyhow!("--email: {unfit}"))?;
    let name = people::name(name.unwrap_or(&email)).map_err(|unfit| anyhow!("--name: {unfit}"))?;
    let role = people::role(role).map_err(|unfit| anyhow!("--role: {unfit}"))?;
    let user = User {
        id: row_id(),
        email: email.clone(),
        name: name.clone(),
        role,
        password_hash: None,
        created_at: now(),
        last_seen_at: None,
        disabled: false,
    };
    let id = user.id.clone();
    if !store.add_user(user).await? {
        bail!("{email} is somebody's already; a new link for them is made in the dashboard, under People");
    }
    let about = json!({ "email": email, "name": name, "role": role.as_str() });
    audit::note_in(store.as_ref(), &Who::owner("command line"), None, "person.added", about).await;
    let public_url = match config.public_url.trim_end_matches('/') {
        "" => format!("http://{}", config.listen),
        url => url.to_owned(),
    };
    println!("{}", new_link_of(store.as_ref(), &public_url, now(), &id).await?);
    store.close().await;
    Ok(())
}
