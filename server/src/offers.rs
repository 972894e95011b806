//! What is wrong with the links that lead to offers, line by line, before they stand in a page: judged by the link rules that the tag
//! has, with the facts about the network's addresses from its file. Pure.

use crate::groups::Groups;
use serde::Serialize;
use tagwerk_protocol::href;
use tagwerk_protocol::link::{Link, LinkRules, Page, Plan, plan};

mod address;
mod pasted;
mod sub_id;

/// Most lines that are looked at in one go.
pub const MOST_LINES: usize = 500;
/// Longest line that is looked at, in bytes.
pub const LONGEST_LINE: usize = 4000;

/// A well-formed click id of no visit, to show what a link looks like with one.
pub const EXAMPLE: &str = "examplevisit0000exampleclick000b";

/// What links are held to.
pub struct Rules<'a> {
    /// The tracking groups.
    pub groups: &'a Groups,
    /// The site's link rules, as the tag has them.
    pub links: &'a LinkRules,
    /// A page of the site's, which relative links build on.
    pub base: &'a str,
    /// Hosts whose links may be cloaked.
    pub own_hosts: &'a [String],
    /// Whether the tag asks where cloaked links lead.
    pub autoscan: bool,
    /// What AutoScan found out about a link.
    pub known: &'a dyn Fn(&str) -> Option<Cloaked>,
}

/// What AutoScan knows of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloaked {
    /// The group that it leads to.
    pub group: Option<String>,
    /// Whether its redirect passes a click id on.
    pub forwards: Option<bool>,
    /// Why, in a sentence.
    pub reason: String,
}

/// How a link fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is an offer, and nothing is wrong with it.
    Good,
    /// It works, or may work, but somebody should look.
    Look,
    /// A sale by it would not be known, or nobody would be paid for it.
    Wrong,
}

impl Verdict {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::Look => "look",
            Verdict::Wrong => "wrong",
        }
    }
}

/// What stands in the parameter for the click id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubId {
    /// Nothing: the tag puts the click id there.
    None,
    /// The token of a link written by hand.
    Token,
    /// A macro that nobody will replace.
    Macro,
    /// A click id of ours, from a page that was saved with it.
    Ours,
    /// Something else.
    Fixed,
}

/// What was found in a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A word for it.
    pub code: &'static str,
    /// How much it matters.
    pub verdict: Verdict,
    /// What it is, in a sentence.
    pub said: String,
    /// What to do about it, in a sentence.
    pub mend: Option<String>,
}

/// A line, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Its number, from 1.
    pub line: usize,
    /// The link, as it was read out of the line.
    pub link: String,
    /// How it fares.
    pub verdict: Verdict,
    /// The group that the tag takes it to belong to.
    pub group: Option<String>,
    /// What the network calls this kind of address.
    pub kind: Option<String>,
    /// What stands in the parameter for the click id; `None` where the link is no network's.
    pub sub_id: Option<SubId>,
    /// What was found, in the order in which it stands in the link.
    pub findings: Vec<Finding>,
    /// The link as the tag would leave it, with an example of a click id; `None` where it leaves it alone.
    pub decorated: Option<String>,
}

/// Looks at every line that is not empty; past [`MOST_LINES`] they are left out.
pub fn check(text: &str, rules: &Rules<'_>) -> Vec<Judged> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).take(MOST_LINES);
    let mut judged: Vec<Judged> = Vec::new();
    for (index, line) in lines {
        let mut one = one(index + 1, line, rules);
        if let Some(earlier) = judged.iter().find(|earlier| earlier.link == one.link) {
            let said = format!("It is the same link as in line {}.", earlier.line);
            one.findings.push(Finding { code: "twice", verdict: Verdict::Good, said, mend: None });
        }
        judged.push(one);
    }
    judged
}

/// Everything found in one link.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        code: &'static str,
        verdict: Verdict,
        said: impl Into<String>,
        mend: impl Into<Option<&'static str>>,
    ) {
        let mend = mend.into().map(str::to_owned);
        self.0.push(Finding { code, verdict, said: said.into(), mend });
    }

    fn add_with(&mut self, code: &'static str, verdict: Verdict, said: impl Into<String>, mend: String) {
        self.0.push(Finding { code, verdict, said: said.into(), mend: Some(mend) });
    }
}

fn one(number: usize, line: &str, rules: &Rules<'_>) -> Judged {
    let mut findings = Findings::default();
    let pasted = pasted::read(shortened(line), &mut findings);
    if line.len() > LONGEST_LINE {
        let said = format!("The line is longer than {LONGEST_LINE} bytes; only its beginning was looked at.");
        findings.add("long", Verdict::Wrong, said, "Paste one link on each line.");
    }
    let link = Link { href: &pasted.href, group: pasted.group.as_deref(), rel: pasted.rel.as_deref() };
    let target = href::target(link.href, rules.base);
    let found = plan(&link, rules.links, &Page { base: rules.base }, |_| false);
    let name = match &found {
        Plan::Decorate(decoration) => decoration.group.clone(),
        Plan::Foreign { group } => Some(group.clone()),
        Plan::Decorated { group, .. } => group.clone(),
        Plan::Leave(_) => None,
    };
    let group = name.as_deref().and_then(|name| rules.groups.get(name));
    let (mut kind, mut sub_id) = (None, None);
    match (&target, group) {
        (None, _) => address::no_address(&pasted, rules, &mut findings),
        (Some(target), Some(group)) => {
            address::scheme(&pasted.href, &mut findings);
            kind = address::shape(&pasted.href, target, group, &mut findings);
            address::placeholders(&pasted.href, target, group, &mut findings);
            sub_id = Some(sub_id::look(&pasted.href, group, rules.links, &mut findings));
        }
        (Some(target), None) => {
            let has_token = matches!(found, Plan::Decorate(_));
            sub_id = has_token.then_some(SubId::Token);
            if !has_token {
                address::of_no_group(&pasted, target, rules, &mut findings);
            }
        }
    }
    let decorated = match &found {
        Plan::Decorate(decoration) => Some(decoration.href(EXAMPLE)),
        _ => None,
    };
    let verdict = findings.0.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Good);
    Judged { line: number, link: pasted.href, verdict, group: name, kind, sub_id, findings: findings.0, decorated }
}

fn shortened(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LONGEST_LINE)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use tagwerk_protocol::click_id::ClickId;
    use tagwerk_protocol::link::Existing;

    /// Reading them takes longer than thousands of links.
    static GROUPS: LazyLock<Groups> = LazyLock::new(|| Groups::load(None).expect("the built-in groups"));

    fn links(groups: &Groups) -> LinkRules {
        let groups = groups.iter().filter(|group| !group.tracker).map(|group| group.link_rule(&[])).collect();
        LinkRules { groups, ..LinkRules::default() }
    }

    fn checked(text: &str, change: impl FnOnce(&mut LinkRules, &mut bool)) -> Vec<Judged> {
        let (mut links, mut autoscan) = (links(&GROUPS), false);
        change(&mut links, &mut autoscan);
        let own_hosts = ["shop.example".to_owned()];
        let known = |link: &str| {
            let (forwards, group) = match link {
                "https://shop.example/go/a" => (Some(true), Some("digistore24")),
                "https://shop.example/go/b" => (Some(false), Some("digistore24")),
                "https://shop.example/go/c" => (None, None),
                _ => return None,
            };
            Some(Cloaked { group: group.map(str::to_owned), forwards, reason: "it was followed".into() })
        };
        let base = "https://shop.example/blog/";
        check(text, &Rules { groups: &GROUPS, links: &links, base, own_hosts: &own_hosts, autoscan, known: &known })
    }

    fn one(link: &str) -> Judged {
        checked(link, |_, _| {}).pop().expect("a line")
    }

    fn codes(judged: &Judged) -> Vec<&'static str> {
        judged.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn the_example_is_a_click_id() {
        assert_eq!(ClickId::parse(EXAMPLE).map(|id| id.to_string()).as_deref(), Some(EXAMPLE));
    }

    #[test]
    fn an_offer_is_shown_as_the_tag_would_leave_it() {
        let judged = one("https://www.checkout-ds24.com/redir/512345/me/spring");
        assert_eq!((judged.verdict, codes(&judged)), (Verdict::Good, vec![]));
        assert_eq!((judged.group.as_deref(), judged.kind.as_deref()), (Some("digistore24"), Some("promolink")));
        assert_eq!(judged.sub_id, Some(SubId::None));
        let decorated = format!("https://www.checkout-ds24.com/redir/512345/me/spring?cid={EXAMPLE}");
        assert_eq!(judged.decorated, Some(decorated));
    }

    #[test]
    fn each_mistake_is_told_by_name() {
        use Verdict::{Good, Look, Wrong};
        const OURS: &str = "https://www.checkout-ds24.com/redir/1/me?cid=examplevisit0000exampleclick000b";
        let cases: &[(&str, Verdict, &[&str])] = &[
            ("http://www.checkout-ds24.com/redir/1/me", Look, &["http"]),
            ("HTTPS://WWW.CHECKOUT-DS24.COM/redir/1/me", Good, &[]),
            ("www.checkout-ds24.com/redir/1/me", Wrong, &["no_scheme"]),
            ("digistore24.com/redir/1/me", Wrong, &["no_scheme"]),
            ("https://www.checkout-ds24.com/redir/1/me?cid=newsletter", Look, &["fixed"]),
            ("https://www.checkout-ds24.com/redir/1/me?cid=", Good, &[]),
            ("https://www.checkout-ds24.com/redir/1/me?cid=--CLICK-ID--", Good, &[]),
            ("https://www.checkout-ds24.com/redir/1/me?cid=__cid__", Look, &["macro"]),
            ("https://www.checkout-ds24.com/redir/1/me?cid=[your-id]", Look, &["macro"]),
            (OURS, Look, &["ours"]),
            ("https://www.checkout-ds24.com/redir/1/me?cid=&cid=", Wrong, &["repeated"]),
            ("https://www.checkout-ds24.com/redir/1/me#cid=x", Wrong, &["in_fragment"]),
            ("https://www.checkout-ds24.com/redir/1/me?CID=x", Look, &["other_name"]),
            ("https://www.checkout-ds24.com/redir/1/me?subid=x", Look, &["other_name"]),
            ("https://www.checkout-ds24.com/redir/1/me&sid1=x", Wrong, &["question_mark"]),
            ("https://www.checkout-ds24.com/redir/1/YOUR_ID", Wrong, &["placeholder"]),
            ("https://www.checkout-ds24.com/redir/[PRODUCT-ID]/me", Wrong, &["placeholder"]),
            ("https://www.checkout-ds24.com/redir/course/me", Look, &["no_number"]),
            ("https://www.checkout-ds24.com/redir/1//spring", Wrong, &["empty"]),
            ("https://www.checkout-ds24.com/redir/1/me/fr\u{fc}hling", Look, &["letters"]),
            ("https://www.checkout-ds24.com/redir/1/me/spring/more", Look, &["too_long"]),
            ("https://www.checkout-ds24.com/", Wrong, &["not_an_offer"]),
            ("https://www.digistor24.com/redir/1/me", Wrong, &["slip"]),
            ("https://bit.ly/abc", Wrong, &["shortened"]),
            ("https://www.other.example/x", Wrong, &["unknown"]),
            ("/go/offer", Look, &["cloaked"]),
            ("https://shop.example/go/a", Good, &["forwards"]),
            ("/go/b", Wrong, &["drops"]),
            ("https://shop.example/go/c", Wrong, &["leads_elsewhere"]),
            ("mailto:me@shop.example", Wrong, &["no_web_address"]),
            ("https://", Wrong, &["no_address"]),
            ("#top", Wrong, &["same_page"]),
            ("https://www.checkout-ds24.com/redir/1/me spring", Wrong, &["space"]),
            ("\u{201c}https://www.checkout-ds24.com/redir/1/me\u{201d}", Wrong, &["quotes"]),
            ("https://www.checkout-ds24.com/redir/1/me\u{200b}", Wrong, &["invisible"]),
            ("https://www.checkout-ds24.com/product/1?aff=me&amp;cam=x", Look, &["escaped"]),
            ("<a href=\"https://www.checkout-ds24.com/redir/1/me\" rel=nofollow>Buy</a>", Good, &[]),
            ("<a class=x data-tracking-group='Digistore24' href=/go/offer>Buy</a>", Good, &[]),
            ("https://hop.clickbank.net/?affiliate=me&vendor=them", Good, &[]),
        ];
        for (link, verdict, expected) in cases {
            let judged = one(link);
            assert_eq!((judged.verdict, codes(&judged)), (*verdict, expected.to_vec()), "{link}: {judged:#?}");
        }
    }

    #[test]
    fn where_the_site_replaces_what_is_there_that_is_no_mistake() {
        let link = "https://www.checkout-ds24.com/redir/1/me?cid=x";
        let judged = checked(link, |rules, _| rules.existing = Existing::Replace);
        assert_eq!((judged[0].verdict, codes(&judged[0])), (Verdict::Good, vec!["fixed"]));
        assert!(judged[0].decorated.as_deref().is_some_and(|link| link.ends_with(&format!("?cid={EXAMPLE}"))));
    }

    #[test]
    fn lines_keep_their_numbers_and_a_link_that_came_before_is_told() {
        let judged = checked("\n https://a.example/x \n\nhttps://a.example/x\n", |_, autoscan| *autoscan = true);
        assert_eq!(judged.iter().map(|one| one.line).collect::<Vec<_>>(), [2, 4]);
        let again = judged[1].findings.iter().find(|found| found.code == "twice").expect("it is told");
        assert!(again.said.contains("line 2"), "{again:?}");
    }

    #[test]
    fn what_is_longer_than_anybody_types_is_cut() {
        let long = format!("https://www.checkout-ds24.com/redir/1/me?sid1={}", "\u{e4}".repeat(LONGEST_LINE));
        assert!(codes(&one(&long)).contains(&"long"));
        let many = "https://www.checkout-ds24.com/redir/1/me\n".repeat(MOST_LINES + 5);
        assert_eq!(checked(&many, |_, _| {}).len(), MOST_LINES);
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "(?s).{0,200}") {
            let judged = checked(&text, |_, _| {});
            prop_assert!(judged.len() <= text.lines().count());
        }

        #[test]
        fn what_is_shown_as_decorated_is_what_the_tag_does(
            path in "(/redir|/content|/product|/receipt)?(/[a-zA-Z0-9-]{0,8}){0,4}",
            query in "(\\?(cid|sid1|aff)=[a-z{}]{0,6}(&(cid|subid)=[a-z]{0,3})?)?(#[a-z=]{0,6})?",
        ) {
            let link = format!("https://www.checkout-ds24.com{path}{query}");
            let rules = links(&GROUPS);
            let asked = Link { href: &link, group: None, rel: None };
            let expected = match plan(&asked, &rules, &Page { base: "https://shop.example/" }, |_| false) {
                Plan::Decorate(decoration) => Some(decoration.href(EXAMPLE)),
                _ => None,
            };
            prop_assert_eq!(one(&link).decorated, expected);
        }

        #[test]
        fn a_promolink_with_nothing_else_is_good(
            product in 1u32..,
            affiliate in "[a-z][a-z0-9]{3,12}x",
            campaign in "[A-Za-z0-9_-]{0,20}q",
        ) {
            let judged = one(&format!("https://www.digistore24.com/redir/{product}/{affiliate}/{campaign}"));
            prop_assert_eq!(judged.verdict, Verdict::Good, "{:?}", judged);
        }
    }
}
