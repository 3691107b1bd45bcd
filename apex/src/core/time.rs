//! Time: waiting, periods, budgets.

use super::process::Wait;
use super::types::{Code, Flow, NEVER, Reply, State, Time};
use super::{Core, Env};

impl<E: Env> Core<'_, E> {
    /// TIMED_WAIT.
    ///
    /// # Errors
    /// As the header says.
    pub fn timed_wait(&mut self, delay: Time) -> Reply<Flow> {
        self.may_block()?;
        if delay < 0 {
            return Err(Code::InvalidParam);
        }
        let until = self.timeout_end(delay)?;
        if delay == 0 {
            self.yield_turn();
            return Ok(Flow::Blocked);
        }
        self.sleep(Wait::Delay, until);
        Ok(Flow::Blocked)
    }

    /// PERIODIC_WAIT.
    ///
    /// # Errors
    /// As the header says.
    pub fn periodic_wait(&mut self) -> Reply<Flow> {
        self.may_block()?;
        let running = self.running;
        let process = *self.process(running);
        if !process.is_periodic() {
            return Err(Code::InvalidMode);
        }
        // From release to release, so that lateness does not add up.
        let release = process.released_at.checked_add(process.attributes.period).ok_or(Code::InvalidConfig)?;
        let deadline = self.deadline_after(running, release).map_err(|_| Code::InvalidConfig)?;
        self.process_mut(running).released_at = release;
        self.set_deadline(running, deadline);
        if release <= self.env.now() {
            // It is late; others of its priority go first all the same.
            self.yield_turn();
        } else {
            self.sleep(Wait::Release, release);
        }
        Ok(Flow::Blocked)
    }

    /// REPLENISH.
    ///
    /// # Errors
    /// As the header says.
    pub fn replenish(&mut self, budget: Time) -> Reply {
        if !self.is_normal() || self.in_handler() {
            return Err(Code::NoAction);
        }
        let running = self.running;
        let process = *self.process(running);
        let deadline = if budget < 0 { Some(NEVER) } else { self.env.now().checked_add(budget) };
        let next_release = process.released_at.saturating_add(process.attributes.period.max(0));
        if process.is_periodic() && deadline.is_none_or(|deadline| deadline > next_release) {
            return Err(Code::InvalidMode);
        }
        self.set_deadline(running, deadline.ok_or(Code::InvalidParam)?);
        Ok(())
    }

    /// The running process goes behind the others of its priority.
    pub(crate) fn yield_turn(&mut self) {
        let running = self.running;
        self.process_mut(running).outcome = Ok(());
        self.ready.remove(self.tables.processes, running);
        self.ready.push_back(self.tables.processes, running);
    }

    /// The running process waits until `until`, or for ever if that is [`NEVER`].
    pub(crate) fn sleep(&mut self, wait: Wait, until: Time) {
        let running = self.running;
        self.ready.remove(self.tables.processes, running);
        let process = self.process_mut(running);
        process.state = State::Waiting;
        process.wait = wait;
        process.outcome = Err(Code::TimedOut);
        if until != NEVER {
            self.wake_at(running, until);
        }
    }

    /// The deadline of a process that is released at `release`.
    pub(crate) fn deadline_after(&self, index: u16, release: Time) -> Reply<Time> {
        match self.process(index).attributes.time_capacity {
            ..0 => Ok(NEVER),
            capacity => release.checked_add(capacity).filter(|&deadline| deadline != NEVER).ok_or(Code::InvalidConfig),
        }
    }
}
