//! The memory that a partition shares with the supervisor.
//!
//! Three sealed memfds a partition, made once and kept across restarts:
//!
//! * *host*: the supervisor's pages, which the guest can only ever map read-only ([`bulkhead_abi::map::HOST`]);
//! * *guest*: the guest's pages, of which the supervisor reads rings and notes ([`bulkhead_abi::map::GUEST`]);
//! * *private*: RAM and stacks, which the supervisor never maps.
//!
//! The supervisor's view of the first two is all it has of a guest, and every read of the *guest* view goes through
//! atomics or copies bytes: its content can change at any instant.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use bulkhead_abi::block::BlockInfo;
use bulkhead_abi::boot::BootInfo;
use bulkhead_abi::clock::Clock;
use bulkhead_abi::map;
use bulkhead_abi::port::PortInfo;
use bulkhead_abi::report::Report;
use bulkhead_abi::ring::{Consumer, Producer};
use bulkhead_abi::schedule::Status;
use bulkhead_abi::trace;
use bulkhead_abi::vcpu::VcpuPage;
use bulkhead_abi::virtual_time::{Parameters, VirtualCpu};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::unistd::ftruncate;

/// Bytes of the stacks of an executive's processes. A file's pages cost nothing until they are touched.
const PROCESS_STACKS: u64 = map::MAX_PROCESS_STACKS * map::PROCESS_STACK;

/// A memfd of a fixed size.
pub(crate) fn memfd(name: &std::ffi::CStr, size: u64) -> Result<OwnedFd, Errno> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    // MFD_NOEXEC_SEAL came with Linux 6.3; older kernels refuse it.
    let noexec = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);
    let fd = memfd_create(name, flags | noexec).or_else(|_| memfd_create(name, flags))?;
    ftruncate(&fd, i64::try_from(size).map_err(|_| Errno::EFBIG)?)?;
    Ok(fd)
}

pub(crate) fn seal(fd: &OwnedFd, seals: SealFlag) -> Result<(), Errno> {
    fcntl(fd, FcntlArg::F_ADD_SEALS(seals | SealFlag::F_SEAL_SEAL)).map(drop)
}

/// A shared mapping in the supervisor.
#[derive(Debug)]
pub(crate) struct View {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and all access goes through atomics.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    pub(crate) fn map(fd: BorrowedFd<'_>, size: u64) -> Result<View, Errno> {
        let size = usize::try_from(size).map_err(|_| Errno::EFBIG)?;
        let length = NonZeroUsize::new(size).ok_or(Errno::EINVAL)?;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice changes no memory that is in use.
        let base = unsafe { mmap(None, length, prot, MapFlags::MAP_SHARED, fd, 0)? };
        Ok(View { base: base.cast(), size })
    }

    /// The structure at `offset`.
    ///
    /// # Safety
    /// `T` must be valid for every bit pattern and consist of atomics only, so that a peer's writes are no data race.
    pub(crate) unsafe fn at<T>(&self, offset: u64) -> &T {
        let offset = offset as usize;
        assert!(offset + size_of::<T>() <= self.size && offset.is_multiple_of(align_of::<T>()));
        // SAFETY: within the mapping and aligned, as just checked; the mapping lives as long as `self`.
        unsafe { self.base.add(offset).cast().as_ref() }
    }

    /// The words from `offset` to the end.
    pub(crate) fn words(&self, offset: u64) -> &[AtomicU64] {
        let offset = offset as usize;
        assert!(offset <= self.size && offset.is_multiple_of(8));
        // SAFETY: within the mapping and aligned, as just checked; an atomic word is valid for every bit pattern.
        unsafe { std::slice::from_raw_parts(self.base.add(offset).cast().as_ptr(), (self.size - offset) / 8) }
    }

    fn bytes(&self, offset: u64, len: u64) -> &[AtomicU8] {
        let (offset, len) = (offset as usize, len as usize);
        assert!(offset + len <= self.size);
        // SAFETY: within the mapping, as just checked; an atomic byte is valid for every bit pattern.
        unsafe { std::slice::from_raw_parts(self.base.add(offset).cast().as_ptr(), len) }
    }

    fn write(&self, offset: u64, data: &[u8]) {
        for (slot, &byte) in self.bytes(offset, data.len() as u64).iter().zip(data) {
            slot.store(byte, Ordering::Relaxed);
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the mapping is this view's own, and every reference into it borrowed from the view.
        let _ = unsafe { munmap(self.base.cast(), self.size) };
    }
}

/// A partition's memory.
#[derive(Debug)]
pub struct Memory {
    host_fd: OwnedFd,
    guest_fd: OwnedFd,
    private_fd: OwnedFd,
    host: View,
    guest: View,
    ram_bytes: u64,
    stack_bytes: u64,
}

/// A piece of a memfd and where the guest finds it.
#[derive(Debug)]
pub struct Mapping<'a> {
    /// The memfd.
    pub fd: BorrowedFd<'a>,
    /// Offset in the memfd in bytes.
    pub offset: u64,
    /// Address in the guest.
    pub base: u64,
    /// Size in bytes.
    pub size: u64,
    /// Whether the guest may write there.
    pub writable: bool,
}

impl Memory {
    /// Memory for a partition with `ram_bytes` of RAM and a first stack of `stack_bytes`, both multiples of the page
    /// size.
    ///
    /// # Errors
    /// What the kernel says when it makes, sizes, maps or seals a memfd; for example EMFILE or ENOMEM.
    pub fn new(ram_bytes: u64, stack_bytes: u64) -> Result<Memory, Errno> {
        let host_fd = memfd(c"bulkhead-host", map::HOST.size)?;
        let guest_fd = memfd(c"bulkhead-guest", map::GUEST.size)?;
        let private_fd = memfd(c"bulkhead-private", ram_bytes + stack_bytes + map::ALT_STACK.size + PROCESS_STACKS)?;
        let host = View::map(host_fd.as_fd(), map::HOST.size)?;
        let guest = View::map(guest_fd.as_fd(), map::GUEST.size)?;
        let size = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        // The supervisor's own mapping stays writable; nobody can make another one that is.
        seal(&host_fd, size | SealFlag::F_SEAL_FUTURE_WRITE)?;
        seal(&guest_fd, size)?;
        seal(&private_fd, size)?;
        Ok(Memory { host_fd, guest_fd, private_fd, host, guest, ram_bytes, stack_bytes })
    }

    /// What the guest has to map.
    pub fn mappings(&self) -> [Mapping<'_>; 5] {
        let private = |offset, base, size| Mapping { fd: self.private_fd.as_fd(), offset, base, size, writable: true };
        [
            Mapping {
                fd: self.host_fd.as_fd(),
                offset: 0,
                base: map::HOST.base,
                size: map::HOST.size,
                writable: false,
            },
            Mapping {
                fd: self.guest_fd.as_fd(),
                offset: 0,
                base: map::GUEST.base,
                size: map::GUEST.size,
                writable: true,
            },
            private(0, map::RAM.base, self.ram_bytes),
            private(self.ram_bytes, map::STACK.base, self.stack_bytes),
            private(self.ram_bytes + self.stack_bytes, map::ALT_STACK.base, map::ALT_STACK.size),
        ]
    }

    /// What an image that asks for them has to map besides: `count` stacks (as many as there can be at most), with nothing
    /// between one and the next.
    pub fn process_stacks(&self, count: u64) -> impl Iterator<Item = Mapping<'_>> {
        let first = self.ram_bytes + self.stack_bytes + map::ALT_STACK.size;
        (0..count.min(map::MAX_PROCESS_STACKS)).map(move |number| Mapping {
            fd: self.private_fd.as_fd(),
            offset: first + number * map::PROCESS_STACK,
            base: map::process_stack(number),
            size: map::PROCESS_STACK,
            writable: true,
        })
    }

    /// Size of the RAM area in bytes.
    pub fn ram_bytes(&self) -> u64 {
        self.ram_bytes
    }

    /// Size of the first stack in bytes.
    pub fn stack_bytes(&self) -> u64 {
        self.stack_bytes
    }

    /// Zeroes everything that must not survive a restart: always the guest's pages and the stacks, and the RAM unless
    /// it is to be kept. To be called while the partition has no process.
    ///
    /// # Errors
    /// What the kernel says when it punches a hole into the memfd.
    pub fn clear(&self, keep_ram: bool) -> Result<(), Errno> {
        let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let start = if keep_ram { self.ram_bytes } else { 0 };
        let end = self.ram_bytes + self.stack_bytes + map::ALT_STACK.size + PROCESS_STACKS;
        fallocate(&self.private_fd, punch, start as i64, (end - start) as i64)?;
        fallocate(&self.guest_fd, punch, 0, map::GUEST.size as i64)?;
        self.out_consumer().tail.store(0, Ordering::Release);
        self.in_producer().head.store(0, Ordering::Release);
        self.report_consumer().tail.store(0, Ordering::Release);
        Ok(())
    }

    /// Writes the boot information and its tables (see [`super::boot`]).
    pub fn write_boot(&self, info: &BootInfo, tables: &[u8]) {
        assert!(tables.len() as u64 <= map::host::TABLES_SIZE);
        self.host.write(map::host::TABLES, tables);
        // SAFETY: BootInfo is `repr(C)` without padding (its offsets have tests), so every byte of it is initialised.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const *info).cast::<u8>(), size_of::<BootInfo>()) };
        self.host.write(map::host::BOOT, bytes);
    }

    /// Writes the table of the partition's ports.
    pub fn write_ports(&self, table: &[PortInfo]) {
        // SAFETY: PortInfo is `repr(C)` without padding (its offsets have tests), so every byte of it is initialised.
        let bytes = unsafe { std::slice::from_raw_parts(table.as_ptr().cast::<u8>(), size_of_val(table)) };
        assert!(bytes.len() as u64 <= map::host::PORTS_SIZE);
        self.host.write(map::host::PORTS, bytes);
    }

    /// Writes the table of the partition's memory blocks.
    pub fn write_blocks(&self, table: &[BlockInfo]) {
        // SAFETY: BlockInfo is `repr(C)` without padding (its offsets have tests), so every byte of it is initialised.
        let bytes = unsafe { std::slice::from_raw_parts(table.as_ptr().cast::<u8>(), size_of_val(table)) };
        assert!(bytes.len() as u64 <= map::host::BLOCKS_SIZE);
        self.host.write(map::host::BLOCKS, bytes);
    }

    /// The clock page.
    pub fn clock(&self) -> &Clock {
        // SAFETY: atomics but for a word that nobody writes.
        unsafe { self.host.at(map::host::CLOCK) }
    }

    /// The parameters of virtual time.
    pub fn virtual_parameters(&self) -> &Parameters {
        // SAFETY: atomics but for a word that nobody writes.
        unsafe { self.host.at(map::host::VIRTUAL) }
    }

    /// The guest's side of virtual time.
    pub fn virtual_cpu(&self) -> &VirtualCpu {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::VIRTUAL) }
    }

    /// The vCPU page.
    pub fn vcpu(&self) -> &VcpuPage {
        // SAFETY: atomics but for words that the supervisor never reads.
        unsafe { self.guest.at(map::guest::VCPU) }
    }

    /// The state of the schedules.
    pub fn schedule(&self) -> &Status {
        // SAFETY: atomics only.
        unsafe { self.host.at(map::host::SCHEDULE) }
    }

    /// The guest's side of its reports.
    pub fn report_producer(&self) -> &Producer {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::REPORT_PRODUCER) }
    }

    /// The supervisor's side of the reports.
    pub fn report_consumer(&self) -> &Consumer {
        // SAFETY: atomics only.
        unsafe { self.host.at(map::host::REPORT_CONSUMER) }
    }

    /// The slots of the reports.
    pub fn reports(&self) -> &[Report; map::guest::REPORT_SLOTS as usize] {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::REPORT_DATA) }
    }

    /// Whether the guest is to trace.
    pub fn trace_switch(&self) -> &trace::Switch {
        // SAFETY: atomics only.
        unsafe { self.host.at(map::host::TRACE) }
    }

    /// The guest's side of its trace.
    pub fn trace_producer(&self) -> &trace::Producer {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::TRACE_PRODUCER) }
    }

    /// The records of the guest's trace.
    pub fn trace_records(&self) -> &[trace::Record; map::guest::TRACE_RECORDS as usize] {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::TRACE_DATA) }
    }

    /// The guest's side of the console's output.
    pub fn out_producer(&self) -> &Producer {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::OUT_PRODUCER) }
    }

    /// The supervisor's side of the console's output.
    pub fn out_consumer(&self) -> &Consumer {
        // SAFETY: atomics only.
        unsafe { self.host.at(map::host::OUT_CONSUMER) }
    }

    /// The bytes of the console's output.
    pub fn out_data(&self) -> &[AtomicU8] {
        self.guest.bytes(map::guest::OUT_DATA, u64::from(map::guest::OUT_SIZE))
    }

    /// The supervisor's side of the console's input.
    pub fn in_producer(&self) -> &Producer {
        // SAFETY: atomics only.
        unsafe { self.host.at(map::host::IN_PRODUCER) }
    }

    /// The guest's side of the console's input.
    pub fn in_consumer(&self) -> &Consumer {
        // SAFETY: atomics only.
        unsafe { self.guest.at(map::guest::IN_CONSUMER) }
    }

    /// The bytes of the console's input.
    pub fn in_data(&self) -> &[AtomicU8] {
        self.host.bytes(map::host::IN_DATA, u64::from(map::host::IN_SIZE))
    }

    /// Puts `data` where the process under construction can see it, at the guest address that is returned. It is the
    /// console's output ring, which is empty at that time; [`Memory::clear_scratch`] empties it again.
    pub fn write_scratch(&self, data: &[u8]) -> u64 {
        self.guest.write(map::guest::OUT_DATA, data);
        map::GUEST.base + map::guest::OUT_DATA
    }

    /// Zeroes what [`Memory::write_scratch`] wrote.
    pub fn clear_scratch(&self, len: usize) {
        for byte in self.guest.bytes(map::guest::OUT_DATA, len as u64) {
            byte.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(fd: &OwnedFd, prot: ProtFlags) -> bool {
        let length = NonZeroUsize::new(4096).unwrap();
        // SAFETY: a mapping at an address of the kernel's choice, which is never touched.
        unsafe { mmap(None, length, prot, MapFlags::MAP_SHARED, fd, 0) }.is_err()
    }

    #[test]
    fn seals_keep_sizes_and_make_the_host_pages_read_only() {
        let memory = Memory::new(1 << 16, 1 << 14).unwrap();
        for fd in [&memory.host_fd, &memory.guest_fd, &memory.private_fd] {
            assert_eq!(ftruncate(fd, 0), Err(Errno::EPERM));
            assert_eq!(ftruncate(fd, 1 << 30), Err(Errno::EPERM));
        }
        assert!(refused(&memory.host_fd, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE));
        assert!(!refused(&memory.host_fd, ProtFlags::PROT_READ));
        // The control: without the seal the same mapping is possible.
        assert!(!refused(&memory.guest_fd, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE));
        let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        assert_eq!(fallocate(&memory.host_fd, punch, 0, 4096), Err(Errno::EPERM));
    }

    #[test]
    fn clearing_zeroes_the_guest_pages_and_rewinds_the_rings() {
        let memory = Memory::new(1 << 16, 1 << 14).unwrap();
        memory.vcpu().window.store(7, Ordering::Relaxed);
        memory.out_producer().head.store(9, Ordering::Relaxed);
        memory.out_consumer().tail.store(9, Ordering::Relaxed);
        memory.clear(true).unwrap();
        assert_eq!(memory.vcpu().window.load(Ordering::Relaxed), 0);
        assert_eq!(memory.out_producer().head.load(Ordering::Relaxed), 0);
        assert_eq!(memory.out_consumer().tail.load(Ordering::Relaxed), 0);
    }
}
