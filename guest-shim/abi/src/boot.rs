//! Boot information: what a guest finds out about itself at start-up.
//!
//! Its address is in the first argument register (RDI on x86-64) when the guest's entry point is reached, as a
//! multiboot loader would do it. The page is read-only to the guest and does not change while it runs.

use crate::Name;
use crate::health::{ERROR_CODES, Limits, Response};

/// "BULKHEAD" as a little-endian number.
pub const MAGIC: u64 = u64::from_le_bytes(*b"BULKHEAD");

/// Most memory areas a guest is told about.
pub const MAX_AREAS: usize = 8;

/// Why a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum StartCondition {
    /// The module started, and this is the partition's first start.
    NormalStart = 0,
    /// The partition asked for its restart.
    PartitionRestart = 1,
    /// The health monitor restarted the module.
    HmModuleRestart = 2,
    /// The health monitor restarted the partition.
    HmPartitionRestart = 3,
}

/// How a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum StartMode {
    /// Memory is zero.
    Cold = 0,
    /// The partition's RAM area holds what the previous start left in it.
    Warm = 1,
}

/// What a [`MemoryArea`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum AreaKind {
    /// An unused entry.
    None = 0,
    /// The partition's memory, zeroed at a cold start.
    Ram = 1,
    /// The stack that the guest starts on.
    Stack = 2,
    /// The pages that the supervisor writes.
    Host = 3,
    /// The pages that the guest writes and the supervisor reads.
    Guest = 4,
}

/// A range of memory that the guest may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MemoryArea {
    /// An [`AreaKind`].
    pub kind: u32,
    /// 1 if the guest may write there, else 0.
    pub writable: u32,
    /// First address.
    pub base: u64,
    /// Size in bytes.
    pub size: u64,
}

/// One of the partition's windows in the major frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Window {
    /// Start in nanoseconds from the beginning of the major frame.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
}

/// The boot information, at [`crate::map::HOST`] plus [`crate::map::host::BOOT`].
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct BootInfo {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`crate::ABI_VERSION`] of the supervisor.
    pub abi_version: u32,
    /// Size of this structure in bytes.
    pub size: u32,
    /// Number of the partition in the module, from 0.
    pub partition_id: u32,
    /// Starts of this partition so far, from 1: a restart raises it.
    pub generation: u32,
    /// A [`StartCondition`].
    pub start_condition: u32,
    /// A [`StartMode`].
    pub start_mode: u32,
    /// The partition's name.
    pub partition_name: Name,
    /// The module's name.
    pub module_name: Name,
    /// Length of the major frame in nanoseconds.
    pub major_frame_ns: u64,
    /// Used entries of `areas`.
    pub area_count: u32,
    /// Number of windows at `windows`.
    pub window_count: u32,
    /// Number of arguments at `argv`, the partition's name as the first included.
    pub argc: u32,
    /// Size of the console's output ring in bytes, a power of two.
    pub out_size: u32,
    /// Size of the console's input ring in bytes, a power of two.
    pub in_size: u32,
    /// Always 0.
    pub reserved: u32,
    /// Address of `window_count` [`Window`]s, in order of their start.
    pub windows: u64,
    /// Address of `argc` addresses of NUL-terminated strings, and a null behind them.
    pub argv: u64,
    /// Address of the [`crate::clock::Clock`].
    pub clock: u64,
    /// Address of the [`crate::vcpu::VcpuPage`].
    pub vcpu: u64,
    /// Address of the output ring's [`crate::ring::Producer`].
    pub out_producer: u64,
    /// Address of the output ring's [`crate::ring::Consumer`].
    pub out_consumer: u64,
    /// Address of the output ring's bytes.
    pub out_data: u64,
    /// Address of the input ring's [`crate::ring::Producer`].
    pub in_producer: u64,
    /// Address of the input ring's [`crate::ring::Consumer`].
    pub in_consumer: u64,
    /// Address of the input ring's bytes.
    pub in_data: u64,
    /// Memory areas; the first `area_count` are valid.
    pub areas: [MemoryArea; MAX_AREAS],
    /// Address of `port_count` [`crate::port::PortInfo`]s, in the order of the configuration's channels.
    pub ports: u64,
    /// Number of the partition's ports.
    pub port_count: u32,
    /// Always 0.
    pub reserved_ports: u32,
    /// The partition's period in nanoseconds, in the schedule that the module starts with.
    pub period_ns: u64,
    /// The time that the partition has in each period, in nanoseconds, in that schedule.
    pub duration_ns: u64,
    /// What is done about an error; the index is a [`crate::health::ErrorCode`].
    pub health: [Response; ERROR_CODES],
    /// Limits of the partition's executive.
    pub limits: Limits,
    /// Address of `schedule_count` [`crate::schedule::Schedule`]s.
    pub schedules: u64,
    /// Number of the module's schedules, at least 1.
    pub schedule_count: u32,
    /// 1 if the partition may ask for another schedule, else 0.
    pub may_switch_schedule: u32,
    /// Address of the [`crate::schedule::Status`].
    pub schedule_status: u64,
    /// Address of the report ring's [`crate::ring::Producer`].
    pub report_producer: u64,
    /// Address of the report ring's [`crate::ring::Consumer`].
    pub report_consumer: u64,
    /// Address of the report ring's slots, [`crate::report::Report`]s.
    pub report_data: u64,
    /// Number of those slots, a power of two.
    pub report_slots: u32,
    /// Always 0.
    pub reserved_reports: u32,
    /// Address of `block_count` [`crate::block::BlockInfo`]s, in the order of the configuration.
    pub blocks: u64,
    /// Number of the partition's memory blocks.
    pub block_count: u32,
    /// Always 0.
    pub reserved_blocks: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn boot_info_offsets() {
        let offsets = [
            (offset_of!(BootInfo, magic), 0),
            (offset_of!(BootInfo, abi_version), 8),
            (offset_of!(BootInfo, size), 12),
            (offset_of!(BootInfo, partition_id), 16),
            (offset_of!(BootInfo, generation), 20),
            (offset_of!(BootInfo, start_condition), 24),
            (offset_of!(BootInfo, start_mode), 28),
            (offset_of!(BootInfo, partition_name), 32),
            (offset_of!(BootInfo, module_name), 64),
            (offset_of!(BootInfo, major_frame_ns), 96),
            (offset_of!(BootInfo, area_count), 104),
            (offset_of!(BootInfo, window_count), 108),
            (offset_of!(BootInfo, argc), 112),
            (offset_of!(BootInfo, out_size), 116),
            (offset_of!(BootInfo, in_size), 120),
            (offset_of!(BootInfo, reserved), 124),
            (offset_of!(BootInfo, windows), 128),
            (offset_of!(BootInfo, argv), 136),
            (offset_of!(BootInfo, clock), 144),
            (offset_of!(BootInfo, vcpu), 152),
            (offset_of!(BootInfo, out_producer), 160),
            (offset_of!(BootInfo, out_consumer), 168),
            (offset_of!(BootInfo, out_data), 176),
            (offset_of!(BootInfo, in_producer), 184),
            (offset_of!(BootInfo, in_consumer), 192),
            (offset_of!(BootInfo, in_data), 200),
            (offset_of!(BootInfo, areas), 208),
            (offset_of!(BootInfo, ports), 400),
            (offset_of!(BootInfo, port_count), 408),
            (offset_of!(BootInfo, reserved_ports), 412),
            (offset_of!(BootInfo, period_ns), 416),
            (offset_of!(BootInfo, duration_ns), 424),
            (offset_of!(BootInfo, health), 432),
            (offset_of!(BootInfo, limits), 448),
            (offset_of!(BootInfo, schedules), 480),
            (offset_of!(BootInfo, schedule_count), 488),
            (offset_of!(BootInfo, may_switch_schedule), 492),
            (offset_of!(BootInfo, schedule_status), 496),
            (offset_of!(BootInfo, report_producer), 504),
            (offset_of!(BootInfo, report_consumer), 512),
            (offset_of!(BootInfo, report_data), 520),
            (offset_of!(BootInfo, report_slots), 528),
            (offset_of!(BootInfo, reserved_reports), 532),
            (offset_of!(BootInfo, blocks), 536),
            (offset_of!(BootInfo, block_count), 544),
            (offset_of!(BootInfo, reserved_blocks), 548),
        ];
        for (index, (actual, expected)) in offsets.into_iter().enumerate() {
            assert_eq!(actual, expected, "field {index}");
        }
        assert_eq!(size_of::<BootInfo>(), 552);
        assert!(size_of::<BootInfo>() as u64 <= crate::map::PAGE);
    }

    #[test]
    fn table_entry_offsets() {
        assert_eq!(offset_of!(MemoryArea, kind), 0);
        assert_eq!(offset_of!(MemoryArea, writable), 4);
        assert_eq!(offset_of!(MemoryArea, base), 8);
        assert_eq!(offset_of!(MemoryArea, size), 16);
        assert_eq!(size_of::<MemoryArea>(), 24);
        assert_eq!(offset_of!(Window, start_ns), 0);
        assert_eq!(offset_of!(Window, duration_ns), 8);
        assert_eq!(size_of::<Window>(), 16);
    }
}
