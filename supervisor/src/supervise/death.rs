//! How a guest ended: what the kernel says, joined with what the shim noted.
//!
//! The kernel's word decides the kind of death. The note only adds particulars, and only where it does not contradict
//! the kernel: it lies in memory that the guest can write.

use std::fmt;
use std::sync::atomic::Ordering;

use bulkhead_abi::health::Mode;
use bulkhead_abi::vcpu::{FaultKind, FaultRecord};
use serde::Serialize;

use super::console::visible;
use super::report::Will;
use crate::health::{Error, classify};
use crate::partition::fence::always_passes;
use crate::record::event::Kind;
use crate::record::incident::mode_name;

const AUDIT_ARCH_I386: u32 = 0x4000_0003;
/// Set in the numbers of x32 calls.
const X32_BIT: i64 = 0x4000_0000;

/// What the kernel says about a process that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It ended itself with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

/// A copy of a fault record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Note {
    kind: u32,
    signal: u32,
    code: u32,
    arch: u32,
    address: u64,
    ip: u64,
}

impl Note {
    /// Copies the record once; what it says is judged afterwards.
    pub fn read(record: &FaultRecord) -> Note {
        Note {
            kind: record.kind.load(Ordering::Acquire),
            signal: record.signal.load(Ordering::Relaxed),
            code: record.code.load(Ordering::Relaxed),
            arch: record.arch.load(Ordering::Relaxed),
            address: record.address.load(Ordering::Relaxed),
            ip: record.ip.load(Ordering::Relaxed),
        }
    }
}

/// How a guest ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Death {
    /// It ended itself.
    Exit {
        /// Its status.
        status: i32,
    },
    /// A signal ended it.
    Crash {
        /// The signal's number.
        signal: i32,
        /// `si_code`; 0 if not noted.
        code: i32,
        /// The faulting address, if noted.
        address: Option<u64>,
        /// The instruction, if noted.
        ip: Option<u64>,
    },
    /// It made a call that it may not make.
    ForbiddenCall {
        /// The call's number, if noted.
        number: Option<i64>,
        /// AUDIT_ARCH_* of the call; 0 if not noted.
        arch: u32,
        /// The instruction behind the call, if noted.
        ip: Option<u64>,
    },
    /// It ended itself and asked for another mode.
    ModeRequest {
        /// The mode: `idle`, `cold_start` or `warm_start`.
        mode: &'static str,
    },
    /// It ended itself because of an error that it could not deal with.
    Raised {
        /// The error.
        error: Error,
        /// The guest's own number of a process; 0 for none.
        process: u32,
        /// Where, by the guest's word.
        address: Option<u64>,
        /// What the guest has to say, fit to be shown.
        message: String,
    },
}

impl Death {
    /// Joins the kernel's word, the shim's note and the guest's last will. The will of a guest that a signal ended does not
    /// count: it was not its own decision.
    pub fn judge(verdict: Verdict, note: Note, will: Option<&Will>) -> Death {
        match verdict {
            Verdict::Exited(status) => match will {
                None => Death::Exit { status },
                Some(Will::Mode(mode)) => Death::ModeRequest { mode: mode_name(*mode as u32) },
                Some(Will::Error { error, process, address, message }) => Death::Raised {
                    error: *error,
                    process: *process,
                    address: (*address != 0).then_some(*address),
                    message: visible(message),
                },
            },
            Verdict::Killed(libc::SIGSYS) => {
                let number = i64::from(note.address as i32);
                // A note of a call that always passes is an old one: the call that killed left none.
                let outdated = note.arch != AUDIT_ARCH_I386 && always_passes(number);
                let noted = note.kind == FaultKind::SystemCall as u32 && !outdated;
                Death::ForbiddenCall {
                    number: noted.then_some(number),
                    arch: if noted { note.arch } else { 0 },
                    ip: noted.then_some(note.ip),
                }
            }
            Verdict::Killed(signal) => {
                let noted = note.kind == FaultKind::Fault as u32 && note.signal == signal as u32;
                Death::Crash {
                    signal,
                    code: if noted { note.code as i32 } else { 0 },
                    address: (noted && has_address(signal, note.code as i32)).then_some(note.address),
                    ip: noted.then_some(note.ip),
                }
            }
        }
    }

    /// The error for the health monitor; `None` for a good end.
    pub fn error(&self) -> Option<Error> {
        match self {
            Death::Exit { status: 0 } | Death::ModeRequest { .. } => None,
            Death::Exit { .. } => Some(Error::Exit),
            Death::Crash { signal, code, address, .. } => Some(classify::signal(*signal, *code, *address)),
            Death::Raised { error, .. } => Some(*error),
            Death::ForbiddenCall { .. } => Some(Error::ForbiddenCall),
        }
    }

    /// The event for the recorder.
    pub fn event(&self) -> Kind {
        match *self {
            Death::Exit { status } => Kind::Exit { status },
            Death::Crash { signal, code, address, ip } => {
                Kind::Crash { signal, code, address: address.unwrap_or(0), ip: ip.unwrap_or(0) }
            }
            Death::ForbiddenCall { number, arch, ip } => {
                Kind::ForbiddenCall { number: number.unwrap_or(-1), arch, ip: ip.unwrap_or(0) }
            }
            Death::ModeRequest { mode } => {
                let number = [Mode::Idle, Mode::ColdStart, Mode::WarmStart].map(|mode| mode as u32);
                let found = number.into_iter().find(|&number| mode_name(number) == mode);
                Kind::ModeRequest { mode: found.unwrap_or(0) as u16 }
            }
            Death::Raised { error, process, address, .. } => {
                Kind::Raised { error: error.code(), process, address: address.unwrap_or(0) }
            }
        }
    }

    /// The address of data that is to blame, if there is one.
    pub fn address(&self) -> Option<u64> {
        match *self {
            Death::Crash { address, .. } | Death::Raised { address, .. } => address,
            _ => None,
        }
    }

    /// The guest's own number of the process that is to blame; 0 for none.
    pub fn process(&self) -> u32 {
        match *self {
            Death::Raised { process, .. } => process,
            _ => 0,
        }
    }

    /// The instruction that the guest ended at, if noted.
    pub fn ip(&self) -> Option<u64> {
        match *self {
            Death::Exit { .. } | Death::ModeRequest { .. } | Death::Raised { .. } => None,
            Death::Crash { ip, .. } | Death::ForbiddenCall { ip, .. } => ip,
        }
    }
}

/// Whether `si_addr` of this signal is an address of data: not the instruction's, and neither the 0 of a general
/// protection fault (`SI_KERNEL`), which the processor raises without one, nor who sent the signal (0 and below).
fn has_address(signal: i32, code: i32) -> bool {
    (signal == libc::SIGSEGV || signal == libc::SIGBUS) && code > 0 && code != libc::SI_KERNEL
}

/// The name of a call as "getpid (39)".
pub fn call_name(number: i64, arch: u32) -> String {
    if arch == AUDIT_ARCH_I386 {
        let name = u32::try_from(number).ok().and_then(|n| syscalls::x86::Sysno::new(n as usize));
        return match name {
            Some(name) => format!("{} ({number}) through the 32-bit entry", name.name()),
            None => format!("system call {number} through the 32-bit entry"),
        };
    }
    if number >= X32_BIT {
        return format!("x32 system call {} ({number:#x})", number & !X32_BIT);
    }
    match usize::try_from(number).ok().and_then(syscalls::x86_64::Sysno::new) {
        Some(name) => format!("{} ({number})", name.name()),
        None => format!("system call {number}"),
    }
}

/// The name of a signal, or its number.
pub fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |s| s.as_str().to_owned())
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Death::Exit { status } => write!(f, "ended with status {status}"),
            Death::Crash { signal, address, .. } => {
                write!(f, "crashed: {}", signal_name(signal))?;
                match address {
                    Some(address) => write!(f, " at address {address:#x}"),
                    None => Ok(()),
                }
            }
            Death::ForbiddenCall { number: Some(number), arch, .. } => {
                write!(f, "made a forbidden system call: {}", call_name(number, arch))
            }
            Death::ModeRequest { mode } => write!(f, "asked for {}", mode.replace('_', " ")),
            Death::Raised { error, process, address, ref message } => {
                write!(f, "raised {}", error.name())?;
                if process != 0 {
                    write!(f, " of process {process}")?;
                }
                if let Some(address) = address {
                    write!(f, " at address {address:#x}")?;
                }
                if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
            }
            Death::ForbiddenCall { number: None, .. } => write!(f, "made a forbidden system call (number not noted)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Note = Note { kind: 1, signal: 11, code: 1, arch: 0, address: 0x10, ip: 0x40_1000 };

    #[test]
    fn the_note_adds_particulars() {
        let death = Death::judge(Verdict::Killed(11), FAULT, None);
        assert_eq!(death.to_string(), "crashed: SIGSEGV at address 0x10");
        assert_eq!(death.ip(), Some(0x40_1000));
    }

    #[test]
    fn a_fault_without_an_address_is_not_one_at_zero() {
        for code in [libc::SI_KERNEL, libc::SI_USER, libc::SI_TKILL] {
            let note = Note { code: code as u32, address: 0, ..FAULT };
            assert_eq!(Death::judge(Verdict::Killed(11), note, None).to_string(), "crashed: SIGSEGV");
        }
    }

    #[test]
    fn a_note_that_contradicts_the_kernel_is_ignored() {
        assert_eq!(Death::judge(Verdict::Killed(8), FAULT, None).to_string(), "crashed: SIGFPE");
        assert_eq!(Death::judge(Verdict::Exited(3), FAULT, None), Death::Exit { status: 3 });
        assert_eq!(
            Death::judge(Verdict::Killed(31), FAULT, None).to_string(),
            "made a forbidden system call (number not noted)"
        );
    }

    #[test]
    fn a_note_of_a_call_that_always_passes_is_outdated() {
        let note = Note { kind: 2, address: 15, arch: 0xc000_003e, ..FAULT };
        let none = Death::ForbiddenCall { number: None, arch: 0, ip: None };
        assert_eq!(Death::judge(Verdict::Killed(31), note, None), none);
        // The number of a call that passes with some arguments, and one that means another call to 32-bit code.
        for (address, arch) in [(202, 0xc000_003e), (15, AUDIT_ARCH_I386)] {
            let death = Death::judge(Verdict::Killed(31), Note { address, arch, ..note }, None);
            assert_eq!(death, Death::ForbiddenCall { number: Some(address as i64), arch, ip: Some(FAULT.ip) });
        }
    }

    #[test]
    fn calls_have_names() {
        let note = Note { kind: 2, address: 39, arch: 0xc000_003e, ..FAULT };
        assert_eq!(
            Death::judge(Verdict::Killed(31), note, None).to_string(),
            "made a forbidden system call: getpid (39)"
        );
        assert_eq!(call_name(20, AUDIT_ARCH_I386), "getpid (20) through the 32-bit entry");
        assert_eq!(call_name(0x4000_0000 | 39, 0xc000_003e), "x32 system call 39 (0x40000027)");
        assert_eq!(call_name(9999, 0xc000_003e), "system call 9999");
        assert_eq!(call_name(-1, 0xc000_003e), "system call -1");
    }

    #[test]
    fn only_status_0_is_a_good_end() {
        assert_eq!(Death::Exit { status: 0 }.error(), None);
        assert_eq!(Death::Exit { status: 1 }.error(), Some(Error::Exit));
        assert_eq!(Death::judge(Verdict::Killed(9), Note::default(), None).error(), Some(Error::Crash));
        assert_eq!(Death::judge(Verdict::Killed(11), FAULT, None).error(), Some(Error::MemoryViolation));
    }

    #[test]
    fn a_last_will_counts_if_the_guest_ended_itself() {
        let mode = Will::Mode(Mode::WarmStart);
        let death = Death::judge(Verdict::Exited(0), Note::default(), Some(&mode));
        assert_eq!((death.to_string().as_str(), death.error()), ("asked for warm start", None));
        assert_eq!(death.event(), Kind::ModeRequest { mode: 2 });
        assert_eq!(Death::judge(Verdict::Killed(9), Note::default(), Some(&mode)).error(), Some(Error::Crash));
        let raised =
            Will::Error { error: Error::NumericError, process: 3, address: 0x10, message: b"x/0\n\x1b[2J".to_vec() };
        let death = Death::judge(Verdict::Exited(7), Note::default(), Some(&raised));
        assert_eq!(death.to_string(), "raised numeric_error of process 3 at address 0x10: x/0\\x0a\\x1b[2J");
        assert_eq!(death.error(), Some(Error::NumericError));
    }
}
