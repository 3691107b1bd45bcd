//! What the host is and what it grants.

use std::collections::BTreeMap;
use std::fs;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::dispatch::policy::{RealTime, become_dispatcher};

/// The CPUs that the supervisor may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpus {
    /// In the order in which they serve as core 0, 1, ... of a module that does not name CPUs: isolated ones first, then
    /// from the highest number down, since Linux tends to leave its own work to the lowest.
    pub preferred: Vec<u32>,
}

impl Cpus {
    /// Those of this process.
    ///
    /// # Errors
    /// What sched_getaffinity says.
    pub fn of_this_process() -> Result<Cpus, nix::errno::Errno> {
        let set = sched_getaffinity(Pid::from_raw(0))?;
        let allowed: Vec<u32> =
            (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu) == Ok(true)).map(|c| c as u32).collect();
        let isolated = read("/sys/devices/system/cpu/isolated").map(|list| parse_cpu_list(&list)).unwrap_or_default();
        Ok(Cpus { preferred: prefer(&allowed, &isolated) })
    }

    /// The CPU on which all of a virtual run takes place, where one process runs at a time and handing over is cheapest on one CPU: the one
    /// that serves as core 0, if this process may use it.
    pub fn stand_in(&self, first: Option<u32>) -> u32 {
        first.filter(|cpu| self.preferred.contains(cpu)).or(self.preferred.first().copied()).unwrap_or(0)
    }

    /// The CPUs that no core of the module uses, for everything that is not real-time; all of them if there is none.
    pub fn housekeeping(&self, scheduled: &[u32]) -> Vec<u32> {
        let free: Vec<u32> = self.preferred.iter().copied().filter(|cpu| !scheduled.contains(cpu)).collect();
        if free.is_empty() { self.preferred.clone() } else { free }
    }
}

fn prefer(allowed: &[u32], isolated: &[u32]) -> Vec<u32> {
    let (mut first, mut rest): (Vec<u32>, Vec<u32>) = allowed.iter().partition(|cpu| isolated.contains(cpu));
    first.sort_unstable();
    rest.sort_unstable_by(|a, b| b.cmp(a));
    first.append(&mut rest);
    first
}

/// Numbers of a list like "0-3,8" (see cpuset(7), "List format"); what does not parse is left out.
pub fn parse_cpu_list(list: &str) -> Vec<u32> {
    list.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.trim().parse::<u32>().ok()?..=last.trim().parse::<u32>().ok()?)
        })
        .flatten()
        .collect()
}

/// A small file of the kernel's, trimmed; `None` if it cannot be read or is empty.
pub fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Finds out what real-time scheduling the host allows. A thread tries, so that the caller stays as it is.
pub fn real_time() -> RealTime {
    let (fifo, nice) = std::thread::spawn(|| {
        // SAFETY: takes integers only; the nice value is this short-lived thread's own.
        let nice = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, crate::dispatch::policy::GUEST_NICE) } == 0;
        (become_dispatcher(), nice)
    })
    .join()
    .unwrap_or((false, false));
    let number = |path| read(path).and_then(|text| text.parse().ok());
    RealTime {
        fifo,
        nice,
        throttle_runtime_us: number("/proc/sys/kernel/sched_rt_runtime_us").unwrap_or(950_000),
        throttle_period_us: number("/proc/sys/kernel/sched_rt_period_us").unwrap_or(1_000_000),
        fair_server: fair_server(),
    }
}

/// Whether there is a fair server (Linux 6.12 on) that is not switched off on all CPUs.
fn fair_server() -> bool {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    if kernel_version(&release) < (6, 12) {
        return false;
    }
    let Ok(cpus) = fs::read_dir("/sys/kernel/debug/sched/fair_server") else { return true };
    cpus.flatten().any(|cpu| {
        let runtime = fs::read_to_string(cpu.path().join("runtime"));
        runtime.map_or(true, |text| text.trim() != "0")
    })
}

/// Major and minor version of a kernel release like "6.18.44-amd64".
pub fn kernel_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Whether the time-stamp counter runs at one rate, always.
pub fn has_invariant_counter() -> bool {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    ["constant_tsc", "nonstop_tsc"].iter().all(|flag| flags.split_whitespace().any(|word| word == *flag))
}

/// Facts about the host that belong into a recording, by name.
pub fn facts() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(name.to_owned(), value);
        }
    };
    add("kernel", read("/proc/sys/kernel/osrelease"));
    add("kernel_build", read("/proc/sys/kernel/version"));
    add("command_line", read("/proc/cmdline"));
    add("clocksource", read("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    add("load", read("/proc/loadavg"));
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    add("cpu", field("model name"));
    let virtual_machine = field("flags").is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    add("virtual_machine", Some(if virtual_machine { "yes" } else { "no" }.to_owned()));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolated_cpus_come_first_and_low_numbers_last() {
        assert_eq!(prefer(&[0, 1, 2, 3, 4, 5], &[2, 3, 9]), [2, 3, 5, 4, 1, 0]);
        assert_eq!(parse_cpu_list("0-2,7\n"), [0, 1, 2, 7]);
        assert!(parse_cpu_list("").is_empty());
    }

    #[test]
    fn housekeeping_takes_what_is_free() {
        let cpus = Cpus { preferred: vec![1, 0] };
        assert_eq!(cpus.housekeeping(&[1]), [0]);
        assert_eq!(cpus.housekeeping(&[0, 1]), [1, 0]);
    }

    #[test]
    fn kernel_versions_compare() {
        assert_eq!(kernel_version("6.18.44-fc"), (6, 18));
        assert!(kernel_version("6.9.0") < (6, 12));
        assert_eq!(kernel_version("odd"), (0, 0));
    }
}
