//! Windows and time, as guests see them.

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bulkhead::dispatch::clock::now_ns;
use bulkhead::record::event::Kind;
use bulkhead::record::file::Reader;
use serde_json::json;

use crate::common::{guest, round_robin};
use crate::runs::{accounted, accounts_for, figures, lines_of, number, outcome, run, run_module};

/// How far a guest's clock may be off, in nanoseconds. It is derived from a measurement of a few milliseconds at first.
const CLOCK_ERROR_NS: u64 = 100_000;

fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[test]
fn a_guests_clocks_are_the_hosts() {
    let guest = guest("r_clock");
    let (before, wall_before) = (now_ns(), wall_ns());
    let run = run(&[guest.to_str().unwrap()]);
    let (after, wall_after) = (now_ns(), wall_ns());
    let told: HashMap<&str, u64> = lines_of(&run.stdout, "r_clock")
        .iter()
        .map(|line| line.split_once(' ').expect("a name and a number"))
        .map(|(name, ns)| (name, ns.parse().expect("a number")))
        .collect();
    assert!(before < told["epoch"] && told["epoch"] <= told["now"] && told["now"] < after, "{before} {told:?} {after}");
    let wall = told["wall"];
    assert!(wall_before < wall + CLOCK_ERROR_NS && wall < wall_after + CLOCK_ERROR_NS, "{wall_before} {wall}");
}

/// Each line is from one window. Whatever else the host has to do may cost the guest windows, but not in virtual time.
#[test]
fn yield_returns_once_a_window() {
    let guest = guest("r_clock");
    let windows = |options: &[&str]| -> Vec<u32> {
        let run = run(&[options, &[guest.to_str().unwrap(), "--", "yields", "50"]].concat());
        let lines = lines_of(&run.stdout, "r_clock").into_iter();
        let numbers = lines.map(|line| line.strip_prefix("window ").and_then(|number| number.parse().ok()));
        numbers.map(|number| number.expect("a window's number")).collect()
    };
    let seen = windows(&[]);
    assert_eq!(seen.len(), 50);
    assert!(seen[0] >= 2, "the first yield returned within window 1");
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "twice in one window: {seen:?}");
    assert_eq!(windows(&["--virtual"]), (2..52).collect::<Vec<_>>());
}

/// What a spinning guest saw of one window.
#[derive(Debug, Clone, Copy)]
struct Seen {
    window: usize,
    first_ns: u64,
    last_ns: u64,
}

fn seen(lines: &[&str]) -> Vec<Seen> {
    let words = lines.iter().filter_map(|line| line.strip_prefix("run "));
    words
        .map(|line| {
            let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
            Seen { window: numbers[0] as usize, first_ns: numbers[1], last_ns: numbers[2] }
        })
        .collect()
}

/// The instants between which a partition's guest may run in each of its windows, in order, as the dispatcher recorded
/// them. A real-time dispatcher takes the core by awaking; any other has to wait until the stop is confirmed.
fn recorded(path: &Path, partition: u16, is_real_time: bool) -> Vec<(u64, u64)> {
    let reader = Reader::open(path).expect("a recording");
    let mut open = Vec::new();
    for event in reader {
        let event = event.expect("an event");
        match event.kind {
            _ if event.partition != partition => {}
            Kind::WindowStart { awake_ns, .. } => open.push((awake_ns, u64::MAX)),
            Kind::WindowEnd { awake_ns, confirmed_ns, .. } => {
                let end = if is_real_time { awake_ns } else { confirmed_ns };
                // 0: the stop was not confirmed in time, and nobody knows.
                open.last_mut().expect("a window that began").1 = if end == 0 { u64::MAX } else { end };
            }
            _ => {}
        }
    }
    open
}

#[test]
fn windows_of_a_core_exclude_each_other_and_keep_their_instants() {
    let spin = guest("r_clock");
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("spin.rec");
    let args = "args = [\"spin\", \"25\"]";
    let text = round_robin(&[("a", &spin, args), ("b", &spin, args)], 3000, 2000);
    let run = run_module(&text, &["--record", recording.to_str().unwrap()]);
    assert_eq!(run.code(), 0, "{run:#?}");

    let is_real_time = Reader::open(&recording).expect("a recording").header().host["dispatcher"] == "fifo";
    let mut all = Vec::new();
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let lines = lines_of(&run.stdout, name);
        assert_eq!(lines.last(), Some(&"backwards 0"), "{run:#?}");
        let seen = seen(&lines);
        assert_eq!(seen.len(), 25);
        let windows = recorded(&recording, index as u16, is_real_time);
        for seen in &seen {
            let (begun, ended) = windows[seen.window - 1];
            assert!(seen.first_ns + CLOCK_ERROR_NS > begun, "{name} ran before its window: {seen:?}, {begun}");
            assert!(
                seen.last_ns < ended.saturating_add(CLOCK_ERROR_NS),
                "{name} ran after its window: {seen:?}, {ended}"
            );
        }
        all.extend(seen.into_iter().map(|seen| (seen, name)));
    }
    all.sort_by_key(|(seen, _)| seen.first_ns);
    for pair in all.windows(2) {
        let [(earlier, a), (later, b)] = pair else { unreachable!() };
        assert!(earlier.last_ns < later.first_ns, "{a} and {b} overlap: {earlier:?} {later:?}");
    }
    // They did take turns, as often as the host let them: otherwise nothing has been tested.
    let turns = all.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    assert!(turns > 1, "{all:?}");
}

#[test]
fn frames_are_counted_exactly() {
    let (spin, idle, clock) = (guest("spin"), guest("idle"), guest("r_clock"));
    let text = format!(
        r#"
        [module]
        name = "count"
        major_frame = "8 ms"

        [[partition]]
        name = "spins"
        image = "{}"

        [[partition]]
        name = "waits"
        image = "{}"

        [[partition]]
        name = "ends"
        image = "{}"
        args = ["yields", "5"]

        [[partition]]
        name = "never"
        image = "{}"
        start = "idle"

        [[window]]
        partition = "spins"
        start = "0 ms"
        duration = "1 ms"
        every = "2 ms"

        [[window]]
        partition = "waits"
        start = "1 ms"
        duration = "500 us"
        every = "4 ms"

        [[window]]
        partition = "ends"
        start = "3 ms"
        duration = "1 ms"

        [[window]]
        partition = "never"
        start = "7 ms"
        duration = "1 ms"
        "#,
        spin.display(),
        idle.display(),
        clock.display(),
        idle.display()
    );
    // Code that spins would not move the virtual clock.
    let calm = text.replace(&spin.display().to_string(), &idle.display().to_string());
    let run = run_module(&calm, &["--frames", "60", "--json", "--virtual"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let ends = figures(&run.json(), "ends").clone();
    assert_eq!((&ends["windows"], &ends["vacant_windows"]), (&json!(6), &json!(54)), "in virtual time: {ends:#}");

    let run = run_module(&text, &["--frames", "60", "--json"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let json = run.json();
    assert_eq!(json["ending"], json!("complete"));
    for (name, windows_a_frame) in [("spins", 4), ("waits", 2), ("ends", 1), ("never", 1)] {
        accounts_for(&json, name, windows_a_frame, 60);
    }
    assert!(number(&figures(&json, "spins")["windows"]) > 0, "{json:#}");
    // It yields five times; when it had the time for that is the host's affair. Behind its end there is nobody in its windows.
    if outcome(&json, "ends")["state"] == "idle" {
        assert!(number(&figures(&json, "ends")["windows"]) >= 6, "{json:#}");
    } else {
        assert_eq!(number(&figures(&json, "ends")["vacant_windows"]), 0, "{json:#}");
    }
    assert_eq!(figures(&json, "never")["windows"], json!(0));
    assert_eq!(figures(&json, "never")["births"], json!(0));
}

#[test]
fn a_run_for_a_time_lasts_that_long() {
    let idle = guest("idle");
    let run = run(&[idle.to_str().unwrap(), "--json", "--for", "350ms"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let json = run.json();
    assert_eq!(json["ending"], json!("complete"));
    assert!(number(&json["summary"]["duration_ns"]) >= 340_000_000, "{json:#}");
    assert!(accounted(&json, "idle", 1) >= 30, "{json:#}");
}
