//! What guests' shims note while they run, and what recordings make of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{bulkhead, finish, guest, root, round_robin, write_module};
use crate::exports::read_trace;
use crate::running::alone;
use crate::runs::Background;

const HITS: u64 = 40;

/// Two partitions that play a ball back and forth through two queuing channels, and sleep until it comes.
fn pair(folder: &Path) -> PathBuf {
    let image = guest("c_pair");
    let partitions: [(&str, &Path, &str); 2] = [
        ("serves", &image, "args = [\"serve\", \"idle\", \"40\"]"),
        ("returns", &image, "args = [\"return\", \"idle\", \"40\"]"),
    ];
    let mut text = round_robin(&partitions, 1000, 0);
    for (name, from, to) in [("over", "serves", "returns"), ("back", "returns", "serves")] {
        let ends = format!("source = \"{from}.out\"\ndestinations = [\"{to}.in\"]");
        text +=
            &format!("\n[[channel]]\nname = \"{name}\"\nkind = \"queuing\"\nmessage = \"8 B\"\ndepth = 4\n{ends}\n");
    }
    write_module(folder, &text)
}

/// Runs `module` with a recording; what the run printed on standard error, the recording's events, and its figures.
fn run(module: &Path, recording: &Path, virtually: bool) -> (String, Vec<u8>, Value) {
    let _core = alone();
    let mut command = bulkhead();
    command.arg("run").args(virtually.then_some("--virtual")).arg("--record").arg(recording).arg(module);
    let run = finish(command);
    assert_eq!(run.code(), 0, "{run:#?}");
    let mut command = bulkhead();
    command.args(["report", "--json"]).arg(recording);
    let json = finish(command).json();
    let bytes = std::fs::read(recording).unwrap();
    let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    (run.stderr, bytes[16 + length..].to_vec(), json)
}

#[test]
fn interrupts_and_messages_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let module = pair(folder.path());
    let (_, _, json) = run(&module, &folder.path().join("run.rec"), false);
    let partitions = json["partitions"].as_array().unwrap();
    let count = |of: usize, what: &str| partitions[of][what].as_u64().unwrap();
    for of in 0..2 {
        assert_eq!((count(of, "messages_sent"), count(of, "trace_events_lost")), (HITS, 0), "{json:#}");
        assert!(count(of, "interrupts") > 0, "{json:#}");
        // Each was raised once for each time that it was served, but for one that came when the guest was about to end.
        let (raised, served) = (count(of, "interrupts_raised"), count(of, "interrupts"));
        assert!(raised == served || raised == served + 1, "{raised} raised, {served} served: {json:#}");
    }
    // All hits came to the other side, but for the last one, which may find nobody there.
    assert_eq!(count(1, "messages_arrived"), HITS, "{json:#}");
    assert!((HITS - 1..=HITS).contains(&count(0, "messages_arrived")), "{json:#}");
    // All that was received had been sent, and by all but the last hits it was.
    assert!(count(0, "messages_received") >= HITS - 1 && count(1, "messages_received") >= HITS - 1, "{json:#}");
    assert!(count(0, "messages_received") <= HITS && count(1, "messages_received") <= HITS, "{json:#}");
    assert_eq!((json["unknown_events"].as_u64(), json["misplaced_events"].as_u64()), (Some(0), Some(0)), "{json:#}");
}

#[test]
fn processes_of_the_executive_are_switched() {
    let folder = tempfile::tempdir().unwrap();
    guest("idle");
    let image = root().join("examples/apex/producer-consumer.elf");
    let (_, _, json) = run(&image, &folder.path().join("run.rec"), true);
    let partition = &json["partitions"][0];
    // Ten items go from one process to the other.
    assert!(partition["process_switches"].as_u64().unwrap() >= 4, "{json:#}");
    assert!(partition["timer_ticks"].as_u64().unwrap() > 0, "{json:#}");
    assert!(partition["interrupts"].as_u64() >= partition["timer_ticks"].as_u64(), "{json:#}");
}

#[test]
fn virtual_runs_have_the_same_events_every_time_and_the_same_digest_without() {
    let folder = tempfile::tempdir().unwrap();
    let module = pair(folder.path());
    let digest = |text: &str| text.rsplit_once("digest ").unwrap_or_else(|| panic!("{text}")).1.trim().to_owned();
    let (first_said, first, json) = run(&module, &folder.path().join("first.rec"), true);
    assert_eq!(json["partitions"][0]["messages_sent"].as_u64(), Some(HITS), "{json:#}");
    let (second_said, second, _) = run(&module, &folder.path().join("second.rec"), true);
    assert!(first == second, "{} and {} bytes of events", first.len(), second.len());
    assert_eq!(digest(&first_said), digest(&second_said));
    let mut command = bulkhead();
    command.args(["run", "--virtual"]).arg(&module);
    assert_eq!(digest(&finish(command).stderr), digest(&first_said));
}

/// A trace's interrupts, messages and process slices are those of the figures, and all that were received came from somewhere.
#[test]
fn traces_have_interrupts_and_messages_with_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("run.rec");
    run(&pair(folder.path()), &recording, false);
    // Both queues are looked at, from empty on, and never hold more than they can.
    let csv = folder.path().join("queues.csv");
    super::bulkhead_with(&["report", recording.to_str().unwrap(), "--queues-csv", csv.to_str().unwrap()]);
    let csv = std::fs::read_to_string(csv).unwrap();
    // By channel: when, and how many messages.
    let queues = ["over", "back"].map(|channel| {
        let rows = csv.lines().filter_map(|line| line.split_once(&format!(",{channel},")));
        let number = |text: &str| text.parse::<u64>().unwrap();
        let rows: Vec<_> = rows.map(|(at_ns, row)| (number(at_ns), number(row.strip_suffix(",4").unwrap()))).collect();
        assert!(!rows.is_empty() && rows.iter().all(|&(_, messages)| messages <= 4), "{csv}");
        assert!(rows.windows(2).all(|pair| pair[0].1 != pair[1].1), "{csv}");
        (channel, rows)
    });
    let Some((json, found)) = read_trace(folder.path(), &recording) else { return };
    for (channel, rows) in queues {
        // The same instants with the same numbers.
        assert_eq!(found["waiting"][format!("waiting in {channel}")], serde_json::json!(rows), "{found:#}");
    }
    for partition in json["partitions"].as_array().unwrap() {
        let name = partition["name"].as_str().unwrap();
        for (track, count) in [
            ("interrupts", "interrupts"),
            ("sent", "messages_sent"),
            ("arrived", "messages_arrived"),
            ("received", "messages_received"),
        ] {
            assert_eq!(found[track][name], partition[count], "{found:#} {json:#}");
        }
        assert_eq!(found["raised"][name], serde_json::json!({ "port": partition["interrupts_raised"] }), "{found:#}");
    }
    // A message and its answer for each hit, but for the last.
    assert!((2 * HITS - 1..=2 * HITS).contains(&found["flows"].as_u64().unwrap()), "{found:#}");

    guest("idle");
    let image = root().join("examples/apex/producer-consumer.elf");
    run(&image, &recording, true);
    let (json, found) = read_trace(folder.path(), &recording).unwrap();
    let partition = &json["partitions"][0];
    let slices = found["switches"][partition["name"].as_str().unwrap()].as_u64().unwrap();
    let running = found["running"].as_array().unwrap();
    for name in ["producer", "consumer"] {
        assert!(running.iter().any(|label| label.as_str().unwrap().starts_with(&format!("{name} ("))), "{found:#}");
    }
    // A switch to no process has no slice.
    assert!(slices > 0 && slices <= partition["process_switches"].as_u64().unwrap(), "{found:#} {json:#}");
}

/// The lines of a recording's events that are about `event` and the interrupt line `line`.
fn count_of(recording: &Path, event: &str, line: u32) -> usize {
    let out = recording.with_extension("events.csv");
    super::bulkhead_with(&["report", recording.to_str().unwrap(), "--events-csv", out.to_str().unwrap()]);
    let csv = std::fs::read_to_string(out).unwrap();
    assert!(csv.starts_with("time_ns,partition,event,line,channel,sequence,count\n"), "{csv}");
    assert!(csv.lines().all(|line| line.split(',').count() == 7), "{csv}");
    csv.lines().filter(|row| row.contains(&format!(",{event},{line},,,"))).count()
}

/// The line for windows, at every beginning of one; as often served as raised, but for one that finds the guest ended.
#[test]
fn the_beginning_of_a_window_is_a_raised_interrupt() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("v_time");
    let module = write_module(folder.path(), &round_robin(&[("g", &image, "args = [\"window\", \"40\"]")], 1000, 0));
    for virtually in [false, true] {
        let recording = folder.path().join("run.rec");
        let (_, _, json) = run(&module, &recording, virtually);
        let line = bulkhead_abi::vcpu::line::WINDOW;
        let (raised, entered) =
            (count_of(&recording, "interrupt_raised", line), count_of(&recording, "interrupt_entered", line));
        assert!(entered >= 20 && (raised == entered || raised == entered + 1), "{raised} raised, {entered} entered");
        assert_eq!(json["partitions"][0]["interrupts_raised"].as_u64(), Some(raised as u64), "{json:#}");
    }
}

/// The control has a guest that does not listen to the line.
#[test]
fn typed_text_raises_the_console_interrupt_of_who_listens() {
    let folder = tempfile::tempdir().unwrap();
    let line = bulkhead_abi::vcpu::line::CONSOLE;
    let recording = folder.path().join("run.rec");
    let record = |image: &Path, mode: &str, said: [&str; 2], typed: [&str; 2]| {
        let mut run = Background::start(&[
            image.to_str().unwrap(),
            "-q",
            "--console",
            "raw",
            "--record",
            recording.to_str().unwrap(),
            "--",
            mode,
        ]);
        let mut stdin = run.take_stdin();
        for (said, typed) in said.into_iter().zip(typed) {
            run.wait_for(said);
            stdin.write_all(typed.as_bytes()).unwrap();
        }
        let run = run.finish();
        assert_eq!(run.code(), 0, "{run:#?}");
        (count_of(&recording, "interrupt_raised", line), count_of(&recording, "interrupt_entered", line))
    };
    let (raised, entered) = record(&guest("v_time"), "console", ["ready\n", "read: one\n"], ["one\n", "end\n"]);
    assert!(entered >= 2 && (raised == entered || raised == entered + 1), "{raised} raised, {entered} entered");
    assert_eq!(record(&guest("r_console"), "echo", ["", "one\n"], ["one\n", "end."]), (0, 0));
}

#[test]
fn interrupts_that_a_guest_raises_itself_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("run.rec");
    run(&guest("v_irq"), &recording, true);
    let counts = [32, 33, 34, 35, 40, 45].map(|line| count_of(&recording, "interrupt_raised_by_guest", line));
    // Line 33 is raised again while it is pending.
    assert_eq!(counts, [6, 1, 1, 1, 1, 1]);
    assert_eq!(count_of(&recording, "interrupt_raised", 40), 0);
}

/// Guests that spin and that yield stamp the first instant of every window, after they were continued and before they were stopped. On a
/// busy host there are windows in which a guest had no time at all, but they are not the most every time.
#[test]
fn every_window_has_its_first_instruction() {
    let folder = tempfile::tempdir().unwrap();
    let (spin, idle) = (guest("spin"), guest("idle"));
    let module = write_module(folder.path(), &round_robin(&[("spins", &spin, ""), ("yields", &idle, "")], 2_000, 0));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut shares = Vec::new();
    for _ in 0..20 {
        let recording = super::record(folder.path(), &module, 100);
        let report = super::bulkhead_with(&["report", "--json", recording.to_str().unwrap(), "--csv", &path("x.csv")]);
        let json = report.json();
        let counts = json["partitions"].as_array().unwrap().iter().map(|partition| {
            let figure = |of: &str, what: &str| partition[of][what].as_u64().unwrap();
            let firsts = figure("first_instruction_ns", "count");
            if firsts > 0 {
                // A dispatcher that is no real-time thread may have to make room for the guest before it has noted the start.
                assert!(
                    figure("first_instruction_ns", "min") > figure("dispatcher_lateness_ns", "min"),
                    "{partition:#}"
                );
            }
            (firsts, partition["windows"].as_u64().unwrap())
        });
        let counts: Vec<_> = counts.collect();
        let csv = std::fs::read_to_string(folder.path().join("x.csv")).unwrap();
        for line in csv.lines().filter(|line| line.contains(",ran,")) {
            let number = |column: usize| line.split(',').nth(column).unwrap().parse::<u64>().ok();
            let (Some(awake), Some(end), Some(first)) = (number(5), number(9), number(12)) else { continue };
            assert!(first > awake && first <= end, "{line}");
        }
        if counts.iter().all(|(firsts, windows)| 10 * firsts > 8 * windows) {
            return;
        }
        shares.push(counts);
    }
    panic!("first instructions and windows: {shares:?}");
}

/// A guest that makes millions of interrupts fills no recording, and its neighbour's trace is whole.
#[test]
fn a_guest_that_chatters_is_cut_short_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let (chatter, idle) = (guest("v_chatter"), guest("idle"));
    let partitions: [(&str, &Path, &str); 2] = [("chatters", &chatter, ""), ("quiet", &idle, "")];
    let module = write_module(folder.path(), &round_robin(&partitions, 5_000, 0));
    let recording = super::record(folder.path(), &module, 100);
    let report = super::bulkhead_with(&["report", "--json", recording.to_str().unwrap()]);
    let json = report.json();
    let partition = &json["partitions"][0];
    let number = |of: &str| partition[of].as_u64().unwrap();
    let (taken, lost) = (2 * number("interrupts"), number("trace_events_lost"));
    let allowed = 2 * 2048 + json["duration_ns"].as_u64().unwrap() / 31_250;
    // A pair of events may be torn at each end of what is taken.
    assert!(taken <= allowed + allowed / 50, "{taken} of {allowed}: {partition:#}");
    // How many it makes is the host's affair: that it was stopped short of making them is not.
    assert!(lost > 0 && number("trace_events_in_excess") > 0, "{partition:#}");
    assert_eq!(json["partitions"][1]["trace_events_lost"].as_u64(), Some(0), "{json:#}");
    let said = super::bulkhead_with(&["report", recording.to_str().unwrap()]).stdout;
    assert!(said.contains("lost trace events"), "{said}");
}
