//! What guests noted and what they were told: slices for interrupts and processes, instants for messages and raised lines, and flows from a
//! message's sending over its arrival to its reception.
//!
//! The ends of a flow may stand in the recording in any order, so it is read before to find the messages that have a sending and
//! something behind it. Whatever was lost between the beginning of a slice and its end, each slice is ended, within those that it
//! lies in.

use std::collections::HashMap;
use std::path::Path;

use super::{
    ANNOTATIONS, BEGIN, CATEGORY, CHANNEL, COUNT, END, Error, INSTANT, INTERRUPT_RAISED, LINE, MESSAGE_RECEIVED,
    MESSAGE_SENT, MESSAGES_ARRIVED, SEQUENCE_NUMBER, Trace, Track, annotation, named,
};
use crate::record::codes::process_name;
use crate::record::event::{Event, Kind};
use crate::record::export::proto::Message;
use crate::record::file::Reader;
use crate::record::header::Header;
use bulkhead_abi::vcpu::line;

/// Interrupts within interrupts; deeper ones begin anew.
const DEPTH: usize = 64;
/// Messages of one arrival that get arrows; the newest. A guest's trace holds no more.
const ARROWS: u64 = 2048;
const FLOW_IDS: u32 = 47;
const _: () = assert!(LINE as usize <= ANNOTATIONS.len());

/// Which reads of a channel are the first of their message, by partition and channel.
#[derive(Debug, Default)]
struct FirstReads(HashMap<(u16, u16), u64>);

impl FirstReads {
    fn is_first(&mut self, partition: u16, channel: u16, sequence: u64) -> bool {
        self.0.insert((partition, channel), sequence) != Some(sequence)
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Ends {
    id: u64,
    sent_ns: Option<u64>,
    /// The last of its arrivals.
    arrived_ns: Option<u64>,
    /// The last of the first reads.
    received_ns: Option<u64>,
}

impl Ends {
    /// The instant of sending, if there is an arrival or a reading behind it.
    fn whole(&self) -> Option<u64> {
        self.sent_ns.filter(|&sent_ns| self.arrived_ns.max(self.received_ns) >= Some(sent_ns))
    }
}

/// The numbers of messages that have arrived together: `count` of them, up to this one.
fn arrived(sequence: u64, count: u32) -> impl Iterator<Item = u64> {
    (0..u64::from(count).min(ARROWS)).rev().filter_map(move |back| sequence.checked_sub(back))
}

/// The messages of a recording, by channel and number: some 100 bytes each, and while it is read some 30 for each arrival.
#[derive(Debug, Default)]
pub(super) struct Flows {
    ends: HashMap<(u16, u64), Ends>,
    reads: FirstReads,
}

impl Flows {
    /// Those of the recording at `path`; a module without channels has none.
    pub(super) fn of(path: &Path) -> Result<Flows, Error> {
        let (mut flows, mut reads, mut arrivals) = (Flows::default(), FirstReads::default(), Vec::new());
        let reader = Reader::open(path)?;
        if reader.header().channels.is_empty() {
            return Ok(flows);
        }
        for event in reader {
            let event = event?;
            match event.kind {
                Kind::Sent { channel, sequence } => {
                    flows.ends(channel, sequence).sent_ns.get_or_insert(event.time_ns);
                }
                Kind::Received { channel, sequence } if reads.is_first(event.partition, channel, sequence) => {
                    let ends = flows.ends(channel, sequence);
                    ends.received_ns = ends.received_ns.max(Some(event.time_ns));
                }
                Kind::Arrived { channel, sequence, count } => arrivals.push((channel, sequence, count, event.time_ns)),
                _ => {}
            }
        }
        // What has arrived is marked on what was sent, wherever that stood; a number that somebody has made up makes no message.
        for (channel, sequence, count, at_ns) in arrivals {
            for sequence in arrived(sequence, count) {
                if let Some(ends) = flows.ends.get_mut(&(channel, sequence)) {
                    ends.arrived_ns = ends.arrived_ns.max(Some(at_ns));
                }
            }
        }
        Ok(flows)
    }

    fn ends(&mut self, channel: u16, sequence: u64) -> &mut Ends {
        let id = self.ends.len() as u64 + 1;
        self.ends.entry((channel, sequence)).or_insert(Ends { id, ..Ends::default() })
    }

    /// The numbers of the flows that an event belongs to.
    fn ids(&mut self, event: &Event) -> Vec<u64> {
        let at_ns = event.time_ns;
        match event.kind {
            Kind::Sent { channel, sequence } => {
                self.id(channel, sequence, |sent_ns| at_ns == sent_ns).into_iter().collect()
            }
            Kind::Received { channel, sequence } if self.reads.is_first(event.partition, channel, sequence) => {
                self.id(channel, sequence, |sent_ns| at_ns >= sent_ns).into_iter().collect()
            }
            Kind::Arrived { channel, sequence, count } => {
                let id = |sequence| self.id(channel, sequence, |sent_ns| at_ns >= sent_ns);
                arrived(sequence, count).filter_map(id).collect()
            }
            _ => Vec::new(),
        }
    }

    fn id(&self, channel: u16, sequence: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let ends = self.ends.get(&(channel, sequence))?;
        ends.whole().filter(|&sent_ns| fits(sent_ns)).map(|_| ends.id)
    }
}

/// What is open on the tracks of a partition's guest.
#[derive(Debug, Default, Clone)]
pub(super) struct Open {
    interrupts: Vec<u16>,
    process: bool,
    last_ns: u64,
}

fn label(text: &str) -> Message {
    Message::new().number(3, CATEGORY).text(23, text)
}

fn line_name(number: u16) -> String {
    match u32::from(number) {
        line::TIMER => "timer".to_owned(),
        line::PORT => "port".to_owned(),
        line::WINDOW => "window".to_owned(),
        line::CONSOLE => "console".to_owned(),
        _ => format!("line {number}"),
    }
}

impl Trace<'_> {
    /// The tracks of a partition.
    pub(super) fn traced_tracks(&mut self, partition: u16) -> Result<(), Error> {
        let child = |name: &str| Message::new().number(5, Track::Process(partition).uuid()).text(2, name);
        self.track(Track::Interrupts(partition), child("interrupts"))?;
        self.track(Track::Processes(partition), child("processes"))?;
        self.track(Track::Messages(partition), child("messages"))
    }

    /// An event of a partition that exists: true if that is all there is to it.
    pub(super) fn traced(&mut self, header: &Header, event: &Event) -> Result<bool, Error> {
        let (partition, index) = (event.partition, usize::from(event.partition));
        let at_ns = event.time_ns.max(self.guests[index].last_ns);
        match event.kind {
            Kind::InterruptEntered { line } => {
                if self.guests[index].interrupts.len() >= DEPTH {
                    self.end_interrupts(partition, at_ns, 0)?;
                }
                self.guests[index].interrupts.push(line);
                self.put(at_ns, Track::Interrupts(partition), BEGIN, label(&line_name(line)))?;
            }
            Kind::InterruptFinished { line } => {
                // One whose beginning was lost has no slice.
                if let Some(depth) = self.guests[index].interrupts.iter().rposition(|&open| open == line) {
                    self.end_interrupts(partition, at_ns, depth)?;
                }
            }
            Kind::ProcessSwitch { process, name } => {
                self.end_process(partition, at_ns)?;
                if process != 0 {
                    self.guests[index].process = true;
                    self.put(at_ns, Track::Processes(partition), BEGIN, label(&process_name(process, &name)))?;
                }
            }
            Kind::Sent { channel, sequence } => self.message(header, event, MESSAGE_SENT, channel, sequence)?,
            Kind::Received { channel, sequence } => self.message(header, event, MESSAGE_RECEIVED, channel, sequence)?,
            // The supervisor's word, and its clock.
            Kind::Arrived { channel, sequence, .. } => {
                self.message(header, event, MESSAGES_ARRIVED, channel, sequence)?;
                return Ok(true);
            }
            Kind::InterruptRaised { line } | Kind::RaisedItself { line } => {
                let line = Message::new().number(1, LINE).text(6, &line_name(line));
                self.put(
                    event.time_ns,
                    Track::Interrupts(partition),
                    INSTANT,
                    named(INTERRUPT_RAISED).message(4, line),
                )?;
                return Ok(true);
            }
            // The interrupt shows.
            Kind::Tick { .. } => {}
            kind => {
                if kind.is_death() || matches!(kind, Kind::TraceLost { .. } | Kind::Birth { .. }) {
                    self.end_all(partition, at_ns)?;
                }
                return Ok(false);
            }
        }
        self.guests[index].last_ns = at_ns;
        Ok(true)
    }

    /// One end of a message's way, or its arrival.
    fn message(&mut self, header: &Header, event: &Event, what: u64, channel: u16, sequence: u64) -> Result<(), Error> {
        let name = header.channels.get(usize::from(channel)).map_or("?", String::as_str);
        let mut message = named(what)
            .message(4, Message::new().number(1, CHANNEL).text(6, name))
            .message(4, annotation(SEQUENCE_NUMBER, sequence));
        if let Kind::Arrived { count, .. } = event.kind {
            message = message.message(4, annotation(COUNT, count.into()));
        }
        for id in self.flows.ids(event) {
            message = message.fixed64(FLOW_IDS, id);
        }
        self.put(event.time_ns, Track::Messages(event.partition), INSTANT, message)
    }

    /// Ends what is open in a partition.
    pub(super) fn end_all(&mut self, partition: u16, at_ns: u64) -> Result<(), Error> {
        let at_ns = at_ns.max(self.guests[usize::from(partition)].last_ns);
        self.guests[usize::from(partition)].last_ns = at_ns;
        self.end_interrupts(partition, at_ns, 0)?;
        self.end_process(partition, at_ns)
    }

    fn end_interrupts(&mut self, partition: u16, at_ns: u64, depth: usize) -> Result<(), Error> {
        while self.guests[usize::from(partition)].interrupts.len() > depth {
            self.guests[usize::from(partition)].interrupts.pop();
            self.put(at_ns, Track::Interrupts(partition), END, Message::new())?;
        }
        Ok(())
    }

    fn end_process(&mut self, partition: u16, at_ns: u64) -> Result<(), Error> {
        if std::mem::take(&mut self.guests[usize::from(partition)].process) {
            self.put(at_ns, Track::Processes(partition), END, Message::new())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_has_both_ends_or_none() {
        let event = |partition, time_ns, kind| Event { time_ns, core: 0, partition, kind };
        let sent = |time_ns, sequence| event(0, time_ns, Kind::Sent { channel: 0, sequence });
        let received = |time_ns, sequence| event(1, time_ns, Kind::Received { channel: 0, sequence });
        // A reading before its sending in the file, a second reading, two lonely ends, and a reading before its sending in time.
        // Three messages that arrive together: one was not sent, so far as is known, and another one after it had arrived.
        let come = |time_ns| event(1, time_ns, Kind::Arrived { channel: 0, sequence: 9, count: 3 });
        let early = |time_ns| event(1, time_ns, Kind::Arrived { channel: 0, sequence: 1, count: u32::MAX });
        let events = [
            received(30, 1),
            received(40, 1),
            sent(20, 1),
            sent(50, 2),
            received(60, 3),
            received(70, 4),
            sent(80, 4),
            come(100),
            sent(90, 7),
            sent(110, 9),
            sent(120, 9),
            received(130, 7),
            early(10),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rec");
        let header = Header { channels: vec!["way".to_owned()], ..crate::record::synth::header(&["a", "b"]) };
        let mut writer = crate::record::file::Writer::create(&path, &header).unwrap();
        writer.append(&events).unwrap();
        writer.flush().unwrap();
        drop(writer);
        let mut flows = Flows::of(&path).unwrap();
        let ids: Vec<_> = events.iter().map(|event| flows.ids(event).into_iter().next()).collect();
        let (one, seven) = (Some(1), Some(5));
        assert_eq!(
            ids,
            [one, None, one, None, None, None, None, seven, seven, None, None, seven, None],
            "{:?}",
            flows.ends
        );
    }
}
