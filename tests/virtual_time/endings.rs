//! How virtual runs end that end badly.

use super::common::{bulkhead, finish, round_robin, write_module};
use super::{digest, guest, run};

#[test]
fn a_module_in_which_nothing_can_happen_any_more_is_a_deadlock() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("c_time");
    let partitions = [("a", image.as_path(), "args = [\"wait\"]"), ("b", &image, "args = [\"busy\", \"3\"]")];
    let mut command = bulkhead();
    command.args(["run", "--virtual"]).arg(write_module(folder.path(), &round_robin(&partitions, 1000, 0)));
    let finished = finish(command);
    assert_eq!(finished.code(), 1, "{finished:#?}");
    let words = "deadlock, nothing can ever happen again: \"a\" waits for console input";
    assert!(finished.stderr.contains(words), "{finished:#?}");
    // Not before the other one has done all it had to do.
    assert_eq!(finished.stdout.matches("tick at").count(), 3, "{finished:#?}");
}

/// There is no block to count in it, so the loop is as good as asleep.
#[test]
fn an_empty_endless_loop_without_interrupts_to_come_is_a_deadlock() {
    let finished = run("c_time", &["empty"]);
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(finished.stderr.contains("deadlock, nothing can ever happen again: \"c_time\" waits for"), "{finished:#?}");
}

#[test]
fn a_guest_that_spins_without_instrumentation_is_named_and_told_the_cure() {
    let finished = run("spin", &[]);
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(finished.stderr.contains("partition \"spin\" spins in main"), "{finished:#?}");
    assert!(finished.stderr.contains("spin.c:"), "{finished:#?}");
    assert!(finished.stderr.contains("-fsanitize-coverage=trace-pc"), "{finished:#?}");
    assert!(finished.stderr.contains("--preempt step"), "{finished:#?}");
}

#[test]
fn a_crash_happens_at_the_same_instant_every_time() {
    let runs = [(); 3].map(|()| run("c_time", &["crash", "2"]));
    for finished in &runs {
        assert_eq!(finished.code(), 1, "{finished:#?}");
        assert!(finished.stderr.contains("crashed: SIGSEGV at address 0x10"), "{finished:#?}");
        assert!(finished.stderr.contains("0.002"), "{finished:#?}");
        assert_eq!(digest(finished), digest(&runs[0]));
    }
}

#[test]
fn a_partition_that_crashes_again_and_again_is_a_storm_in_virtual_time() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("c_time");
    let health = "args = [\"crash\", \"2\"]\n[partition.health]\ncrash = \"cold_start\"";
    let text = round_robin(&[("a", &image, health), ("b", &image, "args = [\"loop\"]")], 2000, 0);
    let path = write_module(folder.path(), &text);
    let once = || {
        let mut command = bulkhead();
        command.args(["run", "--virtual"]).arg(&path);
        finish(command)
    };
    let (first, second) = (once(), once());
    assert_eq!(first.code(), 1, "{first:#?}");
    assert!(first.stderr.contains("was to be restarted more than"), "{first:#?}");
    assert!(first.stdout.matches("tick at").count() > 2, "{first:#?}");
    assert_eq!((first.stdout, first.stderr.lines().count()), (second.stdout.clone(), second.stderr.lines().count()));
}

#[test]
fn a_virtual_run_says_what_it_cannot_do() {
    for arguments in [["--until", "1s"], ["--block-ns", "2"], ["--speed", "1x"]] {
        let mut command = bulkhead();
        command.arg("run").args(arguments).arg(guest("idle"));
        assert_eq!(finish(command).code(), 2, "{arguments:?} without --virtual");
    }
    for speed in ["0x", "-1x", "fast", "nanx", "infx"] {
        let mut command = bulkhead();
        command.args(["run", "--virtual", "--speed", speed]).arg(guest("idle"));
        assert_eq!(finish(command).code(), 2, "{speed}");
    }
}
