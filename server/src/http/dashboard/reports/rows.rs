//! The rows behind a figure: exactly those that it counts, or, of a figure that is worked out of two others, both of these.

use super::behind::{Of, PAID};
use super::form::{Chip, Form};
use super::found::{Asks, Found, List};
use super::{Asked, table};
use crate::app::SharedApp;
use crate::http::dashboard::figures::Figures;
use crate::http::dashboard::head::{Head, Tab, find, no_site};
use crate::http::dashboard::page;
use crate::http::error::Error;
use crate::http::session::SignedIn;
use crate::masking::Masking;
use crate::reporting;
use crate::reports::{Kind, MadeOf, Metric, Question, Report};
use crate::settings::SiteSettings;
use crate::store::StoreError;
use crate::store::facts::Behind;
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use page::PageAssets;
use tagwerk_protocol::form;

/// A figure that another is worked out of.
struct Figure {
    label: &'static str,
    text: String,
    query: String,
}

/// How a figure is worked out of two others.
struct WorkedOut {
    what: &'static str,
    first: Figure,
    /// `less` or `divided by`.
    how: &'static str,
    second: Figure,
    /// Whose rows follow.
    listed: &'static str,
}

#[derive(Template)]
#[template(path = "report_rows.html")]
struct Rows {
    assets: &'static PageAssets,
    head: Head,
    title: String,
    days: String,
    chips: Vec<Chip>,
    worked_out: Option<WorkedOut>,
    found: Found,
    /// Of costs, the query of the visits that say what they cost, and how many these are.
    paid: Option<(String, String)>,
    rates_note: Option<String>,
    report_query: String,
    older: Option<String>,
    problem: Option<String>,
}

/// The page.
pub(super) async fn show(
    SignedIn(who): SignedIn,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some((site, head)) = find(&app, &site_id, Tab::Reports).await? else { return Ok(no_site()) };
    let settings = SiteSettings::of(&site)?;
    let (mut of, mut before, mut rest) = (None, None, String::new());
    for (name, value) in form::pairs(query.as_deref().unwrap_or_default()) {
        match name.as_str() {
            "of" => of = Of::parse(&value),
            "before" => before = Some(value),
            _ => form::push(&mut rest, &name, &value),
        }
    }
    let (asked, problem) = Asked::read(Some(&rest), &settings, app.now());
    let Some(of) = of else {
        let known: Vec<&str> = Metric::ALL.iter().map(|metric| metric.as_str()).chain([PAID]).collect();
        let sentence = format!("`of` says which rows are asked for: {}.", known.join(", "));
        return Ok(page::refuse(StatusCode::UNPROCESSABLE_ENTITY, "Which rows?", &sentence));
    };
    let question = Question { by: Vec::new(), ..asked.question.clone() };
    let figures = Figures::of(&headers);
    let seen = Masking::of(&app.groups, who.role);
    let asks = Asks { app: &app, site_id: &site_id, question: &question, figures: &figures, seen: &seen };
    // Where the figure is how many rows there are, these tell it.
    let report = async {
        Ok::<_, StoreError>(match of {
            Of::Metric(metric) if needs_totals(metric) => {
                Some(reporting::totals(&app, &site_id, &question, metric == Metric::Visitors).await?)
            }
            _ => None,
        })
    };
    let (found, report) = tokio::try_join!(asks.found(of, before), async { Ok(report.await?) })?;
    let query_of = |of: Of| of.query(&question, &asked.now);
    let older = found.last.as_ref().map(|last| {
        let mut older = query_of(of);
        form::push(&mut older, "before", last);
        older
    });
    let paid = match of {
        Of::Metric(Metric::Cost) => {
            let visits = reporting::behind(&app, &site_id, &question, Behind::Paid, None, 1).await?;
            (visits.total > 0).then(|| (query_of(Of::Paid), asks.counted(visits.total)))
        }
        _ => None,
    };
    let figure = |metric: Metric| figure(metric, report.as_ref(), &figures);
    let title = match of {
        Of::Metric(metric) => {
            let counted = found.count.map(|count| match metric.kind() {
                Kind::Shares => figures.shares(count),
                _ => figures.count(count),
            });
            let counted = counted.filter(|_| report.is_none());
            format!("{}: {}", metric.label(), counted.unwrap_or_else(|| figure(metric)))
        }
        Of::Paid => "What visits cost, as their addresses say".to_owned(),
    };
    let part =
        |metric: Metric| Figure { label: metric.label(), text: figure(metric), query: query_of(Of::Metric(metric)) };
    let listed = of.listed().metric.label();
    let worked_out = match of {
        Of::Metric(metric) => match metric.made_of() {
            MadeOf::Difference(first, second) => Some((metric, first, "less", second)),
            MadeOf::Quotient(first, second) => Some((metric, first, "divided by", second)),
            MadeOf::Rows(_) | MadeOf::Costs => None,
        },
        Of::Paid => None,
    };
    let page = Rows {
        assets: page::assets(),
        head,
        title,
        days: format!("{} to {}", question.from, question.to),
        chips: Form::of(&app, &site_id, &asked, &[]).await?.chips,
        worked_out: worked_out.map(|(metric, first, how, second)| WorkedOut {
            what: metric.label(),
            first: part(first),
            how,
            second: part(second),
            listed,
        }),
        paid,
        rates_note: report.as_ref().and_then(table::rates_note),
        found,
        report_query: asked.query(),
        older,
        problem,
    };
    page::render(StatusCode::OK, &page)
}

/// Whether a figure is not how many rows there are.
fn needs_totals(metric: Metric) -> bool {
    metric == Metric::Visitors || matches!(metric.kind(), Kind::Money | Kind::Ratio)
}

fn figure(metric: Metric, report: Option<&Report>, figures: &Figures) -> String {
    let Some(report) = report else { return String::new() };
    let text = figures.metric(&report.totals, metric);
    match &report.currency {
        Some(currency) if metric.kind() == Kind::Money => format!("{text} {currency}"),
        _ => text,
    }
}
