//! Gathers what there is to know about the host. All the reading and trying of `doctor` is here and in the trial.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use serde::Serialize;

use super::trial::Trial;
use crate::dispatch::policy::{RealTime, become_dispatcher};
use crate::host::{self, Cpus};

/// Everything that is judged.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Release of the kernel.
    pub release: String,
    /// The effective user.
    pub user: u32,
    /// The effective capabilities, a bit each.
    pub capabilities: u64,
    /// Whether this is a user namespace below the host's own, where capabilities count for less.
    pub nested_user: bool,
    /// Whether somebody has put this process under a seccomp filter.
    pub filtered: bool,
    /// Settings of the kernel by the names that sysctl gives them; only those that exist.
    pub sysctls: BTreeMap<&'static str, i64>,
    /// What happened when it was really tried.
    pub trial: Trial,
    /// What real-time scheduling is allowed.
    pub real_time: RealTime,
    /// Real-time budget of this process's control group, in microseconds, where the kernel has such budgets.
    pub group_runtime_us: Option<i64>,
    /// RLIMIT_RTPRIO.
    pub rtprio_limit: u64,
    /// RLIMIT_MEMLOCK in bytes; `None` for no limit.
    pub memlock_limit: Option<u64>,
    /// Whether locking this process's memory worked.
    pub memory_locks: bool,
    /// The hard limit of open descriptors.
    pub descriptors: u64,
    /// How late sleeps ended; `None` if the trying thread could not be had.
    pub sleep: Option<Lateness>,
    /// The kernel's clock source.
    pub clocksource: String,
    /// Whether the time-stamp counter runs at one rate, always.
    pub invariant_counter: bool,
    /// Whether this is a virtual machine.
    pub virtual_machine: bool,
    /// Share of all CPU time since boot that the hypervisor kept for itself, in percent.
    pub stolen_percent: Option<f64>,
    /// The CPUs.
    pub cpus: CpuFacts,
}

/// How late sleeps ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lateness {
    /// The best one.
    pub best: Duration,
    /// The median.
    pub median: Duration,
}

/// The CPUs that this process may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct CpuFacts {
    /// The CPU that serves as core 0, 1, ... of a module that names no CPUs.
    pub cores: Vec<Cpu>,
    /// What is left for everything else while core 0 is in use.
    pub housekeeping: Vec<u32>,
    /// Those that the kernel isolates.
    pub isolated: Vec<u32>,
    /// Those without a scheduling tick while one process runs.
    pub nohz_full: Vec<u32>,
}

/// A CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Cpu {
    /// Its number.
    pub cpu: u32,
    /// The other CPUs on the same physical core.
    pub siblings: Vec<u32>,
    /// Its frequency governor, if one is visible.
    pub governor: Option<String>,
}

/// The settings that are looked at, by the names that sysctl gives them.
const SYSCTLS: [&str; 10] = [
    "kernel.apparmor_restrict_unprivileged_userns",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "user.max_ipc_namespaces",
    "user.max_mnt_namespaces",
    "user.max_net_namespaces",
    "user.max_pid_namespaces",
    "user.max_user_namespaces",
    "user.max_uts_namespaces",
    "vm.memfd_noexec",
];

/// Sleeps that are tried, and how long each is to be.
const SLEEPS: usize = 31;
const SLEEP: Duration = Duration::from_micros(100);

impl Facts {
    /// Looks at everything and tries what can be tried; takes some 20 ms. Nothing is left changed.
    ///
    /// # Errors
    /// When not even the CPUs of this process can be had.
    pub(super) fn gather() -> Result<Facts, nix::errno::Errno> {
        let cpus = Cpus::of_this_process()?;
        let real_time = host::real_time();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let info = host::facts();
        let limit = |resource| getrlimit(resource).unwrap_or((RLIM_INFINITY, RLIM_INFINITY));
        let memlock = limit(Resource::RLIMIT_MEMLOCK).0;
        Ok(Facts {
            release: info.get("kernel").cloned().unwrap_or_default(),
            user: nix::unistd::geteuid().as_raw(),
            capabilities: field(&status, "CapEff").and_then(|set| u64::from_str_radix(set, 16).ok()).unwrap_or(0),
            nested_user: fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !maps_everybody(&map)),
            filtered: field(&status, "Seccomp") == Some("2"),
            sysctls: SYSCTLS.into_iter().filter_map(|name| Some((name, sysctl(name)?))).collect(),
            trial: Trial::run(&cpus, &real_time),
            real_time,
            group_runtime_us: group_runtime_us(),
            rtprio_limit: limit(Resource::RLIMIT_RTPRIO).0,
            memlock_limit: (memlock != RLIM_INFINITY).then_some(memlock),
            memory_locks: try_to_lock_memory(),
            descriptors: limit(Resource::RLIMIT_NOFILE).1,
            sleep: measure_sleep(),
            clocksource: info.get("clocksource").cloned().unwrap_or_default(),
            invariant_counter: host::has_invariant_counter(),
            virtual_machine: info.get("virtual_machine").is_some_and(|answer| answer == "yes"),
            stolen_percent: fs::read_to_string("/proc/stat").ok().and_then(|stat| stolen_percent(&stat)),
            cpus: CpuFacts::of(&cpus),
        })
    }
}

impl CpuFacts {
    fn of(cpus: &Cpus) -> CpuFacts {
        const CPUS: &str = "/sys/devices/system/cpu";
        let list = |path: &str| host::read(path).map(|list| host::parse_cpu_list(&list)).unwrap_or_default();
        let describe = |&cpu: &u32| {
            let mut siblings = list(&format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list"));
            siblings.retain(|&sibling| sibling != cpu);
            Cpu { cpu, siblings, governor: host::read(&format!("{CPUS}/cpu{cpu}/cpufreq/scaling_governor")) }
        };
        CpuFacts {
            cores: cpus.preferred.iter().map(describe).collect(),
            housekeeping: cpus.housekeeping(&cpus.preferred[..cpus.preferred.len().min(1)]),
            isolated: list(&format!("{CPUS}/isolated")),
            nohz_full: list(&format!("{CPUS}/nohz_full")),
        }
    }
}

/// A field of /proc/PID/status.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether a uid_map is that of the host's own user namespace: everybody is who he is.
fn maps_everybody(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn sysctl(name: &str) -> Option<i64> {
    host::read(&format!("/proc/sys/{}", name.replace('.', "/")))?.parse().ok()
}

/// What the control group of this process may use of real-time scheduling; only control groups of version 1 tell.
fn group_runtime_us() -> Option<i64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let (hierarchy, path) = cpu_group(&groups)?;
    // In a container, the path may be the host's while the mount shows the container's own group.
    [path, ""]
        .iter()
        .find_map(|path| host::read(&format!("/sys/fs/cgroup/{hierarchy}{path}/cpu.rt_runtime_us"))?.parse().ok())
}

/// The controllers' list and the path of the group that the cpu controller (version 1) has this process in.
fn cpu_group(groups: &str) -> Option<(&str, &str)> {
    groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|name| name == "cpu").then_some((controllers, path.trim_end_matches('/')))
    })
}

/// Locks this process's memory, as a run does, and undoes it.
fn try_to_lock_memory() -> bool {
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    let locked = mlockall(MlockAllFlags::MCL_CURRENT | on_fault).is_ok();
    let _ = munlockall();
    locked
}

/// Sleeps as a dispatcher would.
fn measure_sleep() -> Option<Lateness> {
    let sleeps = || {
        become_dispatcher();
        let mut late: Vec<Duration> = (0..SLEEPS)
            .map(|_| {
                let begun = Instant::now();
                std::thread::sleep(SLEEP);
                begun.elapsed().saturating_sub(SLEEP)
            })
            .collect();
        late.sort_unstable();
        Some(Lateness { best: *late.first()?, median: *late.get(SLEEPS / 2)? })
    };
    std::thread::spawn(sleeps).join().ok()?
}

/// The eighth figure of the first line of /proc/stat, as a share of all eight; see proc_stat(5).
fn stolen_percent(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|figure| figure.parse().ok()).take(8).collect();
    let all: u64 = ticks.iter().sum();
    (all > 0).then_some(*ticks.get(7)? as f64 * 100.0 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "Seccomp_filters:\t3\nSeccomp:\t2\nCapEff:\t00000000a80425fb\n";
        assert_eq!(field(status, "Seccomp"), Some("2"));
        assert_eq!(field(status, "CapEff"), Some("00000000a80425fb"));
        assert_eq!(field(status, "Cap"), None);
    }

    #[test]
    fn only_the_hosts_own_namespace_maps_everybody() {
        assert!(maps_everybody("         0          0 4294967295\n"));
        assert!(!maps_everybody("         0       1000          1\n"));
        assert!(!maps_everybody("0 100000 65536\n65536 0 1\n"));
    }

    #[test]
    fn the_cpu_controller_is_found_among_the_others() {
        let groups = "9:cpuset:/box\n4:cpu,cpuacct:/user.slice\n0::/user.slice/session\n";
        assert_eq!(cpu_group(groups), Some(("cpu,cpuacct", "/user.slice")));
        assert_eq!(cpu_group("3:cpu:/\n"), Some(("cpu", "")));
        assert_eq!(cpu_group("9:cpuset:/box\n0::/user.slice\n"), None);
    }

    #[test]
    fn stolen_time_is_a_share_of_all_time() {
        assert_eq!(stolen_percent("cpu  50 0 10 25 5 0 0 10 99 99\ncpu0 1 2\n"), Some(10.0));
        assert_eq!(stolen_percent("cpu  0 0 0 0 0 0 0 0 0 0\n"), None);
        assert_eq!(stolen_percent("cpu  1 2 3\n"), None);
        assert_eq!(stolen_percent("intr 5\n"), None);
    }
}
