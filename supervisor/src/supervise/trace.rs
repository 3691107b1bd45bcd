//! What a guest's shim notes while it runs: interrupts, ticks, messages, processes.
//!
//! The guest overwrites its oldest records and waits for nobody. Each word is read once; what makes no sense is counted, and
//! times that cannot be are moved to the nearest that can, so that a hostile guest garbles nothing but what is said of itself.

use std::sync::atomic::Ordering;

use bulkhead_abi::map::guest::TRACE_RECORDS;
use bulkhead_abi::trace::{Entry, Kind as Traced, take};
use bulkhead_abi::vcpu::line;

use super::{State, Supervisor};
use crate::config::{Channel, Module, PartitionId};
use crate::partition::Memory;
use crate::record::event::{Event, Kind};

/// What an event takes of a guest's allowance, in nanoseconds: 32 events in a millisecond, some 2 MB of recording a second.
const COST_NS: u64 = 31_250;
/// The largest allowance, in nanoseconds: two rings at once.
const MOST_NS: u64 = 2 * TRACE_RECORDS * COST_NS;

/// Records that a guest can have written between two looks; more is nonsense.
const CREDIBLE: u64 = 1 << 32;

/// The reading end of a partition's trace.
#[derive(Debug)]
pub(super) struct Traces {
    /// By number of the port: the index of its channel, and whether the partition is its source.
    ports: Vec<(u16, bool)>,
    tail: u64,
    /// No event is older than the one before it.
    last_ns: u64,
    /// What may still be taken, and since when that has been so, in nanoseconds.
    allowed_ns: u64,
    since_ns: u64,
    found: Vec<(u64, Kind)>,
}

/// Records that did not become events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lost {
    /// Overwritten before they were fetched, or without sense.
    missed: u64,
    /// More than a guest may have in a recording.
    excess: u64,
}

impl Traces {
    /// For the first start of a partition of `module`.
    pub(super) fn new(module: &Module, id: PartitionId, now_ns: u64) -> Traces {
        let ends = |(number, channel): (usize, &Channel)| -> Vec<(u16, bool)> {
            let mine = channel.ends().enumerate().filter(|(_, end)| end.partition() == Some(id));
            mine.map(|(index, _)| (number as u16, index == 0)).collect()
        };
        let ports = module.channels.iter().enumerate().flat_map(ends).collect();
        let (last_ns, since_ns) = (now_ns, now_ns);
        Traces { ports, tail: 0, last_ns, allowed_ns: MOST_NS, since_ns, found: Vec::new() }
    }

    /// The memory has been cleared.
    pub(super) fn rewind(&mut self) {
        self.tail = 0;
    }

    /// Fetches what is there, as far as the guest's allowance goes: the newest. Returns the events with their times, in order, and how many
    /// are lost before them.
    fn drain(&mut self, memory: &Memory, now_ns: u64) -> (&[(u64, Kind)], Lost) {
        self.found.clear();
        self.allowed_ns = MOST_NS.min(self.allowed_ns.saturating_add(now_ns.saturating_sub(self.since_ns)));
        self.since_ns = now_ns;
        let (mut lost, ring) = (Lost::default(), memory.trace_records());
        // SYNC POINT trace-head: pairs with the guest's release of the head.
        let head = memory.trace_producer().head.load(Ordering::Acquire);
        let count = head.wrapping_sub(self.tail);
        if count > CREDIBLE {
            self.tail = head;
            return (&self.found, Lost { missed: 1, excess: 0 });
        }
        if let Some(over) = count.checked_sub(TRACE_RECORDS) {
            lost.missed += over;
            self.tail = self.tail.wrapping_add(over);
        }
        let present = head.wrapping_sub(self.tail);
        lost.excess = present.saturating_sub(self.allowed_ns / COST_NS);
        self.tail = self.tail.wrapping_add(lost.excess);
        self.allowed_ns -= (present - lost.excess) * COST_NS;
        while self.tail != head {
            match take(ring, self.tail).and_then(|entry| self.judge(entry)) {
                Some(kind) => self.found.push(kind),
                None => lost.missed += 1,
            }
            self.tail = self.tail.wrapping_add(1);
        }
        // The clocks of guests are ahead of the host's by a hair at most.
        for (time_ns, _) in &mut self.found {
            *time_ns = (*time_ns).min(now_ns).max(self.last_ns);
            self.last_ns = *time_ns;
        }
        (&self.found, lost)
    }

    /// The event that the guest claims, if it makes sense.
    fn judge(&self, entry: Entry) -> Option<(u64, Kind)> {
        let Entry { time_ns, kind, number, sequence } = entry;
        let line = (number < line::COUNT).then_some(number as u16);
        let channel = |is_source| {
            let port = self.ports.get(usize::try_from(number).ok()?);
            port.filter(|port| port.1 == is_source).map(|port| port.0)
        };
        let kind = match Traced::new(kind)? {
            Traced::InterruptEntered => Kind::InterruptEntered { line: line? },
            Traced::InterruptFinished => Kind::InterruptFinished { line: line? },
            Traced::Tick => Kind::Tick { due_ns: sequence, ticks: number },
            Traced::Sent => Kind::Sent { channel: channel(true)?, sequence },
            Traced::Received => Kind::Received { channel: channel(false)?, sequence },
            Traced::Raised => Kind::RaisedItself { line: line? },
            Traced::Process => Kind::ProcessSwitch { process: number, name: sequence.to_le_bytes() },
        };
        Some((time_ns, kind))
    }
}

impl Supervisor<'_> {
    /// Whether guests are to trace. In virtual runs they always do, so that what they do does not depend on who watches.
    pub(super) fn set_traces(&self) {
        let on = self.options.record.is_some() || self.options.virtual_time.is_some();
        for resident in &self.residents {
            resident.memory.trace_switch().on.store(u32::from(on), Ordering::Relaxed);
        }
    }

    /// Fetches what a guest has noted, where there is a recording.
    pub(super) fn collect_trace(&mut self, index: usize) {
        let now_ns = self.now_ns();
        let core = self.module.partitions[index].core as u16;
        let resident = &mut self.residents[index];
        // While a new process is made, the spawner clears the memory at an instant that this thread does not know.
        if self.options.record.is_none() || resident.state == State::Starting {
            return;
        }
        let event = |time_ns, kind| Event { time_ns, core, partition: index as u16, kind };
        let from_ns = resident.traces.last_ns;
        let (events, lost) = resident.traces.drain(&resident.memory, now_ns);
        for (count, excess) in [(lost.missed, false), (lost.excess, true)] {
            if count > 0 {
                self.journal.keep(event(from_ns, Kind::TraceLost { count, excess }));
            }
        }
        events.iter().for_each(|&(time_ns, kind)| self.journal.keep(event(time_ns, kind)));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bulkhead_abi::trace::put;

    use super::*;
    use crate::record::synth::Random;

    fn parts() -> (Memory, Traces) {
        let module = Module::single(Path::new("nav.elf"), vec![], 0);
        let mut traces = Traces::new(&module, PartitionId(0), 100);
        assert!(traces.ports.is_empty());
        traces.ports = vec![(3, true), (5, false)];
        (Memory::new(1 << 16, 1 << 14).unwrap(), traces)
    }

    fn missed(missed: u64) -> Lost {
        Lost { missed, excess: 0 }
    }

    fn write(memory: &Memory, kind: Traced, number: u32, time_ns: u64) {
        let entry = Entry { time_ns, kind: kind as u32, number, sequence: 9 };
        put(memory.trace_producer(), memory.trace_records(), entry);
    }

    #[test]
    fn events_come_out_in_order_and_within_their_time() {
        let (memory, mut traces) = parts();
        write(&memory, Traced::InterruptEntered, 1, 150);
        write(&memory, Traced::Sent, 0, 120);
        write(&memory, Traced::Received, 1, u64::MAX);
        write(&memory, Traced::Process, 7, 0);
        let expected = [
            (150, Kind::InterruptEntered { line: 1 }),
            (150, Kind::Sent { channel: 3, sequence: 9 }),
            (200, Kind::Received { channel: 5, sequence: 9 }),
            (200, Kind::ProcessSwitch { process: 7, name: [9, 0, 0, 0, 0, 0, 0, 0] }),
        ];
        assert_eq!(traces.drain(&memory, 200), (&expected[..], Lost::default()));
        assert_eq!(traces.drain(&memory, 200), (&[][..], Lost::default()));
    }

    #[test]
    fn what_makes_no_sense_is_counted() {
        let (memory, mut traces) = parts();
        write(&memory, Traced::InterruptEntered, line::COUNT, 150);
        // A port that does not exist, and two that go the other way.
        write(&memory, Traced::Sent, 2, 150);
        write(&memory, Traced::Sent, 1, 150);
        write(&memory, Traced::Received, 0, 150);
        assert_eq!(traces.drain(&memory, 200), (&[][..], missed(4)));
        memory.trace_producer().head.store(u64::MAX / 2, Ordering::Relaxed);
        assert_eq!(traces.drain(&memory, 200), (&[][..], missed(1)));
        write(&memory, Traced::Tick, 1, 150);
        assert_eq!(traces.drain(&memory, 200).0, [(150, Kind::Tick { due_ns: 9, ticks: 1 })]);
    }

    #[test]
    fn the_overwritten_are_counted_and_the_rest_is_there() {
        let (memory, mut traces) = parts();
        for number in 0..TRACE_RECORDS as u32 + 10 {
            write(&memory, Traced::Process, number, 150);
        }
        let (found, lost) = traces.drain(&memory, 200);
        assert_eq!((found.len() as u64, lost), (TRACE_RECORDS, missed(10)));
        assert!(matches!(found[0].1, Kind::ProcessSwitch { process: 10, .. }));
    }

    #[test]
    fn a_guest_that_never_stops_noting_gets_its_allowance_and_no_more() {
        let (memory, mut traces) = parts();
        let (mut taken, mut lost, mut number) = (0, Lost::default(), 0);
        let looks = 1000;
        for look in 1..=looks {
            for _ in 0..TRACE_RECORDS {
                write(&memory, Traced::Process, number, 150);
                number += 1;
            }
            let (found, more) = traces.drain(&memory, 100 + look * 5_000_000);
            // The newest, without a gap.
            assert!(
                found
                    .last()
                    .is_none_or(|last| matches!(last.1, Kind::ProcessSwitch { process, .. } if process + 1 == number))
            );
            taken += found.len() as u64;
            lost = Lost { missed: lost.missed + more.missed, excess: lost.excess + more.excess };
        }
        assert_eq!((taken + lost.excess, lost.missed), (u64::from(number), 0));
        // What there was at the first look, and 32 events in each millisecond from then on.
        assert_eq!(taken, 2 * TRACE_RECORDS + (looks - 1) * 5 * 32);
    }

    #[test]
    fn whoever_keeps_to_the_allowance_loses_nothing() {
        let (memory, mut traces) = parts();
        for look in 1..=200 {
            (0..160).for_each(|number| write(&memory, Traced::Process, number, 150));
            let (found, lost) = traces.drain(&memory, 100 + look * 5_000_000);
            assert_eq!((found.len(), lost), (160, Lost::default()));
        }
    }

    #[test]
    fn noise_harms_nobody() {
        let (memory, mut traces) = parts();
        let mut random = Random::new(7);
        let mut last_ns = 0;
        for round in 0..300u64 {
            let mut word = || random.next() >> (random.below(64) as u32);
            for record in memory.trace_records() {
                // Half of the marks are right.
                let position = memory.trace_producer().head.load(Ordering::Relaxed);
                let mark = if word() & 1 == 0 { position } else { word() };
                record.fill(mark, [word(), word(), (word() % 10) | (word() << 32)]);
            }
            memory.trace_producer().head.store(word(), Ordering::Relaxed);
            let now_ns = 1000 * round;
            let (found, lost) = traces.drain(&memory, now_ns);
            assert!(found.len() as u64 <= TRACE_RECORDS && lost.missed <= CREDIBLE && lost.excess <= TRACE_RECORDS);
            for &(time_ns, kind) in found {
                assert!(time_ns >= last_ns && time_ns <= now_ns.max(100), "{time_ns}");
                last_ns = time_ns;
                match kind {
                    Kind::InterruptEntered { line }
                    | Kind::InterruptFinished { line }
                    | Kind::RaisedItself { line } => assert!(line < 64),
                    Kind::Sent { channel, .. } => assert_eq!(channel, 3),
                    Kind::Received { channel, .. } => assert_eq!(channel, 5),
                    _ => {}
                }
            }
        }
    }
}
