//! Buffers: queues of messages between the processes of the partition.
//!
//! Those who wait at a buffer are either all receivers (it is empty) or all senders (it is full), so one queue will do. A
//! message goes straight from sender to receiver where one waits.

use super::object::{Named, Queue, check_new, find_id, find_name};
use super::process::Object;
use super::types::{Address, Code, Discipline, Flow, Id, MAX_MESSAGE, MAX_MESSAGES, Name, Reply, Time};
use super::{Core, Env};

/// A buffer. A slot holds the message's length and then its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Buffer {
    name: Name,
    max_message: u32,
    max_count: u32,
    first: u32,
    count: u32,
    slots: Address,
    pub(crate) queue: Queue,
}

impl Named for Buffer {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_BUFFER_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferStatus {
    /// Messages in the buffer.
    pub count: u32,
    /// Messages that it has room for.
    pub max_count: u32,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Processes that wait, to send or to receive.
    pub waiting: i32,
}

/// Bytes before a message in its slot, for the length.
const HEADER: usize = 8;

impl Buffer {
    fn stride(&self) -> usize {
        HEADER + (self.max_message as usize).next_multiple_of(8)
    }

    /// Address of the slot of the message that `ahead` others come before.
    fn slot(&self, ahead: u32) -> Address {
        let mut slot = self.first + ahead;
        if slot >= self.max_count {
            slot -= self.max_count;
        }
        self.slots + slot as usize * self.stride()
    }
}

impl<E: Env> Core<'_, E> {
    /// CREATE_BUFFER.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_buffer(
        &mut self,
        name: Name,
        max_message: i32,
        max_count: i32,
        discipline: Reply<Discipline>,
    ) -> Reply<Id> {
        let used = self.used.buffers;
        check_new(self.tables.buffers, used, &name)?;
        let max_message = u32::try_from(max_message).map_err(|_| Code::InvalidParam)?;
        let max_count = u32::try_from(max_count).map_err(|_| Code::InvalidParam)?;
        if !(1..=MAX_MESSAGE).contains(&max_message) || !(1..=MAX_MESSAGES).contains(&max_count) {
            return Err(Code::InvalidParam);
        }
        let queue = Queue::new(discipline?);
        self.check_start_up()?;
        let mut buffer = Buffer { name, max_message, max_count, first: 0, count: 0, slots: 0, queue };
        buffer.slots = self.carve(buffer.stride() as u32, max_count)?;
        self.tables.buffers[usize::from(used)] = buffer;
        self.used.buffers += 1;
        Ok(Id::from(self.used.buffers))
    }

    /// SEND_BUFFER.
    ///
    /// # Errors
    /// As the header says.
    pub fn send_buffer(&mut self, id: Id, from: Address, length: i32, timeout: Time) -> Reply<Flow> {
        let index = find_id(id, self.used.buffers)?;
        let buffer = self.tables.buffers[usize::from(index)];
        let length = u32::try_from(length).map_err(|_| Code::InvalidParam)?;
        if length == 0 || length > buffer.max_message {
            return Err(Code::InvalidParam);
        }
        let until = self.timeout_end(timeout)?;
        let object = Object::Buffer(index);
        if buffer.count < buffer.max_count {
            // Only receivers can be waiting.
            if let Some(first) = self.first_waiting(object) {
                let to = self.process(first).message;
                self.env.copy(from, to, length);
                self.grant(object, first, length);
            } else {
                self.append(index, from, length);
            }
            return Ok(Flow::Done(()));
        }
        let flow = self.block_on(object, timeout, until)?;
        let running = self.running;
        let process = self.process_mut(running);
        process.message = from;
        process.length = length;
        Ok(flow)
    }

    /// RECEIVE_BUFFER.
    ///
    /// # Errors
    /// As the header says.
    pub fn receive_buffer(&mut self, id: Id, timeout: Time, to: Address) -> Reply<Flow<u32>> {
        let index = find_id(id, self.used.buffers)?;
        let until = self.timeout_end(timeout)?;
        let object = Object::Buffer(index);
        let buffer = &mut self.tables.buffers[usize::from(index)];
        if buffer.count > 0 {
            let slot = buffer.slot(0);
            buffer.first = if buffer.first + 1 == buffer.max_count { 0 } else { buffer.first + 1 };
            buffer.count -= 1;
            let length = self.env.get(slot);
            self.env.copy(slot + HEADER, to, length);
            // Now there is room, for the first of those who could not send.
            if let Some(first) = self.first_waiting(object) {
                let (from, length) = (self.process(first).message, self.process(first).length);
                self.append(index, from, length);
                self.grant(object, first, length);
            }
            return Ok(Flow::Done(length));
        }
        let flow = self.block_on(object, timeout, until)?;
        let running = self.running;
        let process = self.process_mut(running);
        process.message = to;
        process.length = 0;
        Ok(flow)
    }

    fn append(&mut self, index: u16, from: Address, length: u32) {
        let buffer = &mut self.tables.buffers[usize::from(index)];
        let slot = buffer.slot(buffer.count);
        buffer.count += 1;
        self.env.put(slot, length);
        self.env.copy(from, slot + HEADER, length);
    }

    /// GET_BUFFER_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn buffer_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.buffers[..usize::from(self.used.buffers)], name)
    }

    /// GET_BUFFER_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn buffer_status(&self, id: Id) -> Reply<BufferStatus> {
        let buffer = &self.tables.buffers[usize::from(find_id(id, self.used.buffers)?)];
        let Buffer { count, max_count, max_message, .. } = *buffer;
        Ok(BufferStatus { count, max_count, max_message, waiting: self.waiting(&buffer.queue) })
    }

    /// Largest message of a buffer in bytes, for who looks after the caller's memory.
    pub fn buffer_room(&self, id: Id) -> Reply<u32> {
        Ok(self.tables.buffers[usize::from(find_id(id, self.used.buffers)?)].max_message)
    }

    /// Takes memory for `count` messages of `size` bytes, at a multiple of 8.
    pub(crate) fn carve(&mut self, size: u32, count: u32) -> Reply<Address> {
        let (free, end) = self.tables.messages;
        let start = free.next_multiple_of(8);
        let bytes = (size as usize).checked_mul(count as usize).ok_or(Code::InvalidConfig)?;
        let next = start.checked_add(bytes).filter(|&next| next <= end).ok_or(Code::InvalidConfig)?;
        self.tables.messages.0 = next;
        Ok(start)
    }
}
