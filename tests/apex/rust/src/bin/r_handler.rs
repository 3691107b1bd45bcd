//! The error handler, through the traits of `a653rs`: a process that fails in every way is stopped by it.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};

use ErrorReturnCode::{InvalidConfig, InvalidMode, InvalidParam, NoAction};
use conform::*;

static FAILING: AtomicI64 = AtomicI64::new(0);
static HASTY: AtomicI64 = AtomicI64::new(0);
/// What the failing process does next.
static MISTAKE: AtomicU32 = AtomicU32::new(0);
/// The error that the handler was told last, and whose it was.
static TOLD: AtomicU32 = AtomicU32::new(u32::MAX);
static WHOSE: AtomicI64 = AtomicI64::new(0);

entry!(main);

extern "C" fn handle() {
    let Ok(error) = Bulkhead::get_error_status() else { return };
    TOLD.store(error.error_code as u32, Relaxed);
    WHOSE.store(error.failed_process_id, Relaxed);
    if error.error_code == ErrorCode::ApplicationError {
        refuses("GET_ERROR_STATUS", NoAction, "no error is left", Bulkhead::get_error_status());
        refuses("GET_MY_ID", InvalidMode, "the error handler", Bulkhead::get_my_id());
        refuses("TIMED_WAIT", InvalidMode, "the error handler", Bulkhead::timed_wait(MS));
        refuses("LOCK_PREEMPTION", NoAction, "the error handler", Bulkhead::lock_preemption());
        shows("GET_ERROR_STATUS", "tells the message", error.length == 4 && error.message[..4] == *b"flap");
    } else {
        works("STOP", "the process that failed, by the handler", Bulkhead::stop(error.failed_process_id));
    }
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 { 0 } else { recurse(depth - 1) + frame[0] }
}

extern "C" fn fail() {
    match MISTAKE.load(Relaxed) {
        0 => {
            let zero = black_box(0_u32);
            // The compiler's own check would panic first.
            // SAFETY: the instruction faults, as it should; it changes nothing but these registers.
            unsafe { core::arch::asm!("div {0:e}", in(reg) zero, inout("eax") 1 => _, inout("edx") 0 => _) };
        }
        // SAFETY: the instruction faults, as it should.
        1 => unsafe { core::arch::asm!("ud2") },
        // SAFETY: nothing is mapped there, so the write faults, as it should.
        2 => unsafe { core::arch::asm!("mov byte ptr [{0}], 1", in(reg) 0x10_usize) },
        3 => drop(black_box(recurse(1 << 20))),
        _ => loop {
            core::hint::spin_loop();
        },
    }
}

/// Whether the failing process, started with this mistake, is stopped by the handler for this error.
fn fails(mistake: u32, process: ProcessId, code: ErrorCode) -> bool {
    MISTAKE.store(mistake, Relaxed);
    TOLD.store(u32::MAX, Relaxed);
    Bulkhead::start(process).unwrap();
    TOLD.load(Relaxed) == code as u32
        && WHOSE.load(Relaxed) == process
        && Bulkhead::get_process_status(process).unwrap().process_state == ProcessState::Dormant
}

extern "C" fn driver() {
    let failing = FAILING.load(Relaxed);
    refuses(
        "CONFIGURE_ERROR_HANDLER",
        InvalidMode,
        "in NORMAL",
        Bulkhead::configure_error_handler(ErrorHandlerConcurrencyControl::ProcessesPause, 0),
    );
    refuses("GET_ERROR_STATUS", InvalidConfig, "not the error handler", Bulkhead::get_error_status());
    refuses(
        "REPORT_APPLICATION_MESSAGE",
        InvalidParam,
        "longer than 128 bytes",
        Bulkhead::report_application_message(&[b'x'; 129]),
    );
    works("REPORT_APPLICATION_MESSAGE", "a message", Bulkhead::report_application_message(b"gear down"));
    refuses(
        "RAISE_APPLICATION_ERROR",
        InvalidParam,
        "a code of the system's",
        Bulkhead::raise_application_error(ErrorCode::NumericError, b"flap"),
    );
    refuses(
        "RAISE_APPLICATION_ERROR",
        InvalidParam,
        "longer than 128 bytes",
        Bulkhead::raise_application_error(ErrorCode::ApplicationError, &[0; 129]),
    );
    works(
        "RAISE_APPLICATION_ERROR",
        "a process, with a handler",
        Bulkhead::raise_application_error(ErrorCode::ApplicationError, b"flap"),
    );
    trap(
        11,
        "RAISE_APPLICATION_ERROR",
        "the handler runs at once",
        TOLD.load(Relaxed) == ErrorCode::ApplicationError as u32,
    );
    shows("GET_ERROR_STATUS", "division by zero is NUMERIC_ERROR", fails(0, failing, ErrorCode::NumericError));
    shows(
        "GET_ERROR_STATUS",
        "an illegal instruction is ILLEGAL_REQUEST",
        fails(1, failing, ErrorCode::IllegalRequest),
    );
    shows("GET_ERROR_STATUS", "a write to nowhere is MEMORY_VIOLATION", fails(2, failing, ErrorCode::MemoryViolation));
    shows("GET_ERROR_STATUS", "endless recursion is STACK_OVERFLOW", fails(3, failing, ErrorCode::StackOverflow));
    shows(
        "GET_ERROR_STATUS",
        "a process past its deadline is DEADLINE_MISSED",
        fails(4, HASTY.load(Relaxed), ErrorCode::DeadlineMissed),
    );
    finish()
}

fn main() -> i32 {
    works("CREATE_ERROR_HANDLER", "in start-up", Bulkhead::create_error_handler(handle, 16 * 1024));
    refuses("CREATE_ERROR_HANDLER", NoAction, "there is one", Bulkhead::create_error_handler(handle, 16 * 1024));
    begin("driver", driver, DRIVER);
    FAILING.store(Bulkhead::create_process(&attributes("failing", fail, 60)).unwrap(), Relaxed);
    let mut hasty = attributes("hasty", fail, 60);
    (hasty.time_capacity, hasty.deadline) = (10 * MS, Deadline::Hard);
    HASTY.store(Bulkhead::create_process(&hasty).unwrap(), Relaxed);
    go_normal()
}
