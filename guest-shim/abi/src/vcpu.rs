//! The virtual CPU's page: written by the guest, but for the window counter, which the supervisor raises.
//!
//! The supervisor believes nothing in it. The window counter is a service to the guest: one that overwrites it only
//! deceives itself about when to sleep. The fault record is what the shim says about a fault; that a fault ended the
//! process, and with which signal, the supervisor knows from the kernel.

use core::sync::atomic::{AtomicU32, AtomicU64};

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

/// The vCPU page, at [`crate::map::GUEST`] plus [`crate::map::guest::VCPU`].
#[derive(Debug)]
#[repr(C)]
pub struct VcpuPage {
    /// Windows begun since the partition's start, modulo 2^32. A guest that has nothing to do sleeps with FUTEX_WAIT
    /// on this word: it changes while the guest is stopped, and the kernel compares it again when the guest continues.
    pub window: AtomicU32,
    /// Free for the guest; a benchmark or a debugger may look at it.
    pub scratch: AtomicU32,
    /// Always 0.
    pub reserved: [u32; 14],
    /// The last fault.
    pub fault: FaultRecord,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn vcpu_offsets() {
        assert_eq!(offset_of!(VcpuPage, window), 0);
        assert_eq!(offset_of!(VcpuPage, scratch), 4);
        assert_eq!(offset_of!(VcpuPage, reserved), 8);
        assert_eq!(offset_of!(VcpuPage, fault), 64);
        assert_eq!(size_of::<VcpuPage>(), 112);
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
