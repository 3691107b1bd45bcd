//! System calls made on behalf of another process, which is stopped under ptrace right after its exec.
//!
//! The trick is old: put a `syscall` instruction into the process, point its registers at it, step once, read the
//! result. It runs on the new image's first page of code, whose original bytes are put back at the end. Nothing of the
//! guest has run by then.

use nix::errno::Errno;
use nix::libc::user_regs_struct;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// `syscall` in the two low bytes of a word.
const SYSCALL: u64 = 0x050f;

/// Why an injection failed.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// ptrace itself refused.
    #[error("{what}: {0}", what = ptrace_failed(.0))]
    Trace(#[from] Errno),
    /// The injected call failed.
    #[error("{call} in the new process: {error}")]
    Call {
        /// What was called.
        call: &'static str,
        /// What the kernel answered.
        error: Errno,
    },
    /// The process did something else than step.
    #[error("the new process did not step over {call}: {status:?}")]
    Astray {
        /// What was called.
        call: &'static str,
        /// What it did.
        status: WaitStatus,
    },
}

/// Whose fault it is that ptrace did not work: only a host that forbids it answers with EPERM.
fn ptrace_failed(error: &Errno) -> &'static str {
    if *error == Errno::EPERM { "the host refuses ptrace" } else { "ptrace" }
}

/// A process at its exec stop, into which calls are injected.
#[derive(Debug)]
pub(super) struct Tracee {
    pid: Pid,
    site: u64,
    original: i64,
}

impl Tracee {
    /// Takes over a process at its exec stop; calls run at `site`, an address in an executable segment with eight bytes
    /// behind it.
    pub(super) fn new(pid: Pid, site: u64) -> Result<Tracee, InjectError> {
        // The exec call has not returned yet, and its return would overwrite RAX: step out of it. No instruction of the
        // guest runs, since the step ends on the way back to user mode.
        step(pid, "execveat")?;
        let original = ptrace::read(pid, site as ptrace::AddressType)?;
        let patched = (original as u64 & !0xffff) | SYSCALL;
        ptrace::write(pid, site as ptrace::AddressType, patched as i64)?;
        Ok(Tracee { pid, site, original })
    }

    /// Makes the process call `number`; the result is the kernel's.
    pub(super) fn call(&self, name: &'static str, number: i64, args: [u64; 6]) -> Result<u64, InjectError> {
        let mut registers = ptrace::getregs(self.pid)?;
        registers.rax = number as u64;
        // Not in a system call: nothing to restart.
        registers.orig_rax = u64::MAX;
        registers.rip = self.site;
        [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9] = args;
        ptrace::setregs(self.pid, registers)?;
        step(self.pid, name)?;
        let result = ptrace::getregs(self.pid)?.rax as i64;
        if (-4095..0).contains(&result) {
            return Err(InjectError::Call { call: name, error: Errno::from_raw(-result as i32) });
        }
        Ok(result as u64)
    }

    /// Puts the original code back, sets the registers for the first instruction, and lets go of the process, which
    /// stays stopped.
    pub(super) fn release(self, entry: u64, argument: u64, stack: u64) -> Result<(), InjectError> {
        ptrace::write(self.pid, self.site as ptrace::AddressType, self.original)?;
        let old = ptrace::getregs(self.pid)?;
        let clean = user_regs_struct {
            rip: entry,
            rdi: argument,
            rsp: stack,
            orig_rax: u64::MAX,
            eflags: old.eflags,
            cs: old.cs,
            ss: old.ss,
            ds: old.ds,
            es: old.es,
            fs: old.fs,
            gs: old.gs,
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            rbp: 0,
            rbx: 0,
            r11: 0,
            r10: 0,
            r9: 0,
            r8: 0,
            rax: 0,
            rcx: 0,
            rdx: 0,
            rsi: 0,
            fs_base: 0,
            gs_base: 0,
        };
        ptrace::setregs(self.pid, clean)?;
        // The last stop was one for a signal (the step's SIGTRAP), so the signal given here takes its place.
        ptrace::detach(self.pid, Signal::SIGSTOP)?;
        Ok(())
    }
}

fn step(pid: Pid, call: &'static str) -> Result<(), InjectError> {
    ptrace::step(pid, None)?;
    match waitpid(pid, Some(WaitPidFlag::__WALL))? {
        WaitStatus::Stopped(_, Signal::SIGTRAP) => Ok(()),
        status => Err(InjectError::Astray { call, status }),
    }
}
