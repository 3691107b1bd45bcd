//! `run --record` and `report`, together.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{bulkhead, finish, guest, is_root, round_robin, skip, write_module};
use crate::running::alone;
use crate::runs::{run, run_module};

fn refused(record: &Path, culprit: &str) {
    let idle = guest("idle");
    let run = run(&[idle.to_str().unwrap(), "--frames", "2", "--record", record.to_str().unwrap()]);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:#?}");
    assert_eq!(run.stderr.lines().count(), 1, "{run:#?}");
    assert!(run.stderr.starts_with(&format!("bulkhead: --record: {}: ", record.display())), "{run:#?}");
    assert!(run.stderr.contains(culprit), "{run:#?}");
}

#[test]
fn places_where_no_recording_can_go() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), "not a regular file");
    refused(&folder.path().join("missing/x.rec"), "No such file or directory");
    // Not even root may create a file there.
    refused(Path::new("/sys/x.rec"), "denied");
    refused(Path::new("/dev/full"), "not a regular file");
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused(&fifo, "not a regular file");
}

#[test]
fn a_link_is_refused_and_its_target_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    std::fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    refused(&link, "symbolic link");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    std::fs::remove_file(&target).unwrap();
    refused(&link, "symbolic link");
    assert!(!target.exists());
}

/// Nothing goes to a file before everything else is known to be right.
#[test]
fn a_refused_run_leaves_an_old_recording_alone() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.rec");
    std::fs::write(&old, "old").unwrap();
    let run = run(&["/bin/sh", "--record", old.to_str().unwrap()]);
    assert_eq!(run.code(), 2);
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "old");
}

/// The same figures, but for those that a report has more precisely.
fn counts(summary: &Value) -> Value {
    let mut counts = summary.clone();
    for partition in counts["partitions"].as_array_mut().expect("partitions") {
        let fields = partition.as_object_mut().expect("a partition");
        fields.retain(|name, _| !name.ends_with("_ns"));
    }
    counts
}

fn report(path: &Path) -> crate::common::Finished {
    let mut command = bulkhead();
    command.args(["report", "--json"]).arg(path);
    let report = finish(command);
    assert!(!report.stderr.contains("panicked"), "{report:#?}");
    report
}

/// A module in which something happens: restarts, ends, vacant windows.
fn eventful() -> String {
    let (fail, clock) = (guest("r_fail"), guest("r_clock"));
    round_robin(
        &[
            ("crashes", &fail, "args = [\"null_read\", \"2\"]\nhealth = { crash = \"warm_start\" }"),
            ("exits", &fail, "args = [\"3\", \"1\"]\nhealth = { exit = \"cold_start\" }"),
            ("ticks", &clock, "args = [\"yields\", \"20\"]"),
        ],
        1000,
        1000,
    )
}

#[test]
fn a_report_says_what_the_run_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    let run = run_module(&eventful(), &["--json", "--record", path.to_str().unwrap()]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let json = run.json();
    let report = report(&path);
    assert_eq!(report.code(), 0, "{report:#?}");
    let (said, recorded) = (counts(&json["summary"]), counts(&report.json()));
    assert_eq!(said, recorded, "{said:#}\n{recorded:#}");
    // It is about something.
    let crashes = &recorded["partitions"][0];
    assert_eq!((&crashes["crashes"], &crashes["restarts"], &crashes["births"]), (&json!(2), &json!(2), &json!(3)));
    assert_eq!(crashes["health"], json!([{"error": "memory_violation", "action": "warm_start", "count": 2}]));
    assert_eq!(recorded["truncated_tail"], json!(false));
}

#[test]
fn a_recording_that_was_cut_off_or_damaged_gives_what_it_holds_or_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.rec");
    let run = run_module(&eventful(), &["-q", "--record", path.to_str().unwrap()]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let whole = std::fs::read(&path).unwrap();
    let events = report(&path).json()["events"].as_u64().unwrap();
    let header = whole.len() - 64 * events as usize;

    let damaged = folder.path().join("damaged.rec");
    let report_of = |bytes: &[u8]| {
        std::fs::write(&damaged, bytes).unwrap();
        report(&damaged)
    };
    // Within the events: all whole ones count.
    for (cut, whole_events, torn) in [(0, 0, false), (1, 0, true), (64, 1, false), (64 * 5 + 63, 5, true)] {
        let report = report_of(&whole[..header + cut]);
        assert_eq!(report.code(), 0, "{report:#?}");
        let json = report.json();
        assert_eq!((&json["events"], &json["truncated_tail"]), (&json!(whole_events), &json!(torn)));
    }
    // Within the header: one line that names the file.
    for cut in [0, 1, 7, 8, 15, 16, 100, header - 1] {
        let report = report_of(&whole[..cut]);
        assert_eq!((report.code(), report.stdout.as_str()), (2, ""), "{cut}: {report:#?}");
        assert_eq!(report.stderr.lines().count(), 1, "{report:#?}");
        assert!(report.stderr.starts_with(&format!("bulkhead: {}: ", damaged.display())), "{report:#?}");
    }
    // A byte somewhere: a report or a message, nothing else.
    for step in 0..24 {
        let mut bytes = whole.clone();
        let at = step * (whole.len() - 1) / 23;
        bytes[at] ^= 0xa5;
        let report = report_of(&bytes);
        assert!([0, 2].contains(&report.code()), "byte {at}: {report:#?}");
        assert_eq!(report.code() == 0, report.stderr.is_empty(), "byte {at}: {report:#?}");
    }
}

/// A tiny file system in a mount namespace of its own, so that it is gone with its only user.
#[test]
fn a_full_disk_ends_the_recording_but_not_the_run() {
    let guest = guest("r_clock");
    let folder = tempfile::tempdir().unwrap();
    let args = "args = [\"yields\", \"300\"]";
    let module = write_module(folder.path(), &round_robin(&[("a", &guest, args), ("b", &guest, args)], 500, 0));
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let script = r#"
        set -e
        mount -t tmpfs -o size=16k tmpfs "$2"
        echo mounted >&2
        status=0
        "$0" run "$1" --json -q --record "$2/x.rec" >"$3/run.json" || status=$?
        echo "status $status" >&2
        "$0" report --json "$2/x.rec"
    "#;
    let _core = alone();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, env!("CARGO_BIN_EXE_bulkhead")]);
    command.args([module.as_os_str(), disk.as_os_str(), folder.path().as_os_str()]);
    let finished = finish(command);
    if !finished.stderr.contains("mounted\n") {
        assert!(!is_root() || finished.stderr.contains("permi"), "{finished:#?}");
        return skip("no right to mount a file system");
    }
    assert!(finished.stderr.contains("status 3\n"), "{finished:#?}");
    let messages: Vec<_> = finished.stderr.lines().filter(|line| line.starts_with("bulkhead: ")).collect();
    assert_eq!(messages.len(), 1, "{finished:#?}");
    assert!(messages[0].contains("the recording ends here, what it holds stays readable"), "{finished:#?}");

    let run: Value = serde_json::from_slice(&std::fs::read(folder.path().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["ending"], json!("all_ended"), "the run did not go on to its end");
    assert!(run["recording_error"].as_str().is_some_and(|error| error.contains("space")), "{run:#}");
    let recorded = finished.json();
    let (all, held) = (&run["summary"]["events"], &recorded["events"]);
    assert!(held.as_u64() > Some(100) && held.as_u64() < all.as_u64(), "{held} of {all}");
}
