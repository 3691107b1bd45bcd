//! Users without rights and hosts that refuse things: what is lost is said in one line, and what is indispensable too.
//!
//! Where the tests run as root, an ordinary user is a user number that nobody has. The binary and the guests are copied to
//! where that user can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use nix::errno::Errno;

#[path = "common/mod.rs"]
mod common;
#[path = "common/orphans.rs"]
mod orphans;
#[path = "common/refuse.rs"]
mod refuse;
#[path = "common/running.rs"]
mod running;

use common::{Finished, bulkhead, example, finish, guest, is_root, round_robin, skip, status_field, write_module};
use orphans::{adopt_orphans, expect_no_orphans};
use refuse::{refuse, refuse_namespaces};
use running::{Running, alone};

/// A user number that belongs to nobody, not even to "nobody", whom root's guests become.
const ORDINARY: u32 = 65533;
const NOBODY: u32 = 65534;
const NAMESPACES: [&str; 6] = ["user", "pid", "mount", "net", "ipc", "uts"];

const CAP_SETPCAP: u64 = 8;
const CAP_SYS_PTRACE: u64 = 19;
const CAP_SYS_NICE: u64 = 23;
/// What root in a container keeps by default with the usual runtimes: chown, dac_override, fowner, fsetid, kill, setgid,
/// setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
const CONTAINER: [u64; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/// The binary and a module where everybody can read them.
struct Place {
    folder: tempfile::TempDir,
    binary: PathBuf,
    module: PathBuf,
}

/// A module of a guest that greets and one that stays.
fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let readable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), readable.clone()).expect("everybody may enter");
    let copy = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        fs::copy(from, &to).expect("a copy");
        fs::set_permissions(&to, readable.clone()).expect("everybody may read it");
        to
    };
    let binary = copy(Path::new(bulkhead().get_program()), "bulkhead");
    let (hello, idle) = (copy(&example("hello-c"), "hello.elf"), copy(&guest("idle"), "idle.elf"));
    let module = write_module(folder.path(), &round_robin(&[("hello", &hello, ""), ("idle", &idle, "")], 2000, 2000));
    Place { folder, binary, module }
}

impl Place {
    fn run(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--json").args(arguments).arg(&self.module).current_dir(self.folder.path());
        command
    }
}

fn check(result: i32) -> std::io::Result<()> {
    Errno::result(result).map(drop).map_err(Into::into)
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) -> std::io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: reads the structure.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

/// Makes `command` run as an ordinary user with this limit for real-time priorities; where the tests are not root's, as
/// whoever runs them.
fn as_ordinary_user(command: &mut Command, real_time: u64) {
    let root = is_root();
    // SAFETY: the closure makes system calls only.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_RTPRIO, real_time)?;
            limit(libc::RLIMIT_NICE, if real_time > 0 { 40 } else { 0 })?;
            if root {
                check(libc::setgroups(0, std::ptr::null()))?;
                check(libc::setresgid(ORDINARY, ORDINARY, ORDINARY))?;
                check(libc::setresuid(ORDINARY, ORDINARY, ORDINARY))?;
            }
            Ok(())
        });
    }
}

/// Makes `command` run with these capabilities at most, as root who has lost the others.
fn with_capabilities(command: &mut Command, keep: impl Fn(u64) -> bool + Send + Sync + 'static) {
    // SAFETY: the closure makes system calls only. A capability that the kernel does not know ends the list.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_RTPRIO, 0)?;
            limit(libc::RLIMIT_NICE, 0)?;
            for capability in (0..64).filter(|&capability| !keep(capability)) {
                libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
            }
            Ok(())
        });
    }
}

/// Runs the module until the guest that stays has been looked at, and sees that this one is fenced in at least by seccomp
/// and no_new_privs, without capabilities, and that the other one greets. Returns the run and the guest's user.
fn run_and_look(command: Command) -> (Finished, u32) {
    let running = Running::start(command);
    let idle = running.guest(1);
    let status = |field: &str| status_field(idle, field).expect(field);
    assert_eq!((status("Seccomp").as_str(), status("NoNewPrivs").as_str()), ("2", "1"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(set), "0000000000000000", "{set}");
    }
    let users = status("Uid");
    let user = users.split_whitespace().next().and_then(|user| user.parse().ok()).expect("a user");
    assert!(users.split_whitespace().all(|other| other == user_text(user)), "{users}");
    common::eventually("the greetings", || {
        (!running::guests(running.pid()).iter().any(|&pid| pid != idle)).then_some(())
    });
    let finished = running.interrupt();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stderr.contains("hello from C"), "{finished:#?}");
    (finished, user)
}

fn user_text(user: u32) -> String {
    user.to_string()
}

/// The supervisor's own lines that contain these words.
fn lines_with<'a>(finished: &'a Finished, words: &str) -> Vec<&'a str> {
    finished.stderr.lines().filter(|line| line.starts_with("bulkhead: ") && line.contains(words)).collect()
}

/// The namespaces that the partitions got, by the supervisor's own account.
fn granted(finished: &Finished) -> Vec<&'static str> {
    let json = finished.json();
    NAMESPACES.into_iter().filter(|&name| json["fences"][name] == true).collect()
}

fn own_user() -> u32 {
    if is_root() { ORDINARY } else { nix::unistd::getuid().as_raw() }
}

#[test]
fn an_ordinary_user_gets_all_the_namespaces_that_the_host_grants() {
    let _alone = alone();
    let mut probe = Command::new("true");
    as_ordinary_user(&mut probe, 0);
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS;
    // SAFETY: the closure makes a single system call.
    unsafe { probe.pre_exec(move || check(libc::unshare(all))) };
    if !probe.status().is_ok_and(|status| status.success()) {
        return skip("the host grants ordinary users no namespaces");
    }
    let place = place();
    let mut command = place.run(&[]);
    as_ordinary_user(&mut command, 0);
    let (finished, user) = run_and_look(command);
    assert_eq!(granted(&finished), NAMESPACES);
    assert_eq!(user, own_user());
    assert!(lines_with(&finished, "namespaces").is_empty(), "{finished:#?}");
}

/// What is said where there are no namespaces at all: one line, which names them all.
fn expect_one_line_about_namespaces(finished: &Finished) {
    assert!(granted(finished).is_empty(), "{finished:#?}");
    let [line] = lines_with(finished, "namespaces")[..] else { panic!("not one line: {finished:#?}") };
    assert!(line.contains(&NAMESPACES.join(", ")), "{line}");
    assert!(line.contains("seccomp and no_new_privs alone"), "{line}");
}

#[test]
fn an_ordinary_user_without_namespaces_is_told_once_and_runs() {
    let _alone = alone();
    let place = place();
    let mut command = place.run(&[]);
    as_ordinary_user(&mut command, 0);
    refuse_namespaces(&mut command);
    let (finished, user) = run_and_look(command);
    expect_one_line_about_namespaces(&finished);
    assert_eq!(user, own_user());
}

#[test]
fn root_without_namespaces_is_told_once_and_its_guests_are_nobodys() {
    let _alone = alone();
    if !is_root() {
        return skip("not root");
    }
    let place = place();
    let mut command = place.run(&[]);
    refuse_namespaces(&mut command);
    let (finished, user) = run_and_look(command);
    expect_one_line_about_namespaces(&finished);
    assert_eq!(user, NOBODY);
}

#[test]
fn root_in_a_container_runs_though_it_can_neither_trace_nor_schedule_other_users() {
    let _alone = alone();
    if !is_root() {
        return skip("not root");
    }
    let place = place();
    let more = |capability: u64| [CONTAINER.as_slice(), &[capability]].concat();
    let without_setpcap = CONTAINER.into_iter().filter(|&capability| capability != CAP_SETPCAP).collect();
    // As it is by default; with the right to trace, which debuggers are often given; with the one to schedule; and where
    // the capabilities that a program begins with cannot be limited.
    for keep in [CONTAINER.to_vec(), more(CAP_SYS_PTRACE), more(CAP_SYS_NICE), without_setpcap] {
        let mut command = place.run(&[]);
        let kept = keep.clone();
        with_capabilities(&mut command, move |capability| kept.contains(&capability));
        refuse_namespaces(&mut command);
        let (finished, user) = run_and_look(command);
        expect_one_line_about_namespaces(&finished);
        // It could not trace, or not schedule, a guest that is somebody else's.
        assert_eq!(user, 0, "with {keep:?}");
    }
}

#[test]
fn without_the_right_to_real_time_it_says_so_once_and_runs() {
    let _alone = alone();
    let place = place();
    let mut ways: Vec<Command> = vec![place.run(&[])];
    as_ordinary_user(&mut ways[0], 0);
    if is_root() {
        let mut command = place.run(&[]);
        with_capabilities(&mut command, |capability| capability != CAP_SYS_NICE);
        ways.push(command);
    }
    for command in ways {
        let (finished, _) = run_and_look(command);
        assert_eq!(finished.json()["real_time"], false);
        let [line] = lines_with(&finished, "real-time")[..] else { panic!("not one line: {finished:#?}") };
        assert!(line.contains("best-effort"), "{line}");
    }
}

#[test]
fn where_real_time_is_required_the_lack_of_it_ends_the_run_before_it_begins() {
    let _alone = alone();
    adopt_orphans();
    let place = place();
    let mut ways: Vec<Command> = vec![place.run(&["--require", "rt"])];
    as_ordinary_user(&mut ways[0], 0);
    if is_root() {
        let mut command = place.run(&["--require", "rt"]);
        with_capabilities(&mut command, |capability| capability != CAP_SYS_NICE);
        ways.push(command);
    }
    for command in ways {
        let finished = finish(command);
        assert_eq!(finished.code(), 3, "{finished:#?}");
        let [line] = finished.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {finished:#?}") };
        assert!(line.starts_with("bulkhead: --require rt: ") && line.contains("real-time"), "{line}");
        assert!(finished.stdout.is_empty(), "{finished:#?}");
        expect_no_orphans(Instant::now(), "--require rt");
    }
}

#[test]
fn an_ordinary_user_with_the_right_to_real_time_uses_it() {
    let _alone = alone();
    let mut probe = Command::new("true");
    as_ordinary_user(&mut probe, 99);
    if !probe.status().is_ok_and(|status| status.success()) {
        return skip("only root can give this right");
    }
    let place = place();
    // The frame leaves the core idle for a third, so that guests may be real-time processes too.
    let mut command = place.run(&["--require", "rt"]);
    as_ordinary_user(&mut command, 99);
    let (finished, _) = run_and_look(command);
    assert_eq!(finished.json()["real_time"], true);
    assert_eq!(finished.json()["guest_policies"], serde_json::json!(["fifo"]));
    assert!(lines_with(&finished, "real-time").is_empty(), "{finished:#?}");
}

#[test]
fn a_host_that_refuses_ptrace_is_told_in_one_line() {
    let _alone = alone();
    adopt_orphans();
    let place = place();
    let mut ways: Vec<Command> = vec![place.run(&[]), place.run(&[])];
    as_ordinary_user(&mut ways[0], 0);
    for mut command in ways {
        refuse(&mut command, &[libc::SYS_ptrace], libc::EPERM);
        let finished = finish(command);
        assert_eq!(finished.code(), 3, "{finished:#?}");
        let [line] = finished.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {finished:#?}") };
        assert!(line.starts_with("bulkhead: ") && line.contains("host refuses") && line.contains("ptrace"), "{line}");
        expect_no_orphans(Instant::now(), "without ptrace");
    }
}
