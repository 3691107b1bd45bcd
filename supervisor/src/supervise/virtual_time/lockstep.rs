//! The client of a run in lockstep: when it is asked, and what its requests do to the module.
//!
//! Time stands still while the client is asked. It is asked at the instants that it has named and nowhere else, between what the
//! guests do up to that instant and what the dispatchers do at it: a message that it sends then is there when a window begins then.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_abi::virtual_time::{BEGIN_NS, NEVER, mix};

use super::lane::Waits;
use super::world::World;
use crate::config::{ChannelKind, End};
use crate::lockstep::link::{Link, Next};
use crate::lockstep::protocol::{
    Answer, ChannelState, Direction, Hello, Line, Outcome, PartitionState, Port, State, Why,
};
use crate::lockstep::request::{Wish, judge, to_hex};
use crate::port::Channels;
use crate::port::outside::{self, Received, Unsent};
use crate::supervise::outcome::{VirtualOutcome, host_error};
use crate::supervise::{ChannelOutcome, Ending, RunError, State as Life, Supervisor, console};

/// How often signals are looked at while the client thinks.
const TICK: Duration = Duration::from_millis(20);
/// What the digest has before a message that the client has sent, and before one that it has taken out of a queue.
const SENT: u64 = 0x6f75_7473_6964_6531;
const TAKEN: u64 = 0x6f75_7473_6964_6532;

/// The client.
#[derive(Debug)]
pub(super) struct Client {
    link: Link,
    /// What it said first.
    first: Option<Next>,
    ports: Vec<Port>,
    /// Until when time may pass before it is asked again, in nanoseconds of module time.
    pub(super) horizon_ns: u64,
    /// The `id` of the `advance` that has no answer yet.
    pending: Option<Option<u64>>,
    message: Vec<u8>,
}

impl Client {
    fn next(&mut self) -> Next {
        self.first.take().unwrap_or_else(|| self.link.next(TICK))
    }

    /// Whether the connection is closed.
    pub(super) fn is_gone(&self) -> bool {
        self.link.is_gone()
    }

    /// Tells how the run has ended, if the client still wants to know.
    pub(super) fn conclude(mut self, ending: &Ending, outcome: &VirtualOutcome, mut go_on: impl FnMut() -> bool) {
        let now_ns = outcome.elapsed_ns;
        if let Some(id) = self.pending.take() {
            let result = Outcome::Advanced { why: Why::Ended, quiet: None };
            let answer = Answer { id, ok: true, error: None, now_ns, result };
            if self.link.put(&Line::Answer(Box::new(answer)), TICK, &mut go_on).is_err() {
                return;
            }
        }
        let ending = serde_json::to_value(ending).unwrap_or_default();
        // Whoever is gone does not want to know.
        let _ = self.link.put(&Line::End { ending, now_ns, digest: outcome.digest.clone() }, TICK, go_on);
    }
}

/// By partition: whether the client can bring it news.
pub(super) fn reached(channels: &Channels, partitions: usize) -> Vec<bool> {
    let mut reached = vec![false; partitions];
    for (channel, _) in channels.iter() {
        let from_outside = matches!(channel.source, End::Outside(_));
        // Who sends to a full queue hears of it when something has been taken out.
        let makes_room = channel.queue_shape().is_some() && matches!(channel.destinations[..], [End::Outside(_)]);
        let sources = makes_room.then_some(&channel.source);
        let destinations = channel.destinations.iter().filter(|_| from_outside);
        for id in destinations.chain(sources).filter_map(End::partition) {
            reached[id.index()] = true;
        }
    }
    reached
}

impl Supervisor<'_> {
    /// Waits for the client's first word, if there is to be one; `None` also if somebody ends the run before that. Who leaves
    /// without a word was no client.
    pub(super) fn await_client(&mut self) -> Result<Option<Client>, RunError> {
        let Some(door) = self.door.take() else { return Ok(None) };
        if !self.options.quiet {
            let path = console::visible(door.path().as_os_str().as_encoded_bytes());
            self.say(&format!("waiting for a client at {path}"));
        }
        let hello = Hello::new(self.module);
        let ports = hello.ports.clone();
        let hello = Line::Hello(hello);
        while self.may_wait() {
            let Some(mut link) = door.wait(TICK).map_err(host_error("accept"))? else { continue };
            if link.put(&hello, TICK, || self.may_wait()).is_err() {
                continue;
            }
            while self.may_wait() {
                match link.next(TICK) {
                    Next::Nothing => {}
                    Next::Gone => break,
                    first => {
                        let (first, message) = (Some(first), Vec::new());
                        return Ok(Some(Client { link, first, ports, horizon_ns: BEGIN_NS, pending: None, message }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Looks at signals; whether nobody has ended the run.
    pub(super) fn may_wait(&mut self) -> bool {
        self.read_signals();
        !self.interrupted && !self.output.is_closed()
    }
}

impl World<'_, '_> {
    /// Asks the client, if time is where it wants to be asked, until it wants to be asked later or the run ends.
    pub(super) fn attend_client(&mut self) {
        let now_ns = self.supervisor.now_ns();
        let Some(mut client) = self.client.take_if(|client| client.horizon_ns <= now_ns) else { return };
        if let Some(id) = client.pending.take() {
            self.answer(&mut client, id, Ok(self.reached_instant()));
        }
        while client.horizon_ns <= now_ns && !self.is_over() {
            match client.next() {
                Next::Line(line) => self.deal_with(&mut client, &line),
                Next::TooLong => self.answer(&mut client, None, Err("the line is too long".to_owned())),
                Next::Nothing => self.look_around(),
                Next::Gone => self.abandon(),
            }
        }
        self.client = Some(client);
    }

    /// The client is gone.
    pub(super) fn abandon(&mut self) {
        if !self.is_over() {
            self.supervisor.say("the client in lockstep is gone and has not said \"stop\"; the run ends here");
            self.finish(Ending::Abandoned);
        }
    }

    fn reached_instant(&self) -> Outcome {
        let quiet = self.stalemate().filter(|stalemate| stalemate.outside_may_help);
        Outcome::Advanced { why: Why::Reached, quiet: quiet.map(|stalemate| stalemate.words) }
    }

    fn answer(&mut self, client: &mut Client, id: Option<u64>, result: Result<Outcome, String>) {
        let now_ns = self.supervisor.now_ns() - BEGIN_NS;
        let (result, error) = match result {
            Ok(result) => (result, None),
            Err(error) => (Outcome::None, Some(error)),
        };
        let line = Line::Answer(Box::new(Answer { id, ok: error.is_none(), error, now_ns, result }));
        match client.link.put(&line, TICK, || self.supervisor.may_wait()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.look_around(),
            Err(_) => self.abandon(),
        }
    }

    fn deal_with(&mut self, client: &mut Client, line: &[u8]) {
        let now_ns = self.supervisor.now_ns();
        let (id, wish) = judge(line, now_ns - BEGIN_NS, &client.ports);
        let result = match wish {
            Err(error) => Err(error),
            Ok(Wish::Advance(until_ns)) => {
                let until_ns = BEGIN_NS.saturating_add(until_ns);
                if until_ns > now_ns {
                    (client.horizon_ns, client.pending) = (until_ns, Some(id));
                    return;
                }
                Ok(self.reached_instant())
            }
            Ok(Wish::Send(port, message)) => self.send(&client.ports[port], &message),
            Ok(Wish::Receive(port)) => self.receive(&client.ports[port], &mut client.message),
            Ok(Wish::State) => Ok(Outcome::State { state: Box::new(self.state()) }),
            Ok(Wish::Stop) => {
                self.finish(Ending::Stopped);
                Ok(Outcome::None)
            }
        };
        self.answer(client, id, result);
    }

    fn send(&mut self, port: &Port, message: &[u8]) -> Result<Outcome, String> {
        let (now_ns, channels) = (self.supervisor.now_ns(), Arc::clone(&self.supervisor.channels));
        let Some((channel, memory)) = channels.get(port.number) else { return Err("no such channel".to_owned()) };
        match outside::send(channel, memory, now_ns, message) {
            Ok(()) => {
                self.digest_message((SENT, now_ns, port), message);
                self.supervisor.keep_arrivals_from_outside();
                channel.destinations.iter().filter_map(End::partition).for_each(|id| self.tell(id));
                Ok(Outcome::Sent { sent: true })
            }
            Err(Unsent::Full) => Ok(Outcome::Sent { sent: false }),
            Err(Unsent::BadLength) => Err("\"data\" has a length that this port does not take".to_owned()),
        }
    }

    fn receive(&mut self, port: &Port, message: &mut Vec<u8>) -> Result<Outcome, String> {
        let (now_ns, channels) = (self.supervisor.now_ns(), Arc::clone(&self.supervisor.channels));
        let Some((channel, memory)) = channels.get(port.number) else { return Err("no such channel".to_owned()) };
        match outside::receive(channel, memory, now_ns, message) {
            Received::Nothing => Ok(Outcome::Nothing { data: () }),
            Received::Message { waiting } => {
                self.digest_message((TAKEN, now_ns, port), message);
                // There is room now.
                channel.source.partition().into_iter().for_each(|id| self.tell(id));
                Ok(Outcome::Message { data: to_hex(message), waiting })
            }
            Received::Sample { written_ns, number, is_valid } => Ok(Outcome::Sample {
                data: to_hex(message),
                written_ns: written_ns.saturating_sub(BEGIN_NS),
                age_ns: now_ns.saturating_sub(written_ns),
                valid: is_valid,
                number,
            }),
            Received::Nonsense => {
                Err(format!("\"port\": what the module has left at \"{}\" makes no sense", port.name))
            }
        }
    }

    /// Tells the digest what the client has put in or taken out.
    fn digest_message(&mut self, (what, now_ns, port): (u64, u64, &Port), message: &[u8]) {
        let content = message.iter().fold(message.len() as u64, |digest, &byte| mix(digest, u64::from(byte)));
        let is_send = u64::from(port.direction == Direction::Send);
        self.supervisor.journal.digest_words(&[what, now_ns, port.number as u64, is_send, content]);
    }

    /// How the module is: what is known at this instant, whatever the recorder has heard of.
    fn state(&self) -> State {
        let supervisor = &self.supervisor;
        let elapsed_ns = supervisor.now_ns() - BEGIN_NS;
        let partitions = supervisor.residents.iter().zip(&self.lanes).map(|(resident, lane)| {
            let (state, failed, last) = match &resident.state {
                Life::Starting => ("starting", false, None),
                Life::Normal => ("normal", false, None),
                Life::Idle { last, failed } => ("idle", *failed, last.as_ref()),
            };
            let (waits, timer_ns) = match lane.waits {
                Waits::Ready => ("nothing", None),
                Waits::Window => ("window", None),
                Waits::Interrupt(NEVER) => ("interrupt", None),
                Waits::Interrupt(wake_ns) => ("interrupt", Some(wake_ns.saturating_sub(BEGIN_NS))),
                Waits::Nothing => ("ever", None),
            };
            PartitionState {
                name: supervisor.module.partition(resident.id).name.clone(),
                state,
                failed,
                last: last.map(|last| console::visible(last.to_string().as_bytes())).unwrap_or_default(),
                start: resident.generation(),
                windows: lane.windows,
                in_window: lane.is_open,
                waits,
                timer_ns,
                interrupts: resident.interrupts(),
            }
        });
        let channels = supervisor.channels.iter().map(|(channel, memory)| {
            let outcome = ChannelOutcome::of(channel, memory, Vec::new());
            let depth = match channel.kind {
                ChannelKind::Sampling { .. } => 0,
                ChannelKind::Queuing { depth } => depth,
            };
            let (kind, messages, waiting) = (outcome.kind, outcome.messages, outcome.waiting);
            ChannelState { name: outcome.name, kind, messages, waiting, depth, lost: outcome.lost }
        });
        State {
            frame: elapsed_ns / supervisor.module.major_frame_ns,
            into_frame_ns: elapsed_ns % supervisor.module.major_frame_ns,
            partitions: partitions.collect(),
            channels: channels.collect(),
        }
    }
}
