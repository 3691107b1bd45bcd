//! What the facts mean: pure, so that a test can invent the poorest of hosts.

mod cpus;
mod fences;
mod process;
mod time;

use std::fmt;

use serde::Serialize;

use super::facts::Facts;

/// How well a matter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Nothing to complain about, but worth knowing.
    Info,
    /// Partitions run, but something is lost.
    Lost,
    /// Without this no partition runs.
    Missing,
}

/// A matter that was looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// Its name; programs may rely on it.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What is lost; always there unless the state is `Ok` or `Info`.
    pub lost: Option<String>,
    /// How to get it; there whenever `lost` is.
    pub remedy: Option<String>,
    /// For the verdict: what is lost in a few words, or why nothing can run.
    #[serde(skip)]
    brief: String,
}

impl Check {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Check {
        Check { name, state, found: found.into(), lost: None, remedy: None, brief: String::new() }
    }

    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, State::Ok, found)
    }

    fn info(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, State::Info, found)
    }

    /// What cannot be told because something else is in the way.
    fn not_tried(name: &'static str, why: &str) -> Check {
        Check::info(name, format!("not tried: {why}"))
    }

    /// `brief` completes "usable, without ...".
    fn lost(name: &'static str, found: impl Into<String>, brief: &str) -> Check {
        Check { brief: brief.to_owned(), ..Check::new(name, State::Lost, found) }
    }

    /// `brief` completes "cannot run: ...".
    fn missing(name: &'static str, found: impl Into<String>, brief: &str) -> Check {
        Check { brief: brief.to_owned(), ..Check::new(name, State::Missing, found) }
    }

    fn because(mut self, lost: impl Into<String>, remedy: impl Into<String>) -> Check {
        self.lost = Some(lost.into());
        self.remedy = Some(remedy.into());
        self
    }
}

/// What a host is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// Everything is there.
    Ready,
    /// Partitions run, but something is lost.
    Usable,
    /// No partition runs.
    CannotRun,
}

/// The checks in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What the host is good for.
    pub level: Level,
    details: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Ready => write!(f, "ready: real-time windows, all fences"),
            Level::Usable => write!(f, "usable: partitions run, but without {}", self.details),
            Level::CannotRun => write!(f, "cannot run: {}", self.details),
        }
    }
}

/// Judges every matter, the most important ones first.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let mut checks = process::judge(facts);
    checks.extend(fences::judge(facts));
    checks.extend(time::judge(facts));
    checks.extend(cpus::judge(facts));
    checks
}

/// The checks in one line.
pub(super) fn verdict(checks: &[Check]) -> Verdict {
    let briefs = |state| -> Vec<&str> {
        checks.iter().filter(|check| check.state == state).map(|check| check.brief.as_str()).collect()
    };
    let (missing, lost) = (briefs(State::Missing), briefs(State::Lost));
    if !missing.is_empty() {
        Verdict { level: Level::CannotRun, details: missing.join("; ") }
    } else if !lost.is_empty() {
        Verdict { level: Level::Usable, details: lost.join(", ") }
    } else {
        Verdict { level: Level::Ready, details: String::new() }
    }
}

// Numbers from include/uapi/linux/capability.h.
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_NICE: u32 = 23;

impl Facts {
    fn has(&self, capability: u32) -> bool {
        self.capabilities >> capability & 1 == 1
    }

    fn sysctl(&self, name: &str) -> Option<i64> {
        self.sysctls.get(name).copied()
    }
}

/// "a, b and c".
fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
