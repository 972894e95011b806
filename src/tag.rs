//! The tag's state on one page, and what it answers to each question. Pure: randomness is handed in.

use crate::visit::Visit;
use crate::wanted;
use alloc::borrow::ToOwned;
use alloc::string::String;
use tagwerk_protocol::click_id::{ClickId, Random, VisitId};
use tagwerk_protocol::form;
use tagwerk_protocol::href::Target;
use tagwerk_protocol::link::{Cloaked, Existing, GroupRule, Link, LinkRules, Plan, plan_at};

/// Between the parts of a question and of an answer. No attribute that HTML wrote holds it.
pub const PART: char = '\0';

/// The state of the tag on this page.
#[derive(Debug, Default)]
pub struct Tag {
    rules: LinkRules,
    visit: Option<VisitId>,
}

impl Tag {
    /// A tag that knows nothing yet.
    pub const fn new() -> Self {
        Self { rules: LinkRules::new(), visit: None }
    }

    /// Answers a question; its parts, and those of the answer, have [`PART`] between them. `random` fills bytes, or says `false`.
    ///
    /// | question | answer |
    /// |---|---|
    /// | `rules`, what happens to a sub-id of somebody else's, and a part for each group, both as in the settings | nothing |
    /// | `start`, record (form-encoded); again when the record is another one | the visitor's fields for the record; nothing where it holds no visit |
    /// | `plan`, `href` without outer space, host and path it leads to, `data-tracking-group`, `rel`, id of this page load in it | group, click id, new `href`, `1` if it keeps somebody else's sub-id; nothing where the link is left alone |
    /// | `wanted` | the selector of links worth decorating before use |
    /// | `cloaked`, host and path of a link, its group, the offer's own URL where that takes its place | nothing |
    ///
    /// Anything else, and whatever cannot be answered, gets nothing.
    pub fn ask(&mut self, question: &str, random: &mut impl Random) -> String {
        let mut parts = form::split(question, PART as u8);
        let mut next = || parts.next().unwrap_or_default();
        match next() {
            "rules" => {
                self.rules.existing = Existing::from_word(next());
                self.rules.groups = parts.filter_map(GroupRule::from_text).collect();
                None
            }
            "start" => self.start(next(), random),
            "plan" => {
                let href = next();
                let target = Target { host: next().to_owned(), path: next().to_owned() };
                let (group, rel, mine) = (next(), next(), next());
                self.plan(&Link { href, group: Some(group), rel: Some(rel) }, target, mine, random)
            }
            "wanted" => self.visit.as_ref().map(|visit| wanted::selector(&self.rules, visit)),
            "cloaked" => {
                let mut next = || next().to_owned();
                self.rules.cloaked.push(Cloaked { host: next(), path: next(), group: next(), resolved: next() });
                None
            }
            _ => None,
        }
        .unwrap_or_default()
    }

    fn start(&mut self, record: &str, random: &mut impl Random) -> Option<String> {
        let visit = Visit::recall(record, || VisitId::mint(random))?;
        self.visit = Some(visit.id);
        Some(visit.visitor)
    }

    fn plan(&self, link: &Link<'_>, target: Target, mine: &str, random: &mut impl Random) -> Option<String> {
        let mut mint = || ClickId::mint(self.visit.as_ref()?, random);
        let (group, click_id, href, foreign) =
            match plan_at(link, &self.rules, || Some(target), |id| id.as_str() == mine) {
                Plan::Decorate(decoration) => {
                    let click_id = mint()?;
                    let href = decoration.href(click_id.as_str());
                    (decoration.group, click_id, href, "")
                }
                Plan::Decorated { group, click_id } => (group, click_id, link.href.to_owned(), ""),
                Plan::Foreign { group } => (Some(group), mint()?, link.href.to_owned(), "1"),
                Plan::Leave(_) => return None,
            };
        let mut answer = group.unwrap_or_default();
        for part in [click_id.as_str(), &href, foreign] {
            answer.push(PART);
            answer.push_str(part);
        }
        Some(answer)
    }
}

// Natively alone: proptest has no place in a browser.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECORD: &str = "visit_id=hbshnsrle2u9bhhz&landing_at=1&landing_page=p";

    fn ask(tag: &mut Tag, parts: &[&str]) -> String {
        let mut next = 0u8;
        tag.ask(&parts.join("\0"), &mut |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_add(7);
                *byte = next;
            }
            true
        })
    }

    fn started() -> Tag {
        let mut tag = Tag::new();
        assert_eq!(ask(&mut tag, &["rules", "keep", "network|s|network.example|/go/", "other|o|other.example|"]), "");
        assert!(ask(&mut tag, &["start", RECORD]).starts_with("visitor_id="));
        tag
    }

    fn planned(tag: &mut Tag, href: &str, mine: &str) -> Vec<String> {
        let answer = ask(tag, &["plan", href, "network.example", "/go/1", "", "", mine]);
        answer.split(PART).map(str::to_owned).collect()
    }

    #[test]
    fn a_link_of_a_network_gets_an_id_of_this_visit() {
        let parts = planned(&mut started(), "https://network.example/go/1?x=%E9#top", "");
        let [group, id, href, foreign] = parts.as_slice() else { panic!("four parts: {parts:?}") };
        assert_eq!((group.as_str(), foreign.as_str()), ("network", ""));
        assert_eq!(*href, format!("https://network.example/go/1?x=%E9&s={id}#top"));
        assert_eq!(ClickId::parse(id).expect("a click id").visit().as_str(), "hbshnsrle2u9bhhz");
    }

    #[test]
    fn the_id_of_this_page_load_stays_and_any_other_of_ours_is_replaced() {
        let mut tag = started();
        let id = planned(&mut tag, "https://network.example/go/1", "")[1].clone();
        let href = format!("https://network.example/go/1?s={}", id.to_uppercase());
        assert_eq!(planned(&mut tag, &href, &id)[1..3], [id.clone(), href.clone()]);
        assert_ne!(planned(&mut tag, &href, "")[2], href);
    }

    #[test]
    fn somebody_else_s_sub_id_stays_and_is_told() {
        let parts = planned(&mut started(), "https://network.example/go/1?s=theirs", "");
        assert_eq!((parts[2].as_str(), parts[3].as_str()), ("https://network.example/go/1?s=theirs", "1"));
    }

    #[test]
    fn without_randomness_a_link_is_left_alone() {
        let question = ["plan", "https://network.example/go/1", "network.example", "/go/1"].join("\0");
        assert_eq!(started().ask(&question, &mut |_: &mut [u8]| false), "");
    }

    #[test]
    fn before_the_start_nothing_is_known() {
        assert_eq!(planned(&mut Tag::new(), "https://network.example/go/1", ""), [""]);
        assert_eq!(ask(&mut Tag::new(), &["wanted"]), "");
    }

    proptest! {
        #[test]
        fn any_question_is_answered_without_a_panic(verb in "rules|start|plan|wanted|cloaked|.*", rest in ".*") {
            let _ = ask(&mut started(), &[&verb, &rest]);
        }
    }
}
