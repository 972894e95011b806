//! How a network's API is asked what it sold, so that sales whose postback never came are found. A part of a group's file.
//!
//! The API lists transactions in pages, and tells of some orders what the transactions leave out, such as their click ids. Both
//! are mapped to the parameters of the group's own postback, so that one reading understands them all.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Stands in a path for a call's name.
pub const CALL: &str = "{call}";
/// Stands in a parameter's value for the role that the operator's account has in the sales.
pub const ROLE: &str = "{role}";

/// A network's API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where the operator gets a key, in words.
    pub setup: String,
    /// Scheme and host, without a trailing slash.
    pub base_url: String,
    /// The path of a call, with [`CALL`] for its name.
    pub path: String,
    /// The header that carries the key.
    pub key_header: String,
    /// How many requests a minute it is asked at most.
    pub requests_per_minute: u32,
    /// The roles that an account can have in sales; the first counts where the operator says nothing.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The time zone of times without one, as a POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`); UTC where there is none.
    pub zone: Option<String>,
    /// How an answer tells success from failure.
    pub answer: Answer,
    /// How lists are paged.
    pub page: Page,
    /// How the time of interest is told.
    pub window: Window,
    /// The call that lists transactions.
    pub transactions: Transactions,
    /// The call that tells of orders what transactions leave out; without it, they tell all.
    pub orders: Option<Orders>,
    /// Examples of answers that must hold.
    #[serde(default)]
    pub case: Vec<Case>,
}

/// How an answer tells success from failure, whatever its HTTP status. A place in an answer is written as names with dots between
/// them; a number is a position in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Where it says how it went.
    pub result: String,
    /// The word for success.
    pub success: String,
    /// Where a failure's number stands.
    pub code: String,
    /// Where a failure's sentence stands.
    pub message: String,
    /// Numbers that mean that the key is wrong or may not do this.
    #[serde(default)]
    pub wrong_key: Vec<String>,
}

/// How lists are paged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The parameter with the page's number.
    pub number: String,
    /// The number of the first page.
    pub first: u32,
    /// The parameter with the number of items of a page.
    pub size: String,
    /// How many items are asked for at once.
    pub items: u32,
    /// Where an answer says how many pages there are.
    pub count: String,
}

/// How the time of interest is told: two parameters, in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The parameter with the beginning.
    pub from: String,
    /// The parameter with the end.
    pub to: String,
    /// How many days are asked for at once: a longer time is asked for part by part.
    pub days: u32,
}

/// The call that lists transactions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transactions {
    /// Its name.
    pub call: String,
    /// Parameters besides window and page; values may hold [`ROLE`].
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Where the list stands in the answer.
    pub list: String,
    /// Where an item names its order; the first that is there counts.
    pub order: Vec<String>,
    /// What becomes of an item.
    pub field: Vec<Field>,
}

/// The call that tells more of orders, asked with their ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// Its name.
    pub call: String,
    /// Parameters besides ids and page; values may hold [`ROLE`].
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The parameter with the ids, with commas between them.
    pub ids: String,
    /// How many are asked for at once.
    pub at_once: u32,
    /// Where the list stands in the answer.
    pub list: String,
    /// Where an item names the order; the first that is there counts.
    pub order: Vec<String>,
    /// What becomes of an item. What the transaction itself says counts more.
    pub field: Vec<Field>,
}

/// One parameter of the group's postback, and where an item tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The parameter's name.
    pub param: String,
    /// Where its value stands; the first that is there counts.
    pub from: Vec<String>,
    /// How it is written.
    #[serde(default)]
    pub form: FieldForm,
    /// Where an amount stands that is taken off it; the first that is there counts. Without it there is no value.
    #[serde(default)]
    pub minus: Vec<String>,
    /// The postback's words for the API's own, compared ignoring case. Where there are some, any other word says nothing.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
}

/// How a field is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldForm {
    /// As it is.
    #[default]
    Text,
    /// An amount of money, whose sign says nothing.
    Amount,
    /// A time `2014-02-28 23:11:24`, a date or RFC 3339; becomes RFC 3339.
    Time,
}

/// An example of answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// An answer to the call that lists transactions, as JSON.
    pub transactions: String,
    /// An answer to the call that tells of orders, as JSON.
    pub orders: Option<String>,
    /// What becomes of each item, as a form-encoded text, in the order of the fields.
    pub expect: Vec<String>,
}

impl Api {
    /// Every field, with the names of the parameters.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.transactions.field.iter().chain(self.orders.iter().flat_map(|orders| &orders.field))
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// A sentence that names what does not.
    pub fn check(&self) -> Result<(), String> {
        let is_http = ["https://", "http://"].iter().any(|scheme| self.base_url.starts_with(scheme));
        if !is_http || self.base_url.ends_with('/') {
            return Err("api.base_url must be like https://api.example, without a slash at the end".into());
        }
        if !self.path.starts_with('/') || !self.path.contains(CALL) {
            return Err(format!("api.path must begin with / and hold {CALL}"));
        }
        let numbers = [
            ("requests_per_minute", self.requests_per_minute),
            ("page.items", self.page.items),
            ("window.days", self.window.days),
            ("orders.at_once", self.orders.as_ref().map_or(1, |orders| orders.at_once)),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return Err(format!("api.{name} must be at least 1"));
        }
        let own = self.transactions.params.values();
        let mut values = own.chain(self.orders.iter().flat_map(|orders| orders.params.values()));
        if self.roles.is_empty() && values.any(|value| value.contains(ROLE)) {
            return Err(format!("api.roles must name the roles that {ROLE} stands for"));
        }
        for field in self.fields() {
            if field.from.is_empty() {
                return Err(format!("api: the field {} needs a place in from", field.param));
            }
            if !field.minus.is_empty() && field.form != FieldForm::Amount {
                return Err(format!("api: the field {} takes something off, so its form must be amount", field.param));
            }
        }
        Ok(())
    }
}
