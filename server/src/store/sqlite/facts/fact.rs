//! A fact: one narrow row of numbers, and how it lies in the tail.

use crate::store::sqlite::failure::Failure;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Milliseconds of a quarter of an hour, by which facts are told apart in time: every zone's hours and days begin with one.
pub(super) const QUARTER: i64 = 900_000;
/// Quarters of a day.
pub(super) const QUARTERS_OF_A_DAY: i64 = 96;

/// A column of facts. Those of measures have fixed numbers, those of dimensions come after them as they first appear.
pub(super) type Column = u16;

/// The columns that are there from the beginning. 0 is what a fact without a cell has.
pub(super) mod column {
    use super::Column;

    /// The ids of the rows, 16 bytes each.
    pub(in super::super) const ID: Column = 0;
    /// When: quarters of an hour since 1970 UTC.
    pub(in super::super) const QUARTER: Column = 1;
    /// Of a visit, whether of a bot.
    pub(in super::super) const BOT: Column = 2;
    /// Of a visit, 64 bits that are the same for the same visitor.
    pub(in super::super) const VISITOR: Column = 3;
    /// Of a visit, its cost in 10^-6.
    pub(in super::super) const COST: Column = 4;
    /// Of a conversion's share, the place of its model in `Model::ALL`.
    pub(in super::super) const MODEL: Column = 5;
    /// Of a conversion, its class.
    pub(in super::super) const CLASS: Column = 6;
    /// Of a conversion, how much of it counts, in millionths.
    pub(in super::super) const COUNT: Column = 7;
    /// Of a conversion, its value in 10^-6, negative where money went back.
    pub(in super::super) const VALUE: Column = 8;
    /// Of a conversion, whether its value is not known.
    pub(in super::super) const UNVALUED: Column = 9;
    /// Of a conversion, its commission in 10^-6, negative where money went back.
    pub(in super::super) const COMMISSION: Column = 10;
    /// From here on, the site's dimensions.
    pub(in super::super) const FIRST_DIMENSION: Column = 64;

    /// What is added up, and so has the other sign in what takes a fact out again.
    pub(in super::super) const ADDITIVE: [Column; 3] = [COUNT, VALUE, COMMISSION];
}

/// What kinds of facts there are. Each has its own tail and segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Visit,
    Click,
    /// A conversion, credited to the visit of its click.
    Conversion,
    /// What to add to that by the other models.
    Share,
}

impl Kind {
    /// The number, as stored.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Visit => 0,
            Self::Click => 1,
            Self::Conversion => 2,
            Self::Share => 3,
        }
    }
}

/// What a conversion counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Sale,
    Lead,
    Other,
    Refund,
    Chargeback,
}

impl Class {
    /// The number, as stored; most are 0, which takes up nothing.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Sale => 0,
            Self::Lead => 1,
            Self::Other => 2,
            Self::Refund => 3,
            Self::Chargeback => 4,
        }
    }

    /// The class of a stored number.
    pub(super) fn of(number: i64) -> Self {
        match number {
            0 => Self::Sale,
            1 => Self::Lead,
            3 => Self::Refund,
            4 => Self::Chargeback,
            _ => Self::Other,
        }
    }

    /// Whether money went back.
    pub(super) fn goes_back(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback)
    }
}

/// The id of a table's row in 16 bytes; nothing but zeros for what is no such id, which is counted but cannot be listed.
pub(super) type Id = [u8; 16];

/// Reads the id of a table's row.
pub(super) fn id_of(text: &str) -> Id {
    Uuid::parse_str(text).unwrap_or_default().into_bytes()
}

/// One row of numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Fact {
    pub(super) quarter: i64,
    pub(super) id: Id,
    /// What is not 0, in the order of the columns.
    cells: Vec<(Column, i64)>,
}

impl Fact {
    /// A fact of a row at a time in milliseconds, with nothing in it.
    pub(super) fn new(id: &str, at: i64) -> Self {
        Self { quarter: at.div_euclid(QUARTER), id: id_of(id), cells: Vec::new() }
    }

    /// A fact of a row at no time, with nothing in it.
    pub(super) fn of_id(id: Id) -> Self {
        Self { quarter: 0, id, cells: Vec::new() }
    }

    /// The same with a cell more. Each column is given once.
    pub(super) fn with(mut self, column: Column, value: i64) -> Self {
        self.put(column, value);
        self
    }

    /// Adds a cell.
    pub(super) fn put(&mut self, column: Column, value: i64) {
        if value != 0 {
            let place = self.cells.partition_point(|(known, _)| *known < column);
            self.cells.insert(place, (column, value));
        }
    }

    /// The value in a column.
    pub(super) fn at(&self, column: Column) -> i64 {
        match column {
            column::QUARTER => self.quarter,
            _ => self.cells.iter().find(|(known, _)| *known == column).map_or(0, |(_, value)| *value),
        }
    }

    /// What is not 0.
    pub(super) fn cells(&self) -> &[(Column, i64)] {
        &self.cells
    }

    /// What takes this fact out again.
    pub(super) fn negated(mut self) -> Self {
        for (column, value) in &mut self.cells {
            if column::ADDITIVE.contains(column) {
                *value = value.wrapping_neg();
            }
        }
        self
    }

    /// Of what kind a fact of a conversion is.
    pub(super) fn kind_of_conversion(&self) -> Kind {
        if self.at(column::MODEL) == 0 { Kind::Conversion } else { Kind::Share }
    }
}

/// Facts or one of them in few bytes.
pub(super) fn packed<T: Serialize + ?Sized>(facts: &T) -> Result<Vec<u8>, Failure> {
    postcard::to_allocvec(facts).map_err(|error| Failure::Unreadable(format!("a fact cannot be packed: {error}")))
}

/// Reads what was packed.
pub(super) fn unpacked<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failure> {
    postcard::from_bytes(bytes).map_err(|error| Failure::Unreadable(format!("a packed fact does not read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact() -> Fact {
        let id = "0190a0b0-c0d0-7000-8000-000000000001";
        Fact::new(id, -1)
            .with(70, 3)
            .with(column::VALUE, 5_000_000)
            .with(column::CLASS, 0)
            .with(column::COUNT, 1_000_000)
    }

    #[test]
    fn a_fact_is_read_as_it_was_packed() {
        let facts = vec![fact(), fact().negated()];
        assert_eq!(unpacked::<Vec<Fact>>(&packed(&facts).expect("packed")).expect("read"), facts);
        assert!(unpacked::<Fact>(&[1, 2, 3]).is_err());
    }

    #[test]
    fn cells_stand_in_order_and_nothing_takes_up_nothing() {
        let fact = fact();
        assert_eq!(fact.cells(), [(column::COUNT, 1_000_000), (column::VALUE, 5_000_000), (70, 3)]);
        assert_eq!((fact.quarter, fact.at(column::CLASS), fact.at(70)), (-1, 0, 3));
    }

    #[test]
    fn what_takes_a_fact_out_differs_in_what_is_added_up_alone() {
        let out = fact().negated();
        assert_eq!(out.cells(), [(column::COUNT, -1_000_000), (column::VALUE, -5_000_000), (70, 3)]);
        assert_eq!(out.negated(), fact());
    }
}
