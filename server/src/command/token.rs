//! `tagwerk token`: a new admin token, or a link that signs in once.

use super::{Parts, open};
use anyhow::Result;
use tagwerk_server::app;
use tagwerk_server::cli::Options;
use tagwerk_server::http::operator::token_hash;
use tagwerk_server::http::session::new_one_time_link;
use tagwerk_server::store::Operators;
use tagwerk_server::vault::random;

/// Makes a new admin token and prints it.
pub(crate) async fn renew(options: &Options) -> Result<()> {
    let Parts { store, .. } = open(options)?;
    let token = new_token()?;
    store.set_admin_token_hash(token_hash(&token)).await?;
    println!("{token}");
    store.close().await;
    Ok(())
}

/// Makes a link that signs in once and prints it.
pub(crate) async fn link(options: &Options) -> Result<()> {
    let Parts { config, store, .. } = open(options)?;
    let public_url = match config.public_url.trim_end_matches('/') {
        "" => format!("http://{}", config.listen),
        url => url.to_owned(),
    };
    println!("{}", new_one_time_link(store.as_ref(), &public_url, app::now()).await?);
    store.close().await;
    Ok(())
}

/// A new admin token: 32 random bytes as hexadecimal digits.
pub(super) fn new_token() -> Result<String> {
    Ok(random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
