//! `bulkhead profile`: the exit status is the gate.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::{bulkhead_with, module};
use crate::common::{Finished, bulkhead, guest, round_robin, write_module};
use crate::running::{Running, alone};

fn profile(more: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let module = module(folder.path());
    let _core = alone();
    let args: Vec<&str> = ["profile", module.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
    bulkhead_with(&args)
}

#[test]
fn a_kept_budget_passes_and_a_broken_one_fails() {
    let kept = profile(&["--for", "300ms", "--budget", "nav:start.p50=9s"]);
    assert_eq!(kept.code(), 0, "{kept:#?}");
    assert!(kept.stdout.contains("Module test"), "{kept:#?}");
    let broken = profile(&["--for", "300ms", "--budget", "nav:start=1ns", "--budget", "io:start.p50=9s"]);
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

/// A profile of one guest in windows of a millisecond, by a supervisor that is stopped for so long that whole major frames go by.
fn with_a_pause(args: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let module = write_module(folder.path(), &round_robin(&[("nav", &guest("spin"), "")], 1_000, 1_000));
    let _core = alone();
    let mut command = bulkhead();
    command.arg("profile").args(args).arg(&module);
    let running = Running::start(command);
    running.guests(1);
    running.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::SIGCONT);
    running.finish()
}

#[test]
fn windows_that_did_not_start_break_a_budget_on_starts() {
    let gate = tempfile::NamedTempFile::new().unwrap();
    let path = gate.path().to_str().unwrap();
    // No window starts so late; but some did not start.
    let run = with_a_pause(&["--for", "1s", "--budget", "start=10s", "--budget", "stop=10s", "--gate", path]);
    assert_eq!(run.code(), 1, "{run:#?}");
    let said: Vec<_> = run.stderr.lines().filter(|line| line.contains("budget broken")).collect();
    assert!(said.len() == 1 && said[0].contains("start=10s") && said[0].contains("did not start at all"), "{said:?}");
    let gate: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let missed = gate["missed_windows"].as_u64().unwrap();
    assert!(missed >= 50, "{gate:#}");
    let verdict = &gate["verdicts"][0];
    assert_eq!(
        (&verdict["kept"], &verdict["observed_ns"], &verdict["missed_windows"]),
        (&false.into(), &serde_json::Value::Null, &missed.into())
    );
    assert_eq!(gate["verdicts"][1]["kept"], true, "{gate:#}");
}

#[test]
fn a_window_that_did_not_start_ends_a_run_that_waits_for_a_late_one() {
    // A window lasts a millisecond, so that none starts later than that.
    let run = with_a_pause(&["--for", "100s", "--stop-on", "start>50ms"]);
    assert!(run.code() == 0 && run.stderr.contains("stopped at a window of \"nav\""), "{run:#?}");
}

#[test]
fn a_load_comes_and_goes_with_the_run() {
    for load in ["cpu", "memory", "page-cache", "timers", "cpu,timers"] {
        let run = profile(&["--for", "200ms", "--load", load]);
        assert_eq!(run.code(), 0, "{load}: {run:#?}");
    }
}
