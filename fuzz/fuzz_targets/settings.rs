#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tagwerk_protocol::pixels::Pixels;
use tagwerk_server::groups::{self, Groups};
use tagwerk_server::settings::{SiteSettings, Tables, patch};
use tagwerk_server::vault::Vault;

static GROUPS: LazyLock<Groups> = LazyLock::new(|| Groups::load(None).expect("the built-in groups load"));
static PIXELS: LazyLock<Pixels> = LazyLock::new(|| groups::pixels().expect("the platforms' pixels load"));
static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("tagwerk-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    Vault::open(&folder, false).expect("a vault")
});

fuzz_target!(|change: &[u8]| {
    let Ok(change) = serde_json::from_slice(change) else { return };
    let tables = Tables { groups: &GROUPS, pixels: &PIXELS };
    if let Ok(settings) = patch("aaaaaaaaaaaa", &serde_json::json!({"name": "x"}), change, tables, &VAULT) {
        SiteSettings::read(&settings).expect("what was accepted reads").shown().expect("and can be shown");
    }
});
