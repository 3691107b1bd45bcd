//! The partition's console, through rings in shared memory.
//!
//! Output never costs a system call: the supervisor looks at the ring by itself, some hundred times a second. When the
//! ring is full (64 KiB that nobody has fetched yet), [`write()`] takes what fits; [`print_args`] and [`print()`] wait
//! for room by giving windows back, and drop (and count) the rest when the supervisor seems to have gone deaf.

use core::fmt;

use bulkhead_abi::ring::{Consumer, Producer};

use crate::boot;
use crate::ring::{Reader, Writer};

/// Windows that a print waits for room before it drops text.
#[cfg(feature = "runtime")]
const PATIENCE: u32 = 1000;

fn writer() -> Writer<'static> {
    let info = boot::info();
    // SAFETY: the supervisor mapped these pages at these addresses for the whole life of the process, page-aligned and
    // with the given size; a guest is one thread, and every caller is done with its writer before it returns.
    unsafe {
        let producer = &*(info.out_producer as *const Producer);
        let consumer = &*(info.out_consumer as *const Consumer);
        Writer::new(producer, consumer, info.out_data as *mut u8, info.out_size)
    }
}

/// Writes as much of `bytes` as the ring has room for; returns how many bytes that was. Never waits. Whoever else the guest's
/// interrupts let run finds the ring whole.
pub fn write(bytes: &[u8]) -> usize {
    #[cfg(feature = "runtime")]
    crate::virtual_time::charge();
    #[cfg(feature = "runtime")]
    return crate::irq::free(|| writer().write(bytes));
    #[cfg(not(feature = "runtime"))]
    writer().write(bytes)
}

/// Reads what has been typed, at most `buffer.len()` bytes; returns how many. Never waits.
pub fn read(buffer: &mut [u8]) -> usize {
    #[cfg(feature = "runtime")]
    crate::virtual_time::charge();
    let info = boot::info();
    // SAFETY: as for the writer; these pages are readable, and the consumer's page is the guest's own.
    let mut reader = unsafe {
        let producer = &*(info.in_producer as *const Producer);
        let consumer = &*(info.in_consumer as *const Consumer);
        Reader::new(producer, consumer, info.in_data as *const u8, info.in_size)
    };
    reader.read(buffer)
}

/// Writes all of `bytes`, waiting for room where there is none.
#[cfg(feature = "runtime")]
pub fn print(mut bytes: &[u8]) {
    let mut patience = PATIENCE;
    while !bytes.is_empty() {
        let written = write(bytes);
        bytes = &bytes[written..];
        if written > 0 {
            patience = PATIENCE;
        } else if patience == 0 {
            writer().count_dropped(bytes.len());
            return;
        } else {
            patience -= 1;
            wait();
        }
    }
}

/// Writes `bytes`; what does not fit is dropped and counted.
#[cfg(not(feature = "runtime"))]
pub fn print(bytes: &[u8]) {
    let written = write(bytes);
    writer().count_dropped(bytes.len() - written);
}

/// Waits until the supervisor has fetched all output, or until it seems to have gone deaf.
#[cfg(feature = "runtime")]
pub fn flush() {
    for _ in 0..PATIENCE {
        if writer().is_drained() {
            return;
        }
        wait();
    }
}

/// Gives the supervisor time to fetch output.
#[cfg(feature = "runtime")]
fn wait() {
    if crate::virtual_time::is_virtual() {
        crate::virtual_time::service();
    } else {
        crate::window::yield_window();
    }
}

/// What the `print!` and `println!` macros call.
pub fn print_args(args: fmt::Arguments<'_>) {
    struct Console;
    impl fmt::Write for Console {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            print(text.as_bytes());
            Ok(())
        }
    }
    // The writer above never fails; a Display implementation that does loses its own text only.
    let _ = fmt::write(&mut Console, args);
}
