use super::*;
use crate::record::event::{Event, Kind};
use crate::record::header::Header;
use crate::record::stats::Precision;
use crate::record::synth;

fn summary(header: &Header, events: &[Event]) -> Summary {
    let mut stats = Stats::new(header, Precision::Report);
    events.iter().for_each(|event| stats.add(event));
    stats.summary()
}

/// So many partitions, one of them with a name as long as names get, and all that can happen to them.
pub(super) fn busy(partitions: usize, frames: u64) -> Summary {
    let names: Vec<_> = (0..partitions).map(|index| format!("{}_{index}", synth::NAMES[index % 5])).collect();
    let names: Vec<_> = names.iter().map(|name| name.chars().take(30).collect::<String>()).collect();
    let header = synth::header(&names.iter().map(String::as_str).collect::<Vec<_>>());
    summary(&header, &synth::events(&header, frames, 42))
}

#[test]
fn no_line_is_wider_than_allowed() {
    for partitions in [1, 2, 5, 64] {
        let mut summary = busy(partitions, 300);
        // A partition with the widest numbers there can be.
        let widest = &mut summary.partitions[0];
        for figure in [&mut widest.start_lateness_ns, &mut widest.end_overrun_ns, &mut widest.stop_confirmation_ns] {
            (figure.count, figure.p50, figure.p999, figure.max) =
                (99_999_999, 99_000_000_000, 100_000_000_000, 100_000_000_000);
        }
        (widest.windows, widest.crashes, widest.late_windows) = (99_999_999, 12_345, 99_999_999);
        summary.host.insert("k".repeat(100), "v".repeat(300));
        for width in [60, 61, 66, 72, 80, 100, 132, 200] {
            for ascii in [false, true] {
                let text = text(&summary, width, ascii);
                let line = text.lines().find(|line| line.chars().count() > width);
                assert_eq!(line, None, "{partitions} partitions, width {width}");
                assert_eq!(text.lines().find(|line| line.ends_with(' ')), None);
                assert!(!ascii || text.is_ascii());
            }
        }
    }
}

#[test]
fn tables_are_aligned_over_all_partitions() {
    let text = text(&busy(5, 200), 80, false);
    let heads: Vec<_> = text.lines().filter(|line| line.ends_with("p99.9      max")).collect();
    let heads = if heads.is_empty() { text.lines().filter(|line| line.contains("p99.9")).collect() } else { heads };
    assert_eq!(heads.len(), 5);
    assert!(heads.iter().all(|line| *line == heads[0]));
    let rows = text.lines().filter(|line| line.starts_with("  stop confirmation"));
    assert!(rows.map(|row| row.chars().count()).all(|len| len == heads[0].chars().count()));
}

#[test]
fn every_number_of_a_partition_is_there() {
    let header = synth::header(&["nav"]);
    let events: Vec<_> = (0..1000)
        .flat_map(|frame| {
            let awake = if frame == 999 { 2_000_000 } else { 29_000 };
            let stop = if frame == 998 { 0 } else { 14_500 };
            synth::window(0, frame, synth::BEGIN_NS, synth::BEGIN_NS + 10, [awake, 19_000, 700, stop])
        })
        .collect();
    let text = text(&summary(&header, &events), 80, false);
    for line in [
        "nav: 1000 windows on core 0",
        "  ! 1 late window, 1 overrun, 1 unconfirmed stop",
        "  µs                 count   min   p50   p99  p99.9     max",
        "  start lateness      1000  48.0  48.0  48.0   48.0  2019.0",
        "  end overrun         1000   0.7   0.7   0.7    0.7     0.7",
        "  stop confirmation    999  14.5  14.5  14.5   14.5    14.5",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
    }
    assert!(text.contains(" 20 µs –  50 µs  █") && text.contains("  99.90 %"), "{text}");
    assert!(text.contains("⋮"), "{text}");
}

#[test]
fn a_quiet_partition_has_no_remarks() {
    let header = synth::header(&["nav"]);
    let events = synth::window(0, 0, 1_000, 2_000, [1, 2, 3, 4]);
    let summary = summary(&header, &events);
    assert!(!text(&summary, 80, false).contains('!'));
    assert_eq!(brief(&summary), "nav 1 window start p50 0.0 p99 0.0 max 0.0 µs\n");
}

#[test]
fn what_is_missing_from_the_figures_is_said() {
    let header = synth::header(&["nav", "io"]);
    let at = |core, kind| Event { time_ns: 0, core, partition: 0, kind };
    let events = [
        at(0, Kind::Lost { count: 3 }),
        at(1, Kind::FramesSkipped { first: 0, count: 1 }),
        at(0, Kind::Unknown { kind: 40 }),
        at(9, Kind::Lost { count: 1 }),
    ];
    let mut summary = summary(&header, &events);
    summary.truncated_tail = true;
    for text in [text(&summary, 200, false), brief(&summary)] {
        for line in [
            "! core 0 (CPU 2): 3 events lost, which no figure contains",
            "! core 1 (CPU 3): 1 major frame skipped as a whole",
            "! 1 event of unknown kinds left out",
            "! 1 event of cores or partitions that the header does not have left out",
            "! the recording ends within an event, which is left out",
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
        }
    }
}

#[test]
fn a_partition_that_never_ran_says_so() {
    let text = text(&summary(&synth::header(&["nav", "io"]), &[]), 60, false);
    assert!(text.contains("io: 0 windows on core 1"), "{text}");
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn brief_has_one_line_for_each_partition() {
    let mut summary = busy(5, 50);
    summary.cores.iter_mut().for_each(|core| (core.lost_events, core.skipped_frames) = (0, 0));
    summary.partitions[1].crashes = 2;
    let text = brief(&summary);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].contains("µs  ! 2 crashes"), "{text}");
    let unit = |line: &&str| line.chars().position(|c| c == 'µ');
    assert!(lines.iter().all(|line| unit(line) == unit(&lines[0])), "{text}");
}

#[test]
fn a_file_is_added_up_to_its_last_whole_event() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    let header = synth::header(&["nav"]);
    let events = synth::events(&header, 10, 1);
    let mut bytes = synth::bytes(&header, &events);
    bytes.truncate(bytes.len() - 1);
    std::fs::write(&path, &bytes).unwrap();
    let found = summarize(&path).unwrap();
    assert!(found.truncated_tail);
    assert_eq!(found.events, events.len() as u64 - 1);
    assert!(matches!(summarize(&dir.path().join("none.rec")), Err(file::Error { .. })));
}
