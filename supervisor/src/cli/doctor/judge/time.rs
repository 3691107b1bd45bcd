//! How punctual windows can be: scheduling, timers and clocks.

use std::time::Duration;

use super::super::facts::Facts;
use super::{CAP_SYS_NICE, Check};
use crate::dispatch::policy::{DISPATCHER_PRIORITY, GuestPolicy};

pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    vec![real_time(facts), nice(facts), guest_policy(facts), timers(facts), clocksource(facts), counter(facts)]
}

fn real_time(facts: &Facts) -> Check {
    const NAME: &str = "real_time";
    const LOST: &str = "windows begin and end late, by milliseconds, whenever the host has something else to do";
    if facts.real_time.fifo {
        return Check::ok(NAME, format!("SCHED_FIFO {DISPATCHER_PRIORITY} for the dispatchers"));
    }
    let brief = "real-time scheduling";
    let enough = u64::try_from(DISPATCHER_PRIORITY).unwrap_or_default();
    if facts.group_runtime_us == Some(0) {
        return Check::lost(NAME, "refused: this control group's cpu.rt_runtime_us is 0", brief).because(
            LOST,
            "give the group a share (docker run --cpu-rt-runtime), or use a kernel without CONFIG_RT_GROUP_SCHED",
        );
    }
    if facts.has(CAP_SYS_NICE) && facts.nested_user {
        return Check::lost(NAME, "refused: CAP_SYS_NICE of a user namespace does not count", brief)
            .because(LOST, "run bulkhead outside of it; a container must not be rootless, and have CAP_SYS_NICE");
    }
    if facts.has(CAP_SYS_NICE) || facts.rtprio_limit >= enough {
        let right =
            if facts.has(CAP_SYS_NICE) { "CAP_SYS_NICE" } else { &format!("RLIMIT_RTPRIO {}", facts.rtprio_limit) };
        return Check::lost(NAME, format!("refused in spite of {right}"), brief).because(
            LOST,
            "look for a seccomp filter that refuses sched_setscheduler (systemd: RestrictRealtime=no), or boot a \
             kernel that has CONFIG_RT_GROUP_SCHED with rt_group_sched=0 (Linux 6.16 or later)",
        );
    }
    let remedy = if facts.user == 0 {
        "CAP_SYS_NICE: docker run --cap-add SYS_NICE"
    } else {
        "CAP_SYS_NICE: run as root, or setcap cap_sys_nice=ep on bulkhead"
    };
    let found = format!("refused: no CAP_SYS_NICE, RLIMIT_RTPRIO is {}", facts.rtprio_limit);
    Check::lost(NAME, found, brief).because(LOST, remedy)
}

fn nice(facts: &Facts) -> Check {
    const NAME: &str = "nice";
    if facts.real_time.nice {
        return Check::ok(NAME, "-20 for guests that are not real-time");
    }
    Check::lost(NAME, "refused", "precedence over ordinary processes").because(
        "guests that are not real-time share their CPU evenly with whatever else runs there",
        "as for real time",
    )
}

fn guest_policy(facts: &Facts) -> Check {
    const NAME: &str = "guest_policy";
    let (light, busy) = (facts.real_time.guest_policy(90, 100), facts.real_time.guest_policy(100, 100));
    let found = if light == busy {
        format!("{}, however busy their core", policy(light))
    } else {
        format!("{} on cores up to 90 % busy, {} on busier ones", policy(light), policy(busy))
    };
    if light == busy {
        return Check::info(NAME, found);
    }
    let (runtime, period) = (facts.real_time.throttle_runtime_us, facts.real_time.throttle_period_us);
    let mut safeguards = Vec::new();
    let mut remedies = Vec::new();
    if (0..period).contains(&runtime) {
        safeguards.push(format!("real-time throttling ({} of {} ms)", runtime / 1000, period / 1000));
        remedies.push("sysctl kernel.sched_rt_runtime_us=-1");
    }
    if facts.real_time.fair_server {
        safeguards.push("the fair server".to_owned());
        remedies.push("a runtime of 0 for the fair server (docs/host.md)");
    }
    Check::info(NAME, found).because(
        format!("busier real-time guests would lose time to {}", safeguards.join(" and ")),
        remedies.join(" and "),
    )
}

fn policy(policy: GuestPolicy) -> &'static str {
    match policy {
        GuestPolicy::Fifo => "SCHED_FIFO",
        GuestPolicy::Nice => "nice -20",
        GuestPolicy::Ordinary | GuestPolicy::Brief => "ordinary processes",
    }
}

/// Without high-resolution timers a sleep ends with a tick, of which there are at most 1000 a second.
const TICK: Duration = Duration::from_micros(800);

fn timers(facts: &Facts) -> Check {
    const NAME: &str = "timers";
    let Some(late) = facts.sleep else { return Check::not_tried(NAME, "no thread for it") };
    let (best, median) = (late.best.as_micros(), late.median.as_micros());
    let found = format!("sleeps end {best} µs late at best, {median} µs typically");
    if late.best < TICK {
        return Check::ok(NAME, found);
    }
    Check::lost(NAME, found, "high-resolution timers").because(
        "windows begin and end on ticks of the kernel, 1 to 10 ms apart",
        "a kernel with CONFIG_HIGH_RES_TIMERS, booted without highres=off",
    )
}

fn clocksource(facts: &Facts) -> Check {
    const NAME: &str = "clocksource";
    let found = facts.clocksource.as_str();
    let fast = found == "tsc" || found == "kvm-clock" || found.starts_with("hyperv_clocksource");
    if fast {
        return Check::ok(NAME, found);
    }
    if found.is_empty() {
        return Check::info(NAME, "not visible");
    }
    Check::lost(NAME, found, "a fast clock").because(
        "every look at the clock costs the dispatcher a microsecond or more",
        "the kernel's log says why it does not trust the time-stamp counter (dmesg, \"clocksource\")",
    )
}

fn counter(facts: &Facts) -> Check {
    const NAME: &str = "counter";
    if facts.invariant_counter {
        return Check::ok(NAME, "the time-stamp counter is invariant");
    }
    Check::lost(NAME, "the time-stamp counter is not known to be invariant", "an invariant time-stamp counter").because(
        "guests' clocks may be wrong between two corrections, which come four times a second",
        "a processor with constant_tsc and nonstop_tsc; for a virtual machine under QEMU: -cpu \
         host,migratable=no,+invtsc",
    )
}
