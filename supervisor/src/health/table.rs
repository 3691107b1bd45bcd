//! Errors, actions, and the tables that say which action an error gets.
//!
//! A partition's [`Table`] is complete: the configuration has resolved every default, and every error that goes up to the
//! module has the action of the [`ModuleTable`] in it. So the answer to an error is one look.

use bulkhead_abi::health::{self as abi, ErrorCode, Level};
use serde::{Deserialize, Serialize};

/// What the health monitor does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Record it and go on. A partition whose process is gone stays without one, and its windows stay empty.
    Ignore,
    /// Stop the partition for good.
    Idle,
    /// Restart the partition; its RAM area keeps its contents.
    WarmStart,
    /// Restart the partition with zeroed memory.
    ColdStart,
    /// Stop the module.
    Shutdown,
    /// Restart every partition of the module with zeroed memory.
    Reset,
}

impl Action {
    /// The action in the guest's terms.
    pub fn to_abi(self) -> abi::Action {
        match self {
            Action::Ignore => abi::Action::Ignore,
            Action::Idle => abi::Action::Idle,
            Action::WarmStart => abi::Action::WarmStart,
            Action::ColdStart => abi::Action::ColdStart,
            Action::Shutdown => abi::Action::Shutdown,
            Action::Reset => abi::Action::Reset,
        }
    }

    /// Whether it concerns the whole module.
    pub fn is_of_module(self) -> bool {
        matches!(self, Action::Shutdown | Action::Reset)
    }
}

/// What can go wrong with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// The guest ended itself with a status other than 0.
    Exit,
    /// A signal ended the guest that stands for none of the codes below.
    Crash,
    /// The guest made a system call that it may not make.
    ForbiddenCall,
    /// The guest's stop was not confirmed in time at the end of its window.
    Overrun,
    /// A window of the partition started late.
    LateWindow,
    /// A process of the guest missed its deadline.
    DeadlineMissed,
    /// The application says so.
    ApplicationError,
    /// A division by zero, an overflow.
    NumericError,
    /// An instruction or a service that is not allowed.
    IllegalRequest,
    /// A stack ran into its guard.
    StackOverflow,
    /// An access to memory that is not there, or not for this.
    MemoryViolation,
    /// The host's hardware failed.
    HardwareFault,
    /// The host is about to lose its power.
    PowerFail,
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Error {
        match code {
            ErrorCode::DeadlineMissed => Error::DeadlineMissed,
            ErrorCode::ApplicationError => Error::ApplicationError,
            ErrorCode::NumericError => Error::NumericError,
            ErrorCode::IllegalRequest => Error::IllegalRequest,
            ErrorCode::StackOverflow => Error::StackOverflow,
            ErrorCode::MemoryViolation => Error::MemoryViolation,
            ErrorCode::HardwareFault => Error::HardwareFault,
            ErrorCode::PowerFail => Error::PowerFail,
        }
    }
}

impl Error {
    /// The keys of a table that speak of this error, the nearest first: its own, and that of a more general one.
    pub fn keys(self) -> &'static [Error] {
        match self {
            Error::Exit => &[Error::Exit],
            Error::Crash => &[Error::Crash],
            // Not a crash: whoever lets a crash pass need not let an attempt to break out pass.
            Error::ForbiddenCall => &[Error::ForbiddenCall, Error::IllegalRequest],
            Error::Overrun => &[Error::Overrun],
            Error::LateWindow => &[Error::LateWindow],
            Error::DeadlineMissed => &[Error::DeadlineMissed],
            Error::ApplicationError => &[Error::ApplicationError],
            Error::NumericError => &[Error::NumericError, Error::Crash],
            Error::IllegalRequest => &[Error::IllegalRequest, Error::Crash],
            Error::StackOverflow => &[Error::StackOverflow, Error::Crash],
            Error::MemoryViolation => &[Error::MemoryViolation, Error::Crash],
            Error::HardwareFault => &[Error::HardwareFault, Error::Crash],
            Error::PowerFail => &[Error::PowerFail],
        }
    }

    /// The level that deals with the error unless a table says otherwise. An error handler may have what a process of
    /// its partition can cause; the rest is nothing that code in a partition could see.
    pub fn usual_level(self) -> Level {
        match self {
            Error::DeadlineMissed
            | Error::ApplicationError
            | Error::NumericError
            | Error::IllegalRequest
            | Error::StackOverflow
            | Error::MemoryViolation => Level::Process,
            _ => Level::Partition,
        }
    }
}

/// Who deals with an error, and what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Who deals with it.
    pub level: Level,
    /// What the health monitor does once the error has come to it.
    pub action: Action,
}

impl Response {
    /// The response in the guest's terms.
    pub fn to_abi(self) -> abi::Response {
        abi::Response { level: self.level as u8, action: self.action.to_abi() as u8 }
    }
}

/// A partition's table: a response to every error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table([Response; Error::ALL.len()]);

impl Default for Table {
    /// A partition that fails is left idle; what the host may be to blame for is recorded only.
    fn default() -> Self {
        Table(Error::ALL.map(|error| {
            let action = match error {
                Error::Overrun | Error::LateWindow | Error::DeadlineMissed => Action::Ignore,
                _ => Action::Idle,
            };
            Response { level: error.usual_level(), action }
        }))
    }
}

impl Table {
    /// The response to `error`.
    pub fn response(&self, error: Error) -> Response {
        self.0[usize::from(error.code())]
    }

    /// Changes the response to `error`.
    pub fn set(&mut self, error: Error, response: Response) {
        self.0[usize::from(error.code())] = response;
    }

    /// The table with another action for `error`, at the level that goes with the action.
    #[must_use]
    pub fn with(mut self, error: Error, action: Action) -> Table {
        let level = if action.is_of_module() { Level::Module } else { error.usual_level() };
        self.set(error, Response { level, action });
        self
    }

    /// The part of the table that a guest is told: by error code.
    pub fn to_abi(&self) -> [abi::Response; abi::ERROR_CODES] {
        ErrorCode::ALL.map(|code| self.response(Error::from(code)).to_abi())
    }
}

/// The module's own table: what is done about an error that has come up to the module, by error code. The actions are
/// [`Action::Ignore`], [`Action::Shutdown`] and [`Action::Reset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleTable(pub [Action; abi::ERROR_CODES]);

impl Default for ModuleTable {
    /// An error that has come so far stops the module.
    fn default() -> Self {
        ModuleTable([Action::Shutdown; abi::ERROR_CODES])
    }
}

impl ModuleTable {
    /// The action for `code`.
    pub fn action(&self, code: ErrorCode) -> Action {
        self.0[code as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_idles_failures_and_ignores_what_may_be_the_hosts_doing() {
        let table = Table::default();
        for error in Error::ALL {
            let lenient = matches!(error, Error::Overrun | Error::LateWindow | Error::DeadlineMissed);
            let expected = if lenient { Action::Ignore } else { Action::Idle };
            assert_eq!(table.response(error).action, expected, "{error:?}");
        }
    }

    #[test]
    fn changing_one_response_changes_no_other() {
        for error in Error::ALL {
            let table = Table::default().with(error, Action::Reset);
            for other in Error::ALL {
                let expected = Response { level: Level::Module, action: Action::Reset };
                assert_eq!(table.response(other) == expected, other == error, "{error:?} {other:?}");
            }
        }
    }

    #[test]
    fn the_guest_is_told_its_part_by_code() {
        let table =
            Table::default().with(Error::MemoryViolation, Action::WarmStart).with(Error::PowerFail, Action::Reset);
        let told = table.to_abi();
        assert_eq!((told[5].level, told[5].action), (0, 2));
        assert_eq!((told[7].level, told[7].action), (2, 5));
        assert_eq!((told[6].level, told[6].action), (1, 1));
        assert_eq!((told[0].level, told[0].action), (0, 0));
    }

    #[test]
    fn every_error_has_its_own_key_first() {
        assert!(Error::ALL.into_iter().all(|error| error.keys()[0] == error));
    }
}
