//! `bulkhead bench`: what this host and the shim cost. One file a subject.

pub(super) mod apex;
pub(super) mod irq;
pub(super) mod port;
pub(super) mod record;
pub(super) mod window;

mod bare;
mod context;
mod figure;
mod raw;
mod records;

use std::fmt::Display;

use super::{HOST_CANNOT, USAGE, complain, print};
use crate::host::Cpus;

/// What went wrong, and the exit status that says so.
type Failure = (u8, String);

fn host_cannot(error: impl Display) -> Failure {
    (HOST_CANNOT, error.to_string())
}

/// The CPU to measure on: the one that was asked for, or the one that a module's core 0 would be.
fn choose_cpu(cpus: &Cpus, wanted: Option<u32>) -> Result<u32, Failure> {
    match wanted {
        Some(cpu) if !cpus.preferred.contains(&cpu) => {
            Err((USAGE, format!("--cpu {cpu}: this process may use {:?}", cpus.preferred)))
        }
        Some(cpu) => Ok(cpu),
        None => Ok(cpus.preferred.first().copied().unwrap_or(0)),
    }
}

/// Prints a result; the return value is the exit status.
fn show<T: serde::Serialize>(result: Result<T, Failure>, json: bool, text: fn(&T) -> String) -> u8 {
    match result {
        Ok(report) if json => match serde_json::to_string_pretty(&report) {
            Ok(text) => print(&(text + "\n")),
            Err(error) => complain(&error, HOST_CANNOT),
        },
        Ok(report) => print(&text(&report)),
        Err((status, words)) => complain(&words, status),
    }
}
