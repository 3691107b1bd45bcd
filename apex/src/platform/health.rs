//! The executive and the health monitor: which errors stay here, and how the others leave. The one place that knows.

use bulkhead_shim::{partition, println};

use crate::core::{ErrorRecord, Mode};

/// Whether an error of this code belongs to the partition's error handler.
pub(super) fn handled_by_process(_error: &ErrorRecord) -> bool {
    true
}

/// An error for the partition's table. Returns if that ignores it.
pub(super) fn partition_error(error: &ErrorRecord) {
    println!("apex: error {:?} of process {} at {:#x} ends the partition", error.code, error.process, error.address);
    partition::halt(1);
}

/// Records an error that stays in the partition.
pub(super) fn note_error(_error: &ErrorRecord) {}

/// Records a message of the application.
pub(crate) fn message(text: &[u8]) {
    println!("apex: {}", core::str::from_utf8(text).unwrap_or("(not text)"));
}

/// Records that the partition has reached NORMAL.
pub(crate) fn normal() {}

/// Ends the partition for another mode.
pub(super) fn leave(mode: Mode) -> ! {
    partition::halt(if mode == Mode::Idle { 0 } else { 1 })
}
