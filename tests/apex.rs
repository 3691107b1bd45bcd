//! ARINC 653 conformance: guests in C and in Rust call every service under the real supervisor, check what they get and
//! print a line per check. `docs/apex-conformance.md` is written from these lines: with BULKHEAD_BLESS=1 anew, and
//! otherwise it is compared with what the guests printed.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "apex/document.rs"]
mod document;
#[path = "apex/examples.rs"]
mod examples;
#[path = "apex/guests.rs"]
mod guests;
#[path = "apex/lines.rs"]
mod lines;
#[path = "apex/services.rs"]
mod services;

use guests::{GUESTS, checks_of};
use lines::{Check, Subject, parse};

/// Fails unless all checks of a run of guests passed, and the guests got through.
fn conforms(name: &str) {
    let checks = checks_of(name);
    let failed: Vec<String> = checks.iter().filter(|check| !check.passed).map(Check::to_string).collect();
    assert!(failed.is_empty(), "{name}: {} of {} checks failed: {failed:#?}", failed.len(), checks.len());
}

macro_rules! conformance {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            conforms(stringify!($name));
        })*

        #[test]
        fn every_run_is_a_test() {
            let tests = [$(stringify!($name)),*];
            assert!(GUESTS.iter().map(|run| run.name).eq(tests), "{tests:?}");
        }
    };
}

conformance! {
    c_init c_process c_time c_handler c_sampling c_queuing c_overflow c_restart c_escalate c_schedules c_limits
    c_blocks
    c_logbook c_buffer c_blackboard c_semaphore c_event c_mutex
    r_process r_objects r_handler
}

#[test]
fn virtual_time_shows_what_real_time_shows() {
    for run in GUESTS {
        if let Some(checks) = guests::checks_in_virtual_time(run.name) {
            assert!(checks.iter().all(|check| check.passed), "{}: {checks:#?}", run.name);
            assert_eq!(checks, checks_of(run.name), "{}", run.name);
        }
    }
}

#[test]
fn every_code_of_every_service_is_shown() {
    let missing = document::missing(&guests::all());
    assert!(missing.is_empty(), "no check shows: {missing:#?}");
}

#[test]
fn the_document_says_what_the_guests_showed() {
    let checks = guests::all();
    assert!(checks.iter().all(|check| check.passed), "a document of failures is not written");
    document::compare(&document::write(&checks));
}

#[test]
fn a_failed_check_is_seen() {
    let text = "check START NO_ACTION dormant: FAIL (NO_ERROR)\ntrap 7 START waits: PASS\ndone 2 checks\n";
    let checks = parse("sample", &text.lines().collect::<Vec<_>>()).expect("well-formed");
    assert_eq!(checks.len(), 2);
    assert!(!checks[0].passed && checks[1].passed, "{checks:?}");
    assert_eq!(checks[1].subject, Subject::Trap(7));
}

#[test]
fn a_guest_that_does_not_get_through_is_seen() {
    for text in
        ["check START NO_ACTION dormant: PASS", "check START NO_ACTION dormant: PASS\ndone 2 checks", "check what"]
    {
        parse("sample", &text.lines().collect::<Vec<_>>()).expect_err(text);
    }
}
