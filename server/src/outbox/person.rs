//! Who the buyer is, where the network tells it and the site sends it on. It stands in the raw postback alone, sealed, and is opened for the
//! moment of sending.

use super::sender::Sender;
use crate::app::App;
use crate::platforms::Person;
use crate::reading::RawRequest;
use crate::store::Due;
use tagwerk_protocol::form;
use tagwerk_protocol::group::PersonFields;

/// The buyer of a delivery's conversion; `None` where the site does not send such data to this platform, or nobody told.
pub fn of(app: &App, sender: &Sender<'_>, due: &Due) -> Option<Person> {
    if !sender.account.at(0, None).is_on("hashed_personal_data") {
        return None;
    }
    let postback = due.postback.as_ref()?;
    let group = app.groups.get(&postback.group)?;
    let raw = app.vault.unseal(&RawRequest::place(&postback.id), &postback.raw);
    let raw = raw.inspect_err(|error| tracing::error!(%error, id = postback.id, "a postback does not open")).ok()?;
    let raw: RawRequest = serde_json::from_slice(&raw).ok()?;
    read(&group.person, &raw)
}

fn read(fields: &PersonFields, raw: &RawRequest) -> Option<Person> {
    let pairs: Vec<(String, String)> = form::pairs(&raw.query).chain(form::pairs(&raw.body)).collect();
    let first = |names: &[String]| {
        let value =
            |name: &String| pairs.iter().find(|(known, value)| known.eq_ignore_ascii_case(name) && is_there(value));
        names.iter().find_map(value).map(|(_, value)| value.trim().to_owned())
    };
    let person = Person {
        email: first(&fields.email),
        phone: first(&fields.phone),
        first_name: first(&fields.first_name),
        last_name: first(&fields.last_name),
        city: first(&fields.city),
        zip: first(&fields.zip),
        country: first(&fields.country),
    };
    (person != Person::default()).then_some(person)
}

/// A macro that was not filled in tells nobody's name.
fn is_there(value: &str) -> bool {
    let value = value.trim();
    let is_macro =
        (value.starts_with('{') && value.ends_with('}')) || (value.starts_with("__") && value.ends_with("__"));
    !value.is_empty() && !is_macro
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_field_that_is_there_counts_and_macros_that_stayed_do_not() {
        let fields = PersonFields { email: vec!["email".into(), "buyer_email".into()], ..PersonFields::default() };
        let said = |query: &str, body: &str| {
            let raw = RawRequest { query: query.into(), body: body.into(), ..RawRequest::default() };
            read(&fields, &raw).and_then(|person| person.email)
        };
        assert_eq!(said("email=a%40b.example", "buyer_email=c%40d.example").as_deref(), Some("a@b.example"));
        assert_eq!(said("email={email}", "buyer_email=c%40d.example").as_deref(), Some("c@d.example"));
        assert_eq!(said("email=__email__&x=1", ""), None);
        assert_eq!(said("", ""), None);
    }
}
