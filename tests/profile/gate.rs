//! `bulkhead profile`: the exit status is the gate.

use super::{bulkhead_with, module};
use crate::running::alone;

fn profile(more: &[&str]) -> crate::common::Finished {
    let folder = tempfile::tempdir().unwrap();
    let module = module(folder.path());
    let _core = alone();
    let args: Vec<&str> = ["profile", module.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
    bulkhead_with(&args)
}

#[test]
fn a_kept_budget_passes_and_a_broken_one_fails() {
    let kept = profile(&["--for", "300ms", "--budget", "start.p50=9s"]);
    assert_eq!(kept.code(), 0, "{kept:#?}");
    assert!(kept.stdout.contains("Module test"), "{kept:#?}");
    let broken = profile(&["--for", "300ms", "--budget", "nav:start=1ns", "--budget", "io:start=9s"]);
    assert_eq!(broken.code(), 1, "{broken:#?}");
    let said: Vec<_> = broken.stderr.lines().filter(|line| line.contains("budget broken")).collect();
    assert_eq!(said.len(), 1, "{broken:#?}");
    assert!(said[0].contains("\"nav\"") && said[0].contains("start=1ns"), "{said:?}");
}

#[test]
fn mistakes_on_the_command_line_cost_no_run() {
    for args in [
        ["--budget", "begin=1us"],
        ["--budget", "nobody:start=1us"],
        ["--stop-on", "end>1us"],
        ["--load", "earthquake"],
    ] {
        let refused = profile(&args);
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{refused:#?}");
    }
}

#[test]
fn the_first_offender_ends_the_run_and_is_in_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("x.rec");
    // Every window is later than this.
    let stopped =
        profile(&["--for", "100s", "--stop-on", "start>1ns", "--json", "--record", recording.to_str().unwrap()]);
    assert_eq!(stopped.code(), 0, "{stopped:#?}");
    assert!(stopped.stderr.contains("stopped at a window of"), "{stopped:#?}");
    assert!(recording.exists() && !stopped.stderr.contains("nothing is kept"), "{stopped:#?}");
    let forgotten = profile(&["--for", "100s", "--stop-on", "start>1ns"]);
    assert!(forgotten.code() == 0 && forgotten.stderr.contains("nothing is kept"), "{forgotten:#?}");
    let windows =
        stopped.json()["partitions"].as_array().unwrap().iter().map(|p| p["windows"].as_u64().unwrap()).sum::<u64>();
    assert!((1..10_000).contains(&windows), "{windows}");
}

#[test]
fn a_load_comes_and_goes_with_the_run() {
    for load in ["cpu", "memory", "page-cache", "timers", "cpu,timers"] {
        let run = profile(&["--for", "200ms", "--load", load]);
        assert_eq!(run.code(), 0, "{load}: {run:#?}");
    }
}
