//! Memory blocks: the module's memory that partitions share by name.
//!
//! Each is a memfd of a sealed size with two descriptors, one that can be mapped writable and one that was opened for reading
//! only, through which readers get their mapping; see `docs/decisions/004-read-only-descriptors.md`. The supervisor itself
//! maps none of them: what is in them is the partitions' affair.
//!
//! A block belongs to the module, not to a partition. So its contents outlive every restart of a partition, warm or cold, and
//! end with a restart of the module ([`Blocks::clear`]).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bulkhead_abi::block::{self, BlockInfo};
use bulkhead_abi::pad_name;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, SealFlag, fallocate};

use crate::config::{Block, Module, PartitionId};
use crate::partition::memory::{Mapping, memfd, seal};
use crate::partition::reopen_read_only;

/// The memory of one block.
#[derive(Debug)]
struct BlockMemory {
    writable: OwnedFd,
    readable: OwnedFd,
}

impl BlockMemory {
    /// Memory of `size` bytes, a multiple of the page size, all zero.
    fn new(size: u64) -> Result<BlockMemory, Errno> {
        let writable = memfd(c"bulkhead-block", size)?;
        seal(&writable, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)?;
        let readable =
            reopen_read_only(&writable).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
        Ok(BlockMemory { writable, readable })
    }

    fn descriptor(&self, writes: bool) -> BorrowedFd<'_> {
        if writes { self.writable.as_fd() } else { self.readable.as_fd() }
    }
}

/// The memory blocks of a module, by number.
#[derive(Debug, Default)]
pub struct Blocks {
    list: Vec<(Block, BlockMemory)>,
}

impl Blocks {
    /// Memory for all blocks.
    ///
    /// # Errors
    /// The name of the block whose memory the host refuses, and why.
    pub fn new(module: &Module) -> Result<Blocks, (String, Errno)> {
        let memory = |block: &Block| {
            let memory = BlockMemory::new(block.size).map_err(|error| (block.name.clone(), error))?;
            Ok((block.clone(), memory))
        };
        Ok(Blocks { list: module.blocks.iter().map(memory).collect::<Result<_, _>>()? })
    }

    /// Zeroes all blocks. To be called while no partition has a process that runs.
    ///
    /// # Errors
    /// The name of the block that could not be zeroed, and why.
    pub fn clear(&self) -> Result<(), (String, Errno)> {
        let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        for (block, memory) in &self.list {
            fallocate(&memory.writable, punch, 0, block.size as i64).map_err(|error| (block.name.clone(), error))?;
        }
        Ok(())
    }
}

/// The memory blocks of one partition.
#[derive(Debug, Clone)]
pub struct Share {
    blocks: Arc<Blocks>,
    partition: PartitionId,
}

impl Share {
    /// The blocks of a partition.
    pub fn new(blocks: &Arc<Blocks>, partition: PartitionId) -> Share {
        Share { blocks: Arc::clone(blocks), partition }
    }

    /// Those of a partition that has none.
    pub fn none() -> Share {
        Share { blocks: Arc::default(), partition: PartitionId(0) }
    }

    /// The blocks that the partition has, with their first addresses, and whether it may write them.
    fn mine(&self) -> impl Iterator<Item = (u64, &Block, &BlockMemory, bool)> {
        self.blocks.list.iter().enumerate().filter_map(|(number, (config, memory))| {
            Some((block::base(number as u64), config, memory, config.writable_by(self.partition)?))
        })
    }

    /// What the partition's process has to map.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        self.mine().map(|(base, config, memory, writable)| {
            let (fd, size) = (memory.descriptor(writable), config.size);
            Mapping { fd, offset: 0, base, size, writable }
        })
    }

    /// The table in the boot information.
    pub fn table(&self) -> Vec<BlockInfo> {
        let entry = |(base, config, _, writable): (u64, &Block, _, bool)| BlockInfo {
            // A configured name fits; anything else would be a mistake of ours and shows as empty.
            name: pad_name(&config.name).unwrap_or_default(),
            base,
            size: config.size,
            writable: u32::from(writable),
            reserved: 0,
        };
        self.mine().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_abi::{map, trim_name};
    use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect, munmap};
    use nix::unistd::ftruncate;
    use std::fs::File;
    use std::num::NonZeroUsize;
    use std::os::unix::fs::FileExt;

    fn blocks() -> Arc<Blocks> {
        let block = |name: &str, readers: &[u16], writers: &[u16]| {
            let ids = |list: &[u16]| list.iter().copied().map(PartitionId).collect();
            let block = Block { name: name.to_owned(), size: 8192, readers: ids(readers), writers: ids(writers) };
            (block, BlockMemory::new(8192).unwrap())
        };
        Arc::new(Blocks { list: vec![block("a", &[1], &[0]), block("b", &[], &[1, 2])] })
    }

    #[test]
    fn a_partition_maps_its_own_blocks_only_and_each_at_the_same_address() {
        let blocks = blocks();
        let base = map::BLOCKS.base;
        let mapped = |partition| -> Vec<(u64, bool)> {
            let share = Share::new(&blocks, PartitionId(partition));
            share.mappings().map(|mapping| (mapping.base, mapping.writable)).collect()
        };
        assert_eq!(mapped(0), [(base, true)]);
        assert_eq!(mapped(1), [(base, false), (base + map::BLOCK, true)]);
        assert_eq!(mapped(2), [(base + map::BLOCK, true)]);
        assert_eq!(mapped(3), []);
        let table = Share::new(&blocks, PartitionId(1)).table();
        let names: Vec<_> = table.iter().map(|info| (trim_name(&info.name), info.size, info.writable)).collect();
        assert_eq!(names, [(b"a".as_slice(), 8192, 0), (b"b".as_slice(), 8192, 1)]);
    }

    #[test]
    fn a_reader_cannot_make_its_mapping_writable_and_sizes_are_sealed() {
        let memory = BlockMemory::new(4096).unwrap();
        let upgrade = |writes| {
            let (length, fd) = (NonZeroUsize::new(4096).unwrap(), memory.descriptor(writes));
            // SAFETY: a mapping at an address of the kernel's choice, which is never touched and unmapped again.
            unsafe {
                let at = mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, fd, 0).unwrap();
                let result = mprotect(at, 4096, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
                munmap(at, 4096).unwrap();
                result
            }
        };
        assert_eq!(upgrade(false), Err(Errno::EACCES));
        // The control: through the other descriptor it is possible.
        assert_eq!(upgrade(true), Ok(()));
        for size in [0, 1 << 20] {
            assert_eq!(ftruncate(&memory.writable, size), Err(Errno::EPERM));
        }
        assert_eq!(
            nix::fcntl::fcntl(&memory.writable, nix::fcntl::FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE)),
            Err(Errno::EPERM)
        );
    }

    #[test]
    fn clearing_zeroes_every_block() {
        let blocks = blocks();
        let files: Vec<File> =
            blocks.list.iter().map(|(_, memory)| memory.writable.try_clone().unwrap().into()).collect();
        let last = |file: &File| {
            let mut byte = [0];
            file.read_exact_at(&mut byte, 8191).unwrap();
            byte[0]
        };
        for file in &files {
            file.write_all_at(b"x", 8191).unwrap();
            assert_eq!(last(file), b'x');
        }
        blocks.clear().unwrap();
        assert!(files.iter().all(|file| last(file) == 0));
    }
}
