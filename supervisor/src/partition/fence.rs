//! The seccomp filter: what a guest may call. Everything else kills the process.
//!
//! Four calls is the promise; a fifth needs a written reason in `docs/decisions/`. The filter checks the architecture
//! first (an `int 0x80` from 64-bit code is another architecture, and death), and since it is an allowlist of exact
//! numbers, x32 numbers (bit 30 set) and unknown ones die too.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Why the filter could not be built; always a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("the seccomp filter does not compile (a defect of Bulkhead's): {0}")]
pub struct FenceError(#[from] seccompiler::BackendError);

/// An allowed call and the reason for it.
#[derive(Debug)]
pub struct Allowed {
    /// The call's name.
    pub name: &'static str,
    /// Its number on x86-64.
    pub number: i64,
    /// Why a guest may make it.
    pub reason: &'static str,
    /// Index and permitted values of an argument that is checked.
    argument: Option<(u8, &'static [u64])>,
}

const FUTEX_PRIVATE: u64 = libc::FUTEX_PRIVATE_FLAG as u64;
const FUTEX_OPERATIONS: [u64; 4] = [
    libc::FUTEX_WAIT as u64,
    libc::FUTEX_WAKE as u64,
    libc::FUTEX_WAIT as u64 | FUTEX_PRIVATE,
    libc::FUTEX_WAKE as u64 | FUTEX_PRIVATE,
];

/// The calls that a guest may make.
pub const ALLOWED: [Allowed; 4] = [
    Allowed {
        name: "rt_sigreturn",
        number: libc::SYS_rt_sigreturn,
        reason: "the way back from a virtual interrupt: restores the registers that the signal frame holds",
        argument: None,
    },
    Allowed {
        name: "futex",
        number: libc::SYS_futex,
        reason: "sleeping until an interrupt or the next window. WAIT and WAKE only: LOCK_PI could lend a foreign task \
                 priority, REQUEUE is not needed",
        argument: Some((1, &FUTEX_OPERATIONS)),
    },
    Allowed {
        name: "setitimer",
        number: libc::SYS_setitimer,
        reason: "the guest's timer. ITIMER_REAL only, which can raise nothing but SIGALRM; timers whose signal can be \
                 chosen could raise SIGCONT and end a stop",
        argument: Some((0, &[libc::ITIMER_REAL as u64])),
    },
    Allowed {
        name: "exit_group",
        number: libc::SYS_exit_group,
        reason: "ending the partition's process",
        argument: None,
    },
];

/// Whether this call on x86-64 passes whatever its arguments are, so that nobody can have died of it.
pub fn always_passes(number: i64) -> bool {
    ALLOWED.iter().any(|call| call.number == number && call.argument.is_none())
}

/// The filter as a BPF program.
///
/// # Errors
/// Only if the table above is one that seccompiler cannot compile.
pub fn filter() -> Result<BpfProgram, FenceError> {
    let mut rules = BTreeMap::new();
    for call in &ALLOWED {
        let mut chain = Vec::new();
        if let Some((index, values)) = call.argument {
            for &value in values {
                // 32 bits: the kernel takes both arguments as an int and ignores the upper half, so must the filter.
                let condition = SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
                chain.push(SeccompRule::new(vec![condition])?);
            }
        }
        rules.insert(call.number, chain);
    }
    let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, TargetArch::x86_64)?;
    Ok(filter.try_into()?)
}

/// The program as the kernel wants it: the instructions of eight bytes each.
pub fn encode(program: &BpfProgram) -> Vec<u8> {
    program
        .iter()
        .flat_map(|insn| {
            let mut bytes = [0; 8];
            bytes[..2].copy_from_slice(&insn.code.to_le_bytes());
            bytes[2] = insn.jt;
            bytes[3] = insn.jf;
            bytes[4..].copy_from_slice(&insn.k.to_le_bytes());
            bytes
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    const KILL: u32 = 0x8000_0000;
    const ALLOW: u32 = 0x7fff_0000;

    /// Runs the classic BPF program over a seccomp_data, as the kernel would.
    fn run(number: u32, arch: u32, args: [u64; 6]) -> u32 {
        let mut data = [0u8; 64];
        data[..4].copy_from_slice(&number.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (index, arg) in args.iter().enumerate() {
            data[16 + 8 * index..24 + 8 * index].copy_from_slice(&arg.to_le_bytes());
        }
        let program = filter().unwrap();
        let (mut at, mut accumulator) = (0usize, 0u32);
        loop {
            let insn = &program[at];
            at += 1;
            let jump = |taken: bool| usize::from(if taken { insn.jt } else { insn.jf });
            match insn.code {
                0x20 => {
                    let k = insn.k as usize;
                    accumulator = u32::from_le_bytes(data[k..k + 4].try_into().unwrap());
                }
                0x15 => at += jump(accumulator == insn.k),
                0x25 => at += jump(accumulator > insn.k),
                0x35 => at += jump(accumulator >= insn.k),
                0x54 => accumulator &= insn.k,
                0x05 => at += insn.k as usize,
                0x06 => return insn.k,
                code => panic!("unexpected instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn exactly_the_four_calls_pass() {
        let passing: Vec<u32> = (0..0x1_0000).filter(|&number| run(number, X86_64, [0; 6]) == ALLOW).collect();
        let mut expected: Vec<u32> = ALLOWED.iter().map(|call| call.number as u32).collect();
        expected.sort_unstable();
        assert_eq!(passing, expected);
    }

    #[test]
    fn another_architecture_and_x32_die() {
        for call in &ALLOWED {
            assert_eq!(run(call.number as u32, I386, [0; 6]), KILL);
            assert_eq!(run(call.number as u32 | 0x4000_0000, X86_64, [0; 6]), KILL);
        }
    }

    #[test]
    fn futex_passes_for_wait_and_wake_only_and_the_timer_for_the_real_one() {
        let futex = libc::SYS_futex as u32;
        let passing: Vec<u64> = (0..1024).filter(|&op| run(futex, X86_64, [0, op, 0, 0, 0, 0]) == ALLOW).collect();
        assert_eq!(passing, [0, 1, 128, 129]);
        let timer = libc::SYS_setitimer as u32;
        assert_eq!(run(timer, X86_64, [1, 0, 0, 0, 0, 0]), KILL);
        assert_eq!(run(timer, X86_64, [2, 0, 0, 0, 0, 0]), KILL);
    }
}
