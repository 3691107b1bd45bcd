//! What a C library offers for switching contexts within a thread: swapcontext(3).

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use nix::unistd::Pid;

use super::figure::Samples;
use super::raw::ticks;
use crate::partition::pin;

/// Round trips in a batch.
const TRIPS: u64 = 100;
const BATCHES: u32 = 2000;
const STACK: usize = 64 * 1024;

/// The two contexts; a thread has its own.
struct Pair {
    here: libc::ucontext_t,
    there: libc::ucontext_t,
}

/// The other side: switches back whenever it is switched to.
extern "C" fn back(low: u32, high: u32) {
    let pair = (u64::from(high) << 32 | u64::from(low)) as *mut Pair;
    loop {
        // SAFETY: the pair outlives the measurement, and this context never runs again behind it.
        unsafe { libc::swapcontext(&raw mut (*pair).there, &raw const (*pair).here) };
    }
}

/// Switches between two contexts of a thread on `cpu`, over and over: ticks a batch of [`TRIPS`], as samples of one switch.
pub(super) fn swapcontext_switches(cpu: u32, ps: impl Fn(u64) -> u64 + Send + 'static) -> Samples {
    let thread = std::thread::spawn(move || {
        let _ = pin(Pid::from_raw(0), &[cpu]);
        let mut samples = Samples::new();
        let mut stack = vec![0u8; STACK];
        // SAFETY: a context is integers and pointers, for which zero is a value; getcontext fills it.
        let mut pair = Box::new(unsafe { MaybeUninit::<Pair>::zeroed().assume_init() });
        let address = &raw mut *pair;
        // makecontext passes on integers only.
        type Body = extern "C" fn();
        // SAFETY: makecontext calls the function with the two arguments that it is given.
        let body = unsafe { std::mem::transmute::<extern "C" fn(u32, u32), Body>(back) };
        // SAFETY: the context has been filled, its stack lives until the end of this function, and the arguments are integers.
        unsafe {
            libc::getcontext(&raw mut (*address).there);
            (*address).there.uc_stack.ss_sp = stack.as_mut_ptr().cast();
            (*address).there.uc_stack.ss_size = STACK;
            (*address).there.uc_link = null_mut();
            libc::makecontext(&raw mut (*address).there, body, 2, address as u64 as u32, (address as u64 >> 32) as u32);
        }
        for _ in 0..BATCHES {
            let before = ticks();
            for _ in 0..TRIPS {
                // SAFETY: both contexts are valid: one was made above, and each was saved by the switch away from it since.
                unsafe { libc::swapcontext(&raw mut (*address).here, &raw const (*address).there) };
            }
            samples.add_ps(ps(ticks() - before) / (2 * TRIPS));
        }
        samples
    });
    // It cannot panic.
    thread.join().unwrap_or_else(|_| Samples::new())
}
