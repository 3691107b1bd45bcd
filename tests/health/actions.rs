//! Every failure with every action, as seen by the guest, in the output, in the exit status and in the figures.

use serde_json::{Value, json};

use crate::common::{Finished, guest, round_robin};
use crate::runs::{figures, lines_of, number, outcome, run_module};

/// A failure: how the guest brings it about, the table's key, the words for it, and the figure that counts it.
const FAILURES: [(&str, &str, &str, &str); 3] = [
    ("3", "exit", "ended with status 3", "failed_exits"),
    ("null_read", "crash", "crashed: SIGSEGV at address 0x0, instruction", "crashes"),
    ("forbidden", "forbidden_call", "made a forbidden system call: getpid (39), instruction", "forbidden_calls"),
];

/// The error by its own name, where the key is that of a more general one.
fn own_name(key: &str) -> &str {
    if key == "crash" { "memory_violation" } else { key }
}

/// Runs a guest that fails twice if it is let, and a peer that counts windows.
fn fail(how: &str, health: &str, lines: usize, more: &str) -> Finished {
    let (fails, peer) = (guest("r_fail"), guest("r_console"));
    let text = round_robin(
        &[
            ("fails", &fails, &format!("args = [\"{how}\", \"2\"]\nhealth = {{ {health} }}")),
            ("peer", &peer, &format!("args = [\"count\", \"{lines}\"]")),
        ],
        1000,
        1000,
    );
    run_module(&(text + more), &["--json", "-q"])
}

/// The peer has noticed nothing.
fn peer_is_well(run: &Finished, lines: usize) {
    let expected: Vec<_> = (1..=lines).map(|number| format!("line {number}")).collect();
    assert_eq!(lines_of(&run.stderr, "peer"), expected);
    assert_eq!(
        *outcome(&run.json(), "peer"),
        json!({
            "name": "peer",
            "state": "idle",
            "last": {"kind": "exit", "status": 0},
            "failed": false,
            "dropped_output_bytes": 0,
        })
    );
}

fn messages(run: &Finished) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.starts_with("bulkhead: ")).collect()
}

/// The figures of the partition that fails, after `failures` of them.
fn counted(json: &Value, counter: &str, error: &str, action: &str, failures: u64, restarts: u64) {
    let figures = figures(json, "fails");
    for name in ["failed_exits", "crashes", "forbidden_calls"] {
        assert_eq!(number(&figures[name]), if name == counter { failures } else { 0 }, "{name} in {figures:#}");
    }
    assert_eq!(figures["restarts"], json!(restarts));
    assert_eq!(figures["births"], json!(restarts + 1));
    assert_eq!(figures["health"], json!([{"error": own_name(error), "action": action, "count": failures}]));
}

fn said(run: &Finished, words: &str, action: &str, times: usize) {
    let messages = messages(run);
    assert_eq!(messages.len(), times, "{run:#?}");
    for message in messages {
        assert!(message.starts_with(&format!("bulkhead: partition \"fails\" {words}")), "{message}");
        assert!(message.ends_with(&format!("; action: {action}")), "{message}");
    }
}

#[test]
fn ignore_leaves_it_at_that() {
    for (how, error, words, counter) in FAILURES {
        let run = fail(how, &format!("{error} = \"ignore\""), 10, "");
        assert_eq!(run.code(), 0, "{run:#?}");
        let json = run.json();
        assert_eq!(json["ending"], json!("all_ended"));
        let outcome = outcome(&json, "fails");
        assert_eq!((&outcome["state"], &outcome["failed"]), (&json!("idle"), &json!(false)));
        assert_eq!(outcome["last"]["kind"], json!(error));
        said(&run, words, "ignore", 1);
        counted(&json, counter, error, "ignore", 1, 0);
        assert_eq!(lines_of(&run.stderr, "fails"), ["start 1, mode 0, condition 0, failures 0", "last words"]);
        peer_is_well(&run, 10);
    }
}

#[test]
fn idle_stops_the_partition_and_counts_as_a_failure() {
    for (how, error, words, counter) in FAILURES {
        // It is the default too.
        for health in [format!("{error} = \"idle\""), String::new()] {
            let run = fail(how, &health, 10, "");
            assert_eq!(run.code(), 1, "{run:#?}");
            let json = run.json();
            assert_eq!(json["ending"], json!("all_ended"));
            let outcome = outcome(&json, "fails");
            assert_eq!((&outcome["state"], &outcome["failed"]), (&json!("idle"), &json!(true)));
            assert_eq!(outcome["last"]["kind"], json!(error));
            said(&run, words, "idle", 1);
            counted(&json, counter, error, "idle", 1, 0);
            peer_is_well(&run, 10);
        }
    }
}

#[test]
fn a_warm_start_keeps_the_ram() {
    for (how, error, words, counter) in FAILURES {
        let run = fail(how, &format!("{error} = \"warm_start\""), 30, "");
        assert_eq!(run.code(), 0, "{run:#?}");
        let json = run.json();
        assert_eq!(outcome(&json, "fails")["last"], json!({"kind": "exit", "status": 0}));
        said(&run, words, "warm_start", 2);
        counted(&json, counter, error, "warm_start", 2, 2);
        assert_eq!(
            lines_of(&run.stderr, "fails"),
            [
                "start 1, mode 0, condition 0, failures 0",
                "last words",
                "start 2, mode 1, condition 3, failures 1",
                "last words",
                "start 3, mode 1, condition 3, failures 2",
                "all is well",
            ]
        );
        peer_is_well(&run, 30);
    }
}

#[test]
fn a_cold_start_finds_zeroed_ram() {
    for (how, error, words, counter) in FAILURES {
        let run = fail(how, &format!("{error} = \"cold_start\""), 30, "");
        assert_eq!(run.code(), 0, "{run:#?}");
        let json = run.json();
        said(&run, words, "cold_start", 2);
        counted(&json, counter, error, "cold_start", 2, 2);
        assert_eq!(
            lines_of(&run.stderr, "fails"),
            [
                "start 1, mode 0, condition 0, failures 0",
                "last words",
                "start 2, mode 0, condition 3, failures 0",
                "last words",
                "start 3, mode 0, condition 3, failures 0",
                "all is well",
            ]
        );
        peer_is_well(&run, 30);
    }
}

#[test]
fn shutdown_stops_the_module() {
    for (how, error, words, counter) in FAILURES {
        let run = fail(how, &format!("{error} = \"shutdown\""), 100_000, "");
        assert_eq!(run.code(), 1, "{run:#?}");
        let json = run.json();
        assert_eq!(json["ending"], json!({"shutdown": {"partition": "fails"}}));
        assert_eq!(outcome(&json, "fails")["failed"], json!(true));
        assert_eq!(outcome(&json, "peer")["state"], json!("normal"));
        said(&run, words, "shutdown", 1);
        counted(&json, counter, error, "shutdown", 1, 0);
    }
    // In words, where nobody asked for JSON.
    let guest = guest("r_fail");
    let run =
        run_module(&round_robin(&[("p", &guest, "args = [\"3\"]\nhealth = { exit = \"shutdown\" }")], 1000, 0), &[]);
    assert_eq!(run.code(), 1);
    assert!(run.stderr.contains("bulkhead: stopped by the health monitor on behalf of \"p\"; failed: p\n"), "{run:#?}");
}

#[test]
fn the_module_s_table_holds_where_the_partition_s_says_nothing() {
    let module = "[module.health]\nexit = \"shutdown\"\ncrash = \"ignore\"\n";
    let run = fail("null_read", "exit = \"idle\"", 10, module);
    said(&run, "crashed", "ignore", 1);
    let run = fail("3", "exit = \"idle\"", 10, module);
    said(&run, "ended with status 3", "idle", 1);
}

#[test]
fn a_storm_of_restarts_stops_the_module() {
    let (fails, peer) = (guest("r_fail"), guest("r_console"));
    for (error, how, name) in [("crash", "undefined", "illegal_request"), ("exit", "3", "exit")] {
        let text = round_robin(
            &[
                ("fails", &fails, &format!("args = [\"{how}\"]\nhealth = {{ {error} = \"cold_start\" }}")),
                ("peer", &peer, "args = [\"count\", \"100000\"]"),
            ],
            1000,
            1000,
        ) + "[module.storm]\nrestarts = 3\nwithin = \"1 h\"\n";
        let run = run_module(&text, &["--json", "-q"]);
        assert_eq!(run.code(), 1, "{run:#?}");
        let json = run.json();
        assert_eq!(json["ending"], json!({"storm": {"partition": "fails"}}));
        let figures = figures(&json, "fails");
        assert_eq!((&figures["births"], &figures["restarts"]), (&json!(4), &json!(3)));
        assert_eq!(figures["health"], json!([{"error": name, "action": "cold_start", "count": 4}]));
        let last = "bulkhead: partition \"fails\" was to be restarted more than 3 times within 1h: the module stops";
        assert_eq!(messages(&run).last(), Some(&last));
        assert_eq!(messages(&run).len(), 5);
    }
}
