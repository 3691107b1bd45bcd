//! Memory blocks between real guests: who sees what, who may write, and what a restart leaves.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

use bulkhead_abi::map;
use common::{Finished, guest, round_robin};
use serde_json::{Value, json};

/// Runs guests in these roles, with further lines each, and the block "map" of 64 KiB.
fn run(roles: &[(&str, &str)], readers: &[&str], writers: &[&str]) -> (Finished, Value) {
    let image = guest("m_block");
    let lines: Vec<String> = roles.iter().map(|(role, more)| format!("args = [\"{role}\"]\n{more}")).collect();
    let list: Vec<_> = roles.iter().zip(&lines).map(|((role, _), lines)| (*role, &*image, lines.as_str())).collect();
    let block =
        format!("[[memory]]\nname = \"map\"\nsize = \"64 KiB\"\nreaders = {readers:?}\nwriters = {writers:?}\n");
    let finished = runs::run_module(&(round_robin(&list, 500, 500) + &block), &["--json"]);
    assert!(!finished.stderr.contains("FAILED"), "{finished:#?}");
    let json = finished.json();
    (finished, json)
}

fn says(finished: &Finished, role: &str, expected: &[&str]) {
    assert_eq!(runs::lines_of(&finished.stderr, role), expected, "{role}: {finished:#?}");
}

/// What a block of 64 KiB looks like at the first block's address.
fn seen(writable: u32) -> String {
    format!("{:x}, 65536 bytes, writable {writable}: 1 2", map::BLOCKS.base)
}

#[test]
fn what_a_writer_writes_a_reader_reads_at_the_same_address() {
    let (finished, _) = run(&[("write", ""), ("read", "")], &["read"], &["write"]);
    says(&finished, "write", &[&seen(1)]);
    says(&finished, "read", &[&seen(0)]);
}

#[test]
fn a_partition_that_is_not_named_does_not_have_it() {
    let (finished, json) = run(&[("write", ""), ("absent", "")], &[], &["write"]);
    says(&finished, "absent", &["not found, none"]);
    let last = &runs::outcome(&json, "absent")["last"];
    assert_eq!((&last["kind"], &last["signal"]), (&json!("crash"), &json!(11)), "{last:#}");
    assert_eq!(last["address"], json!(map::BLOCKS.base));
}

#[test]
fn a_reader_that_writes_violates_memory() {
    let (finished, json) =
        run(&[("write", ""), ("poke", "health = { memory_violation = \"idle\" }")], &["poke"], &["write"]);
    says(&finished, "poke", &[&seen(0)]);
    let last = &runs::outcome(&json, "poke")["last"];
    assert_eq!((&last["kind"], &last["signal"]), (&json!("crash"), &json!(11)), "{last:#}");
    assert_eq!(last["address"], json!(map::BLOCKS.base + 65536 - 8));
    let health = &runs::figures(&json, "poke")["health"];
    assert_eq!(health, &json!([{ "error": "memory_violation", "action": "idle", "count": 1 }]));
    // The control: the same act of a partition that may.
    let (finished, _) = run(&[("write", ""), ("poke", "")], &[], &["write", "poke"]);
    says(&finished, "poke", &[&seen(1), "lives"]);
}

#[test]
fn a_reader_that_wants_to_make_it_writable_is_killed() {
    let (finished, json) = run(&[("write", ""), ("unlock", "")], &["unlock"], &["write"]);
    says(&finished, "unlock", &[&seen(0)]);
    assert_eq!(runs::outcome(&json, "unlock")["last"]["kind"], "forbidden_call", "{json:#}");
}

/// A cold start of the partition keeps the contents; a reset of the module (start condition 2) does not.
#[test]
fn contents_outlive_a_cold_start_and_end_with_a_reset() {
    let health = "health = { memory_violation = \"cold_start\", numeric_error = \"reset\" }";
    let (finished, _) = run(&[("keep", health)], &[], &["keep"]);
    says(&finished, "keep", &["start 1, condition 0: 0", "start 2, condition 3: 1", "start 3, condition 2: 0"]);
}
