use super::*;
use crate::record::event::Sample;
use crate::record::file::Writer;
use crate::record::synth::{self, BEGIN_NS};

fn analysed(header: &Header, events: &[Event], budgets: &[Budget]) -> Profile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), synth::bytes(header, events)).unwrap();
    analyse(file.path(), budgets).unwrap()
}

/// A window of partition 0 in a frame of 10 ms, with the latencies that [`synth::window`] takes.
fn at(frame: u64, latencies: [u64; 4]) -> [Event; 2] {
    let start_ns = BEGIN_NS + frame * 10_000_000;
    synth::window(0, frame, start_ns, start_ns + 10_000_000, latencies)
}

#[test]
fn the_figures_are_those_of_the_report_and_no_window_is_missing() {
    let header = synth::header(&["nav", "io", "display"]);
    let events = synth::events(&header, 3_000, 9);
    let mut stats = Stats::new(&header, Precision::Report);
    events.iter().for_each(|event| stats.add(event));
    let profile = analysed(&header, &events, &[]);
    assert_eq!(profile.summary, stats.summary());
    let windows: u64 = profile.windows.iter().map(|window| window.figure.count).sum();
    let ran: u64 = profile.summary.partitions.iter().map(|partition| partition.windows).sum();
    assert_eq!((windows, profile.windows.len()), (ran, 3));
    assert!(profile.windows.iter().all(|window| window.duration_ns > 0), "the schedule's windows are recognised");
    let blamed: u64 = profile.causes.iter().map(|cause| cause.windows).sum();
    let missed = events.iter().filter(|event| matches!(event.kind, Kind::WindowSkipped { .. })).count() as u64;
    assert_eq!(blamed, ran + missed, "every window's lateness has a main cause");
}

#[test]
fn the_worst_windows_are_found_and_their_frames_shown() {
    let header = synth::header(&["nav"]);
    let late = |frame: u64| match frame {
        77 => 4_000_000,
        1234 => 3_000_000,
        _ => 30_000,
    };
    let events: Vec<_> = (0..2_000).flat_map(|frame| at(frame, [late(frame), 5_000, 900, 14_000])).collect();
    let profile = analysed(&header, &events, &["start=1ms".parse().unwrap()]);
    let frames: Vec<_> = profile.worst.iter().take(2).map(|worst| (worst.frame, worst.over_budget)).collect();
    assert_eq!(frames, [(77, true), (1234, true)]);
    assert!(profile.worst[2..].iter().all(|worst| !worst.over_budget));
    assert_eq!((profile.timelines[0].frame, profile.timelines[1].frame), (77, 1234));
    let ran = profile.timelines[0].spans.iter().filter(|span| span.kind == profile::SpanKind::Ran).count();
    assert!(ran >= 1, "{:?}", profile.timelines[0].spans);
    assert!(!profile.verdicts[0].kept);
}

/// What the recorder leaves behind when a thread of higher priority, or the hypervisor, takes the core for 3 ms.
#[test]
fn evidence_reaches_the_window_that_it_is_about() {
    let header = synth::header(&["nav"]);
    let sample = |frame: u64, steal_ns: u64| Event {
        time_ns: BEGIN_NS + frame * 10_000_000 + 9_000_000,
        core: 0,
        partition: u16::MAX,
        kind: Kind::Sample(Sample { steal_ns, ..Sample::default() }),
    };
    let mut events = Vec::new();
    for frame in 0..60 {
        let late = if frame % 20 == 10 { 3_000_000 } else { 30_000 };
        let [start, end] = at(frame, [late, 5_000, 900, 14_000]);
        events.push(start);
        if frame == 10 {
            let kind = Kind::Waited { waited_ns: 2_960_000 };
            events.push(Event { kind, ..start });
        }
        events.push(sample(frame, if frame >= 30 { 10_000_000 } else { 0 }));
        events.push(end);
    }
    let profile = analysed(&header, &events, &["start=1ms".parse().unwrap()]);
    let cause = |frame: u64| profile.worst.iter().find(|worst| worst.frame == frame).unwrap().cause;
    assert_eq!((cause(10), cause(30), cause(50)), (Cause::CoreTaken, Cause::Steal, Cause::Unknown));
    for worst in &profile.worst {
        assert_eq!(worst.shares.iter().map(|share| share.ns).sum::<u64>(), worst.lateness_ns);
    }
}

/// The dispatcher comes 25 ms late to frames of 10 ms: two have gone by, the window of the third is over, and the next one starts.
#[test]
fn windows_that_did_not_start_are_among_the_worst_and_have_causes() {
    let header = synth::header(&["nav"]);
    let mut events: Vec<_> = (0..20).flat_map(|frame| at(frame, [30_000, 5_000, 900, 14_000])).collect();
    let at_ns = |frame: u64| BEGIN_NS + frame * 10_000_000;
    let awake_ns = at_ns(22) + 5_000_000;
    let event = |partition, kind| Event { time_ns: awake_ns, core: 0, partition, kind };
    events.push(event(u16::MAX, Kind::FramesSkipped { first: 20, count: 2 }));
    events.push(event(0, Kind::WindowSkipped { frame: 22, planned_ns: at_ns(22), awake_ns }));
    events.push(event(0, Kind::Waited { waited_ns: 24_900_000 }));
    events.extend((23..40).flat_map(|frame| at(frame, [30_000, 5_000, 900, 14_000])));
    let profile = analysed(&header, &events, &["start=30ms".parse().unwrap()]);
    let worst: Vec<_> = profile.worst.iter().take(3).collect();
    let found =
        worst.iter().map(|worst| (worst.frame, worst.lateness_ns, worst.missed, worst.over_budget, worst.cause));
    let expected = [(20, 25_000_000, true, true, Cause::CoreTaken), (22, 5_000_000, true, true, Cause::CoreTaken)];
    assert_eq!(found.clone().take(2).collect::<Vec<_>>(), expected);
    assert!(!worst[2].missed && !worst[2].over_budget);
    for worst in &profile.worst {
        assert_eq!(worst.shares.iter().map(|share| share.ns).sum::<u64>(), worst.lateness_ns);
    }
    // They are in no figure, and the verdict knows of them.
    assert_eq!(profile.windows[0].figure.count, 37);
    assert!(!profile.verdicts[0].kept && profile.verdicts[0].observed_ns.is_none());
    assert_eq!(profile.timelines[0].frame, 20);
}

/// Writes an hour of windows of 1 ms to the file that BULKHEAD_HOUR names, for measuring what a report of it takes.
#[test]
#[ignore = "writes half a gigabyte; for measurements"]
fn an_hour_of_windows() {
    let Some(path) = std::env::var_os("BULKHEAD_HOUR") else { return };
    let header = Header { major_frame_ns: 4_000_000, ..synth::header(&["nav"]) };
    let mut writer = Writer::create(Path::new(&path), &header).unwrap();
    let mut random = synth::Random::new(60);
    for window in 0..3_600_000u64 {
        let (start_ns, frame) = (BEGIN_NS + window * 1_000_000, window / 4);
        let latencies = [random.latency(29_000), random.latency(5_000), random.latency(900), random.latency(14_000)];
        let pair = synth::window(0, frame, start_ns, start_ns + 1_000_000, latencies);
        writer.append(&pair).unwrap();
    }
    writer.flush().unwrap();
}
