//! Texts of the operator's in which `{name}` stands for something that is known of a conversion: the macros, and the places that they may
//! stand in. Whatever a value holds, it stays in its place: it can neither end it nor begin another (the properties below).
//!
//! Values come from visitors' browsers and from networks, so every one of them is hostile. Hence macros stand where their values can be
//! encoded: in a URL's path and after a `=` of its query, after a `=` of a form, and in JSON; never in the host or in a name.

use super::account::Account;
use super::parcel::{Parcel, Touch};
use serde_json::Value;
use std::sync::LazyLock;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// A template that was read.
#[derive(Debug)]
pub struct Template(Vec<Piece>);

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Macro(String, Place),
}

/// What is around a macro, and so how its value is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Path,
    Query,
    Form,
    /// Within a string.
    JsonText,
    /// Where JSON has a value.
    JsonValue,
}

/// What a macro stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing is known.
    Nothing,
    /// A text.
    Text(String),
    /// A number, as JSON writes it.
    Number(String),
}

type Reads = fn(&Parcel, &Account<'_>) -> Said;

/// The macros, besides `utm_*` and the ad click ids of `groups/clicks.toml`.
const MACROS: &[(&str, Reads)] = &[
    ("click_id", |parcel, _| text(parcel.click_id.as_deref())),
    ("sub_id", |parcel, _| text(parcel.click_id.as_deref())),
    ("event_id", |parcel, _| text(Some(&parcel.event_id))),
    ("type", |parcel, account| text(Some(account.event_name(&parcel.kind).unwrap_or(&parcel.kind)))),
    ("value", |parcel, _| parcel.value.map_or(Said::Nothing, |value| Said::Number(value.to_string()))),
    ("amount", |parcel, _| parcel.decimal().map_or(Said::Nothing, Said::Number)),
    ("left", |parcel, _| parcel.left.map_or(Said::Nothing, |left| Said::Number(left.to_string()))),
    ("currency", |parcel, _| text(parcel.currency())),
    ("transaction_id", |parcel, _| text(parcel.transaction_id.as_deref())),
    ("order_id", |parcel, _| text(parcel.order_id.as_deref())),
    ("product_id", |parcel, _| text(parcel.product_id.as_deref())),
    ("product_name", |parcel, _| text(parcel.product_name.as_deref())),
    ("group", |parcel, _| text(parcel.group.as_deref())),
    ("time", |parcel, _| Said::Number(parcel.seconds().to_string())),
    ("time_ms", |parcel, _| Said::Number(parcel.at.to_string())),
    ("time_iso", |parcel, _| {
        text(jiff::Timestamp::from_millisecond(parcel.at).ok().map(|at| format!("{at:.3}")).as_deref())
    }),
    ("sale_event_id", |parcel, _| text(parcel.sale.as_ref().map(|(id, _)| id.as_str()))),
    ("page", |parcel, _| text(parcel.page.as_deref())),
    ("href", |parcel, _| text(parcel.href.as_deref())),
    ("landing_page", |parcel, _| text(parcel.touches.first().map(|touch| touch.landing_page.as_str()))),
    ("referrer", |parcel, _| text(parcel.touches.first().and_then(|touch| touch.referrer.as_deref()))),
    ("ip", |parcel, _| text(parcel.ip.as_deref())),
    ("user_agent", |parcel, _| text(parcel.user_agent.as_deref())),
    ("country", |parcel, _| text(parcel.country.as_deref())),
    ("visitor_id", |parcel, _| text(parcel.visitor_id.as_deref())),
    ("secret", |_, account| text(account.text("secret"))),
    ("test_event_code", |_, account| text(account.test_event_code())),
];

static CLICK_IDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let clicks = crate::groups::clicks().map(|clicks| clicks.click).unwrap_or_default();
    clicks.into_iter().map(|click| click.param).collect()
});

fn text(found: Option<&str>) -> Said {
    found.filter(|text| !text.is_empty()).map_or(Said::Nothing, |text| Said::Text(text.to_owned()))
}

/// What a macro stands for; `None` for one that is not known.
pub fn said(name: &str, parcel: &Parcel, account: &Account<'_>) -> Option<Said> {
    if let Some((_, reads)) = MACROS.iter().find(|(known, _)| *known == name) {
        return Some(reads(parcel, account));
    }
    if name.starts_with("utm_") {
        // All of them from one arrival: a campaign of one and a keyword of another would be an ad that never was.
        let touch: Option<&Touch> =
            parcel.touches.iter().find(|touch| touch.source.values().any(|value| !value.is_empty()));
        return Some(text(touch.and_then(|touch| touch.source.get(name)).map(String::as_str)));
    }
    let param = CLICK_IDS.iter().find(|param| param.eq_ignore_ascii_case(name))?;
    Some(text(parcel.ad_click(&[param]).map(|(id, _)| id)))
}

/// Every macro, for people.
pub fn known() -> String {
    let names = MACROS.iter().map(|(name, _)| *name).chain(CLICK_IDS.iter().map(String::as_str));
    let listed: Vec<String> = names.map(|name| format!("{{{name}}}")).collect();
    format!("{}, and {{utm_source}}, {{utm_campaign}} and whatever else begins with utm_", listed.join(", "))
}

impl Template {
    /// A URL, macros in its path and after a `=` of its query.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(raw: &str) -> Result<Self, String> {
        if raw.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '#')) {
            return Err("a URL has no white space, no `\\` and no `#`".into());
        }
        let end = host_end(raw).ok_or("it begins with https:// and a host")?;
        let (origin, rest) = raw.split_at(end);
        if origin.contains(['{', '}', '@']) {
            return Err("macros, user names and passwords cannot stand in the host".into());
        }
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let mut pieces = vec![Piece::Text(origin.to_owned())];
        for (index, segment) in path.split('/').enumerate() {
            if index > 0 {
                pieces.push(Piece::Text("/".into()));
            }
            let found = encoded(segment, Place::Path)?;
            let fixed: String = found.iter().map(|piece| piece.fixed()).collect();
            let dots = fixed.to_ascii_lowercase().replace("%2e", ".");
            if found.iter().any(Piece::is_macro) && !dots.is_empty() && dots.bytes().all(|byte| byte == b'.') {
                return Err("a macro cannot stand beside dots alone, where it could lead to another path".into());
            }
            pieces.extend(found);
        }
        if let Some(query) = query {
            pieces.push(Piece::Text("?".into()));
            pieces.extend(pairs(query, Place::Query)?);
        }
        let template = Self(pieces);
        match Url::parse(&template.expand(&|_| Said::Nothing)) {
            Ok(url) if url.has_host() => Ok(template),
            _ => Err("it is no URL".into()),
        }
    }

    /// A form's body, macros after a `=`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn form(raw: &str) -> Result<Self, String> {
        if raw.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("a form has no white space; `+` stands for a space".into());
        }
        pairs(raw, Place::Form).map(Self)
    }

    /// A JSON text, macros within strings and where a value stands.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json(raw: &str) -> Result<Self, String> {
        let (mut pieces, mut rest, mut in_text, mut fixed) = (Vec::new(), raw, false, String::new());
        while let Some(c) = rest.chars().next() {
            let length = match (c, name_at(rest)) {
                ('{', Some(name)) => {
                    pieces.push(Piece::Text(std::mem::take(&mut fixed)));
                    let place = if in_text { Place::JsonText } else { Place::JsonValue };
                    pieces.push(Piece::Macro(name.to_owned(), place));
                    rest = rest.get(name.len() + 2..).unwrap_or_default();
                    continue;
                }
                // Two characters, of which the second never ends the string. A macro behind a lone `\` is none, and no JSON either.
                ('\\', _) if in_text => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
                _ => c.len_utf8(),
            };
            in_text ^= c == '"';
            let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
            fixed.push_str(taken);
            rest = left;
        }
        pieces.push(Piece::Text(fixed));
        let template = Self(pieces);
        let read = |said: Said| serde_json::from_str::<Value>(&template.expand(&|_| said.clone()));
        match (read(Said::Nothing), read(Said::Text("x".into()))) {
            (Ok(without), Ok(with)) if names(&without) == names(&with) => Ok(template),
            (Ok(_), Ok(_)) => Err("macros cannot stand in a name".into()),
            (Err(error), _) | (_, Err(error)) => Err(format!("it is no JSON: {error}")),
        }
    }

    /// The names of the macros in it.
    pub fn macros(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Macro(name, _) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with what its macros stand for.
    pub fn expand(&self, said: &dyn Fn(&str) -> Said) -> String {
        let written = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Macro(name, place) => place.write(said(name)),
        };
        self.0.iter().map(written).collect()
    }
}

impl Piece {
    fn is_macro(&self) -> bool {
        matches!(self, Self::Macro(..))
    }

    fn fixed(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Macro(..) => "",
        }
    }
}

impl Place {
    fn write(self, said: Said) -> String {
        let (text, is_number) = match said {
            Said::Nothing if self == Self::JsonValue => return "null".into(),
            Said::Nothing => return String::new(),
            Said::Text(text) => (text, false),
            Said::Number(number) => (number, true),
        };
        match self {
            // Dots stay dots however they are encoded (WHATWG URL, "double-dot URL path segment").
            Self::Path if text.bytes().all(|byte| byte == b'.') => String::new(),
            Self::Path | Self::Query => byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20"),
            Self::Form => byte_serialize(text.as_bytes()).collect(),
            Self::JsonValue if is_number => text,
            Self::JsonValue => Value::from(text).to_string(),
            Self::JsonText => {
                let quoted = Value::from(text).to_string();
                quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default().to_owned()
            }
        }
    }
}

/// Where scheme and host of a URL end.
pub fn host_end(raw: &str) -> Option<usize> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| raw.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))?;
    let rest = raw.get(scheme.len()..)?;
    let host = rest.find(['/', '?', '\\', '#']).unwrap_or(rest.len());
    (host > 0).then_some(scheme.len() + host)
}

/// The URL at another scheme and host, as the setting `base_url` has it.
pub fn rebased(raw: &str, base_url: &str) -> String {
    match host_end(raw).and_then(|end| raw.get(end..)) {
        Some(rest) if !base_url.is_empty() => format!("{base_url}{rest}"),
        _ => raw.to_owned(),
    }
}

/// The name of a macro that this text begins with.
fn name_at(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (begins && name.bytes().all(is_name)).then_some(name)
}

/// Text and macros of a part that is percent-encoded.
fn encoded(raw: &str, place: Place) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut rest) = (Vec::new(), raw);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let name = name_at(from).ok_or("`{` and `}` stand around a macro's name, and nowhere else")?;
        if before.bytes().rev().take(2).any(|byte| byte == b'%') {
            return Err("a macro cannot stand behind a `%` and be a part of what that encodes".into());
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Macro(name.to_owned(), place));
        rest = from.get(name.len() + 2..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

/// Text and macros of `name=value` pairs.
fn pairs(raw: &str, place: Place) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    for (index, pair) in raw.split('&').enumerate() {
        let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
        if name.contains(['{', '}']) {
            return Err("macros cannot stand in a name: they stand behind a `=`".into());
        }
        let mark = if index > 0 { "&" } else { "" };
        pieces.push(Piece::Text(format!("{mark}{name}{}", if value.is_some() { "=" } else { "" })));
        pieces.extend(encoded(value.unwrap_or_default(), place)?);
    }
    Ok(pieces)
}

/// The names in a JSON text, in order.
fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(table) => {
            table.iter().flat_map(|(name, value)| [vec![name.as_str()], names(value)].concat()).collect()
        }
        Value::Array(list) => list.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
