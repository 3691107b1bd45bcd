//! Errors: to the error handler if there is one and the health table lets it have them, else to the partition's table.
//!
//! The handler is a process above all others. Errors queue for it; one that it raises itself, and one that finds the queue
//! full, is the partition's.

use super::list::Index;
use super::process::Process;
use super::types::{Attributes, Code, Deadline, ErrorCode, ErrorRecord, Id, MAX_ERROR_MESSAGE, NEVER, Reply, State};
use super::{Core, Env, HANDLER, NONE};

impl<E: Env> Core<'_, E> {
    /// CREATE_ERROR_HANDLER.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_error_handler(&mut self, entry: usize, stack_size: u32) -> Reply {
        if self.has_handler() {
            return Err(Code::NoAction);
        }
        if stack_size == 0 || stack_size > self.max_stack {
            return Err(Code::InvalidConfig);
        }
        self.check_start_up()?;
        let attributes = Attributes { period: -1, time_capacity: -1, entry, stack_size, ..Attributes::default() };
        *self.process_mut(HANDLER) = Process { attributes, ..Process::default() };
        Ok(())
    }

    /// CONFIGURE_ERROR_HANDLER. With one core the other processes always stand still while it runs.
    ///
    /// # Errors
    /// As the header says.
    pub fn configure_error_handler(&mut self, control: u32, core: i32) -> Reply {
        if control > 1 {
            return Err(Code::InvalidParam);
        }
        if !self.has_handler() || !(-1..=0).contains(&core) {
            return Err(Code::InvalidConfig);
        }
        self.check_start_up()
    }

    fn has_handler(&self) -> bool {
        self.process(HANDLER).attributes.stack_size > 0
    }

    /// GET_ERROR_STATUS: takes the oldest error.
    ///
    /// # Errors
    /// As the header says.
    pub fn error_status(&mut self) -> Reply<ErrorRecord> {
        if !self.in_handler() {
            return Err(Code::InvalidConfig);
        }
        self.error_asked = true;
        if self.error_count == 0 {
            return Err(Code::NoAction);
        }
        let error = self.tables.errors[self.first_error];
        self.first_error = (self.first_error + 1) % self.tables.errors.len();
        self.error_count -= 1;
        Ok(error)
    }

    /// RAISE_APPLICATION_ERROR. `message` copies the message into the record, once its length has been found right.
    ///
    /// # Errors
    /// As the header says.
    pub fn raise_application_error(
        &mut self,
        code: Reply<ErrorCode>,
        length: i32,
        message: impl FnOnce(&mut [u8]),
    ) -> Reply {
        let length = usize::try_from(length).map_err(|_| Code::InvalidParam)?;
        if length > MAX_ERROR_MESSAGE || code? != ErrorCode::ApplicationError {
            return Err(Code::InvalidParam);
        }
        let code = ErrorCode::ApplicationError;
        let mut error = ErrorRecord { code, process: self.blamed(), length: length as u32, ..ErrorRecord::default() };
        message(&mut error.message[..length]);
        self.raise(&error);
        if self.process(HANDLER).state == State::Ready && !self.in_handler() {
            self.failing = self.running;
        }
        Ok(())
    }

    /// A fault of the running process, which cannot go on: whoever is the heir then runs. If the table ignores the error, the
    /// others go on without it.
    pub fn fault(&mut self, mut error: ErrorRecord) {
        error.process = self.blamed();
        let culprit = self.running;
        if culprit != HANDLER {
            self.withdraw(culprit);
            self.set_deadline(culprit, NEVER);
            self.process_mut(culprit).state = State::Faulted;
        }
        self.raise(&error);
        if culprit == HANDLER {
            self.error_asked = true;
            self.handler_ends();
        }
    }

    /// Whether a process runs, rather than the main process or nobody.
    pub fn runs_process(&self) -> bool {
        self.is_normal() && self.running != NONE
    }

    /// A deadline miss. A soft one is only noted where no error handler is.
    pub(crate) fn deadline_missed(&mut self, error: &ErrorRecord) {
        let soft =
            self.find(error.process).is_ok_and(|index| self.process(index).attributes.deadline == Deadline::Soft);
        if soft && !self.has_handler() {
            self.env.note_error(error);
        } else {
            self.queue_error(error);
        }
    }

    /// An error of the running process.
    fn raise(&mut self, error: &ErrorRecord) {
        if self.in_handler() || !self.is_normal() {
            self.env.partition_error(error);
        } else {
            self.queue_error(error);
        }
    }

    fn queue_error(&mut self, error: &ErrorRecord) {
        let slots = self.tables.errors.len();
        if !self.has_handler() || self.error_count == slots || !self.env.handled_by_process(error) {
            self.env.partition_error(error);
            return;
        }
        self.env.note_error(error);
        self.tables.errors[(self.first_error + self.error_count) % slots] = *error;
        self.error_count += 1;
        if self.process(HANDLER).state == State::Dormant {
            self.start_handler();
        }
    }

    /// The error handler has stopped itself. It starts again if errors are left; if it never looked at one, that is an error
    /// in itself.
    pub(crate) fn handler_ends(&mut self) {
        self.ready.remove(self.tables.processes, HANDLER);
        self.process_mut(HANDLER).state = State::Dormant;
        self.failing = NONE;
        if !self.error_asked {
            let unread = self.tables.errors[self.first_error];
            self.first_error = (self.first_error + 1) % self.tables.errors.len();
            self.error_count -= 1;
            self.env.partition_error(&unread);
        }
        if self.error_count > 0 {
            self.start_handler();
        }
    }

    /// The process that an error of the running code is laid to.
    fn blamed(&self) -> Id {
        if self.running == NONE { 0 } else { Id::from(self.running as Index) }
    }
}
