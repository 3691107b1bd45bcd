//! The guest's ends of the console rings.
//!
//! The layout is [`bulkhead_abi::ring`]'s. This side trusts the supervisor, but a position that makes no sense still
//! reads as a full (or empty) ring rather than as an index out of bounds.

use core::sync::atomic::Ordering;

use bulkhead_abi::ring::{Consumer, Producer, split, used};

/// The writing end of a ring.
#[derive(Debug)]
pub struct Writer<'a> {
    producer: &'a Producer,
    consumer: &'a Consumer,
    data: *mut u8,
    size: u32,
}

impl<'a> Writer<'a> {
    /// A writing end over the given pages.
    ///
    /// # Safety
    /// `data` must be valid for writes of `size` bytes, a power of two, for `'a`, and no other writer may be in use at
    /// the same time.
    pub unsafe fn new(producer: &'a Producer, consumer: &'a Consumer, data: *mut u8, size: u32) -> Self {
        Writer { producer, consumer, data, size }
    }

    /// Writes as much of `bytes` as fits; returns how many bytes that was.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let head = self.producer.head.load(Ordering::Relaxed);
        // SYNC POINT ring-space: pairs with the reader's release of the tail; the bytes before it may be overwritten.
        let tail = self.consumer.tail.load(Ordering::Acquire);
        let room = self.size - used(head, tail, self.size).unwrap_or(self.size);
        let len = bytes.len().min(room as usize);
        let (first, rest) = split(head, len as u32, self.size);
        let (start, first) = (first.start, first.len());
        // SAFETY: `split` stays within `size` bytes, which `new` was promised; source and ring do not overlap, since
        // nobody has a slice of the ring.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data.add(start), first);
            core::ptr::copy_nonoverlapping(bytes.as_ptr().add(first), self.data, rest);
        }
        // SYNC POINT ring-data: pairs with the reader's acquire of the head.
        self.producer.head.store(head.wrapping_add(len as u32), Ordering::Release);
        len
    }

    /// Whether the reader has taken everything.
    pub fn is_drained(&self) -> bool {
        self.producer.head.load(Ordering::Relaxed) == self.consumer.tail.load(Ordering::Acquire)
    }

    /// Counts `bytes` as dropped.
    pub fn count_dropped(&mut self, bytes: usize) {
        let dropped = self.producer.dropped.load(Ordering::Relaxed);
        self.producer.dropped.store(dropped.wrapping_add(bytes as u32), Ordering::Relaxed);
    }
}

/// The reading end of a ring.
#[derive(Debug)]
pub struct Reader<'a> {
    producer: &'a Producer,
    consumer: &'a Consumer,
    data: *const u8,
    size: u32,
}

impl<'a> Reader<'a> {
    /// A reading end over the given pages.
    ///
    /// # Safety
    /// `data` must be valid for reads of `size` bytes, a power of two, for `'a`, and no other reader may be in use at
    /// the same time.
    pub unsafe fn new(producer: &'a Producer, consumer: &'a Consumer, data: *const u8, size: u32) -> Self {
        Reader { producer, consumer, data, size }
    }

    /// Reads what is there, at most `buffer.len()` bytes; returns how many.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let tail = self.consumer.tail.load(Ordering::Relaxed);
        // SYNC POINT ring-data: pairs with the writer's release of the head; the bytes before it are whole.
        let head = self.producer.head.load(Ordering::Acquire);
        let len = (used(head, tail, self.size).unwrap_or(0) as usize).min(buffer.len());
        let (first, rest) = split(tail, len as u32, self.size);
        let (start, first) = (first.start, first.len());
        // SAFETY: `split` stays within `size` bytes, which `new` was promised; the buffer is the caller's own.
        unsafe {
            core::ptr::copy_nonoverlapping(self.data.add(start), buffer.as_mut_ptr(), first);
            core::ptr::copy_nonoverlapping(self.data, buffer.as_mut_ptr().add(first), rest);
        }
        // SYNC POINT ring-space: pairs with the writer's acquire of the tail.
        self.consumer.tail.store(tail.wrapping_add(len as u32), Ordering::Release);
        len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU32;

    fn pages(at: u32) -> (Producer, Consumer) {
        (Producer { head: AtomicU32::new(at), dropped: AtomicU32::new(0) }, Consumer { tail: AtomicU32::new(at) })
    }

    #[test]
    fn bytes_come_out_as_they_went_in_across_every_wrap() {
        let (producer, consumer) = pages(u32::MAX - 20);
        let mut data = [0u8; 16];
        let data = data.as_mut_ptr();
        // SAFETY: 16 bytes that outlive both ends, which take turns on one thread.
        let (mut writer, mut reader) =
            unsafe { (Writer::new(&producer, &consumer, data, 16), Reader::new(&producer, &consumer, data, 16)) };
        let (mut sent, mut received, mut total) = (0u8, 0u8, 0);
        for round in 0..200usize {
            let message: [u8; 11] = core::array::from_fn(|index| sent.wrapping_add(index as u8));
            let written = writer.write(&message[..round % 12]);
            sent = sent.wrapping_add(written as u8);
            let mut buffer = [0; 7];
            let read = reader.read(&mut buffer);
            for &byte in &buffer[..read] {
                assert_eq!(byte, received);
                received = received.wrapping_add(1);
                total += 1;
            }
        }
        assert!(total > 100);
    }

    #[test]
    fn a_full_ring_takes_nothing_and_a_senseless_tail_counts_as_full() {
        let (producer, consumer) = pages(0);
        let mut data = [0u8; 8];
        // SAFETY: 8 bytes that outlive the writer.
        let mut writer = unsafe { Writer::new(&producer, &consumer, data.as_mut_ptr(), 8) };
        assert_eq!(writer.write(b"0123456789"), 8);
        assert_eq!(writer.write(b"x"), 0);
        consumer.tail.store(100, Ordering::Relaxed);
        assert_eq!(writer.write(b"x"), 0);
        consumer.tail.store(8, Ordering::Relaxed);
        assert!(writer.is_drained());
        assert_eq!(writer.write(b"xy"), 2);
    }
}
