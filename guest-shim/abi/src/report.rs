//! What a guest tells the health monitor: a request on its way out, and a ring of reports while it lives.
//!
//! Both lie in the guest's pages, so every word of them is an allegation. A request decides no more than what the
//! partition's table lets it decide; a report is recorded and shown, and nothing follows from it.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// Longest message in bytes, as ARINC 653 has it.
pub const MESSAGE_LEN: usize = 128;

/// What a [`Request`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum RequestKind {
    /// Nothing.
    None = 0,
    /// Another mode; the code is a [`crate::health::Mode`] other than normal.
    SetMode = 1,
    /// An action for an error that the guest cannot deal with itself; the code is a [`crate::health::ErrorCode`].
    Error = 2,
}

/// A guest's last will, in the vCPU page: the guest writes it and ends its process with `exit_group`. The supervisor reads
/// it once, when the process is gone. A process that dies of a signal has none.
#[derive(Debug)]
#[repr(C)]
pub struct Request {
    /// A [`RequestKind`]; written last.
    pub kind: AtomicU32,
    /// A mode or an error code.
    pub code: AtomicU32,
    /// The guest's own number of the process that is to blame; 0 if none is.
    pub process: AtomicU32,
    /// Valid bytes of `message`.
    pub length: AtomicU32,
    /// The faulting address or instruction; 0 if there is none.
    pub address: AtomicU64,
    /// What the guest has to say about it, not necessarily text.
    pub message: [AtomicU8; MESSAGE_LEN],
}

/// What a [`Report`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ReportKind {
    /// A message of the application.
    Message = 1,
    /// An error that the guest's own error handler has dealt with; the code is a [`crate::health::ErrorCode`].
    Error = 2,
    /// A mode that the partition has reached; the code is a [`crate::health::Mode`].
    Mode = 3,
}

impl ReportKind {
    /// The kind with this number, if there is one.
    pub fn new(number: u32) -> Option<ReportKind> {
        match number {
            1 => Some(ReportKind::Message),
            2 => Some(ReportKind::Error),
            3 => Some(ReportKind::Mode),
            _ => None,
        }
    }
}

/// A slot of the report ring. Positions of the ring count slots; its ends are a [`crate::ring::Producer`] in the guest's
/// pages and a [`crate::ring::Consumer`] in the host's.
#[derive(Debug)]
#[repr(C)]
pub struct Report {
    /// Module time in nanoseconds, by the guest's word.
    pub time_ns: AtomicU64,
    /// The faulting address or instruction; 0 if there is none.
    pub address: AtomicU64,
    /// A [`ReportKind`].
    pub kind: AtomicU32,
    /// An error code or a mode, by kind.
    pub code: AtomicU32,
    /// The guest's own number of the process concerned; 0 if none is.
    pub process: AtomicU32,
    /// Valid bytes of `message`.
    pub length: AtomicU32,
    /// What the guest has to say, not necessarily text.
    pub message: [AtomicU8; MESSAGE_LEN],
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn request_offsets() {
        assert_eq!(offset_of!(Request, kind), 0);
        assert_eq!(offset_of!(Request, code), 4);
        assert_eq!(offset_of!(Request, process), 8);
        assert_eq!(offset_of!(Request, length), 12);
        assert_eq!(offset_of!(Request, address), 16);
        assert_eq!(offset_of!(Request, message), 24);
        assert_eq!(size_of::<Request>(), 152);
    }

    #[test]
    fn report_offsets() {
        assert_eq!(offset_of!(Report, time_ns), 0);
        assert_eq!(offset_of!(Report, address), 8);
        assert_eq!(offset_of!(Report, kind), 16);
        assert_eq!(offset_of!(Report, code), 20);
        assert_eq!(offset_of!(Report, process), 24);
        assert_eq!(offset_of!(Report, length), 28);
        assert_eq!(offset_of!(Report, message), 32);
        assert_eq!(size_of::<Report>(), 160);
        assert!((0..5).filter_map(ReportKind::new).all(|kind| ReportKind::new(kind as u32) == Some(kind)));
        assert_eq!((ReportKind::new(0), ReportKind::new(4)), (None, None));
    }
}
