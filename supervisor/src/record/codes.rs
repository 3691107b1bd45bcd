//! Numbers and names of the health monitor's errors and actions, as recordings carry them.
//!
//! The numbers are part of the file format: one that has been given stays as it is, and a new variant gets the next one.

use super::event::Kind;
use crate::health::{Action, Error};

impl Error {
    /// Every error, in the order of its code.
    pub const ALL: [Error; 13] = [
        Error::Exit,
        Error::Crash,
        Error::ForbiddenCall,
        Error::Overrun,
        Error::LateWindow,
        Error::DeadlineMissed,
        Error::ApplicationError,
        Error::NumericError,
        Error::IllegalRequest,
        Error::StackOverflow,
        Error::MemoryViolation,
        Error::HardwareFault,
        Error::PowerFail,
    ];

    /// The number that stands for the error in a recording.
    pub fn code(self) -> u16 {
        match self {
            Error::Exit => 0,
            Error::Crash => 1,
            Error::ForbiddenCall => 2,
            Error::Overrun => 3,
            Error::LateWindow => 4,
            Error::DeadlineMissed => 5,
            Error::ApplicationError => 6,
            Error::NumericError => 7,
            Error::IllegalRequest => 8,
            Error::StackOverflow => 9,
            Error::MemoryViolation => 10,
            Error::HardwareFault => 11,
            Error::PowerFail => 12,
        }
    }

    /// The error with this number; `None` for a number of a later version.
    pub fn from_code(code: u16) -> Option<Error> {
        Error::ALL.get(usize::from(code)).copied()
    }

    /// What a configuration and a summary call the error.
    pub fn name(self) -> &'static str {
        match self {
            Error::Exit => "exit",
            Error::Crash => "crash",
            Error::ForbiddenCall => "forbidden_call",
            Error::Overrun => "overrun",
            Error::LateWindow => "late_window",
            Error::DeadlineMissed => "deadline_missed",
            Error::ApplicationError => "application_error",
            Error::NumericError => "numeric_error",
            Error::IllegalRequest => "illegal_request",
            Error::StackOverflow => "stack_overflow",
            Error::MemoryViolation => "memory_violation",
            Error::HardwareFault => "hardware_fault",
            Error::PowerFail => "power_fail",
        }
    }
}

impl Action {
    /// Every action, in the order of its code.
    pub const ALL: [Action; 6] =
        [Action::Ignore, Action::Idle, Action::WarmStart, Action::ColdStart, Action::Shutdown, Action::Reset];

    /// The number that stands for the action in a recording.
    pub fn code(self) -> u16 {
        match self {
            Action::Ignore => 0,
            Action::Idle => 1,
            Action::WarmStart => 2,
            Action::ColdStart => 3,
            Action::Shutdown => 4,
            Action::Reset => 5,
        }
    }

    /// The action with this number; `None` for a number of a later version.
    pub fn from_code(code: u16) -> Option<Action> {
        Action::ALL.get(usize::from(code)).copied()
    }

    /// What a configuration and a summary call the action.
    pub fn name(self) -> &'static str {
        match self {
            Action::Ignore => "ignore",
            Action::Idle => "idle",
            Action::WarmStart => "warm_start",
            Action::ColdStart => "cold_start",
            Action::Shutdown => "shutdown",
            Action::Reset => "reset",
        }
    }
}

/// An event in words, for a person.
pub(crate) fn describe(kind: &Kind) -> String {
    let us = |ns: u64| ns as f64 / 1_000.0;
    match *kind {
        Kind::WindowStart { .. } => "window started".to_owned(),
        Kind::WindowVacant { .. } => "window with nothing to run".to_owned(),
        Kind::WindowEnd { .. } => "window ended".to_owned(),
        Kind::WindowSkipped { .. } => "window skipped".to_owned(),
        Kind::FramesSkipped { count: 1, .. } => "a major frame skipped".to_owned(),
        Kind::FramesSkipped { count, .. } => format!("{count} major frames skipped"),
        Kind::Birth { generation, warm, .. } => {
            format!("start {generation} ({})", if warm { "warm" } else { "cold" })
        }
        Kind::Exit { status } => format!("exit with status {status}"),
        Kind::Crash { signal, address, .. } => format!("crash by signal {signal}, address {address:#x}"),
        Kind::ForbiddenCall { number, .. } => format!("forbidden system call {number}"),
        Kind::Health { error, action, .. } => {
            let error = Error::from_code(error).map_or("unknown", Error::name).replace('_', " ");
            let action = Action::from_code(action).map_or("unknown", Action::name).replace('_', " ");
            format!("health monitor: {error}, {action}")
        }
        Kind::Lost { count } => format!("{count} events lost"),
        Kind::ModeRequest { mode } => {
            let mode = ["idle", "cold start", "warm start"].get(usize::from(mode)).unwrap_or(&"an unknown mode");
            format!("asked for {mode}")
        }
        Kind::Raised { error, .. } => {
            format!("raised {}", Error::from_code(error).map_or("an unknown error", Error::name).replace('_', " "))
        }
        Kind::Report { what: 2, code, .. } => {
            let error = u16::try_from(code).ok().and_then(Error::from_code).map_or("an error", Error::name);
            format!("dealt with {}", error.replace('_', " "))
        }
        Kind::Report { .. } => "report".to_owned(),
        Kind::ReportsLost { count } => format!("{count} reports lost"),
        Kind::Text { .. } => "text".to_owned(),
        Kind::ScheduleRequest { schedule, refused, .. } => {
            format!("asked for schedule {schedule}{}", if refused { ", refused" } else { "" })
        }
        Kind::ScheduleSwitch { schedule, .. } => format!("schedule {schedule} begins"),
        Kind::Waited { waited_ns } => format!("dispatcher waited {:.1} us for the core", us(waited_ns)),
        Kind::Sample(_) => "sample of the host's counters".to_owned(),
        Kind::Interrupts(_) | Kind::InterruptsFrom { .. } => "count of the host's interrupts".to_owned(),
        Kind::Waiting { channel, messages, depth } => {
            format!("{messages} of {depth} messages wait in channel {channel}")
        }
        Kind::Resumed => "supervisor continued after a stop".to_owned(),
        Kind::InterruptRaised { line } => format!("interrupt {line} raised"),
        Kind::RaisedItself { line } => format!("raised its own interrupt {line}"),
        Kind::Arrived { channel, sequence, count: 0 | 1 } => {
            format!("message {sequence} of channel {channel} arrived")
        }
        Kind::Arrived { channel, sequence, count } => {
            format!("{count} messages of channel {channel} arrived, up to {sequence}")
        }
        Kind::InterruptEntered { line } => format!("interrupt {line}"),
        Kind::InterruptFinished { line } => format!("interrupt {line} served"),
        Kind::Tick { ticks: 1, .. } => "timer tick".to_owned(),
        Kind::Tick { ticks, .. } => format!("{ticks} timer ticks at once"),
        Kind::Sent { channel, sequence } => format!("sent message {sequence} of channel {channel}"),
        Kind::Received { channel, sequence } => format!("received message {sequence} of channel {channel}"),
        Kind::ProcessSwitch { process: 0, .. } => "no process runs".to_owned(),
        Kind::ProcessSwitch { process, name } => format!("{} runs", process_name(process, &name)),
        Kind::TraceLost { count, excess: false } => format!("{count} events of its trace lost"),
        Kind::TraceLost { count, excess: true } => {
            format!("{count} events of its trace left out, more than it may have")
        }
        Kind::Unknown { kind } => format!("event of kind {kind}"),
    }
}

/// What a guest's process or task is called: by its name, as far as that is text, and its number; large numbers are RTEMS' identifiers.
pub fn process_name(process: u32, name: &[u8; 8]) -> String {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    let number = if process > 0xffff { format!("0x{process:08x}") } else { process.to_string() };
    match std::str::from_utf8(&name[..end]) {
        Ok(name) if !name.is_empty() && !name.contains(char::is_control) => format!("{name} ({number})"),
        _ => format!("process {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_have_names_if_these_are_text() {
        for (process, name, expected) in [
            (3, b"producer", "producer (3)"),
            (3, &[0; 8], "process 3"),
            (0x0a01_0001, b"UI1\0\0\0\0\0", "UI1 (0x0a010001)"),
            (7, b"\xff\xfe\0\0\0\0\0\0", "process 7"),
            (7, b"a\nb\0\0\0\0\0", "process 7"),
        ] {
            assert_eq!(process_name(process, name), expected);
        }
    }

    #[test]
    fn codes_and_names_are_those_of_the_variant() {
        for (index, error) in Error::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(error.code()), index);
            assert_eq!(Error::from_code(error.code()), Some(error));
            assert_eq!(serde_json::to_value(error).unwrap(), error.name());
        }
        for (index, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(action.code()), index);
            assert_eq!(Action::from_code(action.code()), Some(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.name());
        }
        assert_eq!(Error::from_code(13), None);
        assert_eq!(Action::from_code(u16::MAX), None);
    }
}
