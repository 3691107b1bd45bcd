//! Changes of the schedule: at the beginning of a frame, on all cores at the same one, and without losing a window.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use bulkhead::record::event::{Event, Kind};
use bulkhead::record::file::Reader;
use serde_json::json;

use crate::common::{guest, skip};
use crate::guests;
use crate::runs::{figures, lines_of, number, run_module, run_until};

const FRAME_NS: u64 = 2_000_000;
/// Changes that the guests wait for.
const CHANGES: u64 = 1000;

/// Two schedules on `cores` cores: the pilot has a window in both, the passenger changes its place, and a partition runs in
/// the second only.
fn module(pilot: &Path, cores: usize) -> String {
    let other = guest("h_life");
    let partition = |name: &str, image: &Path, core: usize, args: &str, more: &str| {
        format!(
            "[[partition]]\nname = \"{name}\"\nimage = \"{}\"\nmemory = \"64 KiB\"\ncore = {core}\nargs = [{args}]\n{more}\n",
            image.display()
        )
    };
    let window = |name: &str, start_us: u64, duration_us: u64| {
        format!(
            "[[schedule.window]]\npartition = \"{name}\"\nstart = \"{start_us} us\"\nduration = \"{duration_us} us\"\n"
        )
    };
    let other_core = cores - 1;
    let changes = format!("\"{CHANGES}\"");
    [
        "[module]\nname = \"test\"\nmajor_frame = \"2 ms\"\n".to_owned(),
        partition("pilot", pilot, 0, &format!("\"pilot\", {changes}"), "may_switch_schedule = true"),
        partition("passenger", &other, other_core, &format!("\"passenger\", {changes}"), ""),
        partition("second", &other, other_core, "\"stay\"", ""),
        "[[schedule]]\nname = \"one\"\n".to_owned(),
        window("pilot", 0, 300),
        window("passenger", 400, 300),
        "[[schedule]]\nname = \"two\"\n".to_owned(),
        window("passenger", 300, 300),
        window("pilot", 700, 300),
        window("second", 1100, 300),
    ]
    .concat()
}

/// What a core is to do in a schedule: partition and start of each window.
fn planned(schedule: u16, core: u16, cores: usize) -> Vec<(u16, u64)> {
    let core_of = |partition: u16| if partition == 0 { 0 } else { cores as u16 - 1 };
    let windows: &[(u16, u64)] = match schedule {
        0 => &[(0, 0), (1, 400_000)],
        _ => &[(1, 300_000), (0, 700_000), (2, 1_100_000)],
    };
    windows.iter().copied().filter(|&(partition, _)| core_of(partition) == core).collect()
}

/// What one core recorded.
#[derive(Debug, Default)]
struct Core {
    /// The schedule from each of these frames on, and the instant of the change.
    switches: BTreeMap<u64, (u16, u64)>,
    /// By frame: partition and planned instant of each window, whatever became of it.
    windows: BTreeMap<u64, Vec<(u16, u64)>>,
    /// Frames that were missed, as a whole or in part.
    skipped: Vec<(u64, u64)>,
}

fn cores_of(recording: &Path, cores: usize) -> Vec<Core> {
    let mut found: Vec<Core> = (0..cores).map(|_| Core::default()).collect();
    for event in Reader::open(recording).expect("a recording") {
        let Event { core, partition, kind, .. } = event.expect("an event");
        let core = &mut found[usize::from(core)];
        match kind {
            Kind::WindowStart { frame, planned_ns, .. }
            | Kind::WindowVacant { frame, planned_ns }
            | Kind::WindowSkipped { frame, planned_ns, .. } => {
                core.windows.entry(frame).or_default().push((partition, planned_ns));
            }
            Kind::FramesSkipped { first, count } => core.skipped.push((first, first + count)),
            Kind::ScheduleSwitch { frame, schedule, planned_ns, awake_ns } => {
                assert!(awake_ns >= planned_ns, "{kind:?}");
                assert_eq!(core.switches.insert(frame, (schedule, planned_ns)), None, "{kind:?}");
            }
            Kind::Lost { count } => panic!("{count} events were lost"),
            _ => {}
        }
    }
    found
}

fn check(pilot: &Path, cores: usize, is_virtual: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("run.rec");
    let common = ["--json", "-q", "--record", recording.to_str().expect("a path")];
    // "second" stays for ever, and the run ends when everybody else has seen enough; in virtual time, long after that.
    let finished = if is_virtual {
        let frames = (3 * CHANGES).to_string();
        run_module(&module(pilot, cores), &[&common[..], &["--virtual", "--frames", &frames]].concat())
    } else {
        let says = |said: &str, name: &str| lines_of(said, name).iter().any(|line| line.starts_with("wrong "));
        let both = |_: &str, said: &str| says(said, "pilot") && says(said, "passenger");
        run_until(&module(pilot, cores), &common, "a thousand changes", both)
    };
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let json = finished.json();
    assert_eq!(lines_of(&finished.stderr, "pilot"), ["start 1 condition 0 mode 0 kept 0", "wrong 0"]);
    assert_eq!(lines_of(&finished.stderr, "passenger"), ["start 1 condition 0 mode 0 kept 0", "wrong 0"]);
    let pilot = figures(&json, "pilot");
    assert!(number(&pilot["schedule_requests"]) >= CHANGES, "{pilot:#}");
    assert_eq!(pilot["refused_schedule_requests"], json!(0));

    let found = cores_of(&recording, cores);
    // The last frame that began everywhere may have been cut short.
    let frames = if is_virtual {
        3 * CHANGES
    } else {
        let last = found.iter().filter_map(|core| core.windows.last_key_value().map(|(&frame, _)| frame)).min();
        last.expect("windows")
    };
    // Every change is at the beginning of its frame, and every frame begins a whole number of frames after the first.
    let (first, &(_, at_ns)) = found[0].switches.first_key_value().expect("a change");
    let epoch_ns = at_ns - first * FRAME_NS;
    for (frame, (_, planned_ns)) in found.iter().flat_map(|core| &core.switches) {
        assert_eq!(*planned_ns, epoch_ns + frame * FRAME_NS, "frame {frame}");
    }
    for (number, core) in (0..).zip(&found) {
        // A change there and back around a frame that the core missed is none that it could have made: that hides two.
        let missed: u64 = core.skipped.iter().map(|&(first, last)| last - first).sum();
        let made = core.switches.len() as u64;
        assert!(made + 2 * missed >= CHANGES, "{made} changes, {missed} frames missed");
        assert!(frames >= CHANGES, "{frames} frames");
        let is_skipped = |frame: u64| core.skipped.iter().any(|&(first, last)| (first..=last).contains(&frame));
        let mut schedule = 0;
        for frame in 0..frames {
            schedule = core.switches.get(&frame).map_or(schedule, |&(to, _)| to);
            let expected: Vec<_> = planned(schedule, number, cores)
                .into_iter()
                .map(|(partition, start_ns)| (partition, epoch_ns + frame * FRAME_NS + start_ns))
                .collect();
            let windows = core.windows.get(&frame).cloned().unwrap_or_default();
            // A host that is busy with something else may cost whole frames; those are said to be missed.
            assert!(
                windows == expected || is_skipped(frame),
                "core {number} frame {frame}: {windows:?} for {expected:?}"
            );
        }
    }
    // All cores change at the same frames, as far as they were there.
    let schedule_at = |core: &Core, frame: u64| core.switches.range(..=frame).next_back().map_or(0, |(_, &(to, _))| to);
    for core in &found[1..] {
        for frame in 0..frames {
            let was_there = |core: &Core| !core.skipped.iter().any(|&(first, last)| (first..last).contains(&frame));
            if was_there(core) && was_there(&found[0]) {
                assert_eq!(schedule_at(core, frame), schedule_at(&found[0], frame), "frame {frame}");
            }
        }
    }
    let skipped: u64 = found.iter().flat_map(|core| &core.skipped).map(|&(first, last)| last - first).sum();
    println!("{cores} cores: {} changes, {skipped} frames skipped", found[0].switches.len());
    assert!(skipped == 0 || !is_virtual, "in virtual time nothing is late");
}

#[test]
fn a_thousand_changes_at_frame_boundaries_lose_no_window() {
    for guest in guests() {
        check(&guest, 1, false);
    }
}

#[test]
fn a_thousand_changes_happen_on_two_cores_at_the_same_frames() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return skip("two cores are needed");
    }
    for guest in guests() {
        check(&guest, 2, false);
    }
}

#[test]
fn a_thousand_changes_lose_no_frame_in_virtual_time() {
    for guest in guests() {
        check(&guest, 1, true);
        check(&guest, 2, true);
    }
}

#[test]
fn a_reset_goes_back_to_the_first_schedule() {
    for guest in guests() {
        // The pilot changes once and is content; who runs in the second schedule only has the module reset. The pilot's second
        // life waits for the first schedule.
        let text = module(&guest, 1).replace("\"pilot\", \"1000\"", "\"pilot\", \"1\"").replace(
            "args = [\"stay\"]",
            "args = [\"raise\", \"5\", \"1\"]\nhealth = { memory_violation = \"reset\" }",
        );
        let again = "start 2 condition 2 mode 0 kept 0";
        let expected = ["start 1 condition 0 mode 0 kept 0", "wrong 0", again, "wrong 0"];
        let common = ["--json", "-q"];
        let all = |_: &str, said: &str| lines_of(said, "pilot").ends_with(&expected[2..]);
        for finished in [
            run_until(&text, &common, "the pilot's second life", all),
            run_module(&text, &[&common[..], &["--virtual", "--frames", "400"]].concat()),
        ] {
            assert_eq!(finished.code(), 0, "{finished:#?}");
            // In the host's time the reset may come before the pilot has had the time to say that it is content.
            let lines = lines_of(&finished.stderr, "pilot");
            let is_virtual = !finished.json()["virtual_time"].is_null();
            let is_short = !is_virtual && lines.len() == 3 && lines[0] == expected[0] && lines[1..] == expected[2..];
            assert!(is_short || lines == expected, "{finished:#?}");
            assert_eq!(finished.json()["summary"]["cores"][0]["schedule_switches"], json!(2));
        }
    }
}

#[test]
fn who_may_not_change_schedules_changes_none() {
    let [c, _] = guests();
    // The shim refuses to ask, so the page is scribbled over: it asks for schedule 0, and for one that does not exist.
    for with in ["0", "1", "255"] {
        for may in ["true", "false"] {
            let text = module(&c, 1)
                .replace("args = [\"pilot\", \"1000\"]", &format!("args = [\"scribble\", \"{with}\", \"0\"]"))
                .replace("may_switch_schedule = true", &format!("may_switch_schedule = {may}"));
            // Somebody else, who says something in every window, tells that windows have passed since the act.
            let image = |name: &str| format!("image = \"{}\"", guest(name).display());
            let (before, passenger) = text.split_once("name = \"passenger\"").expect("a passenger");
            let passenger = passenger
                .replacen(&image("h_life"), &image("r_console"), 1)
                .replace("\"passenger\", \"1000\"", "\"count\", \"1000000\"");
            let text = format!("{before}name = \"passenger\"{passenger}");
            let at_the_act = Cell::new(None);
            let is_judged = |_: &str, said: &str| {
                let windows = lines_of(said, "passenger").len();
                if lines_of(said, "pilot").contains(&"all is well") && at_the_act.get().is_none() {
                    at_the_act.set(Some(windows));
                }
                at_the_act.get().is_some_and(|act| windows > act + 3)
            };
            let finished = run_until(&text, &["--json", "-q"], "the act has been judged", is_judged);
            let json = finished.json();
            assert_eq!(json["summary"]["cores"][0]["schedule_switches"], json!(0), "{with} {may}");
            let pilot = figures(&json, "pilot");
            assert_eq!(number(&pilot["refused_schedule_requests"]), u64::from(with != "0"), "{with} {may}: {pilot:#}");
        }
    }
}
