//! System calls without a C library, for the time between clone and exec.
//!
//! The child shares the spawner's memory and, with it, the C library's thread-local errno; so it must not go through
//! the C library at all.

use std::arch::asm;

/// Makes a system call; a negative result is an errno.
///
/// # Safety
/// The call must leave memory that Rust code relies on as it is.
pub(super) unsafe fn syscall(number: i64, args: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: the kernel's calling convention on x86-64: it changes RAX, RCX and R11 and no other register; the effects
    // on memory are the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result
}
