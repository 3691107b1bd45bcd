//! Where interrupts strike and windows end.

use super::common::{bulkhead, finish, round_robin, write_module};
use super::{MS, digest, guest, numbers, run};

#[test]
fn ticks_strike_inside_a_busy_loop_at_their_instants() {
    let finished = run("c_time", &["busy", "10"]);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let ticks = numbers(&finished.stdout, "tick at");
    assert_eq!(ticks.len(), 10);
    let mut before = 0;
    for (index, tick) in ticks.iter().enumerate() {
        let due = (index as u64 + 1) * MS;
        // The handler's own blocks and its reading of the clock come on top.
        assert!((due..due + 100).contains(&tick[0]), "tick {index}: {tick:?}");
        // The loop has a block or two of 2 ns each, and went on between any two ticks.
        let rounds = tick[1] - before;
        assert!((100_000..=500_000).contains(&rounds), "tick {index}: {rounds} rounds");
        before = tick[1];
    }
    // All but the first interval are the same to a handful of rounds.
    let rounds: Vec<u64> = ticks.windows(2).map(|pair| pair[1][1] - pair[0][1]).collect();
    assert!(rounds.iter().all(|&of| of.abs_diff(rounds[0]) < 50), "{rounds:?}");
}

#[test]
fn ticks_strike_in_an_empty_endless_loop_at_their_instants() {
    let runs = [(); 3].map(|()| run("c_time", &["empty", "12"]));
    for finished in &runs {
        assert_eq!(finished.code(), 0, "{finished:#?}");
        let ticks = numbers(&finished.stdout, "tick at");
        assert_eq!(ticks.len(), 12, "{finished:#?}");
        for (tick, numbers) in (1..).zip(&ticks) {
            assert!((tick * MS..tick * MS + 1000).contains(&numbers[0]), "tick {tick} at {}", numbers[0]);
        }
        assert_eq!(digest(finished), digest(&runs[0]));
    }
}

#[test]
fn a_block_takes_what_it_is_told_to() {
    let rounds = |block_ns: &str| {
        let mut command = bulkhead();
        command.args(["run", "--virtual", "--block-ns", block_ns]).arg(guest("c_time")).args(["--", "busy", "3"]);
        let ticks = numbers(&finish(command).stdout, "tick at");
        ticks[2][1] - ticks[1][1]
    };
    let (one, ten) = (rounds("1"), rounds("10"));
    assert!(one.abs_diff(10 * ten) < 1000, "{one} rounds of 1 ns, {ten} of 10 ns");
}

#[test]
fn a_window_ends_in_the_middle_of_a_busy_loop_and_the_loop_goes_on_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("c_time");
    let text =
        round_robin(&[("a", &image, "args = [\"windows\", \"5\"]"), ("b", &image, "args = [\"loop\"]")], 2000, 0);
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--frames", "8"]).arg(write_module(folder.path(), &text));
    let finished = finish(command);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let windows = numbers(&finished.stdout, "window");
    assert_eq!(windows.len(), 5, "{finished:#?}");
    for (index, window) in windows.iter().enumerate() {
        // The second window of a begins with the second frame.
        let begins = (index as u64 + 1) * 4 * MS;
        assert!((begins..begins + 300).contains(&window[1]), "window {index}: {window:?}");
    }
    let rounds: Vec<u64> = windows.windows(2).map(|pair| pair[1][2] - pair[0][2]).collect();
    assert!(rounds.iter().all(|&of| of > 1000 && of.abs_diff(rounds[0]) < 50), "{rounds:?}");
}

#[test]
fn an_hour_of_sleep_is_an_hour_of_virtual_time() {
    let finished = run("c_time", &["once", "3600"]);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let slept = numbers(&finished.stdout, "slept until")[0][0];
    assert!((3_600_000 * MS..3_600_000 * MS + 1000).contains(&slept), "{slept}");
    assert!(finished.stderr.contains("3600.0"), "{finished:#?}");
}

#[test]
fn a_sleeper_in_windows_awakes_in_the_window_after_its_tick() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("c_time");
    let text = round_robin(&[("a", &image, "args = [\"loop\"]"), ("b", &image, "args = [\"sleep\", \"2\"]")], 1500, 0);
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--until", "2100 ms"]).arg(write_module(folder.path(), &text));
    let finished = finish(command);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    // Frames of 3 ms; b has their second half. At 1000 ms frame 333 has 1 ms behind it, at 2000 ms frame 666 has 2 ms.
    let ticks = numbers(&finished.stdout, "tick at");
    assert!((333 * 3 * MS + 1_500_000..333 * 3 * MS + 1_500_100).contains(&ticks[0][0]), "{ticks:?}");
    assert!((2000 * MS..2000 * MS + 100).contains(&ticks[1][0]), "{ticks:?}");
}

#[test]
fn the_time_stamp_counter_and_the_wall_clock_are_virtual_too() {
    let finished = run("c_time", &["counter", "20000"]);
    let counted = numbers(&finished.stdout, "counted")[0].clone();
    assert!((20_000..20_100).contains(&counted[0]) && counted[1] == 0, "{finished:#?}");
    let finished = run("c_time", &["wall"]);
    assert!(finished.stdout.contains("wall 946684800 of virtual time\n"), "{finished:#?}");
    let mut command = bulkhead();
    command.arg("run").arg(guest("c_time")).args(["--", "wall"]);
    let finished = finish(command);
    assert!(finished.stdout.contains(" of real time\n"), "{finished:#?}");
}

#[test]
fn standard_input_is_there_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let typed = folder.path().join("typed");
    std::fs::write(&typed, "end\n").unwrap();
    let mut command = bulkhead();
    command.args(["run", "--virtual"]).arg(guest("v_time")).args(["--", "console"]);
    let child = command.stdin(std::fs::File::open(&typed).unwrap());
    let child = child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let finished = super::common::wait(child);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stdout.contains("read: end\n"), "{finished:#?}");
}
