//! The C interface to ports; `include/bulkhead/port.h` declares and documents it.

use core::ffi::{CStr, c_char};

use bulkhead_abi::port::PortInfo;
use bulkhead_abi::port::queue::ReceiveError;

use crate::port::{Port, PortError, SendError, all, find_bytes};

const OK: i32 = 0;
const NONE: i32 = -1;
const STALE: i32 = -2;
const KIND: i32 = -3;
const DIRECTION: i32 = -4;
const TOO_LONG: i32 = -5;
const FULL: i32 = -6;
const NONSENSE: i32 = -7;

/// `struct bh_message`.
#[repr(C)]
struct Message {
    length: u64,
    written_ns: u64,
    number: u64,
    generation: u32,
    valid: u32,
}

fn code(error: PortError) -> i32 {
    match error {
        PortError::Stale => STALE,
        PortError::Kind => KIND,
        PortError::Direction => DIRECTION,
    }
}

/// Opens the port of a handle.
fn open<T>(handle: i64, how: fn(Port) -> Result<T, PortError>) -> Result<T, i32> {
    let bits = u64::try_from(handle).map_err(|_| STALE)?;
    Port::from_bits(bits).and_then(how).map_err(code)
}

/// # Safety
/// `data` must be valid for reads of `size` bytes while the result is in use.
unsafe fn input<'a>(data: *const u8, size: usize) -> &'a [u8] {
    // SAFETY: the caller's promise; not empty, so not null.
    if size == 0 { &[] } else { unsafe { core::slice::from_raw_parts(data, size) } }
}

/// # Safety
/// `data` must be valid for writes of `size` bytes, and nothing else may use them, while the result is in use.
unsafe fn output<'a>(data: *mut u8, size: usize) -> &'a mut [u8] {
    // SAFETY: the caller's promise; not empty, so not null.
    if size == 0 { &mut [] } else { unsafe { core::slice::from_raw_parts_mut(data, size) } }
}

/// # Safety
/// `to` must be null or valid for a write.
unsafe fn tell(to: *mut Message, message: Message) {
    if !to.is_null() {
        // SAFETY: the caller's promise.
        unsafe { to.write(message) };
    }
}

/// # Safety
/// `name` must be a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_port_find(name: *const c_char) -> i64 {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    find_bytes(name.to_bytes()).map_or(i64::from(NONE), |port| port.to_bits() as i64)
}

#[unsafe(no_mangle)]
extern "C" fn bh_port_at(index: u32) -> i64 {
    all().nth(index as usize).map_or(i64::from(NONE), |port| port.to_bits() as i64)
}

#[unsafe(no_mangle)]
extern "C" fn bh_port_get(port: i64) -> *const PortInfo {
    open(port, Port::info).map_or(core::ptr::null(), core::ptr::from_ref)
}

/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_sampling_write(port: i64, data: *const u8, size: usize) -> i32 {
    match open(port, Port::sampling_source) {
        // SAFETY: the caller's promise.
        Ok(end) => end.write(unsafe { input(data, size) }).map_or(TOO_LONG, |()| OK),
        Err(error) => error,
    }
}

/// # Safety
/// `data` must be valid for writes of `size` bytes, and `message` null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_sampling_read(port: i64, data: *mut u8, size: usize, message: *mut Message) -> i32 {
    let end = match open(port, Port::sampling_destination) {
        Ok(end) => end,
        Err(error) => return error,
    };
    // SAFETY: the caller's promise.
    let Some(sample) = end.read(unsafe { output(data, size) }) else { return NONE };
    let told = Message {
        length: sample.len as u64,
        written_ns: sample.written_ns,
        number: sample.number,
        generation: sample.generation,
        valid: u32::from(end.is_valid(&sample)),
    };
    // SAFETY: the caller's promise.
    unsafe { tell(message, told) };
    OK
}

/// # Safety
/// `data` must be valid for reads of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_queuing_send(port: i64, data: *const u8, size: usize) -> i32 {
    let end = match open(port, Port::queuing_source) {
        Ok(end) => end,
        Err(error) => return error,
    };
    // SAFETY: the caller's promise.
    match end.send(unsafe { input(data, size) }) {
        Ok(()) => OK,
        Err(SendError::Full) => FULL,
        Err(SendError::TooLong) => TOO_LONG,
    }
}

/// # Safety
/// `data` must be valid for writes of `size` bytes, and `message` null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_queuing_receive(port: i64, data: *mut u8, size: usize, message: *mut Message) -> i32 {
    let end = match open(port, Port::queuing_destination) {
        Ok(end) => end,
        Err(error) => return error,
    };
    // SAFETY: the caller's promise.
    match end.try_receive(unsafe { output(data, size) }) {
        Ok(received) => {
            let length = received.len as u64;
            let told = Message { length, written_ns: 0, number: 0, generation: received.generation, valid: 1 };
            // SAFETY: the caller's promise.
            unsafe { tell(message, told) };
            OK
        }
        Err(ReceiveError::Empty) => NONE,
        Err(ReceiveError::BadPosition | ReceiveError::BadLength) => NONSENSE,
    }
}

#[unsafe(no_mangle)]
extern "C" fn bh_queuing_count(port: i64) -> i64 {
    match open(port, Port::queuing_destination) {
        Ok(end) => i64::from(end.waiting()),
        Err(DIRECTION) => open(port, Port::queuing_source).map_or_else(i64::from, |end| i64::from(end.waiting())),
        Err(error) => i64::from(error),
    }
}

#[unsafe(no_mangle)]
extern "C" fn bh_queuing_room(port: i64) -> i64 {
    open(port, Port::queuing_source).map_or_else(i64::from, |end| i64::from(end.room()))
}

#[unsafe(no_mangle)]
extern "C" fn bh_queuing_clear(port: i64) -> i32 {
    match open(port, Port::queuing_destination) {
        Ok(end) => {
            end.clear();
            OK
        }
        Err(error) => error,
    }
}

#[unsafe(no_mangle)]
extern "C" fn bh_queuing_take_overflow(port: i64) -> i32 {
    open(port, Port::queuing_destination).map_or_else(|error| error, |end| i32::from(end.take_overflow()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_structure_has_its_offsets() {
        assert_eq!(core::mem::offset_of!(Message, generation), 24);
        assert_eq!(core::mem::size_of::<Message>(), 32);
    }
}
