#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tagwerk_protocol::form;
use tagwerk_protocol::money::Amount;
use tagwerk_server::groups::Groups;
use tagwerk_server::intake::{Rules, understand};

static GROUPS: LazyLock<Groups> = LazyLock::new(|| Groups::load(None).expect("the built-in groups load"));

fuzz_target!(|query: &str| {
    let pairs: Vec<(String, String)> = form::pairs(query).collect();
    for group in GROUPS.iter() {
        let Some(form) = &group.postback else { continue };
        let Ok(conversion) = understand(&pairs, &group.name, form, &Rules::default(), "call") else { continue };
        assert!(!conversion.identity.is_empty());
        if let Some(value) = conversion.value {
            let stored = value.scaled().expect("a value can be stored");
            assert_eq!(Amount::from_scaled(stored, value.decimals()).to_string(), value.to_string());
        }
    }
});
