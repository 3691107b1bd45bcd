//! Virtual time: the guest's own basic blocks move the clock, and events strike at an exact block.
//!
//! Code compiled with `-fsanitize-coverage=trace-pc` (gcc, or LLVM for Rust) calls `__sanitizer_cov_trace_pc` at every basic
//! block. In a virtual run each call adds a few nanoseconds; when the clock reaches the nearest event, the shim handles it
//! there and then: it raises the timer's line, or hands the turn over because the window has ended, and then takes whatever
//! interrupt is due, as if it had struck the block. No signal and no timer of the kernel's is involved. Idling jumps to the
//! next event, and calls of the shim take a few nanoseconds each, so that loops around them end.
//!
//! In a real run the same callback adds 0 to a clock that nobody reads.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use bulkhead_abi::exploration::Stream;
use bulkhead_abi::map;
use bulkhead_abi::vcpu::line;
use bulkhead_abi::virtual_time::{
    AWAITED, DIGEST, GUEST, NEVER, Parameters, Reason, STEP, SUPERVISOR, VIRTUAL, VirtualCpu, mix,
};

use crate::step::quietly;
use crate::{arch, boot, irq, step, window};

/// What the callback counts on until start-up has found the real thing, and in real runs: a clock without events.
static STILL: VirtualCpu = VirtualCpu {
    now_ns: AtomicU64::new(0),
    next_ns: AtomicU64::new(NEVER),
    block_ns: AtomicU64::new(0),
    turn: AtomicU32::new(GUEST),
    reason: AtomicU32::new(0),
    wake_ns: AtomicU64::new(NEVER),
    interrupts: AtomicU64::new(0),
    digest: AtomicU64::new(0),
    ip: AtomicU64::new(0),
};

/// The clock that the callback counts on.
#[unsafe(no_mangle)]
static bh_virtual_cpu: AtomicPtr<VirtualCpu> = AtomicPtr::new((&raw const STILL).cast_mut());
/// The clock in use. It is the callback's, too, unless the guest steps: then blocks take no time of their own.
static CPU: AtomicPtr<VirtualCpu> = AtomicPtr::new((&raw const STILL).cast_mut());

pub(crate) static IS_VIRTUAL: AtomicBool = AtomicBool::new(false);
/// When the guest's timer is to strike, which with a seed is some time after it is due; 0 if it is not set.
static DUE_NS: AtomicU64 = AtomicU64::new(0);
/// When the supervisor is to have a look at the console again. Sleep does not count, so that a guest that mostly sleeps is not
/// kept from jumping over it.
static SERVICE_NS: AtomicU64 = AtomicU64::new(NEVER);
/// How long a guest may be busy before that, in nanoseconds of virtual time.
static BUSY_NS: AtomicU64 = AtomicU64::new(10_000_000);
/// The same in instructions, where the guest steps through them.
const BUSY_STEPS: u64 = 20_000;
/// When an event is looked at again that came in a signal's handler, in nanoseconds from then.
const RETRY_NS: u64 = 200;
/// What a call of the shim takes, in nanoseconds.
static CALL_NS: AtomicU64 = AtomicU64::new(0);
/// When the pace changes; never without a seed.
static REDRAW_NS: AtomicU64 = AtomicU64::new(NEVER);
/// Where the stream of random numbers is. Touched only where no event can strike: with the next one out of reach.
static STREAM: AtomicU64 = AtomicU64::new(0);
/// Not 0 while a handler for faults runs, in which nothing may interrupt.
static HELD: AtomicU32 = AtomicU32::new(0);

fn cpu() -> &'static VirtualCpu {
    // SAFETY: either the static above or the guest's page, which the supervisor mapped for the whole life of the process; all
    // fields are atomic.
    unsafe { &*CPU.load(Ordering::Relaxed) }
}

/// The guest's page, which counts interrupts in a real run too.
fn page() -> &'static VirtualCpu {
    // SAFETY: the supervisor mapped this page, aligned, for the whole life of the process; all fields are atomic.
    unsafe { &*((map::GUEST.base + map::guest::VIRTUAL) as *const VirtualCpu) }
}

fn parameters() -> &'static Parameters {
    // SAFETY: the supervisor mapped this page, aligned and readable, for the whole life of the process; what changes in it is
    // atomic.
    unsafe { &*((map::HOST.base + map::host::VIRTUAL) as *const Parameters) }
}

/// Whether time is virtual.
pub fn is_virtual() -> bool {
    IS_VIRTUAL.load(Ordering::Relaxed)
}

/// Finds out which time it is. Called once, before the guest's code.
pub(crate) fn init() {
    let parameters = parameters();
    if parameters.mode.load(Ordering::Relaxed) != VIRTUAL {
        return;
    }
    let cpu = page();
    // A debugger may let the process go before its turn has come.
    await_turn(cpu);
    CPU.store((&raw const *cpu).cast_mut(), Ordering::Relaxed);
    let steps = parameters.preempt.load(Ordering::Relaxed) == STEP;
    if !steps {
        bh_virtual_cpu.store((&raw const *cpu).cast_mut(), Ordering::Relaxed);
    }
    cpu.now_ns.store(parameters.from_ns.load(Ordering::Relaxed), Ordering::Relaxed);
    cpu.block_ns.store(u64::from(parameters.block_ns.load(Ordering::Relaxed)), Ordering::Relaxed);
    cpu.digest.store(DIGEST, Ordering::Relaxed);
    CALL_NS.store(u64::from(parameters.call_ns.load(Ordering::Relaxed)), Ordering::Relaxed);
    let seed = parameters.seed.load(Ordering::Relaxed);
    if seed != 0 {
        let info = boot::info();
        STREAM.store(Stream::new(seed, info.partition_id, info.generation).state(), Ordering::Relaxed);
        change_pace();
    }
    if steps {
        BUSY_NS.store(u64::from(parameters.block_ns.load(Ordering::Relaxed)) * BUSY_STEPS, Ordering::Relaxed);
    }
    SERVICE_NS.store(now_ns() + busy_ns(), Ordering::Relaxed);
    IS_VIRTUAL.store(true, Ordering::Relaxed);
    arm_next();
    if steps {
        step::begin();
    }
}

/// Module time, without any time passing.
pub(crate) fn now_ns() -> u64 {
    cpu().now_ns.load(Ordering::Relaxed)
}

/// A call of the shim takes its time; what becomes due meanwhile happens at once. Nothing in a real run.
pub(crate) fn charge() {
    if is_virtual() {
        tick();
    }
}

/// Module time, whose reading takes time itself.
pub(crate) fn read_ns() -> u64 {
    tick()
}

/// Lets the time of a call pass, and with it what becomes due; the result is the instant before that.
fn tick() -> u64 {
    let cpu = cpu();
    let (now, is_due) = quietly(|| {
        let now = now_ns().saturating_add(CALL_NS.load(Ordering::Relaxed));
        cpu.now_ns.store(now, Ordering::Relaxed);
        (now, now >= cpu.next_ns.load(Ordering::Relaxed))
    });
    if is_due {
        cpu.next_ns.store(NEVER, Ordering::Relaxed);
        bh_virtual_event();
    }
    now
}

/// Sets the guest's timer; 0 stops it. Interrupts are masked.
pub(crate) fn set_timer(due_ns: u64) {
    quietly(|| {
        let late_ns = if due_ns == 0 || !is_varied() {
            0
        } else {
            draw(|stream| stream.lateness_ns(due_ns.saturating_sub(now_ns())))
        };
        DUE_NS.store(due_ns.saturating_add(late_ns), Ordering::Relaxed);
        arm_next();
    });
}

/// Whether a seed varies this run.
fn is_varied() -> bool {
    REDRAW_NS.load(Ordering::Relaxed) != NEVER
}

/// Draws from the stream. An event would draw as well, so none may strike meanwhile where this crate is instrumented; the caller
/// calls [`arm_next`] behind this.
fn draw<T>(from: impl FnOnce(&mut Stream) -> T) -> T {
    cpu().next_ns.store(NEVER, Ordering::Relaxed);
    let mut stream = Stream::resume(STREAM.load(Ordering::Relaxed));
    let drawn = from(&mut stream);
    STREAM.store(stream.state(), Ordering::Relaxed);
    drawn
}

/// From now on, and for a while, code takes another time.
fn change_pace() {
    let (pace, spell_ns) = draw(|stream| (stream.pace(), stream.spell_ns()));
    let parameters = parameters();
    cpu().block_ns.store(pace.of(parameters.block_ns.load(Ordering::Relaxed)), Ordering::Relaxed);
    CALL_NS.store(pace.of(parameters.call_ns.load(Ordering::Relaxed)), Ordering::Relaxed);
    REDRAW_NS.store(now_ns().saturating_add(spell_ns), Ordering::Relaxed);
}

fn until_ns() -> u64 {
    parameters().until_ns.load(Ordering::Relaxed)
}

/// The timer's instant, or [`NEVER`].
fn due_ns() -> u64 {
    match DUE_NS.load(Ordering::Relaxed) {
        0 => NEVER,
        due => due,
    }
}

fn busy_ns() -> u64 {
    BUSY_NS.load(Ordering::Relaxed)
}

fn service_ns() -> u64 {
    SERVICE_NS.load(Ordering::Relaxed)
}

/// The nearest of all that can happen.
fn next_event_ns() -> u64 {
    until_ns().min(due_ns()).min(service_ns()).min(REDRAW_NS.load(Ordering::Relaxed))
}

fn arm_next() {
    let next = if HELD.load(Ordering::Relaxed) != 0 { NEVER } else { next_event_ns() };
    cpu().next_ns.store(next, Ordering::Relaxed);
}

/// Runs a handler for faults: on the alternate stack, where no interrupt may strike. The clock goes on.
pub(crate) fn hold<T>(body: impl FnOnce() -> T) -> T {
    if !is_virtual() {
        return body();
    }
    HELD.fetch_add(1, Ordering::Relaxed);
    arm_next();
    let result = body();
    HELD.fetch_sub(1, Ordering::Relaxed);
    arm_next();
    result
}

/// The clock has reached the next event. The callback has put that out of reach, so that instrumented code in here does not
/// come back.
#[unsafe(no_mangle)]
extern "C" fn bh_virtual_event() {
    if arch::in_handler() {
        // This very crate may be instrumented. A signal's handler is no place to be interrupted in; soon it will be over.
        let cpu = cpu();
        cpu.next_ns.store(now_ns().saturating_add(RETRY_NS), Ordering::Relaxed);
        return;
    }
    if quietly(settle) {
        arch::take_interrupt();
    }
}

/// Deals with everything that is due by now; true if the interrupted code is to be interrupted.
fn settle() -> bool {
    if HELD.load(Ordering::Relaxed) != 0 {
        return false;
    }
    // A window that ends at the very instant of the timer ends first: its last instant is not part of it.
    while now_ns() >= until_ns() {
        hand_over(Reason::WindowEnd);
    }
    if now_ns() >= service_ns() {
        service();
    }
    if now_ns() >= due_ns() {
        timer_is_due();
    }
    if now_ns() >= REDRAW_NS.load(Ordering::Relaxed) {
        change_pace();
    }
    arm_next();
    if irq::wanted() == 0 {
        return false;
    }
    if irq::level() != 0 {
        irq::defer();
        return false;
    }
    true
}

fn timer_is_due() {
    DUE_NS.store(0, Ordering::Relaxed);
    window::vcpu().pending.fetch_or(1 << line::TIMER, Ordering::Relaxed);
}

/// Instructions take their time, in the handler of the signal that the processor raises behind each. Events wait for
/// [`settle_in_handler`].
pub(crate) fn pass_instructions(count: u64) {
    let cpu = cpu();
    let took = cpu.block_ns.load(Ordering::Relaxed).saturating_mul(count);
    cpu.now_ns.store(now_ns().saturating_add(took), Ordering::Relaxed);
}

/// How many instructions there is time for before the next event, the last of which may take it beyond.
pub(crate) fn instructions_ahead() -> u64 {
    let cpu = cpu();
    let ahead_ns = cpu.next_ns.load(Ordering::Relaxed).saturating_sub(now_ns());
    ahead_ns.div_ceil(cpu.block_ns.load(Ordering::Relaxed).max(1))
}

/// After a trapped reading of the clock or a step, in the signal's handler: true if the trapped code is to be interrupted.
pub(crate) fn settle_in_handler() -> bool {
    let is_due = now_ns() >= next_event_ns();
    let interrupt = is_due && settle();
    if interrupt {
        irq::disable();
    }
    interrupt
}

/// The answer to a trapped instruction that reads the time-stamp counter: nanoseconds. Events wait for
/// [`settle_in_handler`].
pub(crate) fn counter() -> u64 {
    let now = now_ns().saturating_add(CALL_NS.load(Ordering::Relaxed));
    cpu().now_ns.store(now, Ordering::Relaxed);
    now
}

/// The same for an instruction that comes to nothing: it is as good as asleep, and nobody need look at its console meanwhile.
pub(crate) fn instructions_asleep() -> u64 {
    SERVICE_NS.store(NEVER, Ordering::Relaxed);
    arm_next();
    let steps = instructions_ahead();
    let slept_ns = steps.saturating_mul(cpu().block_ns.load(Ordering::Relaxed));
    SERVICE_NS.store(now_ns().saturating_add(slept_ns).saturating_add(busy_ns()), Ordering::Relaxed);
    steps
}

/// Gives the turn away and sleeps until it comes back.
fn hand_over(reason: Reason) {
    let cpu = cpu();
    // How often the wait goes round, and whether anybody is to be woken, is the host's affair, and must not count where this crate is
    // instrumented.
    let before = now_ns();
    give(cpu, reason);
    await_turn(cpu);
    let from = parameters().from_ns.load(Ordering::Relaxed);
    let now = from.max(before);
    cpu.now_ns.store(now, Ordering::Relaxed);
    SERVICE_NS.store(now.saturating_add(busy_ns()), Ordering::Relaxed);
}

fn await_turn(cpu: &VirtualCpu) {
    // SYNC POINT turn-guest: pairs with the supervisor's release; its parameters are there when the turn is.
    while cpu.turn.load(Ordering::Acquire) == SUPERVISOR {
        arch::futex_wait(&cpu.turn, SUPERVISOR);
    }
}

fn give(cpu: &VirtualCpu, reason: Reason) {
    cpu.reason.store(reason as u32, Ordering::Relaxed);
    cpu.wake_ns.store(due_ns(), Ordering::Relaxed);
    // SYNC POINT turn-supervisor: pairs with the supervisor's acquire; everything the guest did is visible.
    if cpu.turn.swap(SUPERVISOR, Ordering::Release) == AWAITED {
        arch::futex_wake(&cpu.turn);
    }
}

/// Jumps to the timer's instant if that lies in this window; else hands the turn over.
fn skip(reason: Reason) {
    let due = due_ns();
    if due < until_ns() {
        let slept = due.saturating_sub(now_ns());
        cpu().now_ns.store(now_ns() + slept, Ordering::Relaxed);
        SERVICE_NS.store(service_ns().saturating_add(slept), Ordering::Relaxed);
        timer_is_due();
    } else {
        hand_over(reason);
    }
}

/// Sleeps until an interrupt is pending, with interrupts masked.
pub(crate) fn idle() {
    quietly(|| {
        cpu().next_ns.store(NEVER, Ordering::Relaxed);
        while irq::wanted() == 0 {
            skip(Reason::Idle);
        }
        arm_next();
        irq::defer();
    });
}

/// The guest is in an empty endless loop, in which no block is counted: nothing but an interrupt can come of it, so that it is as
/// good as asleep. True if one is to be taken now, with interrupts masked; without a chance of one it does not return.
pub(crate) fn spin() -> bool {
    if HELD.load(Ordering::Relaxed) != 0 {
        return false;
    }
    if irq::level() != 0 {
        halt();
    }
    irq::disable();
    idle();
    true
}

/// Sleeps until the next window; interrupts are served meanwhile.
pub(crate) fn yield_window(count: impl Fn() -> u32) {
    let current = count();
    // A window must not begin between the question and the answer.
    let wait = || {
        if count() != current {
            return false;
        }
        cpu().next_ns.store(NEVER, Ordering::Relaxed);
        skip(Reason::Yield);
        true
    };
    while quietly(wait) {
        bh_virtual_event();
    }
}

/// Sleeps with interrupts masked, for ever.
pub(crate) fn halt() -> ! {
    loop {
        quietly(|| hand_over(Reason::Halt));
    }
}

/// Has the console fetched; no time passes.
pub(crate) fn service() {
    quietly(|| hand_over(Reason::Service));
}

/// Gives the turn away for good, before the process ends. Nothing in a real run.
pub(crate) fn end() {
    if is_virtual() {
        step::end();
        let now = now_ns();
        give(cpu(), Reason::End);
        // As above: whether the supervisor had to be woken must not count.
        cpu().now_ns.store(now, Ordering::Relaxed);
    }
}

/// A line is about to be served: counts it, and in a virtual run adds it to the digest.
pub(crate) fn note_interrupt(line: u32) {
    let cpu = page();
    let interrupts = cpu.interrupts.load(Ordering::Relaxed);
    cpu.interrupts.store(interrupts.wrapping_add(1), Ordering::Relaxed);
    if is_virtual() {
        note(u64::from(line), &[]);
    }
}

/// What a port's message is in the digest, behind which the port's number stands.
const SENT: u64 = 1 << 32;
const RECEIVED: u64 = 2 << 32;

/// A message has been sent from this port. Nothing in a real run.
#[inline]
pub(crate) fn note_sent(port: u32, message: &[u8]) {
    if is_virtual() {
        note(SENT | u64::from(port), message);
    }
}

/// A message has been received at this port. Nothing in a real run.
#[inline]
pub(crate) fn note_received(port: u32, message: &[u8]) {
    if is_virtual() {
        note(RECEIVED | u64::from(port), message);
    }
}

/// Adds to the digest what happens now.
#[inline(never)]
fn note(what: u64, bytes: &[u8]) {
    quietly(|| add_to_digest(what, bytes));
}

fn add_to_digest(what: u64, bytes: &[u8]) {
    let cpu = cpu();
    let before = mix(mix(cpu.digest.load(Ordering::Relaxed), what), now_ns());
    let (words, rest) = bytes.as_chunks::<8>();
    let digest = words.iter().fold(before, |digest, word| mix(digest, u64::from_le_bytes(*word)));
    let digest = rest.iter().fold(digest, |digest, &byte| mix(digest, u64::from(byte)));
    cpu.digest.store(digest, Ordering::Relaxed);
}

/// The supervisor asks where the guest is, because its clock stands still.
pub(crate) fn note_ip(ip: u64) {
    cpu().ip.store(ip, Ordering::Relaxed);
}
