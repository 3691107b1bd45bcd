//! The host's clock, and how a dispatcher sleeps by it.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use super::TimeSource;

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now_ns() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the call fills the structure; it cannot fail for this clock.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 }
}

/// Sleeps until the instant with clock_nanosleep, as a program without a dispatcher's needs would; a signal ends it early.
pub fn plain_sleep_until(instant_ns: u64) {
    let until = timespec(instant_ns);
    // SAFETY: reads a structure that lives on this stack.
    unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut());
    }
}

/// The host's clock for one dispatcher thread.
///
/// Two timers take turns. While the thread sleeps until one boundary, the timer for the boundary after that is armed
/// already; so the interrupt that ends this sleep programs the hardware for the next one by itself, and arming the one
/// behind it touches no hardware. Programming the hardware costs 10 µs on a virtual machine, and a dispatcher that did it
/// between continuing a guest and falling asleep would take them from the beginning of the guest's window.
#[derive(Debug)]
pub struct RealTime {
    timers: [Timer; 2],
    /// The thread's own /proc/thread-self/schedstat; none where the kernel does not count.
    schedstat: Option<File>,
}

#[derive(Debug)]
struct Timer {
    fd: OwnedFd,
    /// The instant it is armed for; 0 if it is not.
    instant_ns: u64,
}

impl Timer {
    fn new() -> Result<Timer, Errno> {
        // SAFETY: makes a descriptor; no memory is involved.
        let fd = Errno::result(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Timer { fd: unsafe { OwnedFd::from_raw_fd(fd) }, instant_ns: 0 })
    }

    fn arm(&mut self, instant_ns: u64) {
        let spec = libc::itimerspec { it_interval: timespec(0), it_value: timespec(instant_ns) };
        let fd = self.fd.as_raw_fd();
        // SAFETY: reads a structure that lives on this stack.
        unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &raw const spec, std::ptr::null_mut()) };
        self.instant_ns = instant_ns;
    }

    /// Waits until it fires, or until a signal comes.
    fn wait(&mut self) {
        let mut expirations = 0u64;
        // SAFETY: the kernel writes eight bytes at most into the number.
        let len = unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut expirations).cast(), 8) };
        if len > 0 {
            self.instant_ns = 0;
        }
    }
}

impl RealTime {
    /// A time source for the calling thread.
    ///
    /// # Errors
    /// When the kernel refuses a timer.
    pub fn new() -> Result<RealTime, Errno> {
        let schedstat = File::open("/proc/thread-self/schedstat").ok();
        Ok(RealTime { timers: [Timer::new()?, Timer::new()?], schedstat })
    }
}

/// The second number in a schedstat: nanoseconds spent on a run queue.
fn run_delay(text: &[u8]) -> u64 {
    let mut numbers = text.split(|byte| !byte.is_ascii_digit());
    let digits = numbers.nth(1).unwrap_or_default();
    digits.iter().fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

impl TimeSource for RealTime {
    fn now_ns(&mut self) -> u64 {
        now_ns()
    }

    fn sleep_until(&mut self, instant_ns: u64, following_ns: u64) {
        let [first, second] = &mut self.timers;
        let (this, other) = if second.instant_ns == instant_ns { (second, first) } else { (first, second) };
        if this.instant_ns != instant_ns {
            this.arm(instant_ns);
        }
        if other.instant_ns != following_ns {
            other.arm(following_ns);
        }
        this.wait();
    }

    fn waited_ns(&mut self) -> u64 {
        let mut text = [0; 64];
        let len = self.schedstat.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        run_delay(&text[..len])
    }
}
