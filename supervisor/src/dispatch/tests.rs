//! The dispatcher's loop against a clock that a test turns by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::config::module::Core;
use crate::record::ring::ring;

/// Sleeps exactly, but for the delays that a test has planned: (instant, how much later the dispatcher wakes).
struct FakeTime {
    now: u64,
    delays: VecDeque<(u64, u64)>,
}

impl TimeSource for FakeTime {
    fn now_ns(&mut self) -> u64 {
        self.now
    }

    fn sleep_until(&mut self, instant_ns: u64, _following_ns: u64) {
        self.now = instant_ns;
        if self.delays.front().is_some_and(|&(at, _)| instant_ns >= at) {
            self.now += self.delays.pop_front().unwrap().1;
        }
    }
}

#[derive(Default)]
struct FakeProcesses {
    log: RefCell<Vec<String>>,
    vacant: Vec<u16>,
    running: Option<u16>,
    /// What partition 0 asks for at the end of its windows, one after the other.
    requests: VecDeque<Option<u32>>,
    /// What partition 0 has to tell at the end of its windows, one after the other.
    news: VecDeque<(PartitionId, Kind)>,
    /// What was published before each window began.
    published: RefCell<Vec<Snapshot>>,
}

impl Processes for FakeProcesses {
    fn begin(&mut self, partition: PartitionId) -> Begun {
        assert_eq!(self.running, None, "two partitions at a time");
        if self.vacant.contains(&partition.0) {
            return Begun::Vacant;
        }
        self.running = Some(partition.0);
        self.log.borrow_mut().push(format!("+{}", partition.0));
        Begun::Running { raised: false }
    }

    fn end(&mut self, partition: PartitionId, time: &mut dyn TimeSource) -> Ended {
        assert_eq!(self.running.take(), Some(partition.0));
        self.log.borrow_mut().push(format!("-{}", partition.0));
        let now = time.now_ns();
        Ended { requested_ns: now, confirmed_ns: Some(now) }
    }

    fn announce(&mut self, partition: PartitionId, tell: &mut dyn FnMut(PartitionId, Kind)) {
        assert_eq!(self.running, None, "it has not stopped");
        if let Some((whom, what)) = self.news.pop_front().filter(|_| partition.0 == 0) {
            tell(whom, what);
        }
    }

    fn take_request(&mut self, partition: PartitionId) -> Option<u32> {
        if partition.0 == 0 { self.requests.pop_front().flatten() } else { None }
    }

    fn publish(&mut self, schedules: Snapshot) {
        self.published.borrow_mut().push(schedules);
    }
}

fn window(partition: u16, start_ns: u64, duration_ns: u64) -> Window {
    Window { partition: PartitionId(partition), start_ns, duration_ns }
}

fn dispatch(frames: u64, delays: &[(u64, u64)], vacant: &[u16]) -> (Vec<Kind>, String) {
    let processes = FakeProcesses { vacant: vacant.to_vec(), ..FakeProcesses::default() };
    let (kinds, processes) = dispatch_with(frames, delays, processes, true);
    (kinds, processes.log.into_inner().join(" "))
}

/// Two schedules: partitions 0 and 1 for 40 each, and partitions 1 and 0 for 20 each with a gap between them.
fn dispatch_with(
    frames: u64,
    delays: &[(u64, u64)],
    mut processes: FakeProcesses,
    may_switch: bool,
) -> (Vec<Kind>, FakeProcesses) {
    let core = Core {
        number: 0,
        cpu: 0,
        windows: vec![window(0, 0, 40), window(1, 40, 40)],
        alternatives: vec![vec![window(1, 10, 20), window(0, 50, 20)]],
    };
    let assignment = Assignment {
        core: 0,
        timetables: (0..2).map(|schedule| Timetable::new(&core, schedule, 100)).collect(),
        agreement: Arc::default(),
        may_switch: vec![may_switch, false],
        epoch_ns: 1000,
        frames: Some(frames),
        note_waits: false,
    };
    let mut time = FakeTime { now: 0, delays: delays.iter().copied().collect() };
    let (mut producer, mut consumer) = ring(64);
    run(&assignment, &mut time, &mut processes, &mut producer, &AtomicBool::new(false));
    assert_eq!(processes.running, None, "a partition runs on");
    let kinds = std::iter::from_fn(|| consumer.pop()).map(|event| event.kind).collect();
    (kinds, processes)
}

fn asking(requests: &[Option<u32>]) -> FakeProcesses {
    FakeProcesses { requests: requests.iter().copied().collect(), ..FakeProcesses::default() }
}

#[test]
fn another_schedule_begins_with_the_frame_after_the_request() {
    let (kinds, processes) = dispatch_with(3, &[], asking(&[Some(1), None, Some(0)]), true);
    assert_eq!(processes.log.into_inner().join(" "), "+0 -0 +1 -1 +1 -1 +0 -0 +1 -1 +0 -0");
    assert_eq!(kinds[2], Kind::ScheduleRequest { schedule: 1, refused: false, frame: 0 });
    let switches: Vec<_> = kinds.iter().filter(|kind| matches!(kind, Kind::ScheduleSwitch { .. })).collect();
    assert_eq!(switches, [&Kind::ScheduleSwitch { frame: 1, schedule: 1, planned_ns: 1100, awake_ns: 1100 }]);
    assert!(kinds.contains(&Kind::WindowStart { frame: 1, planned_ns: 1110, awake_ns: 1110, continued_ns: 1110 }));
    // Before its own request partition 0 sees the first schedule; the next window knows what is to come, and what came.
    let published = processes.published.into_inner();
    assert_eq!(published[0], Snapshot::default());
    assert_eq!(published[1], Snapshot { next: 1, ..Snapshot::default() });
    assert_eq!(published[2], Snapshot { current: 1, next: 1, switches: 1, last_switch_ns: 1100 });
}

#[test]
fn a_request_at_the_very_end_of_a_frame_counts_for_the_next() {
    // Partition 0's window in the second schedule ends before the frame does, so it comes back in time.
    let (kinds, _) = dispatch_with(4, &[], asking(&[Some(1), Some(0)]), true);
    let switches: Vec<_> = kinds
        .iter()
        .filter_map(|kind| match kind {
            Kind::ScheduleSwitch { frame, schedule, .. } => Some((*frame, *schedule)),
            _ => None,
        })
        .collect();
    assert_eq!(switches, [(1, 1), (2, 0)]);
}

#[test]
fn who_may_not_or_asks_for_nonsense_is_refused() {
    for (request, may_switch) in [(1, false), (2, true), (255, true), (256, true), (u32::MAX - 1, true)] {
        let (kinds, processes) = dispatch_with(2, &[], asking(&[Some(request)]), may_switch);
        assert_eq!(processes.log.into_inner().join(" "), "+0 -0 +1 -1 +0 -0 +1 -1", "{request}");
        let schedule = request.min(65535) as u16;
        assert_eq!(kinds[2], Kind::ScheduleRequest { schedule, refused: true, frame: 0 });
        assert!(!kinds.iter().any(|kind| matches!(kind, Kind::ScheduleSwitch { .. })));
    }
}

#[test]
fn a_skip_into_another_schedule_misses_no_window_in_silence() {
    // Awake at 1350, in frame 3, whose schedule is the other one: its first window is over, its second is not.
    let (kinds, processes) = dispatch_with(4, &[(1040, 310)], asking(&[Some(1)]), true);
    assert_eq!(processes.log.into_inner().join(" "), "+0 -0 +0 -0");
    let from = kinds.iter().position(|kind| matches!(kind, Kind::FramesSkipped { .. })).unwrap();
    assert_eq!(kinds[from], Kind::FramesSkipped { first: 0, count: 3 });
    assert_eq!(kinds[from + 1], Kind::ScheduleSwitch { frame: 3, schedule: 1, planned_ns: 1300, awake_ns: 1350 });
    assert_eq!(kinds[from + 2], Kind::WindowSkipped { frame: 3, planned_ns: 1310, awake_ns: 1350 });
}

#[test]
fn windows_follow_each_other_and_all_partitions_are_stopped_at_the_end() {
    let (kinds, log) = dispatch(2, &[], &[]);
    assert_eq!(log, "+0 -0 +1 -1 +0 -0 +1 -1");
    assert_eq!(kinds.len(), 8);
    assert_eq!(kinds[0], Kind::WindowStart { frame: 0, planned_ns: 1000, awake_ns: 1000, continued_ns: 1000 });
    let end = Kind::WindowEnd {
        frame: 1,
        planned_ns: 1180,
        awake_ns: 1180,
        requested_ns: 1180,
        confirmed_ns: 1180,
        first_ns: 0,
    };
    assert_eq!(kinds[7], end);
}

#[test]
fn what_a_partition_has_for_others_is_told_between_its_window_and_the_next() {
    let news = Kind::Arrived { channel: 3, sequence: 7, count: 2 };
    let processes = FakeProcesses { news: VecDeque::from([(PartitionId(9), news)]), ..FakeProcesses::default() };
    let (kinds, _) = dispatch_with(1, &[], processes, true);
    let is_start = |kind: &Kind| matches!(kind, Kind::WindowStart { .. });
    assert!(is_start(&kinds[0]) && is_start(&kinds[3]), "{kinds:?}");
    assert!(matches!(kinds[1], Kind::WindowEnd { .. }) && kinds[2] == news, "{kinds:?}");
}

#[test]
fn a_late_wake_up_shortens_the_window_and_shows() {
    let (kinds, log) = dispatch(1, &[(1040, 7)], &[]);
    assert_eq!(log, "+0 -0 +1 -1");
    assert_eq!(kinds[2], Kind::WindowStart { frame: 0, planned_ns: 1040, awake_ns: 1047, continued_ns: 1047 });
    assert!(matches!(kinds[3], Kind::WindowEnd { planned_ns: 1080, awake_ns: 1080, .. }));
}

#[test]
fn a_window_that_is_over_is_skipped_and_said_to_be() {
    let (kinds, log) = dispatch(2, &[(1040, 45)], &[]);
    assert_eq!(log, "+0 -0 +0 -0 +1 -1");
    assert_eq!(kinds[2], Kind::WindowSkipped { frame: 0, planned_ns: 1040, awake_ns: 1085 });
}

#[test]
fn whole_frames_are_skipped_and_counted() {
    let (kinds, log) = dispatch(5, &[(1040, 310)], &[]);
    // Awake at 1350: frames 0 to 2 are over at this boundary; it is that of frame 3, whose window still has time.
    assert_eq!(kinds[2], Kind::FramesSkipped { first: 0, count: 3 });
    assert_eq!(kinds[3], Kind::WindowStart { frame: 3, planned_ns: 1340, awake_ns: 1350, continued_ns: 1350 });
    assert_eq!(log, "+0 -0 +1 -1 +0 -0 +1 -1");
}

#[test]
fn a_delay_beyond_the_last_frame_ends_the_run() {
    let (kinds, log) = dispatch(2, &[(1040, 9999)], &[]);
    assert_eq!(log, "+0 -0");
    // No more frames are missed than were asked for, and the rest of the last one is accounted for as well.
    assert_eq!(kinds[2], Kind::FramesSkipped { first: 0, count: 1 });
    assert_eq!(kinds[3], Kind::WindowSkipped { frame: 1, planned_ns: 1140, awake_ns: 11039 });
    assert_eq!(kinds.len(), 4);
}

#[test]
fn a_vacant_window_is_recorded_and_leaves_the_others_alone() {
    let (kinds, log) = dispatch(1, &[], &[0]);
    assert_eq!(log, "+1 -1");
    assert_eq!(kinds[0], Kind::WindowVacant { frame: 0, planned_ns: 1000 });
}

#[test]
fn zero_frames_start_nothing() {
    let (kinds, log) = dispatch(0, &[], &[]);
    assert!(kinds.is_empty() && log.is_empty());
}
