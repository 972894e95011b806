//! The binary `tagwerk`: reads its arguments and does what it was asked.

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;
use tagwerk_server::cli::{Cli, Command, KeyCommand, PersonCommand, RatesCommand, SiteCommand};

mod command;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let done = match Cli::parse().command {
        Command::Doctor { doctoring, options } => return Ok(command::doctor::doctor(&doctoring, &options).await),
        Command::Check { checking, options } => return Ok(command::check::check(&checking, &options).await),
        Command::Serve { options } => command::serve::serve(&options).await,
        Command::Site(SiteCommand::Add { name, origins, options }) => {
            command::site::add(&name, &origins, &options).await
        }
        Command::Site(SiteCommand::Rotate { site_id, grace_hours, options }) => {
            command::site::rotate(&site_id, grace_hours, &options).await
        }
        Command::Site(SiteCommand::List { options }) => command::site::list(&options).await,
        Command::Rates(RatesCommand::Import { file, options }) => command::rates::import(&file, &options).await,
        Command::Rates(RatesCommand::List { day, options }) => command::rates::list(day, &options).await,
        Command::Key(KeyCommand::Rotate { options }) => command::key::rotate(&options).await,
        Command::Key(KeyCommand::Prune { options }) => command::key::prune(&options).await,
        Command::Person(PersonCommand::Add { email, name, role, options }) => {
            command::person::add(&email, name.as_deref(), &role, &options).await
        }
        Command::Token { link: true, options } => command::token::link(&options).await,
        Command::Import { site, rows, dry_run, file, options } => {
            command::import::import(&site, &rows, dry_run, &file, &options).await
        }
        Command::Backup { folder, options } => command::backup::backup(&folder, &options),
        Command::Token { link: false, options } => command::token::renew(&options).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}
