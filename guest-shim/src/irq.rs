//! Virtual interrupts: lines, the mask, handlers.
//!
//! One word masks all interrupts, and masking costs a store. A signal that arrives while the word is set leaves a mark and
//! returns; unmasking looks at the mark. A signal that arrives while the word is clear makes the interrupted code look as if
//! a processor had interrupted it: a frame as the hardware pushes it, below the red zone of the interrupted stack, and the
//! instruction pointer at the vector. The vector runs as ordinary code of the guest, with interrupts masked, and may switch
//! to another stack before it returns.
//!
//! Lines are level-triggered bits: one that is raised twice before it is served is served once, and one that is not enabled
//! stays pending. The lowest number is served first.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence};

use bulkhead_abi::trace::Kind;
use bulkhead_abi::vcpu::line;
pub use bulkhead_abi::vcpu::line::{CONSOLE, COUNT, FIRST_SOFTWARE, PORT, TIMER, WINDOW};

use crate::{arch, timer, trace, virtual_time, window};

/// What a handler is: called with interrupts masked, on the interrupted stack, with the line's number and the argument it
/// was connected with.
pub type Handler = extern "C" fn(line: u32, argument: *mut core::ffi::c_void);

/// Not 0 while interrupts are masked. The supervisor has no part in it, so it lies in the guest's own memory.
#[unsafe(no_mangle)]
static bh_masked: AtomicU32 = AtomicU32::new(0);

/// Not 0 if a signal came while interrupts were masked.
#[unsafe(no_mangle)]
static bh_deferred: AtomicU32 = AtomicU32::new(0);

/// Where an interrupt goes: the shim's vector, or the guest's own.
#[unsafe(no_mangle)]
static bh_vector: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

/// What the shim's vector calls when all lines are served.
static AFTER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// The line that a vector of the guest's own serves, plus 1; 0 for none. It says so by asking for the next.
static SERVED: AtomicU32 = AtomicU32::new(0);

struct Table([UnsafeCell<Option<(Handler, *mut core::ffi::c_void)>>; line::COUNT as usize]);

// SAFETY: a guest is one thread, and entries change with interrupts masked only.
unsafe impl Sync for Table {}

static TABLE: Table = Table([const { UnsafeCell::new(None) }; line::COUNT as usize]);

/// There is no such line, or it is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// The number is not below [`COUNT`].
    NoSuchLine,
    /// Another handler is connected to it.
    Taken,
}

fn bit(line: u32) -> Result<u64, LineError> {
    1u64.checked_shl(line).ok_or(LineError::NoSuchLine)
}

fn pending_word() -> &'static AtomicU64 {
    &window::vcpu().pending
}

fn enabled_word() -> &'static AtomicU64 {
    &window::vcpu().enabled
}

/// Masks interrupts and returns the level before: 0 if they were unmasked. A store and a load.
#[inline]
pub fn disable() -> u32 {
    let level = bh_masked.load(Ordering::Relaxed);
    bh_masked.store(1, Ordering::Relaxed);
    // A signal is handled by this very thread, so what has to be kept in order is the compiler.
    compiler_fence(Ordering::SeqCst);
    level
}

/// Restores the level that [`disable`] returned. If that unmasks interrupts and one is pending, it is taken at once.
#[inline]
pub fn enable(level: u32) {
    compiler_fence(Ordering::SeqCst);
    bh_masked.store(level, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    if level == 0 && bh_deferred.load(Ordering::Relaxed) != 0 {
        arch::take_interrupt();
    }
}

/// Lets pending interrupts through, then masks again as before.
pub fn flash(level: u32) {
    enable(level);
    disable();
}

/// The current level: 0 if interrupts are unmasked.
pub fn level() -> u32 {
    bh_masked.load(Ordering::Relaxed)
}

/// Runs `body` with interrupts masked.
pub fn free<T>(body: impl FnOnce() -> T) -> T {
    let level = disable();
    let result = body();
    enable(level);
    result
}

/// Connects `handler` to a line and enables the line.
///
/// # Errors
/// If there is no such line, or if another handler is connected to it.
pub fn request(line: u32, handler: Handler, argument: *mut core::ffi::c_void) -> Result<(), LineError> {
    bit(line)?;
    free(|| {
        // SAFETY: interrupts are masked, so nobody else looks at the entry; the reference ends here.
        let entry = unsafe { &mut *TABLE.0[line as usize].get() };
        if entry.is_some_and(|(old, _)| !core::ptr::fn_addr_eq(old, handler)) {
            return Err(LineError::Taken);
        }
        *entry = Some((handler, argument));
        Ok(())
    })?;
    enable_line(line)
}

/// Disables a line and takes its handler off.
///
/// # Errors
/// If there is no such line.
pub fn detach(line: u32) -> Result<(), LineError> {
    disable_line(line)?;
    free(|| {
        // SAFETY: as in `request`.
        unsafe { *TABLE.0[line as usize].get() = None };
    });
    Ok(())
}

/// Lets a line interrupt. If it is pending, it does so at once, unless interrupts are masked.
///
/// # Errors
/// If there is no such line.
pub fn enable_line(line: u32) -> Result<(), LineError> {
    let bit = bit(line)?;
    let level = disable();
    enabled_word().fetch_or(bit, Ordering::Relaxed);
    if pending_word().load(Ordering::Relaxed) & bit != 0 {
        bh_deferred.store(1, Ordering::Relaxed);
    }
    enable(level);
    Ok(())
}

/// Keeps a line from interrupting; it stays pending if it is raised.
///
/// # Errors
/// If there is no such line.
pub fn disable_line(line: u32) -> Result<(), LineError> {
    enabled_word().fetch_and(!bit(line)?, Ordering::Relaxed);
    Ok(())
}

/// Raises a line. If it is enabled and interrupts are unmasked, the interrupt is taken before this returns.
///
/// # Errors
/// If there is no such line.
pub fn raise(line: u32) -> Result<(), LineError> {
    let bit = bit(line)?;
    let level = disable();
    if pending_word().fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        trace::note(Kind::Raised, line, 0);
    }
    bh_deferred.store(1, Ordering::Relaxed);
    enable(level);
    Ok(())
}

/// Takes back a raised line that has not been served.
///
/// # Errors
/// If there is no such line.
pub fn clear(line: u32) -> Result<(), LineError> {
    pending_word().fetch_and(!bit(line)?, Ordering::Relaxed);
    Ok(())
}

/// The raised lines, a bit each.
pub fn pending() -> u64 {
    virtual_time::charge();
    pending_word().load(Ordering::Relaxed)
}

/// The lines that are raised and enabled, a bit each.
pub(crate) fn wanted() -> u64 {
    // SYNC POINT doorbell: as in `arrived`.
    pending_word().load(Ordering::Acquire) & enabled_word().load(Ordering::Relaxed)
}

/// Leaves the mark of an interrupt that cannot be delivered now: it is taken at the next unmasking.
pub(crate) fn defer() {
    bh_deferred.store(1, Ordering::Relaxed);
}

/// Sleeps until an interrupt is pending. To be called with interrupts masked; it returns with them masked, and the
/// interrupt is taken when the caller unmasks. If one is pending already it returns at once, so no wake-up can be lost.
pub fn idle() {
    if virtual_time::is_virtual() {
        return virtual_time::idle();
    }
    let vcpu = window::vcpu();
    loop {
        let wakes = vcpu.wakes.load(Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        if wanted() != 0 {
            // The supervisor may have raised the line without having rung yet.
            bh_deferred.store(1, Ordering::Relaxed);
            return;
        }
        // A signal before the call has changed the word, and one during the call ends it.
        arch::futex_wait(&vcpu.wakes, wakes);
    }
}

/// Sends interrupts to `vector` instead of to the shim's handlers. It is entered as an interrupt gate of the processor's
/// would be, with interrupts masked: an interrupt frame on the stack, all other registers those of the interrupted code. It
/// serves lines by [`next_line`], unmasks, and returns by `iretq`; see `docs/porting.md`.
///
/// # Safety
/// `vector` must be the address of code that does so.
pub unsafe fn set_vector(vector: *const u8) {
    bh_vector.store(vector.cast_mut(), Ordering::Relaxed);
}

/// Has the shim's vector call `hook` when it has served every pending line: with interrupts masked, on the interrupted stack, all
/// registers saved. It may switch to another stack and come back later, so an operating system schedules from here without
/// a vector of its own.
pub fn set_after(hook: extern "C" fn()) {
    AFTER.store(hook as *mut (), Ordering::Relaxed);
}

/// The next line to serve, which is no longer pending then; `None` if there is none. For a vector of the guest's own, with
/// interrupts masked.
pub fn next_line() -> Option<u32> {
    // Whatever comes from here on leaves a new mark.
    bh_deferred.store(0, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    let served = SERVED.load(Ordering::Relaxed);
    if served != 0 {
        SERVED.store(0, Ordering::Relaxed);
        trace::note(Kind::InterruptFinished, served - 1, 0);
    }
    let ready = pending_word().load(Ordering::Acquire) & enabled_word().load(Ordering::Relaxed);
    if ready == 0 {
        return None;
    }
    let line = ready.trailing_zeros();
    pending_word().fetch_and(!(1 << line), Ordering::Relaxed);
    arch::bh_served.store(1, Ordering::Relaxed);
    virtual_time::note_interrupt(line);
    trace::note(Kind::InterruptEntered, line, 0);
    if !bh_vector.load(Ordering::Relaxed).is_null() {
        SERVED.store(line + 1, Ordering::Relaxed);
    }
    if line == TIMER {
        timer::expired();
    }
    Some(line)
}

/// Serves every pending line; called by the shim's vector with interrupts masked.
#[unsafe(no_mangle)]
extern "C" fn bh_irq_dispatch() {
    while let Some(line) = next_line() {
        // SAFETY: interrupts are masked; the entry is copied, so that the handler may change it.
        let entry = unsafe { *TABLE.0[line as usize].get() };
        if let Some((handler, argument)) = entry {
            handler(line, argument);
            // It may have unmasked, so that others interrupt it. Choosing the next line is not to be interrupted.
            disable();
        }
        trace::note(Kind::InterruptFinished, line, 0);
    }
    let after = AFTER.load(Ordering::Relaxed);
    if !after.is_null() {
        // SAFETY: what is not null was stored by `set_after`, from a value of this type.
        unsafe { core::mem::transmute::<*mut (), extern "C" fn()>(after)() };
    }
}

/// A signal has come for an interrupt: notes the line, and says whether the interrupted code is to be interrupted.
pub(crate) fn arrived(from_timer: bool) -> bool {
    let vcpu = window::vcpu();
    vcpu.wakes.fetch_add(1, Ordering::Relaxed);
    if from_timer && timer::fired() {
        vcpu.pending.fetch_or(1 << TIMER, Ordering::Relaxed);
    }
    if bh_masked.load(Ordering::Relaxed) != 0 {
        bh_deferred.store(1, Ordering::Relaxed);
        return false;
    }
    // SYNC POINT doorbell: pairs with the supervisor's release when it sets the bit.
    if vcpu.pending.load(Ordering::Acquire) & vcpu.enabled.load(Ordering::Relaxed) == 0 {
        return false;
    }
    bh_masked.store(1, Ordering::Relaxed);
    true
}

/// The address of the vector.
pub(crate) fn vector() -> u64 {
    let own = bh_vector.load(Ordering::Relaxed);
    if own.is_null() { arch::default_vector() } else { own as u64 }
}
