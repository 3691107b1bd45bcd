//! The one executive of the partition: its state, and the way in and out of it.
//!
//! Every service and every interrupt goes through [`enter`]: interrupts masked, the rules change the state, and then
//! [`dispatch`] gives the processor to whom it belongs. A service that blocks returns from `dispatch` when its process
//! runs again.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use bulkhead_shim::{clock, fault, irq, timer, trace};

use crate::core::{Core, Flow, Mode, NO_EVENT, Reply};

use super::memory::Arena;
use super::ports::Ports;
use super::world::World;
use super::{limits, stacks, switch};

/// The state of the partition's executive.
pub(super) struct Executive {
    core: Core<'static, World>,
    /// Stack pointer of the main process, which idles once it is over.
    idle: usize,
    /// What the timer is set to.
    armed: i64,
}

struct Place(UnsafeCell<Option<Executive>>);

// SAFETY: a guest is one thread, and all access is with interrupts masked; see `state`.
unsafe impl Sync for Place {}

static STATE: Place = Place(UnsafeCell::new(None));

/// The state is being changed.
static BUSY: AtomicBool = AtomicBool::new(false);

/// The state exists.
static MADE: AtomicBool = AtomicBool::new(false);

/// The state.
///
/// # Safety
/// Interrupts must be masked, and no other reference from here may be in use.
#[inline(always)]
unsafe fn state() -> &'static mut Executive {
    // SAFETY: exclusive by the caller's promise; `make` has run, as everybody who calls this has seen to.
    unsafe { (*STATE.0.get()).as_mut().unwrap_unchecked() }
}

/// Makes the state at the first service.
#[cold]
fn make() {
    let limits = limits::limits();
    let mut ram = Arena::ram();
    let mode = if bulkhead_shim::boot::info().start_mode == 0 { Mode::ColdStart } else { Mode::WarmStart };
    let ports = Ports::new(ram.table(limits.ports));
    let core = Core::new(World::new(ports), ram.tables(&limits), mode, stacks::LARGEST);
    let executive = Executive { core, idle: 0, armed: NO_EVENT };
    irq::free(|| {
        // SAFETY: interrupts are masked, and nobody has a reference yet.
        unsafe { *STATE.0.get() = Some(executive) };
        MADE.store(true, Ordering::Relaxed);
    });
    // The lines exist; the guest's own handlers on them would be its own fault.
    let _ = irq::request(irq::TIMER, on_timer, core::ptr::null_mut());
    let _ = irq::request(irq::PORT, on_port, core::ptr::null_mut());
    irq::set_after(after_interrupt);
    fault::set_handler(Some(super::fault::on_fault));
    fault::set_guard(super::fault::is_stack_guard);
}

/// Changes the state by `change`.
///
/// # Safety
/// Interrupts must be masked, and no reference from [`state`] may be in use.
#[inline(always)]
unsafe fn with<T>(change: impl FnOnce(&mut Core<'static, World>) -> T) -> T {
    BUSY.store(true, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    // SAFETY: the caller's promise.
    let result = change(unsafe { &mut state().core });
    compiler_fence(Ordering::SeqCst);
    BUSY.store(false, Ordering::Relaxed);
    result
}

/// Calls a service that does not block. Another process may run before this returns.
#[inline]
pub(crate) fn call<T>(change: impl FnOnce(&mut Core<'static, World>) -> T) -> T {
    call_checked(|_| (), |()| (), change)
}

/// As [`call`]; `check` runs first, with interrupts masked already, and is told what `room` says. Where it faults, the fault
/// is the process'.
#[inline]
pub(crate) fn call_checked<R, T>(
    room: impl FnOnce(&Core<'static, World>) -> R,
    check: impl FnOnce(R),
    change: impl FnOnce(&mut Core<'static, World>) -> T,
) -> T {
    switch::probe_stack();
    if !MADE.load(Ordering::Relaxed) {
        make();
    }
    let level = irq::disable();
    // SAFETY: interrupts are masked, and the references within end before the next begins.
    let result = unsafe {
        check(room(&state().core));
        let result = with(change);
        dispatch();
        result
    };
    irq::enable(level);
    result
}

/// Calls a service that may block; what it returns is what the caller finally gets. `after` turns the length of what it received
/// into that.
#[inline]
pub(crate) fn block<T>(
    change: impl FnOnce(&mut Core<'static, World>) -> Reply<Flow<T>>,
    after: impl FnOnce(u32) -> T,
) -> Reply<T> {
    block_checked(|_| (), |()| (), change, after)
}

/// As [`block`], with a check as in [`call_checked`].
#[inline]
pub(crate) fn block_checked<R, T>(
    room: impl FnOnce(&Core<'static, World>) -> R,
    check: impl FnOnce(R),
    change: impl FnOnce(&mut Core<'static, World>) -> Reply<Flow<T>>,
    after: impl FnOnce(u32) -> T,
) -> Reply<T> {
    let flow = call_checked(room, check, |core| match change(core) {
        Ok(Flow::Done(value)) => Some(Ok(value)),
        Ok(Flow::Blocked) => None,
        Err(code) => Some(Err(code)),
    });
    // If it blocked, the process runs again, and only it looks at how its wait ended.
    flow.unwrap_or_else(|| {
        let (outcome, length) = peek(|core| core.outcome());
        outcome.map(|()| after(length))
    })
}

/// Looks at the state.
#[inline]
fn peek<T>(look: impl FnOnce(&Core<'static, World>) -> T) -> T {
    // SAFETY: interrupts are masked, and the reference ends before they are unmasked.
    irq::free(|| look(unsafe { &state().core }))
}

/// Gives the processor to whom it belongs.
///
/// # Safety
/// Interrupts must be masked, and no reference from [`state`] may be in use.
#[inline(always)]
unsafe fn dispatch() {
    // SAFETY: the caller's promise; the reference is not used behind the switch.
    let executive = unsafe { state() };
    executive.arm();
    let (running, heir) = (executive.core.running(), executive.core.heir());
    if running == heir && heir.is_none_or(|heir| !executive.core.is_fresh(heir)) {
        return;
    }
    if executive.core.mode() != Mode::Normal {
        return;
    }
    let from: *mut usize = match running {
        Some(running) => executive.core.context(running),
        None => &mut executive.idle,
    };
    let to = executive.take(heir);
    // SAFETY: `from` is the running context's place in the tables, `to` the heir's; interrupts are masked.
    unsafe { switch::switch(from, to) };
}

impl Executive {
    /// The heir becomes the running process: its stack pointer.
    #[inline(always)]
    fn take(&mut self, heir: Option<u16>) -> usize {
        let fresh = self.core.run(heir);
        match heir {
            None => trace::process(0, &[]),
            Some(heir) => trace::process(u32::from(heir) + 1, self.core.attributes(heir).name.bytes()),
        }
        match heir {
            None => self.idle,
            Some(heir) if fresh => self.begin(heir),
            Some(heir) => *self.core.context(heir),
        }
    }

    #[cold]
    fn begin(&mut self, heir: u16) -> usize {
        let attributes = self.core.attributes(heir);
        // SAFETY: the top of the process' own stack. If it runs on it at this moment, it stops for good.
        unsafe { switch::prepare(stacks::top(heir, attributes.stack_size), attributes.entry) }
    }

    /// Sets the timer, if the next event is sooner than what it is set to. One that comes too early does no harm.
    #[inline(always)]
    fn arm(&mut self) {
        let next = self.core.next_event();
        if next < self.armed {
            self.armed = next;
            timer::one_shot(next as u64);
        }
    }
}

/// Takes the running context out by `change` for good; returns the stack pointer of who goes on. Interrupts must be masked.
pub(super) fn abandon(change: impl FnOnce(&mut Core<'static, World>)) -> usize {
    // SAFETY: interrupts are masked; the references end before the next begins.
    unsafe {
        with(change);
        let executive = state();
        executive.arm();
        let heir = executive.core.heir();
        executive.take(heir)
    }
}

extern "C" fn on_timer(_: u32, _: *mut core::ffi::c_void) {
    switch::probe_stack();
    // SAFETY: handlers run with interrupts masked, and never within a service.
    unsafe {
        state().armed = NO_EVENT;
        with(|core| core.advance(clock::now_ns() as i64));
    }
}

extern "C" fn on_port(_: u32, _: *mut core::ffi::c_void) {
    switch::probe_stack();
    // SAFETY: as for the timer.
    unsafe { with(|core| core.ports_changed()) };
}

extern "C" fn after_interrupt() {
    // SAFETY: as for the timer.
    unsafe { dispatch() };
}

/// Idles for good: what the main process does once the partition is in NORMAL.
pub(crate) fn idle() -> ! {
    loop {
        irq::disable();
        irq::idle();
        irq::enable(0);
    }
}

/// Whether the state is being changed at this moment, or not there yet.
pub(super) fn is_busy() -> bool {
    BUSY.load(Ordering::Relaxed) || !MADE.load(Ordering::Relaxed)
}

/// Whether a process runs. From a fault handler, when the executive is not busy.
pub(super) fn runs_process() -> bool {
    // SAFETY: signals are blocked, and the state is not being changed.
    unsafe { state().core.runs_process() }
}
