//! Checks the built-in tracking groups against their schema and embeds them, and embeds the built tag and the
//! dashboard's chart library.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::imports::Imports;
use tagwerk_protocol::pixels::Pixels;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("groups.rs"), groups(&root.join("groups"))?)?;
    let dist = root.join("dist");
    fs::write(out.join("tag.rs"), files(&dist, &TAG)?)?;
    fs::write(out.join("chart.rs"), files(&dist, &CHART)?)?;
    Ok(())
}

/// The built-in groups as `(name, text)`; one that does not fit the schema stops the build.
fn groups(folder: &Path) -> Result<String, Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    let mut rows = String::new();
    let (mut clicks, mut pixels, mut imports) = (PathBuf::new(), PathBuf::new(), PathBuf::new());
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = fs::read_to_string(&file)?;
        let shown = format!("groups/{name}.toml");
        if name == "clicks" {
            Clicks::parse(&shown, &text)?;
            clicks = file;
            continue;
        }
        if name == "pixels" {
            Pixels::parse(&shown, &text)?;
            pixels = file;
            continue;
        }
        if name == "imports" {
            Imports::parse(&shown, &text)?;
            imports = file;
            continue;
        }
        Group::parse(&name, &shown, &text)?;
        writeln!(rows, "    ({name:?}, include_str!({file:?})),")?;
    }
    Ok(format!(
        "pub(crate) const BUILT_IN: &[(&str, &str)] = &[\n{rows}];
pub(crate) const CLICKS: &str = include_str!({clicks:?});
pub(crate) const PIXELS: &str = include_str!({pixels:?});
pub(crate) const IMPORTS: &str = include_str!({imports:?});
"
    ))
}

/// The built tag: the constant and the file of each part.
const TAG: [(&str, &str); 5] = [
    ("SHIM", "tagwerk.js"),
    ("GLUE", "tag.js"),
    ("WASM", "tag.wasm"),
    ("INSPECT", "inspect.js"),
    ("INSPECT_WASM", "inspect.wasm"),
];

/// The dashboard's chart library, likewise.
const CHART: [(&str, &str); 2] = [("JS", "uplot.js"), ("CSS", "uplot.css")];

/// Built files, or their absence: a checkout compiles without them, `serve` says how to build the tag, and pages do without charts.
fn files(dist: &Path, files: &[(&str, &str)]) -> Result<String, Box<dyn std::error::Error>> {
    let mut code = String::new();
    for (name, file) in files {
        let file = dist.join(file);
        println!("cargo::rerun-if-changed={}", file.display());
        let value = if file.exists() { format!("Some(include_bytes!({file:?}))") } else { "None".to_owned() };
        writeln!(code, "pub(crate) const {name}: Option<&[u8]> = {value};")?;
    }
    Ok(code)
}
