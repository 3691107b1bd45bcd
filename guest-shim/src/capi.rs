//! The C interface; the headers in `include/bulkhead/` declare and document it.

mod memory;

mod partition;

mod port;

use core::ffi::c_char;

use bulkhead_abi::boot::BootInfo;

use crate::{boot, clock, console, fault, irq, timer, trace, virtual_time, window};

#[unsafe(no_mangle)]
extern "C" fn bh_trace_is_on() -> bool {
    trace::is_on()
}

/// # Safety
/// `name` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_trace_process(process: u32, name: *const u8, size: usize) {
    // SAFETY: the caller's promise; not empty, so not null.
    let name = if size == 0 { &[] } else { unsafe { core::slice::from_raw_parts(name, size) } };
    trace::process(process, name);
}

#[unsafe(no_mangle)]
extern "C" fn bh_boot_info() -> *const BootInfo {
    boot::info()
}

/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_console_write(data: *const u8, size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    // SAFETY: the caller's promise; not empty, so not null.
    console::write(unsafe { core::slice::from_raw_parts(data, size) })
}

/// # Safety
/// `data` must be valid for writes of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_console_read(data: *mut u8, size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    // SAFETY: the caller's promise; not empty, so not null.
    console::read(unsafe { core::slice::from_raw_parts_mut(data, size) })
}

/// # Safety
/// `text` must be a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_print(text: *const c_char) {
    // SAFETY: the caller's promise.
    console::print(unsafe { core::ffi::CStr::from_ptr(text) }.to_bytes());
}

/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_print_bytes(data: *const u8, size: usize) {
    if size > 0 {
        // SAFETY: the caller's promise; not empty, so not null.
        console::print(unsafe { core::slice::from_raw_parts(data, size) });
    }
}

#[unsafe(no_mangle)]
extern "C" fn bh_now_ns() -> u64 {
    clock::now_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_wall_ns() -> i64 {
    clock::wall_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_time_is_virtual() -> bool {
    virtual_time::is_virtual()
}

#[unsafe(no_mangle)]
extern "C" fn bh_counter() -> u64 {
    clock::ticks()
}

#[unsafe(no_mangle)]
extern "C" fn bh_epoch_ns() -> u64 {
    clock::epoch_ns()
}

#[unsafe(no_mangle)]
extern "C" fn bh_window_count() -> u32 {
    window::count()
}

#[unsafe(no_mangle)]
extern "C" fn bh_yield() {
    window::yield_window();
}

#[unsafe(no_mangle)]
extern "C" fn bh_halt(status: i32) -> ! {
    crate::partition::halt(status)
}

fn status(result: Result<(), irq::LineError>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(irq::LineError::NoSuchLine) => -1,
        Err(irq::LineError::Taken) => -2,
    }
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_request(line: u32, handler: irq::Handler, argument: *mut core::ffi::c_void) -> i32 {
    status(irq::request(line, handler, argument))
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_detach(line: u32) -> i32 {
    status(irq::detach(line))
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_enable_line(line: u32) -> i32 {
    status(irq::enable_line(line))
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_disable_line(line: u32) -> i32 {
    status(irq::disable_line(line))
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_raise(line: u32) -> i32 {
    status(irq::raise(line))
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_clear(line: u32) -> i32 {
    status(irq::clear(line))
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_pending() -> u64 {
    irq::pending()
}

#[unsafe(no_mangle)]
extern "C" fn bh_irq_next() -> i32 {
    irq::next_line().map_or(-1, |line| line as i32)
}

/// # Safety
/// As for [`irq::set_vector`].
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_irq_set_vector(vector: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { irq::set_vector(vector) }
}

#[unsafe(no_mangle)]
extern "C" fn bh_idle() {
    irq::idle();
}

#[unsafe(no_mangle)]
extern "C" fn bh_timer_one_shot(deadline_ns: u64) {
    timer::one_shot(deadline_ns);
}

#[unsafe(no_mangle)]
extern "C" fn bh_timer_periodic(first_ns: u64, period_ns: u64) {
    timer::periodic(first_ns, period_ns);
}

#[unsafe(no_mangle)]
extern "C" fn bh_timer_stop() {
    timer::stop();
}

#[unsafe(no_mangle)]
extern "C" fn bh_timer_ticks() -> u64 {
    timer::ticks()
}

#[unsafe(no_mangle)]
extern "C" fn bh_timer_take_missed() -> u64 {
    timer::take_missed()
}

#[unsafe(no_mangle)]
extern "C" fn bh_fault_set_handler(handler: Option<fault::Handler>) {
    fault::set_handler(handler);
}
