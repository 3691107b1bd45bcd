//! Windows: the slices of time that the schedule gives the partition.

use core::sync::atomic::Ordering;

use bulkhead_abi::vcpu::VcpuPage;

use crate::{arch, boot};

/// FUTEX_WAIT on a word that other processes may see.
const FUTEX_WAIT: u64 = 0;

pub(crate) fn vcpu() -> &'static VcpuPage {
    // SAFETY: the supervisor mapped the vCPU page there, aligned, for the whole life of the process; all its fields that
    // change are atomic.
    unsafe { &*(boot::info().vcpu as *const VcpuPage) }
}

/// Windows of this partition that have begun since its start, modulo 2^32; the first is number 1.
pub fn count() -> u32 {
    vcpu().window.load(Ordering::Relaxed)
}

/// Gives the rest of the current window back and returns in the next one.
pub fn yield_window() {
    let current = count();
    while count() == current {
        // A stop interrupts the wait and a continue restarts it; the kernel then compares the word again, which the
        // supervisor has changed in between. So no wake-up can be lost, and none has to be sent.
        // SAFETY: FUTEX_WAIT reads the word and sleeps; it changes no memory.
        unsafe {
            arch::syscall(arch::nr::FUTEX, [vcpu().window.as_ptr() as u64, FUTEX_WAIT, u64::from(current), 0, 0]);
        }
    }
}
