//! What stands around a partition besides seccomp.

use nix::errno::Errno;

use super::super::facts::Facts;
use super::super::trial::{Refusal, Stage};
use super::{CAP_SYS_ADMIN, CAP_SYS_PTRACE, Check, list};
use crate::partition::Fences;

pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    match &facts.trial.fences {
        Ok(fences) => vec![namespaces(facts, fences), unprivileged_user(facts, fences)],
        Err(_) => {
            ["namespaces", "unprivileged_user"].map(|name| Check::not_tried(name, "no process can be made")).into()
        }
    }
}

fn namespaces(facts: &Facts, fences: &Fences) -> Check {
    const NAME: &str = "namespaces";
    const ALL: [&str; 6] = ["user", "pid", "mount", "net", "ipc", "uts"];
    let missing = fences.missing();
    if missing.is_empty() {
        return Check::ok(NAME, ALL.join(", "));
    }
    let granted: Vec<&str> = ALL.into_iter().filter(|name| !missing.contains(name)).collect();
    let lost = if granted.is_empty() {
        "seccomp and no_new_privs fence partitions in, and nothing behind these".to_owned()
    } else {
        let shared: Vec<&str> = missing.iter().map(|name| shared_without(name)).collect();
        format!("behind seccomp, partitions share the host's {}", list(&shared))
    };
    let brief = match granted.len() {
        0 => "namespaces".to_owned(),
        _ => format!("{} namespaces", list(&missing)),
    };
    Check::lost(NAME, found(facts, &granted, &missing), &brief).because(lost, remedy(facts))
}

/// What a partition without this namespace has in common with the host.
fn shared_without(namespace: &str) -> &'static str {
    match namespace {
        "user" => "user ids",
        "pid" => "process table",
        "mount" => "file tree",
        "net" => "network",
        "ipc" => "IPC objects",
        _ => "host name",
    }
}

fn found(facts: &Facts, granted: &[&str], missing: &[&str]) -> String {
    // Usually all are refused for one reason, and the first one's is the cause of the others'.
    let refused = if granted.is_empty() { "all".to_owned() } else { missing.join(", ") };
    let why = match first_refusal(facts) {
        Some(Refusal { errno: Some(errno), stage, .. }) => format!(" ({}{errno:?})", at(*stage)),
        Some(refusal) => format!(" ({})", refusal.text),
        None => String::new(),
    };
    let granted = if granted.is_empty() { String::new() } else { format!("{}; ", granted.join(", ")) };
    format!("{granted}refused: {refused}{why}")
}

fn at(stage: Stage) -> &'static str {
    match stage {
        Stage::Clone => "clone: ",
        Stage::Identity => "identity: ",
        Stage::Mounts => "mount: ",
        Stage::Ptrace => "ptrace: ",
        _ => "",
    }
}

fn first_refusal(facts: &Facts) -> Option<&Refusal> {
    facts.trial.refused.iter().find(|(name, _)| *name != "unprivileged_user").map(|(_, refusal)| refusal)
}

/// The kernel gives the same EPERM for many reasons; the settings tell them apart, the most definite first.
fn remedy(facts: &Facts) -> String {
    for (name, refusal) in &facts.trial.refused {
        let Some(setting) = limit_of(name) else { continue };
        if let Some(limit) = facts.sysctl(setting)
            && (limit == 0 || refusal.errno == Some(Errno::ENOSPC))
        {
            return format!("{setting} is {limit}: raise it with sysctl");
        }
    }
    let Some((name, refusal)) = facts.trial.refused.first() else { return String::new() };
    if facts.sysctl("kernel.unprivileged_userns_clone") == Some(0) && !facts.has(CAP_SYS_ADMIN) {
        return "sysctl kernel.unprivileged_userns_clone=1".to_owned();
    }
    if facts.sysctl("kernel.apparmor_restrict_unprivileged_userns").is_some_and(|on| on > 0)
        && !facts.has(CAP_SYS_ADMIN)
    {
        return "an AppArmor profile for bulkhead that allows \"userns\", or sysctl \
                kernel.apparmor_restrict_unprivileged_userns=0"
            .to_owned();
    }
    match (refusal.stage, refusal.errno) {
        (Stage::Clone, Some(Errno::EINVAL)) => format!("a kernel with {name} namespaces"),
        (Stage::Mounts, Some(Errno::EINVAL)) => {
            "a root that can be moved: neither a chroot nor an initramfs".to_owned()
        }
        (Stage::Mounts, _) => {
            "AppArmor or SELinux may refuse the mount: docker run --security-opt apparmor=unconfined".to_owned()
        }
        _ if facts.filtered => "a seccomp filter is on this process: docker run --security-opt seccomp=unconfined \
                                --security-opt apparmor=unconfined; in a systemd unit, RestrictNamespaces=no"
            .to_owned(),
        _ => "user namespaces for ordinary users, or CAP_SYS_ADMIN; a chroot refuses them, too".to_owned(),
    }
}

fn limit_of(namespace: &str) -> Option<&'static str> {
    Some(match namespace {
        "user" => "user.max_user_namespaces",
        "pid" => "user.max_pid_namespaces",
        "mount" => "user.max_mnt_namespaces",
        "net" => "user.max_net_namespaces",
        "ipc" => "user.max_ipc_namespaces",
        "uts" => "user.max_uts_namespaces",
        _ => return None,
    })
}

fn unprivileged_user(facts: &Facts, fences: &Fences) -> Check {
    const NAME: &str = "unprivileged_user";
    if facts.user != 0 {
        return Check::ok(NAME, format!("partitions run as user {}, as bulkhead does", facts.user));
    }
    if fences.unprivileged_user {
        return Check::ok(NAME, "partitions run as nobody (65534)");
    }
    let refusal = facts.trial.refused.iter().find(|(name, _)| *name == NAME).map(|(_, refusal)| refusal);
    let why = refusal.map_or_else(String::new, |refusal| format!(": {}", refusal.text));
    let remedy = match refusal {
        Some(Refusal { stage: Stage::Ptrace, .. }) if !facts.has(CAP_SYS_PTRACE) => {
            "CAP_SYS_PTRACE, which it takes to trace another user's process (docker run --cap-add SYS_PTRACE), or run \
             bulkhead as an ordinary user"
        }
        _ if facts.nested_user => {
            "run bulkhead as an ordinary user, or map user and group 65534 into this user namespace (rootless \
             containers: /etc/subuid and /etc/subgid)"
        }
        _ => "CAP_SETUID and CAP_SETGID, or run bulkhead as an ordinary user",
    };
    Check::lost(NAME, format!("refused{why}"), "a user of their own")
        .because("partitions run as root, though without any capability", remedy)
}
