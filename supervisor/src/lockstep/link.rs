//! The socket at which the module waits for its client, and the one connection that it then has.
//!
//! Nothing here waits for longer than it is told to, so that the caller can look at signals in between.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::protocol::{Line, MAX_LINE};
use crate::control::place::{self, Place, PlaceError};

/// How much is read at a time, in bytes.
const PIECE: usize = 16 << 10;

/// Where a client is expected.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    place: Place,
}

impl Door {
    /// Opens a socket at `path` that only its owner can reach; it is removed when this is dropped.
    ///
    /// # Errors
    /// As [`place::open`].
    pub fn open(path: &Path) -> Result<Door, PlaceError> {
        let (listener, place) = place::open(path)?;
        Ok(Door { listener, place })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Whoever comes within `limit`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn wait(&self, limit: Duration) -> io::Result<Option<Link>> {
        if !is_ready(&self.listener, PollFlags::POLLIN, limit) {
            return Ok(None);
        }
        match self.listener.accept() {
            Ok((stream, _)) => Link::new(stream).map(Some),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            // Whoever came is gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What a look for a line has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// A line that is too long; it has been thrown away.
    TooLong,
    /// Nothing yet.
    Nothing,
    /// The client has closed its side, or is gone.
    Gone,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    /// What has been read and not yet been taken.
    input: Vec<u8>,
    /// Bytes of `input` in which there is no end of a line.
    searched: usize,
    /// Whether the line that is being read is too long, so that its beginning is gone already.
    skipping: bool,
}

impl Link {
    fn new(stream: UnixStream) -> io::Result<Link> {
        stream.set_nonblocking(true)?;
        Ok(Link { stream, input: Vec::new(), searched: 0, skipping: false })
    }

    /// The next line, if it comes within `limit`.
    pub fn next(&mut self, limit: Duration) -> Next {
        if let Some(next) = self.take_line() {
            return next;
        }
        if !is_ready(&self.stream, PollFlags::POLLIN, limit) {
            return Next::Nothing;
        }
        let before = self.input.len();
        self.input.resize(before + PIECE, 0);
        let result = self.stream.read(&mut self.input[before..]);
        self.input.truncate(before + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(0) => Next::Gone,
            Ok(_) => self.take_line().unwrap_or(Next::Nothing),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Next::Nothing
            }
            Err(_) => Next::Gone,
        }
    }

    fn take_line(&mut self) -> Option<Next> {
        let end = self.input[self.searched..].iter().position(|&byte| byte == b'\n').map(|at| self.searched + at);
        let Some(end) = end else {
            self.searched = self.input.len();
            if self.skipping || self.searched > MAX_LINE {
                self.skipping = true;
                self.input.clear();
                self.searched = 0;
            }
            return None;
        };
        let rest = self.input.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.input, rest);
        line.pop();
        self.searched = 0;
        let too_long = std::mem::take(&mut self.skipping) || line.len() > MAX_LINE;
        Some(if too_long { Next::TooLong } else { Next::Line(line) })
    }

    /// Sends a line. Asks `go_on` now and then while the client does not take it.
    ///
    /// # Errors
    /// When the client is gone, or nobody wants to wait for it any longer (`TimedOut`).
    pub fn put(&mut self, line: &Line, tick: Duration, mut go_on: impl FnMut() -> bool) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(len) => rest = &rest[len..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !is_ready(&self.stream, PollFlags::POLLOUT, tick) && !go_on() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the client has closed the connection as a whole, without waiting.
    pub fn is_gone(&self) -> bool {
        is_ready(&self.stream, PollFlags::empty(), Duration::ZERO)
    }
}

/// Waits until one of `events` is there, or an end of the connection.
fn is_ready(what: &impl AsFd, events: PollFlags, limit: Duration) -> bool {
    let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    // A signal that interrupts this is as good as an early end.
    poll(&mut [PollFd::new(what.as_fd(), events)], timeout).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn pair() -> (Link, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Link::new(ours).unwrap(), theirs)
    }

    fn line(text: &str) -> Next {
        Next::Line(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_come_whole_whatever_the_pieces_are() {
        let (mut link, mut client) = pair();
        assert_eq!(link.next(Duration::ZERO), Next::Nothing);
        client.write_all(b"one\n\ntw").unwrap();
        assert_eq!(
            (link.next(SOON), link.next(SOON), link.next(Duration::ZERO)),
            (line("one"), line(""), Next::Nothing)
        );
        client.write_all(b"o\nthree\nfo").unwrap();
        assert_eq!((link.next(SOON), link.next(SOON)), (line("two"), line("three")));
        drop(client);
        assert_eq!(link.next(Duration::ZERO), Next::Gone);
    }

    #[test]
    fn a_line_that_is_too_long_costs_nothing_but_itself() {
        let (mut link, mut client) = pair();
        let writer = std::thread::spawn(move || {
            client.write_all(&vec![b'x'; MAX_LINE]).unwrap();
            client.write_all(b"\n").unwrap();
            client.write_all(&vec![b'x'; 3 * MAX_LINE]).unwrap();
            client.write_all(b"\nshort\n").unwrap();
            client
        });
        let mut next = || loop {
            assert!(link.input.len() <= MAX_LINE + PIECE);
            match link.next(SOON) {
                Next::Nothing => {}
                next => return next,
            }
        };
        assert!(matches!(next(), Next::Line(line) if line.len() == MAX_LINE));
        assert_eq!((next(), next()), (Next::TooLong, line("short")));
        drop(writer.join().unwrap());
    }

    #[test]
    fn who_has_said_everything_is_not_gone_and_who_closed_is() {
        let (mut link, mut client) = pair();
        client.write_all(b"last\n").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(!link.is_gone());
        assert_eq!((link.next(SOON), link.next(SOON)), (line("last"), Next::Gone));
        assert!(!link.is_gone());
        drop(client);
        assert!(link.is_gone());
    }

    #[test]
    fn nobody_waits_forever_for_one_who_does_not_read() {
        let (mut link, _client) = pair();
        let line = Line::End { ending: serde_json::Value::Null, now_ns: 0, digest: "0".repeat(8 << 20) };
        let mut patience = 3;
        let result = link.put(&line, Duration::from_millis(1), || {
            patience -= 1;
            patience > 0
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(patience, 0);
    }
}
