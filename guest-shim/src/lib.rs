//! What a Bulkhead guest links: start-up, console, clock, windows and fault notes.
//!
//! A guest is a static ELF file without a C library. This crate stands between it and the supervisor:
//!
//! * [`boot`]: what the partition is called, which memory and which windows it has;
//! * [`console`]: text out and in, through rings and without a system call;
//! * [`clock`]: module time and wall clock, without a system call;
//! * [`window`]: giving the rest of a window back;
//! * [`irq`]: virtual interrupts: lines, the mask, handlers, idling;
//! * [`timer`]: one-shot and periodic ticks;
//! * [`port`]: messages to and from other partitions;
//! * [`memory`]: memory blocks shared with other partitions;
//! * [`fault`]: faults, as processor exceptions to the guest or as notes to the supervisor;
//! * [`partition`]: the partition's period, modes, health table and reports; ending or restarting it;
//! * [`virtual_time`]: the clock that counts the guest's own basic blocks;
//! * [`trace`]: telling recordings what the guest does;
//! * [`schedule`]: the module's schedules, and asking for another;
//! * `arch`: the assembly: entry point, the four permitted system calls, the ABI note.
//!
//! The same functions are there for C under the names in `include/bulkhead/*.h`. A Rust guest starts so:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! use bulkhead_shim::{entry, println};
//!
//! entry!(main);
//! fn main() -> i32 {
//!     println!("hello from {}", bulkhead_shim::boot::partition_name());
//!     0
//! }
//! ```
//!
//! The feature `runtime` adds the entry point, the panic handler and the memory functions that compilers call; without
//! it the crate is an ordinary library, which is how its unit tests run.
#![no_std]

#[cfg(feature = "runtime")]
mod arch;
pub mod boot;
#[cfg(feature = "runtime")]
mod capi;
pub mod clock;
pub mod console;
#[cfg(feature = "runtime")]
pub mod fault;
#[cfg(feature = "runtime")]
pub mod irq;
pub mod memory;
mod notice;
#[cfg(feature = "runtime")]
pub mod partition;
pub mod port;
pub mod ring;
#[cfg(feature = "runtime")]
pub mod schedule;
#[cfg(feature = "runtime")]
mod start;
#[cfg(feature = "runtime")]
mod step;
#[cfg(feature = "runtime")]
pub mod timer;
#[cfg(feature = "runtime")]
pub mod trace;
#[cfg(feature = "runtime")]
pub mod virtual_time;
#[cfg(feature = "runtime")]
pub mod window;

/// Makes `$main`, a `fn() -> i32`, the guest's main function. Its result is the partition's exit status.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(export_name = "main")]
        extern "C" fn __bulkhead_main(_argc: i32, _argv: *const *const u8) -> i32 {
            let main: fn() -> i32 = $main;
            main()
        }
    };
}

/// Prints to the partition's console.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::console::print_args(format_args!($($arg)*)) };
}

/// Prints a line to the partition's console.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($arg:tt)*) => {{
        $crate::console::print_args(format_args!($($arg)*));
        $crate::print!("\n");
    }};
}
