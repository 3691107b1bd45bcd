//! Guests that are late to stop, and what their successors' lateness is blamed on; each next to a control that stops in time.

use serde_json::Value;

use super::causes::blamed;
use super::page::judged;
use super::record;
use crate::common::{guest, write_module};

/// The profile of a guest that dies at the end of its windows, or `stay`s, with another one behind it. It has so much memory that the kernel
/// takes milliseconds to take it apart, meanwhile the process is not to be stopped. A stop may take until `overrun_after`.
fn profile(mode: &str, overrun_after: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (heavy, spin) = (guest("r_heavy"), guest("spin"));
    let (heavy, spin) = (heavy.display(), spin.display());
    let text = format!(
        r#"
[module]
name = "test"
major_frame = "50 ms"
overrun_after = "{overrun_after}"
storm = {{ restarts = 1000, within = "1 s" }}
[[partition]]
name = "heavy"
image = "{heavy}"
args = ["{mode}"]
memory = "256 MiB"
health = {{ exit = "warm_start" }}
[[partition]]
name = "next"
image = "{spin}"
[[window]]
partition = "heavy"
start = "0 ms"
duration = "20 ms"
[[window]]
partition = "next"
start = "20 ms"
duration = "20 ms"
"#
    );
    let recording = record(folder.path(), &write_module(folder.path(), &text), 60);
    judged(&recording, "start=2ms")
}

#[test]
fn a_guest_that_overruns_and_one_whose_stop_is_not_waited_for() {
    // On a busy host a stop may be late by itself.
    let control = profile("stay", "45 ms");
    // The same death where the dispatcher waits for it, and where it gives up on it.
    for (cause, overrun_after) in [("overrun_before", "45 ms"), ("stop_not_confirmed", "1 ms")] {
        let found = profile("die", overrun_after);
        let ((ms, windows), (before_ms, before)) = (blamed(&found, cause), blamed(&control, cause));
        assert!(ms > before_ms + 5 && windows > before + 1, "{ms} ms, before {before_ms} ms: {:#}", found["worst"]);
    }
}
