//! What the network would send for a sale in the demo: every macro of the group's data with a believable value. Pure.

use std::collections::BTreeMap;
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::group::{Postback, TimeForm};

/// What the network's page was called with.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent<'a> {
    /// The parameter that carries the click id.
    pub(super) sub_id: &'a str,
    /// The product in the path.
    pub(super) product: String,
    /// The affiliate in the path.
    pub(super) affiliate: Option<String>,
    /// The campaign key in the path.
    pub(super) campaign: Option<String>,
    /// The query.
    pub(super) query: Vec<(String, String)>,
}

impl Sent<'_> {
    /// A parameter of the query.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The parameters of a postback, and what makes a payment, an upsell or a refund of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sale {
    /// Every macro with its value, in the order of the postback URL.
    pub(super) parameters: Vec<(String, String)>,
    /// What the page's buttons change, each as `name=value` pairs of a query.
    pub(super) payment: String,
    /// An upsell: another product, another price.
    pub(super) upsell: String,
    /// A refund of the payment.
    pub(super) refund: String,
    /// The parameter that takes a fresh transaction id each time.
    pub(super) transaction_id: String,
    /// The parameter that takes the time in seconds.
    pub(super) unix_time: String,
    /// The parameter that takes anything.
    pub(super) volatile: String,
}

impl Sale {
    /// The parameters as a query.
    pub(super) fn query(&self) -> String {
        query(self.parameters.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

/// The sale of the published example.
pub(super) fn of(postback: &Postback, sent: &Sent<'_>) -> Sale {
    let fields = &postback.fields;
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    let fixed = [
        ("country", "US"),
        ("merchant_id", "2699865"),
        ("merchant_name", "Steady Edge Media"),
        ("affiliate_id", "1841207"),
        ("upsell_no", "0"),
    ];
    values.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    values.insert("affiliate_name", sent.affiliate.clone().unwrap_or_default());
    values.insert("campaignkey", sent.campaign.clone().unwrap_or_default());
    // What a link carries comes back: the click id and whatever else the group passes through.
    for name in postback.custom.iter().chain([&fields.click_id]) {
        let name = name.as_str();
        if let Some(value) = sent.get(if name == fields.click_id { sent.sub_id } else { name }) {
            values.insert(name, value.to_owned());
        }
    }
    values.extend(known([
        (&fields.currency, "EUR"),
        (&fields.product_id, &sent.product),
        (&fields.product_name, "Steady Edge: the whetstone course"),
        (&fields.order_type, word(&postback.facets.order_type, 0)),
        (&fields.billing_type, word(&postback.facets.billing_type, 0)),
        (&fields.billing_status, word(&postback.facets.billing_status, 1)),
    ]));
    values.extend(known(amounts(postback, ["101.64", "165.19", "163.55"])));
    values.insert(&fields.transaction_type, of_type(postback, TransactionType::Payment));
    let parameters = postback
        .affiliate_macros
        .iter()
        .map(|name| (name.clone(), values.get(name.as_str()).cloned().unwrap_or_default()))
        .collect();
    let upsell = known([
        (&fields.order_type, word(&postback.facets.order_type, 1)),
        (&fields.product_id, "438219"),
        (&fields.product_name, "Steady Edge: pocket knives and scissors"),
    ]);
    let upsell = upsell.chain(known(amounts(postback, ["26.85", "47.00", "44.76"])));
    let to_refund = [(fields.transaction_type.as_str(), of_type(postback, TransactionType::Refund))];
    Sale {
        parameters,
        payment: String::new(),
        upsell: query(upsell.chain([("upsell_no", "1".to_owned())])),
        refund: query(to_refund),
        transaction_id: fields.transaction_id.clone().unwrap_or_default(),
        unix_time: postback
            .time
            .iter()
            .find(|time| time.form == TimeForm::UnixSeconds)
            .map(|time| time.param.clone())
            .unwrap_or_default(),
        volatile: postback.volatile.first().cloned().unwrap_or_default(),
    }
}

/// The pairs whose names the group knows.
fn known<'a, const N: usize>(
    pairs: [(&'a Option<String>, &str); N],
) -> impl Iterator<Item = (&'a str, String)> + use<'a, N> {
    pairs.map(|(name, value)| name.as_deref().map(|name| (name, value.to_owned()))).into_iter().flatten()
}

/// Commission, gross and net under the group's names.
fn amounts<'a, 'b>(postback: &'a Postback, values: [&'b str; 3]) -> [(&'a Option<String>, &'b str); 3] {
    let [affiliate, brutto, netto] = values;
    let names = &postback.amounts;
    [(&names.affiliate, affiliate), (&names.brutto, brutto), (&names.netto, netto)]
}

fn word(words: &[String], at: usize) -> &str {
    words.get(at).map_or("", String::as_str)
}

/// The group's word for what happened to the money.
fn of_type(postback: &Postback, wanted: TransactionType) -> String {
    let known = postback.transaction_types.iter().find(|(_, kind)| **kind == wanted);
    known.map(|(word, _)| word.clone()).unwrap_or_default()
}

fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        tagwerk_protocol::form::push(&mut text, name, &value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;

    fn sale(query: &[(&str, &str)]) -> Sale {
        let groups = Groups::load(None).unwrap();
        let (group, postback) = groups.iter().find_map(|group| Some((group, group.postback.as_ref()?))).unwrap();
        let sent = Sent {
            sub_id: &group.link.sub_id,
            product: "438218".into(),
            affiliate: Some("yourname".into()),
            campaign: Some("review".into()),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        of(postback, &sent)
    }

    fn value<'a>(sale: &'a Sale, name: &str) -> &'a str {
        &sale.parameters.iter().find(|(known, _)| known == name).unwrap().1
    }

    #[test]
    fn a_sale_sends_every_macro_of_the_postback_url_in_its_order() {
        let groups = Groups::load(None).unwrap();
        let macros = &groups.iter().find_map(|group| group.postback.as_ref()).unwrap().affiliate_macros;
        let sent: Vec<String> = sale(&[]).parameters.into_iter().map(|(name, _)| name).collect();
        assert_eq!(&sent, macros);
    }

    #[test]
    fn the_amounts_are_those_of_the_published_example() {
        let sale = sale(&[]);
        let amounts = ["amount_affiliate", "amount_brutto", "amount_netto"].map(|name| value(&sale, name));
        assert_eq!(amounts, ["101.64", "165.19", "163.55"]);
    }

    #[test]
    fn what_the_link_carried_comes_back() {
        let sale = sale(&[("cid", "ID"), ("sid2", "blue button")]);
        assert_eq!(
            (value(&sale, "cid"), value(&sale, "sid2"), value(&sale, "campaignkey")),
            ("ID", "blue button", "review")
        );
    }

    #[test]
    fn without_a_click_id_none_is_sent() {
        assert_eq!(value(&sale(&[]), "cid"), "");
    }

    #[test]
    fn a_refund_says_so_and_an_upsell_is_another_product() {
        let sale = sale(&[]);
        assert_eq!(sale.refund, "transaction_type=refund");
        assert!(
            sale.upsell.contains("order_type=upsell") && sale.upsell.contains("amount_affiliate=26.85"),
            "{}",
            sale.upsell
        );
    }
}
