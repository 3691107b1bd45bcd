//! One interrupt at every instruction, with a debugger's means: step to the instruction, raise, ring, run on.
//!
//! So the instants that chance seldom hits are hit for sure: between a store of the mask and the look at what was deferred,
//! between the vector's unmasking and its return, in the middle of a string instruction.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use bulkhead_abi::vcpu::DOORBELL;

use super::common::{guest, skip};
use super::machine::{Machine, figure};
use super::running::alone;

/// The trap flag.
const TF: u64 = 0x100;

/// The line that `v_step` expects interrupts from outside on, and how many pieces of code it has.
const LINE: u32 = 3;
const PIECES: usize = 8;

/// Where a stop came from.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// A breakpoint in the guest's own code.
    Breakpoint,
    /// A step.
    Step,
}

fn wait(pid: Pid) -> Stop {
    loop {
        match waitpid(pid, Some(WaitPidFlag::__WALL)).expect("the guest can be waited for") {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {
                let code = ptrace::getsiginfo(pid).expect("there is a signal").si_code;
                return if code == libc::SI_KERNEL { Stop::Breakpoint } else { Stop::Step };
            }
            // What attaching to it has left behind.
            WaitStatus::Stopped(_, Signal::SIGSTOP | Signal::SIGCONT) => {
                ptrace::cont(pid, None).expect("it goes on");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn step(pid: Pid) -> Stop {
    ptrace::step(pid, None).expect("it can be stepped");
    wait(pid)
}

/// Runs to the next breakpoint. Code that wrote down its flags while it was stepped restores the trap flag with them.
fn run_on(pid: Pid, signal: Option<Signal>) {
    ptrace::cont(pid, signal).expect("it goes on");
    while wait(pid) == Stop::Step {
        let mut registers = ptrace::getregs(pid).expect("registers");
        registers.eflags &= !TF;
        ptrace::setregs(pid, registers).expect("registers");
        ptrace::cont(pid, None).expect("it goes on");
    }
}

#[test]
fn an_interrupt_may_strike_at_every_instruction() {
    let guest = guest("v_step");
    let _core = alone();
    let machine = Machine::new(&guest, &[]);
    let pid = machine.process.pid;
    match ptrace::attach(pid) {
        Err(Errno::EPERM) => return skip("this process may not trace the guest"),
        other => other.expect("the guest can be traced"),
    }
    let doorbell = Signal::try_from(DOORBELL).expect("a signal");
    assert_eq!(wait(pid), Stop::Breakpoint);
    let mut lengths = Vec::new();
    let mut steps = 0;
    let mut strikes = 0;
    // Each round begins at the first breakpoint of a piece.
    loop {
        let over = (0..steps).any(|_| step(pid) == Stop::Breakpoint);
        if !over {
            assert!(machine.raise_silently(LINE));
            strikes += 1;
            run_on(pid, Some(doorbell));
        }
        let mut registers = ptrace::getregs(pid).expect("registers");
        registers.rax = u64::from(!over);
        registers.rdx = u64::from(over);
        registers.eflags &= !TF;
        ptrace::setregs(pid, registers).expect("registers");
        steps += 1;
        if over {
            lengths.push(steps - 2);
            steps = 0;
        }
        if lengths.len() == PIECES {
            break;
        }
        run_on(pid, None);
    }
    ptrace::detach(pid, None).expect("the guest is let go");
    // To the kernel it has been stopped since its birth.
    machine.go_on();
    let (status, text) = machine.finish();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}:\n{text}");
    assert_eq!(figure(&text, "interrupts"), strikes, "{text}");
    eprintln!("{strikes} interrupts, one before every instruction of pieces of {lengths:?}");
}
