//! `bulkhead run --virtual`: real guests whose own basic blocks move the clock.

#[path = "common/mod.rs"]
mod common;
#[path = "virtual_time/cores.rs"]
mod cores;
#[path = "virtual_time/debugger.rs"]
mod debugger;
#[path = "virtual_time/endings.rs"]
mod endings;
#[path = "virtual_time/exact.rs"]
mod exact;
#[path = "virtual_time/explore.rs"]
mod explore;
#[path = "common/load.rs"]
mod load;
#[path = "virtual_time/repeatable.rs"]
mod repeatable;
#[path = "common/running.rs"]
mod running;
#[path = "virtual_time/step.rs"]
mod step;

use std::path::{Path, PathBuf};

use common::{Finished, bulkhead, finish, guest};

/// A millisecond in nanoseconds.
const MS: u64 = 1_000_000;

/// Runs a guest by itself in virtual time.
fn run(name: &str, arguments: &[&str]) -> Finished {
    let mut command = bulkhead();
    command.args(["run", "--virtual"]).arg(guest(name)).arg("--").args(arguments);
    finish(command)
}

/// The digest in what a run said.
fn digest(finished: &Finished) -> String {
    let (_, digest) = finished.stderr.rsplit_once("digest ").unwrap_or_else(|| panic!("no digest: {finished:#?}"));
    let digest = digest.trim().to_owned();
    assert_eq!(digest.len(), 16, "{finished:#?}");
    digest
}

/// The numbers in each line that contains `word`.
fn numbers(text: &str, word: &str) -> Vec<Vec<u64>> {
    let of_line = |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    text.lines().filter(|line| line.contains(word)).map(of_line).collect()
}

/// A module of two partitions with windows of 2 ms, which share a core: `busy` counts ticks, `sleeper` sleeps.
fn module(folder: &Path) -> PathBuf {
    let image = guest("c_time");
    let partitions: [(&str, &Path, &str); 3] = [
        ("busy", &image, "args = [\"busy\", \"12\"]"),
        ("sleeper", &image, "args = [\"sleep\", \"3\"]"),
        ("windows", &image, "args = [\"windows\", \"5\"]"),
    ];
    common::write_module(folder, &common::round_robin(&partitions, 2000, 500))
}
