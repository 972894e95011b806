//! Of what a total is: type, tracking group and currency, each combination under a number.

use crate::store::sqlite::failure::Failure;
use rusqlite::Connection;
use std::collections::HashMap;

/// Of what. Fields are '' where there is nothing; traffic has neither type nor currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Class {
    pub(super) kind: String,
    pub(super) group: String,
    pub(super) currency: String,
}

/// The classes of one site, by their numbers.
pub(super) fn of_site(connection: &Connection, site_id: &str) -> Result<HashMap<i64, Class>, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT id, kind, tracking_group, currency FROM report_classes WHERE site_id = ?")?;
    let rows = statement.query_map([site_id], |row| {
        Ok((row.get(0)?, Class { kind: row.get(1)?, group: row.get(2)?, currency: row.get(3)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The numbers of one site's classes, for one write.
pub(super) struct Classes<'a> {
    connection: &'a Connection,
    site_id: &'a str,
    numbers: HashMap<Class, i64>,
}

impl<'a> Classes<'a> {
    pub(super) fn new(connection: &'a Connection, site_id: &'a str) -> Result<Self, Failure> {
        let numbers = of_site(connection, site_id)?.into_iter().map(|(number, class)| (class, number)).collect();
        Ok(Self { connection, site_id, numbers })
    }

    /// The number of visits and clicks of a tracking group, '' for none.
    pub(super) fn traffic(&mut self, group: &str) -> Result<i64, Failure> {
        self.number(Class { group: group.to_owned(), ..Class::default() })
    }

    /// The number of a class, a new one if it is new.
    pub(super) fn number(&mut self, class: Class) -> Result<i64, Failure> {
        if let Some(number) = self.numbers.get(&class) {
            return Ok(*number);
        }
        let number = self
            .connection
            .prepare_cached("INSERT INTO report_classes (site_id, kind, tracking_group, currency) VALUES (?, ?, ?, ?)")?
            .insert([self.site_id, &class.kind, &class.group, &class.currency])?;
        self.numbers.insert(class, number);
        Ok(number)
    }
}
