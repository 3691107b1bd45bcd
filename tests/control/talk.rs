//! A client of the protocol as a script would be one: lines of JSON, nothing of Bulkhead's own.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{WATCHDOG, eventually};

pub(crate) struct Talk {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    pub(crate) hello: Value,
}

impl Talk {
    /// Connects to a run that is about to begin.
    pub(crate) fn begin(path: &Path) -> Talk {
        let stream = eventually("the socket is served", || UnixStream::connect(path).ok());
        stream.set_read_timeout(Some(WATCHDOG)).expect("a time limit");
        let writer = stream.try_clone().expect("a descriptor");
        let mut talk = Talk { reader: BufReader::new(stream), writer, hello: Value::Null };
        talk.hello = talk.line();
        assert_eq!(talk.hello["type"], "hello", "{:#}", talk.hello);
        talk
    }

    /// The next line; null at the end.
    pub(crate) fn line(&mut self) -> Value {
        let mut text = String::new();
        self.reader.read_line(&mut text).expect("the supervisor writes");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }

    pub(crate) fn send(&mut self, request: &Value) {
        self.writer.write_all(format!("{request}\n").as_bytes()).expect("the supervisor reads");
    }

    /// Sends a request and returns the answer to it.
    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        self.send(request);
        let answer = self.line();
        assert_eq!(answer["type"], "answer", "{answer:#}");
        answer
    }

    /// How the module is.
    pub(crate) fn state(&mut self) -> Value {
        let answer = self.ask(&json!({"op": "state"}));
        assert_eq!(answer["ok"], true, "{answer:#}");
        answer["state"].clone()
    }

    /// Waits for a state that `condition` is true of.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || Some(self.state()).filter(&condition))
    }
}
