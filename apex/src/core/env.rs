//! What the rules need from the world: a clock, a copy routine, ports, and somebody above to turn to.

use super::types::{Address, Direction, ErrorRecord, Mode, Name, Time};

/// A sampling port of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct SamplingConfig {
    /// The environment's own number of the port.
    pub handle: u16,
    /// Way of the messages.
    pub direction: Direction,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Refresh period in nanoseconds.
    pub refresh: Time,
}

/// A queuing port of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct QueuingConfig {
    /// The environment's own number of the port.
    pub handle: u16,
    /// Way of the messages.
    pub direction: Direction,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Messages that the channel holds.
    pub depth: u32,
}

/// A sampling message that has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Length in bytes.
    pub length: u32,
    /// When it was written, module time.
    pub written: Time,
    /// Whether it is no older than the refresh period.
    pub fresh: bool,
    /// Tells messages of one port apart.
    pub number: u64,
}

/// The world around the rules. The methods are called with interrupts masked and return soon.
pub trait Env {
    /// Module time.
    fn now(&self) -> Time;
    /// Copies `length` bytes between addresses of the partition.
    fn copy(&mut self, from: Address, to: Address, length: u32);
    /// Writes a number that [`Env::get`] reads again, at a multiple of 8 in the memory for messages.
    fn put(&mut self, at: Address, number: u32);
    /// Reads what [`Env::put`] wrote.
    fn get(&self, at: Address) -> u32;
    /// Whether an error of this code belongs to the error handler, by the partition's health table.
    fn handled_by_process(&self, error: &ErrorRecord) -> bool;
    /// An error that the partition's table decides about. Returns if the table says to ignore it.
    fn partition_error(&mut self, error: &ErrorRecord);
    /// Records an error that stays within the partition.
    fn note_error(&mut self, error: &ErrorRecord);
    /// Ends the partition for another mode. On the virtual CPU it does not return.
    fn leave(&mut self, mode: Mode);
    /// Length of the partition's period, and an instant at which one began.
    fn period(&self) -> (Time, Time);

    /// The sampling port `name` of the configuration.
    fn sampling_port(&self, name: &Name) -> Option<SamplingConfig>;
    /// Writes a sampling message.
    fn sampling_write(&mut self, handle: u16, from: Address, length: u32);
    /// Reads the current sampling message to `to`, which has `room` bytes, or only looks at it.
    fn sampling_read(&mut self, handle: u16, to: Option<Address>, room: u32) -> Option<Sample>;

    /// The queuing port `name` of the configuration.
    fn queuing_port(&self, name: &Name) -> Option<QueuingConfig>;
    /// Sends a message; false if there is no room.
    fn queuing_send(&mut self, handle: u16, from: Address, length: u32) -> bool;
    /// Receives a message to `to`, which has `room` bytes; its length, or nothing if there is none.
    fn queuing_receive(&mut self, handle: u16, to: Address, room: u32) -> Option<u32>;
    /// Whether messages have been lost since the last time this was asked.
    fn queuing_overflowed(&mut self, handle: u16) -> bool;
    /// Messages in the channel.
    fn queuing_count(&self, handle: u16) -> u32;
    /// Throws the messages of a destination away.
    fn queuing_clear(&mut self, handle: u16);
}
