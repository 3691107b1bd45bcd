//! Memory blocks: memory of the module that the configuration gives to several partitions by name.
//!
//! A block lies at the same address in every partition that has it. Its contents outlive every restart of a partition, warm or
//! cold; a restart of the module zeroes them. Another partition may write while this one reads, so [`Block`] copies bytes in
//! and out, one by one and without any order; what is built on it (a sequence number, a lock) uses [`Block::address`]
//! and atomics.

use core::sync::atomic::{AtomicU8, Ordering};

pub use bulkhead_abi::block::BlockInfo;

use crate::boot;

/// One of the partition's memory blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    info: &'static BlockInfo,
}

/// Why bytes cannot be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockError {
    /// They do not all lie in the block.
    Outside,
    /// The partition may only read the block.
    ReadOnly,
}

/// The table of memory blocks in the boot information.
fn table() -> &'static [BlockInfo] {
    let info = boot::info();
    if info.block_count == 0 {
        return &[];
    }
    // SAFETY: the supervisor placed that many entries there, aligned, in read-only pages of the boot information.
    unsafe { core::slice::from_raw_parts(info.blocks as *const BlockInfo, info.block_count as usize) }
}

/// The memory block with this name, if the configuration gives the partition one.
pub fn find(name: &str) -> Option<Block> {
    find_bytes(name.as_bytes())
}

/// Like [`find`], for a name that need not be UTF-8 (without NULs).
pub fn find_bytes(name: &[u8]) -> Option<Block> {
    all().find(|block| block.name() == name)
}

/// All memory blocks of the partition, in the order of the configuration.
pub fn all() -> impl Iterator<Item = Block> {
    table().iter().map(|info| Block { info })
}

impl Block {
    /// What the configuration says about the block.
    pub fn info(self) -> &'static BlockInfo {
        self.info
    }

    /// Its name.
    pub fn name(self) -> &'static [u8] {
        bulkhead_abi::trim_name(&self.info.name)
    }

    /// Its first address, the same in every partition.
    pub fn address(self) -> *mut u8 {
        self.info.base as *mut u8
    }

    /// Its size in bytes.
    pub fn size(self) -> usize {
        self.info.size as usize
    }

    /// Whether the partition may write there. If not, a write is a memory violation.
    pub fn is_writable(self) -> bool {
        self.info.writable != 0
    }

    /// Copies bytes from `offset` on out of the block.
    ///
    /// # Errors
    /// When they do not all lie in the block.
    pub fn read(self, offset: usize, to: &mut [u8]) -> Result<(), BlockError> {
        let bytes = self.bytes(offset, to.len())?;
        for (byte, at) in to.iter_mut().zip(bytes) {
            *byte = at.load(Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copies bytes into the block, from `offset` on.
    ///
    /// # Errors
    /// When they do not all lie in the block, or the partition may only read it.
    pub fn write(self, offset: usize, from: &[u8]) -> Result<(), BlockError> {
        if !self.is_writable() {
            return Err(BlockError::ReadOnly);
        }
        let bytes = self.bytes(offset, from.len())?;
        for (&byte, at) in from.iter().zip(bytes) {
            at.store(byte, Ordering::Relaxed);
        }
        Ok(())
    }

    fn bytes(self, offset: usize, len: usize) -> Result<&'static [AtomicU8], BlockError> {
        let end = offset.checked_add(len).ok_or(BlockError::Outside)?;
        // SAFETY: the supervisor mapped that many bytes there for the whole life of the process; an atomic byte is valid
        // for every value, and one that cannot be written is only loaded.
        let all = unsafe { core::slice::from_raw_parts(self.info.base as *const AtomicU8, self.size()) };
        all.get(offset..end).ok_or(BlockError::Outside)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::boxed::Box;

    fn block(bytes: &'static [AtomicU8], writable: u32) -> Block {
        let name = bulkhead_abi::pad_name("map").unwrap();
        let (base, size) = (bytes.as_ptr() as u64, bytes.len() as u64);
        Block { info: Box::leak(Box::new(BlockInfo { name, base, size, writable, reserved: 0 })) }
    }

    #[test]
    fn bytes_go_in_and_out_and_nowhere_else() {
        let bytes: &[AtomicU8; 8] = Box::leak(Box::default());
        let ours = block(&bytes[..6], 1);
        assert_eq!((ours.name(), ours.size()), (b"map".as_slice(), 6));
        ours.write(2, b"abcd").unwrap();
        let mut seen = [9; 6];
        ours.read(0, &mut seen).unwrap();
        assert_eq!(&seen, b"\0\0abcd");
        for (offset, len) in [(0, 7), (3, 4), (6, 1), (7, 0), (usize::MAX, 2)] {
            assert_eq!(ours.write(offset, &[1; 7][..len]), Err(BlockError::Outside), "{offset} {len}");
            assert_eq!(ours.read(offset, &mut [1; 7][..len]), Err(BlockError::Outside), "{offset} {len}");
        }
        assert_eq!(ours.read(6, &mut []), Ok(()));
        let theirs = block(&bytes[..6], 0);
        assert_eq!(theirs.write(0, b"x"), Err(BlockError::ReadOnly));
        assert_eq!(theirs.read(2, &mut seen[..1]), Ok(()));
        assert_eq!(seen[0], b'a');
    }
}
