//! The same every time.

use std::process::Command;

use super::common::{bulkhead, finish};
use super::load::Load;
use super::{digest, guest, module};

/// Runs the module of three partitions once; what it printed, and its digest.
fn once(mut command: Command, folder: &std::path::Path) -> (String, String) {
    command.args(["run", "--virtual", "--until", "4s"]).arg(module(folder));
    let finished = finish(command);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    (finished.stdout.clone(), digest(&finished))
}

#[test]
fn many_runs_idle_and_under_load_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let first = once(bulkhead(), folder.path());
    assert!(first.0.contains("[sleeper]") && first.0.contains("[busy]") && first.0.contains("[windows]"));
    for _ in 0..5 {
        assert_eq!(once(bulkhead(), folder.path()), first);
    }
    let load = Load::start();
    for _ in 0..5 {
        assert_eq!(once(bulkhead(), folder.path()), first);
    }
    drop(load);
}

#[test]
fn neither_environment_nor_working_directory_nor_the_place_of_the_files_matters() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = once(bulkhead(), folder.path());
    let mut command = bulkhead();
    command.current_dir("/").env("BULKHEAD_TEST", "x".repeat(5000)).env("LC_ALL", "C");
    assert_eq!(once(command, elsewhere.path()), first);
    let mut command = bulkhead();
    command.env_clear();
    assert_eq!(once(command, elsewhere.path()), first);
}

#[test]
fn another_module_another_digest() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let mut command = bulkhead();
        command.args(["run", "--virtual", "--until", "1s"]).args(more).arg(module(folder.path()));
        digest(&finish(command))
    };
    let first = run(&[]);
    assert_eq!(run(&["--seed", "0"]), first);
    let varied = run(&["--seed", "7"]);
    assert_ne!(varied, first);
    assert_eq!(run(&["--seed", "7"]), varied);
    assert_ne!(run(&["--seed", "8"]), varied);
    assert_ne!(run(&["--block-ns", "3"]), first);
    assert_ne!(run(&["--frames", "3"]), first);
}

#[test]
fn a_slower_run_is_the_same_run() {
    let run = |speed: &str| {
        let mut command = bulkhead();
        command.args(["run", "--virtual", "--until", "300 ms", "--speed", speed]).arg(guest("c_time"));
        command.args(["--", "busy", "200"]);
        let begun = std::time::Instant::now();
        (digest(&finish(command)), begun.elapsed())
    };
    let (fast, _) = run("max");
    let (slow, took) = run("2x");
    assert_eq!(fast, slow);
    assert!(took.as_millis() >= 100, "200 ms at twice real time took {took:?}");
}

#[test]
fn test_compares_the_runs_of_each_test() {
    let mut command = bulkhead();
    command.args(["test", "--virtual", "--repeat", "4", "--json"]).arg(guest("t_pass")).arg(guest("t_soft"));
    let finished = finish(command);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let json = finished.json();
    assert_eq!(json["counts"]["passed"], 1, "{json}");
    assert_eq!(json["counts"]["unrepeatable"], 0, "{json}");
    assert_eq!(json["tests"][0]["digest"].as_str().unwrap().len(), 16);
    let with = |options: &[&str]| {
        let mut command = bulkhead();
        command.args(["test", "--virtual", "--json"]).args(options).arg(guest("c_time"));
        finish(command).json()["tests"][0]["digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(with(&["--block-ns", "2"]), with(&[]));
    assert_ne!(with(&["--block-ns", "3"]), with(&[]));
}

#[test]
fn a_test_that_is_not_the_same_twice_is_told_where() {
    if !std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default().contains(" rdrand ") {
        return super::common::skip("the processor has no random numbers");
    }
    let run = |options: &[&str]| {
        let mut command = bulkhead();
        command.args(["test", "--virtual", "--repeat", "10"]).args(options).arg(guest("c_dice"));
        let finished = finish(command);
        assert_eq!(finished.code(), 1, "{finished:#?}");
        finished
    };
    let text = run(&[]).stdout;
    assert!(text.contains("c_dice:\n    event "), "{text}");
    let finished = run(&["--json"]);
    let json = finished.json();
    assert_eq!(json["counts"]["unrepeatable"], 1, "{json}");
    let output = json["tests"][0]["output"].as_str().unwrap();
    // Births and the first window are the same; the guest's end comes at another instant.
    let words = output.lines().next().unwrap();
    let (before, event) = words.split_once(" s, c_dice: ").unwrap_or_else(|| panic!("{output}"));
    assert!(before.starts_with("event ") && event.starts_with("Exit { status: 0 } in one and 0."), "{output}");
}

/// BULKHEAD_OTHER_BUILD names the binary of another build of the same source, such as a release build beside a debug build.
#[test]
fn another_build_agrees() {
    let Some(other) = std::env::var_os("BULKHEAD_OTHER_BUILD") else {
        return super::common::skip("BULKHEAD_OTHER_BUILD does not name a binary of another build");
    };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(once(bulkhead(), folder.path()), once(Command::new(other), folder.path()));
}
