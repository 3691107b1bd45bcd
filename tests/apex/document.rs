//! `docs/apex-conformance.md`, written from the checks that ran.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::common::root;
use super::lines::{Check, Subject};
use super::services::{Group, NEVER_RETURNS, OUT_OF_REACH, PART_1, PART_2, PART_2_WITHOUT, Service, TRAPS};

const CODES: [&str; 7] =
    ["NO_ERROR", "NO_ACTION", "NOT_AVAILABLE", "INVALID_PARAM", "INVALID_CONFIG", "INVALID_MODE", "TIMED_OUT"];

/// The document's text.
pub(crate) fn write(checks: &[Check]) -> String {
    let guests: BTreeSet<&str> = checks.iter().map(|check| check.guest.as_str()).collect();
    let mut text = String::from(
        "# APEX conformance\n\n<!-- Written by the tests: BULKHEAD_BLESS=1 cargo test -p bulkhead --test apex -->\n\n",
    );
    let _ = writeln!(
        text,
        "What the guests in [tests/apex](../tests/apex) showed under `bulkhead run`: {} checks by {} guests, all passed. Those \
         whose names begin with `c_` are in C, with `r_` in Rust.\n\nA row is a service. For each return code the number of \
         cases in which a guest got it is given, then the number of checks of what the service does besides.\n",
        checks.len(),
        guests.len(),
    );
    text += "# Part 1: required services\n\n";
    PART_1.iter().for_each(|group| table(&mut text, group, checks));
    text += "# What implementers get wrong\n\n| | | shown by |\n|---|---|---|\n";
    for (index, trap) in TRAPS.iter().enumerate() {
        let shown = cases(checks, |check| check.subject == Subject::Trap(index + 1));
        let _ = writeln!(text, "| {} | {trap} | {} |", index + 1, or_none(&shown));
    }
    text += "\n# Part 2: extended services\n\n";
    let (there, absent): (Vec<&Group>, Vec<&Group>) = PART_2.iter().partition(|group| exists(group, checks));
    there.iter().for_each(|group| table(&mut text, group, checks));
    let names = absent.iter().map(|group| group.name).chain(PART_2_WITHOUT.iter().copied());
    let _ = writeln!(text, "Not there: {}.", names.collect::<Vec<_>>().join(", ").to_lowercase());
    text.replace("\n# ", "\n## ")
}

fn table(text: &mut String, group: &Group, checks: &[Check]) {
    let _ = writeln!(text, "### {}\n\n| service | return codes | behaviour | guests |\n|---|---|---|---|", group.name);
    for service in group.services {
        let _ = writeln!(text, "{}", row(service, checks));
    }
    for (name, code, why) in OUT_OF_REACH {
        if group.services.iter().any(|service| service.name == *name) {
            let _ = writeln!(text, "\n{name} cannot return {code} here: {why}.");
        }
    }
    text.push('\n');
}

fn row(service: &Service, checks: &[Check]) -> String {
    let about: Vec<&Check> = checks.iter().filter(|check| check.service == service.name).collect();
    let count = |code: &str| about.iter().filter(|check| check.subject == Subject::Code(code.to_owned())).count();
    let codes: Vec<String> = CODES
        .iter()
        .map(|code| (code, count(code)))
        .filter(|shown| shown.1 > 0)
        .map(|(code, n)| format!("{code} {n}"))
        .collect();
    let behaviour = about.iter().filter(|check| !matches!(check.subject, Subject::Code(_))).count();
    let guests: BTreeSet<&str> = about.iter().map(|check| check.guest.as_str()).collect();
    let guests = guests.into_iter().collect::<Vec<_>>().join(", ");
    format!("| {} | {} | {behaviour} | {} |", service.name, or_none(&codes.join(", ")), or_none(&guests))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The guests with their numbers of checks of some kind.
fn cases(checks: &[Check], which: impl Fn(&Check) -> bool) -> String {
    let mut guests: BTreeMap<&str, usize> = BTreeMap::new();
    for check in checks.iter().filter(|check| which(check)) {
        *guests.entry(&check.guest).or_default() += 1;
    }
    guests.iter().map(|(guest, number)| format!("{guest} {number}")).collect::<Vec<_>>().join(", ")
}

/// Whether any guest called a service of this group.
fn exists(group: &Group, checks: &[Check]) -> bool {
    group.services.iter().any(|service| checks.iter().any(|check| check.service == service.name))
}

/// The codes and traps that must be shown and are not.
pub(crate) fn missing(checks: &[Check]) -> Vec<String> {
    let mut missing = Vec::new();
    let there = PART_2.iter().filter(|group| exists(group, checks));
    for service in PART_1.iter().chain(there).flat_map(|group| group.services) {
        let about: Vec<&Check> = checks.iter().filter(|check| check.service == service.name).collect();
        if about.is_empty() {
            missing.push(service.name.to_owned());
        }
        let returns = !NEVER_RETURNS.contains(&service.name);
        for code in service.codes.iter().chain(returns.then_some(&"NO_ERROR")) {
            let excused = OUT_OF_REACH.iter().any(|(name, excused, _)| *name == service.name && excused == code);
            let shown = about.iter().any(|check| check.subject == Subject::Code((*code).to_owned()));
            if !shown && !excused {
                missing.push(format!("{} {code}", service.name));
            }
        }
    }
    for (index, trap) in TRAPS.iter().enumerate() {
        if !checks.iter().any(|check| check.subject == Subject::Trap(index + 1)) {
            missing.push(format!("trap {}: {trap}", index + 1));
        }
    }
    missing
}

/// Compares the document with its new text, or writes it where BULKHEAD_BLESS says so.
pub(crate) fn compare(text: &str) {
    let path = root().join("docs/apex-conformance.md");
    if std::env::var_os("BULKHEAD_BLESS").is_some() {
        std::fs::write(&path, text).expect("the document is written");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{} is out of date; BULKHEAD_BLESS=1 writes it anew. It should read:\n{text}",
        path.display()
    );
}
