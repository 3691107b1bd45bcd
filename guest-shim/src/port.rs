//! The partition's ports: messages to and from other partitions, without a system call.
//!
//! [`find`] gives a [`Port`] by its name; opening it as one of the four ends gives something that sends or receives. None of
//! them waits: what blocks a task until a message arrives is the guest operating system's affair, on top of the interrupt
//! line [`crate::irq::PORT`].
//!
//! An end is a few addresses and constants, cheap to open and to copy. What it does is not atomic against a handler that
//! uses the same port: mask interrupts around it, or use a port from one context only.
//!
//! A [`Port`] remembers the start of the partition that it was found in. One that has survived a warm start in RAM is told
//! so ([`PortError::Stale`]).

use core::cell::Cell;
use core::marker::PhantomData;

pub use bulkhead_abi::port::queue::SendError;
pub use bulkhead_abi::port::sampling::{ReadError, Sample, TooLong};
use bulkhead_abi::port::sync::AtomicU64;
use bulkhead_abi::port::{DestinationPage, PortInfo, SourcePage, queue, sampling};
pub use bulkhead_abi::port::{Direction, Kind};

use crate::{boot, clock, notice};

/// A handle to one of the partition's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    index: u32,
    generation: u32,
}

/// Why a port cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortError {
    /// The handle is from an earlier start of the partition.
    Stale,
    /// It is a port of the other kind.
    Kind,
    /// It is the other end.
    Direction,
}

/// The table of ports in the boot information.
fn table() -> &'static [PortInfo] {
    let info = boot::info();
    if info.port_count == 0 {
        return &[];
    }
    // SAFETY: the supervisor placed that many entries there, aligned, in read-only pages of the boot information.
    unsafe { core::slice::from_raw_parts(info.ports as *const PortInfo, info.port_count as usize) }
}

/// The port with this name, if the configuration gives the partition one.
pub fn find(name: &str) -> Option<Port> {
    find_bytes(name.as_bytes())
}

pub(crate) fn find_bytes(name: &[u8]) -> Option<Port> {
    let index = table().iter().position(|info| bulkhead_abi::trim_name(&info.name) == name)?;
    Some(Port { index: index as u32, generation: boot::info().generation })
}

/// All ports of the partition, in the order of the configuration.
pub fn all() -> impl Iterator<Item = Port> {
    let generation = boot::info().generation;
    (0..boot::info().port_count).map(move |index| Port { index, generation })
}

impl Port {
    /// The handle as one number, for interfaces that have no structures; never negative as a 64-bit number.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation & 0x7fff_ffff) << 32 | u64::from(self.index)
    }

    /// The handle of a number from [`Port::to_bits`], or [`PortError::Stale`] if it is none of this start.
    ///
    /// # Errors
    /// When there is no such port, or was in an earlier start only.
    pub fn from_bits(bits: u64) -> Result<Port, PortError> {
        let port = Port { index: bits as u32, generation: boot::info().generation };
        if port.to_bits() != bits || table().get(port.index as usize).is_none() {
            return Err(PortError::Stale);
        }
        Ok(port)
    }

    /// What the configuration says about the port.
    ///
    /// # Errors
    /// When the handle is from an earlier start of the partition.
    pub fn info(self) -> Result<&'static PortInfo, PortError> {
        if self.generation != boot::info().generation {
            return Err(PortError::Stale);
        }
        table().get(self.index as usize).ok_or(PortError::Stale)
    }

    /// The port's number in the partition, from 0, in the order of the configuration.
    pub fn index(self) -> u32 {
        self.index
    }

    fn open(self, kind: Kind, direction: Direction) -> Result<&'static PortInfo, PortError> {
        let info = self.info()?;
        if info.kind != kind as u32 {
            return Err(PortError::Kind);
        }
        if info.direction != direction as u32 {
            return Err(PortError::Direction);
        }
        Ok(info)
    }

    /// The end that writes samples.
    ///
    /// # Errors
    /// When the port is none, or the handle is stale.
    pub fn sampling_source(self) -> Result<SamplingSource, PortError> {
        let info = self.open(Kind::Sampling, Direction::Source)?;
        let shape = sampling::Shape::new(info.message_bytes).ok_or(PortError::Kind)?;
        let end = sampling::Writer::new(shape, source_page(info), slots(info, shape.words()));
        let end = end.ok_or(PortError::Kind)?;
        Ok(SamplingSource { end, generation: self.generation, index: self.index, one_thread: PhantomData })
    }

    /// An end that reads samples.
    ///
    /// # Errors
    /// When the port is none, or the handle is stale.
    pub fn sampling_destination(self) -> Result<SamplingDestination, PortError> {
        let info = self.open(Kind::Sampling, Direction::Destination)?;
        let shape = sampling::Shape::new(info.message_bytes).ok_or(PortError::Kind)?;
        let end = sampling::Reader::new(shape, source_page(info), slots(info, shape.words()), info.floor);
        Ok(SamplingDestination {
            end: end.ok_or(PortError::Kind)?,
            refresh_ns: info.refresh_ns,
            index: self.index,
            one_thread: PhantomData,
        })
    }

    /// The end that sends messages.
    ///
    /// # Errors
    /// When the port is none, or the handle is stale.
    pub fn queuing_source(self) -> Result<QueuingSource, PortError> {
        let info = self.open(Kind::Queuing, Direction::Source)?;
        let shape = queue::Shape::new(info.message_bytes, info.depth).ok_or(PortError::Kind)?;
        let slots = slots(info, shape.words());
        let end = queue::Sender::new(shape, source_page(info), destination_page(info), slots);
        let end = end.ok_or(PortError::Kind)?;
        Ok(QueuingSource { end, generation: self.generation, index: self.index, one_thread: PhantomData })
    }

    /// The end that receives messages.
    ///
    /// # Errors
    /// When the port is none, or the handle is stale.
    pub fn queuing_destination(self) -> Result<QueuingDestination, PortError> {
        let info = self.open(Kind::Queuing, Direction::Destination)?;
        let shape = queue::Shape::new(info.message_bytes, info.depth).ok_or(PortError::Kind)?;
        let slots = slots(info, shape.words());
        let end = queue::Receiver::new(shape, source_page(info), destination_page(info), slots);
        Ok(QueuingDestination { end: end.ok_or(PortError::Kind)?, index: self.index, one_thread: PhantomData })
    }
}

fn source_page(info: &PortInfo) -> &'static SourcePage {
    // SAFETY: the supervisor mapped the page there for the whole life of the process; it consists of atomics, which the
    // destination only loads, since the page is read-only to it.
    unsafe { &*(info.source as *const SourcePage) }
}

fn destination_page(info: &PortInfo) -> &'static DestinationPage {
    // SAFETY: as for the source's page, with the roles exchanged.
    unsafe { &*(info.destination as *const DestinationPage) }
}

fn slots(info: &PortInfo, words: usize) -> &'static [AtomicU64] {
    // SAFETY: the supervisor mapped as many slots there as the port's constants ask for, for the whole life of the process.
    unsafe { core::slice::from_raw_parts(info.slots as *const AtomicU64, words) }
}

/// Two contexts that used one end at the same time would garble their messages.
type OneThread = PhantomData<Cell<()>>;

/// The source of a sampling channel.
#[derive(Debug, Clone, Copy)]
pub struct SamplingSource {
    end: sampling::Writer<'static>,
    generation: u32,
    index: u32,
    one_thread: OneThread,
}

impl SamplingSource {
    /// Replaces the channel's message.
    ///
    /// # Errors
    /// When the message is longer than the channel's may be.
    #[inline]
    pub fn write(&self, message: &[u8]) -> Result<(), TooLong> {
        self.end.write(self.generation, clock::now_ns(), message)?;
        notice::sent(self.index, self.end.latest(), message);
        Ok(())
    }
}

/// A destination of a sampling channel.
#[derive(Debug, Clone, Copy)]
pub struct SamplingDestination {
    end: sampling::Reader<'static>,
    refresh_ns: u64,
    index: u32,
    one_thread: OneThread,
}

impl SamplingDestination {
    /// Reads the latest message; `buffer` gets as much of it as it holds. `None` if there is none (none since the partition's
    /// start, or none that is whole).
    #[inline]
    pub fn read(&self, buffer: &mut [u8]) -> Option<Sample> {
        self.try_read(buffer).ok()
    }

    /// Like [`SamplingDestination::read`], but says why there is no message.
    ///
    /// # Errors
    /// When there is no message, or no whole one.
    #[inline]
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Sample, ReadError> {
        let read = self.end.read(buffer);
        match &read {
            Ok(sample) => notice::received(self.index, sample.number, &buffer[..sample.len.min(buffer.len())]),
            Err(_) => notice::looked(),
        }
        read
    }

    /// Whether a sample is no older than the channel's refresh period.
    pub fn is_valid(&self, sample: &Sample) -> bool {
        sample.is_valid(clock::now_ns(), self.refresh_ns)
    }

    /// The number of the latest message, which changes with every message; 0 if there is none.
    pub fn latest(&self) -> u64 {
        notice::looked();
        self.end.latest()
    }
}

/// The source of a queuing channel.
#[derive(Debug, Clone, Copy)]
pub struct QueuingSource {
    end: queue::Sender<'static>,
    generation: u32,
    index: u32,
    one_thread: OneThread,
}

impl QueuingSource {
    /// Appends a message.
    ///
    /// # Errors
    /// When there is no room, or when the message is longer than the channel's may be.
    #[inline]
    pub fn send(&self, message: &[u8]) -> Result<(), SendError> {
        let sent = self.end.send(self.generation, message);
        match sent {
            Ok(()) => notice::sent(self.index, self.end.sent(), message),
            Err(_) => notice::looked(),
        }
        sent
    }

    /// Messages that wait for the destination.
    pub fn waiting(&self) -> u32 {
        notice::looked();
        self.end.waiting()
    }

    /// Messages that can be sent now.
    pub fn room(&self) -> u32 {
        notice::looked();
        self.end.room()
    }

    /// Tells the destination that a message was given up for lack of room.
    pub fn count_lost(&self) {
        self.end.count_lost();
    }
}

/// The destination of a queuing channel.
#[derive(Debug, Clone, Copy)]
pub struct QueuingDestination {
    end: queue::Receiver<'static>,
    index: u32,
    one_thread: OneThread,
}

impl QueuingDestination {
    /// Takes the next message into `buffer` and returns how many bytes that was; of a message that is longer than `buffer`
    /// the rest is lost. `None` if there is none. A message that a hostile source made senseless is skipped.
    #[inline]
    pub fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        match self.try_receive(buffer) {
            Ok(received) => Some(received.len.min(buffer.len())),
            // There is no end of them where the source goes on, so this does not look for a good one.
            Err(_) => None,
        }
    }

    /// Like [`QueuingDestination::receive`], but tells the message's own length and the source's start that it comes from.
    ///
    /// # Errors
    /// When there is no message, or what the source left makes no sense.
    #[inline]
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<queue::Received, queue::ReceiveError> {
        let received = self.end.receive(buffer);
        match &received {
            Ok(message) => notice::received(self.index, self.end.taken(), &buffer[..message.len.min(buffer.len())]),
            Err(_) => notice::looked(),
        }
        received
    }

    /// Messages that wait.
    pub fn waiting(&self) -> u32 {
        notice::looked();
        self.end.waiting()
    }

    /// Throws away all messages that wait.
    pub fn clear(&self) {
        self.end.clear();
    }

    /// Whether messages were lost since the last call, because the queue was full.
    pub fn take_overflow(&self) -> bool {
        self.end.take_overflow()
    }
}
