//! Ends of channels that are sockets: how a program outside feeds and observes a module.
//!
//! A *source* is a bound socket: each datagram that comes is one message, as if a partition had sent it. A *destination* is
//! where datagrams go: each message of a queue, or each new sample. All of it happens on one thread of its own, off the
//! real-time cores, under tokio; a partition never waits for it. Everything is bounded, and what does not fit is dropped and
//! counted: a datagram that is empty or too long, one that finds the queue full, a message that the socket does not take.
//!
//! Datagrams are strangers' words. Nobody here looks into them; their length is judged, and the guests see the bytes.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdp};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixDatagram as StdUnix;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bulkhead_abi::port::{queue, sampling};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::sync::Notify;

use super::Channels;
use super::outside::{self, Unsent};
use crate::config::{Channel, End, PartitionId};
use crate::dispatch::clock::now_ns;
use crate::partition::pin;

/// How often channels are looked at whose messages go to sockets.
const LOOK: Duration = Duration::from_millis(1);
/// Most messages of one channel that are passed on in one look.
const MOST: u32 = 256;

/// A socket that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("channel \"{channel}\": the host refuses the socket {end}: {error}")]
pub struct GatewayError {
    /// Whose end it was to be.
    pub channel: String,
    /// The end, as configured.
    pub end: String,
    /// Why.
    pub error: io::Error,
}

/// What has gone through one socket.
#[derive(Debug, Default)]
struct Counters {
    passed: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    fn count(&self, passed: bool) {
        let counter = if passed { &self.passed } else { &self.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What has gone through one socket, as a run reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SocketOutcome {
    /// The end, as configured.
    pub socket: String,
    /// Messages that went through.
    pub passed: u64,
    /// Messages that were dropped.
    pub dropped: u64,
}

/// The thread and what it shares.
#[derive(Debug)]
pub struct Gateways {
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    /// Channel, end, and what went through.
    sockets: Vec<(usize, String, Arc<Counters>)>,
    /// Sockets in the file system that this run has made.
    files: Vec<PathBuf>,
}

struct Shared {
    channels: Arc<Channels>,
    /// By partition: whether a message has come for it.
    news: Vec<AtomicBool>,
    wake: Box<dyn Fn() + Send + Sync>,
    stop: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("news", &self.news).finish_non_exhaustive()
    }
}

/// A socket before it belongs to the thread.
enum Bound {
    Udp(StdUdp),
    Unix(StdUnix),
}

/// A socket of either family.
enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Where to.
#[derive(Debug, Clone)]
enum Address {
    Udp(SocketAddr),
    Unix(PathBuf),
}

/// An end to serve: a channel's number, its socket, and where messages go if it is a destination.
struct Task {
    channel: usize,
    bound: Bound,
    to: Option<Address>,
    counters: Arc<Counters>,
}

impl Gateways {
    /// Opens the sockets of a module's channels and starts the thread on the `housekeeping` CPUs; none if no end is a socket.
    /// `wake` is called when a message has come for a partition, which [`Gateways::take_news`] then names.
    ///
    /// # Errors
    /// When the host refuses a socket: the address is in use, say, or not this host's.
    pub fn start(
        channels: &Arc<Channels>,
        partitions: usize,
        housekeeping: &[u32],
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Option<Gateways>, GatewayError> {
        let (mut tasks, mut sockets, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (channel, _)) in channels.iter().enumerate() {
            for (index, end) in channel.ends().enumerate() {
                let is_source = index == 0;
                let refused = |error| GatewayError { channel: channel.name.clone(), end: end.to_string(), error };
                let (bound, to) = match end {
                    End::Port { .. } | End::Outside(_) => continue,
                    End::Udp(address) => (udp(*address, is_source).map_err(refused)?, Address::Udp(*address)),
                    End::Unix(path) => (unix(path, is_source).map_err(refused)?, Address::Unix(path.clone())),
                };
                if let (true, Address::Unix(path)) = (is_source, &to) {
                    files.push(path.clone());
                }
                let counters = Arc::new(Counters::default());
                sockets.push((number, end.to_string(), Arc::clone(&counters)));
                tasks.push(Task { channel: number, bound, to: (!is_source).then_some(to), counters });
            }
        }
        if tasks.is_empty() {
            return Ok(None);
        }
        let shared = Arc::new(Shared {
            channels: Arc::clone(channels),
            news: (0..partitions).map(|_| AtomicBool::new(false)).collect(),
            wake: Box::new(wake),
            stop: Notify::new(),
        });
        let (theirs, housekeeping) = (Arc::clone(&shared), housekeeping.to_vec());
        let refused = |error| GatewayError { channel: "all".to_owned(), end: "thread".to_owned(), error };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let thread = std::thread::Builder::new()
            .name("gateways".to_owned())
            .spawn(move || {
                // A wider affinity costs jitter, not correctness.
                let _ = pin(Pid::from_raw(0), &housekeeping);
                runtime.block_on(serve(theirs, tasks));
            })
            .map_err(refused)?;
        Ok(Some(Gateways { thread: Some(thread), shared, sockets, files }))
    }

    /// The partitions for which messages have come since the last call.
    pub fn take_news(&self) -> impl Iterator<Item = PartitionId> {
        let news = |(index, flag): (usize, &AtomicBool)| {
            // SYNC POINT gateway-news: pairs with the release in `tell`.
            flag.swap(false, Ordering::Acquire).then_some(PartitionId(index as u16))
        };
        self.shared.news.iter().enumerate().filter_map(news)
    }

    /// Passes on what waits for sockets, and ends the thread.
    pub fn stop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the gateways' thread panicked");
        }
        for file in self.files.drain(..) {
            let _ = fs::remove_file(file);
        }
    }

    /// What has gone through the sockets of a channel.
    pub fn outcomes(&self, channel: usize) -> Vec<SocketOutcome> {
        let of_channel = self.sockets.iter().filter(|(number, ..)| *number == channel);
        of_channel
            .map(|(_, socket, counters)| SocketOutcome {
                socket: socket.clone(),
                passed: counters.passed.load(Ordering::Relaxed),
                dropped: counters.dropped.load(Ordering::Relaxed),
            })
            .collect()
    }
}

impl Drop for Gateways {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A UDP socket: bound to its address as a source, to any as a destination.
fn udp(address: SocketAddr, is_source: bool) -> io::Result<Bound> {
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = StdUdp::bind(if is_source { address } else { any })?;
    socket.set_nonblocking(true)?;
    Ok(Bound::Udp(socket))
}

/// A Unix datagram socket, likewise. What an earlier run has left behind is replaced if it is a socket that nobody serves.
fn unix(path: &Path, is_source: bool) -> io::Result<Bound> {
    let socket = if !is_source {
        StdUnix::unbound()?
    } else {
        match StdUnix::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path)?;
                StdUnix::bind(path)?
            }
            bound => bound?,
        }
    };
    socket.set_nonblocking(true)?;
    Ok(Bound::Unix(socket))
}

fn is_abandoned(path: &Path) -> bool {
    // Not through a symbolic link, which somebody else may have put there.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let refused = || StdUnix::unbound()?.connect(path);
    is_socket && refused().is_err_and(|error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused)
}

impl Socket {
    fn new(bound: Bound) -> io::Result<Socket> {
        Ok(match bound {
            Bound::Udp(socket) => Socket::Udp(UdpSocket::from_std(socket)?),
            Bound::Unix(socket) => Socket::Unix(UnixDatagram::from_std(socket)?),
        })
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Udp(socket) => socket.recv(buffer).await,
            Socket::Unix(socket) => socket.recv(buffer).await,
        }
    }

    /// Sends without waiting; false if the socket does not take it now.
    fn send(&self, message: &[u8], to: &Address) -> bool {
        match (self, to) {
            (Socket::Udp(socket), Address::Udp(address)) => socket.try_send_to(message, *address).is_ok(),
            (Socket::Unix(socket), Address::Unix(path)) => socket.try_send_to(message, path).is_ok(),
            _ => false,
        }
    }
}

/// Serves all sockets until the end.
async fn serve(shared: Arc<Shared>, tasks: Vec<Task>) {
    let mut outbound = Vec::new();
    for Task { channel, bound, to, counters } in tasks {
        let Ok(socket) = Socket::new(bound) else {
            tracing::error!(channel, "a socket cannot be watched");
            continue;
        };
        match to {
            Some(to) => outbound.push(Outbound { channel, socket, to, counters, last: 0 }),
            None => drop(tokio::spawn(inbound(Arc::clone(&shared), channel, socket, counters))),
        }
    }
    let mut buffer = Vec::new();
    if outbound.is_empty() {
        shared.stop.notified().await;
    }
    while !outbound.is_empty() {
        let stopped = tokio::time::timeout(LOOK, shared.stop.notified()).await.is_ok();
        outbound.iter_mut().for_each(|end| end.look(&shared.channels, &mut buffer));
        if stopped {
            return;
        }
    }
}

/// Passes datagrams on as messages of a channel.
async fn inbound(shared: Arc<Shared>, number: usize, socket: Socket, counters: Arc<Counters>) {
    let Some((channel, _)) = shared.channels.get(number) else { return };
    // One byte more than fits, to tell what is too long.
    let mut buffer = vec![0; channel.message_bytes as usize + 1];
    loop {
        match socket.receive(&mut buffer).await {
            Ok(len) => {
                let passed = deliver(&shared.channels, number, &buffer[..len]);
                counters.count(passed);
                if passed {
                    tell(&shared, channel);
                }
            }
            // What a peer's absence does to a later call, or a shortage that passes.
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Tells the main thread whose ports have news.
fn tell(shared: &Shared, channel: &Channel) {
    for id in channel.destinations.iter().filter_map(End::partition) {
        if let Some(flag) = shared.news.get(id.index()) {
            // SYNC POINT gateway-news: pairs with the acquire in `take_news`.
            flag.store(true, Ordering::Release);
        }
    }
    (shared.wake)();
}

/// Sends `message` as the source of a channel would; whether it went through.
fn deliver(channels: &Channels, number: usize, message: &[u8]) -> bool {
    let Some((channel, memory)) = channels.get(number) else { return false };
    let sent = outside::send(channel, memory, now_ns(), message);
    if sent == Err(Unsent::Full) {
        outside::give_up(channel, memory);
    }
    sent.is_ok()
}

/// One socket that messages go to.
struct Outbound {
    channel: usize,
    socket: Socket,
    to: Address,
    counters: Arc<Counters>,
    /// Number of the last sample.
    last: u64,
}

impl Outbound {
    /// Passes on what is new.
    fn look(&mut self, channels: &Channels, buffer: &mut Vec<u8>) {
        let Some((channel, memory)) = channels.get(self.channel) else { return };
        buffer.resize(channel.message_bytes as usize, 0);
        let source = memory.source_page();
        if let (Some(shape), Some(destination)) = (channel.queue_shape(), memory.destination_page()) {
            let Some(end) = queue::Receiver::new(shape, source, destination, memory.slots()) else { return };
            for _ in 0..MOST {
                match end.receive(buffer) {
                    Ok(received) => self.counters.count(self.socket.send(&buffer[..received.len], &self.to)),
                    Err(queue::ReceiveError::BadLength) => self.counters.count(false),
                    Err(queue::ReceiveError::Empty | queue::ReceiveError::BadPosition) => return,
                }
            }
        } else if let Some(shape) = channel.sampling_shape() {
            let Some(end) = sampling::Reader::new(shape, source, memory.slots(), self.last) else { return };
            if let Ok(sample) = end.read(buffer) {
                self.last = sample.number;
                self.counters.count(self.socket.send(&buffer[..sample.len], &self.to));
            }
        }
    }
}
