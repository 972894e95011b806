//! The built tag as it is served: shim, glue and WebAssembly, and those of the inspection module, compressed once.

use sha2::{Digest, Sha256};
use std::io::Write;
use std::sync::OnceLock;

mod built {
    include!(concat!(env!("OUT_DIR"), "/tag.rs"));
}

/// Where the site's settings go in the shim.
const SETTINGS_MARK: &str = "\"%TAGWERK_SETTINGS%\"";

/// A file ready to be sent, in every encoding.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its media type.
    pub content_type: &'static str,
    /// A strong entity tag, in quotes.
    pub etag: String,
    /// As it is.
    pub plain: Vec<u8>,
    /// By gzip.
    pub gzip: Vec<u8>,
    /// By brotli.
    pub brotli: Vec<u8>,
}

impl Asset {
    /// Compresses a file, as small as it gets.
    ///
    /// # Errors
    /// None in practice: it writes to memory.
    pub fn new(content_type: &'static str, plain: Vec<u8>) -> std::io::Result<Self> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&plain)?;
        let mut brotli = Vec::new();
        let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
        brotli::BrotliCompress(&mut plain.as_slice(), &mut brotli, &parameters)?;
        Ok(Self { content_type, etag: format!("\"{}\"", hash(&plain)), gzip: gzip.finish()?, brotli, plain })
    }
}

/// An asset that few ask for: it is compressed when somebody first does, so that every start is the quicker for it.
#[derive(Debug)]
struct Rare {
    name: String,
    content_type: &'static str,
    plain: &'static [u8],
    asset: OnceLock<Option<Asset>>,
}

/// The built tag.
#[derive(Debug)]
pub struct Assets {
    shim: String,
    glue: (String, Asset),
    wasm: (String, Asset),
    inspect: Rare,
    inspect_wasm: Rare,
}

impl Assets {
    /// The tag that was embedded at build time.
    ///
    /// # Errors
    /// The server was built without it; the message says what to run.
    pub fn embedded() -> Result<Self, String> {
        let (Some(shim), Some(glue), Some(wasm), Some(inspect), Some(inspect_wasm)) =
            (built::SHIM, built::GLUE, built::WASM, built::INSPECT, built::INSPECT_WASM)
        else {
            return Err("this server was built without the tag; run `npm run build` and build it again".into());
        };
        let shim = String::from_utf8(shim.to_vec()).map_err(|error| format!("the built shim is not UTF-8: {error}"))?;
        if !shim.contains(SETTINGS_MARK) {
            return Err(format!("the built shim has no place for the settings ({SETTINGS_MARK})"));
        }
        const JS: (&str, &str) = ("js", "text/javascript; charset=utf-8");
        const WASM: (&str, &str) = ("wasm", "application/wasm");
        let name = |stem: &str, ending: &str, bytes: &[u8]| format!("{stem}.{}.{ending}", hash(bytes));
        let named = |(ending, content_type), bytes: &[u8]| {
            let asset = Asset::new(content_type, bytes.to_vec()).map_err(|error| error.to_string())?;
            Ok::<_, String>((name("tag", ending, bytes), asset))
        };
        let rare = |(ending, content_type), plain: &'static [u8]| Rare {
            name: name("inspect", ending, plain),
            content_type,
            plain,
            asset: OnceLock::new(),
        };
        Ok(Self {
            shim,
            glue: named(JS, glue)?,
            wasm: named(WASM, wasm)?,
            inspect: rare(JS, inspect),
            inspect_wasm: rare(WASM, inspect_wasm),
        })
    }

    /// The asset of that name.
    pub fn get(&self, name: &str) -> Option<&Asset> {
        let ready = [&self.glue, &self.wasm].into_iter().find(|(known, _)| known == name).map(|(_, asset)| asset);
        ready.or_else(|| {
            let rare = [&self.inspect, &self.inspect_wasm].into_iter().find(|rare| rare.name == name)?;
            rare.asset.get_or_init(|| Asset::new(rare.content_type, rare.plain.to_vec()).ok()).as_ref()
        })
    }

    /// The name of the JavaScript glue.
    pub fn glue(&self) -> &str {
        &self.glue.0
    }

    /// The name of the WebAssembly part.
    pub fn wasm(&self) -> &str {
        &self.wasm.0
    }

    /// The name of the inspection module's JavaScript.
    pub fn inspect(&self) -> &str {
        &self.inspect.name
    }

    /// The name of the inspection module's WebAssembly.
    pub fn inspect_wasm(&self) -> &str {
        &self.inspect_wasm.name
    }

    /// The shim with a site's settings in it.
    pub fn shim(&self, settings: &str) -> String {
        // As a JSON string it is a JavaScript string, since JSON is part of JavaScript as of ES2019; older engines
        // stumble over two line separators only, which form encoding never leaves bare.
        self.shim.replacen(SETTINGS_MARK, &serde_json::Value::from(settings).to_string(), 1)
    }
}

/// Twelve hexadecimal characters that change with the content.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
