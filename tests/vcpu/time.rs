//! The timer's books, and idling.

use std::io::Write as _;
use std::time::{Duration, Instant};

use nix::sys::wait::WaitStatus;

use super::common::{WATCHDOG, guest, round_robin};
use super::machine::{Machine, figure};
use super::running::alone;
use super::runs::{Background, lines_of, run, run_until};

/// Runs `v_time` to its end in one window of ten, with a peer that never gives its own back; what it said.
fn stopped_most_of_the_time(args: &str) -> String {
    let (time, spin) = (guest("v_time"), guest("spin"));
    let text = round_robin(&[("time", &time, &format!("args = [{args}]")), ("spin", &spin, "")], 500, 4000);
    let run = run_until(&text, &[], "the last line", |said, _| said.contains("failures "));
    let lines = lines_of(&run.stdout, "time").join("\n");
    assert!(lines.contains("failures "), "{run:#?}");
    assert_eq!(figure(&lines, "failures"), 0, "{lines}");
    lines
}

/// 100 µs ticks in windows of 500 µs every 5 ms: most are missed, all are counted, none is early.
#[test]
fn served_and_missed_ticks_add_up() {
    let lines = stopped_most_of_the_time("\"periodic\", \"1000\"");
    let (ticks, missed) = (figure(&lines, "ticks"), figure(&lines, "missed"));
    // A second's at the least, or as many as there were when it noticed in its next window that the second was over.
    assert!(ticks >= 9_900 && missed > ticks / 2, "{lines}");
}

#[test]
fn a_one_shot_fires_once_and_never_early() {
    let lines = stopped_most_of_the_time("\"one_shot\", \"1000\"");
    assert_eq!(figure(&lines, "one-shots"), 1000, "{lines}");
}

/// What the BSP for RTEMS makes of the clock; the guest plays the stops.
#[test]
fn a_32_bit_timecounter_survives_stops_of_any_length() {
    let finished = run(&[guest("v_count")]);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stdout.contains("failures 0"), "{finished:#?}");
}

#[test]
fn every_window_interrupts_once() {
    let lines = stopped_most_of_the_time("\"window\", \"100\"");
    assert!(figure(&lines, "windows") >= 100, "{lines}");
}

/// Each raise waits for the one before it to be served, so one that wakes nobody is the last one.
#[test]
fn idling_loses_no_wake_up() {
    let long = std::env::var("BULKHEAD_TORTURE").is_ok_and(|value| value == "1");
    let rounds = if long { 1_000_000 } else { 30_000 };
    let guest = guest("v_time");
    let _core = alone();
    let mut machine = Machine::new(&guest, &["idle"]);
    machine.go_on();
    machine.wait_for("ready\n");
    let mut pause = 1u64;
    for round in 0..rounds {
        assert!(machine.raise(3 + round % 28), "round {round}");
        let begun = Instant::now();
        while machine.vcpu().pending.load(std::sync::atomic::Ordering::Relaxed) != 0 {
            assert!(begun.elapsed() < WATCHDOG, "round {round}: nobody woke up");
            std::hint::spin_loop();
        }
        // Up to 4 µs: what the guest needs to go back to sleep.
        pause = pause.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_nanos(pause >> 52) {
            std::hint::spin_loop();
        }
    }
    machine.raise(31);
    let (status, text) = machine.finish();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}:\n{text}");
    assert_eq!(figure(&text, "served"), u64::from(rounds), "{text}");
    assert_eq!(figure(&text, "failures"), 0, "{text}");
}

#[test]
fn the_console_interrupts_when_something_is_typed() {
    let guest = guest("v_time");
    let mut run = Background::start(&[guest.to_str().expect("a name"), "--console", "raw", "--", "console"]);
    run.wait_for("ready\n");
    let mut stdin = run.take_stdin();
    for word in ["first\n", "second\n", "end\n"] {
        stdin.write_all(word.as_bytes()).expect("it is read");
        run.wait_for(&format!("read: {word}"));
    }
    let finished = run.finish();
    assert!(finished.stdout.ends_with("failures 0\n"), "{finished:#?}");
    assert_eq!(finished.code(), 0, "{finished:#?}");
}
