//! The standard's C binding; `include/apex.h` declares and documents it.
//!
//! Nothing is decided here: numbers become the rules' types, and what the service returns goes where the caller wants it. The
//! callers' promises are those of any C function: pointers to what the header says, names that end or are 32 bytes long.

mod error;
mod extended;
mod intra;
mod logbook;
mod partition;
mod port;
mod process;

use core::ffi::c_char;

use crate::core::{Code, Name, Reply};

/// RETURN_CODE_TYPE *
type ReturnCode = *mut u32;

/// NO_ERROR, or why not.
fn code<T>(reply: &Reply<T>) -> u32 {
    match reply {
        Ok(_) => 0,
        Err(code) => *code as u32,
    }
}

/// Writes the return code.
///
/// # Safety
/// `to` must be writable.
unsafe fn finish<T>(reply: Reply<T>, to: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe { to.write(code(&reply)) };
}

/// Writes a result, if there is one, and the return code.
///
/// # Safety
/// Both must be writable.
unsafe fn give<T>(reply: Reply<T>, value: *mut T, to: ReturnCode) {
    let code = code(&reply);
    // SAFETY: the caller's promise.
    unsafe {
        if let Ok(result) = reply {
            value.write(result);
        }
        to.write(code);
    }
}

/// Writes a received message's length, 0 if there was none, and the return code. With INVALID_PARAM the length stays.
///
/// # Safety
/// Both must be writable.
unsafe fn give_length(reply: Reply<u32>, length: *mut i32, to: ReturnCode) {
    // SAFETY: the caller's promise.
    unsafe {
        if reply != Err(Code::InvalidParam) {
            length.write(reply.unwrap_or(0) as i32);
        }
        to.write(code(&reply));
    }
}

/// Reads a name: up to a NUL, and 32 bytes at most.
///
/// # Safety
/// That much must be readable.
unsafe fn name(text: *const c_char) -> Name {
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        // SAFETY: the caller's promise; the loop ends at the NUL.
        *byte = unsafe { text.add(index).read() } as u8;
        if *byte == 0 {
            break;
        }
    }
    Name::new(&bytes)
}
