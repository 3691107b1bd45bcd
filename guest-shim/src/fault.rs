//! Signals become interrupts and processor exceptions here.
//!
//! The supervisor registers `bh_fault_entry` for the processor's faults, for SIGSYS, for the timer's SIGALRM and for its
//! doorbell before the guest runs.
//!
//! An interrupt is passed on to [`irq`], and if that wants it delivered, the interrupted code finds itself at the vector. A
//! fault goes to the guest's handler, if it has connected one ([`set_handler`]); that sees all registers, may change them and
//! resume. What the guest does not take is noted for the supervisor, and then the same fault happens again with its signal
//! blocked, which the kernel answers with death by that very signal. So the supervisor learns the kind of death from the
//! kernel and the particulars from the note.

use core::ops::Range;
use core::sync::atomic::{AtomicPtr, Ordering, compiler_fence};

use bulkhead_abi::map;
use bulkhead_abi::vcpu::{DOORBELL, FaultKind};

use crate::{arch, irq, step, virtual_time, window};

const SIGTRAP: i32 = 5;
const SIGSEGV: i32 = 11;
const SIGALRM: i32 = 14;
const SIGSYS: i32 = 31;
/// `si_code` of SIGTRAP: a step.
const TRAP_TRACE: i32 = 2;
/// `si_code` of SIGSEGV: nothing is mapped there.
const SEGV_MAPERR: i32 = 1;
/// `si_code` of what the processor raises without an address: a general protection fault.
const SI_KERNEL: i32 = 128;

/// The general registers at a fault, in the order of Linux' signal frame.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[allow(missing_docs, reason = "they are called what the processor's manual calls them")]
pub struct Registers {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub rflags: u64,
}

/// A fault, as the guest's handler sees it.
#[derive(Debug)]
#[repr(C)]
pub struct Fault {
    /// The registers of the faulting code. What the handler changes is in force when it resumes.
    pub registers: *mut Registers,
    /// The faulting address, for SIGSEGV and SIGBUS; else the instruction's.
    pub address: u64,
    /// The processor's exception number, such as 0 for a division error or 14 for a page fault.
    pub trap: u64,
    /// The processor's error code.
    pub error: u64,
    /// The signal that the kernel made of it: SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGTRAP.
    pub signal: i32,
    /// `si_code` of the signal, which tells kinds of it apart; see sigaction(2).
    pub code: i32,
}

/// Handles a fault; true to resume. It runs on the alternate stack (64 KiB), and a fault in it ends the partition.
pub type Handler = extern "C" fn(fault: &mut Fault) -> bool;

static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Says whether an address lies in unmapped memory below one of the guest's stacks.
pub type Guard = extern "C" fn(address: u64) -> bool;

static GUARD: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Tells the shim where the guest's stacks end. An interrupt for which the interrupted stack has no room then goes to the guest's
/// fault handler as the page fault that it would be; otherwise it ends the partition.
pub fn set_guard(guard: Guard) {
    GUARD.store(guard as *mut (), Ordering::Relaxed);
}

fn is_guard(address: u64) -> bool {
    let guard = GUARD.load(Ordering::Relaxed);
    // SAFETY: what is not null was stored by `set_guard`, from a value of this type.
    !guard.is_null() && unsafe { core::mem::transmute::<*mut (), Guard>(guard) }(address)
}

/// Makes `handler` the guest's handler for faults; `None` for none.
pub fn set_handler(handler: Option<Handler>) {
    HANDLER.store(handler.map_or(core::ptr::null_mut(), |handler| handler as *mut ()), Ordering::Relaxed);
}

fn handler() -> Option<Handler> {
    let handler = HANDLER.load(Ordering::Relaxed);
    // SAFETY: what is not null was stored by `set_handler`, from a value of this type.
    (!handler.is_null()).then(|| unsafe { core::mem::transmute::<*mut (), Handler>(handler) })
}

/// The head of Linux' siginfo_t, as include/uapi/asm-generic/siginfo.h lays it out on 64-bit machines.
#[derive(Default)]
#[repr(C)]
struct SigInfo {
    signo: i32,
    errno: i32,
    code: i32,
    pad: i32,
    /// `si_addr` of a fault, `si_call_addr` of SIGSYS.
    address: u64,
    /// `si_syscall` of SIGSYS.
    syscall: i32,
    /// `si_arch` of SIGSYS.
    arch: u32,
}

/// The registers in Linux' signal frame: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags, segments, err, trapno,
/// oldmask, cr2.
pub(crate) type Interrupted = [u64; 23];

/// Linux' struct ucontext on x86-64 up to the signal mask (arch/x86/include/uapi/asm/{ucontext,sigcontext}.h).
#[repr(C)]
struct Context {
    flags: u64,
    link: u64,
    stack: [u64; 3],
    registers: Interrupted,
    fpstate: u64,
    reserved: [u64; 8],
    mask: u64,
}

pub(crate) const RDI: usize = 8;
pub(crate) const RSI: usize = 9;
const RDX: usize = 12;
pub(crate) const RAX: usize = 13;
pub(crate) const RCX: usize = 14;
pub(crate) const RSP: usize = 15;
pub(crate) const RIP: usize = 16;
pub(crate) const RFLAGS: usize = 17;
const SELECTORS: usize = 18;
const ERR: usize = 19;
const TRAPNO: usize = 20;
const R8: usize = 0;
const R10: usize = 2;

/// Nothing is ever mapped there.
const BELOW_ALT_STACK: Range<u64> = map::STACK.end()..map::ALT_STACK.base;

/// The handler. Runs on the alternate stack with every signal blocked; but while it handles a fault, another fault comes here
/// too, so that one of the guest's handler is noted.
#[unsafe(no_mangle)]
extern "C" fn bh_fault_entry(signal: i32, info: *const SigInfo, context: *mut Context) {
    // SAFETY: the kernel passes pointers into the signal frame it has just written, which this handler alone uses.
    let (info, context) = unsafe { (&*info, &mut *context) };
    if BELOW_ALT_STACK.contains(&context.registers[RSP]) {
        // A handler has used up its stack, and the kernel would begin that anew, for ever. With every signal blocked the next
        // fault is the last.
        let registers = &context.registers;
        note(FaultKind::Fault, info, 0, info.address, registers[RIP], registers[RSP], registers[TRAPNO]);
        context.mask = !0;
        return;
    }
    if !step::is_on() {
        return handle(signal, info, context);
    }
    if on_handlers_stack(context) {
        // A handler does not step. The one for steps may have looked in vain at what the guest is about to execute.
        match arch::resumption(context.registers[RIP]) {
            Some((ip, value)) => {
                context.registers[RIP] = ip;
                context.registers[RAX] = value.unwrap_or(context.registers[RAX]);
            }
            None => handle(signal, info, context),
        }
        return;
    }
    let ip = context.registers[RIP];
    if signal == SIGTRAP && info.code == TRAP_TRACE {
        match step::trap(&mut context.registers) {
            step::Trap::Over => {}
            step::Trap::Interrupt => interrupt(context),
            step::Trap::Own => handle(signal, info, context),
        }
    } else {
        step::enter(&mut context.registers);
        handle(signal, info, context);
    }
    step::leave(&mut context.registers, ip);
}

fn handle(signal: i32, info: &SigInfo, context: &mut Context) {
    if virtual_time::is_virtual() && virtual_signal(signal, info, context) {
        return;
    }
    if signal == SIGALRM || signal == DOORBELL {
        window::stamp();
        if irq::arrived(signal == SIGALRM) {
            interrupt(context);
        }
        return;
    }
    if signal == SIGSYS && note_system_call(info, context) {
        return;
    }
    // What somebody sent, rather than an instruction raised, is not the guest's to handle, and neither is a fault of its handler.
    if info.code > 0 && signal != SIGSYS && !on_handlers_stack(context) && resumed(signal, info, context) {
        return;
    }
    let registers = &mut context.registers;
    let trap = registers[TRAPNO] & 0xffff_ffff | registers[ERR] << 32;
    note(FaultKind::Fault, info, 0, info.address, registers[RIP], registers[RSP], trap);
    // Die of the same signal: blocked, and raised once more by the same instruction, or by one that can raise it.
    context.mask |= 1 << (signal - 1);
    if signal == SIGTRAP {
        registers[RIP] = arch::die_trap();
    } else if info.code <= 0 {
        // Sent by somebody, not raised by an instruction.
        registers[RIP] = arch::die_segv();
    }
}

/// Whether a signal's handler was interrupted.
fn on_handlers_stack(context: &Context) -> bool {
    (map::ALT_STACK.base..map::ALT_STACK.end()).contains(&context.registers[RSP])
}

/// In a virtual run signals bring no interrupts, but the supervisor's question where the guest is, because its clock stands still;
/// and the time-stamp counter faults. True if that was it.
fn virtual_signal(signal: i32, info: &SigInfo, context: &mut Context) -> bool {
    let registers = &mut context.registers;
    let ip = registers[RIP];
    let in_image = ip >= map::IMAGE.base && ip < map::IMAGE.end();
    if signal == SIGALRM || signal == DOORBELL {
        virtual_time::note_ip(ip);
        // A guest that steps moves the clock there itself, and must not be told to at an instant that the host chooses.
        if !step::is_on() && in_image && arch::deed(ip) == arch::Deed::Stays && virtual_time::spin() {
            interrupt(context);
        }
        return true;
    }
    if signal != SIGSEGV || info.code != SI_KERNEL || !in_image {
        return false;
    }
    // SAFETY: a general protection fault of an instruction of the image, so there is one.
    let Some((length, with_processor)) = (unsafe { arch::counter_reading(ip) }) else { return false };
    let ticks = virtual_time::counter();
    registers[RAX] = ticks & 0xffff_ffff;
    registers[RDX] = ticks >> 32;
    if with_processor {
        registers[RCX] = 0;
    }
    registers[RIP] += length;
    if virtual_time::settle_in_handler() {
        interrupt(context);
    }
    true
}

/// Makes the interrupted code look as if the processor had interrupted it: the stack pointer aligned to 16 bytes, then SS,
/// RSP, RFLAGS, CS and RIP pushed. The red zone of 128 bytes stays as it is (System V ABI for x86-64, section 3.2.2).
fn interrupt(context: &mut Context) {
    let registers = &mut context.registers;
    if let Some(restart) = arch::vector_restart(registers[RIP]) {
        registers[RIP] = restart;
        return;
    }
    let frame = ((registers[RSP] - 128) & !15) - 40;
    let selectors = registers[SELECTORS];
    let words = [registers[RIP], selectors & 0xffff, registers[RFLAGS], registers[RSP], selectors >> 48];
    // If the stack has no room the next line is the guest's last; then the note tells where.
    let fault = SigInfo { signo: SIGSEGV, code: SEGV_MAPERR, address: frame, ..SigInfo::default() };
    if is_guard(frame) {
        // The line stays pending, for whoever goes on.
        irq::defer();
        if resumed(SIGSEGV, &fault, context) {
            return;
        }
    }
    let registers = &mut context.registers;
    note(FaultKind::Fault, &fault, 0, frame, registers[RIP], registers[RSP], 0);
    // SAFETY: the guest's own stack, which has room for an interrupt as on a processor; if it has not, the guest faults, as
    // on a processor.
    unsafe { (frame as *mut [u64; 5]).write(words) };
    forget();
    registers[RSP] = frame;
    registers[RIP] = irq::vector();
    registers[RFLAGS] &= !arch::TRAP_FLAG;
}

/// Hands a fault to the guest's handler; true if the guest goes on.
fn resumed(signal: i32, info: &SigInfo, context: &mut Context) -> bool {
    let Some(handler) = handler() else { return false };
    let (trap, error) = (context.registers[TRAPNO], context.registers[ERR]);
    // The first 18 registers of the frame are laid out as `Registers`.
    let registers = (&raw mut context.registers).cast();
    let mut fault = Fault { registers, address: info.address, trap, error, signal, code: info.code };
    virtual_time::hold(|| handler(&mut fault))
}

/// Notes a system call from outside the shim and makes it from within, where the filter decides. If the filter lets it
/// live, the guest gets the result.
fn note_system_call(info: &SigInfo, context: &mut Context) -> bool {
    let registers = &mut context.registers;
    let number = i64::from(info.syscall);
    note(FaultKind::SystemCall, info, info.arch, number as u64, registers[RIP], registers[RSP], 0);
    if info.arch == arch::AUDIT_ARCH_I386 {
        arch::forbidden_syscall32(info.syscall);
        return false;
    }
    // The register holds all 64 bits; the filter sees the lower 32, as the kernel does.
    if number == arch::nr::RT_SIGRETURN {
        // SAFETY: this is the stack pointer with which the guest made the call.
        unsafe { arch::sigreturn_at(registers[RSP]) }
    }
    let args = [registers[RDI], registers[RSI], registers[RDX], registers[R10], registers[R8]];
    // SAFETY: the guest asked for exactly this call.
    registers[RAX] = unsafe { arch::syscall(number, args) } as u64;
    forget();
    true
}

/// Takes a note back: the guest goes on.
fn forget() {
    compiler_fence(Ordering::SeqCst);
    window::vcpu().fault.kind.store(FaultKind::None as u32, Ordering::Relaxed);
}

fn note(kind: FaultKind, info: &SigInfo, arch: u32, address: u64, ip: u64, sp: u64, trap: u64) {
    let record = &window::vcpu().fault;
    record.signal.store(info.signo as u32, Ordering::Relaxed);
    record.code.store(info.code as u32, Ordering::Relaxed);
    record.arch.store(arch, Ordering::Relaxed);
    record.address.store(address, Ordering::Relaxed);
    record.ip.store(ip, Ordering::Relaxed);
    record.sp.store(sp, Ordering::Relaxed);
    record.trap.store(trap, Ordering::Relaxed);
    // The supervisor reads the record when the process is gone; the order only matters should it die in between.
    record.kind.store(kind as u32, Ordering::Release);
    compiler_fence(Ordering::SeqCst);
}
