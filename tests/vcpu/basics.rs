//! The guest that exercises every function, by itself and under windows.

use super::common::{guest, round_robin};
use super::machine::figure;
use super::runs::{lines_of, run, run_until};

fn all_is_well(lines: &[&str]) {
    assert!(lines.iter().filter(|line| line.starts_with("ok: ")).count() >= 20, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("FAILED")), "{lines:#?}");
    assert_eq!(figure(&lines.join("\n"), "failures:"), 0);
}

#[test]
fn every_function_does_what_it_says() {
    let run = run(&[guest("v_irq")]);
    all_is_well(&lines_of(&run.stdout, "v_irq"));
    assert_eq!(run.code(), 0, "{run:#?}");
}

/// Three windows of ten, and a peer that never gives its own back.
#[test]
fn and_does_so_under_windows() {
    let (irq, spin) = (guest("v_irq"), guest("spin"));
    let text = round_robin(&[("irq", &irq, ""), ("spin", &spin, "")], 3000, 4000);
    let run = run_until(&text, &[], "the last line", |said, _| said.contains("failures:"));
    let lines = lines_of(&run.stdout, "irq");
    all_is_well(&lines);
    // It was stopped for 7 ms in every 10.
    let ticks = lines.iter().find(|line| line.starts_with("ticks ")).expect("ticks");
    let missed: u64 = ticks.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    assert!(missed >= 20, "{ticks}");
}
