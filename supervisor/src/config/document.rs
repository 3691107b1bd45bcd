//! From TOML text to raw tables.
//!
//! serde stops at the first error, so every `[[partition]]`, `[[window]]`, `[[channel]]` and `[[memory]]` is deserialized by itself; when one fails,
//! the key at fault is reported and taken out, and the rest is tried again. That way one reading finds every unknown
//! key and every wrong type.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::mistakes::{Mistake, harmless, quote};
use super::raw::{RawChannel, RawMemory, RawModule, RawPartition, RawSchedule, RawWindow};
use super::suggest;

/// Most syntax errors that are reported: behind a few, the parser has lost its way.
const MAX_SYNTAX: usize = 10;
/// Most wrong keys of one table that are reported; each costs a run over the table.
const MAX_WRONG_KEYS: usize = 20;
/// The tables of a configuration.
const TABLES: [&str; 6] = ["module", "partition", "window", "schedule", "channel", "memory"];

/// A configuration as it was written.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) module: Section<RawModule>,
    pub(super) partitions: Vec<Section<RawPartition>>,
    pub(super) windows: Vec<Section<RawWindow>>,
    pub(super) channels: Vec<Section<RawChannel>>,
    pub(super) blocks: Vec<Section<RawMemory>>,
    pub(super) schedules: Vec<Schedule>,
}

/// A schedule with its windows.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) section: Section<RawSchedule>,
    pub(super) windows: Vec<Section<RawWindow>>,
}

/// One table.
#[derive(Debug, Default)]
pub(super) struct Section<T> {
    /// Its header, or an inline table as a whole; `None` for a table that is not there.
    pub(super) span: Option<Range<usize>>,
    /// The keys that could be read.
    pub(super) raw: T,
    /// The keys that could not be read and have been reported already.
    wrong: Vec<String>,
    /// Nothing could be read.
    hopeless: bool,
}

impl<T> Section<T> {
    /// Whether `key` was there but has been reported already.
    pub(super) fn reported(&self, key: &str) -> bool {
        self.hopeless || self.wrong.iter().any(|wrong| wrong == key)
    }
}

/// Reads `text`. Adds to `found` what is wrong with its syntax, its keys and their types; `None` if there is no point
/// in looking at the rest.
pub(super) fn read(text: &str, found: &mut Vec<Mistake>) -> Option<Document> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        found.extend(syntax(text, &errors));
        return None;
    }
    let mut root = root.into_inner();
    unknown_tables(&mut root, found);
    let module = match root.remove("module") {
        Some(value) => module(value, found),
        None => {
            found.push(
                Mistake::of_file("the configuration has no `[module]`")
                    .help("begin it with a `[module]` that gives the module's `name` and `major_frame`"),
            );
            Section { hopeless: true, ..Section::default() }
        }
    };
    let before = found.len();
    let partitions = array(root.remove("partition"), "partition", found);
    if partitions.is_empty() && found.len() == before {
        found.push(
            Mistake::of_file("the configuration has no partition")
                .help("add a `[[partition]]` with `name` and `image`, and a `[[window]]` for it"),
        );
    }
    let windows = array(root.remove("window"), "window", found);
    let channels = array(root.remove("channel"), "channel", found);
    let blocks = array(root.remove("memory"), "memory", found);
    let schedules = array(root.remove("schedule"), "schedule", found);
    Some(Document {
        module,
        partitions: partitions.into_iter().map(|table| section(table, "partition", found)).collect(),
        windows: windows.into_iter().map(|table| section(table, "window", found)).collect(),
        channels: channels.into_iter().map(|table| section(table, "channel", found)).collect(),
        blocks: blocks.into_iter().map(|table| section(table, "memory", found)).collect(),
        schedules: schedules.into_iter().map(|table| schedule(table, found)).collect(),
    })
}

/// One `[[schedule]]` and the `[[schedule.window]]`s behind it.
fn schedule(mut table: Spanned<DeTable<'_>>, found: &mut Vec<Mistake>) -> Schedule {
    let windows = array(table.get_mut().remove("window"), "schedule.window", found);
    Schedule {
        section: section(table, "schedule", found),
        windows: windows.into_iter().map(|table| section(table, "window", found)).collect(),
    }
}

/// The first syntax error of every line.
fn syntax(text: &str, errors: &[Error]) -> Vec<Mistake> {
    let mut last_end = None;
    let mut mistakes = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line_end = text.get(span.end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| span.end + at);
        if last_end == Some(line_end) {
            continue;
        }
        last_end = Some(line_end);
        let (what, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
        let label = match (what, expected) {
            ("string values must be quoted", _) => "write it between quotation marks, as in \"5 ms\"".to_owned(),
            ("duplicate key", _) => "a table can have a key once only".to_owned(),
            (_, "") => String::new(),
            _ => format!("expected {}", harmless(expected)),
        };
        mistakes.push(Mistake::at(span, format!("this is not TOML: {}", harmless(what)), label));
        if mistakes.len() == MAX_SYNTAX {
            break;
        }
    }
    mistakes
}

/// The `[module]` table.
fn module(value: Spanned<DeValue<'_>>, found: &mut Vec<Mistake>) -> Section<RawModule> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => section(Spanned::new(span, table), "module", found),
        DeValue::Array(_) => {
            found.push(Mistake::at(
                span.clone(),
                "there is one module in a configuration",
                "write `[module]`, in single brackets",
            ));
            Section { span: Some(span), hopeless: true, ..Section::default() }
        }
        other => {
            let title = format!("`module` must be a table, not {}", found_type(&other));
            found.push(Mistake::at(span.clone(), title, "write a `[module]` table"));
            Section { span: Some(span), hopeless: true, ..Section::default() }
        }
    }
}

/// The tables of `[[partition]]` or `[[window]]`.
fn array<'i>(value: Option<Spanned<DeValue<'i>>>, name: &str, found: &mut Vec<Mistake>) -> Vec<Spanned<DeTable<'i>>> {
    let Some(value) = value else { return Vec::new() };
    let span = value.span();
    let items: Vec<_> = match value.into_inner() {
        DeValue::Array(items) => items.into_iter().collect(),
        // What was meant is clear, so the table is looked at all the same.
        table @ DeValue::Table(_) => {
            found.push(Mistake::at(
                span.clone(),
                format!("a {} is written in double brackets", noun(name)),
                format!("write `[[{name}]]`"),
            ));
            vec![Spanned::new(span, table)]
        }
        other => vec![Spanned::new(span, other)],
    };
    let mut tables = Vec::new();
    for item in items {
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => tables.push(Spanned::new(span, table)),
            other => {
                let title = format!("a {} must be a table, not {}", noun(name), found_type(&other));
                found.push(Mistake::at(span, title, format!("write a `[[{name}]]` table")));
            }
        }
    }
    tables
}

/// What a table of this name describes.
fn noun(name: &str) -> &str {
    if name == "memory" { "memory block" } else { name }
}

/// Takes out whatever is no table of a configuration. One whose name is a slip goes on under the name that was meant.
fn unknown_tables(root: &mut DeTable<'_>, found: &mut Vec<Mistake>) {
    let unknown: Vec<_> = root.keys().filter(|key| !TABLES.contains(&key.get_ref().as_ref())).cloned().collect();
    for key in unknown {
        let title = format!("unknown table or key {}", quote(key.get_ref()));
        let mistake = Mistake::at(
            key.span(),
            title,
            "known here: `[module]`, `[[partition]]`, `[[window]]`, `[[schedule]]`, `[[channel]]`, `[[memory]]`",
        );
        let near = suggest::nearest(key.get_ref(), TABLES);
        found.push(match near {
            Some("module") => mistake.help("did you mean `[module]`?"),
            Some(near) => mistake.help(format!("did you mean `[[{near}]]`?")),
            None => mistake,
        });
        if let (Some((key, value)), Some(near)) = (root.remove_entry(key.get_ref().as_ref()), near)
            && !root.contains_key(near)
        {
            root.insert(Spanned::new(key.span(), near.into()), value);
        }
    }
}

/// Deserializes one table, and takes out what is wrong with it until it can be read.
fn section<T>(table: Spanned<DeTable<'_>>, kind: &str, found: &mut Vec<Mistake>) -> Section<T>
where
    T: Default + for<'de> Deserialize<'de>,
{
    let span = table.span();
    let place = place(table.get_ref(), kind);
    let mut wrong = Vec::new();
    let mut table = table;
    while wrong.len() < MAX_WRONG_KEYS {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(raw) => return Section { span: Some(span), raw, wrong, hopeless: false },
            Err(error) => error,
        };
        let at = error.span().unwrap_or(span.clone());
        let Some(culprit) = take_culprit(table.get_mut(), &at) else {
            found.push(Mistake::at(at, format!("{} {place}", harmless(error.message())), ""));
            break;
        };
        let (mistake, meant) = reword(error.message(), at, &culprit, &place);
        found.push(mistake);
        wrong.extend(culprit.path.into_iter().next());
        wrong.extend(meant);
    }
    Section { span: Some(span), raw: T::default(), wrong, hopeless: true }
}

/// Where a mistake is, in words: "in partition `nav`".
fn place(table: &DeTable<'_>, kind: &str) -> String {
    let name = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str()).map(quote);
    match (kind, name("name"), name("partition")) {
        ("partition", Some(name), _) => format!("in partition {name}"),
        ("channel", Some(name), _) => format!("in channel {name}"),
        ("channel", None, _) => "in a channel".to_owned(),
        ("memory", Some(name), _) => format!("in memory block {name}"),
        ("memory", None, _) => "in a memory block".to_owned(),
        ("partition", None, _) => "in a partition".to_owned(),
        ("schedule", Some(name), _) => format!("in schedule {name}"),
        ("schedule", None, _) => "in a schedule".to_owned(),
        ("window", _, Some(partition)) => format!("in a window of {partition}"),
        ("window", _, None) => "in a window".to_owned(),
        _ => format!("in `[{kind}]`"),
    }
}

/// A key that is wrong, or whose value is.
struct Culprit {
    /// The key, behind the keys of the tables that it is in.
    path: Vec<String>,
    /// The type of its value, or of the element of its value that is wrong.
    found: &'static str,
    /// Whether an element of its value is wrong.
    element: bool,
}

/// Removes the innermost key that `at` lies in.
fn take_culprit(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<Culprit> {
    let holds = |span: Range<usize>| span.start <= at.start && at.end <= span.end;
    // The inner tables go first: a dotted key's table has the span of its first part only.
    for (key, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(mut culprit) = take_culprit(inner, at)
        {
            culprit.path.insert(0, key.get_ref().to_string());
            return Some(culprit);
        }
    }
    let key = table.iter().find(|(key, value)| holds(key.span()) || holds(value.span()))?.0.get_ref().to_string();
    let value = table.remove(key.as_str())?;
    let element = match value.get_ref() {
        DeValue::Array(elements) => elements.iter().find(|element| holds(element.span())),
        _ => None,
    };
    let found = found_type(element.unwrap_or(&value).get_ref());
    Some(Culprit { path: vec![key], found, element: element.is_some() })
}

/// serde's message in the words of a configuration, and the key that was probably meant by an unknown one.
fn reword(message: &str, at: Range<usize>, culprit: &Culprit, place: &str) -> (Mistake, Option<String>) {
    let path = quote(&culprit.path.join("."));
    if message.starts_with("unknown field ") {
        let known = message.split_once(", expected ").map_or("", |(_, known)| known);
        let known = known.trim_start_matches("one of ").replace("` or `", "`, `");
        let mistake = Mistake::at(at, format!("unknown key {path} {place}"), format!("known here: {known}"));
        let word = culprit.path.last().map_or("", String::as_str);
        return match suggest::nearest(word, known.split(", ").map(|key| key.trim_matches('`'))) {
            Some(near) => (mistake.help(format!("did you mean `{near}`?")), Some(near.to_owned())),
            None => (mistake, None),
        };
    }
    let value = if culprit.element { format!("an element of {path} {place}") } else { format!("{path} {place}") };
    let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let mistake = match expected_type(expected) {
        // An integer in place of an integer: what was found is none of 64 bits.
        Some("a whole number") | None if culprit.found == WHOLE => {
            Mistake::at(at, format!("{value} is out of range"), "no number here can be that large")
        }
        Some(expected) => {
            let title = format!("{value} must be {expected}, not {}", culprit.found);
            Mistake::at(at, title, format!("{expected} is expected here"))
        }
        None => Mistake::at(at, format!("{value} cannot be read: {}", harmless(message)), ""),
    };
    (mistake, None)
}

/// What serde expected, in the words of TOML.
fn expected_type(expected: &str) -> Option<&str> {
    match expected {
        "" => None,
        "i64" => Some("a whole number"),
        "a boolean" => Some("`true` or `false`"),
        "a sequence" => Some("an array"),
        "struct RawHealth" | "struct RawStorm" | "struct RawModuleHealth" | "struct RawApex" => Some("a table"),
        other => Some(other),
    }
}

/// How messages call an integer.
const WHOLE: &str = "a number";

/// What a value is, in the words of TOML.
fn found_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => WHOLE,
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
