//! Embeds where the ad platforms' pixels are in a page, out of `groups/pixels.toml`, so that those are found too that a site
//! does not feed.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};
use tagwerk_protocol::pixels::Pixels;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../groups/pixels.toml");
    println!("cargo::rerun-if-changed={}", file.display());
    let mut rows: Vec<(String, String)> = Vec::new();
    for pixel in Pixels::parse("groups/pixels.toml", &fs::read_to_string(&file)?)?.pixel {
        let row = (pixel.function, pixel.platform);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let mut code = String::from("pub(crate) const FUNCTIONS: &[(&str, &str)] = &[\n");
    for (function, platform) in rows {
        writeln!(code, "    ({function:?}, {platform:?}),")?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pixels.rs"), code)?;
    Ok(())
}
