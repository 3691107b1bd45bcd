//! Byte rings for the console: one producer, one consumer, no system call.
//!
//! Positions run freely and wrap at 2^32; a position modulo the ring's size is an index. Each side writes its own page
//! only and maps the other's read-only. Sizes are constants that both sides know; they are never read from shared
//! memory, so nobody can change one after it was checked.

use core::sync::atomic::AtomicU32;

/// The page that the writing side owns.
#[derive(Debug)]
#[repr(C)]
pub struct Producer {
    /// Bytes written since the partition's start, modulo 2^32.
    pub head: AtomicU32,
    /// Bytes that did not fit and were dropped, modulo 2^32.
    pub dropped: AtomicU32,
}

/// The page that the reading side owns.
#[derive(Debug)]
#[repr(C)]
pub struct Consumer {
    /// Bytes read since the partition's start, modulo 2^32.
    pub tail: AtomicU32,
}

/// Bytes between `tail` and `head`; `None` if that is more than the ring holds, which only a broken or hostile peer
/// can bring about.
pub fn used(head: u32, tail: u32, size: u32) -> Option<u32> {
    let used = head.wrapping_sub(tail);
    (used <= size).then_some(used)
}

/// The range that `len` bytes at `position` occupy in a ring of `size` bytes (a power of two), as the piece up to the
/// ring's end and the length of the piece from its beginning.
pub fn split(position: u32, len: u32, size: u32) -> (core::ops::Range<usize>, usize) {
    let start = position & (size - 1);
    let first = len.min(size - start);
    (start as usize..(start + first) as usize, (len - first) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn ring_offsets() {
        assert_eq!(offset_of!(Producer, head), 0);
        assert_eq!(offset_of!(Producer, dropped), 4);
        assert_eq!(size_of::<Producer>(), 8);
        assert_eq!(offset_of!(Consumer, tail), 0);
        assert_eq!(size_of::<Consumer>(), 4);
    }

    #[test]
    fn used_survives_the_wrap_and_tells_nonsense() {
        assert_eq!(used(5, 5, 16), Some(0));
        assert_eq!(used(21, 5, 16), Some(16));
        assert_eq!(used(3, u32::MAX - 4, 16), Some(8));
        assert_eq!(used(22, 5, 16), None);
        assert_eq!(used(4, 5, 16), None);
    }

    #[test]
    fn split_covers_exactly_len_bytes() {
        assert_eq!(split(0, 16, 16), (0..16, 0));
        assert_eq!(split(14, 5, 16), (14..16, 3));
        assert_eq!(split(u32::MAX, 2, 16), (15..16, 1));
        assert_eq!(split(7, 0, 16), (7..7, 0));
    }
}
