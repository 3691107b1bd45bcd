//! The life of processes: created, started, suspended, stopped.

use super::list::Index;
use super::object::Named;
use super::process::{Object, Process, Wait};
use super::ready::HANDLER_PRIORITY;
use super::types::{
    Attributes, Code, Flow, INFINITE, Id, MAX_LOCK_LEVEL, NEVER, Name, PRIORITIES, ProcessStatus, Reply, State, Time,
};
use super::{Core, Env, HANDLER, NONE};

impl Named for Process {
    fn name(&self) -> &Name {
        &self.attributes.name
    }
}

/// GET_MY_ID before NORMAL.
pub const MAIN_PROCESS_ID: Id = -1;

impl<E: Env> Core<'_, E> {
    /// CREATE_PROCESS. `deadline` is what the caller gave for it, which may be no deadline at all.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_process(&mut self, attributes: Attributes, deadline: Reply<super::Deadline>) -> Reply<Id> {
        let created = usize::from(self.used.processes);
        if created + 1 >= self.processes().len() || attributes.stack_size > self.max_stack {
            return Err(Code::InvalidConfig);
        }
        if self.processes()[1..=created].iter().any(|process| process.attributes.name == attributes.name) {
            return Err(Code::NoAction);
        }
        let Attributes { period, time_capacity, stack_size, base_priority, .. } = attributes;
        if stack_size == 0 || !PRIORITIES.contains(&base_priority) || period == 0 {
            return Err(Code::InvalidParam);
        }
        if period > 0 && period % self.env.period().0 != 0 {
            return Err(Code::InvalidConfig);
        }
        if time_capacity == 0 || (period > 0 && time_capacity > period) {
            return Err(Code::InvalidParam);
        }
        let deadline = deadline?;
        self.check_start_up()?;
        self.used.processes += 1;
        let index = self.used.processes;
        let attributes = Attributes { deadline, ..attributes };
        *self.process_mut(index) = Process { attributes, priority: base_priority, ..Process::default() };
        Ok(Id::from(index))
    }

    /// SET_PRIORITY. While the process owns a mutex, what changes is the priority that it goes back to.
    ///
    /// # Errors
    /// As the header says.
    pub fn set_priority(&mut self, id: Id, priority: i32) -> Reply {
        let index = self.find(id)?;
        if !PRIORITIES.contains(&priority) {
            return Err(Code::InvalidParam);
        }
        if self.process(index).state == State::Dormant {
            return Err(Code::InvalidMode);
        }
        if self.process(index).mutex.is_some() {
            self.process_mut(index).retained = priority;
        } else {
            self.change_priority(index, priority);
        }
        Ok(())
    }

    /// SUSPEND_SELF.
    ///
    /// # Errors
    /// As the header says.
    pub fn suspend_self(&mut self, timeout: Time) -> Reply<Flow> {
        self.may_block()?;
        let running = self.running;
        if self.process(running).is_periodic() {
            return Err(Code::InvalidMode);
        }
        let until = self.timeout_end(timeout)?;
        if timeout == 0 {
            self.yield_turn();
            return Ok(Flow::Blocked);
        }
        self.process_mut(running).suspended = true;
        self.sleep(Wait::Resume, until);
        Ok(Flow::Blocked)
    }

    /// SUSPEND.
    ///
    /// # Errors
    /// As the header says.
    pub fn suspend(&mut self, id: Id) -> Reply {
        let index = self.find_other(id)?;
        let process = *self.process(index);
        if matches!(process.state, State::Dormant | State::Faulted)
            || process.is_periodic()
            || process.mutex.is_some()
            || matches!(process.wait, Wait::Object(Object::Mutex(_)))
            || self.lock_owner == index
            || self.failing == index
        {
            return Err(Code::InvalidMode);
        }
        if process.suspended {
            return Err(Code::NoAction);
        }
        self.process_mut(index).suspended = true;
        if process.state == State::Ready {
            self.ready.remove(self.tables.processes, index);
            self.process_mut(index).state = State::Waiting;
        }
        Ok(())
    }

    /// RESUME. A process that still waits for something else goes on waiting.
    ///
    /// # Errors
    /// As the header says.
    pub fn resume(&mut self, id: Id) -> Reply {
        let index = self.find_other(id)?;
        let process = *self.process(index);
        if process.state == State::Dormant || process.is_periodic() {
            return Err(Code::InvalidMode);
        }
        if !process.suspended {
            return Err(Code::NoAction);
        }
        self.process_mut(index).suspended = false;
        match process.wait {
            Wait::Nothing => self.make_ready(index),
            Wait::Resume => {
                self.stop_waking(index);
                self.process_mut(index).outcome = Ok(());
                self.unblock(index);
            }
            Wait::Normal | Wait::Release | Wait::Delay | Wait::Object(_) => {}
        }
        Ok(())
    }

    /// START.
    ///
    /// # Errors
    /// As the header says.
    pub fn start(&mut self, id: Id) -> Reply {
        let index = self.find(id)?;
        self.start_after(index, 0)
    }

    /// DELAYED_START.
    ///
    /// # Errors
    /// As the header says.
    pub fn delayed_start(&mut self, id: Id, delay: Time) -> Reply {
        let index = self.find(id)?;
        let process = self.process(index);
        if delay < 0 || (process.is_periodic() && delay >= process.attributes.period) {
            return Err(Code::InvalidParam);
        }
        self.timeout_end(delay)?;
        self.start_after(index, delay)
    }

    fn start_after(&mut self, index: Index, delay: Time) -> Reply {
        let process = self.process(index);
        if process.state != State::Dormant {
            return Err(Code::NoAction);
        }
        let attributes = process.attributes;
        if self.is_normal() {
            self.release(index, delay, self.env.now())?;
        } else {
            // The deadline has to be within the range of time, whenever NORMAL comes.
            self.deadline_after(index, self.env.now().saturating_add(delay))?;
            let process = self.process_mut(index);
            process.state = State::Waiting;
            process.wait = Wait::Normal;
            process.delay = delay;
        }
        let process = self.process_mut(index);
        process.priority = attributes.base_priority;
        process.fresh = true;
        Ok(())
    }

    /// Sends a dormant process on its way: an aperiodic one after `delay`, a periodic one at the beginning of the partition's
    /// next period and `delay`.
    fn release(&mut self, index: Index, delay: Time, now: Time) -> Reply {
        let process = *self.process(index);
        let base = if process.is_periodic() { self.next_period(now) } else { now };
        let release = base.checked_add(delay).ok_or(Code::InvalidConfig)?;
        let deadline = self.deadline_after(index, release)?;
        self.set_deadline(index, deadline);
        let entry = self.process_mut(index);
        entry.released_at = release;
        entry.priority = process.attributes.base_priority;
        if release > now {
            entry.state = State::Waiting;
            entry.wait = Wait::Release;
            self.wake_at(index, release);
        } else {
            self.unblock(index);
        }
        Ok(())
    }

    /// NORMAL has come: releases what was started before.
    pub(crate) fn release_all(&mut self) {
        let now = self.env.now();
        for index in 1..=self.used.processes {
            let process = *self.process(index);
            if process.wait == Wait::Normal && self.release(index, process.delay, now).is_err() {
                // Beyond the range of time: it stays dormant. Its start has looked that far already.
                self.process_mut(index).wait = Wait::Nothing;
                self.process_mut(index).state = State::Dormant;
            }
        }
    }

    /// STOP_SELF. In the error handler it ends the handling of an error.
    pub fn stop_self(&mut self) {
        let running = self.running;
        if running == HANDLER {
            self.handler_ends();
        } else if running != NONE {
            self.make_dormant(running);
        }
    }

    /// STOP.
    ///
    /// # Errors
    /// As the header says.
    pub fn stop(&mut self, id: Id) -> Reply {
        let index = self.find_other(id)?;
        if self.process(index).state == State::Dormant {
            return Err(Code::NoAction);
        }
        self.make_dormant(index);
        Ok(())
    }

    pub(crate) fn make_dormant(&mut self, index: Index) {
        self.withdraw(index);
        self.set_deadline(index, NEVER);
        let process = self.process_mut(index);
        process.state = State::Dormant;
        process.fresh = false;
        if let Some(mutex) = process.mutex {
            self.disown(mutex);
        }
        if self.lock_owner == index {
            self.lock_owner = NONE;
            self.lock_level = 0;
        }
    }

    /// LOCK_PREEMPTION: the new level, and the current one with NO_ACTION.
    pub fn lock_preemption(&mut self) -> (i32, Reply) {
        if self.in_main() || self.in_handler() {
            return (self.lock_level, Err(Code::NoAction));
        }
        if self.lock_level == MAX_LOCK_LEVEL {
            return (self.lock_level, Err(Code::InvalidConfig));
        }
        if self.process(self.running).mutex.is_some() {
            return (self.lock_level, Err(Code::InvalidMode));
        }
        self.lock_owner = self.running;
        self.lock_level += 1;
        (self.lock_level, Ok(()))
    }

    /// UNLOCK_PREEMPTION: the new level, and the current one with NO_ACTION.
    pub fn unlock_preemption(&mut self) -> (i32, Reply) {
        if self.in_main() || self.in_handler() || self.lock_level == 0 {
            return (self.lock_level, Err(Code::NoAction));
        }
        if self.lock_owner != self.running {
            return (self.lock_level, Err(Code::InvalidMode));
        }
        self.lock_level -= 1;
        if self.lock_level == 0 {
            self.lock_owner = NONE;
        }
        (self.lock_level, Ok(()))
    }

    /// GET_MY_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn my_id(&self) -> Reply<Id> {
        match self.running {
            _ if self.in_main() => Ok(MAIN_PROCESS_ID),
            HANDLER => Err(Code::InvalidMode),
            running => Ok(Id::from(running)),
        }
    }

    /// GET_MY_INDEX.
    ///
    /// # Errors
    /// As the header says.
    pub fn my_index(&self) -> Reply<i32> {
        if self.in_main() || self.in_handler() {
            return Err(Code::InvalidMode);
        }
        Ok(Id::from(self.running) - 1)
    }

    /// GET_PROCESS_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn process_id(&self, name: &Name) -> Reply<Id> {
        super::object::find_name(&self.processes()[1..=usize::from(self.used.processes)], name)
    }

    /// GET_PROCESS_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn process_status(&self, id: Id) -> Reply<ProcessStatus> {
        let index = self.find(id)?;
        let process = self.process(index);
        let state = match process.state {
            State::Ready if index == self.running => State::Running,
            State::Ready if index == self.failing => State::Faulted,
            state => state,
        };
        Ok(ProcessStatus {
            deadline_time: if process.deadline_at == NEVER { INFINITE } else { process.deadline_at },
            current_priority: process.priority,
            state,
            attributes: process.attributes,
        })
    }

    /// INITIALIZE_PROCESS_CORE_AFFINITY: a partition has one core, number 0.
    ///
    /// # Errors
    /// As the header says.
    pub fn initialize_core_affinity(&mut self, id: Id, core: i32) -> Reply {
        self.find(id)?;
        if !(-1..=0).contains(&core) {
            return Err(Code::InvalidConfig);
        }
        self.check_start_up()
    }

    /// A process other than the caller.
    fn find_other(&self, id: Id) -> Reply<Index> {
        let index = self.find(id)?;
        if index == self.running { Err(Code::InvalidParam) } else { Ok(index) }
    }

    /// Starts the error handler.
    pub(crate) fn start_handler(&mut self) {
        let handler = self.process_mut(HANDLER);
        handler.priority = HANDLER_PRIORITY;
        handler.fresh = true;
        self.error_asked = false;
        self.make_ready(HANDLER);
    }
}
