//! The partition's own life: its period, its modes, its health table, and how it ends or asks to start anew.
//!
//! A guest cannot restart itself; it can only ask and end ([`request_mode`], [`raise_error`]). What it asks for lies in the
//! vCPU page when the supervisor finds the process gone. While it lives it may report ([`report`]): into a ring that the
//! supervisor empties some hundred times a second, without a system call.

use core::sync::atomic::{AtomicU8, Ordering};

pub use bulkhead_abi::boot::{StartCondition, StartMode};
pub use bulkhead_abi::health::{Action, ErrorCode, Level, Limits, Mode};
pub use bulkhead_abi::report::{MESSAGE_LEN, ReportKind};
use bulkhead_abi::report::{Report, RequestKind};
use bulkhead_abi::ring::{Consumer, Producer, used};

use crate::{arch, boot, clock, console, irq, virtual_time, window};

/// Ends the partition's process with `status` (0 to 255; 0 means well). Waits for the console's output to be fetched, with
/// interrupts masked: nobody else in the guest runs any more, and nobody prints. What happens then is the configuration's to
/// say.
pub fn halt(status: i32) -> ! {
    crate::irq::disable();
    console::flush();
    exit(status)
}

/// Ends the process at once; unfetched output is still there for the supervisor.
pub(crate) fn exit(status: i32) -> ! {
    virtual_time::end();
    loop {
        // SAFETY: the call does not return.
        unsafe { arch::syscall(arch::nr::EXIT_GROUP, [status as u64, 0, 0, 0, 0]) };
    }
}

/// The partition's period in nanoseconds, in the schedule that the module starts with: the configuration's, or the shortest
/// in which its windows repeat.
pub fn period_ns() -> u64 {
    boot::info().period_ns
}

/// The time that the partition has in each period, in nanoseconds.
pub fn duration_ns() -> u64 {
    boot::info().duration_ns
}

/// Why the partition was started.
pub fn start_condition() -> StartCondition {
    match boot::info().start_condition {
        1 => StartCondition::PartitionRestart,
        2 => StartCondition::HmModuleRestart,
        3 => StartCondition::HmPartitionRestart,
        _ => StartCondition::NormalStart,
    }
}

/// How the partition was started: with zeroed RAM, or with what the previous start left there.
pub fn start_mode() -> StartMode {
    if boot::info().start_mode == StartMode::Warm as u32 { StartMode::Warm } else { StartMode::Cold }
}

/// How many objects of each kind the configuration lets the partition's executive make.
pub fn limits() -> &'static Limits {
    &boot::info().limits
}

/// What is done about an error. At [`Level::Process`] the action is for a partition without an error handler, and for an
/// error of the handler itself.
///
/// An executive asks this before it calls [`raise_error`], which ends the partition: an error whose action is
/// [`Action::Ignore`] is worth a [`report_error`] and no more.
pub fn health(code: ErrorCode) -> (Level, Action) {
    let response = boot::info().health[code as usize];
    (Level::new(response.level).unwrap_or(Level::Partition), Action::new(response.action).unwrap_or(Action::Idle))
}

/// Asks for another mode and ends: idle stops the partition for good, a start restarts it in place with
/// [`StartCondition::PartitionRestart`]. Normal is no mode that could be asked for, since only the guest itself can reach it;
/// it counts as a cold start. Waits for the console's output to be fetched.
///
/// Restarts that come too thick are a crash storm, whoever asked for them.
pub fn request_mode(mode: Mode) -> ! {
    let mode = if mode == Mode::Normal { Mode::ColdStart } else { mode };
    console::flush();
    request(RequestKind::SetMode, mode as u32, 0, 0, &[])
}

/// Hands an error that the partition cannot deal with to the health monitor and ends. The table of the partition decides
/// what happens then; with [`Action::Ignore`] the partition stays without a process.
///
/// `process` is the guest's own number of the process that is to blame, or 0; `address` is where, or 0. Of `message` the first
/// [`MESSAGE_LEN`] bytes are recorded.
pub fn raise_error(code: ErrorCode, process: u32, address: u64, message: &[u8]) -> ! {
    console::flush();
    request(RequestKind::Error, code as u32, process, address, message)
}

fn request(kind: RequestKind, code: u32, process: u32, address: u64, message: &[u8]) -> ! {
    irq::disable();
    let request = &window::vcpu().request;
    request.code.store(code, Ordering::Relaxed);
    request.process.store(process, Ordering::Relaxed);
    request.address.store(address, Ordering::Relaxed);
    request.length.store(put(&request.message, message), Ordering::Relaxed);
    // Release: the kind is written last, so that nobody finds half a request.
    request.kind.store(kind as u32, Ordering::Release);
    exit(0)
}

/// Reports something to the health monitor, which records and shows it; false if the ring had no room, which is counted.
///
/// `code` is an error code for [`ReportKind::Error`], a mode for [`ReportKind::Mode`] and free for a message; `process` is the
/// guest's own number of a process, or 0. Of `message` the first [`MESSAGE_LEN`] bytes are taken. Any context.
pub fn report(kind: ReportKind, code: u32, process: u32, message: &[u8]) -> bool {
    write_report(kind, code, process, 0, message)
}

/// Reports an error that the partition's own error handler has dealt with, and where it happened (0 if nowhere).
pub fn report_error(code: ErrorCode, process: u32, address: u64, message: &[u8]) -> bool {
    write_report(ReportKind::Error, code as u32, process, address, message)
}

fn write_report(kind: ReportKind, code: u32, process: u32, address: u64, message: &[u8]) -> bool {
    let info = boot::info();
    // SAFETY: the supervisor mapped both ends and the slots at these addresses for the whole life of the process, aligned; all
    // of it is atomics.
    let (producer, consumer, slots) = unsafe {
        let slots = core::slice::from_raw_parts(info.report_data as *const Report, info.report_slots as usize);
        (&*(info.report_producer as *const Producer), &*(info.report_consumer as *const Consumer), slots)
    };
    // An interrupt handler may report too.
    irq::free(|| {
        let head = producer.head.load(Ordering::Relaxed);
        // SYNC POINT report-space: pairs with the supervisor's release of the tail; the slots before it may be overwritten.
        let tail = consumer.tail.load(Ordering::Acquire);
        let in_use = used(head, tail, info.report_slots).unwrap_or(info.report_slots);
        if in_use == info.report_slots {
            producer.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let slot = &slots[(head & (info.report_slots - 1)) as usize];
        slot.time_ns.store(clock::peek_ns(), Ordering::Relaxed);
        slot.address.store(address, Ordering::Relaxed);
        slot.kind.store(kind as u32, Ordering::Relaxed);
        slot.code.store(code, Ordering::Relaxed);
        slot.process.store(process, Ordering::Relaxed);
        slot.length.store(put(&slot.message, message), Ordering::Relaxed);
        // SYNC POINT report-data: pairs with the supervisor's acquire of the head; the slot is whole.
        producer.head.store(head.wrapping_add(1), Ordering::Release);
        true
    })
}

/// Copies what fits of `message`; returns how many bytes that was.
fn put(slots: &[AtomicU8; MESSAGE_LEN], message: &[u8]) -> u32 {
    for (slot, &byte) in slots.iter().zip(message) {
        slot.store(byte, Ordering::Relaxed);
    }
    message.len().min(MESSAGE_LEN) as u32
}
