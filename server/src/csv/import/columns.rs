//! What the columns of a file mean for a tracking group.

use super::{Choices, shortened};
use std::collections::BTreeMap;
use tagwerk_protocol::group::{Group, Postback};
use tagwerk_protocol::imports::{Imports, Meaning, Tool, plain_name};

/// How many columns must be named as a tool names them for the file to be taken for its export.
const ENOUGH: usize = 2;
/// The parameter by which a postback names its type, whatever the network.
pub(super) const TYPE: &str = "type";

/// What a column means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing that is read.
    Nothing,
    /// A fact of the conversion.
    Means(Meaning),
    /// A parameter of the group that is passed on as it is.
    Param(String),
}

/// The columns of a file, as one group reads them.
#[derive(Debug, Clone)]
pub struct Columns<'a> {
    /// The group.
    pub group: &'a Group,
    /// How its postbacks read.
    pub postback: &'a Postback,
    /// The tool whose words the file speaks, if any.
    pub tool: Option<&'a Tool>,
    /// What each column means, in their order.
    pub targets: Vec<Target>,
}

/// How good a reason is: what was said by hand, the group's own names, our own, then other tools', each with how far down its list.
type Rank = (u8, usize);

impl<'a> Columns<'a> {
    /// Finds out what the columns mean.
    ///
    /// # Errors
    /// A column that is needed is missing, or two are the same; the sentence names it and what it may be called.
    pub fn of(header: &[String], group: &'a Group, imports: &'a Imports, choices: &Choices) -> Result<Self, String> {
        let postback = group.postback.as_ref().ok_or_else(|| format!("the group {} takes no postbacks", group.name))?;
        let tool = tool(header, postback, imports, choices)?;
        let mut found: Vec<(Target, Rank)> = Vec::new();
        for column in header {
            found.push(target(column, header, postback, tool, choices)?);
        }
        for column in choices.columns.keys() {
            if !header.iter().any(|known| plain_name(known) == plain_name(column)) {
                return Err(format!(
                    "column.{column} is given, but the file has no such column; it has {}",
                    list(header)
                ));
            }
        }
        let mut best: BTreeMap<String, (Rank, usize)> = BTreeMap::new();
        for (at, (target, rank)) in found.iter().enumerate() {
            let Some(name) = name(target) else { continue };
            match best.get(&name) {
                Some((known, other)) if known == rank => {
                    let [one, two] = [*other, at].map(|at| header.get(at).map(String::as_str).unwrap_or_default());
                    return Err(format!(
                        "the columns \"{one}\" and \"{two}\" are the same; leave one out with column.{two}="
                    ));
                }
                Some((known, _)) if known < rank => {}
                _ => {
                    best.insert(name, (*rank, at));
                }
            }
        }
        let targets = found.into_iter().enumerate().map(|(at, (target, _))| {
            let is_best = name(&target).and_then(|name| best.get(&name)).is_some_and(|(_, best)| *best == at);
            if is_best { target } else { Target::Nothing }
        });
        let columns = Self { group, postback, tool, targets: targets.collect() };
        columns.check(header, choices)?;
        Ok(columns)
    }

    /// Whether a column means this.
    pub fn has(&self, meaning: Meaning) -> bool {
        self.targets.contains(&Target::Means(meaning))
    }

    /// What each column becomes, for people: the group's parameter, or our word for what it means; `None` where it is not read.
    pub fn shown(&self, header: &[String]) -> Vec<(String, Option<String>)> {
        let shown = |target: &Target| match target {
            Target::Nothing => None,
            Target::Param(name) => Some(name.clone()),
            Target::Means(meaning) => Some(meaning.param(self.postback).unwrap_or(meaning.as_str()).to_owned()),
        };
        header.iter().cloned().zip(self.targets.iter().map(shown)).collect()
    }

    /// What has to be there: which transaction, what happened to the money, and when.
    fn check(&self, header: &[String], choices: &Choices) -> Result<(), String> {
        let missing = |what: &str, meaning: Meaning, hint: &str| {
            let own = meaning.param(self.postback).unwrap_or(meaning.as_str());
            Err(format!(
                "the file has no column for {what}: call it {own}, or say which it is with column.<name>={}{hint}; it has {}",
                meaning.as_str(),
                list(header)
            ))
        };
        if self.postback.fields.transaction_id.is_some() && !self.has(Meaning::TransactionId) && !choices.without_id {
            let hint = " (or without_id=true, if none of these conversions is booked yet)";
            return missing("the transaction id", Meaning::TransactionId, hint);
        }
        let assumed =
            self.postback.default_transaction_type.or(self.tool.and_then(|tool| tool.default_transaction_type));
        if !self.has(Meaning::TransactionType) && !self.has(Meaning::Type) && assumed.is_none() {
            return missing("what happened to the money", Meaning::TransactionType, "");
        }
        if !self.postback.time.is_empty() && !self.has(Meaning::Time) {
            return missing("when it happened", Meaning::Time, "");
        }
        Ok(())
    }
}

/// The column that tells each row's group, if there is one.
pub fn group_column(header: &[String], imports: &Imports, choices: &Choices) -> Option<usize> {
    let is_group = |column: &String| match by_hand(column, choices) {
        Some(ours) => Meaning::parse(ours) == Some(Meaning::Group),
        None => imports.tool.iter().any(|tool| tool.meaning(column).is_some_and(|(found, _)| found == Meaning::Group)),
    };
    header.iter().position(is_group)
}

fn name(target: &Target) -> Option<String> {
    match target {
        Target::Nothing => None,
        Target::Means(meaning) => Some(format!("means {}", meaning.as_str())),
        Target::Param(name) => Some(format!("param {name}")),
    }
}

fn list(header: &[String]) -> String {
    header.iter().take(20).map(|column| format!("\"{}\"", shortened(column))).collect::<Vec<_>>().join(", ")
}

/// What was said by hand of a column.
fn by_hand<'a>(column: &str, choices: &'a Choices) -> Option<&'a str> {
    let mut said = choices.columns.iter();
    said.find(|(name, _)| plain_name(name) == plain_name(column)).map(|(_, ours)| ours.as_str())
}

/// The tool that was named, or the one that names the most columns, of those that name one the group itself does not.
fn tool<'a>(
    header: &[String],
    postback: &Postback,
    imports: &'a Imports,
    choices: &Choices,
) -> Result<Option<&'a Tool>, String> {
    if let Some(name) = &choices.format {
        let names = || imports.tool.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(", ");
        return imports.get(name).map(Some).ok_or_else(|| format!("format must be auto or one of {}", names()));
    }
    let counted = imports.tool.iter().filter_map(|tool| {
        let known = header.iter().filter(|column| tool.meaning(column).is_some());
        let says_more = known.clone().any(|column| of_group(column, postback).is_none());
        Some((known.count(), tool)).filter(|(known, _)| says_more && *known >= ENOUGH)
    });
    // The first of those that know as many.
    let best = counted.fold(None, |best: Option<(usize, &'a Tool)>, one| match best {
        Some(best) if best.0 >= one.0 => Some(best),
        _ => Some(one),
    });
    Ok(best.map(|(_, tool)| tool))
}

fn target(
    column: &str,
    header: &[String],
    postback: &Postback,
    tool: Option<&Tool>,
    choices: &Choices,
) -> Result<(Target, Rank), String> {
    if let Some(ours) = by_hand(column, choices) {
        if ours.is_empty() {
            return Ok((Target::Nothing, (0, 0)));
        }
        let meant = of_group(ours, postback).map(|(target, _)| target);
        let meant = Meaning::parse(ours).map(Target::Means).or(meant);
        return meant.map(|target| (target, (0, 0))).ok_or_else(|| {
            format!("column.{column}={ours}: that is neither a parameter of this group nor one of ours (docs/api.md)")
        });
    }
    // In our own export, `type` is what the rules made of it; what was sent stands beside it.
    let is_ours = |(meaning, _): (Meaning, usize)| meaning == Meaning::Type;
    let has_sent =
        || header.iter().any(|other| other != column && tool.and_then(|tool| tool.meaning(other)).is_some_and(is_ours));
    if plain_name(column) == TYPE && has_sent() {
        return Ok((Target::Nothing, (1, 0)));
    }
    if let Some((target, at)) = of_group(column, postback) {
        return Ok((target, (1, at)));
    }
    let of_tool = tool.and_then(|tool| tool.meaning(column));
    Ok(of_tool.map_or((Target::Nothing, (9, 0)), |(meaning, at)| (Target::Means(meaning), (2, at))))
}

/// What a column of this name is among a group's own parameters.
fn of_group(column: &str, postback: &Postback) -> Option<(Target, usize)> {
    let column = plain_name(column);
    let is = |name: &str| plain_name(name) == column;
    let field = Meaning::FIELDS.into_iter().find(|meaning| meaning.param(postback).is_some_and(is));
    if let Some(meaning) = field {
        return Some((Target::Means(meaning), 0));
    }
    if let Some(at) = postback.time.iter().position(|field| is(&field.param)) {
        return Some((Target::Means(Meaning::Time), at));
    }
    if column == TYPE {
        return Some((Target::Means(Meaning::Type), 0));
    }
    let lists = [&postback.custom, &postback.affiliate_macros, &postback.vendor_macros, &postback.personal];
    // What differs between repeats tells nothing of what was sold.
    let named = lists.into_iter().flatten().find(|name| is(name) && !postback.volatile.contains(*name))?;
    Some((Target::Param(named.clone()), 0))
}
