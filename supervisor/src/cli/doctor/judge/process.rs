//! Can a guest be born at all? The kernel, ptrace, the test guest, and its seccomp filter.

use super::super::facts::Facts;
use super::super::trial::{Refusal, Stage};
use super::{CAP_SYS_NICE, CAP_SYS_PTRACE, Check};
use crate::host::kernel_version;

pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    vec![kernel(facts), ptrace(facts), partition(facts), seccomp(facts)]
}

fn kernel(facts: &Facts) -> Check {
    const NAME: &str = "kernel";
    let found = format!("Linux {}", facts.release);
    let version = kernel_version(&facts.release);
    if version < (5, 11) && facts.trial.guest.is_err() {
        return Check::missing(NAME, found, "the kernel is older than 5.11").because(
            "partitions cannot be made: close_range(CLOSE_RANGE_CLOEXEC) is not there",
            "Linux 5.11 or later",
        );
    }
    if version < (5, 11) {
        return Check::lost(NAME, found, "the names of forbidden calls (old kernel)")
            .because("a forbidden system call kills its guest, but its name may not be known", "Linux 5.11 or later");
    }
    if version < (5, 14) {
        return Check::lost(NAME, found, "guests' pages loaded in advance (old kernel)")
            .because("guests take their first page faults inside their windows", "Linux 5.14 or later");
    }
    Check::ok(NAME, found)
}

fn ptrace(facts: &Facts) -> Check {
    const NAME: &str = "ptrace";
    let yama = match facts.sysctl("kernel.yama.ptrace_scope") {
        None => "",
        Some(0) => " (Yama: any process of the same user)",
        Some(1) => " (Yama: own children only)",
        Some(2) => " (Yama: with CAP_SYS_PTRACE only)",
        Some(_) => " (Yama: for nobody)",
    };
    match &facts.trial.guest {
        Err(refusal) if refusal.stage == Stage::Ptrace => {
            let answer = refusal.errno.map_or_else(|| refusal.text.clone(), |errno| errno.to_string());
            Check::missing(NAME, format!("refused: {answer}{yama}"), "ptrace is refused")
                .because("every partition is set up through ptrace before its first instruction", trace_remedy(facts))
        }
        // The fences were rehearsed with a tracer, so whatever was refused, ptrace was not.
        _ if facts.trial.fences.is_ok() => Check::ok(NAME, format!("a test process was traced{yama}")),
        _ => Check::not_tried(NAME, "no process can be made"),
    }
}

fn trace_remedy(facts: &Facts) -> &'static str {
    match facts.sysctl("kernel.yama.ptrace_scope") {
        Some(3..) => {
            "kernel.yama.ptrace_scope is 3, which holds until the next boot: set 2 or less in /etc/sysctl.d and reboot"
        }
        Some(2) if !facts.has(CAP_SYS_PTRACE) => "sysctl kernel.yama.ptrace_scope=1, or CAP_SYS_PTRACE",
        _ if facts.filtered => {
            "a seccomp filter is on this process: docker run --security-opt seccomp=unconfined or --cap-add \
             SYS_PTRACE; in a systemd unit, SystemCallFilter= must allow @debug"
        }
        _ => {
            "CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE); a security module may refuse it as well (SELinux: \
             deny_ptrace)"
        }
    }
}

fn partition(facts: &Facts) -> Check {
    const NAME: &str = "partition";
    match &facts.trial.guest {
        Ok(guest) => Check::ok(NAME, format!("a test guest was born in {:.1} ms", guest.birth.as_secs_f64() * 1e3)),
        Err(refusal) if refusal.stage == Stage::Ptrace => Check::not_tried(NAME, "it takes ptrace"),
        Err(refusal) if refusal.stage == Stage::Seccomp => Check::not_tried(NAME, "it takes a seccomp filter"),
        Err(refusal) => {
            let brief = format!("a test guest could not be born: {}", refusal.text);
            Check::missing(NAME, refusal.text.clone(), &brief)
                .because("no partition runs", birth_remedy(facts, refusal))
        }
    }
}

fn birth_remedy(facts: &Facts, refusal: &Refusal) -> String {
    match refusal.stage {
        Stage::Memfd if facts.sysctl("vm.memfd_noexec").is_some_and(|mode| mode > 1) => {
            "sysctl vm.memfd_noexec=1 or 0: an image is executed from memory".to_owned()
        }
        Stage::Memfd => {
            "memfd_create, and executing its file, must be allowed; a filter or a security module refuses it".to_owned()
        }
        Stage::Policy if !facts.has(CAP_SYS_NICE) => "CAP_SYS_NICE, to give guests their scheduling policy".to_owned(),
        Stage::Policy => "a seccomp filter must allow sched_setscheduler and setpriority".to_owned(),
        _ if facts.filtered => {
            "a seccomp filter is on this process: docker run --security-opt seccomp=unconfined".to_owned()
        }
        _ => "BULKHEAD_LOG=debug shows what was tried; look for limits on processes and memory".to_owned(),
    }
}

fn seccomp(facts: &Facts) -> Check {
    const NAME: &str = "seccomp";
    match &facts.trial.guest {
        Ok(guest) if guest.killed => Check::ok(NAME, "the test guest's first forbidden call killed it"),
        Ok(_) => Check::missing(NAME, "the test guest survived a forbidden call", "seccomp filters have no effect")
            .because(
                "guests could make any system call",
                "a real Linux kernel: some sandboxes only pretend to have seccomp",
            ),
        Err(refusal) if refusal.stage == Stage::Seccomp => {
            Check::missing(NAME, refusal.text.clone(), "seccomp filters are refused").because(
                "guests could make any system call",
                "a kernel with CONFIG_SECCOMP_FILTER, and a sandbox that allows it",
            )
        }
        Err(_) => Check::not_tried(NAME, "no guest was born"),
    }
}
