//! The thread that serves the socket: a task a client, and nobody waits for another.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::protocol::{Answer, Line, MAX_LINE, Request, State, Wish};
use super::{Command, Order, Shared};

/// Most clients at a time.
const MAX_CLIENTS: usize = 16;
/// How long a client may take to accept a line, and the main thread to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long clients get to read the last line.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long to rest when the host has no descriptor left for a client.
const SHORTAGE: Duration = Duration::from_millis(100);
/// Bytes that are read at once.
const PIECE: usize = 16 << 10;

/// Serves clients until the run has ended, and then until they have been told.
pub(super) async fn serve(listener: StdListener, shared: Arc<Shared>) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the control socket cannot be watched");
            return;
        }
    };
    let clients = Arc::new(AtomicUsize::new(0));
    let mut ending = shared.ending.clone();
    loop {
        tokio::select! {
            () = async { drop(ending.wait_for(Option::is_some).await) } => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(welcome(stream, Arc::clone(&shared), Arc::clone(&clients)))),
                Err(_) => sleep(SHORTAGE).await,
            },
        }
    }
    let _ = timeout(FAREWELL, async {
        while clients.load(Ordering::Relaxed) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Counts a client for as long as it is there.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn welcome(stream: UnixStream, shared: Arc<Shared>, clients: Arc<AtomicUsize>) {
    let before = clients.fetch_add(1, Ordering::Relaxed);
    let seat = Seat(clients);
    let mut client = Client {
        stream,
        shared,
        subscribed: false,
        asked: None,
        waiting: Vec::new(),
        input: Vec::new(),
        silent: false,
    };
    let result = if before >= MAX_CLIENTS {
        client.refuse(None, format!("there are {MAX_CLIENTS} clients already, which is the most")).await
    } else {
        client.converse().await
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a client of the control socket is gone");
    }
    drop(seat);
}

/// One client.
struct Client {
    stream: UnixStream,
    shared: Arc<Shared>,
    subscribed: bool,
    /// The ticket of the subscription's next state.
    asked: Option<u64>,
    /// `state` requests that wait for their answers, with their tickets.
    waiting: Vec<(u64, Option<u64>)>,
    /// What has come, up to a line's end that has not.
    input: Vec<u8>,
    /// It sends nothing more, but still reads.
    silent: bool,
}

/// `state` requests of one client that may wait at a time.
const MOST_WAITING: usize = 16;

impl Client {
    async fn converse(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.put(&Line::Hello(shared.hello.clone())).await?;
        let (mut states, mut ending) = (shared.states.clone(), shared.ending.clone());
        states.mark_unchanged();
        let mut ticks = interval_at(Instant::now(), Duration::from_secs(3600));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !self.silent || self.subscribed || !self.waiting.is_empty() {
            tokio::select! {
                biased;
                // The answer keeps a lock that must not be held while the line is sent.
                () = async { drop(ending.wait_for(Option::is_some).await) } => {
                    let ending = shared.ending.borrow().clone().unwrap_or_default();
                    return self.put(&Line::End { ending }).await;
                }
                changed = states.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let published = states.borrow_and_update().clone();
                    if let Some(state) = published.state {
                        self.pass_on(published.ticket, &state).await?;
                    }
                }
                _ = ticks.tick(), if self.subscribed && self.asked.is_none() => self.asked = Some(self.draw()),
                ready = self.stream.readable(), if !self.silent => {
                    ready?;
                    self.silent = !self.read()?;
                    while let Some(line) = self.take_line() {
                        if let Some(every_ms) = self.deal_with(&line).await? {
                            let every = Duration::from_millis(every_ms);
                            ticks = interval_at(Instant::now(), every);
                            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                        }
                    }
                    if self.input.len() > MAX_LINE {
                        return self.refuse(None, format!("a line is longer than {MAX_LINE} bytes")).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Asks the main thread for a state.
    fn draw(&self) -> u64 {
        // Release: pairs with the acquire in `Desk::wanted`.
        self.shared.drawn.fetch_add(1, Ordering::Release) + 1
    }

    /// Takes what has come; false when the client has closed its side.
    fn read(&mut self) -> io::Result<bool> {
        let before = self.input.len();
        self.input.resize(before + PIECE, 0);
        let result = self.stream.try_read(&mut self.input[before..]);
        self.input.truncate(before + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(0) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|&byte| byte == b'\n')?;
        let rest = self.input.split_off(end + 1);
        Some(std::mem::replace(&mut self.input, rest))
    }

    /// Deals with a request. Returns the period of a new subscription.
    async fn deal_with(&mut self, line: &[u8]) -> io::Result<Option<u64>> {
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => {
                self.refuse(None, format!("no request: {error}")).await?;
                return Ok(None);
            }
        };
        let id = request.id;
        match request.judge(&self.shared.hello) {
            Err(error) => self.refuse(id, error).await?,
            Ok(Wish::State) if self.waiting.len() >= MOST_WAITING => {
                self.refuse(id, format!("{MOST_WAITING} requests for the state wait already")).await?;
            }
            Ok(Wish::State) => self.waiting.push((self.draw(), id)),
            Ok(Wish::Subscribe(every_ms)) => {
                (self.subscribed, self.asked) = (true, None);
                self.agree(id).await?;
                return Ok(Some(every_ms));
            }
            Ok(Wish::Unsubscribe) => {
                (self.subscribed, self.asked) = (false, None);
                self.agree(id).await?;
            }
            Ok(Wish::Order(command)) => match self.order(command).await {
                Ok(()) => self.agree(id).await?,
                Err(error) => self.refuse(id, error).await?,
            },
        }
        Ok(None)
    }

    /// Has the main thread do something.
    async fn order(&self, command: Command) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.shared.orders.try_send(Order { command, reply }).map_err(|error| match error {
            TrySendError::Full(_) => "too many orders wait already".to_owned(),
            TrySendError::Disconnected(_) => "the run is over".to_owned(),
        })?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the run is over".to_owned()),
            Err(_) => Err("the supervisor has not answered in time; it may still do it".to_owned()),
        }
    }

    /// Passes on a state to whatever waits for one that was taken so late.
    async fn pass_on(&mut self, ticket: u64, state: &State) -> io::Result<()> {
        let is_answered = |&(asked, _): &(u64, Option<u64>)| asked <= ticket;
        let (answered, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(is_answered);
        self.waiting = waiting;
        let answered: Vec<_> = answered;
        for (_, id) in answered {
            let answer = Answer { id, ok: true, error: None, state: Some(state.clone()) };
            self.put(&Line::Answer(answer)).await?;
        }
        if self.asked.is_some_and(|asked| asked <= ticket) {
            self.asked = None;
            self.put(&Line::State(state.clone())).await?;
        }
        Ok(())
    }

    async fn agree(&mut self, id: Option<u64>) -> io::Result<()> {
        self.put(&Line::Answer(Answer { id, ok: true, ..Answer::default() })).await
    }

    async fn refuse(&mut self, id: Option<u64>, error: String) -> io::Result<()> {
        self.put(&Line::Answer(Answer { id, ok: false, error: Some(error), state: None })).await
    }

    /// Sends a line; an error if the client does not take it in time.
    async fn put(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut rest = text.as_slice();
        let write = async {
            while !rest.is_empty() {
                self.stream.writable().await?;
                match self.stream.try_write(rest) {
                    Ok(len) => rest = &rest[len..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        timeout(PATIENCE, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
