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
    /// How its value is made where the page has no such cookie.
    #[serde(default)]
    pub built: Option<Built>,
}

/// See [`Cookie::built`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// The ad click id's parameter.
    pub from: String,
    /// What is made of it.
    pub rule: BuildRule,
}

/// A platform's documented way from an ad click id to its cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildRule {
    /// `fb.<subdomain index>.<creation time>.<click id>`: the time in milliseconds, the click id untouched, and 1 for the index, which is
    /// what Meta asks of a server that sets no cookie (Conversions API, "ClickID and the fbp and fbc Parameters").
    Fbc,
}

impl BuildRule {
    /// The cookie's value for a click id that came with the arrival at this time, in milliseconds since 1970 UTC.
    pub fn value(self, at: i64, click_id: &str) -> String {
        match self {
            BuildRule::Fbc => format!("fb.1.{at}.{click_id}"),
        }
    }
}

/// Longest value of a cookie that is kept, in bytes.
pub const MAX_COOKIE: usize = 1024;
/// Longest name of a cookie that is kept, in bytes: a name that ends as it likes has to end somewhere.
const MAX_COOKIE_NAME: usize = 128;

/// Whether this can be a cookie's value: printable ASCII within the bound, as browsers send it.
pub fn is_cookie_value(value: &str) -> bool {
    !value.is_empty() && value.len() <= MAX_COOKIE && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
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
        for row in &clicks.cookie {
            if row.name.contains(crate::settings::SEPARATORS) {
                return Err(format!("{file}: the cookie {} holds a character that separates lists", row.name));
            }
            if let Some(built) = &row.built
                && !clicks.click.iter().any(|click| click.param == built.from)
            {
                return Err(format!(
                    "{file}: the cookie {} is built from {}, which is no click id",
                    row.name, built.from
                ));
            }
        }
        Ok(clicks)
    }

    /// Whether a cookie of this name is one of a platform's.
    pub fn is_cookie(&self, name: &str) -> bool {
        name.len() <= MAX_COOKIE_NAME
            && name.bytes().all(|byte| byte.is_ascii_graphic())
            && self.cookie.iter().any(|row| match row.name.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => row.name == name,
            })
    }

    /// The cookies that can be made of an arrival's ad click ids, as name and value.
    pub fn built_cookies<'a>(
        &'a self,
        at: i64,
        click_id: impl Fn(&str) -> Option<&'a str>,
    ) -> impl Iterator<Item = (String, String)> {
        self.cookie.iter().filter_map(move |row| {
            let built = row.built.as_ref()?;
            let value = built.rule.value(at, click_id(&built.from)?);
            (at > 0 && is_cookie_value(&value)).then(|| (row.name.clone(), value))
        })
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
