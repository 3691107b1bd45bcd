//! Windows: the slices of time that the schedule gives the partition.

use core::sync::atomic::Ordering;

use bulkhead_abi::map;
use bulkhead_abi::vcpu::VcpuPage;

use crate::{arch, clock, trace, virtual_time};

pub(crate) fn vcpu() -> &'static VcpuPage {
    // Not from the boot information: a signal may come before start-up has accepted that, or when the guest has ruined it.
    // SAFETY: the supervisor mapped the vCPU page there, aligned, for the whole life of the process; all its fields that
    // change are atomic.
    unsafe { &*((map::GUEST.base + map::guest::VCPU) as *const VcpuPage) }
}

/// Windows of this partition that have begun since its start, modulo 2^32; the first is number 1.
pub fn count() -> u32 {
    virtual_time::charge();
    current()
}

fn current() -> u32 {
    vcpu().window.load(Ordering::Relaxed)
}

/// The shim is up: from now on the doorbell rings for every window of a recorded run, and is answered with [`stamp`].
pub(crate) fn begin_stamps() {
    if trace::is_on() && !virtual_time::is_virtual() {
        stamp();
        vcpu().first.stamps.store(1, Ordering::Relaxed);
    }
}

/// Notes when the guest ran first in this window, if it has not been noted yet. Not for virtual runs.
pub(crate) fn stamp() {
    if !trace::is_on() {
        return;
    }
    let (first, window) = (&vcpu().first, current());
    if first.window.load(Ordering::Relaxed) != window {
        first.time_ns.store(clock::peek_ns(), Ordering::Relaxed);
        // The supervisor looks when the guest has been stopped; the order only matters should it not stop in time.
        first.window.store(window, Ordering::Release);
    }
}

/// Gives the rest of the current window back and returns in the next one.
pub fn yield_window() {
    if virtual_time::is_virtual() {
        return virtual_time::yield_window(current);
    }
    let before = current();
    while current() == before {
        // A stop interrupts the wait and a continue restarts it; the kernel then compares the word again, which the
        // supervisor has changed in between. So no wake-up can be lost, and none has to be sent.
        arch::futex_wait(&vcpu().window, before);
    }
}
