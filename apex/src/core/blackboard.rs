//! Blackboards: one message for all to read, until it is replaced or cleared.

use super::object::{Named, Queue, check_new, find_id, find_name};
use super::process::Object;
use super::types::{Address, Code, Flow, Id, MAX_MESSAGE, Name, Reply, Time};
use super::{Core, Env};

/// A blackboard.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blackboard {
    name: Name,
    max_message: u32,
    /// Length of the message; 0 if there is none.
    length: u32,
    message: Address,
    pub(crate) queue: Queue,
}

impl Named for Blackboard {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_BLACKBOARD_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlackboardStatus {
    /// Whether there is a message.
    pub occupied: bool,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Processes that wait.
    pub waiting: i32,
}

impl<E: Env> Core<'_, E> {
    /// CREATE_BLACKBOARD. It is empty.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_blackboard(&mut self, name: Name, max_message: i32) -> Reply<Id> {
        let used = self.used.blackboards;
        check_new(self.tables.blackboards, used, &name)?;
        let max_message = u32::try_from(max_message).map_err(|_| Code::InvalidParam)?;
        if !(1..=MAX_MESSAGE).contains(&max_message) {
            return Err(Code::InvalidParam);
        }
        self.check_start_up()?;
        let message = self.carve(max_message, 1)?;
        let queue = Queue::default();
        self.tables.blackboards[usize::from(used)] = Blackboard { name, max_message, length: 0, message, queue };
        self.used.blackboards += 1;
        Ok(Id::from(self.used.blackboards))
    }

    /// DISPLAY_BLACKBOARD. Releases every process that waits.
    ///
    /// # Errors
    /// As the header says.
    pub fn display_blackboard(&mut self, id: Id, from: Address, length: i32) -> Reply {
        let index = find_id(id, self.used.blackboards)?;
        let board = &mut self.tables.blackboards[usize::from(index)];
        let length = u32::try_from(length).map_err(|_| Code::InvalidParam)?;
        if length == 0 || length > board.max_message {
            return Err(Code::InvalidParam);
        }
        board.length = length;
        self.env.copy(from, board.message, length);
        let object = Object::Blackboard(index);
        while let Some(first) = self.first_waiting(object) {
            let to = self.process(first).message;
            self.env.copy(from, to, length);
            self.grant(object, first, length);
        }
        Ok(())
    }

    /// READ_BLACKBOARD.
    ///
    /// # Errors
    /// As the header says.
    pub fn read_blackboard(&mut self, id: Id, timeout: Time, to: Address) -> Reply<Flow<u32>> {
        let index = find_id(id, self.used.blackboards)?;
        let until = self.timeout_end(timeout)?;
        let board = &self.tables.blackboards[usize::from(index)];
        if board.length > 0 {
            self.env.copy(board.message, to, board.length);
            return Ok(Flow::Done(board.length));
        }
        let flow = self.block_on(Object::Blackboard(index), timeout, until)?;
        let running = self.running;
        let process = self.process_mut(running);
        process.message = to;
        process.length = 0;
        Ok(flow)
    }

    /// CLEAR_BLACKBOARD.
    ///
    /// # Errors
    /// As the header says.
    pub fn clear_blackboard(&mut self, id: Id) -> Reply {
        let index = find_id(id, self.used.blackboards)?;
        self.tables.blackboards[usize::from(index)].length = 0;
        Ok(())
    }

    /// GET_BLACKBOARD_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn blackboard_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.blackboards[..usize::from(self.used.blackboards)], name)
    }

    /// GET_BLACKBOARD_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn blackboard_status(&self, id: Id) -> Reply<BlackboardStatus> {
        let board = &self.tables.blackboards[usize::from(find_id(id, self.used.blackboards)?)];
        let waiting = self.waiting(&board.queue);
        Ok(BlackboardStatus { occupied: board.length > 0, max_message: board.max_message, waiting })
    }

    /// Largest message of a blackboard in bytes, for who looks after the caller's memory.
    pub fn blackboard_room(&self, id: Id) -> Reply<u32> {
        Ok(self.tables.blackboards[usize::from(find_id(id, self.used.blackboards)?)].max_message)
    }
}
