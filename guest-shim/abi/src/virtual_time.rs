//! Virtual time: what supervisor and guest share when the guest's own basic blocks move the clock.
//!
//! The guest holds the clock while it has the turn. It counts blocks up to [`VirtualCpu::next_ns`], the nearest of its own
//! timer and the end of its window, and hands the turn over when the window is over or when it has nothing to do. Whose turn
//! it is stands in one word on which the other side sleeps. Nothing here is a promise to the supervisor: a guest that writes
//! nonsense deceives itself about the time, and is asked again at the next window.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// What the guest's boot finds in [`Parameters::mode`]: time is the host's.
pub const REAL: u32 = 0;
/// Time is virtual.
pub const VIRTUAL: u32 = 1;

/// Time passes with the basic blocks of instrumented code, which are where interrupts strike.
pub const BLOCK: u32 = 0;
/// Time passes with each instruction, before any of which an interrupt may strike: the guest steps through its code.
pub const STEP: u32 = 1;

/// The turn is the supervisor's.
pub const SUPERVISOR: u32 = 0;
/// The turn is the guest's.
pub const GUEST: u32 = 1;
/// The turn is the guest's, and the supervisor sleeps until it comes back: it is to be woken. Mostly it need not be, since the guest
/// has taken the CPU from it.
pub const AWAITED: u32 = 2;

/// An instant that never comes.
pub const NEVER: u64 = u64::MAX;

/// Module time at which a virtual run begins, in nanoseconds: one second, so that no instant of a run is 0, which means
/// "none" in several places.
pub const BEGIN_NS: u64 = 1_000_000_000;
/// Wall clock minus module time in a virtual run, in nanoseconds: the first major frame begins on 2000-01-01 at 00:00 UTC.
pub const WALL_OFFSET_NS: i64 = 946_684_800_000_000_000 - BEGIN_NS as i64;

/// What the supervisor sets, at [`crate::map::HOST`] plus [`crate::map::host::VIRTUAL`].
#[derive(Debug)]
#[repr(C)]
pub struct Parameters {
    /// [`REAL`] or [`VIRTUAL`].
    pub mode: AtomicU32,
    /// What a basic block takes, or with [`STEP`] an instruction, in nanoseconds.
    pub block_ns: AtomicU32,
    /// What a reading of the clock and any other call of the shim takes, in nanoseconds.
    pub call_ns: AtomicU32,
    /// [`BLOCK`] or [`STEP`].
    pub preempt: AtomicU32,
    /// Module time from which the guest has the turn.
    pub from_ns: AtomicU64,
    /// Module time at which it is to hand the turn over.
    pub until_ns: AtomicU64,
    /// What [`crate::exploration`] varies the run by; 0: not at all.
    pub seed: AtomicU64,
}

/// Why a guest hands the turn over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// Its window is over; it has more to do.
    WindowEnd = 0,
    /// It sleeps until an interrupt.
    Idle = 1,
    /// It sleeps until its next window.
    Yield = 2,
    /// It wants its console to be fetched, and goes on at once.
    Service = 3,
    /// It ends its process.
    End = 4,
    /// It sleeps with interrupts masked, for ever.
    Halt = 5,
}

impl Reason {
    /// The reason with this number.
    pub fn new(number: u32) -> Option<Reason> {
        let all = [Reason::WindowEnd, Reason::Idle, Reason::Yield, Reason::Service, Reason::End, Reason::Halt];
        all.into_iter().find(|&reason| reason as u32 == number)
    }
}

/// What the guest keeps, at [`crate::map::GUEST`] plus [`crate::map::guest::VIRTUAL`].
#[derive(Debug)]
#[repr(C)]
pub struct VirtualCpu {
    /// Module time, in nanoseconds.
    pub now_ns: AtomicU64,
    /// The next instant at which the shim has something to do.
    pub next_ns: AtomicU64,
    /// What a basic block takes, or with [`STEP`] an instruction, in nanoseconds.
    pub block_ns: AtomicU64,
    /// [`SUPERVISOR`], [`GUEST`] or [`AWAITED`]; both sides sleep on it.
    pub turn: AtomicU32,
    /// A [`Reason`]; valid when the guest has given the turn away.
    pub reason: AtomicU32,
    /// When the guest's own timer wakes it; [`NEVER`] if it does not.
    pub wake_ns: AtomicU64,
    /// Interrupt lines served so far, modulo 2^64; counted in a real run too.
    pub interrupts: AtomicU64,
    /// A digest of those: which, and when.
    pub digest: AtomicU64,
    /// Where the guest was when the supervisor asked.
    pub ip: AtomicU64,
}

/// Goes on with a digest. It tells runs apart that differ by chance, not runs that somebody has made to look alike.
pub const fn mix(digest: u64, word: u64) -> u64 {
    // Odd, so that no two words lead from one digest to the same next one; the shift brings the upper bits back down.
    let product = (digest ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// What a digest begins with.
pub const DIGEST: u64 = u64::from_le_bytes(*b"bulkhead");

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn virtual_offsets() {
        assert_eq!(offset_of!(Parameters, mode), 0);
        assert_eq!(offset_of!(Parameters, block_ns), 4);
        assert_eq!(offset_of!(Parameters, call_ns), 8);
        assert_eq!(offset_of!(Parameters, preempt), 12);
        assert_eq!(offset_of!(Parameters, from_ns), 16);
        assert_eq!(offset_of!(Parameters, until_ns), 24);
        assert_eq!(offset_of!(Parameters, seed), 32);
        assert_eq!(size_of::<Parameters>(), 40);
        assert_eq!(offset_of!(VirtualCpu, now_ns), 0);
        assert_eq!(offset_of!(VirtualCpu, next_ns), 8);
        assert_eq!(offset_of!(VirtualCpu, block_ns), 16);
        assert_eq!(offset_of!(VirtualCpu, turn), 24);
        assert_eq!(offset_of!(VirtualCpu, reason), 28);
        assert_eq!(offset_of!(VirtualCpu, wake_ns), 32);
        assert_eq!(offset_of!(VirtualCpu, interrupts), 40);
        assert_eq!(offset_of!(VirtualCpu, digest), 48);
        assert_eq!(offset_of!(VirtualCpu, ip), 56);
        assert_eq!(size_of::<VirtualCpu>(), 64);
    }

    #[test]
    fn they_lie_behind_what_shares_their_pages() {
        use crate::map::{guest, host};
        assert!(host::CLOCK + size_of::<crate::clock::Clock>() as u64 <= host::VIRTUAL);
        assert!(host::VIRTUAL + size_of::<Parameters>() as u64 <= host::SCHEDULE);
        assert!(guest::VCPU + size_of::<crate::vcpu::VcpuPage>() as u64 <= guest::VIRTUAL);
        assert!(guest::VIRTUAL + size_of::<VirtualCpu>() as u64 <= guest::OUT_PRODUCER);
    }

    #[test]
    fn a_digest_tells_words_and_their_order_apart() {
        let of = |words: &[u64]| words.iter().fold(DIGEST, |digest, &word| mix(digest, word));
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[0]), of(&[0, 0]));
        assert_ne!(of(&[1]), of(&[256]));
    }

    #[test]
    fn reasons_have_their_numbers() {
        assert!((0..6).all(|number| Reason::new(number).is_some_and(|reason| reason as u32 == number)));
        assert_eq!(Reason::new(6), None);
    }
}
