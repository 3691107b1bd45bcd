//! The Python example: the flight whose sensors it plays comes out the same every time.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Finished, finish, guest, must, root, skip};
use crate::load::Load;

/// Python, if this host has it.
fn python() -> Option<&'static str> {
    let is_there = Command::new("python3").arg("-c").arg("import sys; assert sys.version_info >= (3, 8)").output();
    let is_there = is_there.is_ok_and(|output| output.status.success());
    if !is_there {
        skip("there is no python3 of version 3.8 or later, which the example needs");
    }
    is_there.then_some("python3")
}

fn example() -> PathBuf {
    // Builds the guests of the examples too.
    guest("idle");
    root().join("examples/lockstep")
}

fn plant(python: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.arg(example().join("plant.py")).args(arguments);
    command.env("BULKHEAD", env!("CARGO_BIN_EXE_bulkhead")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What the plant says of itself, and of the run; it must have gone well.
fn said(finished: &Finished) -> Vec<String> {
    assert_eq!(finished.code(), 0, "{finished:#?}");
    finished.stdout.lines().filter(|line| line.starts_with("plant:")).map(str::to_owned).collect()
}

/// What the display shows.
fn shown(finished: &Finished) -> Vec<&str> {
    finished.stdout.lines().filter(|line| line.starts_with("[display]")).collect()
}

#[test]
fn the_flight_is_the_same_every_time() {
    let Some(python) = python() else { return };
    let first = finish(plant(python, &[]));
    let of_first = said(&first);
    let [.., landed, digest] = of_first.as_slice() else { panic!("{first:#?}") };
    assert!(landed.starts_with("plant: all_ended at 3"), "{first:#?}");
    assert!(first.stderr.trim_end().ends_with(digest.strip_prefix("plant: ").unwrap()), "{first:#?}");
    // The loop is closed: the autopilot has steered the aircraft down to where the display shows it arrive, and was restarted on the way.
    for words in [" 33.6 ---- arrived", "autopilot is back, and careful", "plant: 1.10 s: steered"] {
        assert!(first.stdout.contains(words), "{words}: {first:#?}");
    }

    let elsewhere = |command: &mut Command, folder: &Path| {
        command.current_dir(folder).env("LANG", "tlh").env("PADDING", "x".repeat(3000)).env("PYTHONHASHSEED", "7");
    };
    let _load = Load::start();
    for index in 0..3 {
        let mut command = plant(python, &[]);
        if index > 0 {
            elsewhere(&mut command, &std::env::temp_dir());
        }
        let finished = finish(command);
        assert_eq!(said(&finished), of_first, "{finished:#?}");
        // Which of the two programs writes first is the host's affair.
        assert_eq!(shown(&finished), shown(&first));
    }
}

#[test]
fn the_examples_own_tests_pass() {
    let Some(python) = python() else { return };
    let mut command = Command::new(python);
    command.args(["-m", "unittest", "-v", "test_flight"]).current_dir(example());
    command.env("BULKHEAD", env!("CARGO_BIN_EXE_bulkhead")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = must(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Ran 3 tests") && said.contains("OK"), "{said}");
}
