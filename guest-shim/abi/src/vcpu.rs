//! The virtual CPU's page: written by the guest, but for the window counter and the lines that the supervisor raises.
//!
//! The supervisor believes nothing in it. The window counter is a service to the guest: one that overwrites it only
//! deceives itself about when to sleep. The fault record is what the shim says about a fault; that a fault ended the
//! process, and with which signal, the supervisor knows from the kernel.

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::report::Request;

/// What a [`FaultRecord`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum FaultKind {
    /// Nothing yet.
    None = 0,
    /// A processor fault: SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGTRAP.
    Fault = 1,
    /// A system call from outside the shim.
    SystemCall = 2,
}

/// What the shim's handler noted about the fault that it could not pass on to the guest.
#[derive(Debug)]
#[repr(C)]
pub struct FaultRecord {
    /// A [`FaultKind`]; written last.
    pub kind: AtomicU32,
    /// Signal number.
    pub signal: AtomicU32,
    /// `si_code` of the signal.
    pub code: AtomicU32,
    /// For a system call: the architecture as AUDIT_ARCH_* has it, which tells a 32-bit call from a 64-bit one.
    pub arch: AtomicU32,
    /// For a system call: its number. Else the faulting address.
    pub address: AtomicU64,
    /// Instruction pointer.
    pub ip: AtomicU64,
    /// Stack pointer.
    pub sp: AtomicU64,
    /// Trap number and error code of the processor (x86: `REG_TRAPNO` in the low half, `REG_ERR` in the high one).
    pub trap: AtomicU64,
}

/// The virtual interrupt lines, 0 to 63. A lower number is served first.
pub mod line {
    /// The guest's own timer.
    pub const TIMER: u32 = 0;
    /// A window of the partition begins.
    pub const WINDOW: u32 = 1;
    /// There is console input.
    pub const CONSOLE: u32 = 2;
    /// A port of the partition has news: a message has arrived, or there is room again.
    pub const PORT: u32 = 3;
    /// First of the lines that the guest raises itself; the others up to here are the supervisor's.
    pub const FIRST_SOFTWARE: u32 = 32;
    /// Number of lines.
    pub const COUNT: u32 = 64;
}

/// The signal that rings when the supervisor has raised a line: SIGURG, which is ignored by default, and which a debugger
/// passes on without being told to.
pub const DOORBELL: i32 = 23;

/// When the guest ran first in a window: stamped by the shim's signal handler, for which the supervisor rings the doorbell whenever it
/// continues the guest, while a run is recorded.
#[derive(Debug)]
#[repr(C)]
pub struct FirstInstant {
    /// Module time in nanoseconds.
    pub time_ns: AtomicU64,
    /// The window that it was in, by [`VcpuPage::window`]; written last.
    pub window: AtomicU32,
    /// Not 0 once the shim is up and stamps.
    pub stamps: AtomicU32,
}

/// The vCPU page, at [`crate::map::GUEST`] plus [`crate::map::guest::VCPU`].
#[derive(Debug)]
#[repr(C)]
pub struct VcpuPage {
    /// Windows begun since the partition's start, modulo 2^32. A guest that has nothing to do sleeps with FUTEX_WAIT
    /// on this word: it changes while the guest is stopped, and the kernel compares it again when the guest continues.
    pub window: AtomicU32,
    /// Signals taken, modulo 2^32: what an idle guest sleeps on with FUTEX_WAIT. Only the guest writes it.
    pub wakes: AtomicU32,
    /// Lines that are raised, a bit each. Both sides set bits, the guest clears them.
    pub pending: AtomicU64,
    /// Lines that the guest wants, a bit each. The supervisor raises no others.
    pub enabled: AtomicU64,
    /// When the guest ran first in its latest window.
    pub first: FirstInstant,
    /// Always 0.
    pub reserved: [u32; 6],
    /// The last fault.
    pub fault: FaultRecord,
    /// The schedule that the guest asks for: its number plus 1, or 0 for none. The supervisor takes it at the end of a
    /// window and leaves 0.
    pub schedule: AtomicU32,
    /// Always 0.
    pub reserved_too: [u32; 3],
    /// What the guest asks for when it ends its process.
    pub request: Request,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn vcpu_offsets() {
        assert_eq!(offset_of!(VcpuPage, window), 0);
        assert_eq!(offset_of!(VcpuPage, wakes), 4);
        assert_eq!(offset_of!(VcpuPage, pending), 8);
        assert_eq!(offset_of!(VcpuPage, enabled), 16);
        assert_eq!(offset_of!(VcpuPage, first), 24);
        assert_eq!(offset_of!(VcpuPage, reserved), 40);
        assert_eq!(offset_of!(VcpuPage, fault), 64);
        assert_eq!(offset_of!(VcpuPage, schedule), 112);
        assert_eq!(offset_of!(VcpuPage, reserved_too), 116);
        assert_eq!(offset_of!(VcpuPage, request), 128);
        assert_eq!(size_of::<VcpuPage>(), 280);
    }

    #[test]
    fn first_instant_offsets() {
        assert_eq!(offset_of!(FirstInstant, time_ns), 0);
        assert_eq!(offset_of!(FirstInstant, window), 8);
        assert_eq!(offset_of!(FirstInstant, stamps), 12);
        assert_eq!(size_of::<FirstInstant>(), 16);
    }

    #[test]
    fn fault_offsets() {
        assert_eq!(offset_of!(FaultRecord, kind), 0);
        assert_eq!(offset_of!(FaultRecord, signal), 4);
        assert_eq!(offset_of!(FaultRecord, code), 8);
        assert_eq!(offset_of!(FaultRecord, arch), 12);
        assert_eq!(offset_of!(FaultRecord, address), 16);
        assert_eq!(offset_of!(FaultRecord, ip), 24);
        assert_eq!(offset_of!(FaultRecord, sp), 32);
        assert_eq!(offset_of!(FaultRecord, trap), 40);
        assert_eq!(size_of::<FaultRecord>(), 48);
    }
}
