//! Which conversion carries a transaction's money, and which sale a refund or chargeback takes back. Pure, and functions of the set
//! alone: the order of arrival does not matter.

use tagwerk_protocol::conversion::{TransactionType, conversion_type};
use tagwerk_protocol::money::Amount;

/// What a refund says that takes more than is left of the sale it names.
pub const OVERDRAWN: &str = "more was refunded than was left of the sale";

/// What a conversion says whose transaction's money is carried by one of another type.
pub fn booked_under(kind: &str) -> String {
    format!("the money of this transaction is booked under {kind}")
}

/// One of the conversions that share group and transaction id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What identifies it, whatever order it arrived in.
    pub identity: String,
    /// Its type.
    pub kind: String,
    /// The `type=` of its URL, as sent.
    pub type_sent: Option<String>,
    /// What happened to the money.
    pub transaction_type: TransactionType,
    /// Whether that was taken for granted.
    pub assumed: bool,
    /// What it shares with its repeats where each of them counts.
    pub series: Option<String>,
}

impl Claim {
    /// Smaller goes first: sent without a type, then of a built-in type, then custom; among equals the smaller identity.
    fn rank(&self) -> (bool, bool, &str) {
        (self.type_sent.is_some(), !conversion_type::is_built_in(&self.kind), &self.identity)
    }
}

/// Of one transaction's claims, whether each carries its money: one for each thing that happened to the money, with its repeats where
/// each of those counts. A claim whose sender does not say what happened carries only where no other claim says.
pub fn carriers(claims: &[Claim]) -> Vec<bool> {
    let said = claims.iter().any(|claim| !claim.assumed);
    let eligible = |claim: &&Claim| claim.assumed != said;
    let firsts: Vec<&Claim> = [TransactionType::Payment, TransactionType::Refund, TransactionType::Chargeback]
        .into_iter()
        .filter_map(|what| {
            let same = claims.iter().filter(eligible).filter(|claim| claim.transaction_type == what);
            same.min_by(|a, b| a.rank().cmp(&b.rank()))
        })
        .collect();
    let carries = |claim: &Claim| {
        let is_or_repeats = |first: &&Claim| {
            first.identity == claim.identity || (first.series.is_some() && first.series == claim.series)
        };
        eligible(&claim) && firsts.iter().any(is_or_repeats)
    };
    claims.iter().map(carries).collect()
}

/// What joining needs to know of a conversion that carries its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The conversion's id.
    pub id: String,
    /// What identifies it, whatever order it arrived in.
    pub identity: String,
    /// The tracking group.
    pub group: String,
    /// Sale or not.
    pub transaction_type: TransactionType,
    /// The network's transaction.
    pub transaction_id: Option<String>,
    /// The network's order.
    pub order_id: Option<String>,
    /// The network's product.
    pub product_id: Option<String>,
    /// The click it came from.
    pub click_id: Option<String>,
    /// What it is worth; a refund's is negative or nothing.
    pub value: Option<Amount>,
    /// The currency of that, where it is known.
    pub currency: Option<String>,
}

impl Entry {
    /// What it takes back of this sale, as a magnitude; nothing can be said where the two are in different currencies.
    fn taken_of(&self, sale: &Entry) -> Option<Amount> {
        let differ = self.currency.as_ref().zip(sale.currency.as_ref()).is_some_and(|(own, other)| own != other);
        self.value.filter(|_| !differ).map(Amount::magnitude)
    }
}

/// A refund or chargeback, and what it takes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Return {
    /// The conversion's id.
    pub id: String,
    /// The sale it takes back.
    pub sale_id: Option<String>,
    /// Whether it takes more than was left of that sale.
    pub overdrawn: bool,
}

/// For every refund and chargeback, the sale it takes back: by order, then by transaction, then by click and product if exactly one
/// sale has that much left. Those that name their sale take what they say, even if that is more than is left; which of several is
/// one too many is decided by that order, then by identity.
pub fn join(entries: &[Entry]) -> Vec<Return> {
    let (mut sales, mut returns): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.transaction_type == TransactionType::Payment);
    sales.sort_by(|a, b| a.identity.cmp(&b.identity));
    returns.sort_by(|a, b| a.identity.cmp(&b.identity));
    let mut left: Vec<Option<Amount>> = sales.iter().map(|sale| sale.value).collect();
    let mut joined: Vec<Return> = Vec::with_capacity(returns.len());
    // Refunds that name their sale take their part first, so that the others see what is really left.
    for by in [By::Order, By::Transaction, By::Click] {
        returns.retain(|back| {
            let Some(at) = find(back, &sales, &left, by) else { return true };
            let mut overdrawn = false;
            let taken = sales.get(at).and_then(|sale| back.taken_of(sale));
            if let (Some(Some(left)), Some(taken)) = (left.get_mut(at), taken) {
                overdrawn = !taken.is_zero() && *left < taken;
                *left = left.minus(taken).unwrap_or(Amount::ZERO);
            }
            joined.push(Return { id: back.id.clone(), sale_id: sales.get(at).map(|sale| sale.id.clone()), overdrawn });
            false
        });
    }
    joined.extend(returns.into_iter().map(|back| Return { id: back.id.clone(), sale_id: None, overdrawn: false }));
    joined
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    Order,
    Transaction,
    Click,
}

/// The index of the one sale that matches; several of one order are told apart by product, then by what is left.
fn find(back: &Entry, sales: &[&Entry], left: &[Option<Amount>], by: By) -> Option<usize> {
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let matching = |entry: &Entry| {
        entry.group == back.group
            && match by {
                By::Order => same(&entry.order_id, &back.order_id),
                By::Transaction => same(&entry.transaction_id, &back.transaction_id),
                By::Click => same(&entry.click_id, &back.click_id) && same(&entry.product_id, &back.product_id),
            }
    };
    let has_left = |index: usize| match (left.get(index), sales.get(index).and_then(|sale| back.taken_of(sale))) {
        (Some(Some(left)), Some(taken)) => *left >= taken,
        _ => false,
    };
    let candidates: Vec<usize> =
        sales.iter().enumerate().filter(|(_, sale)| matching(sale)).map(|(index, _)| index).collect();
    let of_product: Vec<usize> = candidates
        .iter()
        .copied()
        .filter(|index| sales.get(*index).is_some_and(|sale| same(&sale.product_id, &back.product_id)))
        .collect();
    let with_left = |list: &[usize]| -> Vec<usize> { list.iter().copied().filter(|index| has_left(*index)).collect() };
    let tries: Vec<Vec<usize>> = match by {
        By::Click => vec![with_left(&candidates)],
        By::Order | By::Transaction => {
            vec![candidates.clone(), of_product.clone(), with_left(&of_product), with_left(&candidates)]
        }
    };
    tries.into_iter().find_map(|list| match list.as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, kind: TransactionType, value: &str) -> Entry {
        Entry {
            id: id.into(),
            identity: id.into(),
            group: "network".into(),
            transaction_type: kind,
            transaction_id: Some(format!("t-{id}")),
            order_id: None,
            product_id: Some("p".into()),
            click_id: Some("c".into()),
            value: Some(Amount::parse(value).expect("an amount")),
            currency: Some("EUR".into()),
        }
    }

    fn sale(id: &str, value: &str) -> Entry {
        entry(id, TransactionType::Payment, value)
    }

    fn refund(id: &str, value: &str) -> Entry {
        entry(id, TransactionType::Refund, value)
    }

    fn joins(entries: &[Entry]) -> Vec<(String, Option<String>)> {
        let mut found: Vec<_> = join(entries).into_iter().map(|back| (back.id, back.sale_id)).collect();
        found.sort();
        found
    }

    /// The refunds that take more than is left.
    fn overdrawn(entries: &[Entry]) -> Vec<String> {
        join(entries).into_iter().filter(|back| back.overdrawn).map(|back| back.id).collect()
    }

    fn of_transaction(transaction: &str, entry: Entry) -> Entry {
        Entry { transaction_id: Some(transaction.into()), ..entry }
    }

    fn claim(identity: &str, kind: &str, type_sent: Option<&str>) -> Claim {
        Claim {
            identity: identity.into(),
            kind: kind.into(),
            type_sent: type_sent.map(str::to_owned),
            transaction_type: TransactionType::Payment,
            assumed: false,
            series: None,
        }
    }

    /// The identities of those that carry.
    fn carrying(claims: &[Claim]) -> Vec<&str> {
        let all = claims.iter().zip(carriers(claims));
        let mut found: Vec<&str> =
            all.filter(|(_, carries)| *carries).map(|(claim, _)| claim.identity.as_str()).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn the_one_without_a_type_carries_then_the_built_in_then_the_first_custom_one() {
        let mut claims = vec![
            claim("1", "InitiateCheckout", Some("InitiateCheckout")),
            claim("0", "Späti", Some("Späti")),
            claim("4", "Purchase", Some("upsell")),
            claim("3", "Purchase", Some("payment")),
            claim("9", "Purchase", None),
        ];
        for expected in ["9", "3", "4", "0", "1"] {
            for _ in 0..claims.len() {
                claims.rotate_left(1);
                assert_eq!(carrying(&claims), [expected]);
            }
            claims.retain(|claim| claim.identity != expected);
        }
        assert_eq!(carrying(&claims), Vec::<&str>::new());
    }

    #[test]
    fn what_is_said_to_be_a_refund_takes_the_money_from_what_only_might_be_a_sale() {
        let refund = Claim { transaction_type: TransactionType::Refund, ..claim("1", "Refund", Some("refund")) };
        let assumed = Claim { assumed: true, ..claim("0", "Purchase", Some("initial_sale")) };
        assert_eq!(carrying(std::slice::from_ref(&assumed)), ["0"]);
        assert_eq!(carrying(&[assumed.clone(), refund.clone()]), ["1"]);
        assert_eq!(carrying(&[refund, assumed]), ["1"]);
    }

    #[test]
    fn a_sale_and_its_refund_under_one_transaction_id_both_carry() {
        let refund = Claim { transaction_type: TransactionType::Refund, ..claim("1", "Refund", None) };
        assert_eq!(carrying(&[claim("0", "Purchase", None), refund]), ["0", "1"]);
    }

    #[test]
    fn repeats_that_each_count_all_carry_and_others_do_not() {
        let of_series = |identity: &str| Claim { series: Some("s".into()), ..claim(identity, "Purchase", None) };
        let other = claim("3", "Späti", Some("Späti"));
        assert_eq!(carrying(&[of_series("1"), other, of_series("2")]), ["1", "2"]);
    }

    #[test]
    fn a_refund_of_more_than_was_sold_is_flagged_and_joined() {
        let entries = [sale("a", "10"), of_transaction("t-a", refund("r", "-10.01"))];
        assert_eq!(overdrawn(&entries), ["r"]);
        assert_eq!(joins(&entries), [("r".into(), Some("a".into()))]);
    }

    #[test]
    fn refunds_up_to_what_was_sold_are_not_flagged() {
        let back = |id: &str, value: &str| of_transaction("t-a", refund(id, value));
        let all = [sale("a", "10"), back("r", "-4"), back("s", "-6.00"), back("zero", "0")];
        assert_eq!(overdrawn(&all), Vec::<String>::new());
    }

    #[test]
    fn the_same_refund_is_the_one_too_many_in_every_order_of_arrival() {
        let back = |id: &str, value: &str| of_transaction("t-a", refund(id, value));
        let mut entries = vec![sale("a", "10"), back("q", "-7"), back("r", "-7"), back("s", "-3"), back("t", "-1")];
        for _ in 0..entries.len() {
            entries.rotate_left(1);
            // `r` goes 4 beyond the sale, so nothing is left for those after it either.
            assert_eq!(overdrawn(&entries), ["r", "s", "t"]);
        }
    }

    #[test]
    fn nothing_is_flagged_where_an_amount_is_not_known() {
        let unknown = |entry: Entry| Entry { value: None, ..entry };
        assert_eq!(
            overdrawn(&[unknown(sale("a", "10")), of_transaction("t-a", refund("r", "-99"))]),
            Vec::<String>::new()
        );
        assert_eq!(
            overdrawn(&[sale("a", "10"), unknown(of_transaction("t-a", refund("r", "-99")))]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_refund_in_another_currency_is_joined_by_its_order_and_neither_weighed_nor_guessed() {
        let in_dollars = |back: Entry| Entry { currency: Some("USD".into()), ..back };
        let named = in_dollars(of_transaction("t-a", refund("r", "-99")));
        assert_eq!(overdrawn(&[sale("a", "10"), named.clone()]), Vec::<String>::new());
        assert_eq!(joins(&[sale("a", "10"), named]), [("r".into(), Some("a".into()))]);
        assert_eq!(joins(&[sale("a", "10"), in_dollars(refund("r", "-1"))]), [("r".into(), None)]);
    }

    #[test]
    fn a_refund_joins_the_only_sale_of_its_click_and_product() {
        assert_eq!(joins(&[sale("a", "10"), refund("r", "-10")]), [("r".into(), Some("a".into()))]);
    }

    #[test]
    fn a_second_refund_finds_nothing_left() {
        let found = joins(&[sale("a", "10"), refund("r", "-10"), refund("s", "-10")]);
        assert_eq!(found, [("r".into(), Some("a".into())), ("s".into(), None)]);
    }

    #[test]
    fn two_sales_that_fit_leave_a_refund_unjoined() {
        assert_eq!(joins(&[sale("a", "10"), sale("b", "10"), refund("r", "-10")]), [("r".into(), None)]);
    }

    #[test]
    fn the_order_decides_before_click_and_product() {
        let with_order = |mut entry: Entry, order: &str| {
            entry.order_id = Some(order.into());
            entry
        };
        let entries =
            [with_order(sale("a", "10"), "1"), with_order(sale("b", "10"), "2"), with_order(refund("r", "-4"), "2")];
        assert_eq!(joins(&entries), [("r".into(), Some("b".into()))]);
    }

    #[test]
    fn a_refund_under_the_sale_s_own_transaction_id_joins_it() {
        let mut back = refund("r", "-10");
        back.transaction_id = Some("t-b".into());
        assert_eq!(joins(&[sale("a", "10"), sale("b", "10"), back]), [("r".into(), Some("b".into()))]);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let mut entries = vec![sale("a", "10"), sale("b", "7"), refund("r", "-7"), refund("s", "-10")];
        let first = joins(&entries);
        for _ in 0..entries.len() {
            entries.rotate_left(1);
            assert_eq!(joins(&entries), first);
        }
    }
}
