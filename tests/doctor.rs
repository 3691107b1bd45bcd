//! `bulkhead doctor` tells what `run` will meet: on this host as it is, as an ordinary user, and where things are
//! refused.
//!
//! The refusals are real ones: seccomp filters of the kind that container runtimes install, and settings of a nested
//! user namespace.

#[path = "common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{bulkhead, finish, is_root, skip};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use serde_json::Value;

const NOBODY: u32 = 65534;

/// The examination by `command`, as JSON, with its exit status. What holds for every host is checked on the way.
fn examine(mut command: Command) -> (Value, i32) {
    command.args(["doctor", "--json"]);
    let finished = finish(command);
    let (report, code) = (finished.json(), finished.code());
    assert_eq!(finished.stderr, "");
    let checks = report["checks"].as_array().expect("a list of checks");
    let mut names = BTreeSet::new();
    for check in checks {
        let text = |key: &str| check[key].as_str().unwrap_or_default();
        assert!(names.insert(text("name").to_owned()), "twice: {check}");
        assert!(!text("found").is_empty(), "{check}");
        match text("state") {
            "ok" => assert!(check["lost"].is_null() && check["remedy"].is_null(), "{check}"),
            "info" => assert_eq!(check["lost"].is_null(), check["remedy"].is_null(), "{check}"),
            "lost" | "missing" => assert!(!text("lost").is_empty() && !text("remedy").is_empty(), "{check}"),
            _ => panic!("no such state: {check}"),
        }
    }
    let has = |state: &str| checks.iter().any(|check| check["state"] == state);
    let (level, words, expected_code) = match (has("missing"), has("lost")) {
        (true, _) => ("cannot_run", "cannot run: ", 3),
        (false, true) => ("usable", "usable: ", 0),
        (false, false) => ("ready", "ready: ", 0),
    };
    assert_eq!(report["level"], level);
    assert!(report["verdict"].as_str().is_some_and(|verdict| verdict.starts_with(words)), "{}", report["verdict"]);
    assert_eq!(code, expected_code, "{report:#}");
    (report, code)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("a list of checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}"))
}

fn state<'a>(report: &'a Value, name: &str) -> &'a str {
    check(report, name)["state"].as_str().expect("a state")
}

/// Whether partitions run on this host as the tests run; without that most of this file means nothing.
fn runs_here() -> bool {
    let (_, code) = examine(bulkhead());
    if code != 0 {
        skip("no partition can run on this host");
    }
    code == 0
}

/// A folder that everybody may read, with the binary in it.
fn public_copy() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it can be opened to all");
    let copy = folder.path().join("bulkhead");
    std::fs::copy(bulkhead().get_program(), &copy).expect("the binary can be copied");
    (folder, copy)
}

/// The binary as an ordinary user runs it.
fn as_nobody(copy: &Path) -> Command {
    let mut command = Command::new(copy);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    command
}

/// Puts the command under these filters, one after the other, as a container runtime would.
fn under(mut command: Command, filters: Vec<BpfProgram>) -> Command {
    let apply =
        move || filters.iter().try_for_each(|filter| seccompiler::apply_filter(filter)).map_err(std::io::Error::other);
    // SAFETY: between fork and exec only two system calls are made per filter; nothing is allocated unless one fails.
    unsafe { command.pre_exec(apply) };
    command
}

/// A filter that answers `errno` to these calls, under one of their conditions if there are any.
fn refuse(errno: i32, calls: &[(i64, Vec<SeccompRule>)]) -> BpfProgram {
    let rules: BTreeMap<_, _> = calls.iter().cloned().collect();
    let answer = SeccompAction::Errno(errno as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, answer, TargetArch::x86_64)
        .and_then(BpfProgram::try_from)
        .expect("the filter compiles")
}

/// What runtimes refuse to containers without CAP_SYS_ADMIN.
fn no_namespaces() -> Vec<BpfProgram> {
    let flags = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
    ];
    let with = |flag: i32| {
        let flag = flag as u64;
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag);
        SeccompRule::new(vec![condition.expect("a condition")]).expect("a rule")
    };
    let namespaces = flags.map(with).to_vec();
    vec![
        // Its flags lie in memory, where no filter can see them.
        refuse(libc::ENOSYS, &[(libc::SYS_clone3, vec![])]),
        refuse(libc::EPERM, &[(libc::SYS_clone, namespaces), (libc::SYS_unshare, vec![]), (libc::SYS_mount, vec![])]),
    ]
}

#[test]
fn it_finds_what_a_run_meets() {
    if !runs_here() {
        return;
    }
    let (report, _) = examine(bulkhead());
    assert_eq!(state(&report, "seccomp"), "ok");
    let mut command = bulkhead();
    command.arg("run").arg(common::guest("idle")).args(["--frames", "3", "--json"]);
    let run = finish(command);
    assert_eq!(run.code(), 0, "{run:#?}");
    let run = run.json();
    assert_eq!(report["fences"], run["fences"]);
    assert_eq!(report["real_time"]["fifo"], run["real_time"]);
    assert_eq!(state(&report, "real_time") == "ok", run["real_time"] == true);
    let all =
        run["fences"].as_object().expect("fences").iter().all(|(name, has)| name == "unprivileged_user" || has == true);
    assert_eq!(state(&report, "namespaces") == "ok", all);
}

#[test]
fn people_get_the_same_as_programs() {
    let (report, code) = examine(bulkhead());
    let mut command = bulkhead();
    command.arg("doctor").env("COLUMNS", "4000");
    let text = finish(command);
    assert_eq!(text.code(), code);
    assert!(!text.stdout.contains('\x1b'), "{text:#?}");
    for check in report["checks"].as_array().expect("a list of checks") {
        let mark = match check["state"].as_str() {
            Some("ok") => "ok",
            Some("info") => "note",
            Some("lost") => "lost",
            _ => "bad",
        };
        let name = check["name"].as_str().expect("a name").replace('_', " ");
        let line = |line: &str| line.strip_prefix(mark).is_some_and(|rest| rest.trim_start().starts_with(&name));
        assert!(text.stdout.lines().any(line), "no line for {check}: {text:#?}");
        if let Some(remedy) = check["remedy"].as_str() {
            assert!(text.stdout.contains(remedy), "no {remedy}: {text:#?}");
        }
    }
    let last = text.stdout.lines().last().unwrap_or_default();
    assert_eq!(last, report["verdict"].as_str().expect("a verdict"));
}

#[test]
fn lines_keep_to_the_width_of_the_terminal() {
    let mut command = bulkhead();
    command.arg("doctor").env("COLUMNS", "72");
    let text = finish(command).stdout;
    let longest = text.lines().filter(|line| !line.contains("/sys/")).map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 72), "{text}");
}

#[test]
fn an_ordinary_user_has_no_real_time() {
    if !is_root() {
        return skip("only root can become another user");
    }
    if !runs_here() {
        return;
    }
    let (_folder, copy) = public_copy();
    let mut command = as_nobody(&copy);
    let limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: between fork and exec a single system call is made.
    unsafe {
        command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_RTPRIO, &raw const limits) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    };
    let (report, code) = examine(command);
    assert_eq!(code, 0);
    assert_eq!(state(&report, "real_time"), "lost");
    assert_eq!(report["real_time"]["fifo"], false);
    assert_eq!(state(&report, "unprivileged_user"), "ok");
    assert!(report["verdict"].as_str().is_some_and(|verdict| verdict.contains("real-time scheduling")));
}

#[test]
fn root_that_may_not_trace_others_keeps_its_partitions_as_root() {
    if !is_root() {
        return skip("only root can give up a capability of root's");
    }
    if !runs_here() {
        return;
    }
    // As in a container: what is not in the bounding set does not come back with exec.
    let without_ptrace = |mut command: Command| {
        const CAP_SYS_PTRACE: i32 = 19;
        // SAFETY: between fork and exec a single system call is made.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            })
        };
        command
    };
    let (report, code) = examine(without_ptrace(bulkhead()));
    assert_eq!(code, 0);
    assert_eq!(state(&report, "unprivileged_user"), "lost");
    let mut command = without_ptrace(bulkhead());
    command.arg("run").arg(common::guest("idle")).args(["--frames", "1", "--json"]);
    let run = finish(command);
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(run.json()["fences"], report["fences"]);
}

#[test]
fn a_containers_filter_costs_the_namespaces() {
    if !runs_here() {
        return;
    }
    let (report, code) = examine(under(bulkhead(), no_namespaces()));
    assert_eq!(code, 0);
    assert_eq!(state(&report, "namespaces"), "lost");
    let names = ["user", "pid", "mount", "net", "ipc", "uts"];
    assert!(names.iter().all(|name| report["fences"][name] == false), "{report:#}");
    let (here, _) = examine(bulkhead());
    if here["fences"]["user"] == true {
        // Nothing but the filter is in the way.
        let remedy = check(&report, "namespaces")["remedy"].as_str().expect("a remedy");
        assert!(remedy.contains("seccomp=unconfined"), "{remedy}");
    }
    assert!(report["verdict"].as_str().is_some_and(|verdict| verdict.contains("without namespaces")));
    // The fence that is left holds.
    assert_eq!(state(&report, "seccomp"), "ok");
}

#[test]
fn a_single_namespace_that_is_refused_is_named() {
    if !runs_here() {
        return;
    }
    let flag = libc::CLONE_NEWNET as u64;
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag);
    let rule = SeccompRule::new(vec![condition.expect("a condition")]).expect("a rule");
    let (here, _) = examine(bulkhead());
    let (report, _) = examine(under(bulkhead(), vec![refuse(libc::ENOSPC, &[(libc::SYS_clone, vec![rule])])]));
    assert_eq!(report["fences"]["net"], false);
    assert_eq!(report["fences"]["ipc"], here["fences"]["ipc"]);
    let found = check(&report, "namespaces")["found"].as_str().expect("text");
    assert!(found.contains("net") && found.contains("ENOSPC"), "{found}");
}

#[test]
fn without_ptrace_nothing_runs() {
    let filters = || vec![refuse(libc::EPERM, &[(libc::SYS_ptrace, vec![])])];
    let (report, code) = examine(under(bulkhead(), filters()));
    assert_eq!(code, 3);
    assert_eq!(state(&report, "ptrace"), "missing");
    assert_eq!(report["verdict"], "cannot run: ptrace is refused");
    assert!(report["fences"].is_null());
    // A run says the same.
    let mut command = under(bulkhead(), filters());
    command.arg("run").arg(common::guest("idle")).args(["--frames", "1"]);
    let run = finish(command);
    assert_eq!(run.code(), 3, "{run:#?}");
    assert!(run.stderr.contains("ptrace"), "{run:#?}");
}

#[test]
fn without_seccomp_nothing_runs() {
    if !runs_here() {
        return;
    }
    // Installing a filter is refused from now on, to guests as well.
    let (report, code) = examine(under(bulkhead(), vec![refuse(libc::EINVAL, &[(libc::SYS_seccomp, vec![])])]));
    assert_eq!(code, 3);
    assert_eq!(state(&report, "seccomp"), "missing");
    assert_eq!(state(&report, "ptrace"), "ok");
}

#[test]
fn memory_that_may_not_be_locked_is_noticed() {
    if !runs_here() {
        return;
    }
    let (report, _) = examine(under(bulkhead(), vec![refuse(libc::ENOMEM, &[(libc::SYS_mlockall, vec![])])]));
    assert_eq!(state(&report, "locked_memory"), "lost");
}

#[test]
fn a_limit_on_user_namespaces_is_named() {
    if !runs_here() {
        return;
    }
    // The limit is set for a nested user namespace only, which ends with the command.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    let nested = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script]);
        command
    };
    let mut control = nested();
    control.arg("true");
    if !control.output().is_ok_and(|output| output.status.success()) {
        return skip("no nested user namespace can be had");
    }
    let mut command = nested();
    command.arg(bulkhead().get_program());
    let (report, code) = examine(command);
    assert_eq!(code, 0);
    assert_eq!(report["fences"]["user"], false);
    assert_eq!(report["fences"]["pid"], true);
    let remedy = check(&report, "namespaces")["remedy"].as_str().expect("a remedy");
    assert!(remedy.starts_with("user.max_user_namespaces is 0"), "{remedy}");
}
