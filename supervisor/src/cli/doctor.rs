//! `bulkhead doctor`: what this host grants, what is lost without the rest, and how to get it.
//!
//! * `facts`: looks and tries; `trial` is the part that does what `run` would do, with the misbehaving guest of `guest`;
//! * `judge`: what the facts mean, pure;
//! * `text`: for people. Programs get JSON, in which names and states are stable.

mod facts;
mod guest;
mod judge;
mod text;
mod trial;

use std::io::IsTerminal;

use serde::Serialize;

use super::{HOST_CANNOT, columns, complain, print};
use crate::dispatch::policy::RealTime;
use crate::partition::Fences;
use facts::{CpuFacts, Facts};
use judge::{Check, Level};
use text::Style;

/// The whole examination, as programs get it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// What the host is good for.
    level: Level,
    /// The same with particulars, for people.
    verdict: String,
    checks: &'a [Check],
    /// The fences of every partition; `None` if there can be no partition.
    fences: Option<Fences>,
    real_time: RealTime,
    cpus: &'a CpuFacts,
}

/// Runs the subcommand; the result is the exit status: 0 if partitions can run at all.
pub fn run(json: bool) -> u8 {
    let facts = match Facts::gather() {
        Ok(facts) => facts,
        Err(error) => return complain(&format_args!("sched_getaffinity: {error}"), HOST_CANNOT),
    };
    let checks = judge::judge(&facts);
    let verdict = judge::verdict(&checks);
    let text = if json {
        let report = Report {
            level: verdict.level,
            verdict: verdict.to_string(),
            checks: &checks,
            fences: facts.trial.fences.as_ref().ok().copied(),
            real_time: facts.real_time,
            cpus: &facts.cpus,
        };
        match serde_json::to_string_pretty(&report) {
            Ok(json) => json + "\n",
            Err(error) => return complain(&error, HOST_CANNOT),
        }
    } else {
        text::render(&checks, &verdict, Style { width: columns(), colour: colour_on_stdout() })
    };
    let printed = print(&text);
    if verdict.level == Level::CannotRun { HOST_CANNOT } else { printed }
}

fn colour_on_stdout() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
