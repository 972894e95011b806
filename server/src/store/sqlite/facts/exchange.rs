//! Money of a group of rows, each row's converted by itself.

use super::clock::date_of;
use super::fact::QUARTERS_OF_A_DAY;
use crate::rates::{Factor, RateTable};
use crate::store::facts::Money;
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_protocol::money::Currency;

/// Converts the money of rows; each rate is looked up once.
#[derive(Clone)]
pub(super) struct Exchange {
    into: Option<Currency>,
    rates: Arc<RateTable>,
    currencies: Arc<HashMap<i64, Currency>>,
    factors: FxHashMap<(i64, i64), Option<Factor>>,
    last: Option<((i64, i64), Option<Factor>)>,
}

impl Exchange {
    /// Into a currency, from currencies by their numbers.
    pub(super) fn new(into: Option<Currency>, rates: Arc<RateTable>, currencies: HashMap<i64, Currency>) -> Self {
        Self { into, rates, currencies: Arc::new(currencies), factors: FxHashMap::default(), last: None }
    }

    /// What money of a currency is multiplied by on a row's day in UTC.
    fn factor(&mut self, currency: i64, quarter: i64) -> Option<Factor> {
        let key = (currency, quarter.div_euclid(QUARTERS_OF_A_DAY));
        match self.last {
            Some((known, factor)) if known == key => factor,
            _ => {
                let (into, rates, currencies) = (&self.into, &self.rates, &self.currencies);
                let look_up = || rates.factor(currencies.get(&currency)?, into.as_ref()?, date_of(key.1));
                let factor = *self.factors.entry(key).or_insert_with(look_up);
                self.last = Some((key, factor));
                factor
            }
        }
    }
}

/// Money of one row, in 10^-6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) revenue: i64,
    pub(super) refunded: i64,
    pub(super) commission: i64,
}

impl Amounts {
    /// Whether there is none.
    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn money(self) -> Money {
        Money {
            revenue: self.revenue.into(),
            refunded: self.refunded.into(),
            commission: self.commission.into(),
            cost: 0,
        }
    }

    /// All of it converted; `None` where one of it is beyond what can be kept.
    fn times(self, factor: Factor) -> Option<Self> {
        Some(Self {
            revenue: factor.apply(self.revenue)?,
            refunded: factor.apply(self.refunded)?,
            commission: factor.apply(self.commission)?,
        })
    }
}

/// The money of a group of rows in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Purse {
    /// As it was sent.
    pub(super) sent: Money,
    /// In the other currency.
    pub(super) converted: Money,
    /// What of `sent` is not in `converted`. A sum, so that what was taken out again leaves no trace.
    missing: Money,
    /// What of `converted` was reckoned by a rate that is older than it should be.
    stale: Money,
}

impl Purse {
    /// Adds the money of a row.
    pub(super) fn add(&mut self, amounts: Amounts, currency: i64, quarter: i64, exchange: &mut Exchange) {
        self.sent += amounts.money();
        let factor = exchange.factor(currency, quarter);
        match factor.and_then(|factor| Some((amounts.times(factor)?, factor.stale))) {
            Some((converted, is_stale)) => {
                self.converted += converted.money();
                if is_stale {
                    self.stale += converted.money();
                }
            }
            None => self.missing += amounts.money(),
        }
    }

    /// Adds what visits cost.
    pub(super) fn spend(&mut self, spent: Spent) {
        let cost = |cost| Money { cost, ..Money::default() };
        self.sent += cost(spent.sent);
        self.converted += cost(spent.converted);
        self.missing += cost(spent.missing);
        self.stale += cost(spent.stale);
    }

    /// Adds what another thread found.
    pub(super) fn merge(&mut self, other: Self) {
        self.sent += other.sent;
        self.converted += other.converted;
        self.missing += other.missing;
        self.stale += other.stale;
    }

    /// Whether some of it is not converted.
    pub(super) fn is_missing(&self) -> bool {
        self.missing != Money::default()
    }

    /// Whether some of it was reckoned by a rate that is older than it should be.
    pub(super) fn is_stale(&self) -> bool {
        self.stale != Money::default()
    }
}

/// What the visits of a group cost in one currency: a purse with nothing but costs, narrow because there are many visits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    sent: i128,
    converted: i128,
    missing: i128,
    stale: i128,
}

impl Spent {
    /// Adds what a visit cost.
    pub(super) fn add(&mut self, cost: i64, currency: i64, quarter: i64, exchange: &mut Exchange) {
        self.sent += i128::from(cost);
        let factor = exchange.factor(currency, quarter);
        match factor.and_then(|factor| Some((factor.apply(cost)?, factor.stale))) {
            Some((converted, is_stale)) => {
                self.converted += i128::from(converted);
                if is_stale {
                    self.stale += i128::from(converted);
                }
            }
            None => self.missing += i128::from(cost),
        }
    }

    /// Adds what another thread found.
    pub(super) fn merge(&mut self, other: Self) {
        self.sent += other.sent;
        self.converted += other.converted;
        self.missing += other.missing;
        self.stale += other.stale;
    }

    /// Whether no visit cost anything.
    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}
