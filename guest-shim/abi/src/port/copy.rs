//! Copies of bytes that a peer may be changing at the same time.
//!
//! Shared words are [`AtomicU64`]s, so no reference to them promises that they stay as they are. What comes out of a copy
//! that somebody disturbed is some mixture of bytes; whether that may be used is for the ring and the slots to say.
//!
//! A compiler must not see the copy as one of ordinary memory, where a concurrent change is undefined behaviour, and atomic
//! accesses of eight bytes are slow for large messages. So on x86-64 the copy is a piece of assembly: to the processor it is
//! moves like any others, and to the compiler something that happens elsewhere. Other machines, Miri and the model checker
//! get relaxed atomic words.

use super::sync::AtomicU64;

/// Words that hold `len` bytes.
pub const fn words(len: usize) -> usize {
    len.div_ceil(8)
}

/// Copies `bytes` to the beginning of `shared`; what does not fit is left out. The rest of the last word is unspecified.
#[inline]
pub fn store(shared: &[AtomicU64], bytes: &[u8]) {
    let len = bytes.len().min(size_of_val(shared));
    backend::store(shared, &bytes[..len]);
}

/// Fills `bytes` from the beginning of `shared`; what `shared` does not have is left as it was.
#[inline]
pub fn load(bytes: &mut [u8], shared: &[AtomicU64]) {
    let len = bytes.len().min(size_of_val(shared));
    backend::load(&mut bytes[..len], shared);
}

#[cfg(all(target_arch = "x86_64", not(miri), not(all(test, loom))))]
mod backend {
    use super::AtomicU64;

    #[inline]
    pub(super) fn store(shared: &[AtomicU64], bytes: &[u8]) {
        // SAFETY: the caller made sure that `shared` has at least as many bytes; its words are interior mutable, so they may
        // be written through a shared reference.
        unsafe { copy(shared.as_ptr().cast_mut().cast(), bytes.as_ptr(), bytes.len()) }
    }

    #[inline]
    pub(super) fn load(bytes: &mut [u8], shared: &[AtomicU64]) {
        // SAFETY: the caller made sure that `shared` has at least as many bytes, and `bytes` is borrowed exclusively.
        unsafe { copy(bytes.as_mut_ptr(), shared.as_ptr().cast(), bytes.len()) }
    }

    /// From here on the processor's own copy loop is faster than one of 16-byte moves.
    const LONG: usize = 1024;

    /// # Safety
    /// `to` must be valid for writes and `from` for reads of `len` bytes, and the two must not overlap. Other processors may
    /// write to either.
    #[inline]
    unsafe fn copy(mut to: *mut u8, mut from: *const u8, mut len: usize) {
        if len >= LONG {
            // SAFETY: the caller's promise; the direction flag is clear in Rust code.
            unsafe {
                core::arch::asm!(
                    "rep movsb",
                    inout("rcx") len => _,
                    inout("rdi") to => _,
                    inout("rsi") from => _,
                    options(nostack, preserves_flags),
                );
            }
            return;
        }
        while len >= 64 {
            // SAFETY: 64 of the bytes that the caller promised.
            unsafe {
                core::arch::asm!(
                    "movups {a}, [{from}]",
                    "movups {b}, [{from} + 16]",
                    "movups {c}, [{from} + 32]",
                    "movups {d}, [{from} + 48]",
                    "movups [{to}], {a}",
                    "movups [{to} + 16], {b}",
                    "movups [{to} + 32], {c}",
                    "movups [{to} + 48], {d}",
                    from = in(reg) from, to = in(reg) to,
                    a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                    options(nostack, preserves_flags),
                );
                (to, from, len) = (to.add(64), from.add(64), len - 64);
            }
        }
        while len >= 8 {
            // SAFETY: eight of the bytes that the caller promised.
            unsafe {
                core::arch::asm!(
                    "mov {a}, [{from}]",
                    "mov [{to}], {a}",
                    from = in(reg) from, to = in(reg) to, a = out(reg) _,
                    options(nostack, preserves_flags),
                );
                (to, from, len) = (to.add(8), from.add(8), len - 8);
            }
        }
        while len > 0 {
            // SAFETY: one of the bytes that the caller promised.
            unsafe {
                core::arch::asm!(
                    "mov {a}, [{from}]",
                    "mov [{to}], {a}",
                    from = in(reg) from, to = in(reg) to, a = out(reg_byte) _,
                    options(nostack, preserves_flags),
                );
                (to, from, len) = (to.add(1), from.add(1), len - 1);
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(all(test, loom)))))]
mod backend {
    use super::AtomicU64;
    use crate::port::sync::Ordering;

    pub(super) fn store(shared: &[AtomicU64], bytes: &[u8]) {
        for (word, chunk) in shared.iter().zip(bytes.chunks(8)) {
            let mut value = [0; 8];
            value[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_le_bytes(value), Ordering::Relaxed);
        }
    }

    pub(super) fn load(bytes: &mut [u8], shared: &[AtomicU64]) {
        for (chunk, word) in bytes.chunks_mut(8).zip(shared) {
            let value = word.load(Ordering::Relaxed).to_le_bytes();
            let len = chunk.len();
            chunk.copy_from_slice(&value[..len]);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::array::from_fn;

    #[test]
    fn every_length_and_alignment_comes_out_as_it_went_in() {
        let source: [u8; 4200] = from_fn(|index| (index * 7 + index / 256) as u8);
        let shared: [AtomicU64; 525] = from_fn(|_| AtomicU64::new(0));
        for len in (0..200).chain([1023, 1024, 1025, 4096, 4099]) {
            for skip in [0, 1, 7] {
                store(&shared[1..], &source[skip..skip + len]);
                let mut back = [0xee; 4200];
                load(&mut back[skip..skip + len], &shared[1..]);
                assert_eq!(back[skip..skip + len], source[skip..skip + len], "{len} bytes from {skip}");
                assert!(back[..skip].iter().chain(&back[skip + len..]).all(|&byte| byte == 0xee), "{len} {skip}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let shared: [AtomicU64; 3] = from_fn(|_| AtomicU64::new(0));
        store(&shared[..2], &[0xff; 40]);
        assert_eq!(shared[2].load(core::sync::atomic::Ordering::Relaxed), 0);
        let mut back = [0; 40];
        load(&mut back, &shared[..2]);
        assert_eq!((back[15], back[16]), (0xff, 0));
    }
}
