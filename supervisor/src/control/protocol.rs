//! What goes over the control socket: one JSON object a line, ended by a line feed, in UTF-8.
//!
//! The supervisor speaks first ([`Hello`]). A client sends [`Request`]s, and gets one [`Answer`] to each, in order; while it
//! subscribes, [`Line::State`]s come in between. `docs/control.md` is the contract. Within a version keys may be added, so a
//! client skips what it does not know; the supervisor refuses what it does not know, so that a mistake is noticed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::live::Told;

/// The version that this program speaks.
pub const VERSION: u32 = 1;
/// Longest line that a client may send, in bytes.
pub const MAX_LINE: usize = 256 << 10;
/// Shortest time from state to state of a subscription, in milliseconds.
pub const MIN_EVERY_MS: u64 = 20;
/// Longest one.
pub const MAX_EVERY_MS: u64 = 3_600_000;

/// A line from the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Hello(Hello),
    /// The answer to a request.
    Answer(Answer),
    /// What somebody has subscribed to.
    State(State),
    /// The run is over; nothing follows.
    End {
        /// Why, as `bulkhead run --json` has it; null if the run failed.
        ending: serde_json::Value,
    },
}

/// Who speaks, and what does not change while the module runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of this protocol.
    pub protocol: u32,
    /// The version of the program.
    pub bulkhead: String,
    /// The supervisor's process number.
    pub pid: u32,
    /// Whether it takes requests that change something.
    pub write: bool,
    /// The module.
    pub module: Module,
}

/// A module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Length of the major frame, in nanoseconds.
    pub major_frame_ns: u64,
    /// A window that starts later than this counts as late, in nanoseconds.
    pub late_after_ns: u64,
    /// Whether its time is virtual.
    pub virtual_time: bool,
    /// Whether the dispatchers are real-time threads.
    pub real_time: bool,
    /// Names of the schedules.
    pub schedules: Vec<String>,
    /// The cores.
    pub cores: Vec<Core>,
    /// The partitions; windows refer to them by index.
    pub partitions: Vec<Partition>,
    /// The channels.
    pub channels: Vec<Channel>,
    /// Facts about the host, as recordings have them.
    pub host: BTreeMap<String, String>,
}

/// A core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Core {
    /// The number that the configuration uses.
    pub number: u32,
    /// The host's CPU that serves as this core.
    pub cpu: u32,
    /// Its windows in a major frame, by schedule.
    pub windows: Vec<Vec<Window>>,
}

/// A window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Index of the partition.
    pub partition: u16,
    /// Start in nanoseconds from the beginning of the major frame.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// The number of its core in the configuration.
    pub core: u32,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// "sampling" or "queuing".
    pub kind: String,
    /// Largest message in bytes.
    pub message_bytes: u32,
    /// Messages that a queuing channel holds; 0 for a sampling one.
    pub depth: u32,
}

/// A request, as it comes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Comes back with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What is wanted.
    pub op: String,
    /// For `subscribe`: from state to state, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// For `restart`: whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// For `restart`: "cold" (the default) or "warm".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The request's, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// To `state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// How the module is. Counts are those since the beginning of the run, times are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Module time since the beginning of the run.
    pub elapsed_ns: u64,
    /// The latest major frame that a window has begun in, from 0.
    pub frame: u64,
    /// The schedule in force, as an index.
    pub schedule: usize,
    /// Where in the major frame the module is.
    pub into_frame_ns: u64,
    /// The cores, in the order of [`Module::cores`].
    pub cores: Vec<CoreState>,
    /// The partitions, in the order of [`Module::partitions`].
    pub partitions: Vec<PartitionState>,
    /// The channels, in the order of [`Module::channels`].
    pub channels: Vec<ChannelState>,
    /// What happened lately, the latest last; at most [`crate::record::live::TOLD`].
    pub events: Vec<Told>,
}

/// How a core is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreState {
    /// Major frames that its dispatcher missed as a whole.
    pub skipped_frames: u64,
    /// Events that were lost because nobody took them in time; no figure contains them.
    pub lost_events: u64,
}

/// How a partition is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// "starting", "normal" or "idle".
    pub state: String,
    /// For an idle one: whether it failed and nobody handled that.
    pub failed: bool,
    /// For an idle one: how its last process ended, in words; empty if it had none.
    pub last: String,
    /// Windows in which it ran.
    pub windows: u64,
    /// Of these, the ones that started late.
    pub late_windows: u64,
    /// Windows for which it had nothing to run.
    pub vacant_windows: u64,
    /// Windows that were over before the dispatcher came.
    pub skipped_windows: u64,
    /// Windows after which it was stopped late, or not at all.
    pub overruns: u64,
    /// How late its windows start.
    pub lateness: Lateness,
    /// Interrupts that it has served, by its own word.
    pub interrupts: u64,
    /// Messages that it has sent, by its own word.
    pub sent: u64,
    /// Messages that were sent to its ports, by the senders' word.
    pub arrived: u64,
    /// Starts but for the first one.
    pub restarts: u64,
    /// How often the health monitor acted.
    pub health_events: u64,
    /// Bytes of its output that were dropped.
    pub dropped_output_bytes: u64,
}

/// From a window's planned start to the instant at which the partition had been continued, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// Of the last window.
    pub last_ns: u64,
    /// The worst of the last second.
    pub second_ns: u64,
    /// The median.
    pub p50_ns: u64,
    /// 99 % of all are not above it.
    pub p99_ns: u64,
    /// The worst of all.
    pub worst_ns: u64,
}

/// What a channel has come to. The numbers are the guests' word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelState {
    /// Messages sent.
    pub messages: u64,
    /// Messages that nobody has received.
    pub waiting: u64,
    /// Messages that the source gave up for lack of room.
    pub lost: u64,
    /// Times that the destination found a length or a position that made no sense.
    pub nonsense: u64,
    /// Messages that passed its sockets.
    pub passed: u64,
    /// Messages that its sockets dropped.
    pub dropped: u64,
}

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// A state.
    State,
    /// A state every so many milliseconds.
    Subscribe(u64),
    /// No more states.
    Unsubscribe,
    /// Something done.
    Order(super::Command),
}

/// What requests there are, for whoever asks for another one.
const OPS: &str = "state, subscribe, unsubscribe, stop, restart";

impl Request {
    /// A request without anything but its name.
    pub fn new(op: &str) -> Request {
        Request { op: op.to_owned(), ..Request::default() }
    }

    /// What is wanted, or why that makes no sense.
    pub(super) fn judge(&self, hello: &Hello) -> Result<Wish, String> {
        let op = self.op.as_str();
        let allowed: &[&str] = match op {
            "subscribe" => &["every_ms"],
            "restart" => &["partition", "mode"],
            "state" | "unsubscribe" | "stop" => &[],
            _ => return Err(format!("there is no op \"{}\"; there are {OPS}", brief(op))),
        };
        let given = [
            ("every_ms", self.every_ms.is_some()),
            ("partition", self.partition.is_some()),
            ("mode", self.mode.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && !allowed.contains(key)) {
            return Err(format!("op \"{op}\" takes no \"{key}\""));
        }
        if matches!(op, "stop" | "restart") && !hello.write {
            return Err(format!("op \"{op}\" changes something, which this run does not permit (--control-write)"));
        }
        match op {
            "state" => Ok(Wish::State),
            "unsubscribe" => Ok(Wish::Unsubscribe),
            "stop" => Ok(Wish::Order(super::Command::Stop)),
            "subscribe" => match self.every_ms {
                Some(every) if (MIN_EVERY_MS..=MAX_EVERY_MS).contains(&every) => Ok(Wish::Subscribe(every)),
                Some(_) => Err(format!("\"every_ms\" must be from {MIN_EVERY_MS} to {MAX_EVERY_MS}")),
                None => Err("op \"subscribe\" needs \"every_ms\"".to_owned()),
            },
            _ => {
                let Some(name) = &self.partition else {
                    return Err("op \"restart\" needs \"partition\"".to_owned());
                };
                let partitions = &hello.module.partitions;
                let Some(partition) = partitions.iter().position(|partition| partition.name == *name) else {
                    return Err(format!("there is no partition \"{}\"", brief(name)));
                };
                let warm = match self.mode.as_deref() {
                    None | Some("cold") => false,
                    Some("warm") => true,
                    Some(_) => return Err("\"mode\" must be \"cold\" or \"warm\"".to_owned()),
                };
                Ok(Wish::Order(super::Command::Restart { partition, warm }))
            }
        }
    }
}

/// As much of a client's word as an error repeats.
fn brief(word: &str) -> String {
    word.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Command;

    fn hello(write: bool) -> Hello {
        let partitions = ["nav", "io"].map(|name| Partition { name: name.to_owned(), core: 0 }).to_vec();
        let module = Module {
            name: "m".to_owned(),
            major_frame_ns: 1_000_000,
            late_after_ns: 1,
            virtual_time: false,
            real_time: true,
            schedules: vec!["main".to_owned()],
            cores: vec![],
            partitions,
            channels: vec![],
            host: BTreeMap::new(),
        };
        Hello { protocol: VERSION, bulkhead: "0".to_owned(), pid: 1, write, module }
    }

    fn judge(text: &str, write: bool) -> Result<Wish, String> {
        let request: Request = serde_json::from_str(text).map_err(|error| error.to_string())?;
        request.judge(&hello(write))
    }

    #[test]
    fn requests_that_make_sense() {
        for (text, wish) in [
            (r#"{"op":"state","id":7}"#, Wish::State),
            (r#"{"op":"subscribe","every_ms":20}"#, Wish::Subscribe(20)),
            (r#"{"op":"unsubscribe"}"#, Wish::Unsubscribe),
            (r#"{"op":"stop"}"#, Wish::Order(Command::Stop)),
            (r#"{"op":"restart","partition":"io"}"#, Wish::Order(Command::Restart { partition: 1, warm: false })),
            (
                r#"{"op":"restart","partition":"nav","mode":"warm"}"#,
                Wish::Order(Command::Restart { partition: 0, warm: true }),
            ),
        ] {
            assert_eq!(judge(text, true), Ok(wish), "{text}");
        }
    }

    #[test]
    fn requests_that_make_none_are_told_why() {
        for (text, words) in [
            (r#"{}"#, "missing field `op`"),
            (r#"{"op":"state","colour":1}"#, "unknown field `colour`"),
            (r#"{"op":"fly"}"#, "there is no op \"fly\""),
            (r#"{"op":"state","id":-1}"#, "invalid value"),
            (r#"{"op":"state","every_ms":100}"#, "takes no \"every_ms\""),
            (r#"{"op":"subscribe"}"#, "needs \"every_ms\""),
            (r#"{"op":"subscribe","every_ms":19}"#, "from 20 to"),
            (r#"{"op":"subscribe","every_ms":3600001}"#, "from 20 to"),
            (r#"{"op":"stop","partition":"nav"}"#, "takes no \"partition\""),
            (r#"{"op":"restart"}"#, "needs \"partition\""),
            (r#"{"op":"restart","partition":"now"}"#, "there is no partition \"now\""),
            (r#"{"op":"restart","partition":"nav","mode":"hot"}"#, "\"cold\" or \"warm\""),
        ] {
            let found = judge(text, true);
            assert!(found.as_ref().is_err_and(|error| error.contains(words)), "{text}: {found:?}");
        }
    }

    #[test]
    fn changing_something_takes_permission() {
        for text in [r#"{"op":"stop"}"#, r#"{"op":"restart","partition":"nav"}"#] {
            assert!(judge(text, false).is_err_and(|error| error.contains("--control-write")), "{text}");
            assert!(judge(text, true).is_ok());
        }
        assert_eq!(judge(r#"{"op":"state"}"#, false), Ok(Wish::State));
    }

    #[test]
    fn lines_have_their_type_first() {
        let line = serde_json::to_string(&Line::End { ending: "complete".into() }).unwrap();
        assert_eq!(line, r#"{"type":"end","ending":"complete"}"#);
        let answer = Answer { id: Some(3), ok: true, ..Answer::default() };
        let line = serde_json::to_string(&Line::Answer(answer)).unwrap();
        assert_eq!(line, r#"{"type":"answer","id":3,"ok":true}"#);
        let line = serde_json::to_string(&Line::Hello(hello(false))).unwrap();
        assert!(line.starts_with(r#"{"type":"hello","protocol":1,"bulkhead":"#), "{line}");
    }
}
