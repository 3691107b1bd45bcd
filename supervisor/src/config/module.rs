//! The validated module: pure data that the rest of the supervisor can rely on.
//!
//! Values of these types come from [`super::load`] or [`Module::single`] and keep these promises: there is at least one
//! partition; every name is unique and at most 32 bytes long; every window belongs to a partition of its core, is longer
//! than zero, lies within the major frame and overlaps no other window of its core; windows are sorted by start.

use std::path::{Path, PathBuf};

use bulkhead_abi::health::Limits;

use super::block::Block;
use super::channel::Channel;
use crate::health::{ModuleTable, Storm, Table};
use crate::schedule;

/// Number of a partition in its module, from 0; the index into [`Module::partitions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl PartitionId {
    /// The index into [`Module::partitions`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A module: partitions and the windows in which they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The module's name, at most 32 bytes.
    pub name: String,
    /// Length of the major frame in nanoseconds; at least [`MIN_FRAME_NS`].
    pub major_frame_ns: u64,
    /// The scheduled cores, in ascending order of their number.
    pub cores: Vec<Core>,
    /// The partitions; a [`PartitionId`] is an index.
    pub partitions: Vec<Partition>,
    /// A window that starts later than this after its planned instant counts as late, in nanoseconds.
    pub late_after_ns: u64,
    /// A partition whose stop takes longer than this after its window's end counts as overrunning, in nanoseconds.
    pub overrun_after_ns: u64,
    /// When restarts come too thick, and what is done about it.
    pub storm: Storm,
    /// The channels; a channel's number is its index.
    pub channels: Vec<Channel>,
    /// The memory blocks; a block's number is its index.
    pub blocks: Vec<Block>,
    /// What is done about errors of the module itself.
    pub health: ModuleTable,
    /// Names of the schedules, at least one; the module starts with the first.
    pub schedules: Vec<String>,
}

/// A core that keeps windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// The number that the configuration uses.
    pub number: u32,
    /// The host's CPU that serves as this core.
    pub cpu: u32,
    /// The core's windows in one major frame of the first schedule, sorted by start.
    pub windows: Vec<Window>,
    /// Its windows in each of the other schedules, likewise.
    pub alternatives: Vec<Vec<Window>>,
}

impl Core {
    /// The core's windows in one major frame of a schedule, sorted by start; none in a schedule that does not exist.
    pub fn windows_in(&self, schedule: usize) -> &[Window] {
        match schedule.checked_sub(1) {
            None => &self.windows,
            Some(index) => self.alternatives.get(index).map_or(&[], Vec::as_slice),
        }
    }
}

/// A time window of a partition, repeated in every major frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Whose window it is.
    pub partition: PartitionId,
    /// Start in nanoseconds from the beginning of the major frame.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
}

impl Window {
    /// End in nanoseconds from the beginning of the major frame.
    pub fn end_ns(&self) -> u64 {
        self.start_ns + self.duration_ns
    }
}

/// How a partition comes to life with its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// A cold start, with zeroed memory.
    #[default]
    Cold,
    /// A warm start. The first start of a module finds zeroed memory all the same; the guest is told the mode.
    Warm,
    /// Not started; its windows stay empty.
    Idle,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name, at most 32 bytes.
    pub name: String,
    /// The guest's ELF file.
    pub image: PathBuf,
    /// Size of its RAM area in bytes, a multiple of the page size.
    pub memory_bytes: u64,
    /// Size of its first stack in bytes, a multiple of the page size.
    pub stack_bytes: u64,
    /// Arguments behind the partition's name.
    pub args: Vec<String>,
    /// Index into [`Module::cores`].
    pub core: usize,
    /// How it starts with the module.
    pub start: Start,
    /// Whether the supervisor's standard input goes to this partition's console; at most one of a module.
    pub stdin: bool,
    /// What the health monitor does about its failures.
    pub health: Table,
    /// Its period in nanoseconds, if the configuration says; else it follows from the windows.
    pub period_ns: Option<u64>,
    /// The time that it has in each period, in nanoseconds, if the configuration says.
    pub duration_ns: Option<u64>,
    /// Whether it may ask for another schedule.
    pub may_switch_schedule: bool,
    /// Limits of its executive.
    pub apex: Limits,
}

/// Shortest major frame in nanoseconds: below it the dispatcher does nothing but switch.
pub const MIN_FRAME_NS: u64 = 100_000;
/// Longest major frame in nanoseconds (one hour).
pub const MAX_FRAME_NS: u64 = 3_600_000_000_000;
/// Most partitions of a module.
pub const MAX_PARTITIONS: usize = 256;
/// Most windows of one partition in a major frame: what fits into the boot information's tables.
pub const MAX_WINDOWS: usize = 1024;
/// Smallest RAM of a partition in bytes.
pub const MIN_MEMORY: u64 = 64 << 10;
/// Largest RAM of a partition in bytes.
pub const MAX_MEMORY: u64 = 64 << 30;
/// Smallest first stack of a partition in bytes.
pub const MIN_STACK: u64 = 16 << 10;
/// Largest first stack of a partition in bytes: what [`bulkhead_abi::map::STACK`] holds.
pub const MAX_STACK: u64 = bulkhead_abi::map::STACK.size;
/// RAM of a partition whose configuration does not say.
pub const DEFAULT_MEMORY: u64 = 4 << 20;
/// First stack of a partition whose configuration does not say.
pub const DEFAULT_STACK: u64 = 256 << 10;
/// Name of the schedule of a module that has only one.
pub const ONLY_SCHEDULE: &str = "main";
/// Limits of an executive whose configuration does not say.
pub const DEFAULT_LIMITS: Limits = Limits {
    processes: 32,
    buffers: 32,
    blackboards: 32,
    semaphores: 32,
    events: 32,
    mutexes: 32,
    logbooks: 8,
    reserved: 0,
};
/// Most objects of each kind that an executive may be allowed.
pub const MAX_LIMITS: Limits = Limits {
    processes: 128,
    buffers: 256,
    blackboards: 256,
    semaphores: 256,
    events: 256,
    mutexes: 256,
    logbooks: 256,
    reserved: 0,
};
/// Longest time in which restarts are counted, in nanoseconds (a day).
pub const MAX_STORM_NS: u64 = 24 * MAX_FRAME_NS;
/// Lateness that counts as late unless the configuration says otherwise.
pub const DEFAULT_LATE_NS: u64 = 1_000_000;
/// Stop time that counts as an overrun unless the configuration says otherwise.
pub const DEFAULT_OVERRUN_NS: u64 = 1_000_000;

impl Module {
    /// A module with one partition that runs `image` all the time on the host's `cpu`.
    pub fn single(image: &Path, args: Vec<String>, cpu: u32) -> Module {
        let stem = image.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name: String = stem
            .chars()
            .filter(|c| !c.is_control())
            .scan(0, |len, c| {
                *len += c.len_utf8();
                (*len <= bulkhead_abi::NAME_LEN).then_some(c)
            })
            .collect();
        let name = if name.is_empty() { "guest".to_owned() } else { name };
        let major_frame_ns = 10_000_000;
        Module {
            name: name.clone(),
            major_frame_ns,
            cores: vec![Core {
                number: 0,
                cpu,
                windows: vec![Window { partition: PartitionId(0), start_ns: 0, duration_ns: major_frame_ns }],
                alternatives: Vec::new(),
            }],
            partitions: vec![Partition {
                name,
                image: image.to_owned(),
                memory_bytes: 64 << 20,
                stack_bytes: DEFAULT_STACK,
                args,
                core: 0,
                start: Start::Cold,
                stdin: true,
                health: Table::default(),
                period_ns: None,
                duration_ns: None,
                may_switch_schedule: false,
                apex: DEFAULT_LIMITS,
            }],
            late_after_ns: DEFAULT_LATE_NS,
            overrun_after_ns: DEFAULT_OVERRUN_NS,
            storm: Storm::default(),
            channels: Vec::new(),
            blocks: Vec::new(),
            health: ModuleTable::default(),
            schedules: vec![ONLY_SCHEDULE.to_owned()],
        }
    }

    /// The partition with this number.
    pub fn partition(&self, id: PartitionId) -> &Partition {
        &self.partitions[id.index()]
    }

    /// The windows of a partition in the first schedule, sorted by start.
    pub fn windows_of(&self, id: PartitionId) -> impl Iterator<Item = &Window> {
        self.windows_in(id, 0)
    }

    /// The windows of a partition in a schedule, sorted by start.
    pub fn windows_in(&self, id: PartitionId, schedule: usize) -> impl Iterator<Item = &Window> {
        let core = &self.cores[self.partition(id).core];
        core.windows_in(schedule).iter().filter(move |window| window.partition == id)
    }

    /// The period of a partition in a schedule and the time that it has in each period, in nanoseconds: what the
    /// configuration says, or what follows from the windows.
    pub fn period_in(&self, id: PartitionId, schedule: usize) -> (u64, u64) {
        let partition = self.partition(id);
        let (found_ns, _) = schedule::period_ns(self.windows_in(id, schedule), self.major_frame_ns);
        let period_ns = partition.period_ns.unwrap_or(found_ns);
        // The time in all windows, spread over the periods.
        let busy_ns: u64 = self.windows_in(id, schedule).map(|window| window.duration_ns).sum();
        let share_ns = (u128::from(busy_ns) * u128::from(period_ns) / u128::from(self.major_frame_ns)) as u64;
        (period_ns, if busy_ns == 0 { 0 } else { partition.duration_ns.unwrap_or(share_ns) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_guest_gets_the_whole_frame() {
        let module = Module::single(Path::new("/somewhere/hello.elf"), vec!["x".to_owned()], 3);
        assert_eq!(module.name, "hello");
        assert_eq!(module.cores[0].cpu, 3);
        let windows: Vec<_> = module.windows_of(PartitionId(0)).collect();
        assert_eq!(windows.len(), 1);
        assert_eq!(windows[0].end_ns(), module.major_frame_ns);
    }

    #[test]
    fn a_long_file_name_is_cut_at_a_character() {
        let long = format!("/{}é.elf", "n".repeat(31));
        assert_eq!(Module::single(Path::new(&long), vec![], 0).name, "n".repeat(31));
        assert_eq!(Module::single(Path::new("/"), vec![], 0).name, "guest");
    }
}
