//! Says when the module is built for visitors: by the profile `tag`, the only one that asks for `opt-level = "z"`.
//! Then, and only then, it goes without the standard library (src/small.rs); tests and other builds have it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_ARCH", "wasm32") && is("OPT_LEVEL", "z") {
        println!("cargo::rustc-cfg=small");
    }
}
