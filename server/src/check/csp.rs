//! What a page's Content-Security-Policy lets the tag do. Pure; the matching itself is a library's, which follows the standard step by step.

use crate::finding::Finding;
use content_security_policy::sandboxing_directive::SandboxingFlagSet;
use content_security_policy::{
    CheckResult, CspList, Destination, Directive, Initiator, ParserMetadata, PolicyDisposition, PolicySource, Request,
    Violation,
};
use url::Url;

/// Most policies of one page that are heeded, and the longest that is read, in bytes: more is nobody's page.
const MOST_POLICIES: usize = 32;
const LONGEST: usize = 16_384;

/// The policies of a page.
#[derive(Debug, Clone)]
pub struct Policies {
    page: Url,
    header: CspList,
    /// Each with its place in the document: it holds for what comes after.
    meta: Vec<(usize, CspList)>,
}

/// The tag's own requests on a page.
#[derive(Debug, Clone)]
pub struct TagRequests<'a> {
    /// The script's address.
    pub script: &'a Url,
    /// What it loads: the glue.
    pub glue: Option<Url>,
    /// Where it reports to.
    pub event: Option<Url>,
    /// The script element's `nonce`.
    pub nonce: &'a str,
    /// The script element's `integrity`.
    pub integrity: &'a str,
    /// Whether the element stands in the page's own HTML; else a script put it there.
    pub parser_inserted: bool,
    /// The element's place in the document.
    pub order: usize,
}

impl Policies {
    /// The policies of the page at this address: each header's value, whether it is only reported, and the `meta` elements with their places.
    pub fn new(page: &Url, headers: &[(String, bool)], metas: &[(usize, String)]) -> Self {
        let mut header = CspList(Vec::new());
        for (value, only_reported) in headers.iter().take(MOST_POLICIES) {
            let disposition = if *only_reported { PolicyDisposition::Report } else { PolicyDisposition::Enforce };
            header.append(read(value, PolicySource::Header, disposition));
        }
        let meta = metas.iter().take(MOST_POLICIES);
        let meta = meta.map(|(order, value)| (*order, read(value, PolicySource::Meta, PolicyDisposition::Enforce)));
        Self { page: page.clone(), header, meta: meta.collect() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.header.0.is_empty() && self.meta.iter().all(|(_, list)| list.0.is_empty())
    }

    /// Whether links may build on this base address.
    pub fn allow_base(&self, base: &Url) -> bool {
        self.all(usize::MAX).is_base_allowed_for_document(base, &self.page.origin()).0 == CheckResult::Allowed
    }

    /// What holds at a place of the document.
    fn all(&self, order: usize) -> CspList {
        let mut list = self.header.clone();
        for (_, meta) in self.meta.iter().filter(|(place, _)| *place < order) {
            list.append(meta.clone());
        }
        list
    }

    /// What the policies keep the tag from, with what to add.
    pub fn judge(&self, tag: &TagRequests<'_>) -> Vec<Finding> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let (before, all) = (self.all(tag.order), self.all(usize::MAX));
        if all.get_sandboxing_flag_set_for_document().is_some_and(forbids_scripts) {
            found.push(Finding::error(
                "csp_sandbox",
                "the page's Content-Security-Policy puts it into a sandbox without scripts",
                "add allow-scripts and allow-same-origin to its sandbox directive",
            ));
        }
        let script = self.request(tag.script, Destination::Script, tag, tag.parser_inserted);
        if let Some(broken) = first(before.should_request_be_blocked(&script)) {
            let (says, mend) = (blocked("the tag's script", &broken), script_mend(&broken, tag));
            found.push(Finding::error("csp_script", says, mend));
        }
        if let Some(glue) = &tag.glue {
            let glue = self.request(glue, Destination::Script, tag, false);
            if let Some(broken) = first(all.should_request_be_blocked(&glue)).filter(|_| found.is_empty()) {
                let mend = script_mend(&broken, tag);
                found.push(Finding::warning("csp_glue", blocked("what the tag's script loads", &broken), mend));
            }
        }
        if let Some(broken) = first(all.is_wasm_evaluation_allowed()) {
            found.push(Finding::warning(
                "csp_wasm",
                format!("{}, so the tag works in its smaller form", blocked("WebAssembly", &broken)),
                format!("add 'wasm-unsafe-eval' to {}", broken.directive.name),
            ));
        }
        if let Some(event) = &tag.event {
            let event = self.request(event, Destination::None, tag, false);
            if let Some(broken) = first(all.should_request_be_blocked(&event)) {
                found.push(Finding::error(
                    "csp_connect",
                    format!("{}: no visit and no click is reported", blocked("what the tag sends", &broken)),
                    add(&broken, &origin(tag.script), "connect-src"),
                ));
            }
        }
        found.extend(self.only_reported(&script));
        if found.is_empty() {
            found.push(Finding::ok("csp", "its Content-Security-Policy lets the tag work"));
        }
        found
    }

    /// A policy on trial that would keep the script out.
    fn only_reported(&self, script: &Request) -> Option<Finding> {
        let broken = self.header.report_violations_for_request(script).into_iter().next()?;
        Some(Finding::note(
            "csp_on_trial",
            format!(
                "a Content-Security-Policy-Report-Only would forbid the tag's script ({})",
                shortened(&broken.directive)
            ),
            "add the server to it before you enforce it",
        ))
    }

    fn request(&self, url: &Url, destination: Destination, tag: &TagRequests<'_>, parsed: bool) -> Request {
        Request {
            url: url.clone(),
            current_url: url.clone(),
            origin: self.page.origin(),
            redirect_count: 0,
            destination,
            initiator: Initiator::None,
            nonce: tag.nonce.to_owned(),
            // What a script loads has no integrity of its own.
            integrity_metadata: if parsed { tag.integrity.to_owned() } else { String::new() },
            parser_metadata: if parsed { ParserMetadata::ParserInserted } else { ParserMetadata::NotParserInserted },
        }
    }
}

/// Reads the policies of one value. What the library takes for a number it must be able to hold: expressions with another port match nothing
/// anyway.
fn read(value: &str, source: PolicySource, disposition: PolicyDisposition) -> CspList {
    let end = (0..=value.len().min(LONGEST)).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    let mut list = CspList::parse(value.get(..end).unwrap_or_default(), source, disposition);
    list.0.truncate(MOST_POLICIES);
    for directive in list.0.iter_mut().flat_map(|policy| &mut policy.directive_set) {
        directive.value.retain(|expression| has_a_port_that_can_be(expression));
    }
    list
}

fn has_a_port_that_can_be(expression: &str) -> bool {
    let host = expression.split_once("://").map_or(expression, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((_, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse::<u16>().is_ok()
        }
        _ => true,
    }
}

fn first((result, violations): (CheckResult, Vec<Violation>)) -> Option<Violation> {
    (result == CheckResult::Blocked)
        .then(|| violations.into_iter().find(|violation| violation.policy.disposition == PolicyDisposition::Enforce))?
}

fn forbids_scripts(flags: SandboxingFlagSet) -> bool {
    flags.contains(SandboxingFlagSet::SANDBOXED_SCRIPTS_BROWSING_CONTEXT_FLAG)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The directive of the policy that decides: the one by whose value it was judged.
fn deciding(broken: &Violation) -> &Directive {
    let same = |directive: &&Directive| directive.value == broken.directive.value && is_fallback(directive, broken);
    broken.policy.directive_set.iter().find(same).unwrap_or(&broken.directive)
}

fn is_fallback(directive: &Directive, broken: &Violation) -> bool {
    let name = broken.directive.name.as_str();
    directive.name == name || directive.name == "default-src" || name.starts_with(directive.name.as_str())
}

fn blocked(what: &str, broken: &Violation) -> String {
    format!("the page's Content-Security-Policy forbids {what} ({})", shortened(deciding(broken)))
}

fn shortened(directive: &Directive) -> String {
    const MOST: usize = 160;
    let text = directive.to_string();
    if text.chars().count() <= MOST { text } else { format!("{}...", text.chars().take(MOST).collect::<String>()) }
}

/// How to let the script in: by the page's nonce where the policy goes by nonces, else by its origin.
fn script_mend(broken: &Violation, tag: &TagRequests<'_>) -> String {
    let directive = deciding(broken);
    let has = |what: &str| directive.value.iter().any(|it| it.to_ascii_lowercase().starts_with(what));
    let dynamic = has("'strict-dynamic'");
    match (has("'nonce-"), tag.nonce.is_empty()) {
        (true, true) => {
            "put the page's nonce on the tag's line: <script nonce=\"...\" async src=\"...\"></script>".into()
        }
        (true, false) => {
            "the nonce on the tag's line is not the one in the policy: a cached page has an old one".into()
        }
        (false, _) if dynamic => {
            "the policy has 'strict-dynamic', which puts hosts aside: give it a nonce, and put that on the tag's line"
                .into()
        }
        _ => add(broken, &origin(tag.script), "script-src"),
    }
}

/// What to add to which directive: where the policy falls back to `default-src`, a directive of its own would have to repeat that.
fn add(broken: &Violation, what: &str, wanted: &str) -> String {
    let directive = deciding(broken);
    if directive.name == "default-src" {
        let kept: Vec<&str> = directive.value.iter().map(String::as_str).filter(|it| *it != "'none'").collect();
        let kept = kept.join(" ");
        let space = if kept.is_empty() { "" } else { " " };
        return format!("add the directive {wanted} {kept}{space}{what}");
    }
    format!("add {what} to {}", directive.name)
}

#[cfg(test)]
mod tests;
