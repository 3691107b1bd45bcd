//! What is said about a guest that crashed: the signal, the address where there is one, the instruction, the function.

use crate::common::{Finished, guest, round_robin};
use crate::runs::{lines_of, outcome, run, run_until};

/// What is said about a guest that fails like this.
fn report(how: &str) -> (String, Finished) {
    let guest = guest("r_fail");
    let run = run(&[guest.to_str().unwrap(), "--json", "-q", "--", how]);
    assert_eq!(run.code(), 1, "{run:#?}");
    let messages: Vec<_> = run.stderr.lines().filter_map(|line| line.strip_prefix("bulkhead: ")).collect();
    assert_eq!(messages.len(), 1, "{run:#?}");
    let message =
        messages[0].strip_prefix("partition \"r_fail\" ").and_then(|rest| rest.strip_suffix("; action: idle"));
    (message.unwrap_or_else(|| panic!("{messages:?}")).to_owned(), run)
}

fn hexadecimal(text: &str) -> u64 {
    let digits = text.strip_prefix("0x").unwrap_or_else(|| panic!("{text:?} is no address"));
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// A crash in a function that bears the name of what went wrong.
fn crashes(how: &str, signal: &str) {
    let (message, run) = report(how);
    let rest = message.strip_prefix(signal).unwrap_or_else(|| panic!("{how}: {message}"));
    let place = rest.strip_prefix(", instruction ").unwrap_or_else(|| panic!("{how}: {message}"));
    let (ip, function) = place.split_once(" in ").unwrap_or_else(|| panic!("{how}: {message}"));
    let name = function.split_once('+').map_or(function, |(name, offset)| {
        assert!(hexadecimal(offset) > 0, "{message}");
        name
    });
    assert_eq!(name, how, "{message}");
    assert_eq!(outcome(&run.json(), "r_fail")["last"]["ip"].as_u64(), Some(hexadecimal(ip)));
}

#[test]
fn memory_violations_have_an_address() {
    crashes("null_read", "crashed: SIGSEGV at address 0x0");
    // `generation` in the boot information, which the guest may only read.
    crashes("host_write", "crashed: SIGSEGV at address 0x100000000014");
}

#[test]
fn a_stack_that_overflows_meets_its_guard_page() {
    let (message, run) = report("stack_overflow");
    let rest = message.strip_prefix("crashed: SIGSEGV at address ").unwrap_or_else(|| panic!("{message}"));
    let (address, rest) = rest.split_once(", instruction ").unwrap();
    assert!((0x1000_1fff_f000..0x1000_2000_0000).contains(&hexadecimal(address)), "{message}");
    assert!(rest.contains(" in stack_overflow+"), "{message}");
    assert_eq!(outcome(&run.json(), "r_fail")["last"]["signal"], 11);
}

#[test]
fn faults_without_an_address_show_none() {
    crashes("division", "crashed: SIGFPE");
    crashes("undefined", "crashed: SIGILL");
    crashes("breakpoint", "crashed: SIGTRAP");
    crashes("privileged", "crashed: SIGSEGV");
    crashes("misaligned", "crashed: SIGSEGV");
    crashes("non_canonical", "crashed: SIGSEGV");
    let (_, run) = report("misaligned");
    assert_eq!(outcome(&run.json(), "r_fail")["last"]["address"], serde_json::Value::Null);
}

#[test]
fn a_jump_into_data_names_the_place_it_led_to() {
    let (message, run) = report("jump_to_data");
    let lines = lines_of(&run.stderr, "r_fail");
    let data = lines.last().and_then(|line| line.strip_prefix("data at ")).expect("the address");
    assert_eq!(message, format!("crashed: SIGSEGV at address {data}, instruction {data}"));
}

#[test]
fn forbidden_calls_have_a_name() {
    let (message, _) = report("forbidden");
    assert!(message.starts_with("made a forbidden system call: getpid (39), instruction 0x"), "{message}");
    assert!(message.contains(" in forbidden+0x"), "{message}");
    let (message, _) = report("forbidden32");
    assert!(message.starts_with("made a forbidden system call: getpid (20) through the 32-bit entry, "), "{message}");
    assert!(message.contains(" in forbidden32+0x"), "{message}");
}

#[test]
fn a_guest_without_a_stack_is_still_reported() {
    crashes("lost_stack", "crashed: SIGILL");
}

/// What a guest writes where the shim leaves its notes does not mislead the report.
#[test]
fn lies_in_the_fault_record_are_not_believed() {
    crashes("lie_first", "crashed: SIGILL");
    let (message, run) = report("lie_and_exit");
    assert_eq!(message, "ended with status 3");
    assert_eq!(outcome(&run.json(), "r_fail")["last"]["kind"], "exit");
}

/// Without its memory the shim cannot note anything. That it crashed is certain all the same.
#[test]
fn a_guest_that_ruined_the_shim_is_still_reported() {
    let (message, _) = report("ruin");
    assert!(message.starts_with("crashed: SIG"), "{message}");
}

/// A wait with a timeout that is stopped in its middle goes on with another call than the one that was made. Whether the
/// guest survives is its own affair; its peers do.
#[test]
fn a_wait_with_a_timeout_harms_its_owner_only() {
    let (fails, peer) = (guest("r_fail"), guest("r_console"));
    let text = round_robin(
        &[
            ("waits", &fails, "args = [\"timed_wait\", \"1\"]\nhealth = { forbidden_call = \"ignore\" }"),
            ("peer", &peer, "args = [\"count\", \"1000000\"]"),
        ],
        1500,
        1500,
    );
    // As long as the host needs for the peer's windows.
    let run = run_until(&text, &["--json", "-q"], "the peer's last line", |_, said| said.contains("line 100\n"));
    assert_eq!(run.code(), 0, "{run:#?}");
    let expected: Vec<_> = (1..=100).map(|number| format!("line {number}")).collect();
    assert_eq!(lines_of(&run.stderr, "peer")[..100], expected);
    let messages: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("bulkhead: ")).collect();
    let killed = |message: &&str| message.contains("made a forbidden system call");
    assert!(messages.len() <= 1 && messages.iter().all(killed), "{run:#?}");
}
