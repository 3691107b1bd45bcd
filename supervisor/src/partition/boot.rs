//! Fills in the boot information of a partition. Pure.

use bulkhead_abi::boot::{AreaKind, BootInfo, MAGIC, MAX_AREAS, MemoryArea, StartCondition, StartMode};
use bulkhead_abi::schedule::Schedule;
use bulkhead_abi::{ABI_VERSION, Name, map, pad_name};

use crate::config::{Channel, Module, PartitionId};

/// One start of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Starts so far, from 1.
    pub generation: u32,
    /// Why.
    pub condition: StartCondition,
    /// How.
    pub mode: StartMode,
}

/// The boot information of partition `id`, and the tables that it points to: the windows of each schedule, the schedules,
/// then argument addresses, then the strings.
///
/// The configuration made sure that the tables fit; see [`crate::config`].
pub fn boot_info(module: &Module, id: PartitionId, start: Start) -> (BootInfo, Vec<u8>) {
    let partition = module.partition(id);
    let base = map::HOST.base + map::host::TABLES;
    let mut tables = Vec::new();

    let mut schedules = Vec::new();
    for (number, schedule) in module.schedules.iter().enumerate() {
        let windows = base + tables.len() as u64;
        let mut window_count = 0;
        for window in module.windows_in(id, number) {
            tables.extend_from_slice(&window.start_ns.to_le_bytes());
            tables.extend_from_slice(&window.duration_ns.to_le_bytes());
            window_count += 1;
        }
        let (period_ns, duration_ns) = module.period_in(id, number);
        schedules.push(Schedule { name: name(schedule), period_ns, duration_ns, windows, window_count, reserved: 0 });
    }
    let first = schedules[0];
    let schedule_count = schedules.len() as u32;
    let schedule_table = base + tables.len() as u64;
    for Schedule { name, period_ns, duration_ns, windows, window_count, reserved } in schedules {
        tables.extend_from_slice(&name);
        for word in [period_ns, duration_ns, windows] {
            tables.extend_from_slice(&word.to_le_bytes());
        }
        tables.extend_from_slice(&window_count.to_le_bytes());
        tables.extend_from_slice(&reserved.to_le_bytes());
    }

    let argv = base + tables.len() as u64;
    let args: Vec<&str> =
        std::iter::once(partition.name.as_str()).chain(partition.args.iter().map(String::as_str)).collect();
    let mut string = argv + 8 * (args.len() as u64 + 1);
    for arg in &args {
        tables.extend_from_slice(&string.to_le_bytes());
        string += arg.len() as u64 + 1;
    }
    tables.extend_from_slice(&0u64.to_le_bytes());
    for arg in &args {
        tables.extend_from_slice(arg.as_bytes());
        tables.push(0);
    }

    let port_count = module.channels.iter().flat_map(Channel::ends).filter(|end| end.partition() == Some(id)).count();

    let block_count = module.blocks.iter().filter(|block| block.writable_by(id).is_some()).count();

    let area = |kind: AreaKind, writable, base, size| MemoryArea { kind: kind as u32, writable, base, size };
    let mut areas = [MemoryArea::default(); MAX_AREAS];
    areas[0] = area(AreaKind::Ram, 1, map::RAM.base, partition.memory_bytes);
    areas[1] = area(AreaKind::Stack, 1, map::STACK.base, partition.stack_bytes);
    areas[2] = area(AreaKind::Host, 0, map::HOST.base, map::HOST.size);
    areas[3] = area(AreaKind::Guest, 1, map::GUEST.base, map::GUEST.size);

    let info = BootInfo {
        magic: MAGIC,
        abi_version: ABI_VERSION,
        size: size_of::<BootInfo>() as u32,
        partition_id: u32::from(id.0),
        generation: start.generation,
        start_condition: start.condition as u32,
        start_mode: start.mode as u32,
        partition_name: name(&partition.name),
        module_name: name(&module.name),
        major_frame_ns: module.major_frame_ns,
        area_count: 4,
        window_count: first.window_count,
        argc: args.len() as u32,
        out_size: map::guest::OUT_SIZE,
        in_size: map::host::IN_SIZE,
        reserved: 0,
        windows: first.windows,
        argv,
        clock: map::HOST.base + map::host::CLOCK,
        vcpu: map::GUEST.base + map::guest::VCPU,
        out_producer: map::GUEST.base + map::guest::OUT_PRODUCER,
        out_consumer: map::HOST.base + map::host::OUT_CONSUMER,
        out_data: map::GUEST.base + map::guest::OUT_DATA,
        in_producer: map::HOST.base + map::host::IN_PRODUCER,
        in_consumer: map::GUEST.base + map::guest::IN_CONSUMER,
        in_data: map::HOST.base + map::host::IN_DATA,
        areas,
        ports: map::HOST.base + map::host::PORTS,
        port_count: port_count as u32,
        reserved_ports: 0,
        period_ns: first.period_ns,
        duration_ns: first.duration_ns,
        health: partition.health.to_abi(),
        limits: partition.apex,
        schedules: schedule_table,
        schedule_count,
        may_switch_schedule: u32::from(partition.may_switch_schedule),
        schedule_status: map::HOST.base + map::host::SCHEDULE,
        report_producer: map::GUEST.base + map::guest::REPORT_PRODUCER,
        report_consumer: map::HOST.base + map::host::REPORT_CONSUMER,
        report_data: map::GUEST.base + map::guest::REPORT_DATA,
        report_slots: map::guest::REPORT_SLOTS,
        reserved_reports: 0,
        blocks: map::HOST.base + map::host::BLOCKS,
        block_count: block_count as u32,
        reserved_blocks: 0,
    };
    (info, tables)
}

/// A configured name is at most 32 bytes without NULs; anything else would be a mistake of ours and shows as empty.
fn name(text: &str) -> Name {
    pad_name(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn tables_hold_windows_then_schedules_then_argument_addresses_then_strings() {
        let module = Module::single(Path::new("nav.elf"), vec!["-v".to_owned(), String::new()], 0);
        let start = Start { generation: 2, condition: StartCondition::HmPartitionRestart, mode: StartMode::Warm };
        let (info, tables) = boot_info(&module, PartitionId(0), start);
        let base = map::HOST.base + map::host::TABLES;
        assert_eq!((info.windows, info.window_count, info.argc), (base, 1, 3));
        assert_eq!((info.schedules, info.schedule_count), (base + 16, 1));
        assert_eq!(&tables[16..21], b"main\0");
        assert_eq!(info.argv, base + 80);
        let word = |at: usize| u64::from_le_bytes(tables[at..at + 8].try_into().unwrap());
        assert_eq!((word(0), word(8)), (0, module.major_frame_ns));
        assert_eq!((word(48), word(56), word(64), word(72)), (info.period_ns, info.duration_ns, base, 1));
        assert_eq!((info.period_ns, info.duration_ns), (module.major_frame_ns, module.major_frame_ns));
        let strings: Vec<&[u8]> = (0..3)
            .map(|index| {
                let at = (word(80 + 8 * index) - base) as usize;
                let len = tables[at..].iter().position(|&byte| byte == 0).unwrap();
                &tables[at..at + len]
            })
            .collect();
        assert_eq!(strings, [b"nav".as_slice(), b"-v", b""]);
        assert_eq!(word(80 + 24), 0);
        assert_eq!((info.generation, info.start_condition, info.start_mode), (2, 3, 1));
        assert_eq!(&info.partition_name[..4], b"nav\0");
    }
}
