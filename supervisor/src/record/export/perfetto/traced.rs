//! What guests noted: slices for interrupts and processes, instants for messages, and flows from a message's one end to its other.
//!
//! The ends of a flow may stand in the recording in either order, so it is read once before to find those that have both. Whatever
//! was lost between the beginning of a slice and its end, each slice is ended, within those that it lies in.

use std::collections::HashMap;
use std::path::Path;

use super::{
    ANNOTATIONS, BEGIN, CATEGORY, END, INSTANT, MESSAGE_RECEIVED, MESSAGE_SENT, SEQUENCE_NUMBER, Trace, Track,
};
use super::{CHANNEL, Error, annotation, named};
use crate::record::codes::process_name;
use crate::record::event::{Event, Kind};
use crate::record::export::proto::Message;
use crate::record::file::Reader;
use crate::record::header::Header;
use bulkhead_abi::vcpu::line;

/// Interrupts within interrupts; deeper ones begin anew.
const DEPTH: usize = 64;
const FLOW_IDS: u32 = 47;
const _: () = assert!(SEQUENCE_NUMBER as usize <= ANNOTATIONS.len());

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
    /// The last of the first reads.
    received_ns: Option<u64>,
}

impl Ends {
    /// The instant of sending, if there is a reading behind it.
    fn whole(&self) -> Option<u64> {
        self.sent_ns.filter(|&sent_ns| self.received_ns.is_some_and(|received_ns| received_ns >= sent_ns))
    }
}

/// The messages of a recording, by channel and number: some 100 bytes each.
#[derive(Debug, Default)]
pub(super) struct Flows {
    ends: HashMap<(u16, u64), Ends>,
    reads: FirstReads,
}

impl Flows {
    /// Those of the recording at `path`.
    pub(super) fn of(path: &Path) -> Result<Flows, Error> {
        let (mut flows, mut reads) = (Flows::default(), FirstReads::default());
        for event in Reader::open(path)? {
            let event = event?;
            match event.kind {
                Kind::Sent { channel, sequence } => {
                    flows.ends(channel, sequence).sent_ns.get_or_insert(event.time_ns);
                }
                Kind::Received { channel, sequence } if reads.is_first(event.partition, channel, sequence) => {
                    let ends = flows.ends(channel, sequence);
                    ends.received_ns = ends.received_ns.max(Some(event.time_ns));
                }
                _ => {}
            }
        }
        Ok(flows)
    }

    fn ends(&mut self, channel: u16, sequence: u64) -> &mut Ends {
        let id = self.ends.len() as u64 + 1;
        self.ends.entry((channel, sequence)).or_insert(Ends { id, ..Ends::default() })
    }

    /// The number of the flow that an event belongs to.
    fn id(&mut self, event: &Event) -> Option<u64> {
        let (channel, sequence, is_end) = match event.kind {
            Kind::Sent { channel, sequence } => (channel, sequence, true),
            Kind::Received { channel, sequence } => {
                (channel, sequence, self.reads.is_first(event.partition, channel, sequence))
            }
            _ => return None,
        };
        let ends = self.ends.get(&(channel, sequence)).filter(|_| is_end)?;
        let sent_ns = ends.whole()?;
        let fits = match event.kind {
            Kind::Sent { .. } => event.time_ns == sent_ns,
            _ => event.time_ns >= sent_ns,
        };
        fits.then_some(ends.id)
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
            Kind::Sent { channel, sequence } | Kind::Received { channel, sequence } => {
                let is_sent = matches!(event.kind, Kind::Sent { .. });
                let name = header.channels.get(usize::from(channel)).map_or("?", String::as_str);
                let mut message = named(if is_sent { MESSAGE_SENT } else { MESSAGE_RECEIVED })
                    .message(4, Message::new().number(1, CHANNEL).text(6, name))
                    .message(4, annotation(SEQUENCE_NUMBER, sequence));
                if let Some(id) = self.flows.id(event) {
                    message = message.fixed64(FLOW_IDS, id);
                }
                self.put(event.time_ns, Track::Messages(partition), INSTANT, message)?;
            }
            // The interrupt shows.
            Kind::Tick { .. } => {}
            Kind::TraceLost { .. }
            | Kind::Birth { .. }
            | Kind::Exit { .. }
            | Kind::Crash { .. }
            | Kind::ForbiddenCall { .. }
            | Kind::ModeRequest { .. }
            | Kind::Raised { .. } => {
                self.end_all(partition, at_ns)?;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        self.guests[index].last_ns = at_ns;
        Ok(true)
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
        let events =
            [received(30, 1), received(40, 1), sent(20, 1), sent(50, 2), received(60, 3), received(70, 4), sent(80, 4)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rec");
        let header = crate::record::synth::header(&["a", "b"]);
        let mut writer = crate::record::file::Writer::create(&path, &header).unwrap();
        writer.append(&events).unwrap();
        writer.flush().unwrap();
        drop(writer);
        let mut flows = Flows::of(&path).unwrap();
        let ids: Vec<_> = events.iter().map(|event| flows.id(event)).collect();
        assert_eq!(ids, [Some(1), None, Some(1), None, None, None, None]);
    }
}
