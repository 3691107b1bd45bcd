//! Interrupts at random instructions of code that notices if one of them changes anything, and books that must balance.

use std::time::{Duration, Instant};

use nix::sys::wait::WaitStatus;

use super::common::{guest, round_robin};
use super::machine::{Machine, figure};
use super::running::alone;
use super::runs::{lines_of, run_until};

/// Set to 1 for five million interrupts from outside and a storm of ten thousand stops.
const LONG: &str = "BULKHEAD_TORTURE";
/// The lines that `v_torture` expects interrupts from outside on, and the one that ends it.
const LINES: std::ops::Range<u32> = 3..31;
const STOP: u32 = 31;

fn long() -> bool {
    std::env::var(LONG).is_ok_and(|value| value == "1")
}

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn wait_ns(ns: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_nanos(ns) {
        std::hint::spin_loop();
    }
}

struct Storm {
    /// Rings at least this often and for at least this long.
    rings: u64,
    least: Duration,
    /// One ring in so many is followed by a stop of 200 µs; 0: none is.
    stop_every: u64,
}

/// Lets a storm loose on the torture guest; the guest's own books, and those of what was raised, must balance.
fn torture(storm: &Storm) -> String {
    let guest = guest("v_torture");
    let _core = alone();
    let mut machine = Machine::new(&guest, &[]);
    machine.go_on();
    machine.wait_for("ready\n");
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let mut raised = [0u64; 64];
    let mut stops = 0u64;
    let begun = Instant::now();
    let mut rings = 0;
    while rings < storm.rings || begun.elapsed() < storm.least {
        let line = LINES.start + dice.roll(u64::from(LINES.end - LINES.start)) as u32;
        raised[line as usize] += u64::from(machine.raise(line));
        rings += 1;
        if storm.stop_every > 0 && dice.roll(storm.stop_every) == 0 {
            machine.stop();
            // What is raised meanwhile arrives with the continuation.
            raised[LINES.start as usize] += u64::from(machine.raise(LINES.start));
            wait_ns(200_000);
            machine.go_on();
            stops += 1;
        }
        wait_ns(dice.roll(12_000));
        if rings % 4096 == 0 && machine.output().contains("FAILED") {
            break;
        }
    }
    let took = begun.elapsed();
    machine.raise(STOP);
    let (status, text) = machine.finish();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}:\n{text}");
    for line in LINES {
        assert_eq!(figure(&text, &format!("line {line} served")), raised[line as usize], "line {line}:\n{text}");
    }
    let (outside, timer) = (raised.iter().sum::<u64>(), figure(&text, "timer"));
    let rate = (outside + timer) as f64 / took.as_secs_f64();
    eprintln!(
        "{rings} rings, {stops} stops in {:.1} s: {outside} interrupts from outside, {timer} of the timer ({rate:.0}/s at random \
         instructions), {} in all, {} of them nested; {} checks",
        took.as_secs_f64(),
        figure(&text, "interrupts"),
        figure(&text, "nested"),
        figure(&text, "rounds"),
    );
    // A test of nothing must not pass. How many there are a second is the host's affair.
    assert!(outside > storm.rings / 10 && timer > 0 && figure(&text, "nested") > 0, "{text}");
    text
}

#[test]
fn nothing_changes_and_nothing_is_lost_under_interrupts_everywhere() {
    // Some of the rings come while a line is still pending; 7 million leave 5 million interrupts at random instructions.
    let rings = if long() { 7_000_000 } else { 100_000 };
    torture(&Storm { rings, least: Duration::from_secs(4), stop_every: 0 });
}

#[test]
fn nothing_changes_and_nothing_is_lost_in_a_storm_of_stops() {
    let rings = if long() { 200_000 } else { 10_000 };
    torture(&Storm { rings, least: Duration::from_secs(2), stop_every: 20 });
}

/// The same guest as a partition: windows of 200 µs, with a peer that never gives its own back.
#[test]
fn nothing_changes_and_nothing_is_lost_across_short_windows() {
    let (torture, spin) = (guest("v_torture"), guest("spin"));
    let ms = if long() { "20000" } else { "2000" };
    let text = round_robin(&[("torture", &torture, &format!("args = [\"{ms}\"]")), ("spin", &spin, "")], 200, 100);
    let run = run_until(&text, &[], "the last line", |said, _| said.contains("failures "));
    let lines = lines_of(&run.stdout, "torture").join("\n");
    assert_eq!(figure(&lines, "failures"), 0, "{run:#?}");
    assert!(figure(&lines, "timer") > 0 && figure(&lines, "interrupts") > 0, "{run:#?}");
    eprintln!("{} interrupts, {} of the timer", figure(&lines, "interrupts"), figure(&lines, "timer"));
}
