//! What a running module's events come to right now: the part of the figures that grows old.
//!
//! [`super::stats::Stats`] has what has happened in all; this has the last window, the last second, and the last few things
//! worth telling. Its memory does not grow either.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::codes::describe;
use super::event::{Event, Kind};
use super::header::Header;

/// Events that are kept to be told.
pub const TOLD: usize = 16;
/// A [`Kind::Report`] of a mode that a guest has reached.
const REACHED: u16 = 3;
/// Parts of a second in which the worst lateness is kept.
const PARTS: usize = 10;
/// Length of such a part in nanoseconds.
const PART_NS: u64 = 100_000_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its number in this run, from 1; numbers that are missing were forgotten.
    pub number: u64,
    /// When, in nanoseconds since the beginning of the run.
    pub at_ns: u64,
    /// Index of the partition, if it concerns one.
    pub partition: Option<u16>,
    /// What, in words.
    pub what: String,
}

/// What is going on.
#[derive(Debug)]
pub struct Live {
    begun_ns: u64,
    frame: u64,
    schedule: usize,
    partitions: Vec<Lateness>,
    told: VecDeque<Told>,
    number: u64,
}

#[derive(Debug, Clone, Default)]
struct Lateness {
    last_ns: u64,
    /// The worst of each of the last parts of a second, by the part's number modulo [`PARTS`].
    parts: [(u64, u64); PARTS],
}

impl Live {
    /// Nothing has happened yet to the module of this header.
    pub fn new(header: &Header) -> Live {
        Live {
            begun_ns: header.started_monotonic_ns,
            frame: 0,
            schedule: 0,
            partitions: vec![Lateness::default(); header.partitions.len()],
            told: VecDeque::with_capacity(TOLD),
            number: 0,
        }
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event) {
        match event.kind {
            Kind::WindowStart { frame, planned_ns, continued_ns, .. } => {
                self.frame = self.frame.max(frame);
                if let Some(lateness) = self.partitions.get_mut(usize::from(event.partition)) {
                    lateness.add(continued_ns, continued_ns.saturating_sub(planned_ns));
                }
            }
            Kind::WindowVacant { frame, .. } | Kind::WindowSkipped { frame, .. } => self.frame = self.frame.max(frame),
            Kind::WindowEnd { .. }
            | Kind::Waited { .. }
            | Kind::Sample(_)
            | Kind::Interrupts(_)
            | Kind::InterruptsFrom { .. }
            | Kind::Waiting { .. }
            | Kind::InterruptRaised { .. }
            | Kind::Arrived { .. }
            | Kind::Text { .. } => {}
            Kind::ScheduleSwitch { schedule, .. } => {
                // Every core says so.
                let is_news = std::mem::replace(&mut self.schedule, usize::from(schedule)) != usize::from(schedule);
                if is_news {
                    self.tell(event);
                }
            }
            // How the module comes up is no news.
            Kind::Birth { generation: 1, .. } | Kind::Report { what: REACHED, .. } => {}
            _ => self.tell(event),
        }
    }

    fn tell(&mut self, event: &Event) {
        self.number += 1;
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        let partition = Some(event.partition).filter(|&index| usize::from(index) < self.partitions.len());
        let at_ns = event.time_ns.saturating_sub(self.begun_ns);
        self.told.push_back(Told { number: self.number, at_ns, partition, what: describe(&event.kind) });
    }

    /// When the run began, in nanoseconds.
    pub fn begun_ns(&self) -> u64 {
        self.begun_ns
    }

    /// The latest major frame that a window was to begin in.
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// The schedule in force.
    pub fn schedule(&self) -> usize {
        self.schedule
    }

    /// How late a partition's last window started, and the worst of the second before `now_ns`, in nanoseconds.
    pub fn lateness(&self, partition: usize, now_ns: u64) -> (u64, u64) {
        let Some(lateness) = self.partitions.get(partition) else { return (0, 0) };
        let now = now_ns / PART_NS;
        let recent = lateness.parts.iter().filter(|(part, _)| part + PARTS as u64 > now);
        (lateness.last_ns, recent.map(|(_, worst)| *worst).max().unwrap_or(0))
    }

    /// What happened lately, the latest last.
    pub fn told(&self) -> impl Iterator<Item = &Told> {
        self.told.iter()
    }
}

impl Lateness {
    fn add(&mut self, at_ns: u64, late_ns: u64) {
        self.last_ns = late_ns;
        let part = at_ns / PART_NS;
        let slot = &mut self.parts[(part % PARTS as u64) as usize];
        *slot = if slot.0 == part { (part, slot.1.max(late_ns)) } else { (part, late_ns) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::NO_PARTITION;
    use crate::record::synth;

    fn event(time_ns: u64, partition: u16, kind: Kind) -> Event {
        Event { time_ns, core: 0, partition, kind }
    }

    fn window(at_ns: u64, late_ns: u64, frame: u64) -> Event {
        let planned_ns = at_ns - late_ns;
        event(at_ns, 0, Kind::WindowStart { frame, planned_ns, awake_ns: at_ns, continued_ns: at_ns })
    }

    #[test]
    fn the_worst_of_the_last_second_is_forgotten_after_it() {
        let mut live = Live::new(&synth::header(&["a"]));
        assert_eq!(live.lateness(0, 5_000_000_000), (0, 0));
        for (at_ms, late_ns) in [(5_000, 70), (5_050, 10), (5_300, 20), (5_900, 30)] {
            live.add(&window(at_ms * 1_000_000, late_ns, at_ms));
        }
        assert_eq!(live.frame(), 5_900);
        assert_eq!(live.lateness(0, 5_950_000_000), (30, 70));
        assert_eq!(live.lateness(0, 6_050_000_000), (30, 30));
        live.add(&window(6_010_000_000, 5, 6_010));
        assert_eq!(live.lateness(0, 6_020_000_000), (5, 30));
        assert_eq!(live.lateness(0, 9_000_000_000), (5, 0));
        assert_eq!(live.lateness(1, 9_000_000_000), (0, 0));
    }

    #[test]
    fn the_latest_things_are_told_and_the_others_counted() {
        let header = synth::header(&["a"]);
        let mut live = Live::new(&header);
        live.add(&window(header.started_monotonic_ns + 5, 1, 1));
        live.add(&event(5, 0, Kind::Birth { generation: 1, warm: false, took_ns: 1 }));
        assert_eq!(live.told().count(), 0);
        for number in 2..TOLD as u64 + 5 {
            let at_ns = header.started_monotonic_ns + number;
            live.add(&event(at_ns, 0, Kind::Birth { generation: number, warm: false, took_ns: 1 }));
        }
        let told: Vec<_> = live.told().collect();
        assert_eq!(told.len(), TOLD);
        let last = Told { number: 19, at_ns: 20, partition: Some(0), what: "start 20 (cold)".to_owned() };
        assert_eq!((told[0].number, told[TOLD - 1]), (4, &last));
        live.add(&event(header.started_monotonic_ns, NO_PARTITION, Kind::Resumed));
        assert_eq!(live.told().last().unwrap().partition, None);
    }

    #[test]
    fn a_schedule_that_all_cores_go_over_to_is_told_once() {
        let mut live = Live::new(&synth::header(&["a"]));
        for core in 0..3 {
            let kind = Kind::ScheduleSwitch { frame: 7, schedule: 1, planned_ns: 1, awake_ns: 2 };
            live.add(&Event { time_ns: 2, core, partition: NO_PARTITION, kind });
        }
        assert_eq!((live.schedule(), live.told().count()), (1, 1));
    }
}
