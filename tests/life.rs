//! A partition's own life, from the outside: modes and restarts, errors that a guest raises, reports, faults by their code, and
//! the changes of schedules; each with a guest in C and with the same one in Rust.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "life/codes.rs"]
mod codes;
#[path = "life/facts.rs"]
mod facts;
#[path = "life/hostile.rs"]
mod hostile;
#[path = "life/modes.rs"]
mod modes;
#[path = "life/module.rs"]
mod module;
#[path = "life/schedules.rs"]
mod schedules;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The guest in C and the one in Rust.
fn guests() -> [PathBuf; 2] {
    [common::guest("h_life"), common::guest("h_rust")]
}

/// A partition called "p" with this guest and these lines, alone in its module.
fn alone(guest: &Path, more: &str) -> String {
    common::round_robin(&[("p", guest, more)], 1000, 1000)
}

/// The incidents of a run.
fn incidents(run: &Value) -> &[Value] {
    run["summary"]["incidents"].as_array().expect("incidents")
}
