//! The other side of a control socket, for `bulkhead top`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::protocol::{Hello, Line, Request, VERSION};

/// How long the supervisor may take for its first line.
const GREETING: Duration = Duration::from_secs(3);
/// How long it may take to accept a request.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest line that is taken from it, in bytes.
const MAX_LINE: u64 = 16 << 20;

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or the connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Whoever listens does not speak the protocol.
    #[error("whoever listens there is no supervisor of Bulkhead's: {0}")]
    Foreign(String),
    /// It speaks another version.
    #[error("the supervisor speaks version {0} of the protocol, this program speaks {VERSION}")]
    Version(u64),
    /// It said no.
    #[error("{0}")]
    Refused(String),
}

/// The reading half.
#[derive(Debug)]
pub struct Listener(BufReader<UnixStream>);

/// The writing half.
#[derive(Debug)]
pub struct Speaker(UnixStream);

/// Connects and takes the first line.
///
/// # Errors
/// When nobody listens, when it is no supervisor, or one of another version.
pub fn connect(path: &Path) -> Result<(Hello, Listener, Speaker), ClientError> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(GREETING))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let speaker = Speaker(stream.try_clone()?);
    let mut listener = Listener(BufReader::new(stream));
    let text = listener.text()?.ok_or_else(|| ClientError::Foreign("it says nothing".to_owned()))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| ClientError::Foreign(error.to_string()))?;
    match (value["type"].as_str(), value["protocol"].as_u64()) {
        (Some("hello"), Some(version)) if version == u64::from(VERSION) => {}
        (Some("hello"), Some(version)) => return Err(ClientError::Version(version)),
        _ => return Err(ClientError::Refused(value["error"].as_str().unwrap_or("it does not say hello").to_owned())),
    }
    listener.0.get_ref().set_read_timeout(None)?;
    match serde_json::from_value(value) {
        Ok(Line::Hello(hello)) => Ok((hello, listener, speaker)),
        Ok(_) => Err(ClientError::Foreign("it does not say hello".to_owned())),
        Err(error) => Err(ClientError::Foreign(error.to_string())),
    }
}

impl Listener {
    /// The next line; `None` when the supervisor has closed the connection.
    fn text(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        (&mut self.0).take(MAX_LINE).read_until(b'\n', &mut text)?;
        Ok(text.ends_with(b"\n").then_some(text))
    }

    /// The next line; `None` when the supervisor has closed the connection.
    ///
    /// # Errors
    /// When the connection breaks, or the line is none of the protocol's.
    pub fn next_line(&mut self) -> Result<Option<Line>, ClientError> {
        let Some(text) = self.text()? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| ClientError::Foreign(error.to_string()))
    }
}

impl Speaker {
    /// Sends a request.
    ///
    /// # Errors
    /// When the connection breaks, or the supervisor does not take it.
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        self.0.write_all(&text)
    }
}
