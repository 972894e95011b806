//! `tagwerk doctor`: looks at the server's own house.

use super::{database_in, load, print};
use anyhow::{Result, anyhow};
use std::process::ExitCode;
use std::time::Duration;
use tagwerk_server::cli::{Doctoring, Options, unknown_variables};
use tagwerk_server::doctor::run::{Wishes, examined};

/// Prints what was found. The status is 0 where no error was, 1 where one was, 2 where nothing could be looked at.
pub(crate) async fn doctor(doctoring: &Doctoring, options: &Options) -> ExitCode {
    match examine(doctoring, options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn examine(doctoring: &Doctoring, options: &Options) -> Result<bool> {
    let config = load(options)?;
    let wishes = Wishes {
        database: database_in(&config.data_dir),
        site: doctoring.site.clone(),
        offline: doctoring.offline,
        patience: Duration::from_secs(doctoring.patience),
        unknown_variables: unknown_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())),
        token_in_environment: std::env::var_os("TAGWERK_ADMIN_TOKEN").is_some_and(|token| !token.is_empty()),
        config,
    };
    let report = examined(&wishes).await.map_err(|problem| anyhow!(problem))?;
    if doctoring.json {
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&report.text());
    }
    Ok(report.is_good())
}
