//! How runs in lockstep end, and how they do not begin.

use std::os::unix::net::{UnixListener, UnixStream};

use nix::sys::signal::Signal;
use serde_json::json;

use super::{MS, QUEUES, lock, module, start, start_with};
use crate::common::{bulkhead, eventually, finish, guest, round_robin, write_module};
use crate::talk::Talk;

#[test]
fn a_client_that_vanishes_ends_the_run_in_good_order() {
    // While it is asked.
    let mut a = lock(&module("echo", QUEUES));
    a.advance(MS);
    let finished = a.vanish();
    assert_eq!(finished.code(), 3, "{finished:#?}");
    assert!(finished.stderr.contains("the client in lockstep is gone and has not said \"stop\""), "{finished:#?}");
    assert!(finished.stderr.contains("stopped: the client is gone"), "{finished:#?}");
    // While time passes.
    for mode in ["echo", "spin"] {
        let mut a = lock(&module(mode, QUEUES));
        a.talk.send(&json!({"op": "advance", "until_ns": u64::MAX}));
        let finished = a.vanish();
        assert_eq!(finished.code(), 3, "{finished:#?}");
    }
}

#[test]
fn who_leaves_without_a_word_was_no_client() {
    let waiting = start(&module("echo", QUEUES), &[]);
    for _ in 0..3 {
        drop(Talk::begin(&waiting.socket()));
    }
    let mut a = waiting.connect();
    a.advance(MS);
    // From its first word on there is one client, and no room for another.
    eventually("the socket is gone", || (!a.folder.path().join("socket").exists()).then_some(()));
    let (_, finished) = a.stop();
    assert_eq!(finished.code(), 0, "{finished:#?}");
}

#[test]
fn a_signal_ends_the_wait_for_a_client() {
    let waiting = start(&module("echo", QUEUES), &[]);
    let socket = waiting.socket();
    eventually("the socket is there", || UnixStream::connect(&socket).ok());
    waiting.running.signal(Signal::SIGINT);
    let finished = waiting.running.finish();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(
        finished.stderr.contains("waiting for a client at ") && finished.stderr.contains("interrupted"),
        "{finished:#?}"
    );
    assert!(!socket.exists());
}

#[test]
fn a_signal_ends_the_run_while_the_client_thinks_and_while_time_passes() {
    let mut a = lock(&module("echo", QUEUES));
    a.advance(MS);
    let finished = a.interrupt();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stderr.contains("interrupted"), "{finished:#?}");
    let mut a = lock(&module("spin", QUEUES));
    a.talk.send(&json!({"op": "advance", "until_ns": u64::MAX}));
    // Its first window has begun then.
    a.running.guest(0);
    a.running.signal(Signal::SIGTERM);
    assert_eq!(a.talk.line()["why"], "ended");
    let (end, finished) = a.end();
    assert_eq!((end["ending"].as_str(), finished.code()), (Some("interrupted"), 0), "{finished:#?}");
}

#[test]
fn a_deadlock_that_no_message_can_solve_is_one() {
    // It listens to the console only, whatever comes through its ports.
    let mut a = lock(&module("deaf", QUEUES));
    assert_eq!(a.advance(MS)["why"], "ended");
    let (end, finished) = a.end();
    assert_eq!((end["ending"].as_str(), finished.code()), (Some("deadlock"), 1), "{finished:#?}");
    assert!(finished.stderr.contains("\"a\" waits for console input"), "{finished:#?}");
    // It listens to its ports, but the client has none of them.
    let image = guest("c_outside");
    let loops = QUEUES.replace("outside:in", "b.out").replace("outside:out", "b.in");
    let partitions = ["a", "b"].map(|name| (name, image.as_path(), "args = [\"echo\"]"));
    let mut a = lock(&(round_robin(&partitions, 1000, 0) + &loops));
    assert_eq!(a.advance(MS * 10)["why"], "ended");
    let (end, finished) = a.end();
    assert_eq!((end["ending"].as_str(), finished.code()), (Some("deadlock"), 1), "{finished:#?}");
}

#[test]
fn a_guest_that_fails_is_told_by_the_status() {
    let image = guest("c_time");
    let text = round_robin(&[("a", &image, "args = [\"crash\", \"2\"]")], 2000, 0);
    let mut a = lock(&text);
    let answer = a.advance(20 * MS);
    assert_eq!((&answer["why"], answer["now_ns"].as_u64().unwrap() < 3 * MS), (&json!("ended"), true), "{answer:#}");
    let (end, finished) = a.end();
    assert_eq!((end["ending"].as_str(), finished.code()), (Some("all_ended"), 1), "{finished:#?}");
}

#[test]
fn bounds_hold_in_lockstep_too() {
    for (bound, end_ns) in [(["--until", "5ms"], 5 * MS), (["--frames", "2"], 8 * MS)] {
        let mut a = start(&module("echo", QUEUES), &bound).connect();
        assert_eq!(a.advance(4 * MS)["why"], "reached");
        let answer = a.advance(100 * MS);
        assert_eq!((&answer["why"], &answer["now_ns"]), (&json!("ended"), &json!(end_ns)), "{bound:?}");
        let (end, finished) = a.end();
        assert_eq!((end["ending"].as_str(), finished.code()), (Some("complete"), 0), "{finished:#?}");
    }
}

#[test]
fn ends_outside_need_a_client_and_the_place_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_module(folder.path(), &module("echo", QUEUES));
    for arguments in [&["run"][..], &["run", "--virtual"], &["profile"]] {
        let mut command = bulkhead();
        command.args(arguments).arg(&path);
        let finished = finish(command);
        assert_eq!(finished.code(), 2, "{arguments:?}: {finished:#?}");
        for words in ["channel `to a` ends at a program outside", "\"outside:in\"", "module.toml:", "--lockstep PATH"] {
            assert!(finished.stderr.contains(words), "{arguments:?}: {finished:#?}");
        }
        assert_eq!(finished.stderr.matches("ends at a program outside").count(), 2, "{finished:#?}");
    }
    let mut command = bulkhead();
    command.arg("check").arg(&path);
    assert_eq!(finish(command).code(), 0, "it is a good configuration");
}

#[test]
fn lockstep_is_for_virtual_runs() {
    let mut command = bulkhead();
    command.args(["run", "--lockstep", "/nowhere/socket"]).arg(guest("idle"));
    let finished = finish(command);
    assert_eq!(finished.code(), 2, "{finished:#?}");
    assert!(finished.stderr.contains("--virtual"), "{finished:#?}");
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    let run = || {
        let mut command = bulkhead();
        command.args(["run", "--virtual", "--lockstep"]).arg(&path).arg(guest("idle"));
        finish(command)
    };
    std::fs::write(&path, "precious").unwrap();
    let finished = run();
    assert_eq!(finished.code(), 2, "{finished:#?}");
    assert!(finished.stderr.contains("--lockstep ") && finished.stderr.contains("something else"), "{finished:#?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    let _served = UnixListener::bind(&path).unwrap();
    assert_eq!(run().code(), 2);
    assert!(path.exists());
}

#[test]
fn a_module_without_ports_outside_can_be_moved_too() {
    let image = guest("c_time");
    let text = round_robin(&[("a", &image, "args = [\"sleep\", \"1\"]")], 2000, 0);
    let mut a = start_with(&text, &["--quiet"], |command| _ = command.env("NO_COLOR", "1")).connect();
    assert_eq!(a.talk.hello["ports"], json!([]));
    assert_eq!(a.advance(999 * MS)["why"], "reached");
    assert_eq!(a.ask(json!({"op": "state"}))["state"]["partitions"][0]["timer_ns"], 1000 * MS);
    assert_eq!(a.advance(1001 * MS)["why"], "ended");
    let end = a.talk.line();
    assert_eq!(end["ending"], "all_ended");
    let finished = a.running.finish();
    assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""), "{finished:#?}");
}
