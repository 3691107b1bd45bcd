//! Where everything lies in a partition's address space.
//!
//! The addresses are constants so that a guest sees the same ones at every start on every host. They lie above any
//! address that a statically linked image uses and below the region from which Linux hands out mappings and stacks
//! (the top 32nd of the 47-bit user half), so that no choice of the kernel's can collide with them.

/// Page size that all layouts are built on.
pub const PAGE: u64 = 4096;

/// A range of a partition's address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub base: u64,
    /// Size in bytes, or the largest size for regions whose size the configuration sets.
    pub size: u64,
}

impl Region {
    /// First address behind the region.
    pub const fn end(&self) -> u64 {
        self.base + self.size
    }
}

/// Addresses that the segments of a guest image may use. The first 64 KiB stay unmapped, so that a null pointer with
/// a small offset always faults.
pub const IMAGE: Region = Region { base: 0x1_0000, size: 0x1000_0000_0000 - 0x1_0000 };

/// Written by the supervisor, read-only to the guest.
pub const HOST: Region = Region { base: 0x1000_0000_0000, size: 0x2_1000 };
/// Written by the guest; the supervisor reads it as an allegation.
pub const GUEST: Region = Region { base: 0x1000_1000_0000, size: 0x3_0000 };
/// The stack that the guest starts on. The page below it is never mapped.
pub const STACK: Region = Region { base: 0x1000_2000_0000, size: 0x1000_0000 };
/// The stack that the shim's fault handler runs on. The page below it is never mapped.
///
/// A signal frame holds the whole vector state: 11 KiB with AMX. See `AT_MINSIGSTKSZ` in getauxval(3).
pub const ALT_STACK: Region = Region { base: 0x1000_4000_0000, size: 0x1_0000 };
/// The stacks of an executive's processes, for images that ask for them ([`crate::note::PROCESS_STACKS`]): each has
/// [`PROCESS_STACK`] bytes, and [`STACK_GUARD`] bytes below it that are never mapped.
pub const PROCESS_STACKS: Region = Region { base: 0x1001_0000_0000, size: 0xf_0000_0000 };
/// Bytes of each process' stack. Memory is taken where it is touched only.
pub const PROCESS_STACK: u64 = 0x10_0000;
/// Most of these stacks. A partition has one more than its limits allow processes ([`crate::health::Limits::processes`]): the
/// first is an error handler's.
pub const MAX_PROCESS_STACKS: u64 = 129;
/// Unmapped bytes below each process' stack: more than the frame of an ordinary function, so that none reaches across.
pub const STACK_GUARD: u64 = 0x1_0000;
/// The pages of the partition's ports, [`port::CHANNEL`] bytes of addresses a channel of the module.
pub const PORTS: Region = Region { base: 0x1100_0000_0000, size: 0x100_0000_0000 };
/// Memory blocks, [`BLOCK`] bytes of addresses a block of the module; a partition has those that the configuration gives it.
pub const BLOCKS: Region = Region { base: 0x1300_0000_0000, size: 0x20_0000_0000 };
/// Distance from memory block to memory block, twice the size of the largest.
pub const BLOCK: u64 = 0x8000_0000;
/// The partition's memory; its size is the configuration's.
pub const RAM: Region = Region { base: 0x2000_0000_0000, size: 0x1000_0000_0000 };

/// First address of a process' stack; the first stack is number 0.
pub const fn process_stack(number: u64) -> u64 {
    PROCESS_STACKS.base + number * (STACK_GUARD + PROCESS_STACK) + STACK_GUARD
}

/// Offsets within [`HOST`].
pub mod host {
    /// [`crate::boot::BootInfo`].
    pub const BOOT: u64 = 0x0000;
    /// [`crate::clock::Clock`].
    pub const CLOCK: u64 = 0x1000;
    /// [`crate::virtual_time::Parameters`], behind the clock.
    pub const VIRTUAL: u64 = CLOCK + 0x400;
    /// [`crate::schedule::Status`], behind that.
    pub const SCHEDULE: u64 = CLOCK + 0x800;
    /// [`crate::trace::Switch`], behind that.
    pub const TRACE: u64 = CLOCK + 0xc00;
    /// [`crate::ring::Consumer`] of the console's output: how far the supervisor has read.
    pub const OUT_CONSUMER: u64 = 0x2000;
    /// [`crate::ring::Consumer`] of the reports, in slots.
    pub const REPORT_CONSUMER: u64 = OUT_CONSUMER + 0x800;
    /// [`crate::ring::Producer`] of the console's input.
    pub const IN_PRODUCER: u64 = 0x3000;
    /// Bytes of the console's input ring.
    pub const IN_DATA: u64 = 0x4000;
    /// Size of the console's input ring in bytes, a power of two.
    pub const IN_SIZE: u32 = 0x1000;
    /// Windows and arguments of the partition, found through the boot information.
    pub const TABLES: u64 = 0x5000;
    /// Room for those tables in bytes.
    pub const TABLES_SIZE: u64 = PORTS - TABLES;
    /// The partition's ports: [`crate::port::PortInfo`]s.
    pub const PORTS: u64 = 0x1_0000;
    /// Room for them in bytes.
    pub const PORTS_SIZE: u64 = 0x1_0000;
    /// The partition's memory blocks: [`crate::block::BlockInfo`]s.
    pub const BLOCKS: u64 = PORTS + PORTS_SIZE;
    /// Room for them in bytes.
    pub const BLOCKS_SIZE: u64 = 0x1000;
}

/// Offsets within the addresses of one channel, from [`PORTS`] on.
pub mod port {
    /// Distance from channel to channel.
    pub const CHANNEL: u64 = 0x800_0000;
    /// [`crate::port::SourcePage`].
    pub const SOURCE: u64 = 0;
    /// The slots.
    pub const SLOTS: u64 = super::PAGE;
    /// [`crate::port::DestinationPage`].
    pub const DESTINATION: u64 = 0x700_0000;
}

/// Offsets within [`GUEST`].
pub mod guest {
    /// [`crate::vcpu::VcpuPage`].
    pub const VCPU: u64 = 0x0000;
    /// [`crate::virtual_time::VirtualCpu`], behind it.
    pub const VIRTUAL: u64 = VCPU + 0x800;
    /// [`crate::ring::Producer`] of the console's output.
    pub const OUT_PRODUCER: u64 = 0x1000;
    /// [`crate::ring::Consumer`] of the console's input: how far the guest has read.
    pub const IN_CONSUMER: u64 = 0x2000;
    /// [`crate::ring::Producer`] of the reports, in slots.
    pub const REPORT_PRODUCER: u64 = 0x3000;
    /// Slots of the report ring, [`crate::report::Report`]s.
    pub const REPORT_DATA: u64 = 0x4000;
    /// Number of those slots, a power of two.
    pub const REPORT_SLOTS: u32 = 128;
    /// [`crate::trace::Producer`].
    pub const TRACE_PRODUCER: u64 = 0x9000;
    /// Bytes of the console's output ring.
    pub const OUT_DATA: u64 = 0x1_0000;
    /// Size of the console's output ring in bytes, a power of two.
    pub const OUT_SIZE: u32 = 0x1_0000;
    /// Records of the trace ring, [`crate::trace::Record`]s.
    pub const TRACE_DATA: u64 = 0x2_0000;
    /// Number of those records, a power of two.
    pub const TRACE_RECORDS: u64 = 2048;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_in_order_page_aligned_and_apart() {
        let regions = [IMAGE, HOST, GUEST, STACK, ALT_STACK, PROCESS_STACKS, PORTS, BLOCKS, RAM];
        for pair in regions.windows(2) {
            assert!(pair[0].end() <= pair[1].base, "{pair:x?}");
        }
        for region in regions {
            assert_eq!(region.base % PAGE, 0);
            assert_eq!(region.size % PAGE, 0);
        }
        // The most stacks that there can be fit.
        assert!(process_stack(MAX_PROCESS_STACKS) <= PROCESS_STACKS.end());
        // There is room for a guard page below each stack.
        assert!(GUEST.end() < STACK.base && STACK.end() < ALT_STACK.base);
        // The kernel's own mappings start at the top; this leaves them more than half of the user half.
        assert!(RAM.end() <= 0x4000_0000_0000);
    }

    #[test]
    fn parts_of_the_host_region_follow_each_other() {
        let starts = [host::BOOT, host::CLOCK, host::OUT_CONSUMER, host::IN_PRODUCER, host::IN_DATA];
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == PAGE));
        assert_eq!(host::IN_DATA + u64::from(host::IN_SIZE), host::TABLES);
        assert_eq!(host::TABLES + host::TABLES_SIZE, host::PORTS);
        assert_eq!(host::PORTS + host::PORTS_SIZE, host::BLOCKS);
        assert_eq!(host::BLOCKS + host::BLOCKS_SIZE, HOST.size);
        // What shares a page with something else lies behind it.
        assert!(size_of::<crate::clock::Clock>() as u64 <= host::SCHEDULE - host::CLOCK);
        assert!(size_of::<crate::schedule::Status>() as u64 <= host::TRACE - host::SCHEDULE);
        assert!(size_of::<crate::ring::Consumer>() as u64 <= host::REPORT_CONSUMER - host::OUT_CONSUMER);
    }

    #[test]
    fn the_largest_channel_fits_into_its_addresses() {
        const { assert!(port::SLOTS + crate::port::MAX_SLOT_BYTES <= port::DESTINATION) };
        const { assert!(port::DESTINATION + PAGE <= port::CHANNEL) };
        assert_eq!(PORTS.size % port::CHANNEL, 0);
    }

    #[test]
    fn parts_of_the_guest_region_follow_each_other() {
        let starts = [guest::VCPU, guest::OUT_PRODUCER, guest::IN_CONSUMER, guest::REPORT_PRODUCER, guest::REPORT_DATA];
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == PAGE));
        let reports = u64::from(guest::REPORT_SLOTS) * size_of::<crate::report::Report>() as u64;
        assert!(guest::REPORT_SLOTS.is_power_of_two());
        assert!(guest::REPORT_DATA + reports <= guest::TRACE_PRODUCER);
        const { assert!(guest::TRACE_PRODUCER + PAGE <= guest::OUT_DATA) };
        assert_eq!(guest::OUT_DATA + u64::from(guest::OUT_SIZE), guest::TRACE_DATA);
        assert!(guest::TRACE_RECORDS.is_power_of_two());
        assert_eq!(guest::TRACE_DATA + guest::TRACE_RECORDS * size_of::<crate::trace::Record>() as u64, GUEST.size);
        const { assert!(guest::OUT_SIZE.is_power_of_two() && host::IN_SIZE.is_power_of_two()) };
    }
}
