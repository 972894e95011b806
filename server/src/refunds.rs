//! Which sale a refund or chargeback takes back. Pure, and a function of the set alone: the order of arrival does not matter.

use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::money::Amount;

/// What joining needs to know of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The conversion's id.
    pub id: String,
    /// What identifies it, whatever order it arrived in.
    pub identity: String,
    /// The tracking group.
    pub group: String,
    /// When it happened.
    pub at: i64,
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
}

/// For every refund and chargeback, the sale it takes back: by order, then by transaction, then by click and product if exactly one
/// sale has that much left.
pub fn join(entries: &[Entry]) -> Vec<(String, Option<String>)> {
    let (mut sales, mut returns): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.transaction_type == TransactionType::Payment);
    sales.sort_by(|a, b| a.identity.cmp(&b.identity));
    returns.sort_by(|a, b| a.identity.cmp(&b.identity));
    let mut left: Vec<Option<Amount>> = sales.iter().map(|sale| sale.value).collect();
    let mut joined: Vec<(String, Option<String>)> = Vec::with_capacity(returns.len());
    // Refunds that name their sale take their part first, so that the others see what is really left.
    for by in [By::Order, By::Transaction, By::Click] {
        returns.retain(|back| {
            let Some(at) = find(back, &sales, &left, by) else { return true };
            if let (Some(Some(left)), Some(value)) = (left.get_mut(at), back.value) {
                *left = left.minus(value.magnitude()).unwrap_or(Amount::ZERO);
            }
            joined.push((back.id.clone(), sales.get(at).map(|sale| sale.id.clone())));
            false
        });
    }
    joined.extend(returns.into_iter().map(|back| (back.id.clone(), None)));
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
    let has_left = |index: usize| match (left.get(index), back.value) {
        (Some(Some(left)), Some(value)) => *left >= value.magnitude(),
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
            at: 0,
            transaction_type: kind,
            transaction_id: Some(format!("t-{id}")),
            order_id: None,
            product_id: Some("p".into()),
            click_id: Some("c".into()),
            value: Some(Amount::parse(value).expect("an amount")),
        }
    }

    fn sale(id: &str, value: &str) -> Entry {
        entry(id, TransactionType::Payment, value)
    }

    fn refund(id: &str, value: &str) -> Entry {
        entry(id, TransactionType::Refund, value)
    }

    fn joins(entries: &[Entry]) -> Vec<(String, Option<String>)> {
        let mut found = join(entries);
        found.sort();
        found
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
