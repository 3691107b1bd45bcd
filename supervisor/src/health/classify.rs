//! Which error a signal stands for.

use bulkhead_abi::map;

use super::Error;

/// How far below a stack an access still counts as one of a stack that overflowed: more than any sensible function's
/// frame. Nothing is ever mapped there.
const GUARD: u64 = 1 << 20;

/// `si_code` of a SIGBUS for memory that the hardware has given up: an access to it, and the news of it (sigaction(2)).
const BUS_MCEERR: [i32; 2] = [4, 5];

/// The error of a guest that `signal` ended with this `si_code`, at this address of data if there is one.
pub fn signal(signal: i32, code: i32, address: Option<u64>) -> Error {
    match signal {
        libc::SIGSEGV | libc::SIGBUS if address.is_some_and(is_below_a_stack) => Error::StackOverflow,
        libc::SIGBUS if BUS_MCEERR.contains(&code) => Error::HardwareFault,
        libc::SIGSEGV | libc::SIGBUS => Error::MemoryViolation,
        libc::SIGFPE => Error::NumericError,
        libc::SIGILL => Error::IllegalRequest,
        _ => Error::Crash,
    }
}

fn is_below_a_stack(address: u64) -> bool {
    // Among the stacks of an executive's processes, whatever is no stack is a guard, and stacks do not fault.
    (map::PROCESS_STACKS.base..map::PROCESS_STACKS.end()).contains(&address)
        || [map::STACK, map::ALT_STACK].iter().any(|stack| (stack.base - GUARD..stack.base).contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_has_its_error() {
        let data = Some(0x1234);
        let cases = [
            (libc::SIGSEGV, 1, data, Error::MemoryViolation),
            (libc::SIGSEGV, 128, None, Error::MemoryViolation),
            (libc::SIGBUS, 2, data, Error::MemoryViolation),
            (libc::SIGBUS, 4, data, Error::HardwareFault),
            (libc::SIGBUS, 5, None, Error::HardwareFault),
            // The code means something else with another signal.
            (libc::SIGSEGV, 4, data, Error::MemoryViolation),
            (libc::SIGFPE, 1, None, Error::NumericError),
            (libc::SIGILL, 2, None, Error::IllegalRequest),
            (libc::SIGTRAP, 1, None, Error::Crash),
            (libc::SIGKILL, 0, None, Error::Crash),
            (libc::SIGABRT, 0, None, Error::Crash),
        ];
        for (number, code, address, expected) in cases {
            assert_eq!(signal(number, code, address), expected, "signal {number} code {code}");
        }
    }

    #[test]
    fn an_access_just_below_a_stack_is_an_overflow() {
        for stack in [map::STACK, map::ALT_STACK] {
            for (address, overflow) in [
                (stack.base - 1, true),
                (stack.base - map::PAGE, true),
                (stack.base - GUARD, true),
                (stack.base - GUARD - 1, false),
                (stack.base, false),
            ] {
                let found = signal(libc::SIGSEGV, 1, Some(address));
                assert_eq!(found == Error::StackOverflow, overflow, "{address:#x}");
            }
        }
        let stacks = map::PROCESS_STACKS;
        for (address, overflow) in [(stacks.base - 1, false), (stacks.base, true), (stacks.end(), false)] {
            assert_eq!(signal(libc::SIGSEGV, 1, Some(address)) == Error::StackOverflow, overflow, "{address:#x}");
        }
        // A guard lies in no other region.
        const { assert!(map::GUEST.end() <= map::STACK.base - GUARD && map::STACK.end() <= map::ALT_STACK.base - GUARD) };
    }
}
