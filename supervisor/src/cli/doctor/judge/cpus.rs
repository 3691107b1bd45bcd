//! The CPUs, and what else the process may use.

use super::super::facts::{Cpu, Facts};
use super::{CAP_IPC_LOCK, Check};

pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    vec![
        cpus(facts),
        housekeeping(facts),
        isolation(facts),
        siblings(facts),
        governor(facts),
        virtual_machine(facts),
        locked_memory(facts),
        descriptors(facts),
    ]
}

/// The CPU of core 0, on whose behalf the others are judged.
fn first(facts: &Facts) -> Option<&Cpu> {
    facts.cpus.cores.first()
}

fn cpus(facts: &Facts) -> Check {
    const SHOWN: usize = 4;
    let cores = &facts.cpus.cores;
    let mut shown: Vec<String> =
        cores.iter().take(SHOWN).enumerate().map(|(core, cpu)| format!("core {core} is CPU {}", cpu.cpu)).collect();
    if cores.len() > SHOWN {
        shown.push(format!("... ({} in all)", cores.len()));
    }
    Check::ok("cpus", shown.join(", "))
}

fn housekeeping(facts: &Facts) -> Check {
    const NAME: &str = "housekeeping";
    if facts.cpus.cores.len() > 1 {
        return Check::ok(NAME, format!("on CPU {} while only core 0 is in use", ranges(&facts.cpus.housekeeping)));
    }
    Check::lost(NAME, "no CPU besides core 0's", "a CPU for housekeeping").because(
        "restarts, consoles and recording run in the gaps between windows",
        "a second CPU (taskset, docker run --cpuset-cpus, AllowedCPUs= or CPUAffinity= of a systemd unit)",
    )
}

fn isolation(facts: &Facts) -> Check {
    const NAME: &str = "isolation";
    let Some(cpu) = first(facts).map(|cpu| cpu.cpu) else { return Check::info(NAME, "unknown") };
    let isolated = facts.cpus.isolated.contains(&cpu);
    let tickless = facts.cpus.nohz_full.contains(&cpu);
    match (isolated, tickless) {
        (true, true) => Check::ok(NAME, format!("CPU {cpu} is isolated and tickless")),
        (true, false) => Check::ok(NAME, format!("CPU {cpu} is isolated")),
        // Isolated CPUs are preferred, so they are out of reach: a process does not get them unless it asks.
        (false, _) if !facts.cpus.isolated.is_empty() => {
            let mut all = facts.cpus.isolated.clone();
            all.extend(facts.cpus.cores.iter().map(|cpu| cpu.cpu));
            let found = format!("CPU {} is isolated, but not allowed to this process", ranges(&facts.cpus.isolated));
            Check::info(NAME, found).because(
                "windows are kept on CPUs that are not isolated",
                format!("taskset -c {} bulkhead ...", ranges(&all)),
            )
        }
        (false, _) => Check::info(NAME, format!("CPU {cpu} is not isolated")).because(
            "other processes and interrupts come there, which shows as jitter",
            "boot with isolcpus=, nohz_full= and irqaffinity= (docs/host.md)",
        ),
    }
}

fn siblings(facts: &Facts) -> Check {
    const NAME: &str = "siblings";
    match first(facts) {
        Some(Cpu { cpu, siblings, .. }) if !siblings.is_empty() => {
            let siblings = ranges(siblings);
            Check::info(NAME, format!("CPU {cpu} shares its execution units with CPU {siblings}")).because(
                "guests slow down by whatever runs there",
                format!("keep CPU {siblings} idle: isolate it as well, or boot with nosmt"),
            )
        }
        _ => Check::ok(NAME, "none: no CPU shares execution units with core 0's"),
    }
}

fn governor(facts: &Facts) -> Check {
    const NAME: &str = "governor";
    match first(facts).and_then(|cpu| cpu.governor.as_deref()) {
        None => Check::info(NAME, "not visible"),
        Some("performance") => Check::ok(NAME, "performance"),
        Some(other) => Check::info(NAME, other).because(
            "a CPU that was idle may run slowly for the first part of a window",
            "cpupower frequency-set -g performance",
        ),
    }
}

fn virtual_machine(facts: &Facts) -> Check {
    const NAME: &str = "virtual_machine";
    if !facts.virtual_machine {
        return Check::ok(NAME, "no");
    }
    let stolen =
        facts.stolen_percent.map_or_else(String::new, |percent| format!("; {percent:.2} % of CPU time stolen"));
    Check::info(NAME, format!("yes{stolen}")).because(
        "the hypervisor can stop a CPU in the midst of a window, unseen",
        "bare metal, or virtual CPUs pinned one to one",
    )
}

fn locked_memory(facts: &Facts) -> Check {
    const NAME: &str = "locked_memory";
    let limit =
        facts.memlock_limit.map_or_else(|| "no limit".to_owned(), |limit| format!("limit {} KiB", limit / 1024));
    if facts.memory_locks {
        let limit = if facts.has(CAP_IPC_LOCK) { "no limit" } else { &limit };
        return Check::ok(NAME, format!("granted, {limit}"));
    }
    Check::lost(NAME, format!("refused, {limit}"), "locked memory").because(
        "where memory is short, a dispatcher may have to wait for a page of its own",
        "ulimit -l unlimited, docker run --ulimit memlock=-1, or CAP_IPC_LOCK",
    )
}

/// What a partition takes: three memory files, its image, pidfds on their way between threads.
const PER_PARTITION: u64 = 8;
/// What everything else takes.
const BASE: u64 = 64;
/// Partitions that nobody should have to think about.
const PLENTY: u64 = 100;

fn descriptors(facts: &Facts) -> Check {
    const NAME: &str = "descriptors";
    let found = format!("up to {}", facts.descriptors);
    let partitions = facts.descriptors.saturating_sub(BASE) / PER_PARTITION;
    if partitions >= PLENTY {
        return Check::ok(NAME, found);
    }
    Check::lost(NAME, found, "descriptors for many partitions").because(
        format!("modules of more than about {partitions} partitions do not start"),
        "ulimit -Hn 4096, docker run --ulimit nofile=4096, or LimitNOFILE=4096 in a systemd unit",
    )
}

/// Numbers as "0-3,8".
fn ranges(numbers: &[u32]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in sorted {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |&(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn neighbours_become_a_range() {
        assert_eq!(ranges(&[7, 3, 0, 1, 2]), "0-3,7");
        assert_eq!(ranges(&[]), "");
    }
}
