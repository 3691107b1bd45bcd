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
}

impl Processes for FakeProcesses {
    fn begin(&mut self, partition: PartitionId) -> Begun {
        assert_eq!(self.running, None, "two partitions at a time");
        if self.vacant.contains(&partition.0) {
            return Begun::Vacant;
        }
        self.running = Some(partition.0);
        self.log.borrow_mut().push(format!("+{}", partition.0));
        Begun::Running
    }

    fn end(&mut self, partition: PartitionId, time: &mut dyn TimeSource) -> Ended {
        assert_eq!(self.running.take(), Some(partition.0));
        self.log.borrow_mut().push(format!("-{}", partition.0));
        let now = time.now_ns();
        Ended { requested_ns: now, confirmed_ns: Some(now) }
    }
}

fn window(partition: u16, start_ns: u64, duration_ns: u64) -> Window {
    Window { partition: PartitionId(partition), start_ns, duration_ns }
}

fn dispatch(frames: u64, delays: &[(u64, u64)], vacant: &[u16]) -> (Vec<Kind>, String) {
    let core = Core { number: 0, cpu: 0, windows: vec![window(0, 0, 40), window(1, 40, 40)], alternatives: vec![] };
    let assignment =
        Assignment { core: 0, timetable: Timetable::new(&core, 100), epoch_ns: 1000, frames: Some(frames) };
    let mut time = FakeTime { now: 0, delays: delays.iter().copied().collect() };
    let mut processes = FakeProcesses { vacant: vacant.to_vec(), ..FakeProcesses::default() };
    let (mut producer, mut consumer) = ring(64);
    run(&assignment, &mut time, &mut processes, &mut producer, &AtomicBool::new(false));
    assert_eq!(processes.running, None, "a partition runs on");
    let kinds = std::iter::from_fn(|| consumer.pop()).map(|event| event.kind).collect();
    (kinds, processes.log.into_inner().join(" "))
}

#[test]
fn windows_follow_each_other_and_all_partitions_are_stopped_at_the_end() {
    let (kinds, log) = dispatch(2, &[], &[]);
    assert_eq!(log, "+0 -0 +1 -1 +0 -0 +1 -1");
    assert_eq!(kinds.len(), 8);
    assert_eq!(kinds[0], Kind::WindowStart { frame: 0, planned_ns: 1000, awake_ns: 1000, continued_ns: 1000 });
    let end = Kind::WindowEnd { frame: 1, planned_ns: 1180, awake_ns: 1180, requested_ns: 1180, confirmed_ns: 1180 };
    assert_eq!(kinds[7], end);
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
    assert_eq!(kinds.last(), Some(&Kind::FramesSkipped { first: 0, count: 99 }));
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
