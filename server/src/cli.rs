//! The command line.

use crate::rotation::GRACE_HOURS;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use toml::{Table, Value};

/// Tagwerk: affiliate tracking on a server you own.
#[derive(Debug, Parser)]
#[command(name = "tagwerk", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  tagwerk serve
  tagwerk serve --listen 0.0.0.0:8080 --public-url https://t.example.com --data-dir /var/lib/tagwerk
  tagwerk site add --name 'My blog' --origin https://blog.example --data-dir /var/lib/tagwerk
  tagwerk site list --data-dir /var/lib/tagwerk
  tagwerk site rotate --site-id AbCdEfGhIjKl --data-dir /var/lib/tagwerk
  tagwerk token --data-dir /var/lib/tagwerk
  tagwerk person add --email anna@example.com --role owner --data-dir /var/lib/tagwerk
  tagwerk rates import eurofxref-hist.csv --data-dir /var/lib/tagwerk
  tagwerk backup --data-dir /var/lib/tagwerk /backups/2026-11-22
  tagwerk key rotate --data-dir /var/lib/tagwerk
  tagwerk doctor --data-dir /var/lib/tagwerk --public-url https://t.example.com
  tagwerk check https://www.example.com/

Every setting stands in server.default.toml with its default; a file given with --config holds those that differ.
Settings are read from the defaults, then the file, then the environment (TAGWERK_LISTEN, TAGWERK_DATA_DIR,
TAGWERK_PUBLIC_URL, TAGWERK_ADMIN_TOKEN, TAGWERK_ALLOW_PRIVATE_TARGETS, TAGWERK_DEMO, TAGWERK_RATES, TAGWERK_LOG,
TAGWERK_CONFIG), then flags.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    #[command(after_help = "Examples:
  tagwerk serve --demo
  TAGWERK_LISTEN=127.0.0.1:0 tagwerk serve
  tagwerk serve --config /etc/tagwerk.toml")]
    Serve {
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Add sites, list them, or give one a new tracking id
    #[command(subcommand)]
    Site(SiteCommand),
    /// Change the key that secrets are sealed with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Supply currency rates by hand, or list them
    #[command(subcommand)]
    Rates(RatesCommand),
    /// Make a new admin token (the old one and every session end), or a link that signs in once
    #[command(after_help = "Examples:
  tagwerk token --data-dir /var/lib/tagwerk
  tagwerk token --link --data-dir /var/lib/tagwerk --public-url https://t.example.com")]
    Token {
        /// Make a link that signs in to the dashboard once, within a day, and leave the token as it is
        #[arg(long)]
        link: bool,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Add people who may sign in to the dashboard
    #[command(subcommand)]
    Person(PersonCommand),
    /// Bring in a file of past conversions (CSV): our own export, or that of another tool
    #[command(after_help = "Examples:
  tagwerk import --site AbCdEfGhIjKl --group <group> --dry-run past.csv
  tagwerk import --site AbCdEfGhIjKl --group <group> --zone Europe/Berlin --column Payout=amount_affiliate past.csv

A dry run tells what would become of each row and changes nothing. The same file brought in twice changes nothing the second time.
docs/api.md says which columns are read.")]
    Import {
        /// The site's public id
        #[arg(long)]
        site: String,
        /// How the rows read.
        #[command(flatten)]
        rows: Rows,
        /// Tell what would become of each row, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// The file
        file: PathBuf,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Look at the server's own house: disk, clock, database, backups, certificate, public URL, settings that contradict each other
    #[command(after_help = "Examples:
  tagwerk doctor --data-dir /var/lib/tagwerk --config /etc/tagwerk.toml
  tagwerk doctor --json --site AbCdEfGhIjKl

It only reads, whether or not the server runs. Status: 0 no error, 1 errors, 2 nothing could be looked at.
docs/checking.md says what each finding means.")]
    Doctor {
        /// How.
        #[command(flatten)]
        doctoring: Doctoring,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Look at pages as they come from their server: is the tag in, may it work, and what does it do with each link
    #[command(after_help = "Examples:
  tagwerk check https://www.example.com/ https://www.example.com/review
  tagwerk check --json --allow-no-links https://staging.example.com/ --header 'Authorization: Basic dXNlcjpwdw=='
  tagwerk check --site AbCdEfGhIjKl --data-dir /var/lib/tagwerk https://www.example.com/

It needs no data directory without --site. Status: 0 nothing wrong, 1 something is, 2 no page could be read.
docs/checking.md says what each finding means. Pages on private addresses: TAGWERK_ALLOW_PRIVATE_TARGETS=1.")]
    Check {
        /// What, and how.
        #[command(flatten)]
        checking: Box<Checking>,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Copy the database and its key into a new folder, while the server runs
    #[command(after_help = "Example:\n  tagwerk backup --data-dir /var/lib/tagwerk /backups/2026-11-22
To restore, copy both files into an empty folder and start `tagwerk serve --data-dir` there. docs/operating.md tells more.")]
    Backup {
        /// The folder to make; it must not be there yet
        folder: PathBuf,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
}

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Add somebody, and print the link by which they choose a password once, within a day
    #[command(after_help = "Examples:
  tagwerk person add --email anna@example.com --role owner
  tagwerk person add --email ben@example.com --name 'Ben' --role read_only --public-url https://t.example.com")]
    Add {
        /// The address they sign in with; nothing is sent there
        #[arg(long)]
        email: String,
        /// What they are called; their address where nobody says
        #[arg(long)]
        name: Option<String>,
        /// What they may do: owner, analyst or read_only
        #[arg(long)]
        role: String,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
}

/// How the server's own house is looked at.
#[derive(Debug, Args)]
pub struct Doctoring {
    /// The public id of the only site to look at; without it, all are
    #[arg(long)]
    pub site: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Ask for nothing over the network: neither the public URL nor the time
    #[arg(long)]
    pub offline: bool,
    /// How many seconds the check of the database may take
    #[arg(long, default_value_t = 20)]
    pub patience: u64,
}

/// Which pages are looked at, and how.
#[derive(Debug, Args)]
pub struct Checking {
    /// Addresses of pages; without a scheme, https is meant
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<String>,
    /// The public id of a site in the data directory: its settings count instead of those in the page's tag, and its tag is wanted
    #[arg(long)]
    pub site: Option<String>,
    /// The address of the tag's script, for pages that load it by a tag manager
    #[arg(long, value_name = "URL")]
    pub script: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Pages may be without a link of a network
    #[arg(long)]
    pub allow_no_links: bool,
    /// Do not follow links to see where they lead
    #[arg(long)]
    pub no_follow: bool,
    /// A host whose links are followed, besides the page's own and those of the site's AutoScan; may be given more than once
    #[arg(long = "follow", value_name = "HOST", conflicts_with = "no_follow")]
    pub follow: Vec<String>,
    /// Most links of a page that are followed
    #[arg(long, value_name = "COUNT", default_value_t = 25)]
    pub most_followed: usize,
    /// A header for the pages, like "Authorization: Basic ..."; nobody but their own origin gets it; may be given more than once
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Whom to say who asks
    #[arg(long)]
    pub user_agent: Option<String>,
}

/// What to do with the key that seals secrets.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key, and seal every secret in the settings under it; the keys before go on opening what they sealed
    #[command(after_help = "Example:\n  tagwerk key rotate --data-dir /var/lib/tagwerk
Also while the server runs: it heeds the new key at once. docs/operating.md tells more.")]
    Rotate {
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Seal under the newest key whatever is still under an older one, then drop the older ones
    #[command(after_help = "Example:\n  tagwerk key prune --data-dir /var/lib/tagwerk
Also while the server runs, from ten minutes after the rotation on. Where it is cut off, run it again: it goes on.")]
    Prune {
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
}

/// What to do with sites.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Add a site, with ids of its own
    #[command(after_help = "Example:\n  tagwerk site add --name 'My blog' --origin https://blog.example")]
    Add {
        /// What people call it
        #[arg(long)]
        name: String,
        /// Origin of its pages, like https://blog.example; may be given more than once. Without any, events are taken from
        /// every origin, without cookies
        #[arg(long = "origin")]
        origins: Vec<String>,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// Give a site a new secret tracking id; the one before goes on for a while
    #[command(after_help = "Examples:
  tagwerk site rotate --site-id AbCdEfGhIjKl
  tagwerk site rotate --site-id AbCdEfGhIjKl --grace-hours 0")]
    Rotate {
        /// Its public id
        #[arg(long)]
        site_id: String,
        /// For how many hours postback URLs with the id before still work; 0 ends them at once
        #[arg(long, default_value_t = GRACE_HOURS)]
        grace_hours: u32,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// List the sites, oldest first
    #[command(after_help = "Example:\n  tagwerk site list")]
    List {
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
}

/// What to do with currency rates.
#[derive(Debug, Subcommand)]
pub enum RatesCommand {
    /// Take a file of the European Central Bank's reference rates, XML or CSV, of one day or many; taking it again changes nothing
    #[command(after_help = "Examples:
  tagwerk rates import eurofxref-daily.xml
  tagwerk rates import eurofxref-hist.csv --data-dir /var/lib/tagwerk

The files are at https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates; CSV files come as ZIP
archives and have to be unpacked.")]
    Import {
        /// The file
        file: PathBuf,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
    /// List the newest rates: what one euro is worth
    #[command(after_help = "Examples:
  tagwerk rates list
  tagwerk rates list --day 2024-06-28")]
    List {
        /// The rates that hold for this day instead, like 2024-06-28
        #[arg(long)]
        day: Option<jiff::civil::Date>,
        /// Where and how.
        #[command(flatten)]
        options: Options,
    },
}

/// How the rows of a file of past conversions read.
#[derive(Debug, Default, Args)]
pub struct Rows {
    /// The tracking group of all rows; not needed where a column tells
    #[arg(long)]
    pub group: Option<String>,
    /// The tool whose export it is; found out without it
    #[arg(long)]
    pub format: Option<String>,
    /// The time zone of times without one, like Europe/Berlin; UTC without it
    #[arg(long)]
    pub zone: Option<String>,
    /// How decimals are written: auto, point or comma
    #[arg(long)]
    pub decimals: Option<String>,
    /// How dates with slashes are written: auto, day_first or month_first
    #[arg(long)]
    pub dates: Option<String>,
    /// What a column means, like Payout=amount_affiliate; may be given more than once, with nothing behind = to leave one out
    #[arg(long = "column", value_name = "NAME=MEANING")]
    pub columns: Vec<String>,
    /// Take rows without a transaction id, though nobody can tell whether they are booked already
    #[arg(long)]
    pub without_id: bool,
}

/// What every command knows of the configuration.
#[derive(Debug, Default, Args)]
pub struct Options {
    /// A configuration file [env: TAGWERK_CONFIG]
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one [env: TAGWERK_LISTEN]
    #[arg(long)]
    pub listen: Option<String>,
    /// Folder of the database and its key [env: TAGWERK_DATA_DIR]
    #[arg(long)]
    pub data_dir: Option<String>,
    /// The URL that visitors and networks reach the server by [env: TAGWERK_PUBLIC_URL]
    #[arg(long)]
    pub public_url: Option<String>,
    /// Serve the demo at /demo [env: TAGWERK_DEMO]
    #[arg(long)]
    pub demo: bool,
    /// What to log: error, warn, info, debug [env: TAGWERK_LOG]
    #[arg(long)]
    pub log: Option<String>,
}

/// The environment variables that are known, and the keys they stand for.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("TAGWERK_LISTEN", "listen"),
    ("TAGWERK_DATA_DIR", "data_dir"),
    ("TAGWERK_PUBLIC_URL", "public_url"),
    ("TAGWERK_LOG", "log"),
    ("TAGWERK_ALLOW_PRIVATE_TARGETS", "allow_private_targets"),
    ("TAGWERK_DEMO", "demo"),
    ("TAGWERK_RATES", "rates"),
];
/// Known variables that stand for no key.
const OTHER_ENVIRONMENT: [&str; 2] = ["TAGWERK_CONFIG", "TAGWERK_ADMIN_TOKEN"];

impl Options {
    /// What environment and flags say, flags first.
    ///
    /// # Errors
    /// A switch in the environment is neither on nor off.
    pub fn overrides(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Table, String> {
        let mut table = Table::new();
        for (variable, key) in ENVIRONMENT {
            let Some(text) = environment(variable) else { continue };
            let value = match key {
                "allow_private_targets" | "demo" => Value::Boolean(switch(variable, &text)?),
                "rates" => {
                    Value::Table(Table::from_iter([("enabled".into(), Value::Boolean(switch(variable, &text)?))]))
                }
                _ => Value::String(text),
            };
            table.insert(key.to_owned(), value);
        }
        let flags = [
            ("listen", &self.listen),
            ("data_dir", &self.data_dir),
            ("public_url", &self.public_url),
            ("log", &self.log),
        ];
        for (key, value) in flags {
            if let Some(value) = value {
                table.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
        if self.demo {
            table.insert("demo".to_owned(), Value::Boolean(true));
        }
        Ok(table)
    }
}

fn switch(variable: &str, text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{variable}={text} must be 1 or 0")),
    }
}

/// Variables that look like ours and are not known, each with the known one that is spelt most like it.
pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<(String, Option<&'static str>)> {
    let known = || ENVIRONMENT.iter().map(|(variable, _)| *variable).chain(OTHER_ENVIRONMENT);
    let unknown = names.into_iter().filter(|name| name.starts_with("TAGWERK_") && !known().any(|known| known == name));
    unknown
        .map(|name| {
            let nearest = known().min_by_key(|known| strsim::damerau_levenshtein(known, &name));
            (name, nearest)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_environment() {
        let options = Options { listen: Some("127.0.0.1:1".into()), ..Options::default() };
        let environment = |name: &str| match name {
            "TAGWERK_LISTEN" => Some("127.0.0.1:2".to_owned()),
            "TAGWERK_ALLOW_PRIVATE_TARGETS" => Some("1".to_owned()),
            _ => None,
        };
        let table = options.overrides(environment).expect("valid");
        assert_eq!(table.get("listen").and_then(Value::as_str), Some("127.0.0.1:1"));
        assert_eq!(table.get("allow_private_targets").and_then(Value::as_bool), Some(true));
    }

    #[test]
    fn a_switch_that_is_neither_on_nor_off_is_refused_by_name() {
        let environment = |name: &str| (name == "TAGWERK_DEMO").then(|| "maybe".to_owned());
        let error = Options::default().overrides(environment).expect_err("neither");
        assert!(error.contains("TAGWERK_DEMO"), "{error}");
    }

    #[test]
    fn a_misspelt_variable_is_told_with_the_nearest_known_one() {
        let found = unknown_variables(["TAGWERK_DATADIR".to_owned(), "PATH".to_owned(), "TAGWERK_LISTEN".to_owned()]);
        assert_eq!(found, [("TAGWERK_DATADIR".to_owned(), Some("TAGWERK_DATA_DIR"))]);
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
