//! `bulkhead run --virtual --lockstep`: real guests, and a client that says how far time may go.

#[path = "common/mod.rs"]
mod common;
#[path = "lockstep/endings.rs"]
mod endings;
#[path = "lockstep/flight.rs"]
mod flight;
#[path = "lockstep/instants.rs"]
mod instants;
#[path = "common/load.rs"]
mod load;
#[path = "lockstep/mistakes.rs"]
mod mistakes;
#[path = "common/running.rs"]
mod running;
#[path = "lockstep/same.rs"]
mod same;
#[path = "control/talk.rs"]
mod talk;

use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::{Finished, bulkhead, guest, round_robin, write_module};
use running::Running;
use talk::Talk;

/// A millisecond in nanoseconds.
const MS: u64 = 1_000_000;

/// Channels between `a` and outside: queues "in" and "out" of two messages of 16 bytes.
const QUEUES: &str = r#"
[[channel]]
name = "to a"
kind = "queuing"
message = "16 B"
depth = 2
source = "outside:in"
destinations = ["a.in"]

[[channel]]
name = "from a"
kind = "queuing"
message = "16 B"
depth = 2
source = "a.out"
destinations = ["outside:out"]
"#;

/// Likewise, but sampling, with samples that are valid for 5 ms.
const SAMPLES: &str = r#"
[[channel]]
name = "to a"
kind = "sampling"
message = "16 B"
refresh = "5 ms"
source = "outside:in"
destinations = ["a.in"]

[[channel]]
name = "from a"
kind = "sampling"
message = "16 B"
refresh = "5 ms"
source = "a.out"
destinations = ["outside:out"]
"#;

/// A module whose only partition, `a`, is the guest c_outside in this mode, with a window of 2 ms every 4 ms.
fn module(mode: &str, channels: &str) -> String {
    let image = guest("c_outside");
    round_robin(&[("a", &image, &format!("args = [{mode:?}]"))], 2000, 2000) + channels
}

/// A module that waits for its client.
struct Waiting {
    running: Running,
    folder: TempDir,
}

/// Starts a module with further arguments.
fn start(text: &str, arguments: &[&str]) -> Waiting {
    start_with(text, arguments, |_| {})
}

/// Likewise, with something done to the command first.
fn start_with(text: &str, arguments: &[&str], with: impl FnOnce(&mut Command)) -> Waiting {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--lockstep"]).arg(folder.path().join("socket")).args(arguments);
    command.arg(write_module(folder.path(), text));
    with(&mut command);
    Waiting { running: Running::start(command), folder }
}

impl Waiting {
    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn connect(self) -> Locked {
        Locked { talk: Talk::begin(&self.socket()), running: self.running, folder: self.folder }
    }
}

/// A module in lockstep.
struct Locked {
    talk: Talk,
    running: Running,
    folder: TempDir,
}

/// Starts a module and connects to it.
fn lock(text: &str) -> Locked {
    start(text, &[]).connect()
}

impl Locked {
    /// Sends a request that must be fulfilled.
    fn ask(&mut self, request: Value) -> Value {
        let answer = self.talk.ask(&request);
        assert_eq!(answer["ok"], true, "{request}: {answer:#}");
        answer
    }

    fn advance(&mut self, until_ns: u64) -> Value {
        self.ask(json!({"op": "advance", "until_ns": until_ns}))
    }

    /// Sends text; whether there was room.
    fn put(&mut self, text: &str) -> bool {
        self.ask(json!({"op": "send", "port": "in", "data": hex(text)}))["sent"] == true
    }

    /// The answer to `receive`.
    fn take(&mut self) -> Value {
        self.ask(json!({"op": "receive", "port": "out"}))
    }

    /// Stops the module; its last words, and what the run came to.
    fn stop(mut self) -> (Value, Finished) {
        self.ask(json!({"op": "stop"}));
        self.end()
    }

    /// Waits for the end of a module that ends by itself.
    fn end(mut self) -> (Value, Finished) {
        let end = self.talk.line();
        assert_eq!(end["type"], "end", "{end:#}");
        assert_eq!(self.talk.line(), Value::Null);
        let finished = self.running.finish();
        assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
        let digest = format!("digest {}\n", end["digest"].as_str().expect("a digest"));
        assert!(finished.stderr.ends_with(&digest), "{end:#} {finished:#?}");
        drop(self.folder);
        (end, finished)
    }

    /// Closes the connection without a word.
    fn vanish(self) -> Finished {
        drop(self.talk);
        self.running.finish()
    }

    /// Sends a signal, and waits for the end.
    fn interrupt(self) -> Finished {
        self.running.signal(Signal::SIGINT);
        self.running.finish()
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Lines of the partition `a`.
fn lines(finished: &Finished) -> Vec<&str> {
    finished.stdout.lines().map(|line| line.strip_prefix("[a] ").unwrap_or(line)).collect()
}
