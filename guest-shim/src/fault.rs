//! Notes about faults, for the supervisor's report.
//!
//! The supervisor registers [`bh_fault_entry`] for the processor's faults and for SIGSYS before the guest runs. The
//! handler writes down what it sees and then lets the same fault happen again with its signal blocked, which the kernel
//! answers with death by that very signal. So the supervisor learns the kind of death from the kernel and the
//! particulars from the note.

use core::sync::atomic::Ordering;

use bulkhead_abi::vcpu::FaultKind;

use crate::{arch, window};

const SIGTRAP: i32 = 5;
const SIGSYS: i32 = 31;

/// The head of Linux' siginfo_t, as include/uapi/asm-generic/siginfo.h lays it out on 64-bit machines.
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

/// Linux' struct ucontext on x86-64 up to the signal mask (arch/x86/include/uapi/asm/{ucontext,sigcontext}.h).
#[repr(C)]
struct Context {
    flags: u64,
    link: u64,
    stack: [u64; 3],
    /// r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags, segments, err, trapno, oldmask, cr2.
    registers: [u64; 23],
    fpstate: u64,
    reserved: [u64; 8],
    mask: u64,
}

const RDI: usize = 8;
const RSI: usize = 9;
const RDX: usize = 12;
const RAX: usize = 13;
const RSP: usize = 15;
const RIP: usize = 16;
const ERR: usize = 19;
const TRAPNO: usize = 20;
const R8: usize = 0;
const R10: usize = 2;

/// The handler. Runs on the alternate stack with every signal blocked.
#[unsafe(no_mangle)]
extern "C" fn bh_fault_entry(signal: i32, info: *const SigInfo, context: *mut Context) {
    // SAFETY: the kernel passes pointers into the signal frame it has just written, which this handler alone uses.
    let (info, context) = unsafe { (&*info, &mut *context) };
    if signal == SIGSYS && note_system_call(info, context) {
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
    window::vcpu().fault.kind.store(FaultKind::None as u32, Ordering::Relaxed);
    true
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
}
