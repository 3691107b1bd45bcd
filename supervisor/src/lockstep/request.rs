//! What a client's line asks for, or why it makes no sense; whatever is wrong, the words name the key. Pure.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::protocol::{Direction, Port};

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Let time pass until this instant.
    Advance(u64),
    /// Send a message at this one of the client's ports.
    Send(usize, Vec<u8>),
    /// Receive at this one.
    Receive(usize),
    /// Tell how the module is.
    State,
    /// End the run.
    Stop,
}

/// What requests there are, for whoever asks for another one.
const OPS: &str = "advance, send, receive, state, stop";

/// What a line asks for at instant `now_ns`, with the request's `id`; or why that makes no sense, with the `id` as well if there is one.
pub fn judge(line: &[u8], now_ns: u64, ports: &[Port]) -> (Option<u64>, Result<Wish, String>) {
    let keys = match serde_json::from_slice(line) {
        Ok(Value::Object(keys)) => keys,
        Ok(_) => return (None, Err("no request: a JSON object is expected".to_owned())),
        Err(error) => return (None, Err(format!("no request: {error}"))),
    };
    let request = Request { keys, now_ns, ports };
    match request.number("id") {
        Ok(id) => (id, request.wish()),
        Err(error) => (None, Err(error)),
    }
}

struct Request<'a> {
    keys: Map<String, Value>,
    now_ns: u64,
    ports: &'a [Port],
}

impl Request<'_> {
    fn wish(&self) -> Result<Wish, String> {
        let Some(op) = self.text("op")? else { return Err(format!("there is no \"op\"; one of {OPS} is expected")) };
        let allowed: &[&str] = match op {
            "advance" => &["until_ns", "by_ns"],
            "send" => &["port", "data"],
            "receive" => &["port"],
            "state" | "stop" => &[],
            _ => return Err(format!("there is no \"op\" called \"{}\"; there are {OPS}", brief(op))),
        };
        let is_known = |key: &str| matches!(key, "id" | "op") || allowed.contains(&key);
        if let Some(key) = self.keys.keys().find(|key| !is_known(key)) {
            return Err(format!("op \"{op}\" takes no \"{}\"", brief(key)));
        }
        match op {
            "advance" => self.advance(),
            "send" => {
                let (index, port) = self.port(op, Direction::Send)?;
                Ok(Wish::Send(index, self.data(port)?))
            }
            "receive" => Ok(Wish::Receive(self.port(op, Direction::Receive)?.0)),
            "state" => Ok(Wish::State),
            _ => Ok(Wish::Stop),
        }
    }

    fn advance(&self) -> Result<Wish, String> {
        let until_ns = match (self.number("until_ns")?, self.number("by_ns")?) {
            (Some(until_ns), None) if until_ns < self.now_ns => {
                return Err(format!("\"until_ns\" lies in the past: it is {} now", self.now_ns));
            }
            (Some(until_ns), None) => until_ns,
            (None, Some(by_ns)) => self.now_ns.checked_add(by_ns).ok_or("\"by_ns\" leads beyond the end of time")?,
            (Some(_), Some(_)) => return Err("op \"advance\" takes \"until_ns\" or \"by_ns\", not both".to_owned()),
            (None, None) => return Err("op \"advance\" needs \"until_ns\" or \"by_ns\"".to_owned()),
        };
        Ok(Wish::Advance(until_ns))
    }

    /// One of the client's ports, at which it may do what `op` does.
    fn port(&self, op: &str, direction: Direction) -> Result<(usize, &Port), String> {
        let Some(name) = self.text("port")? else { return Err(format!("op \"{op}\" needs \"port\"")) };
        let found = self.ports.iter().enumerate().find(|(_, port)| port.name == name);
        let Some((index, port)) = found else {
            return Err(format!("\"port\": no channel ends at \"outside:{}\"", brief(name)));
        };
        match (port.direction == direction, direction) {
            (true, _) => Ok((index, port)),
            (false, Direction::Send) => {
                Err(format!("\"port\": \"{name}\" is where the module sends; it takes \"receive\""))
            }
            (false, Direction::Receive) => {
                Err(format!("\"port\": \"{name}\" is where the module receives; it takes \"send\""))
            }
        }
    }

    /// The bytes of a message for `port`.
    fn data(&self, port: &Port) -> Result<Vec<u8>, String> {
        let Some(text) = self.text("data")? else { return Err("op \"send\" needs \"data\"".to_owned()) };
        let Some(bytes) = from_hex(text) else {
            return Err("\"data\" must be hexadecimal digits, two for each byte".to_owned());
        };
        let most = port.message_bytes as usize;
        match bytes.len() {
            0 => Err("\"data\" is empty, which no message may be".to_owned()),
            len if len > most => Err(format!("\"data\" has {len} bytes; port \"{}\" takes {most} at most", port.name)),
            _ => Ok(bytes),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(format!("\"{key}\" must be a whole number from 0 to 2^64 - 1")),
            },
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| format!("\"{key}\" must be a string")),
        }
    }
}

/// As much of a client's word as an error repeats.
fn brief(word: &str) -> String {
    word.chars().take(40).collect()
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that pairs of hexadecimal digits stand for.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        &[high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports() -> Vec<Port> {
        let port = |name: &str, direction| Port {
            name: name.to_owned(),
            direction,
            channel: name.to_owned(),
            kind: "sampling",
            message_bytes: 4,
            depth: 0,
            refresh_ns: 1,
            number: 7,
        };
        vec![port("in", Direction::Send), port("out", Direction::Receive)]
    }

    fn judged(text: &str) -> (Option<u64>, Result<Wish, String>) {
        judge(text.as_bytes(), 1000, &ports())
    }

    #[test]
    fn requests_that_make_sense() {
        for (text, wish) in [
            (r#"{"op":"advance","until_ns":1000}"#, Wish::Advance(1000)),
            (r#"{"op":"advance","by_ns":5,"id":1}"#, Wish::Advance(1005)),
            (r#"{"op":"send","port":"in","data":"00fFa1"}"#, Wish::Send(0, vec![0, 0xff, 0xa1])),
            (r#"{"op":"receive","port":"out"}"#, Wish::Receive(1)),
            (r#" {"op":"state"} "#, Wish::State),
            (r#"{"op":"stop"}"#, Wish::Stop),
        ] {
            assert_eq!(judged(text).1, Ok(wish), "{text}");
        }
        assert_eq!(judged(r#"{"op":"state","id":18446744073709551615}"#).0, Some(u64::MAX));
    }

    #[test]
    fn requests_that_make_none_are_told_which_key_is_wrong() {
        for (text, words) in [
            ("", "no request"),
            ("[]", "object is expected"),
            ("{\"op\":", "no request"),
            ("{}", "there is no \"op\""),
            (r#"{"op":7}"#, "\"op\" must be a string"),
            (r#"{"op":"fly"}"#, "no \"op\" called \"fly\""),
            (r#"{"op":"state","colour":1}"#, "takes no \"colour\""),
            (r#"{"op":"stop","port":"in"}"#, "takes no \"port\""),
            (r#"{"op":"advance"}"#, "needs \"until_ns\" or \"by_ns\""),
            (r#"{"op":"advance","by_ns":1,"until_ns":2000}"#, "not both"),
            (r#"{"op":"advance","until_ns":999}"#, "\"until_ns\" lies in the past: it is 1000 now"),
            (r#"{"op":"advance","by_ns":1.5}"#, "\"by_ns\" must be a whole number"),
            (r#"{"op":"advance","by_ns":-1}"#, "\"by_ns\" must be a whole number"),
            (r#"{"op":"advance","by_ns":"1s"}"#, "\"by_ns\" must be a whole number"),
            (r#"{"op":"advance","by_ns":18446744073709551615}"#, "\"by_ns\" leads beyond"),
            (r#"{"op":"send","data":"00"}"#, "needs \"port\""),
            (r#"{"op":"send","port":"in"}"#, "needs \"data\""),
            (r#"{"op":"send","port":"on","data":"00"}"#, "\"port\": no channel ends at \"outside:on\""),
            (r#"{"op":"send","port":"out","data":"00"}"#, "\"port\": \"out\" is where the module sends"),
            (r#"{"op":"receive","port":"in"}"#, "\"port\": \"in\" is where the module receives"),
            (r#"{"op":"send","port":"in","data":"0"}"#, "\"data\" must be hexadecimal"),
            (r#"{"op":"send","port":"in","data":"0g"}"#, "\"data\" must be hexadecimal"),
            (r#"{"op":"send","port":"in","data":"+1"}"#, "\"data\" must be hexadecimal"),
            (r#"{"op":"send","port":"in","data":"\u00e9"}"#, "\"data\" must be hexadecimal"),
            (r#"{"op":"send","port":"in","data":""}"#, "\"data\" is empty"),
            (r#"{"op":"send","port":"in","data":"0011223344"}"#, "\"data\" has 5 bytes; port \"in\" takes 4"),
            (r#"{"op":"state","id":"one"}"#, "\"id\" must be a whole number"),
        ] {
            let (_, found) = judged(text);
            assert!(found.as_ref().is_err_and(|error| error.contains(words)), "{text}: {found:?}");
        }
        assert_eq!(judged(r#"{"op":"fly","id":3}"#).0, Some(3), "a mistake's answer has its id");
    }

    #[test]
    fn bytes_survive_as_digits() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        assert_eq!(to_hex(&[0, 0x0a, 0xff]), "000aff");
    }
}
