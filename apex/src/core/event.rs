//! Events: a condition that is up or down, and every process that waits for it to be up.

use super::object::{Named, Queue, check_new, find_id, find_name};
use super::process::Object;
use super::types::{Flow, Id, Name, Reply, Time};
use super::{Core, Env};

/// An event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event {
    name: Name,
    up: bool,
    pub(crate) queue: Queue,
}

impl Named for Event {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_EVENT_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventStatus {
    /// Up, or down.
    pub up: bool,
    /// Processes that wait.
    pub waiting: i32,
}

impl<E: Env> Core<'_, E> {
    /// CREATE_EVENT. It is down.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_event(&mut self, name: Name) -> Reply<Id> {
        let used = self.used.events;
        check_new(self.tables.events, used, &name)?;
        self.check_start_up()?;
        self.tables.events[usize::from(used)] = Event { name, ..Event::default() };
        self.used.events += 1;
        Ok(Id::from(self.used.events))
    }

    /// SET_EVENT. Releases every process that waits.
    ///
    /// # Errors
    /// As the header says.
    pub fn set_event(&mut self, id: Id) -> Reply {
        let index = find_id(id, self.used.events)?;
        self.tables.events[usize::from(index)].up = true;
        let object = Object::Event(index);
        while let Some(first) = self.first_waiting(object) {
            self.grant(object, first, 0);
        }
        Ok(())
    }

    /// RESET_EVENT.
    ///
    /// # Errors
    /// As the header says.
    pub fn reset_event(&mut self, id: Id) -> Reply {
        let index = find_id(id, self.used.events)?;
        self.tables.events[usize::from(index)].up = false;
        Ok(())
    }

    /// WAIT_EVENT.
    ///
    /// # Errors
    /// As the header says.
    pub fn wait_event(&mut self, id: Id, timeout: Time) -> Reply<Flow> {
        let index = find_id(id, self.used.events)?;
        let until = self.timeout_end(timeout)?;
        if self.tables.events[usize::from(index)].up {
            return Ok(Flow::Done(()));
        }
        self.block_on(Object::Event(index), timeout, until)
    }

    /// GET_EVENT_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn event_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.events[..usize::from(self.used.events)], name)
    }

    /// GET_EVENT_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn event_status(&self, id: Id) -> Reply<EventStatus> {
        let event = &self.tables.events[usize::from(find_id(id, self.used.events)?)];
        Ok(EventStatus { up: event.up, waiting: self.waiting(&event.queue) })
    }
}
