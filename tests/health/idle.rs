//! Partitions that are not to run.

use serde_json::json;

use crate::common::{guest, round_robin};
use crate::runs::{accounts_for, figures, lines_of, outcome, run_module};

#[test]
fn a_partition_that_starts_idle_stays_idle() {
    let (fail, console) = (guest("r_fail"), guest("r_console"));
    let text = round_robin(
        &[
            ("rests", &fail, "args = [\"undefined\"]\nstart = \"idle\"\nhealth = { crash = \"cold_start\" }"),
            ("works", &console, "args = [\"count\", \"100000\"]"),
        ],
        1000,
        0,
    );
    let run = run_module(&text, &["--json", "--frames", "50"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let json = run.json();
    assert_eq!(json["ending"], json!("complete"));
    let rests = outcome(&json, "rests");
    assert_eq!((&rests["state"], &rests["last"], &rests["failed"]), (&json!("idle"), &json!(null), &json!(false)));
    let figures = figures(&json, "rests");
    assert_eq!((&figures["births"], &figures["windows"]), (&json!(0), &json!(0)));
    accounts_for(&json, "rests", 1, 50);
    assert_eq!(lines_of(&run.stderr, "rests"), [""; 0]);
    assert_eq!(outcome(&json, "works")["state"], json!("normal"));
}

#[test]
fn a_module_that_is_idle_altogether_ends_at_once() {
    let guest = guest("idle");
    let idle = "start = \"idle\"";
    let text = round_robin(&[("a", &guest, idle), ("b", &guest, idle)], 1000, 0);
    let run = run_module(&text, &[]);
    assert_eq!((run.code(), run.stdout.as_str()), (0, ""), "{run:#?}");
    assert!(run.stderr.contains("bulkhead: every partition has ended\n"), "{run:#?}");
}
