//! `bulkhead test` on test images of every kind.

#[path = "common/mod.rs"]
mod common;

use std::process::Stdio;

use common::{Finished, bulkhead, children, eventually, finish, guest, status_field};

fn run(images: &[&str], more: &[&str]) -> Finished {
    let mut command = bulkhead();
    command.arg("test").args(images.iter().map(|image| guest(image))).args(more);
    finish(command)
}

#[test]
fn good_tests_and_announced_failures_are_no_failure() {
    let finished = run(&["t_pass", "t_fatal", "t_soft"], &[]);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stdout.contains("2 passed, 1 expected fail, 0 failed"), "{finished:#?}");
}

#[test]
fn one_bad_test_makes_the_exit_status_1_and_is_named() {
    let finished = run(&["t_pass", "t_cut", "t_crash", "idle"], &["--timeout", "10s"]);
    assert_eq!(finished.code(), 1);
    assert!(finished.stdout.contains("failed: t_crash t_cut\n"), "{finished:#?}");
    assert!(finished.stdout.contains("timeout: idle\n"), "{finished:#?}");
    assert!(finished.stdout.contains("4 tests in "), "{finished:#?}");
}

#[test]
fn a_test_that_hangs_is_stopped_and_leaves_no_process() {
    let finished = run(&["t_hang"], &["--timeout", "10s", "--json"]);
    assert_eq!(finished.code(), 1);
    let json = finished.json();
    assert_eq!(json["tests"][0]["verdict"], "timeout");
    assert!(json["tests"][0]["output"].as_str().unwrap().contains("BEGIN OF TEST HANG"));
}

#[test]
fn tests_end_with_the_runner_however_it_ends() {
    let mut command = bulkhead();
    command.arg("test").arg(guest("t_hang")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut runner = command.spawn().unwrap();
    let run =
        eventually("a run with its guest", || children(runner.id()).into_iter().find(|&run| !children(run).is_empty()));
    runner.kill().unwrap();
    runner.wait().unwrap();
    eventually("the end of the run", || {
        status_field(run, "State").is_none_or(|state| state.starts_with('Z')).then_some(())
    });
}

#[test]
fn a_list_of_expected_failures_is_checked_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("expected");
    std::fs::write(&list, "t_cut # known\n\n# nothing\n").unwrap();
    let list = list.to_str().unwrap();
    assert_eq!(run(&["t_cut"], &["--expected-failures", list]).code(), 0);
    std::fs::write(list, "t_pass\n").unwrap();
    let finished = run(&["t_pass"], &["--expected-failures", list]);
    assert_eq!(finished.code(), 1);
    assert!(finished.stdout.contains("unexpected pass: t_pass"), "{finished:#?}");
}

#[test]
fn a_folder_is_searched_and_results_go_to_junit() {
    let folder = tempfile::tempdir().unwrap();
    let deeper = folder.path().join("a/b");
    std::fs::create_dir_all(&deeper).unwrap();
    std::fs::copy(guest("t_pass"), deeper.join("one.exe")).unwrap();
    std::fs::copy(guest("t_cut"), folder.path().join("two.elf")).unwrap();
    std::fs::write(folder.path().join("notes.exe"), "no image").unwrap();
    std::fs::copy(guest("t_cut"), folder.path().join("linked.norun.exe")).unwrap();
    let logs = folder.path().join("logs");
    let xml = folder.path().join("results.xml");
    let mut command = bulkhead();
    command.arg("test").arg(folder.path()).arg("--junit").arg(&xml).arg("--logs").arg(&logs);
    assert_eq!(finish(command).code(), 1);
    let xml = std::fs::read_to_string(xml).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"one\"") && xml.contains("name=\"two\""), "{xml}");
    assert!(std::fs::read_to_string(logs.join("one.log")).unwrap().contains("*** END OF TEST PASS ***"));
    assert!(std::fs::read_to_string(logs.join("two.log")).unwrap().contains("*** BEGIN OF TEST CUT ***"));
}

#[test]
fn wrong_use_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (path, words) in [(folder.path(), "no test image in there"), (&folder.path().join("gone"), "No such file")] {
        let mut command = bulkhead();
        command.arg("test").arg(path);
        let finished = finish(command);
        assert_eq!(finished.code(), 2);
        assert!(finished.stderr.contains(words) && finished.stderr.lines().count() == 1, "{finished:#?}");
    }
}
