//! Modes that a guest asks for.

use serde_json::json;

use crate::runs::{figures, lines_of, number, outcome, run_module};
use crate::{alone, guests, incidents};

#[test]
fn a_start_that_the_guest_asks_for_restarts_it_in_place() {
    // Cold forgets what warm keeps; normal is none that could be asked for, and counts as cold.
    for (asked, mode, name, kept) in [("1", 0, "cold_start", 0), ("2", 1, "warm_start", 1), ("3", 0, "cold_start", 0)] {
        for guest in guests() {
            let more = format!("args = [\"mode\", \"{asked}\", \"3\"]");
            let run = run_module(&alone(&guest, &more), &["--json", "-q"]);
            assert_eq!(run.code(), 0, "{run:#?}");
            let json = run.json();
            assert_eq!(outcome(&json, "p")["last"], json!({"kind": "exit", "status": 0}));
            let mut expected = vec!["start 1 condition 0 mode 0 kept 0".to_owned()];
            expected.extend(
                (1..=3).map(|start| format!("start {} condition 1 mode {mode} kept {}", start + 1, kept * start)),
            );
            expected.push("all is well".to_owned());
            assert_eq!(lines_of(&run.stderr, "p"), expected, "{}", guest.display());
            let figures = figures(&json, "p");
            assert_eq!((&figures["mode_requests"], &figures["restarts"]), (&json!(3), &json!(3)));
            assert_eq!((&figures["health"], &figures["failed_exits"]), (&json!([]), &json!(0)));
            let incidents: Vec<_> = incidents(&json).iter().map(|one| (&one["what"], &one["mode"])).collect();
            assert_eq!(incidents, [(&json!("mode_request"), &json!(name)); 3]);
        }
    }
}

#[test]
fn idle_ends_the_partition_and_is_no_failure() {
    for guest in guests() {
        let run = run_module(&alone(&guest, "args = [\"mode\", \"0\"]"), &["--json", "-q"]);
        assert_eq!(run.code(), 0, "{run:#?}");
        let json = run.json();
        let outcome = outcome(&json, "p");
        assert_eq!((&outcome["state"], &outcome["failed"]), (&json!("idle"), &json!(false)));
        assert_eq!(outcome["last"], json!({"kind": "mode_request", "mode": "idle"}));
        assert_eq!(lines_of(&run.stderr, "p"), ["start 1 condition 0 mode 0 kept 0"]);
        // Windows that stay empty as they were meant to are nothing to remark upon.
        let figures = figures(&json, "p");
        assert_eq!(figures["vacant_by_intent"], figures["vacant_windows"]);
    }
}

#[test]
fn restarts_that_a_guest_asks_for_are_bounded_as_crashes_are() {
    for (action, code, ending, births) in [
        ("", 1, json!({"storm": {"partition": "p"}}), 4),
        (", action = \"idle\"", 1, json!("all_ended"), 4),
        // Four starts, then three resets with four starts each; the reset that follows is one too many.
        (", action = \"reset\"", 1, json!({"storm": {"partition": "p"}}), 16),
    ] {
        let [_, rust] = guests();
        let peer = crate::common::guest("r_console");
        let text = crate::common::round_robin(
            &[("p", &rust, "args = [\"mode\", \"2\", \"100000\"]"), ("peer", &peer, "args = [\"count\", \"20\"]")],
            1000,
            1000,
        ) + &format!("[module.storm]\nrestarts = 3\nwithin = \"1 h\"{}\n", action.replace(", ", "\n"));
        let run = run_module(&text, &["--json", "-q"]);
        assert_eq!(run.code(), code, "{run:#?}");
        let json = run.json();
        assert_eq!(json["ending"], ending, "{action} {run:#?}");
        assert_eq!(outcome(&json, "p")["failed"], json!(true));
        // Whether or not the peer got to its end, it did not fail.
        assert_ne!(outcome(&json, "peer")["failed"], json!(true));
        assert_eq!(number(&figures(&json, "p")["births"]), births, "{action}");
        assert!(run.stderr.contains("was to be restarted more than 3 times within 1h"), "{run:#?}");
    }
}
