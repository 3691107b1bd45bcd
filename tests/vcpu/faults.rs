//! Faults that a guest handles, and those of its handler. What is said about a guest without one is in tests/health.

use super::common::{Finished, example, guest};
use super::machine::figure;
use super::runs::{lines_of, outcome, run};

fn fault(how: &str) -> Finished {
    run(&[guest("v_fault").to_str().expect("a name"), "--json", "-q", "--", how])
}

/// Five kinds of faults, a thousand of each, with a timer ticking: the handler sees every register, and what it changes is in
/// force behind the fault.
#[test]
fn a_handler_sees_and_changes_every_register() {
    let run = fault("repair");
    let lines = lines_of(&run.stderr, "v_fault").join("\n");
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(figure(&lines, "handled"), 5000);
    assert_eq!(figure(&lines, "ticked"), 1);
    assert_eq!(figure(&lines, "failures"), 0, "{lines}");
}

/// The one message about a fault that ended the guest: signal and place, and the function.
fn ends(how: &str, signal: &str, function: &str) -> Finished {
    let run = fault(how);
    assert_eq!(run.code(), 1, "{run:#?}");
    let messages: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("bulkhead: ")).collect();
    let [message] = messages[..] else { panic!("{messages:#?}") };
    let place = message.strip_prefix(&format!("bulkhead: partition \"v_fault\" crashed: {signal}, instruction 0x"));
    let place = place.unwrap_or_else(|| panic!("{message}"));
    assert!(place.contains(&format!(" in {function}+0x")) && place.ends_with("; action: idle"), "{message}");
    run
}

#[test]
fn a_fault_that_the_handler_declines_ends_the_guest_at_its_place() {
    let run = ends("decline", "SIGFPE", "divide");
    assert_eq!(lines_of(&run.stderr, "v_fault"), ["not mine"]);
}

#[test]
fn a_fault_of_the_handler_ends_the_guest_at_the_handler_s_place() {
    ends("nested", "SIGSEGV at address 0x20", "follow_another");
    ends("same", "SIGSEGV at address 0x20", "follow_another");
}

/// The kernel would begin the handlers' stack anew, and so let the guest fault for ever.
#[test]
fn a_handler_that_uses_up_its_stack_ends_the_guest() {
    let run = fault("deep");
    assert_eq!(run.code(), 1, "{run:#?}");
    assert!(run.stderr.contains("crashed: SIGSEGV at address 0x10003fff"), "{run:#?}");
    assert!(run.stderr.contains(" in use_up_the_stack+0x"), "{run:#?}");
}

/// The red zone ends 16 bytes above the guard page, and the frame has 40.
#[test]
fn an_interrupt_without_room_on_the_stack_ends_the_guest_where_it_was() {
    let run = fault("no_room");
    assert_eq!(run.code(), 1, "{run:#?}");
    assert!(run.stderr.contains("crashed: SIGSEGV at address 0x10001fffffe8, instruction 0x"), "{run:#?}");
    assert!(run.stderr.contains(" in no_room+0x3; action: idle"), "{run:#?}");
    assert_eq!(outcome(&run.json(), "v_fault")["last"]["signal"], 11);
}

#[test]
fn the_example_goes_on_after_its_faults() {
    let run = run(&[example("fault-repair")]);
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(
        lines_of(&run.stdout, "fault-repair"),
        ["no device at 0x40000000", "no device at 0xfee00000", "found a device that says 42"]
    );
}
