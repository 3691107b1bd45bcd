//! Modules with channels, and what a run of them came to.

use std::path::Path;

use serde_json::Value;

use super::common::{Finished, round_robin};
use super::runs::{lines_of, run_module};

/// A channel of `kind` (with its sizes) from "partition.port" to others.
pub(crate) fn channel(name: &str, kind: &str, source: &str, destinations: &[&str]) -> String {
    format!("[[channel]]\nname = \"{name}\"\n{kind}\nsource = \"{source}\"\ndestinations = {destinations:?}\n")
}

/// The sizes of a queuing channel.
pub(crate) fn queuing(message: usize, depth: u32) -> String {
    format!("kind = \"queuing\"\nmessage = \"{message} B\"\ndepth = {depth}")
}

/// The sizes of a sampling channel.
pub(crate) fn sampling(message: usize, refresh_ms: u64) -> String {
    format!("kind = \"sampling\"\nmessage = \"{message} B\"\nrefresh = \"{refresh_ms} ms\"")
}

/// A partition's further lines: its arguments, and more.
pub(crate) fn args(args: &[&str], more: &str) -> String {
    format!("args = {args:?}\n{more}")
}

/// Partitions (name, image, further lines) in turns on one core, or each on a core of its own with windows that overlap.
pub(crate) fn partitions(list: &[(&str, &Path, &str)], cores: bool, window_us: u64) -> String {
    if !cores {
        return round_robin(list, window_us, window_us);
    }
    let frame = 2 * window_us + window_us / 2;
    let mut text = format!("[module]\nname = \"test\"\nmajor_frame = \"{frame} us\"\ncores = [0, 1]\n");
    for (index, (name, image, more)) in list.iter().enumerate() {
        let (image, core) = (image.display(), index % 2);
        text += &format!("[[partition]]\nname = \"{name}\"\nimage = \"{image}\"\ncore = {core}\n{more}\n");
        let start = window_us / 2 * core as u64;
        let duration = 2 * window_us;
        text += &format!("[[window]]\npartition = \"{name}\"\nstart = \"{start} us\"\nduration = \"{duration} us\"\n");
    }
    text
}

/// Whether there are cores for two at the same time.
pub(crate) fn two_cores() -> bool {
    let cpus = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("the affinity");
    (0..nix::sched::CpuSet::count()).filter(|&cpu| cpus.is_set(cpu).unwrap_or(false)).count() >= 2
}

/// Runs a module until all its guests have ended; none may have complained. One that hangs meets the watchdog.
pub(crate) fn run(text: &str) -> (Finished, Value) {
    let finished = run_module(text, &["--json"]);
    assert!(!finished.stderr.contains("FAILED"), "{finished:#?}");
    let json = finished.json();
    (finished, json)
}

/// Asserts that a partition has printed this line.
pub(crate) fn says(run: &Finished, partition: &str, line: &str) {
    let lines = lines_of(&run.stderr, partition);
    assert!(lines.contains(&line), "{partition} did not say {line:?}: {run:#?}");
}

/// The figures of a channel.
pub(crate) fn figures<'a>(json: &'a Value, name: &str) -> &'a Value {
    let list = json["channels"].as_array().expect("channels");
    list.iter().find(|channel| channel["name"] == name).unwrap_or_else(|| panic!("no channel {name} in {json:#}"))
}
