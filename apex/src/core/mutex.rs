//! Mutexes with a priority ceiling: the owner runs at the mutex' priority until it releases it.

use super::list::Index;
use super::object::{Named, Queue, check_new, find_id, find_name};
use super::process::Object;
use super::types::{
    Code, Discipline, Flow, Id, MAX_LOCK_LEVEL, NO_MUTEX_OWNED, Name, PREEMPTION_LOCK_MUTEX, PRIORITIES, Reply, State,
    Time,
};
use super::{Core, Env};

/// A mutex.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mutex {
    name: Name,
    priority: i32,
    /// Index of the process that owns it; 0 for nobody.
    owner: Index,
    count: i32,
    pub(crate) queue: Queue,
}

impl Named for Mutex {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_MUTEX_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MutexStatus {
    /// The process that owns it; 0 for none.
    pub owner: Id,
    /// The ceiling.
    pub priority: i32,
    /// How often the owner has acquired it.
    pub count: i32,
    /// Processes that wait.
    pub waiting: i32,
}

impl<E: Env> Core<'_, E> {
    /// CREATE_MUTEX.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_mutex(&mut self, name: Name, priority: i32, discipline: Reply<Discipline>) -> Reply<Id> {
        let used = self.used.mutexes;
        check_new(self.tables.mutexes, used, &name)?;
        if !PRIORITIES.contains(&priority) {
            return Err(Code::InvalidParam);
        }
        let queue = Queue::new(discipline?);
        self.check_start_up()?;
        self.tables.mutexes[usize::from(used)] = Mutex { name, priority, owner: 0, count: 0, queue };
        self.used.mutexes += 1;
        Ok(Id::from(self.used.mutexes))
    }

    /// ACQUIRE_MUTEX.
    ///
    /// # Errors
    /// As the header says.
    pub fn acquire_mutex(&mut self, id: Id, timeout: Time) -> Reply<Flow> {
        let index = find_id(id, self.used.mutexes)?;
        let until = self.timeout_end(timeout)?;
        if self.in_main() || self.in_handler() {
            return Err(Code::InvalidMode);
        }
        let running = self.running;
        let held = self.process(running).mutex;
        if held.is_some_and(|held| held != index) || self.lock_owner == running {
            return Err(Code::InvalidMode);
        }
        let mutex = &mut self.tables.mutexes[usize::from(index)];
        if held.is_some() {
            if mutex.count == MAX_LOCK_LEVEL {
                return Err(Code::InvalidConfig);
            }
            mutex.count += 1;
            return Ok(Flow::Done(()));
        }
        if self.tables.processes[running as usize].priority > mutex.priority {
            return Err(Code::InvalidMode);
        }
        if mutex.owner == 0 {
            self.own(index, running);
            return Ok(Flow::Done(()));
        }
        self.block_on(Object::Mutex(index), timeout, until)
    }

    /// Makes `process`, which is ready or about to become so, the owner. It goes before others of the ceiling's priority: to
    /// acquire a free mutex never costs the processor.
    fn own(&mut self, index: u16, process: Index) {
        let mutex = &mut self.tables.mutexes[usize::from(index)];
        mutex.owner = process;
        mutex.count = 1;
        let ceiling = mutex.priority;
        let entry = &mut self.tables.processes[process as usize];
        entry.mutex = Some(index);
        entry.retained = entry.priority;
        if entry.state == State::Ready {
            self.ready.remove(self.tables.processes, process);
            self.tables.processes[process as usize].priority = ceiling;
            self.ready.push_front(self.tables.processes, process);
        } else {
            entry.priority = ceiling;
        }
    }

    /// RELEASE_MUTEX.
    ///
    /// # Errors
    /// As the header says.
    pub fn release_mutex(&mut self, id: Id) -> Reply {
        let index = find_id(id, self.used.mutexes)?;
        let mutex = &mut self.tables.mutexes[usize::from(index)];
        if self.mode != super::Mode::Normal || mutex.owner == 0 || mutex.owner != self.running {
            return Err(Code::InvalidMode);
        }
        mutex.count -= 1;
        if mutex.count == 0 {
            self.disown(index);
        }
        Ok(())
    }

    /// RESET_MUTEX.
    ///
    /// # Errors
    /// As the header says.
    pub fn reset_mutex(&mut self, id: Id, process: Id) -> Reply {
        let index = find_id(id, self.used.mutexes)?;
        let process = self.find(process)?;
        if self.tables.mutexes[usize::from(index)].owner != process {
            return Err(Code::InvalidMode);
        }
        self.disown(index);
        Ok(())
    }

    /// Takes the mutex from its owner, who gets its own priority back, and gives it to the first that waits.
    pub(crate) fn disown(&mut self, index: u16) {
        let mutex = &mut self.tables.mutexes[usize::from(index)];
        let owner = core::mem::take(&mut mutex.owner);
        mutex.count = 0;
        let entry = self.process_mut(owner);
        entry.mutex = None;
        let retained = entry.retained;
        self.change_priority(owner, retained);
        let object = Object::Mutex(index);
        if let Some(first) = self.first_waiting(object) {
            self.dequeue(object, first);
            self.stop_waking(first);
            self.process_mut(first).outcome = Ok(());
            // It owns the mutex from now on, suspended or not.
            self.own(index, first);
            self.unblock(first);
        }
    }

    /// Changes the priority that scheduling goes by; behind all others of that priority.
    pub(crate) fn change_priority(&mut self, index: Index, priority: i32) {
        let process = *self.process(index);
        match (process.state, process.wait) {
            (State::Ready, _) => {
                self.ready.remove(self.tables.processes, index);
                self.process_mut(index).priority = priority;
                self.ready.push_back(self.tables.processes, index);
            }
            (State::Waiting, super::process::Wait::Object(object)) if self.queue_of(object).goes_by_priority() => {
                self.dequeue(object, index);
                self.process_mut(index).priority = priority;
                self.enqueue(object, index);
            }
            _ => self.process_mut(index).priority = priority,
        }
    }

    /// GET_MUTEX_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn mutex_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.mutexes[..usize::from(self.used.mutexes)], name)
    }

    /// GET_MUTEX_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn mutex_status(&self, id: Id) -> Reply<MutexStatus> {
        let mutex = &self.tables.mutexes[usize::from(find_id(id, self.used.mutexes)?)];
        let Mutex { priority, owner, count, .. } = *mutex;
        Ok(MutexStatus { owner: Id::from(owner), priority, count, waiting: self.waiting(&mutex.queue) })
    }

    /// GET_PROCESS_MUTEX_STATE.
    ///
    /// # Errors
    /// As the header says.
    pub fn process_mutex_state(&self, process: Id) -> Reply<Id> {
        let process = self.find(process)?;
        if self.lock_owner == process {
            return Ok(PREEMPTION_LOCK_MUTEX);
        }
        Ok(self.process(process).mutex.map_or(NO_MUTEX_OWNED, |mutex| Id::from(mutex) + 1))
    }
}
