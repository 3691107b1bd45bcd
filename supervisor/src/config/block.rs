//! Memory blocks: memory of the module that several partitions share.
//!
//! A [`Block`] of a validated module keeps these promises: its name is unique; its size is a multiple of the page size, at
//! least one page and at most [`bulkhead_abi::block::MAX_BLOCK`]; at least one partition writes it; none has it twice.

use super::PartitionId;

/// A memory block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Partitions that may read it and not write it.
    pub readers: Vec<PartitionId>,
    /// Partitions that may read and write it.
    pub writers: Vec<PartitionId>,
}

impl Block {
    /// Whether a partition may write the block; `None` if it does not have it at all.
    pub fn writable_by(&self, partition: PartitionId) -> Option<bool> {
        let writes = self.writers.contains(&partition);
        (writes || self.readers.contains(&partition)).then_some(writes)
    }
}
