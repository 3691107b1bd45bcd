//! What the conformance guests print, read.

use std::fmt;

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A return code.
    Code(String),
    /// Something that a service does.
    Behaviour,
    /// One of the things that implementers get wrong.
    Trap(usize),
}

/// One check of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) guest: String,
    pub(crate) service: String,
    pub(crate) subject: Subject,
    /// The case in words, with what was seen if it failed.
    pub(crate) words: String,
    pub(crate) passed: bool,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.service, self.subject, self.words)
    }
}

/// The checks in a guest's lines. An error if a line is malformed, or a start of the guest did not get through: each ends
/// with the number of the checks that it made.
pub(crate) fn parse(guest: &str, lines: &[&str]) -> Result<Vec<Check>, String> {
    let mut checks = Vec::new();
    let mut counted = 0;
    for line in lines {
        if line.starts_with("check ") || line.starts_with("trap ") {
            checks.push(check(guest, line).ok_or_else(|| format!("{guest}: malformed: {line}"))?);
        } else if let Some(number) = line.strip_prefix("done ").and_then(|rest| rest.strip_suffix(" checks")) {
            counted += number.parse::<usize>().map_err(|error| format!("{guest}: {line}: {error}"))?;
        }
    }
    if counted != checks.len() || checks.is_empty() {
        return Err(format!("{guest}: {} checks seen, {counted} counted: {lines:#?}", checks.len()));
    }
    Ok(checks)
}

fn check(guest: &str, line: &str) -> Option<Check> {
    let (words, result) = line.rsplit_once(": PASS").or_else(|| line.split_once(": FAIL"))?;
    let passed = line.ends_with(": PASS");
    let mut parts = words.splitn(4, ' ');
    let (kind, second, third, case) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (service, subject) = match kind {
        "trap" => (third, Subject::Trap(second.parse().ok().filter(|number| (1..=13).contains(number))?)),
        _ if third == "-" => (second, Subject::Behaviour),
        _ => (second, Subject::Code(third.to_owned())),
    };
    let words = format!("{case}{result}");
    Some(Check { guest: guest.to_owned(), service: service.to_owned(), subject, words, passed })
}
