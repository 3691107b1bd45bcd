//! The smallest guest in Rust: says what it finds and ends well.
#![no_std]
#![no_main]

use bulkhead_shim::{boot, clock, entry, println, window};

entry!(main);

fn main() -> i32 {
    let (ram, size) = boot::ram();
    println!("hello from Rust: {} KiB of RAM at {ram:p}", size / 1024);
    for argument in boot::args().skip(1) {
        println!("argument: {argument}");
    }
    for window in boot::windows() {
        println!("a window of {} µs at {} µs", window.duration_ns / 1000, window.start_ns / 1000);
    }
    for _ in 0..3 {
        let since = clock::now_ns() - clock::epoch_ns();
        println!("window {} begins {} µs into the module", window::count(), since / 1000);
        window::yield_window();
    }
    0
}
