//! The partition's own life.

use crate::{arch, console};

/// Ends the partition's process with `status` (0 to 255; 0 means well). Waits for the console's output to be fetched.
/// What happens then is the configuration's to say.
pub fn halt(status: i32) -> ! {
    console::flush();
    exit(status)
}

/// Ends the process at once; unfetched output is still there for the supervisor.
pub(crate) fn exit(status: i32) -> ! {
    loop {
        // SAFETY: the call does not return.
        unsafe { arch::syscall(arch::nr::EXIT_GROUP, [status as u64, 0, 0, 0, 0]) };
    }
}
