//! Errors by their code: those that a guest raises, and those that the processor finds.

use serde_json::json;

use crate::runs::{figures, lines_of, run_module};
use crate::{alone, guests, incidents};

const CODES: [&str; 8] = [
    "deadline_missed",
    "application_error",
    "numeric_error",
    "illegal_request",
    "stack_overflow",
    "memory_violation",
    "hardware_fault",
    "power_fail",
];

#[test]
fn every_code_that_a_guest_raises_gets_the_action_of_its_own_key() {
    for (number, code) in CODES.into_iter().enumerate() {
        for guest in guests() {
            let more = format!(
                "args = [\"raise\", \"{number}\", \"1\"]\n[partition.health]\ncrash = \"ignore\"\nexit = \"idle\"\n\
                 {code} = {{ level = \"partition\", action = \"warm_start\" }}\n"
            );
            let run = run_module(&alone(&guest, &more), &["--json", "-q"]);
            assert_eq!(run.code(), 0, "{run:#?}");
            let expected = ["start 1 condition 0 mode 0 kept 0", "start 2 condition 3 mode 1 kept 1", "all is well"];
            assert_eq!(lines_of(&run.stderr, "p"), expected, "{code}");
            let json = run.json();
            let [incident] = incidents(&json) else { panic!("{json:#}") };
            for (key, value) in [
                ("partition", json!("p")),
                ("what", json!("health")),
                ("cause", json!("raised")),
                ("error", json!(code)),
                ("level", json!("partition")),
                ("action", json!("warm_start")),
                ("process", json!(7)),
                ("address", json!(0x1234)),
                ("message", json!("went wrong\u{1b}[2J")),
            ] {
                assert_eq!(incident[key], value, "{code}: {key}");
            }
            let words =
                format!("raised {code} of process 7 at address 0x1234: went wrong\\x1b[2J; action: warm_start\n");
            assert!(run.stderr.contains(&format!("bulkhead: partition \"p\" {words}")), "{run:#?}");
        }
    }
}

#[test]
fn ignoring_an_error_leaves_the_partition_without_a_process() {
    let [c, _] = guests();
    let more = "args = [\"raise\", \"1\"]\nhealth = { application_error = \"ignore\" }";
    let run = run_module(&alone(&c, more), &["--json", "-q"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(figures(&run.json(), "p")["births"], json!(1));
    // The control: the default counts as a failure.
    let run = run_module(&alone(&c, "args = [\"raise\", \"1\"]"), &["--json", "-q"]);
    assert_eq!(run.code(), 1, "{run:#?}");
}

/// A fault, the code that it stands for, whether an address of data goes with it, and what the symbol contains.
const FAULTS: [(&str, &str, bool, &str); 5] = [
    ("memory", "memory_violation", true, "fault"),
    ("stack", "stack_overflow", true, "overflow"),
    ("numeric", "numeric_error", false, "fault"),
    ("illegal", "illegal_request", false, "fault"),
    ("call", "forbidden_call", false, "fault"),
];

#[test]
fn faults_are_told_apart_and_routed_by_their_code() {
    for (how, code, has_address, symbol) in FAULTS {
        for guest in guests() {
            // Its own key decides: everything else would stop the module.
            let others: Vec<_> =
                CODES.iter().filter(|other| **other != code).map(|other| format!("{other} = \"shutdown\"")).collect();
            let more = format!(
                "args = [\"fault\", \"{how}\", \"2\"]\n[partition.health]\ncrash = \"shutdown\"\n{}\n{code} = \"cold_start\"\n",
                others.join("\n")
            );
            let run = run_module(&alone(&guest, &more), &["--json", "-q"]);
            assert_eq!(run.code(), 0, "{how}: {run:#?}");
            let json = run.json();
            assert_eq!(
                figures(&json, "p")["health"],
                json!([{"error": code, "action": "cold_start", "count": 2}]),
                "{how}"
            );
            for incident in incidents(&json) {
                assert_eq!(incident["cause"], json!(if how == "call" { "forbidden_call" } else { "signal" }));
                assert_eq!(incident["level"], json!("partition"));
                assert_eq!(incident["address"].is_u64(), has_address, "{incident:#}");
                assert!(incident["ip"].is_u64(), "{incident:#}");
                assert!(incident["symbol"].as_str().is_some_and(|name| name.contains(symbol)), "{incident:#}");
            }
            assert_eq!(lines_of(&run.stderr, "p").last(), Some(&"all is well"));
        }
    }
}

#[test]
fn a_recording_tells_what_the_run_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("run.rec");
    let [_, rust] = guests();
    let more = "args = [\"raise\", \"0\", \"1\"]\nhealth = { deadline_missed = \"cold_start\" }";
    let path = recording.to_str().expect("a path");
    let run = run_module(&alone(&rust, more), &["--json", "-q", "--record", path]);
    let report = |json: bool| {
        let mut command = crate::common::bulkhead();
        command.arg("report").arg(&recording).env("COLUMNS", "200").env("LC_ALL", "C");
        command.args(json.then_some("--json"));
        crate::common::finish(command)
    };
    assert_eq!(report(true).json()["incidents"], run.json()["summary"]["incidents"]);
    let text = report(false).stdout;
    let line = "s  p: deadline missed (raised by the guest) of process 7 at address 0x1234: went wrong?[2J -> cold start by the partition's table";
    assert!(text.lines().any(|found| found.ends_with(line)), "{text}");
}
