//! Too much output, nonsense in place of output, and nobody who reads it: the windows go on, and so do the others.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::{Finished, bulkhead, finish, guest, round_robin, skip, write_module};
use crate::runs::{Background, accounted, accounts_for, figures, is_real_time, lines_of, number, outcome, run_module};

/// Most memory that a supervisor may take for output that nobody reads, in KiB. It takes some 12 MiB without any.
const MEMORY_KIB: u64 = 40 << 10;
/// The longest name that there is: it makes the prefix of every line long, and so a flood of short lines a larger one.
const SPINS: &str = "spin-under-a-very-very-long-name";
/// Text of notices about output that was dropped.
const DROPPED: &str = "bytes of output dropped";

/// A partition that does as `how` says, one that prints 80 numbered lines, and one that just spins.
fn with_peers(how: &str) -> String {
    let (console, spin) = (guest("r_console"), guest("spin"));
    round_robin(
        &[("hostile", &console, how), ("peer", &console, "args = [\"count\", \"80\"]"), (SPINS, &spin, "")],
        2000,
        2000,
    )
}

/// All windows are accounted for, and the peer has printed what it was to print, if it had the windows for that.
fn nobody_else_noticed(run: &Finished, frames: u64) {
    let json = run.json();
    for name in ["hostile", "peer", SPINS] {
        accounts_for(&json, name, 1, frames);
    }
    let printed = lines_of(&run.stderr, "peer");
    assert!(printed.iter().zip(1..).all(|(line, number)| *line == format!("line {number}")), "{printed:?}");
    if is_real_time(&json) {
        assert!(number(&figures(&json, SPINS)["windows"]) > frames / 8, "{json:#}");
        // It prints a line in each, unless the host leaves it none of its time.
        assert!(
            printed.len() == 80 || number(&figures(&json, "peer")["windows"]) < 120,
            "{} lines: {json:#}",
            printed.len()
        );
        assert!(printed.len() >= 20, "{} lines: {json:#}", printed.len());
    }
}

#[test]
fn a_flood_is_cut_and_nobody_else_notices() {
    // 8 ms a frame, 64 KiB a window: 20 MiB of output.
    let folder = tempfile::tempdir().unwrap();
    let module = write_module(folder.path(), &with_peers("args = [\"flood\", \"100\"]"));
    let run = Background::start(&[module.to_str().unwrap(), "--json", "--frames", "320"]);
    let peak = run.watch_memory();
    let run = run.finish();
    assert_eq!(run.code(), 0, "{}", run.stderr);
    let json = run.json();
    nobody_else_noticed(&run, 320);
    let dropped = number(&outcome(&json, "hostile")["dropped_output_bytes"]);
    assert_eq!(lines_of(&run.stderr, "hostile").iter().any(|line| line.contains(DROPPED)), dropped > 0, "{json:#}");
    // The burst and a second's worth for every second.
    let shown: usize = lines_of(&run.stderr, "hostile").iter().map(|line| line.len() + 1).sum();
    let seconds = number(&json["summary"]["duration_ns"]).div_ceil(1_000_000_000) as usize;
    assert!(shown < (2 + seconds) << 20, "{shown} bytes in {seconds} s");
    assert!(peak > 0 && peak < MEMORY_KIB, "{peak} KiB");
    if dropped == 0 {
        // Guests of a real-time dispatcher have their windows to themselves.
        assert!(!is_real_time(&json), "{json:#}");
        skip("the host left the guest no time to print more than is let through");
    }
}

/// A pipe that nobody reads, and its reading end.
fn unread_pipe() -> (File, Stdio) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    (reader.into(), writer.into())
}

fn report(path: &Path) -> Value {
    let mut command = bulkhead();
    command.args(["report", "--json"]).arg(path);
    // As it stands in what a run says.
    serde_json::json!({ "summary": finish(command).json() })
}

/// A run of 1.2 s, 8 ms a frame, whose console's output nobody reads.
fn run_unread(how: &str, json: bool) {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("x.rec");
    let module = write_module(folder.path(), &with_peers(how));
    let mut args = vec![module.to_str().unwrap(), "--for", "1200ms", "--record", recording.to_str().unwrap()];
    let (mut reader, unread) = unread_pipe();
    let run = if json {
        args.push("--json");
        Background::start_into(&args, None, Some(unread))
    } else {
        Background::start_into(&args, Some(unread), None)
    };
    let peak = run.watch_memory();
    let run = run.finish();
    assert_eq!(run.code(), 0, "{run:#?}");
    assert!(peak > 0 && peak < MEMORY_KIB, "{peak} KiB");
    // It did get stuck: the pipe is full.
    let mut held = Vec::new();
    reader.read_to_end(&mut held).unwrap();
    assert!(held.len() >= 60_000, "{}", held.len());
    let report = report(&recording);
    if is_real_time(&report) {
        assert!(accounted(&report, SPINS, 1) >= 149, "{report:#}");
        assert!(number(&figures(&report, SPINS)["windows"]) > 149 / 8, "{report:#}");
    }
}

#[test]
fn a_reader_that_never_reads_holds_up_nobody() {
    run_unread("args = [\"newlines\", \"100\"]", false);
}

/// With --json the guests' output goes to standard error, and so would messages.
#[test]
fn nor_does_one_that_never_reads_standard_error() {
    run_unread("args = [\"flood\", \"100\"]", true);
}

#[test]
fn a_ring_that_is_overwritten_all_the_time_harms_its_owner_only() {
    let begun = Instant::now();
    let run = run_module(&with_peers("args = [\"scribble\", \"150\"]"), &["--json", "--frames", "160"]);
    let seconds = begun.elapsed().as_secs() as usize;
    assert_eq!(run.code(), 0, "{run:#?}");
    nobody_else_noticed(&run, 160);
    let complaint = "bulkhead: partition \"hostile\" overwrote its console's ring; output was lost\n";
    assert_eq!(run.stderr.matches(complaint).count(), 1, "{run:#?}");
    // Not more than one a second, and one at the end.
    assert!(run.stderr.matches(DROPPED).count() <= seconds + 2, "{run:#?}");
}

#[test]
fn claims_of_dropped_output_do_not_become_a_flood_themselves() {
    let begun = Instant::now();
    let run = run_module(&with_peers("args = [\"drops\", \"150\"]"), &["--json", "--frames", "160"]);
    let seconds = begun.elapsed().as_secs() as usize;
    assert_eq!(run.code(), 0, "{run:#?}");
    nobody_else_noticed(&run, 160);
    assert!((1..=seconds + 2).contains(&run.stderr.matches(DROPPED).count()), "{run:#?}");
    assert!(number(&outcome(&run.json(), "hostile")["dropped_output_bytes"]) > 0);
}

/// Each new process may be told once.
#[test]
fn every_start_may_overwrite_its_ring_once() {
    let console = guest("r_console");
    let how = "args = [\"Scribble\", \"5\"]\nhealth = { exit = \"cold_start\" }";
    let text =
        round_robin(&[("hostile", &console, how)], 2000, 2000) + "[module.storm]\nrestarts = 2\nwithin = \"1 h\"\n";
    let run = run_module(&text, &[]);
    assert_eq!(run.code(), 1, "{run:#?}");
    assert_eq!(run.stderr.matches("overwrote its console's ring").count(), 3, "{run:#?}");
}

/// A line without an end waits a while for it. A run that ends meanwhile shows what there is.
#[test]
fn nothing_is_lost_when_the_run_is_cut_short() {
    let console = guest("r_console");
    let folder = tempfile::tempdir().unwrap();
    let partitions =
        [("tells", &*console, "args = [\"words\"]"), ("peer", &*console, "args = [\"count\", \"100000\"]")];
    let module = write_module(folder.path(), &round_robin(&partitions, 2000, 2000));
    let run = Background::start(&[module]);
    run.wait_for("[peer]  line 5\n");
    run.signal(Signal::SIGTERM);
    let run = run.finish();
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(lines_of(&run.stdout, "tells"), ["half a line"]);
    assert!(run.stdout.ends_with('\n'));
}
