//! From the entry point to `main`, and what happens when Rust code panics.

use bulkhead_abi::boot::BootInfo;

use crate::{arch, boot, partition, virtual_time, window};

unsafe extern "C" {
    fn main(argc: i32, argv: *const *const u8) -> i32;
}

/// Exit status of a guest whose boot information is unusable, and of an image started as an ordinary program.
const EXIT_NOT_A_PARTITION: i32 = 2;

/// Called by the entry point with the address of the boot information.
#[unsafe(no_mangle)]
extern "C" fn bh_rt_start(boot: *const BootInfo) -> ! {
    // SAFETY: the supervisor leaves the address of its read-only boot information in the register, Linux a null.
    if unsafe { boot::init(boot) }.is_err() {
        let words = b"This is a Bulkhead guest; start it with: bulkhead run FILE\n";
        // SAFETY: writes a constant to standard error. A partition never gets here; if it did, the filter would kill it.
        unsafe { arch::syscall(arch::nr::WRITE, [2, words.as_ptr() as u64, words.len() as u64, 0, 0]) };
        partition::exit(EXIT_NOT_A_PARTITION);
    }
    arch::init();
    virtual_time::init();
    window::begin_stamps();
    let info = boot::info();
    // SAFETY: the guest defines `main` with this signature, and its arguments are the supervisor's table.
    let status = unsafe { main(info.argc as i32, info.argv as *const *const u8) };
    partition::halt(status)
}

#[cfg(not(test))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    crate::println!("{info}");
    partition::halt(101)
}
