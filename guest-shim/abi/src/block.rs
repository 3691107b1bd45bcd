//! Memory blocks: memory of the module that the configuration gives to several partitions by name.
//!
//! Nothing here synchronises: what the partitions of a block agree on is theirs. To each of them the others' bytes are
//! allegations, as a peer's messages are.

use crate::{Name, map};

/// Most memory blocks of a module.
pub const MAX_BLOCKS: usize = 64;
/// Size of the largest memory block in bytes.
pub const MAX_BLOCK: u64 = 1 << 30;

/// One of the partition's memory blocks, in the boot information.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct BlockInfo {
    /// The block's name.
    pub name: Name,
    /// First address, the same in every partition.
    pub base: u64,
    /// Size in bytes, a multiple of the page size.
    pub size: u64,
    /// 1 if the partition may write there, else 0.
    pub writable: u32,
    /// Always 0.
    pub reserved: u32,
}

/// First address of the block with this number in the module.
pub const fn base(number: u64) -> u64 {
    map::BLOCKS.base + number * map::BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn block_info_offsets() {
        assert_eq!(offset_of!(BlockInfo, name), 0);
        assert_eq!(offset_of!(BlockInfo, base), 32);
        assert_eq!(offset_of!(BlockInfo, size), 40);
        assert_eq!(offset_of!(BlockInfo, writable), 48);
        assert_eq!(offset_of!(BlockInfo, reserved), 52);
        assert_eq!(size_of::<BlockInfo>(), 56);
    }

    #[test]
    fn the_most_blocks_fit_with_unmapped_memory_between_them() {
        const { assert!(MAX_BLOCK < map::BLOCK) };
        assert_eq!(base(MAX_BLOCKS as u64), map::BLOCKS.end());
        assert!(MAX_BLOCKS as u64 * size_of::<BlockInfo>() as u64 <= map::host::BLOCKS_SIZE);
    }
}
