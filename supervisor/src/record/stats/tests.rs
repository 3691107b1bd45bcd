use super::*;
use crate::record::event::NO_PARTITION;
use crate::record::synth::{self, BEGIN_NS};

fn stats(names: &[&str], events: &[Event]) -> Summary {
    let mut stats = Stats::new(&synth::header(names), Precision::Report);
    events.iter().for_each(|event| stats.add(event));
    stats.summary()
}

fn of(partition: u16, kinds: &[Kind]) -> Vec<Event> {
    kinds.iter().map(|&kind| Event { time_ns: BEGIN_NS, core: 0, partition, kind }).collect()
}

/// The end of a window that was to end at 1000 ms.
fn end(awake_us: u64, requested_us: u64, confirmed_us: u64) -> Kind {
    let at = |us| 1_000_000_000 + us * 1_000;
    let confirmed_ns = if confirmed_us == 0 { 0 } else { at(confirmed_us) };
    let (awake_ns, requested_ns) = (at(awake_us), at(requested_us));
    Kind::WindowEnd { frame: 0, planned_ns: at(0), awake_ns, requested_ns, confirmed_ns, first_ns: 0 }
}

#[test]
fn each_latency_is_the_difference_it_is_named_for() {
    let start = Kind::WindowStart { frame: 0, planned_ns: 100, awake_ns: 107, continued_ns: 148 };
    let summary = stats(&["a", "b"], &of(1, &[start, end(3, 5, 21)]));
    let [a, b] = &summary.partitions[..] else { panic!() };
    assert_eq!((a.windows, a.start_lateness_ns.count), (0, 0));
    assert_eq!((b.windows, b.start_lateness_ns.max, b.dispatcher_lateness_ns.max), (1, 48, 7));
    assert_eq!((b.end_overrun_ns.max, b.stop_confirmation_ns.max), (3_000, 16_000));
}

#[test]
fn first_instructions_are_late_by_the_planned_start_of_their_own_window() {
    let start =
        |planned_ns: u64| Kind::WindowStart { frame: 0, planned_ns, awake_ns: planned_ns, continued_ns: planned_ns };
    let end = |first_ns| Kind::WindowEnd {
        frame: 0,
        planned_ns: 9_000,
        awake_ns: 9_000,
        requested_ns: 9_000,
        confirmed_ns: 9_000,
        first_ns,
    };
    // One that does not say, and an end without a beginning.
    let kinds = [start(1_000), end(1_050), start(2_000), end(0), end(3_000), start(4_000), end(4_070)];
    let figure = &stats(&["a"], &of(0, &kinds)).partitions[0].first_instruction_ns;
    assert_eq!((figure.count, figure.min, figure.max), (2, 50, 70));
}

#[test]
fn late_is_later_than_allowed() {
    let start = |late_ns: u64| Kind::WindowStart { frame: 0, planned_ns: 5, awake_ns: 5, continued_ns: 5 + late_ns };
    let summary = stats(&["a"], &of(0, &[start(0), start(1_000_000), start(1_000_001)]));
    assert_eq!((summary.partitions[0].windows, summary.partitions[0].late_windows), (3, 1));
}

#[test]
fn an_overrun_is_a_stop_confirmed_late_or_never() {
    let ends = [end(1, 2, 20), end(1, 2, 1_000), end(1, 2, 1_001), end(1, 2, 0)];
    let partition = &stats(&["a"], &of(0, &ends)).partitions[0];
    assert_eq!((partition.overruns, partition.unconfirmed_stops), (2, 1));
    assert_eq!((partition.end_overrun_ns.count, partition.stop_confirmation_ns.count), (4, 3));
}

#[test]
fn what_befalls_a_partition_is_counted() {
    let birth = |generation| Kind::Birth { generation, warm: false, took_ns: 0 };
    let crash = Kind::Crash { signal: 11, code: 0, address: 0, ip: 0 };
    let forbidden = Kind::ForbiddenCall { number: 1, arch: 0, ip: 0 };
    let vacant = Kind::WindowVacant { frame: 0, planned_ns: 0 };
    let skipped = Kind::WindowSkipped { frame: 0, planned_ns: 0, awake_ns: 0 };
    let exit = Kind::Exit { status: 1 };
    let kinds = [birth(1), birth(2), birth(3), crash, forbidden, forbidden, vacant, skipped, skipped, exit];
    let partition = &stats(&["a"], &of(0, &kinds)).partitions[0];
    assert_eq!((partition.births, partition.restarts, partition.crashes), (3, 2, 1));
    assert_eq!((partition.forbidden_calls, partition.failed_exits), (2, 1));
    assert_eq!((partition.vacant_windows, partition.skipped_windows), (1, 2));
}

#[test]
fn windows_that_nobody_expects_to_be_used_are_told_apart() {
    let birth = Kind::Birth { generation: 1, warm: false, took_ns: 0 };
    let start = Kind::WindowStart { frame: 0, planned_ns: 0, awake_ns: 0, continued_ns: 0 };
    let vacant = Kind::WindowVacant { frame: 0, planned_ns: 0 };
    let crash = Kind::Crash { signal: 11, code: 0, address: 0, ip: 0 };
    let cases: [(&[Kind], u64, u64); 5] = [
        (&[vacant, vacant], 2, 2),
        // The window behind the end comes before the news of the end.
        (&[birth, start, vacant, Kind::Exit { status: 0 }, vacant], 2, 2),
        (&[birth, start, vacant, crash, vacant, birth, start, vacant, Kind::ModeRequest { mode: 0 }], 3, 1),
        (&[birth, start, vacant, Kind::Exit { status: 1 }, vacant], 2, 0),
        (&[birth, vacant, start, Kind::ModeRequest { mode: 1 }, vacant], 2, 0),
    ];
    for (kinds, all, by_intent) in cases {
        let partition = &stats(&["a"], &of(0, kinds)).partitions[0];
        assert_eq!((partition.vacant_windows, partition.vacant_by_intent), (all, by_intent), "{kinds:?}");
    }
}

#[test]
fn health_is_counted_by_error_and_action() {
    let health = |error, action| Kind::Health { error, action, level: 1, process: 0, address: 0, ip: 0 };
    let kinds = [health(1, 3), health(4, 0), health(1, 3), health(77, 9), health(13, 6)];
    let found = &stats(&["a"], &of(0, &kinds)).partitions[0].health;
    let expected = [("crash", "cold_start", 2), ("late_window", "ignore", 1), ("unknown", "unknown", 2)];
    assert_eq!(found[..], expected.map(|(error, action, count)| summary::Health { error, action, count }));
}

#[test]
fn losses_and_skipped_frames_belong_to_their_core() {
    let at = |core, kind| Event { time_ns: BEGIN_NS + 7, core, partition: NO_PARTITION, kind };
    let lost = |count| Kind::Lost { count };
    let skipped = Kind::FramesSkipped { first: 3, count: 4 };
    let summary =
        stats(&["a", "b"], &[at(0, skipped), at(1, lost(5)), at(1, lost(u64::MAX)), at(0, skipped), at(2, lost(1))]);
    assert_eq!((summary.cores[0].skipped_frames, summary.cores[0].lost_events), (8, 0));
    assert_eq!((summary.cores[1].skipped_frames, summary.cores[1].lost_events), (0, u64::MAX));
    assert_eq!((summary.events, summary.misplaced_events, summary.duration_ns), (5, 1, 7));
}

#[test]
fn windows_of_skipped_frames_are_missed_by_who_lives() {
    let frames =
        Event { time_ns: BEGIN_NS, core: 0, partition: NO_PARTITION, kind: Kind::FramesSkipped { first: 3, count: 4 } };
    let of_a = |kind| Event { partition: 0, kind, ..frames };
    let birth = of_a(Kind::Birth { generation: 1, warm: false, took_ns: 1 });
    let crash = of_a(Kind::Crash { signal: 11, code: 1, address: 0, ip: 0 });
    let window = of_a(Kind::WindowSkipped { frame: 9, planned_ns: 0, awake_ns: 0 });
    let events = [frames, birth, frames, window, crash, frames, birth, frames];
    let summary = stats(&["a", "b"], &events);
    let missed = |index: usize| (summary.partitions[index].missed_windows, summary.partitions[index].skipped_windows);
    assert_eq!((missed(0), missed(1)), ((9, 1), (0, 0)));
    assert_eq!(summary.cores[0].skipped_frames, 16);
}

#[test]
fn what_cannot_be_placed_is_counted_but_in_no_figure() {
    let start = Kind::WindowStart { frame: 0, planned_ns: 0, awake_ns: 0, continued_ns: 0 };
    let mut events = of(3, &[start, Kind::Unknown { kind: 99 }]);
    events.extend(of(NO_PARTITION, &[Kind::Exit { status: 0 }]));
    let summary = stats(&["a"], &events);
    assert_eq!((summary.events, summary.unknown_events, summary.misplaced_events), (3, 1, 2));
    assert_eq!(summary.partitions[0].windows, 0);
}

#[test]
fn sixty_four_live_partitions_cost_less_than_six_mebibytes() {
    let names = ["n"; 64];
    let stats = Stats::new(&synth::header(&names), Precision::Live);
    let figures = stats.partitions.iter().flat_map(|partition| {
        [
            &partition.start_lateness,
            &partition.first_instruction,
            &partition.dispatcher_lateness,
            &partition.end_overrun,
            &partition.stop_confirmation,
        ]
    });
    let heap: usize = figures.map(Collector::heap_bytes).sum();
    let total = heap + stats.partitions.capacity() * size_of::<Partition>();
    assert!(total < 6 << 20, "{total} bytes");
}

#[test]
fn the_json_has_integers_only() {
    let header = synth::header(&synth::NAMES);
    let json = serde_json::to_value(stats(&synth::NAMES, &synth::events(&header, 500, 1))).unwrap();
    fn floats(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Number(number) => usize::from(number.is_f64()),
            serde_json::Value::Array(array) => array.iter().map(floats).sum(),
            serde_json::Value::Object(object) => object.values().map(floats).sum(),
            _ => 0,
        }
    }
    assert_eq!(floats(&json), 0);
    let figure = &json["partitions"][0]["start_lateness_ns"];
    for field in ["count", "min", "p50", "p90", "p99", "p999", "max", "mean"] {
        assert!(figure[field].is_u64(), "{field}");
    }
}
