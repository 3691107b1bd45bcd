//! Signals: to guests, through their pidfds, and to dispatchers that sleep.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// The signal that interrupts a dispatcher's sleep or wait. Its handler does nothing.
pub fn nudge_signal() -> i32 {
    libc::SIGRTMIN() + 1
}

/// Installs the handler of [`nudge_signal`], without SA_RESTART, so that waits end with EINTR.
///
/// Also tells the kernel to spare the supervisor a SIGCHLD for every stop and continue. Nobody here wants one, and sending
/// it would interrupt another CPU (14 µs) while a dispatcher waits for its stop.
///
/// # Errors
/// What sigaction says.
pub fn install_signals() -> Result<(), Errno> {
    extern "C" fn nothing(_: i32) {}
    // SAFETY: all zero is a valid sigaction: the default, no flags, an empty mask.
    let mut default: libc::sigaction = unsafe { std::mem::zeroed() };
    default.sa_flags = libc::SA_NOCLDSTOP;
    // SAFETY: there is no handler to be unsafe.
    let result = unsafe { libc::sigaction(libc::SIGCHLD, &raw const default, std::ptr::null_mut()) };
    Errno::result(result)?;
    // SAFETY: all zero is a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
    // SAFETY: the handler does nothing at all, so it is safe at any instant.
    let result = unsafe { libc::sigaction(nudge_signal(), &raw const action, std::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

/// Has the kernel do with a signal what it does by itself, even where this process was started with the signal ignored, as a shell
/// starts what runs in its background. Signals that there are not are left alone.
pub fn reset_signal(signal: i32) {
    // SAFETY: all zero is a valid sigaction: the default, no flags, an empty mask.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: there is no handler to be unsafe.
    unsafe { libc::sigaction(signal, &raw const default, std::ptr::null_mut()) };
}

/// Whether this process does not hear of a signal, as one that was started by nohup does not hear of SIGHUP.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zero is a valid sigaction, to be overwritten.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: changes nothing, and fills a structure that lives on this stack.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Interrupts the sleep of the dispatcher with this thread id.
pub fn nudge(thread: i32) {
    // SAFETY: sends a signal whose handler does nothing to a thread of this process; takes integers only.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, nudge_signal()) };
}

/// Sends a signal through a pidfd.
///
/// # Errors
/// ESRCH when the process has been collected.
pub fn send(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    // SAFETY: takes integers and a null.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    Errno::result(result).map(drop)
}
