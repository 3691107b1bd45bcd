//! Hosts that nobody has at hand.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::errno::Errno;

use super::super::facts::{Cpu, CpuFacts, Lateness};
use super::super::trial::{Guested, Refusal, Stage, Trial};
use super::*;
use crate::dispatch::policy::RealTime;
use crate::partition::Fences;

/// A host without a flaw, and root on it.
fn good() -> Facts {
    let cpu = |cpu| Cpu { cpu, siblings: vec![], governor: Some("performance".to_owned()) };
    Facts {
        release: "6.12.1-amd64".to_owned(),
        user: 0,
        capabilities: u64::MAX,
        nested_user: false,
        filtered: false,
        sysctls: [("kernel.yama.ptrace_scope", 1), ("user.max_user_namespaces", 1000)].into(),
        trial: Trial {
            fences: Ok(Fences::ALL),
            refused: vec![],
            guest: Ok(Guested { birth: Duration::from_millis(2), killed: true }),
        },
        real_time: RealTime {
            fifo: true,
            nice: true,
            throttle_runtime_us: 950_000,
            throttle_period_us: 1_000_000,
            fair_server: true,
        },
        group_runtime_us: None,
        rtprio_limit: 0,
        memlock_limit: None,
        memory_locks: true,
        descriptors: 65536,
        sleep: Some(Lateness { best: Duration::from_micros(5), median: Duration::from_micros(60) }),
        clocksource: "tsc".to_owned(),
        invariant_counter: true,
        virtual_machine: false,
        stolen_percent: Some(0.0),
        cpus: CpuFacts { cores: vec![cpu(3), cpu(0)], housekeeping: vec![0], isolated: vec![3], nohz_full: vec![3] },
    }
}

fn refusal(stage: Stage, errno: Errno) -> Refusal {
    Refusal { stage, errno: Some(errno), text: format!("it says {errno}") }
}

/// An ordinary user to whom all namespaces are refused.
fn without_namespaces() -> Facts {
    let clone = refusal(Stage::Clone, Errno::EPERM);
    let names = ["user", "pid", "mount", "net", "ipc", "uts"];
    let refused = names.map(|name| (name, clone.clone())).to_vec();
    Facts { user: 1000, capabilities: 0, trial: Trial { fences: Ok(Fences::NONE), refused, ..good().trial }, ..good() }
}

/// A host on which no process can be made, or no guest be born.
fn without_guests(refusal: Refusal, fences: bool) -> Facts {
    let fences = if fences { Ok(Fences::ALL) } else { Err(refusal.clone()) };
    Facts { trial: Trial { fences, refused: vec![], guest: Err(refusal) }, ..good() }
}

/// The check of this name. Whatever the host, the names are unique and what is lost has a remedy.
fn check(facts: &Facts, name: &str) -> Check {
    let checks = judge(facts);
    let names: BTreeSet<_> = checks.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), checks.len());
    for check in &checks {
        assert_eq!(check.lost.is_some(), check.remedy.is_some(), "{check:?}");
        if check.state >= State::Lost {
            let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
            assert!(filled(&check.lost) && filled(&check.remedy) && !check.brief.is_empty(), "{check:?}");
        }
    }
    checks.into_iter().find(|check| check.name == name).unwrap()
}

fn remedy(facts: &Facts, name: &str) -> String {
    check(facts, name).remedy.unwrap_or_default()
}

fn level(facts: &Facts) -> Level {
    verdict(&judge(facts)).level
}

#[test]
fn a_host_without_a_flaw_is_ready() {
    let checks = judge(&good());
    assert_eq!(verdict(&checks).to_string(), "ready: real-time windows, all fences");
    let not_ok: Vec<_> = checks.iter().filter(|check| check.state != State::Ok).map(|check| check.name).collect();
    // Throttling and the fair server are on by default everywhere.
    assert_eq!(not_ok, ["guest_policy"]);
}

#[test]
fn what_really_works_counts_more_than_the_kernel_version() {
    let old = Facts { release: "4.18.0-513.el8".to_owned(), ..good() };
    assert_eq!(check(&old, "kernel").state, State::Lost);
    assert_eq!(level(&old), Level::Usable);
    let failing = without_guests(refusal(Stage::Other, Errno::EINVAL), false);
    let failing = Facts { release: "5.10.0".to_owned(), ..failing };
    assert_eq!(check(&failing, "kernel").state, State::Missing);
    assert_eq!(level(&failing), Level::CannotRun);
    for (release, state) in [("5.11.0", State::Lost), ("5.13.9", State::Lost), ("5.14.0", State::Ok)] {
        assert_eq!(check(&Facts { release: release.to_owned(), ..good() }, "kernel").state, state, "{release}");
    }
}

#[test]
fn a_container_without_namespaces_is_told_about_its_filter() {
    let container = Facts { filtered: true, ..without_namespaces() };
    let namespaces = check(&container, "namespaces");
    assert_eq!((namespaces.state, namespaces.found.as_str()), (State::Lost, "refused: all (clone: EPERM)"));
    assert!(remedy(&container, "namespaces").contains("seccomp=unconfined"));
    assert_eq!(verdict(&judge(&container)).to_string(), "usable: partitions run, but without namespaces");
}

#[test]
fn the_setting_that_refuses_namespaces_is_named() {
    let with = |name, value| Facts { sysctls: [(name, value)].into(), ..without_namespaces() };
    for (name, value) in [
        ("user.max_user_namespaces", 0),
        ("user.max_net_namespaces", 0),
        ("kernel.unprivileged_userns_clone", 0),
        ("kernel.apparmor_restrict_unprivileged_userns", 1),
    ] {
        let remedy = remedy(&with(name, value), "namespaces");
        assert!(remedy.contains(name), "{name}: {remedy}");
    }
    // Settings that let everything pass, and those that do not concern CAP_SYS_ADMIN, are not blamed.
    let harmless = with("kernel.unprivileged_userns_clone", 1);
    assert!(!remedy(&harmless, "namespaces").contains("userns_clone"));
    let root = Facts { user: 0, capabilities: u64::MAX, ..with("kernel.unprivileged_userns_clone", 0) };
    assert!(!remedy(&root, "namespaces").contains("userns_clone"));
}

#[test]
fn an_exhausted_limit_is_told_from_one_that_is_zero() {
    let trial = Trial {
        fences: Ok(Fences { net: false, ..Fences::ALL }),
        refused: vec![("net", refusal(Stage::Clone, Errno::ENOSPC))],
        ..good().trial
    };
    let facts =
        Facts { trial, sysctls: [("user.max_net_namespaces", 7), ("user.max_pid_namespaces", 9)].into(), ..good() };
    assert_eq!(remedy(&facts, "namespaces"), "user.max_net_namespaces is 7: raise it with sysctl");
    let check = check(&facts, "namespaces");
    assert_eq!(check.found, "user, pid, mount, ipc, uts; refused: net (clone: ENOSPC)");
    assert_eq!(check.lost.unwrap(), "behind seccomp, partitions share the host's network");
}

#[test]
fn root_that_may_not_trace_others_keeps_its_partitions_as_root() {
    let trial = Trial {
        fences: Ok(Fences { unprivileged_user: false, ..Fences::ALL }),
        refused: vec![("unprivileged_user", refusal(Stage::Ptrace, Errno::EPERM))],
        ..good().trial
    };
    let facts = Facts { capabilities: 1 << CAP_SYS_NICE, trial, ..good() };
    assert_eq!(check(&facts, "unprivileged_user").state, State::Lost);
    assert!(remedy(&facts, "unprivileged_user").contains("CAP_SYS_PTRACE"));
    assert_eq!(check(&facts, "namespaces").state, State::Ok);
    assert_eq!(check(&facts, "ptrace").state, State::Ok);
}

#[test]
fn yama_can_stop_everything() {
    let refused = without_guests(refusal(Stage::Ptrace, Errno::EPERM), false);
    let never = Facts { sysctls: [("kernel.yama.ptrace_scope", 3)].into(), ..refused.clone() };
    assert_eq!(verdict(&judge(&never)).to_string(), "cannot run: ptrace is refused");
    assert!(remedy(&never, "ptrace").contains("reboot"));
    let admin = Facts { sysctls: [("kernel.yama.ptrace_scope", 2)].into(), capabilities: 0, ..refused.clone() };
    assert!(remedy(&admin, "ptrace").contains("ptrace_scope=1"));
    let container = Facts { filtered: true, ..refused };
    assert!(remedy(&container, "ptrace").contains("seccomp=unconfined"));
    // The one thing that is in the way is told once; nothing else is claimed to have been tried.
    for name in ["partition", "seccomp", "namespaces", "unprivileged_user"] {
        assert_eq!(check(&never, name).state, State::Info);
        assert!(check(&never, name).found.starts_with("not tried"), "{name}");
    }
}

#[test]
fn a_scope_that_yama_would_refuse_does_not_matter_where_tracing_worked() {
    let facts = Facts { sysctls: [("kernel.yama.ptrace_scope", 2)].into(), ..good() };
    assert_eq!(check(&facts, "ptrace").state, State::Ok);
}

#[test]
fn a_filter_that_does_not_kill_is_no_fence() {
    let mut facts = good();
    facts.trial.guest = Ok(Guested { birth: Duration::ZERO, killed: false });
    assert_eq!(level(&facts), Level::CannotRun);
    let refused = without_guests(refusal(Stage::Seccomp, Errno::EINVAL), true);
    assert_eq!(verdict(&judge(&refused)).to_string(), "cannot run: seccomp filters are refused");
}

#[test]
fn an_image_that_cannot_be_executed_from_memory_is_blamed_on_the_setting() {
    let refused = without_guests(refusal(Stage::Memfd, Errno::EACCES), true);
    let facts = Facts { sysctls: [("vm.memfd_noexec", 2)].into(), ..refused };
    assert_eq!(level(&facts), Level::CannotRun);
    assert!(remedy(&facts, "partition").contains("vm.memfd_noexec"));
}

#[test]
fn no_real_time_has_several_reasons() {
    let refused = RealTime { fifo: false, nice: false, ..good().real_time };
    let user = Facts { user: 1000, capabilities: 0, real_time: refused, ..good() };
    assert!(check(&user, "real_time").found.contains("RLIMIT_RTPRIO is 0"));
    assert!(remedy(&user, "real_time").contains("setcap"));
    assert!(check(&user, "guest_policy").found.starts_with("ordinary"));
    assert!(verdict(&judge(&user)).to_string().starts_with("usable: partitions run, but without real-time scheduling"));
    let group = Facts { group_runtime_us: Some(0), capabilities: u64::MAX, ..user.clone() };
    assert!(remedy(&group, "real_time").contains("--cpu-rt-runtime"));
    let rootless = Facts { user: 0, capabilities: u64::MAX, nested_user: true, ..user.clone() };
    assert!(check(&rootless, "real_time").found.contains("user namespace"));
    let restricted = Facts { nested_user: false, ..rootless };
    assert!(remedy(&restricted, "real_time").contains("RestrictRealtime"));
    let limited = Facts { rtprio_limit: 99, ..user };
    assert!(remedy(&limited, "real_time").contains("RestrictRealtime"));
}

#[test]
fn guests_are_real_time_everywhere_only_without_the_kernels_safeguards() {
    let mut facts = good();
    let safeguards = check(&facts, "guest_policy");
    assert!(safeguards.lost.is_some_and(|lost| lost.contains("throttling") && lost.contains("fair server")));
    facts.real_time.throttle_runtime_us = -1;
    let fair_server = check(&facts, "guest_policy");
    assert!(fair_server.lost.is_some_and(|lost| !lost.contains("throttling") && lost.contains("fair server")));
    facts.real_time.fair_server = false;
    let free = check(&facts, "guest_policy");
    assert_eq!((free.found.as_str(), free.lost), ("SCHED_FIFO, however busy their core", None));
}

#[test]
fn poor_clocks_and_timers_cost_readiness() {
    let wandering = Facts { invariant_counter: false, ..good() };
    assert_eq!(check(&wandering, "counter").state, State::Lost);
    let slow = Facts { clocksource: "acpi_pm".to_owned(), ..good() };
    assert_eq!(check(&slow, "clocksource").state, State::Lost);
    let late = Lateness { best: Duration::from_millis(3), median: Duration::from_millis(4) };
    let ticking = Facts { sleep: Some(late), ..good() };
    assert_eq!(check(&ticking, "timers").state, State::Lost);
    for facts in [wandering, slow, ticking] {
        assert_eq!(level(&facts), Level::Usable);
    }
}

#[test]
fn a_small_machine_is_told_what_it_lacks() {
    let mut facts = Facts { virtual_machine: true, memory_locks: false, descriptors: 256, ..good() };
    facts.cpus.cores.truncate(1);
    facts.cpus.cores[0].siblings = vec![7];
    facts.cpus.cores[0].governor = Some("powersave".to_owned());
    facts.cpus.isolated.clear();
    let lost: Vec<_> = judge(&facts).into_iter().filter(|check| check.state == State::Lost).map(|c| c.name).collect();
    assert_eq!(lost, ["housekeeping", "locked_memory", "descriptors"]);
    for name in ["isolation", "siblings", "governor", "virtual_machine"] {
        let check = check(&facts, name);
        assert!(check.state == State::Info && check.remedy.is_some(), "{check:?}");
    }
}

#[test]
fn isolated_cpus_out_of_reach_are_pointed_out() {
    let mut facts = good();
    assert_eq!(check(&facts, "isolation").state, State::Ok);
    facts.cpus.isolated = vec![5, 6];
    assert!(check(&facts, "isolation").found.starts_with("CPU 5-6 is isolated, but not allowed"));
    assert_eq!(remedy(&facts, "isolation"), "taskset -c 0,3,5-6 bulkhead ...");
}
