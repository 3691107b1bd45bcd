//! Errors, levels, actions and modes: the words in which a guest and the health monitor speak.
//!
//! The numbers of the error codes and of the modes are ARINC 653's. The guest learns its table from the boot information
//! ([`crate::boot::BootInfo::health`]), so that an executive knows which errors its own error handler may have; what
//! happens about an error that leaves the partition is decided by the supervisor's copy of that table.

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum ErrorCode {
    /// A process missed its deadline.
    DeadlineMissed = 0,
    /// The application says so.
    ApplicationError = 1,
    /// A division by zero, an overflow.
    NumericError = 2,
    /// An instruction or a call that is not allowed.
    IllegalRequest = 3,
    /// A stack ran into its guard.
    StackOverflow = 4,
    /// An access to memory that is not there, or not for this.
    MemoryViolation = 5,
    /// The host's hardware failed.
    HardwareFault = 6,
    /// The host is about to lose its power.
    PowerFail = 7,
}

/// Number of error codes.
pub const ERROR_CODES: usize = 8;

impl ErrorCode {
    /// All codes, in the order of their numbers.
    pub const ALL: [ErrorCode; ERROR_CODES] = [
        ErrorCode::DeadlineMissed,
        ErrorCode::ApplicationError,
        ErrorCode::NumericError,
        ErrorCode::IllegalRequest,
        ErrorCode::StackOverflow,
        ErrorCode::MemoryViolation,
        ErrorCode::HardwareFault,
        ErrorCode::PowerFail,
    ];

    /// The code with this number, if there is one.
    pub fn new(number: u32) -> Option<ErrorCode> {
        Self::ALL.get(number as usize).copied()
    }
}

/// Who deals with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// The partition's error handler; the partition's action where there is none.
    Process = 0,
    /// The health monitor, for the partition.
    Partition = 1,
    /// The health monitor, for the module.
    Module = 2,
}

impl Level {
    /// The level with this number, if there is one.
    pub fn new(number: u8) -> Option<Level> {
        [Level::Process, Level::Partition, Level::Module].get(usize::from(number)).copied()
    }
}

/// What the health monitor does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// Nothing but a record.
    Ignore = 0,
    /// The partition stops for good.
    Idle = 1,
    /// The partition restarts with its RAM as it was.
    WarmStart = 2,
    /// The partition restarts with zeroed RAM.
    ColdStart = 3,
    /// The module stops.
    Shutdown = 4,
    /// Every partition of the module restarts, with zeroed RAM.
    Reset = 5,
}

impl Action {
    /// The action with this number, if there is one.
    pub fn new(number: u8) -> Option<Action> {
        use Action::{ColdStart, Idle, Ignore, Reset, Shutdown, WarmStart};
        [Ignore, Idle, WarmStart, ColdStart, Shutdown, Reset].get(usize::from(number)).copied()
    }
}

/// What is done about one error code; the index into [`crate::boot::BootInfo::health`] is the code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Response {
    /// A [`Level`].
    pub level: u8,
    /// An [`Action`]: the partition's, or the module's if that is the level.
    pub action: u8,
}

/// The mode of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// Nothing runs.
    Idle = 0,
    /// Initialising, from zeroed RAM.
    ColdStart = 1,
    /// Initialising, with the RAM of the previous start.
    WarmStart = 2,
    /// Initialised; the processes run.
    Normal = 3,
}

impl Mode {
    /// The mode with this number, if there is one.
    pub fn new(number: u32) -> Option<Mode> {
        [Mode::Idle, Mode::ColdStart, Mode::WarmStart, Mode::Normal].get(number as usize).copied()
    }
}

/// Limits of a partition's executive: how many objects of a kind the configuration lets it make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Limits {
    /// Processes, the main process not counted.
    pub processes: u32,
    /// Buffers.
    pub buffers: u32,
    /// Blackboards.
    pub blackboards: u32,
    /// Counting semaphores.
    pub semaphores: u32,
    /// Events.
    pub events: u32,
    /// Mutexes.
    pub mutexes: u32,
    /// Logbooks.
    pub logbooks: u32,
    /// Always 0.
    pub reserved: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn numbers_are_what_they_count() {
        for (number, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(ErrorCode::new(number as u32), Some(code));
        }
        assert_eq!(ErrorCode::new(8), None);
        assert!((0..3).all(|number| Level::new(number).is_some_and(|level| level as u8 == number)));
        assert!((0..6).all(|number| Action::new(number).is_some_and(|action| action as u8 == number)));
        assert!((0..4).all(|number| Mode::new(number).is_some_and(|mode| mode as u32 == number)));
        assert_eq!((Level::new(3), Action::new(6), Mode::new(4)), (None, None, None));
    }

    #[test]
    fn health_offsets() {
        assert_eq!(offset_of!(Response, level), 0);
        assert_eq!(offset_of!(Response, action), 1);
        assert_eq!(size_of::<Response>(), 2);
        assert_eq!(offset_of!(Limits, processes), 0);
        assert_eq!(offset_of!(Limits, buffers), 4);
        assert_eq!(offset_of!(Limits, blackboards), 8);
        assert_eq!(offset_of!(Limits, semaphores), 12);
        assert_eq!(offset_of!(Limits, events), 16);
        assert_eq!(offset_of!(Limits, mutexes), 20);
        assert_eq!(offset_of!(Limits, logbooks), 24);
        assert_eq!(size_of::<Limits>(), 32);
    }
}
