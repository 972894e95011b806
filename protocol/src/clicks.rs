//! `groups/clicks.toml`: the parameters in which ad platforms hand over their click ids, and their cookies.

use serde::Deserialize;

/// The table of ad click ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clicks {
    /// One row a parameter.
    pub click: Vec<ClickParam>,
    /// One row a first-party cookie.
    #[serde(default)]
    pub cookie: Vec<Cookie>,
}

/// A parameter that carries an ad click id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickParam {
    /// The parameter's name, in the platform's spelling; matched ignoring case.
    pub param: String,
    /// The platform it belongs to.
    pub platform: String,
}

/// A cookie that a platform's own script keeps in the page's domain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cookie {
    /// The cookie's name; a trailing `*` stands for any ending.
    pub name: String,
    /// The platform it belongs to.
    pub platform: String,
}

impl Clicks {
    /// Reads the table.
    ///
    /// # Errors
    /// The text is not TOML, has a key that is not known, or names a parameter twice; the message names file and line.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        let clicks: Self = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        for (index, row) in clicks.click.iter().enumerate() {
            if clicks.click.iter().take(index).any(|earlier| earlier.param.eq_ignore_ascii_case(&row.param)) {
                return Err(format!("{file}: the parameter {} stands there twice", row.param));
            }
            if row.param.contains(crate::settings::SEPARATORS) {
                return Err(format!("{file}: the parameter {} holds a character that separates lists", row.param));
            }
        }
        Ok(clicks)
    }

    /// The cookies' names, as they stand in the table.
    pub fn cookies(&self) -> Vec<String> {
        self.cookie.iter().map(|row| row.name.clone()).collect()
    }

    /// The parameters' names.
    pub fn params(&self) -> Vec<String> {
        self.click.iter().map(|row| row.param.clone()).collect()
    }
}
