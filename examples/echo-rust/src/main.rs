//! Sends back whatever comes in: from its queuing port "in" to its queuing port "out", and sleeps while there is nothing to
//! do.
#![no_std]
#![no_main]

use bulkhead_shim::port::{self, SendError};
use bulkhead_shim::{entry, irq, println};

entry!(main);

/// The interrupt only has to end the sleep.
extern "C" fn on_port(_line: u32, _argument: *mut core::ffi::c_void) {}

fn main() -> i32 {
    let ends = port::find("in").zip(port::find("out"));
    let Some((Ok(from), Ok(to))) = ends.map(|(from, to)| (from.queuing_destination(), to.queuing_source())) else {
        println!("the module's configuration gives this partition no queuing ports \"in\" and \"out\"");
        return 1;
    };
    if irq::request(irq::PORT, on_port, core::ptr::null_mut()).is_err() {
        return 2;
    }
    let mut buffer = [0; 4096];
    loop {
        while let Some(len) = from.receive(&mut buffer) {
            while to.send(&buffer[..len]) == Err(SendError::Full) {
                // Masked from the look to the sleep, so that no news is lost in between.
                let level = irq::disable();
                if to.room() == 0 {
                    irq::idle();
                }
                irq::enable(level);
            }
        }
        let level = irq::disable();
        if from.waiting() == 0 {
            irq::idle();
        }
        irq::enable(level);
    }
}
