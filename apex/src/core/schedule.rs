//! What time does to processes: releases, time-outs, deadlines.

use super::list::{Index, Lane};
use super::process::{Object, Wait};
use super::types::{ErrorCode, ErrorRecord, Id, NEVER, State, Time};
use super::{Core, Env};

impl<E: Env> Core<'_, E> {
    /// Time has passed: wakes processes and reports deadlines. To be called at [`Core::next_event`] or later.
    pub fn advance(&mut self, now: Time) {
        while !self.wakes.is_empty() {
            let index = self.wakes.head;
            if self.process(index).wake_at > now {
                break;
            }
            self.stop_waking(index);
            self.woken(index);
        }
        while !self.deadlines.is_empty() {
            let index = self.deadlines.head;
            if self.process(index).deadline_at > now {
                break;
            }
            // A miss is one error, however long it lasts.
            self.set_deadline(index, NEVER);
            let error =
                ErrorRecord { code: ErrorCode::DeadlineMissed, process: Id::from(index), ..ErrorRecord::default() };
            self.deadline_missed(&error);
        }
    }

    /// The instant that a process waited for has come.
    fn woken(&mut self, index: Index) {
        match self.process(index).wait {
            Wait::Delay | Wait::Release => self.process_mut(index).outcome = Ok(()),
            Wait::Resume => self.process_mut(index).suspended = false,
            // Its outcome has been that of a time-out from the start.
            Wait::Object(object) => {
                self.dequeue(object, index);
                // A sender's message has not been sent.
                self.process_mut(index).length = 0;
            }
            Wait::Nothing | Wait::Normal => return,
        }
        self.unblock(index);
    }

    /// Has the process woken at `instant`.
    pub(crate) fn wake_at(&mut self, index: Index, instant: Time) {
        self.process_mut(index).wake_at = instant;
        self.wakes.insert_ordered(self.tables.processes, Lane::Wake, index, |old, new| old.wake_at > new.wake_at);
    }

    pub(crate) fn stop_waking(&mut self, index: Index) {
        if self.process(index).wake_at != NEVER {
            self.wakes.remove(self.tables.processes, Lane::Wake, index);
            self.process_mut(index).wake_at = NEVER;
        }
    }

    /// Sets a process' deadline; [`NEVER`] for none.
    pub(crate) fn set_deadline(&mut self, index: Index, instant: Time) {
        if self.process(index).deadline_at != NEVER {
            self.deadlines.remove(self.tables.processes, Lane::Deadline, index);
        }
        self.process_mut(index).deadline_at = instant;
        if instant != NEVER {
            let after = |old: &super::Process, new: &super::Process| old.deadline_at > new.deadline_at;
            self.deadlines.insert_ordered(self.tables.processes, Lane::Deadline, index, after);
        }
    }

    /// The next beginning of the partition's period after `now`.
    pub(crate) fn next_period(&self, now: Time) -> Time {
        let (period, origin) = self.env.period();
        let since = now.saturating_sub(origin);
        origin.saturating_add(since.div_euclid(period).saturating_add(1).saturating_mul(period))
    }

    /// Takes a process out of whatever it is in, for a stop or a fault.
    pub(crate) fn withdraw(&mut self, index: Index) {
        match (self.process(index).state, self.process(index).wait) {
            (State::Ready, _) => self.ready.remove(self.tables.processes, index),
            (State::Waiting, Wait::Object(object)) => self.dequeue(object, index),
            _ => {}
        }
        self.stop_waking(index);
        let process = self.process_mut(index);
        process.wait = Wait::Nothing;
        process.suspended = false;
    }

    /// Something has happened at the queuing ports: serves the processes that wait there.
    pub fn ports_changed(&mut self) {
        for port in 0..self.used.queuing {
            let object = Object::Port(port);
            while let Some(first) = self.first_waiting(object) {
                let Some(length) = self.retry_port(port, first) else { break };
                self.grant(object, first, length);
            }
        }
    }
}
