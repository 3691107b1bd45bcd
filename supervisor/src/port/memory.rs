//! The memory of a channel, and what keeps each side from the other's pages.
//!
//! Two memfds: the source's pages (its positions and the slots) and, for a queuing channel, the destination's page. Each has
//! two descriptors, one that can be mapped writable and one that was opened for reading only. A process gets its mappings of
//! the peer's pages through the latter: the kernel then refuses to make them writable, ever (the mapping lacks `VM_MAYWRITE`),
//! and to punch holes into them. Sizes are sealed. Why `F_SEAL_FUTURE_WRITE` is not what does this: see
//! `docs/decisions/004-read-only-descriptors.md`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bulkhead_abi::map;
use bulkhead_abi::port::sync::AtomicU64;
use bulkhead_abi::port::{DestinationPage, SourcePage};
use nix::errno::Errno;
use nix::fcntl::SealFlag;

use crate::config::Channel;
use crate::partition::memory::{View, memfd, seal};
use crate::partition::reopen_read_only;

/// Pages that one side writes and the others read.
#[derive(Debug)]
pub(super) struct Pages {
    writable: OwnedFd,
    readable: OwnedFd,
    view: View,
    size: u64,
}

impl Pages {
    fn new(name: &std::ffi::CStr, size: u64) -> Result<Pages, Errno> {
        let size = size.next_multiple_of(map::PAGE);
        let writable = memfd(name, size)?;
        seal(&writable, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)?;
        let readable =
            reopen_read_only(&writable).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
        let view = View::map(writable.as_fd(), size)?;
        Ok(Pages { writable, readable, view, size })
    }

    /// The descriptor that a side has to map the pages through, which writes there or does not.
    pub(super) fn descriptor(&self, writes: bool) -> BorrowedFd<'_> {
        if writes { self.writable.as_fd() } else { self.readable.as_fd() }
    }

    /// Size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// The memory of one channel.
#[derive(Debug)]
pub struct ChannelMemory {
    pub(super) source: Pages,
    /// None for a sampling channel.
    pub(super) destination: Option<Pages>,
}

impl ChannelMemory {
    /// Memory for `channel`, all zero.
    ///
    /// # Errors
    /// What the kernel says when it makes, sizes, maps or seals a memfd; for example EMFILE or ENOMEM.
    pub fn new(channel: &Channel) -> Result<ChannelMemory, Errno> {
        let source = Pages::new(c"bulkhead-source", map::port::SLOTS + channel.slot_bytes())?;
        let queuing = channel.queue_shape().is_some();
        let destination = queuing.then(|| Pages::new(c"bulkhead-destination", map::PAGE)).transpose()?;
        Ok(ChannelMemory { source, destination })
    }

    /// The source's page.
    pub fn source_page(&self) -> &SourcePage {
        // SAFETY: atomics only.
        unsafe { self.source.view.at(map::port::SOURCE) }
    }

    /// The destination's page of a queuing channel.
    pub fn destination_page(&self) -> Option<&DestinationPage> {
        // SAFETY: atomics only.
        self.destination.as_ref().map(|pages| unsafe { pages.view.at(0) })
    }

    /// The slots.
    pub fn slots(&self) -> &[AtomicU64] {
        self.source.view.words(map::port::SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ChannelKind, End, PartitionId};
    use nix::fcntl::{FallocateFlags, fallocate};
    use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mprotect, munmap};
    use nix::unistd::ftruncate;
    use std::num::NonZeroUsize;

    fn memory() -> ChannelMemory {
        let end = |name: &str| End::Port { partition: PartitionId(0), name: name.to_owned() };
        let kind = ChannelKind::Queuing { depth: 100 };
        let (source, destinations) = (end("out"), vec![end("in")]);
        let name = "test".to_owned();
        ChannelMemory::new(&Channel { name, kind, message_bytes: 100, source, destinations }).unwrap()
    }

    /// What a process may do to pages that it maps read-only through `fd`: make them writable, and punch a hole.
    fn liberties(fd: BorrowedFd<'_>) -> (Result<(), Errno>, Result<(), Errno>) {
        let length = NonZeroUsize::new(4096).unwrap();
        // SAFETY: a mapping at an address of the kernel's choice, which is never touched and unmapped again.
        unsafe {
            let at = mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, fd, 0).unwrap();
            let write = mprotect(at, 4096, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
            if write.is_ok() {
                mprotect(at, 4096, ProtFlags::PROT_READ).unwrap();
            }
            let remove = madvise(at, 4096, MmapAdvise::MADV_REMOVE);
            munmap(at, 4096).unwrap();
            (write, remove)
        }
    }

    #[test]
    fn the_reading_side_cannot_make_its_pages_writable_nor_punch_holes() {
        let memory = memory();
        for pages in [&memory.source, memory.destination.as_ref().unwrap()] {
            assert_eq!(liberties(pages.descriptor(false)), (Err(Errno::EACCES), Err(Errno::EACCES)));
            // The control: through the other descriptor a read-only mapping is no obstacle.
            assert_eq!(liberties(pages.descriptor(true)), (Ok(()), Ok(())));
            let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            assert_eq!(fallocate(pages.descriptor(false), punch, 0, 4096), Err(Errno::EBADF));
        }
    }

    #[test]
    fn sizes_are_sealed() {
        let memory = memory();
        for pages in [&memory.source, memory.destination.as_ref().unwrap()] {
            for size in [0, 1 << 30] {
                assert_eq!(ftruncate(pages.descriptor(true), size), Err(Errno::EPERM));
                assert_eq!(ftruncate(pages.descriptor(false), size), Err(Errno::EINVAL));
            }
        }
    }

    #[test]
    fn the_slots_lie_behind_the_page() {
        let memory = memory();
        // 128 slots of 14 words.
        assert!(memory.slots().len() >= 128 * 14);
        assert_eq!(memory.source.size() % map::PAGE, 0);
        assert!(std::ptr::from_ref(memory.source_page()).addr() + 4096 == memory.slots().as_ptr().addr());
    }
}
