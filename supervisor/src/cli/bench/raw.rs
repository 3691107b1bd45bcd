//! What Linux offers an ordinary process, in the arrangement that the virtual CPU is measured in.

use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_abi::vcpu::DOORBELL;
use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid, fork};

use super::figure::Samples;
use super::{Failure, host_cannot};
use crate::dispatch::policy::{GuestPolicy, apply};
use crate::dispatch::signal::send;
use crate::partition::pin;

/// Pairs of calls in a batch.
const PAIRS: u64 = 100;
const BATCHES: u32 = 2000;

/// The time-stamp counter.
pub(super) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and user mode may use it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Blocks a signal and restores the mask, over and over, in a thread on `cpu`: ticks a batch of [`PAIRS`], as samples a pair.
pub(super) fn sigprocmask_pairs(cpu: u32, ps: impl Fn(u64) -> u64 + Send + 'static) -> Samples {
    let thread = std::thread::spawn(move || {
        let _ = pin(Pid::from_raw(0), &[cpu]);
        let mut samples = Samples::new();
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut old = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: fills the set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        for _ in 0..BATCHES {
            let before = ticks();
            for _ in 0..PAIRS {
                // SAFETY: the first set was filled above, the second one is by the first call; both live on this stack.
                unsafe {
                    libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), old.as_mut_ptr());
                    libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut());
                }
            }
            samples.add_ps(ps(ticks() - before) / PAIRS);
        }
        samples
    });
    // It cannot panic.
    thread.join().unwrap_or_else(|_| Samples::new())
}

static STAMP: AtomicU64 = AtomicU64::new(0);

extern "C" fn stamp(_: i32) {
    STAMP.store(ticks(), Ordering::Relaxed);
}

/// A process that spins on its CPU and stamps each signal in the handler's first instructions. Dropping it kills it.
#[derive(Debug)]
pub(super) struct RawProcess {
    pid: Pid,
    pidfd: OwnedFd,
    stamps: PipeReader,
}

impl RawProcess {
    /// Forks it. The caller must not have started other threads.
    pub(super) fn start(cpu: u32, policy: GuestPolicy) -> Result<RawProcess, Failure> {
        let (stamps, writer) = pipe().map_err(host_cannot)?;
        // SAFETY: no other thread runs, so the child may do whatever a program may.
        let pid = match unsafe { fork() }.map_err(host_cannot)? {
            ForkResult::Parent { child } => child,
            ForkResult::Child => serve(writer.as_raw_fd()),
        };
        // SAFETY: takes integers and makes a descriptor.
        let opened = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) });
        // SAFETY: the kernel has just made this descriptor for us.
        let pidfd = opened.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) });
        let pidfd = pidfd.map_err(|error| {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            host_cannot(error)
        })?;
        let mut process = RawProcess { pid, pidfd, stamps };
        process.stamp()?;
        pin(pid, &[cpu]).map_err(host_cannot)?;
        apply(pid, policy).map_err(host_cannot)?;
        Ok(process)
    }

    pub(super) fn signal(&self, signal: i32) -> Result<(), Failure> {
        send(self.pidfd.as_fd(), signal).map_err(host_cannot)
    }

    /// Waits for the next stamp.
    fn stamp(&mut self) -> Result<u64, Failure> {
        let mut word = [0; 8];
        self.stamps.read_exact(&mut word).map_err(host_cannot)?;
        Ok(u64::from_le_bytes(word))
    }

    /// From just before the signal is sent to the handler, in ticks.
    pub(super) fn kick(&mut self) -> Result<u64, Failure> {
        let before = ticks();
        self.signal(DOORBELL)?;
        Ok(self.stamp()?.saturating_sub(before))
    }
}

impl Drop for RawProcess {
    fn drop(&mut self) {
        let _ = self.signal(libc::SIGKILL);
        let _ = nix::sys::wait::waitpid(self.pid, None);
    }
}

/// The child: says that it is ready by a stamp, and then passes on every one.
fn serve(out: i32) -> ! {
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    // SAFETY: the handler only stores to an atomic, so it is safe at any instant.
    unsafe { libc::signal(DOORBELL, stamp as extern "C" fn(i32) as usize) };
    STAMP.store(1, Ordering::Relaxed);
    loop {
        let stamp = STAMP.swap(0, Ordering::Relaxed);
        if stamp != 0 {
            let word = stamp.to_le_bytes();
            // SAFETY: writes eight bytes of this stack.
            unsafe { libc::write(out, word.as_ptr().cast(), word.len()) };
        }
        std::hint::spin_loop();
    }
}
