//! `--preempt step`: guests without instrumentation, through which the processor steps.

use std::collections::BTreeSet;

use super::common::{Finished, bulkhead, finish, round_robin, write_module};
use super::{digest, guest, numbers, run};

/// Runs a guest by itself, with further options of `run`.
fn step(options: &[&str], name: &str, arguments: &[&str]) -> Finished {
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--preempt", "step"]).args(options).arg(guest(name)).arg("--").args(arguments);
    finish(command)
}

/// The same, which is to end well.
fn step_well(options: &[&str], name: &str, arguments: &[&str]) -> Finished {
    let finished = step(options, name, arguments);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    finished
}

#[test]
fn a_busy_loop_is_named_and_cured_and_struck_anywhere_and_the_same_every_time() {
    const TICKS: [&str; 3] = ["ticks", "16", "1500"];
    let stuck = run("u_step", &TICKS);
    assert_eq!(stuck.code(), 1, "{stuck:#?}");
    let words = ["partition \"u_step\" spins in ", "u_step.c:", "-fsanitize-coverage=trace-pc", "--preempt step"];
    assert!(words.iter().all(|word| stuck.stderr.contains(word)), "{stuck:#?}");

    let runs = [(); 3].map(|()| step_well(&[], "u_step", &TICKS));
    for finished in &runs {
        assert_eq!((&finished.stdout, digest(finished)), (&runs[0].stdout, digest(&runs[0])));
    }
    let ticks = numbers(&runs[0].stdout, "tick at");
    assert_eq!(ticks.len(), 16, "{:#?}", runs[0]);
    for (index, pair) in ticks.windows(2).enumerate() {
        // Due 1500 ns apart, and 7 ns more each time. A round of the loop is no longer than this, and neither is what is masked.
        let gap = 1500 + 7 * (index as u64 + 1);
        assert!((pair[1][0] - pair[0][0]).abs_diff(gap) < 60, "tick {index}: {pair:?}");
    }
    let places: BTreeSet<u64> = ticks.iter().map(|tick| tick[1]).collect();
    assert!(places.len() >= 4, "{places:?}");
}

#[test]
fn instructions_take_what_they_are_told_to() {
    let rounds = |ns: &str| {
        let ticks = numbers(&step_well(&["--block-ns", ns], "c_time", &["busy", "4"]).stdout, "tick at");
        ticks[3][1] - ticks[2][1]
    };
    // Blocks of an instrumented guest take no time of their own, but are instructions as well.
    let (slow, fast) = (rounds("400"), rounds("100"));
    assert!((300..5_000).contains(&fast), "{fast} rounds of a few instructions in 1 ms, which is 10,000");
    // What the tick itself takes is not there for the loop.
    assert!(slow < fast / 4, "{slow} rounds of 400 ns an instruction, {fast} of 100 ns");
}

#[test]
fn an_empty_endless_loop_is_over_in_no_time() {
    let finished = step_well(&[], "u_step", &["endless", "3600000000000"]);
    let ended = numbers(&finished.stdout, "ended at")[0][0];
    assert!((3_600_000_000_000..3_600_000_002_000).contains(&ended), "{finished:#?}");
}

#[test]
fn repeated_instructions_are_struck_in_their_midst_and_do_all_they_have_to() {
    let finished = step_well(&[], "u_step", &["repeat", "1000"]);
    assert!(finished.stdout.contains("wrong 0\n"), "{finished:#?}");
    let places = numbers(&finished.stdout, "tick at");
    let amidst: Vec<u64> = places.iter().map(|tick| tick[1]).filter(|bytes| (1..1500).contains(bytes)).collect();
    assert!(amidst.len() >= 2, "{finished:#?}");
}

#[test]
fn masked_sections_are_not_struck() {
    let finished = step_well(&[], "u_step", &["mask", "1009"]);
    assert!(finished.stdout.contains("torn 0\n"), "{finished:#?}");
    assert_eq!(numbers(&finished.stdout, "tick at").len(), 12);
}

#[test]
fn the_guest_does_not_see_the_flag_and_cannot_lose_it() {
    let finished = step_well(&[], "u_step", &["flags"]);
    assert!(finished.stdout.contains("flag 0 0 0 0\n"), "{finished:#?}");
    assert!(finished.stdout.contains("steps 1 served 2\n"), "{finished:#?}");
}

#[test]
fn a_guest_that_steps_by_itself_and_has_breakpoints_gets_its_traps() {
    let traps = |finished: &Finished| {
        let line = finished.stdout.lines().find(|line| line.contains("traps")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{finished:#?}"))
    };
    let finished = step_well(&[], "u_step", &["own"]);
    assert!(finished.stdout.contains("steps 1\n"), "{finished:#?}");
    // As many as without the shim's steps, and with the same flags.
    assert_eq!(traps(&finished), traps(&run("u_step", &["own"])));
    assert!(traps(&finished).contains("traps 6 shown 5 breakpoints 1"), "{finished:#?}");
}

#[test]
fn faults_are_repaired_between_ticks() {
    let finished = step_well(&[], "u_step", &["fault", "1100"]);
    assert!(finished.stdout.contains("repaired 40 value 340\n"), "{finished:#?}");
    let repaired: BTreeSet<u64> = numbers(&finished.stdout, "tick at").iter().map(|tick| tick[1]).collect();
    assert!(repaired.len() >= 3, "{finished:#?}");
}

#[test]
fn a_crash_is_reported_as_what_it_is() {
    let finished = step(&["--block-ns", "1000"], "c_time", &["crash", "1"]);
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(finished.stderr.contains("crashed: SIGSEGV at address 0x10"), "{finished:#?}");
    let finished = step(&[], "t_crash", &[]);
    assert_eq!(finished.code(), 1, "{finished:#?}");
}

/// The lines of `v_irq` one by one: masks, nesting, lines, idling, the timer, windows, faults that are repaired.
#[test]
fn the_virtual_cpu_does_all_it_does_in_real_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--preempt", "step", "--block-ns", "100"]);
    command.arg(write_module(folder.path(), &round_robin(&[("a", &guest("v_irq"), "")], 1000, 0)));
    let finished = finish(command);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stdout.contains("failures: 0\n"), "{finished:#?}");
}

/// Registers (those of AVX included where the processor has them), flags, red zone and stacks, held by code that is struck anywhere.
#[test]
fn interrupts_leave_everything_as_it_was() {
    let finished = step_well(&["--block-ns", "20"], "v_torture", &["1"]);
    assert!(finished.stdout.contains("failures 0\n"), "{finished:#?}");
    let interrupts = numbers(&finished.stdout, "interrupts")[0][0];
    assert!(interrupts >= 40, "{finished:#?}");
}

#[test]
fn windows_end_at_an_exact_instruction_on_one_core_and_on_two() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("u_step");
    let partitions = [
        ("a", image.as_path(), "args = [\"ticks\", \"6\", \"30000\"]"),
        ("b", &image, "args = [\"ticks\", \"6\", \"20000\"]\ncore = 1"),
    ];
    let one = round_robin(&partitions, 50, 0).replace("core = 1", "");
    let two = round_robin(&partitions, 50, 0).replace("start = \"50 us\"", "start = \"20 us\"");
    for text in [one, two] {
        let once = || {
            let mut command = bulkhead();
            command.args(["run", "--virtual", "--preempt", "step", "--block-ns", "10"]);
            command.arg(write_module(folder.path(), &text));
            finish(command)
        };
        let (first, second) = (once(), once());
        assert_eq!(first.code(), 0, "{first:#?}");
        assert_eq!(first.stdout.matches("tick at").count(), 12, "{first:#?}");
        assert_eq!((&first.stdout, digest(&first)), (&second.stdout, digest(&second)));
    }
}

#[test]
fn seeds_vary_steps_and_tests_and_explorations_step() {
    let seed = |seed: &str| digest(&step_well(&["--seed", seed], "u_step", &["ticks", "3", "1000"]));
    assert_eq!(seed("5"), seed("5"));
    assert_ne!(seed("5"), seed("0"));

    let mut command = bulkhead();
    command.args(["explore", "--preempt", "step", "--seeds", "3"]).arg(guest("u_step"));
    let explored = finish({
        command.args(["--", "ticks", "3", "1000"]);
        command
    });
    assert_eq!(explored.code(), 0, "{explored:#?}");

    let mut command = bulkhead();
    command.args(["test", "--virtual", "--preempt", "step", "--repeat", "2", "--verbose"]).arg(guest("t_pass"));
    let tested = finish(command);
    assert_eq!(tested.code(), 0, "{tested:#?}");
}

#[test]
fn steps_are_for_virtual_time() {
    for (command, image) in [("run", "idle"), ("test", "t_pass")] {
        let mut refused = bulkhead();
        refused.args([command, "--preempt", "step"]).arg(guest(image));
        assert_eq!(finish(refused).code(), 2, "{command}");
    }
}
