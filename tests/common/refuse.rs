//! Hosts that refuse things: seccomp filters under which the supervisor itself starts, as container runtimes install them.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Lets `command` run on a host that answers these calls with `errno`.
pub(crate) fn refuse(command: &mut Command, calls: &[i64], errno: i32) {
    install(command, calls.iter().map(|&call| (call, Vec::new())).collect(), errno);
}

/// Lets `command` run on a host that grants no namespaces, in the way of the usual container runtimes: clone is refused
/// where it asks for one, and clone3, whose arguments a filter cannot see, is said not to exist.
pub(crate) fn refuse_namespaces(command: &mut Command) {
    let flags = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let asks_for = |flag: i32| {
        let flag = flag as u64;
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag);
        SeccompRule::new(vec![condition.expect("a condition")]).expect("a rule")
    };
    let mut refused = vec![(libc::SYS_clone, flags.map(asks_for).to_vec())];
    for call in [libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root] {
        refused.push((call, Vec::new()));
    }
    install(command, refused, libc::EPERM);
    refuse(command, &[libc::SYS_clone3], libc::ENOSYS);
}

/// Adds a filter that answers the calls that match one of their rules (a call without rules: always) with `errno`.
fn install(command: &mut Command, calls: Vec<(i64, Vec<SeccompRule>)>, errno: i32) {
    let (refused, otherwise) = (SeccompAction::Errno(errno as u32), SeccompAction::Allow);
    let filter = SeccompFilter::new(calls.into_iter().collect(), otherwise, refused, TargetArch::x86_64);
    let program: BpfProgram = filter.expect("a filter").try_into().expect("a program");
    // SAFETY: the closure makes system calls only; the program was built before the fork.
    unsafe {
        command.pre_exec(move || {
            seccompiler::apply_filter(&program).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
        });
    }
}
