//! The executive and the health monitor: which errors stay here, and how the others leave. The one place that knows.

use bulkhead_shim::partition::{self, Action, ErrorCode, Level, ReportKind};

use crate::core::{self, ErrorRecord, Mode};

/// The health monitor's word for an error.
fn code(error: &ErrorRecord) -> ErrorCode {
    // Both number them as the standard does.
    ErrorCode::new(error.code as u32).unwrap_or(ErrorCode::ApplicationError)
}

fn message(error: &ErrorRecord) -> &[u8] {
    &error.message[..(error.length as usize).min(core::MAX_ERROR_MESSAGE)]
}

/// Whether an error of this code belongs to the partition's error handler.
pub(super) fn handled_by_process(error: &ErrorRecord) -> bool {
    partition::health(code(error)).0 == Level::Process
}

/// An error for the partition's table. Returns if that ignores it.
pub(super) fn partition_error(error: &ErrorRecord) {
    if partition::health(code(error)).1 == Action::Ignore {
        note_error(error);
        return;
    }
    partition::raise_error(code(error), error.process as u32, error.address as u64, message(error));
}

/// Records an error that stays in the partition.
pub(super) fn note_error(error: &ErrorRecord) {
    partition::report_error(code(error), error.process as u32, error.address as u64, message(error));
}

/// Records a message of the application's process `process`.
pub(crate) fn report(process: u32, text: &[u8]) {
    partition::report(ReportKind::Message, 0, process, text);
}

/// Records that the partition has reached NORMAL.
pub(crate) fn normal() {
    partition::report(ReportKind::Mode, partition::Mode::Normal as u32, 0, &[]);
}

/// Ends the partition for another mode.
pub(super) fn leave(mode: Mode) -> ! {
    partition::request_mode(match mode {
        Mode::Idle => partition::Mode::Idle,
        Mode::WarmStart => partition::Mode::WarmStart,
        Mode::ColdStart | Mode::Normal => partition::Mode::ColdStart,
    })
}
