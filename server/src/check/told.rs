//! What `tagwerk check` prints for people. Pure.

use super::links::Row;
use super::{PageReport, Report};
use crate::finding::{Level, count, counted, lines, shown};
use std::fmt::Write as _;
use tagwerk_inspect::report::Verdict;

/// Longest address in the table, in characters.
const LONGEST: usize = 90;
/// Longest text of a link in the table, in characters.
const LONGEST_TEXT: usize = 40;
/// Most rows of a page that are printed; `--json` has all.
const MOST_ROWS: usize = 200;

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for page in &report.pages {
        one(&mut text, page);
    }
    for server in &report.servers {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "The server behind {}", shown(&server.script));
        let _ = writeln!(text, "{}", lines(&server.findings, "  "));
    }
    let all =
        || report.pages.iter().map(|page| &page.findings).chain(report.servers.iter().map(|server| &server.findings));
    let of = |level| all().map(|findings| count(findings, level)).sum::<usize>();
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    let pages = counted(report.pages.len(), "page", "pages");
    let _ = match (errors, warnings) {
        (0, 0) => writeln!(text, "{pages}: nothing is wrong."),
        _ => writeln!(
            text,
            "{pages}: {}, {}.",
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings")
        ),
    };
    text
}

fn one(text: &mut String, page: &PageReport) {
    let _ = writeln!(text, "{}", shown(&page.url));
    let _ = writeln!(text, "  {}", verdict(page));
    text.push_str(&lines(&page.findings, "  "));
    if !page.links.is_empty() {
        text.push('\n');
        table(text, &page.links);
    }
    if page.others > 0 {
        let _ = writeln!(
            text,
            "  {} not look like a network's.",
            counted(page.others, "other link does", "other links do")
        );
    }
    text.push('\n');
}

/// How it stands with a page, in a line.
fn verdict(page: &PageReport) -> String {
    let (errors, warnings) = (count(&page.findings, Level::Error), count(&page.findings, Level::Warning));
    if page.final_url.is_none() {
        return "NOT CHECKED: the page could not be read.".into();
    }
    match (errors, warnings) {
        (0, 0) => "GOOD: nothing is wrong with this page.".into(),
        (0, _) => format!("NOT QUITE: {}.", counted(warnings, "thing costs something", "things cost something")),
        _ => format!("BROKEN: {} something.", counted(errors, "thing loses", "things lose")),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Decorated => "tagged",
        Verdict::WillBeDecorated => "will be tagged",
        Verdict::Foreign => "foreign",
        Verdict::Left => "left",
    }
}

fn table(text: &mut String, rows: &[Row]) {
    let group = |row: &Row| row.link.group.clone().unwrap_or_else(|| "-".into());
    let width = rows.iter().map(|row| group(row).chars().count()).max().unwrap_or(0);
    for row in rows.iter().take(MOST_ROWS) {
        let label = cut(&shown(&row.link.text), LONGEST_TEXT);
        let label = if label.is_empty() { String::new() } else { format!("  \"{label}\"") };
        let _ = writeln!(
            text,
            "  {:<14}  {:<width$}  {}{label}",
            word(row.link.verdict),
            group(row),
            cut(&shown(&row.link.href), LONGEST)
        );
        let _ = writeln!(text, "  {:<14}  {:<width$}    {}", "", "", shown(&row.link.reason));
        if row.hops.len() > 1 {
            let hops: Vec<String> = row.hops.iter().map(|hop| cut(&shown(hop), LONGEST)).collect();
            let _ = writeln!(text, "  {:<14}  {:<width$}    {}", "", "", hops.join(" -> "));
        }
    }
    if rows.len() > MOST_ROWS {
        let _ = writeln!(text, "  and {} more; --json tells all", rows.len() - MOST_ROWS);
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Finding;

    fn page(findings: Vec<Finding>) -> PageReport {
        PageReport {
            url: "https://shop.example/\u{1b}[2J".into(),
            final_url: Some("https://shop.example/".into()),
            site_id: None,
            script: None,
            findings,
            links: Vec::new(),
            others: 2,
        }
    }

    #[test]
    fn a_page_is_told_by_its_worst_finding_first() {
        let report = Report {
            pages: vec![page(vec![Finding::error("tag_missing", "no tag", "put it in")])],
            servers: Vec::new(),
        };
        let told = text(&report);
        assert!(told.contains("  BROKEN: 1 thing loses something.\n  error    tag_missing  no tag\n"), "{told}");
        assert!(told.contains("-> put it in\n") && told.contains("2 other links do not look"), "{told}");
        assert!(told.ends_with("1 page: 1 error, 0 warnings.\n") && !told.contains('\u{1b}'), "{told}");
        assert!(!report.is_good());
        let good = Report { pages: vec![page(vec![Finding::ok("tag", "there")])], servers: Vec::new() };
        assert!(good.is_good() && text(&good).contains("GOOD"), "{}", text(&good));
    }

    #[test]
    fn what_could_not_be_read_is_not_called_good() {
        let unread = PageReport { final_url: None, ..page(Vec::new()) };
        assert!(text(&Report { pages: vec![unread], servers: Vec::new() }).contains("NOT CHECKED"));
    }
}
