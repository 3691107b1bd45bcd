//! Counting semaphores.

use super::object::{Named, Queue, check_new, find_id, find_name};
use super::process::Object;
use super::types::{Code, Discipline, Flow, Id, MAX_SEMAPHORE_VALUE, Name, Reply, Time};
use super::{Core, Env};

/// A counting semaphore.
#[derive(Debug, Clone, Copy, Default)]
pub struct Semaphore {
    name: Name,
    value: i32,
    maximum: i32,
    pub(crate) queue: Queue,
}

impl Named for Semaphore {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_SEMAPHORE_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemaphoreStatus {
    /// The value.
    pub value: i32,
    /// Its upper limit.
    pub maximum: i32,
    /// Processes that wait.
    pub waiting: i32,
}

impl<E: Env> Core<'_, E> {
    /// CREATE_SEMAPHORE.
    ///
    /// # Errors
    /// See `include/apex/semaphore.h`, as for all services.
    pub fn create_semaphore(
        &mut self,
        name: Name,
        value: i32,
        maximum: i32,
        discipline: Reply<Discipline>,
    ) -> Reply<Id> {
        let used = self.used.semaphores;
        check_new(self.tables.semaphores, used, &name)?;
        if !(0..=MAX_SEMAPHORE_VALUE).contains(&maximum) || !(0..=maximum).contains(&value) {
            return Err(Code::InvalidParam);
        }
        let queue = Queue::new(discipline?);
        self.check_start_up()?;
        self.tables.semaphores[usize::from(used)] = Semaphore { name, value, maximum, queue };
        self.used.semaphores += 1;
        Ok(Id::from(self.used.semaphores))
    }

    /// WAIT_SEMAPHORE.
    ///
    /// # Errors
    /// As the header says.
    pub fn wait_semaphore(&mut self, id: Id, timeout: Time) -> Reply<Flow> {
        let index = find_id(id, self.used.semaphores)?;
        let until = self.timeout_end(timeout)?;
        let semaphore = &mut self.tables.semaphores[usize::from(index)];
        if semaphore.value > 0 {
            semaphore.value -= 1;
            return Ok(Flow::Done(()));
        }
        self.block_on(Object::Semaphore(index), timeout, until)
    }

    /// SIGNAL_SEMAPHORE. With processes waiting the first gets the unit and the value stays.
    ///
    /// # Errors
    /// As the header says.
    pub fn signal_semaphore(&mut self, id: Id) -> Reply {
        let index = find_id(id, self.used.semaphores)?;
        let semaphore = &mut self.tables.semaphores[usize::from(index)];
        if semaphore.queue.is_empty() {
            if semaphore.value == semaphore.maximum {
                return Err(Code::NoAction);
            }
            semaphore.value += 1;
            return Ok(());
        }
        let object = Object::Semaphore(index);
        if let Some(first) = self.first_waiting(object) {
            self.grant(object, first, 0);
        }
        Ok(())
    }

    /// GET_SEMAPHORE_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn semaphore_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.semaphores[..usize::from(self.used.semaphores)], name)
    }

    /// GET_SEMAPHORE_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn semaphore_status(&self, id: Id) -> Reply<SemaphoreStatus> {
        let semaphore = &self.tables.semaphores[usize::from(find_id(id, self.used.semaphores)?)];
        let waiting = self.waiting(&semaphore.queue);
        Ok(SemaphoreStatus { value: semaphore.value, maximum: semaphore.maximum, waiting })
    }
}
