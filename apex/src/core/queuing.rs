//! Queuing ports: every message of a channel, in order, and the processes that wait for one or for room.

use super::list::Index;
use super::object::{Named, Queue, check_name, find_id, find_name};
use super::process::Object;
use super::sampling::positive;
use super::types::{Address, Code, Direction, Discipline, Flow, Id, Name, Reply, Time};
use super::{Core, Env};

/// A queuing port that has been created.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueuingPort {
    name: Name,
    handle: u16,
    direction: Direction,
    max_message: u32,
    depth: u32,
    pub(crate) queue: Queue,
}

impl Named for QueuingPort {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_QUEUING_PORT_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuingStatus {
    /// Messages in the channel.
    pub count: u32,
    /// Messages that it has room for.
    pub max_count: u32,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Way of the messages.
    pub direction: Direction,
    /// Processes that wait.
    pub waiting: i32,
}

impl<E: Env> Core<'_, E> {
    /// CREATE_QUEUING_PORT.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_queuing_port(
        &mut self,
        name: Name,
        max_message: i32,
        depth: i32,
        direction: Reply<Direction>,
        discipline: Reply<Discipline>,
    ) -> Reply<Id> {
        let used = self.used.queuing;
        let config = self.env.queuing_port(&name).ok_or(Code::InvalidConfig)?;
        if direction != Ok(config.direction)
            || i64::from(max_message) != i64::from(config.max_message)
            || i64::from(depth) != i64::from(config.depth)
        {
            return Err(Code::InvalidConfig);
        }
        // There is room for every port of the configuration.
        check_name(self.tables.queuing, used, &name)?;
        let queue = Queue::new(discipline?);
        self.check_start_up()?;
        let (handle, direction) = (config.handle, config.direction);
        self.tables.queuing[usize::from(used)] =
            QueuingPort { name, handle, direction, max_message: config.max_message, depth: config.depth, queue };
        self.used.queuing += 1;
        Ok(Id::from(self.used.queuing))
    }

    /// SEND_QUEUING_MESSAGE.
    ///
    /// # Errors
    /// As the header says.
    pub fn send_queuing(&mut self, id: Id, from: Address, length: i32, timeout: Time) -> Reply<Flow> {
        let index = find_id(id, self.used.queuing)?;
        let port = self.tables.queuing[usize::from(index)];
        let until = self.timeout_end(timeout)?;
        let length = positive(length)?;
        if length > port.max_message {
            return Err(Code::InvalidConfig);
        }
        if port.direction != Direction::Source {
            return Err(Code::InvalidMode);
        }
        // Nobody overtakes those who wait.
        if port.queue.is_empty() && self.env.queuing_send(port.handle, from, length) {
            return Ok(Flow::Done(()));
        }
        let flow = self.block_on(Object::Port(index), timeout, until)?;
        let running = self.running;
        let process = self.process_mut(running);
        process.message = from;
        process.length = length;
        Ok(flow)
    }

    /// RECEIVE_QUEUING_MESSAGE. That messages were lost before this one is asked for separately
    /// ([`Core::queuing_overflowed`]).
    ///
    /// # Errors
    /// As the header says.
    pub fn receive_queuing(&mut self, id: Id, timeout: Time, to: Address) -> Reply<Flow<u32>> {
        let index = find_id(id, self.used.queuing)?;
        let port = self.tables.queuing[usize::from(index)];
        let until = self.timeout_end(timeout)?;
        if port.direction != Direction::Destination {
            return Err(Code::InvalidMode);
        }
        if port.queue.is_empty()
            && let Some(length) = self.env.queuing_receive(port.handle, to, port.max_message)
        {
            return Ok(Flow::Done(length));
        }
        let flow = self.block_on(Object::Port(index), timeout, until)?;
        let running = self.running;
        let process = self.process_mut(running);
        process.message = to;
        process.length = 0;
        Ok(flow)
    }

    /// Whether messages have been lost at a destination since this was last asked.
    pub fn queuing_overflowed(&mut self, id: Id) -> bool {
        let Ok(index) = find_id(id, self.used.queuing) else { return false };
        self.env.queuing_overflowed(self.tables.queuing[usize::from(index)].handle)
    }

    /// Tries again for a process that waits at a port.
    pub(crate) fn retry_port(&mut self, index: u16, process: Index) -> Option<u32> {
        let port = self.tables.queuing[usize::from(index)];
        let (message, length) = (self.process(process).message, self.process(process).length);
        match port.direction {
            Direction::Source => self.env.queuing_send(port.handle, message, length).then_some(length),
            Direction::Destination => self.env.queuing_receive(port.handle, message, port.max_message),
        }
    }

    /// GET_QUEUING_PORT_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn queuing_port_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.queuing[..usize::from(self.used.queuing)], name)
    }

    /// GET_QUEUING_PORT_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn queuing_status(&self, id: Id) -> Reply<QueuingStatus> {
        let port = &self.tables.queuing[usize::from(find_id(id, self.used.queuing)?)];
        Ok(QueuingStatus {
            count: self.env.queuing_count(port.handle),
            max_count: port.depth,
            max_message: port.max_message,
            direction: port.direction,
            waiting: self.waiting(&port.queue),
        })
    }

    /// CLEAR_QUEUING_PORT.
    ///
    /// # Errors
    /// As the header says.
    pub fn clear_queuing_port(&mut self, id: Id) -> Reply {
        let port = self.tables.queuing[usize::from(find_id(id, self.used.queuing)?)];
        if port.direction != Direction::Destination {
            return Err(Code::InvalidMode);
        }
        self.env.queuing_clear(port.handle);
        Ok(())
    }

    /// Largest message of a port in bytes, for who looks after the caller's memory.
    pub fn queuing_room(&self, id: Id) -> Reply<u32> {
        Ok(self.tables.queuing[usize::from(find_id(id, self.used.queuing)?)].max_message)
    }
}
