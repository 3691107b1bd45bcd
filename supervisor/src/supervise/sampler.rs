//! What the host's counters say about each core, read by the main thread while a run is recorded.
//!
//! Nothing of this is on a dispatcher's path. The files stay open; reading one again costs a microsecond or two. What the
//! host does not have counts as zero for good. A guest that is started anew begins with counters at zero, so growth is
//! added up here, and a core's counters never fall.

pub(super) mod sources;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bulkhead_abi::port::queue;

use self::sources::Source;
use super::resident::Resident;
use crate::config::Module;
use crate::host;
use crate::port::Channels;
use crate::record::event::{Interrupts, Kind, Sample};

/// The shortest time from one sample to the next, in nanoseconds.
const PERIOD_NS: u64 = 5_000_000;
/// With many guests samples are rarer: at most so much of the period for each, in nanoseconds.
const PERIOD_PER_GUEST_NS: u64 = 500_000;

/// Reading how many interrupts there were takes at most this part of the main thread's time: on a host with many CPUs the file is large.
const COUNTING_PART: u64 = 50;

/// Reads the counters of every core.
#[derive(Debug)]
pub(super) struct Sampler {
    stat: Option<File>,
    throttled: Option<(File, &'static str, u64)>,
    tick_ns: u64,
    cores: Vec<Core>,
    guests: Vec<Guest>,
    due_ns: u64,
    text: Vec<u8>,
    /// /proc/interrupts, when it is to be read again, and room for it.
    interrupts: Option<File>,
    sources: Vec<Source>,
    interrupts_due_ns: u64,
    long_text: Vec<u8>,
    /// By channel: how many messages waited at the last look; none for a channel that is no queue.
    waiting: Vec<Option<u32>>,
}

#[derive(Debug)]
struct Core {
    cpu: u32,
    /// The dispatcher's /proc/.../status.
    status: Option<File>,
    grown: Sample,
    interrupts: Interrupts,
    /// By source of interrupts: what has been told of it.
    told: Vec<Option<u64>>,
}

/// A guest's files, for as long as its process is the same, and what they said last.
#[derive(Debug, Default)]
struct Guest {
    pid: i32,
    stat: Option<File>,
    schedstat: Option<File>,
    minor: u64,
    major: u64,
    waited_ns: u64,
}

impl Sampler {
    /// A sampler for a module whose dispatchers are these threads, by core; `sources` are those that the recording's header names.
    pub(super) fn new(module: &Module, dispatchers: &[i32], sources: Vec<Source>) -> Sampler {
        // SAFETY: takes a number and returns one.
        let hertz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        let source_count = sources.len();
        let cores = module.cores.iter().enumerate().map(|(index, core)| {
            let thread = dispatchers.get(index).copied().unwrap_or(0);
            let status = File::open(format!("/proc/self/task/{thread}/status")).ok();
            Core {
                cpu: core.cpu,
                status,
                grown: Sample::default(),
                interrupts: Interrupts::default(),
                told: vec![None; source_count],
            }
        });
        Sampler {
            stat: File::open("/proc/stat").ok(),
            throttled: throttled(),
            tick_ns: 1_000_000_000 / u64::try_from(hertz).unwrap_or(100).max(1),
            cores: cores.collect(),
            guests: module.partitions.iter().map(|_| Guest::default()).collect(),
            due_ns: 0,
            text: vec![0; 16 << 10],
            interrupts: File::open("/proc/interrupts").ok(),
            sources,
            interrupts_due_ns: 0,
            long_text: vec![0; 64 << 10],
            waiting: vec![None; module.channels.len()],
        }
    }

    /// The cores' samples, with the core's index, and how full channels are, if it is time for that.
    pub(super) fn take(
        &mut self,
        now_ns: u64,
        module: &Module,
        residents: &[Resident],
        channels: &Channels,
    ) -> Vec<(u16, Kind)> {
        if now_ns < self.due_ns {
            return Vec::new();
        }
        self.due_ns = now_ns + PERIOD_NS.max(PERIOD_PER_GUEST_NS * residents.len() as u64);
        for ((guest, partition), resident) in self.guests.iter_mut().zip(&module.partitions).zip(residents) {
            let grown = &mut self.cores[partition.core].grown;
            if let Some(process) = &resident.process {
                guest.read(process.pid.as_raw(), grown, &mut self.text);
            }
        }
        let stat = self.stat.as_ref().and_then(|file| read(file, &mut self.text)).map(str::to_owned);
        let throttled_ns = self.throttled.as_ref().and_then(|(file, name, unit)| {
            let text = read(file, &mut self.text)?;
            Some(field(text, name)? * unit)
        });
        for core in &mut self.cores {
            core.grown.throttled_ns = throttled_ns.unwrap_or(0);
            let ticks =
                |column| stat.as_ref().and_then(|text| ticks(text, core.cpu, column)).unwrap_or(0) * self.tick_ns;
            core.grown.steal_ns = ticks(STEAL);
            core.interrupts.took_ns = ticks(IRQ) + ticks(SOFTIRQ);
            let status = core.status.as_ref().and_then(|file| read(file, &mut self.text));
            let switches = status.and_then(|text| field(text, "nonvoluntary_ctxt_switches:"));
            core.grown.involuntary_switches = switches.unwrap_or(0);
        }
        let mut found = Vec::new();
        let counted = self.count_interrupts(now_ns, &mut found);
        for (index, core) in self.cores.iter().enumerate() {
            // The sample comes last: whatever belongs to it stands before it.
            found.extend(counted.then_some((index as u16, Kind::Interrupts(core.interrupts))));
            found.push((index as u16, Kind::Sample(core.grown)));
        }
        found.extend(self.filled(channels).map(|kind| (0, kind)));
        found
    }

    /// Counts the interrupts on each core, if that has not taken too much time lately, and puts into `found` which sources have moved. True
    /// if it did.
    fn count_interrupts(&mut self, now_ns: u64, found: &mut Vec<(u16, Kind)>) -> bool {
        let Some(file) = self.interrupts.as_ref().filter(|_| now_ns >= self.interrupts_due_ns) else { return false };
        let begun = std::time::Instant::now();
        // The kernel hands the file out page by page.
        let mut len = 0;
        while let Ok(more) = file.read_at(&mut self.long_text[len..], len as u64)
            && more > 0
        {
            len += more;
            if len == self.long_text.len() {
                self.long_text.resize(2 * len, 0);
            }
        }
        let text = String::from_utf8_lossy(&self.long_text[..len]);
        for (index, core) in self.cores.iter_mut().enumerate() {
            let Some((counts, all)) = sources::counts(&text, core.cpu, &self.sources) else { continue };
            core.interrupts.count = all;
            for (source, (count, told)) in counts.into_iter().zip(&mut core.told).enumerate() {
                if told.replace(count) != Some(count) {
                    found.push((index as u16, Kind::InterruptsFrom { source: source as u16, count }));
                }
            }
        }
        self.interrupts_due_ns = now_ns + COUNTING_PART * begun.elapsed().as_nanos() as u64;
        true
    }

    /// The queuing channels in which another number of messages waits than at the last look.
    fn filled(&mut self, channels: &Channels) -> impl Iterator<Item = Kind> {
        channels.iter().zip(&mut self.waiting).enumerate().filter_map(|(index, ((channel, memory), last))| {
            let (shape, destination) = (channel.queue_shape()?, memory.destination_page()?);
            let messages = queue::waiting(shape, memory.source_page(), destination);
            let is_news = last.replace(messages) != Some(messages);
            is_news.then_some(Kind::Waiting { channel: index as u16, messages, depth: shape.depth() })
        })
    }
}

impl Guest {
    fn read(&mut self, pid: i32, grown: &mut Sample, text: &mut [u8]) {
        if self.pid != pid {
            let open = |name: &str| File::open(format!("/proc/{pid}/{name}")).ok();
            *self = Guest { pid, stat: open("stat"), schedstat: open("schedstat"), ..Guest::default() };
        }
        if let Some((minor, major)) = self.stat.as_ref().and_then(|file| faults(read(file, text)?)) {
            grown.minor_faults += minor.saturating_sub(self.minor);
            grown.major_faults += major.saturating_sub(self.major);
            (self.minor, self.major) = (minor, major);
        }
        if let Some(waited_ns) = self.schedstat.as_ref().and_then(|file| number(read(file, text)?, 1)) {
            grown.guest_waited_ns += waited_ns.saturating_sub(self.waited_ns);
            self.waited_ns = waited_ns;
        }
    }
}

/// A file from its beginning, as far as it fits.
fn read<'a>(file: &File, text: &'a mut [u8]) -> Option<&'a str> {
    let len = file.read_at(text, 0).ok()?;
    std::str::from_utf8(&text[..len]).ok()
}

fn number(text: &str, index: usize) -> Option<u64> {
    text.split_whitespace().nth(index)?.parse().ok()
}

/// The number behind `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    number(text.lines().find_map(|line| line.strip_prefix(name))?, 0)
}

/// Minor and major faults in /proc/PID/stat.
fn faults(stat: &str) -> Option<(u64, u64)> {
    // The name, in parentheses, may contain anything. Fields 10 and 12; the one behind the name is the third.
    let (_, rest) = stat.rsplit_once(')')?;
    Some((number(rest, 7)?, number(rest, 9)?))
}

/// Columns of /proc/stat behind the CPU's name.
const IRQ: usize = 5;
const SOFTIRQ: usize = 6;
const STEAL: usize = 7;

/// Ticks of a CPU in a column of /proc/stat.
fn ticks(stat: &str, cpu: u32, column: usize) -> Option<u64> {
    let name = format!("cpu{cpu} ");
    number(stat.lines().find_map(|line| line.strip_prefix(&name))?, column)
}

/// Where this process' control group tells for how long it was throttled: the file, the name, and the unit in nanoseconds.
fn throttled() -> Option<(File, &'static str, u64)> {
    let own = host::read("/proc/self/cgroup")?;
    let mut places: Vec<(PathBuf, &str, u64)> = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let path = path.trim_start_matches('/');
        if number == "0" && controllers.is_empty() {
            places.push((PathBuf::from("/sys/fs/cgroup").join(path), "throttled_usec", 1_000));
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            for name in ["cpu", controllers] {
                places.push((PathBuf::from("/sys/fs/cgroup").join(name).join(path), "throttled_time", 1));
            }
        }
    }
    places.into_iter().find_map(|(folder, name, unit)| {
        let path = folder.join("cpu.stat");
        let text = std::fs::read_to_string(&path).ok()?;
        field(&text, name)?;
        Some((File::open(path).ok()?, name, unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read_where_their_numbers_are() {
        let stat = "7 (odd) name)) S 1 7 7 0 -1 4194304 123 9 45 8 1 2";
        assert_eq!(faults(stat), Some((123, 45)));
        let cpus = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 80 0 0\ncpu1 0 0 0 0 0 0 0 5 0 0\ncpu10 0 0 0 0 0 0 0 6 0 0\n";
        assert_eq!(
            (ticks(cpus, 0, STEAL), ticks(cpus, 1, STEAL), ticks(cpus, 10, STEAL), ticks(cpus, 2, STEAL)),
            (Some(80), Some(5), Some(6), None)
        );
        assert_eq!((ticks(cpus, 0, IRQ), ticks(cpus, 0, SOFTIRQ)), (Some(6), Some(7)));
        assert_eq!(field("nr_throttled 3\nthrottled_usec 77\n", "throttled_usec"), Some(77));
    }

    #[test]
    fn this_process_has_faults() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(faults(&stat).unwrap().0 > 0);
    }
}
