//! What goes over the lockstep socket: one JSON object a line, ended by a line feed, in UTF-8.
//!
//! The supervisor speaks first ([`Hello`]). Then the client sends a request, gets its answer, sends the next. `docs/lockstep.md` is the
//! contract. Within a version keys may be added, so a client skips what it does not know; the supervisor refuses what it does not
//! know, so that a mistake is noticed ([`super::request`]).
//!
//! All instants are nanoseconds since the beginning of the run, messages are hexadecimal digits.

use serde::Serialize;
use serde_json::Value;

use crate::config::{Channel, ChannelKind, End, Module};

/// The version that this program speaks.
pub const VERSION: u32 = 1;
/// Longest line that a client may send, in bytes: what the longest message takes, with room for the rest.
pub const MAX_LINE: usize = 256 << 10;

/// A line from the supervisor.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Hello(Hello),
    /// The answer to a request.
    Answer(Box<Answer>),
    /// The run is over; nothing follows.
    End {
        /// Why, as `bulkhead run --json` has it.
        ending: Value,
        /// How long it was, in nanoseconds.
        now_ns: u64,
        /// The digest of the run, in hexadecimal.
        digest: String,
    },
}

/// Who speaks, and what does not change while the module runs.
#[derive(Debug, Serialize)]
pub struct Hello {
    /// The version of this protocol.
    pub protocol: u32,
    /// The version of the program.
    pub bulkhead: String,
    /// Name of the module.
    pub module: String,
    /// Length of the major frame, in nanoseconds.
    pub major_frame_ns: u64,
    /// Names of the partitions.
    pub partitions: Vec<String>,
    /// The client's ports.
    pub ports: Vec<Port>,
}

/// One of the client's ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Whether the client sends there, or receives.
    pub direction: Direction,
    /// Name of its channel.
    pub channel: String,
    /// "sampling" or "queuing".
    pub kind: &'static str,
    /// Largest message in bytes.
    pub message_bytes: u32,
    /// Messages that a queuing channel holds; 0 for a sampling one.
    pub depth: u32,
    /// How long a sample stays valid, in nanoseconds; 0 for a queuing channel.
    pub refresh_ns: u64,
    /// Number of the channel in the module.
    #[serde(skip)]
    pub number: usize,
}

/// What the client does at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It sends.
    Send,
    /// It receives.
    Receive,
}

impl Hello {
    /// What there is to tell about a module.
    pub fn new(module: &Module) -> Hello {
        let of_channel = |(number, channel): (usize, &Channel)| {
            let (kind, depth, refresh_ns) = match channel.kind {
                ChannelKind::Sampling { refresh_ns } => ("sampling", 0, refresh_ns),
                ChannelKind::Queuing { depth } => ("queuing", depth, 0),
            };
            let port = |(index, end): (usize, &End)| {
                let End::Outside(name) = end else { return None };
                Some(Port {
                    name: name.clone(),
                    direction: if index == 0 { Direction::Send } else { Direction::Receive },
                    channel: channel.name.clone(),
                    kind,
                    message_bytes: channel.message_bytes,
                    depth,
                    refresh_ns,
                    number,
                })
            };
            channel.ends().enumerate().filter_map(port).collect::<Vec<_>>()
        };
        Hello {
            protocol: VERSION,
            bulkhead: env!("CARGO_PKG_VERSION").to_owned(),
            module: module.name.clone(),
            major_frame_ns: module.major_frame_ns,
            partitions: module.partitions.iter().map(|partition| partition.name.clone()).collect(),
            ports: module.channels.iter().enumerate().flat_map(of_channel).collect(),
        }
    }
}

/// An answer. What is not there is left out.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// The request's, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The instant at which the module is.
    pub now_ns: u64,
    /// What came of it.
    #[serde(flatten)]
    pub result: Outcome,
}

/// What came of a request.
#[derive(Debug, Default, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Nothing to tell.
    #[default]
    None,
    /// Of `advance`.
    Advanced {
        /// Why it returns.
        why: Why,
        /// What the partitions wait for, if nothing can happen any more unless a message comes from outside.
        #[serde(skip_serializing_if = "Option::is_none")]
        quiet: Option<String>,
    },
    /// Of `send`.
    Sent {
        /// False if the queue has no room.
        sent: bool,
    },
    /// Of `receive`, where there was nothing.
    Nothing {
        /// Always null.
        data: (),
    },
    /// Of `receive` at a queuing port.
    Message {
        /// The message.
        data: String,
        /// How many wait behind it.
        waiting: u32,
    },
    /// Of `receive` at a sampling port.
    Sample {
        /// The message.
        data: String,
        /// When it was written, as the source says.
        written_ns: u64,
        /// How old it is.
        age_ns: u64,
        /// Whether it is no older than the refresh period.
        valid: bool,
        /// Its number: another one means another message.
        number: u64,
    },
    /// Of `state`.
    State {
        /// How the module is.
        state: Box<State>,
    },
}

/// Why `advance` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is the instant that was asked for.
    Reached,
    /// The run is over.
    Ended,
}

/// How the module is.
#[derive(Debug, Serialize)]
pub struct State {
    /// The major frame, from 0.
    pub frame: u64,
    /// Where in it the module is, in nanoseconds.
    pub into_frame_ns: u64,
    /// The partitions, in the order of [`Hello::partitions`].
    pub partitions: Vec<PartitionState>,
    /// All channels, in the order of the configuration.
    pub channels: Vec<ChannelState>,
}

/// How a partition is.
#[derive(Debug, Serialize)]
pub struct PartitionState {
    /// Its name.
    pub name: String,
    /// "starting", "normal" or "idle".
    pub state: &'static str,
    /// For an idle one: whether it failed and nobody handled that.
    pub failed: bool,
    /// For an idle one: how its last process ended, in words; empty if it had none.
    pub last: String,
    /// Which start of the partition this is, from 1; 0 before the first.
    pub start: u32,
    /// Windows since that start.
    pub windows: u32,
    /// Whether its window is open.
    pub in_window: bool,
    /// What it waits for: "nothing" (it runs as soon as it may), "window", "interrupt", or "ever" (it sleeps with interrupts masked).
    pub waits: &'static str,
    /// When its own timer strikes, if that is set and it waits for an interrupt.
    pub timer_ns: Option<u64>,
    /// Interrupts that it has served, by its own word.
    pub interrupts: u64,
}

/// How a channel is.
#[derive(Debug, Serialize)]
pub struct ChannelState {
    /// Its name.
    pub name: String,
    /// "sampling" or "queuing".
    pub kind: &'static str,
    /// Messages sent, by the source's word.
    pub messages: u64,
    /// Messages that nobody has received.
    pub waiting: u64,
    /// Messages that it holds at most; 0 for a sampling one.
    pub depth: u32,
    /// Messages that the source gave up for lack of room.
    pub lost: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_hold_what_belongs_to_them() {
        let line = |result| {
            let answer = Answer { id: Some(3), ok: true, now_ns: 5, result, error: None };
            serde_json::to_string(&Line::Answer(Box::new(answer))).unwrap()
        };
        for (result, rest) in [
            (Outcome::None, ""),
            (Outcome::Advanced { why: Why::Reached, quiet: None }, r#","why":"reached""#),
            (Outcome::Sent { sent: false }, r#","sent":false"#),
            (Outcome::Nothing { data: () }, r#","data":null"#),
            (Outcome::Message { data: "00".to_owned(), waiting: 1 }, r#","data":"00","waiting":1"#),
        ] {
            assert_eq!(line(result), format!(r#"{{"type":"answer","id":3,"ok":true,"now_ns":5{rest}}}"#));
        }
    }
}
