//! Perfetto's trace format: every partition a process, every core's dispatcher a thread, windows as slices.
//!
//! The trace is one sequence of packets. Names of events are interned: the first packet carries them all, each under a
//! number. Instants are CLOCK_MONOTONIC of the recording host. A slice that the recording leaves open, because the run
//! ended within a window, ends with the last event, so every beginning has its end.

mod traced;

use std::io::Write;
use std::path::Path;

use super::Error;
use super::proto::Message;
use crate::record::codes::describe;
use crate::record::event::{Event, Kind};
use crate::record::file::Reader;
use crate::record::header::Header;
use traced::{Flows, Open};

/// Field numbers, as Perfetto's trace_packet.proto, track_event.proto and their neighbours give them.
mod field {
    pub(super) const TRACE_PACKET: u32 = 1;
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE_ID: u32 = 10;
    pub(super) const TRACK_EVENT: u32 = 11;
    pub(super) const INTERNED_DATA: u32 = 12;
    pub(super) const SEQUENCE_FLAGS: u32 = 13;
    pub(super) const TRACK_DESCRIPTOR: u32 = 60;
}
const SEQUENCE: u64 = 1;
/// Interned data begins anew with this packet, or this packet needs it.
const STATE_CLEARED: u64 = 1;
const NEEDS_STATE: u64 = 2;

const BEGIN: u64 = 1;
const END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;

/// Interned names of events, by number from 1.
const NAMES: [&str; 11] = [
    "window",
    "stop",
    "continue",
    "late wake-up",
    "window skipped",
    "frames skipped",
    "message sent",
    "message received",
    "first instruction",
    "messages arrived",
    "interrupt raised",
];
const WINDOW: u64 = 1;
const STOP: u64 = 2;
const CONTINUE: u64 = 3;
const LATE_WAKE_UP: u64 = 4;
const WINDOW_SKIPPED: u64 = 5;
const FRAMES_SKIPPED: u64 = 6;
const MESSAGE_SENT: u64 = 7;
const MESSAGE_RECEIVED: u64 = 8;
const FIRST_INSTRUCTION: u64 = 9;
const MESSAGES_ARRIVED: u64 = 10;
const INTERRUPT_RAISED: u64 = 11;
/// Interned names of annotations.
const ANNOTATIONS: [&str; 7] = ["frame", "lateness_ns", "partition", "count", "channel", "sequence", "line"];
const FRAME: u64 = 1;
const LATENESS: u64 = 2;
const PARTITION: u64 = 3;
const COUNT: u64 = 4;
const CHANNEL: u64 = 5;
const SEQUENCE_NUMBER: u64 = 6;
const LINE: u64 = 7;
const CATEGORY: u64 = 1;

/// The supervisor's process in the trace; partitions follow.
const SUPERVISOR_PID: u64 = 1;

/// Tracks, by what they show.
#[derive(Debug, Clone, Copy)]
enum Track {
    Supervisor,
    Dispatcher(u16),
    Process(u16),
    Windows(u16),
    Events(u16),
    Lateness(u16),
    Interrupts(u16),
    Processes(u16),
    Messages(u16),
    Waiting(u16),
    HostInterrupts(u16),
}

impl Track {
    fn uuid(self) -> u64 {
        let (group, index) = match self {
            Track::Supervisor => (1, 0),
            Track::Dispatcher(core) => (2, core),
            Track::Process(partition) => (3, partition),
            Track::Windows(partition) => (4, partition),
            Track::Events(partition) => (5, partition),
            Track::Lateness(partition) => (6, partition),
            Track::Interrupts(partition) => (7, partition),
            Track::Processes(partition) => (8, partition),
            Track::Messages(partition) => (9, partition),
            Track::Waiting(channel) => (10, channel),
            Track::HostInterrupts(core) => (11, core),
        };
        group << 20 | u64::from(index)
    }
}

/// Writes the recording at `path` as a Perfetto trace.
///
/// # Errors
/// If the recording cannot be read or the trace cannot be written.
pub fn write(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let header = reader.header().clone();
    let mut trace = Trace {
        out,
        open: vec![false; header.partitions.len()],
        last_ns: 0,
        dispatcher_ns: vec![0; header.cores.len()],
        flows: Flows::of(path)?,
        guests: vec![Open::default(); header.partitions.len()],
    };
    trace.names()?;
    trace.tracks(&header)?;
    for event in reader.by_ref() {
        trace.event(&header, &event?)?;
    }
    trace.finish()
}

struct Trace<'a> {
    out: &'a mut dyn Write,
    /// By partition: whether a window's slice has begun.
    open: Vec<bool>,
    last_ns: u64,
    /// By core: until when the dispatcher's track is taken.
    dispatcher_ns: Vec<u64>,
    flows: Flows,
    /// By partition.
    guests: Vec<Open>,
}

impl Trace<'_> {
    fn packet(&mut self, packet: Message) -> Result<(), Error> {
        let packet = packet.number(field::SEQUENCE_ID, SEQUENCE);
        self.out.write_all(packet.head(field::TRACE_PACKET).encoded())?;
        self.out.write_all(packet.encoded())?;
        Ok(())
    }

    fn names(&mut self) -> Result<(), Error> {
        let interned = |id: usize, name: &str| Message::new().number(1, id as u64 + 1).text(2, name);
        let mut data = Message::new().message(1, interned(0, "bulkhead"));
        for (id, name) in NAMES.iter().enumerate() {
            data = data.message(2, interned(id, name));
        }
        for (id, name) in ANNOTATIONS.iter().enumerate() {
            data = data.message(3, interned(id, name));
        }
        let packet = Message::new().number(field::SEQUENCE_FLAGS, STATE_CLEARED).message(field::INTERNED_DATA, data);
        self.packet(packet)
    }

    fn tracks(&mut self, header: &Header) -> Result<(), Error> {
        let process = |pid: u64, name: &str| Message::new().number(1, pid).text(6, name);
        let thread = |pid: u64, tid: u64, name: &str| Message::new().number(1, pid).number(2, tid).text(5, name);
        let title = format!("bulkhead: {}", header.module);
        self.track(Track::Supervisor, Message::new().message(3, process(SUPERVISOR_PID, &title)))?;
        for (index, core) in header.cores.iter().enumerate() {
            let name = format!("core {} (CPU {})", core.number, core.cpu);
            let own = Message::new().message(4, thread(SUPERVISOR_PID, 10_000 + index as u64, &name));
            self.track(Track::Dispatcher(index as u16), own)?;
        }
        let supervisors = |name: &str| Message::new().number(5, Track::Supervisor.uuid()).text(2, name);
        // Unit 2 is a count.
        let counter = |name: &str| supervisors(name).message(8, Message::new().number(3, 2));
        for (index, name) in header.channels.iter().enumerate() {
            self.track(Track::Waiting(index as u16), counter(&format!("waiting in {name}")))?;
        }
        for (index, core) in header.cores.iter().enumerate() {
            self.track(Track::HostInterrupts(index as u16), counter(&format!("interrupts of CPU {}", core.cpu)))?;
        }
        for (index, partition) in header.partitions.iter().enumerate() {
            let (id, pid) = (index as u16, SUPERVISOR_PID + 1 + index as u64);
            self.track(Track::Process(id), Message::new().message(3, process(pid, &partition.name)))?;
            self.track(Track::Windows(id), Message::new().message(4, thread(pid, pid, &partition.name)))?;
            let child = |name: &str| Message::new().number(5, Track::Process(id).uuid()).text(2, name);
            self.track(Track::Events(id), child("events"))?;
            // Unit 1 is nanoseconds.
            let counter = child("start lateness").message(8, Message::new().number(3, 1));
            self.track(Track::Lateness(id), counter)?;
            self.traced_tracks(id)?;
        }
        Ok(())
    }

    fn track(&mut self, track: Track, descriptor: Message) -> Result<(), Error> {
        self.packet(Message::new().message(field::TRACK_DESCRIPTOR, descriptor.number(1, track.uuid())))
    }

    fn put(&mut self, at_ns: u64, track: Track, kind: u64, more: Message) -> Result<(), Error> {
        let event = more.number(9, kind).number(11, track.uuid());
        self.last_ns = self.last_ns.max(at_ns);
        self.packet(
            Message::new()
                .number(field::TIMESTAMP, at_ns)
                .number(field::SEQUENCE_FLAGS, NEEDS_STATE)
                .message(field::TRACK_EVENT, event),
        )
    }

    /// A slice of the dispatcher's, which begins where the one before has ended.
    fn dispatcher(&mut self, core: u16, from_ns: u64, to_ns: u64, name: u64, partition: &str) -> Result<(), Error> {
        let Some(taken_ns) = self.dispatcher_ns.get_mut(usize::from(core)) else { return Ok(()) };
        let from_ns = from_ns.max(*taken_ns);
        let to_ns = to_ns.max(from_ns);
        *taken_ns = to_ns;
        let whose = Message::new().number(1, PARTITION).text(6, partition);
        self.put(from_ns, Track::Dispatcher(core), BEGIN, named(name).message(4, whose))?;
        self.put(to_ns, Track::Dispatcher(core), END, Message::new())
    }

    fn event(&mut self, header: &Header, event: &Event) -> Result<(), Error> {
        let (core, partition) = (event.core, event.partition);
        let Some(name) = header.partitions.get(usize::from(partition)).map(|partition| partition.name.as_str()) else {
            return match event.kind {
                Kind::FramesSkipped { count, .. } if usize::from(core) < header.cores.len() => {
                    let count = annotation(COUNT, count);
                    self.put(event.time_ns, Track::Dispatcher(core), INSTANT, named(FRAMES_SKIPPED).message(4, count))
                }
                Kind::Waiting { channel, messages, .. } if usize::from(channel) < header.channels.len() => {
                    let value = Message::new().number(30, messages.into());
                    self.put(event.time_ns, Track::Waiting(channel), COUNTER, value)
                }
                Kind::Interrupts(interrupts) if usize::from(core) < header.cores.len() => {
                    let value = Message::new().number(30, interrupts.count);
                    self.put(event.time_ns, Track::HostInterrupts(core), COUNTER, value)
                }
                Kind::Lost { .. } | Kind::Resumed => {
                    let words = Message::new().number(3, CATEGORY).text(23, &describe(&event.kind));
                    self.put(event.time_ns, Track::Supervisor, INSTANT, words)
                }
                _ => Ok(()),
            };
        };
        if self.traced(header, event)? {
            return Ok(());
        }
        match event.kind {
            Kind::WindowStart { frame, planned_ns, awake_ns, continued_ns } => {
                let lateness_ns = continued_ns.saturating_sub(planned_ns);
                if lateness_ns > header.late_after_ns {
                    self.dispatcher(core, planned_ns, awake_ns, LATE_WAKE_UP, name)?;
                }
                self.dispatcher(core, awake_ns, continued_ns, CONTINUE, name)?;
                self.close(partition, continued_ns)?;
                let facts = named(WINDOW).message(4, annotation(FRAME, frame));
                let facts = facts.message(4, annotation(LATENESS, lateness_ns));
                self.put(continued_ns, Track::Windows(partition), BEGIN, facts)?;
                self.open[usize::from(partition)] = true;
                let value = Message::new().number(30, lateness_ns);
                self.put(continued_ns, Track::Lateness(partition), COUNTER, value)
            }
            Kind::WindowEnd { awake_ns, requested_ns, confirmed_ns, first_ns, .. } => {
                if first_ns != 0 && self.open[usize::from(partition)] {
                    self.put(first_ns, Track::Windows(partition), INSTANT, named(FIRST_INSTRUCTION))?;
                }
                self.close(partition, awake_ns)?;
                self.dispatcher(core, awake_ns, confirmed_ns.max(requested_ns), STOP, name)
            }
            Kind::WindowSkipped { frame, .. } => {
                let frame = annotation(FRAME, frame);
                self.put(event.time_ns, Track::Events(partition), INSTANT, named(WINDOW_SKIPPED).message(4, frame))
            }
            Kind::WindowVacant { .. }
            | Kind::Text { .. }
            | Kind::Waited { .. }
            | Kind::Sample(_)
            | Kind::Interrupts(_)
            | Kind::InterruptsFrom { .. }
            | Kind::Waiting { .. }
            | Kind::Unknown { .. } => Ok(()),
            kind => {
                let words = Message::new().number(3, CATEGORY).text(23, &describe(&kind));
                self.put(event.time_ns, Track::Events(partition), INSTANT, words)
            }
        }
    }

    fn close(&mut self, partition: u16, at_ns: u64) -> Result<(), Error> {
        if std::mem::take(&mut self.open[usize::from(partition)]) {
            self.put(at_ns, Track::Windows(partition), END, Message::new())?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        let last_ns = self.last_ns;
        for partition in 0..self.open.len() as u16 {
            self.close(partition, last_ns)?;
            self.end_all(partition, last_ns)?;
        }
        Ok(self.out.flush()?)
    }
}

fn named(name: u64) -> Message {
    Message::new().number(3, CATEGORY).number(10, name)
}

fn annotation(name: u64, value: u64) -> Message {
    Message::new().number(1, name).number(3, value)
}
