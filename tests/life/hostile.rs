//! Reports, honest and otherwise.

use serde_json::json;

use crate::common::{guest, round_robin};
use crate::runs::{figures, lines_of, number, run_module, run_until};
use crate::{alone, guests, incidents};

#[test]
fn reports_are_recorded_and_shown() {
    for guest in guests() {
        let run = run_module(&alone(&guest, "args = [\"report\"]"), &["--json"]);
        assert_eq!(run.code(), 0, "{run:#?}");
        assert!(lines_of(&run.stderr, "p").contains(&"nonsense 0 0"), "{run:#?}");
        let json = run.json();
        let figures = figures(&json, "p");
        assert_eq!((&figures["reports"], &figures["lost_reports"]), (&json!(3), &json!(0)));
        let [mode, message, error] = incidents(&json) else { panic!("{json:#}") };
        assert_eq!((&mode["what"], &mode["mode"]), (&json!("mode"), &json!("normal")));
        assert_eq!((&message["what"], &message["message"]), (&json!("message"), &json!("hot\u{1b}[31m")));
        assert_eq!((&error["what"], &error["error"]), (&json!("handled_error"), &json!("memory_violation")));
        assert_eq!((&error["process"], &error["address"]), (&json!(4), &json!(0x1234)));
        assert_eq!(error["message"].as_str().map(str::len), Some(128));
        let said: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("bulkhead: partition")).collect();
        assert_eq!(said[0], "bulkhead: partition \"p\" reports of process 3: hot\\x1b[31m");
        assert!(
            said[1].starts_with(
                "bulkhead: partition \"p\" dealt with memory_violation of process 4 at address 0x1234: xxx"
            )
        );
        assert_eq!(said.len(), 2);
    }
}

#[test]
fn a_flood_of_reports_is_bounded_and_counted() {
    for guest in guests() {
        let run = run_module(&alone(&guest, "args = [\"flood\"]"), &["--json", "-q"]);
        assert_eq!(run.code(), 0, "{run:#?}");
        let json = run.json();
        let figures = figures(&json, "p");
        let taken = number(&figures["reports"]);
        assert!(lines_of(&run.stderr, "p").contains(&format!("taken {taken} of 100000").as_str()), "{run:#?}");
        assert!((128..100_000).contains(&taken), "{taken}");
        assert_eq!(taken + number(&figures["lost_reports"]), 100_000);
        // What is kept of it is bounded, and the rest is not forgotten.
        assert_eq!(incidents(&json).len(), 100);
        assert_eq!(number(&json["summary"]["incidents_left_out"]), taken - 100);
    }
}

#[test]
fn nonsense_in_every_word_harms_nobody() {
    let (hostile, peer) = (guest("h_life"), guest("r_console"));
    for with in ["0", "1", "2", "3", "127", "128", "255"] {
        // Ending itself, which makes the supervisor look for a last will; and going on.
        for end in ["1", "0"] {
            let text = round_robin(
                &[
                    (
                        "hostile",
                        &hostile,
                        &format!(
                            "args = [\"scribble\", \"{with}\", \"{end}\"]\nhealth = {{ exit = \"ignore\", crash = \"ignore\", application_error = \"ignore\" }}"
                        ),
                    ),
                    ("peer", &peer, "args = [\"count\", \"1000000\"]"),
                ],
                1000,
                1000,
            );
            let run = run_until(&text, &["--json", "-q"], "line 20 of the peer", |_, said| said.contains("line 20\n"));
            let json = run.json();
            let expected: Vec<_> = (1..=20).map(|number| format!("line {number}")).collect();
            assert_eq!(lines_of(&run.stderr, "peer")[..20], expected, "{with} {end}: {run:#?}");
            // It was never allowed to change schedules, and there is only one.
            assert_eq!(json["summary"]["cores"][0]["schedule_switches"], json!(0));
            assert_eq!(number(&figures(&json, "hostile")["births"]), 1, "{run:#?}");
        }
    }
}
