//! Schedules: the windows of each, and their names.
//!
//! A configuration either has `[[window]]`s, which make up its only schedule, or `[[schedule]]`s with windows of their own.

use std::collections::HashMap;
use std::ops::Range;

use bulkhead_abi::schedule::MAX_SCHEDULES;

use super::checks::{self, required};
use super::document::{Document, Section};
use super::mistakes::{Mistake, quote};
use super::module::ONLY_SCHEDULE;
use super::raw::RawWindow;

/// The names of the schedules and the windows of each; at least one, the first being the one that the module starts with.
pub(super) fn read<'a>(
    document: &'a Document,
    found: &mut Vec<Mistake>,
) -> (Vec<String>, Vec<&'a [Section<RawWindow>]>) {
    if document.schedules.is_empty() {
        return (vec![ONLY_SCHEDULE.to_owned()], vec![&document.windows]);
    }
    if let Some(window) = document.windows.first() {
        let title = "a window belongs to no schedule";
        found.push(
            Mistake::at(window.span.clone().unwrap_or_default(), title, "where there are schedules, each has its own")
                .help("write `[[schedule.window]]`, behind the `[[schedule]]` that it belongs to"),
        );
    }
    if let Some(schedule) = document.schedules.get(MAX_SCHEDULES) {
        let span = schedule.section.span.clone().unwrap_or_default();
        let title = format!("there are {} schedules", document.schedules.len());
        let label = format!("the first beyond {MAX_SCHEDULES}, which is the most there can be");
        found.push(Mistake::at(span, title, label));
    }
    let mut first: HashMap<&str, Range<usize>> = HashMap::new();
    let mut names = Vec::new();
    for schedule in &document.schedules {
        let about = ("a schedule", "name = \"cruise\"");
        let name = required(&schedule.section, &schedule.section.raw.name, "name", about, found);
        names.push(name.map(|name| name.get_ref().clone()).unwrap_or_default());
        let Some(name) = name else { continue };
        checks::name(name, "a schedule", found);
        match first.get(name.get_ref().as_str()) {
            Some(before) => found.push(
                Mistake::at(name.span(), format!("two schedules are called {}", quote(name.get_ref())), "again here")
                    .also(before.clone(), "first here"),
            ),
            None => _ = first.insert(name.get_ref(), name.span()),
        }
    }
    (names, document.schedules.iter().map(|schedule| schedule.windows.as_slice()).collect())
}
