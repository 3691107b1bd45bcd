//! What a guest may call: four system calls, and every other one is its death, however it is made.
//!
//! The guest `f_call` makes one call, in the way that its arguments say, and prints "alive" afterwards if it can. Many of
//! them stand in one module, each with a call of its own, beside a peer that behaves and must not notice.
//!
//! The control, without which none of this would mean anything: the same source built as an ordinary program makes the
//! same calls and lives.

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;

use common::{bulkhead, eventually, example, finish, guest, must, root, round_robin, skip, status_field, write_module};
use running::{Running, alone};

const AUDIT_ARCH_X86_64: u64 = 0xc000_003e;
const AUDIT_ARCH_I386: u64 = 0x4000_0003;
const X32_BIT: i64 = 0x4000_0000;

const RT_SIGRETURN: i64 = 15;
const SETITIMER: i64 = 38;
const GETPID: i64 = 39;
const FUTEX: i64 = 202;
const EXIT_GROUP: i64 = 231;
/// Everything that a guest may call.
const FOUR: [i64; 4] = [RT_SIGRETURN, SETITIMER, FUTEX, EXIT_GROUP];

/// Calls of the kernel's own that it lets past every filter, from Linux 6.14 (uretprobe) and 6.18 (uprobe) on. They do
/// their work only when they come from a trampoline that the kernel itself has put into a process.
const PAST_EVERY_FILTER: [i64; 2] = [335, 336];

/// Names that reports must give to numbers, from Linux' table, by hand.
const NAMES: [(i64, &str); 20] = [
    (0, "read"),
    (1, "write"),
    (2, "open"),
    (9, "mmap"),
    (10, "mprotect"),
    (13, "rt_sigaction"),
    (16, "ioctl"),
    (39, "getpid"),
    (41, "socket"),
    (56, "clone"),
    (57, "fork"),
    (59, "execve"),
    (62, "kill"),
    (101, "ptrace"),
    (157, "prctl"),
    (165, "mount"),
    (257, "openat"),
    (321, "bpf"),
    (425, "io_uring_setup"),
    (435, "clone3"),
];

/// What is to come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The guest lives and ends well.
    Lives,
    /// It is killed, and the report gives the call's number and architecture.
    Killed { number: i64, arch: u64 },
    /// It is killed, and the report cannot tell the number, because the call came from where the shim's calls come from.
    KilledUnnamed,
}

/// A partition that makes one call.
#[derive(Debug)]
struct Case {
    way: &'static str,
    number: i64,
    arguments: Vec<u64>,
    fate: Fate,
}

impl Case {
    fn own(number: i64, fate: Fate) -> Case {
        Case { way: "own", number, arguments: Vec::new(), fate }
    }

    fn name(&self, index: usize) -> String {
        format!("{index}-{}", self.way)
    }

    fn configuration(&self) -> String {
        let numbers = self.arguments.iter().map(u64::to_string);
        let arguments = [self.way.to_owned(), self.number.to_string()].into_iter().chain(numbers);
        format!("args = {:?}\nhealth = {{ forbidden_call = \"idle\" }}", arguments.collect::<Vec<_>>())
    }
}

fn killed(number: i64) -> Fate {
    Fate::Killed { number, arch: AUDIT_ARCH_X86_64 }
}

/// Runs the cases, many to a module, and holds each against its fate.
fn check(cases: &[Case]) {
    let _alone = alone();
    for cases in cases.chunks(64) {
        check_together(cases);
    }
}

fn check_together(cases: &[Case]) {
    const PEER_WINDOWS: u64 = 9;
    let (image, peer) = (guest("f_call"), example("hello-c"));
    let texts: Vec<(String, String)> =
        cases.iter().enumerate().map(|(index, case)| (case.name(index), case.configuration())).collect();
    let mut partitions: Vec<(&str, &Path, &str)> =
        texts.iter().map(|(name, more)| (name.as_str(), image.as_path(), more.as_str())).collect();
    let greetings = format!("args = [\"{PEER_WINDOWS}\"]");
    partitions.push(("peer", &peer, &greetings));
    let folder = tempfile::tempdir().expect("a folder");
    let path = write_module(folder.path(), &round_robin(&partitions, 500, 500));
    let mut command = bulkhead();
    command.arg("run").arg("--json").arg(path);
    let finished = finish(command);

    let json = finished.json();
    assert_eq!(json["ending"], "all_ended", "{finished:#?}");
    let any_killed = cases.iter().any(|case| case.fate != Fate::Lives);
    assert_eq!(finished.code(), i32::from(any_killed), "{finished:#?}");
    for (index, case) in cases.iter().enumerate() {
        let report = Report {
            last: &json["partitions"][index]["last"],
            figures: &json["summary"]["partitions"][index],
            words: words_about(&finished.stderr, &case.name(index)),
            lived: finished.stderr.lines().any(|line| is_line_of(line, &case.name(index)) && line.ends_with("alive")),
        };
        check_one(case, &report);
    }
    let (last, figures) = (&json["partitions"][cases.len()]["last"], &json["summary"]["partitions"][cases.len()]);
    assert_eq!((&last["kind"], &last["status"]), (&"exit".into(), &0.into()), "the peer: {last:#}");
    assert!(figures["windows"].as_u64() >= Some(PEER_WINDOWS), "the peer: {figures:#}");
}

/// What a run tells about one partition.
#[derive(Debug)]
struct Report<'a> {
    last: &'a serde_json::Value,
    figures: &'a serde_json::Value,
    words: Vec<&'a str>,
    lived: bool,
}

fn is_line_of(line: &str, name: &str) -> bool {
    line.strip_prefix('[').and_then(|line| line.strip_prefix(name)).is_some_and(|rest| rest.starts_with(']'))
}

/// The supervisor's own lines about a partition.
fn words_about<'a>(stderr: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("bulkhead: partition \"{name}\" ");
    stderr.lines().filter_map(|line| line.strip_prefix(&begin)).collect()
}

fn check_one(case: &Case, report: &Report<'_>) {
    let Report { last, figures, ref words, lived } = *report;
    if case.fate == Fate::Lives {
        assert!(lived && words.is_empty(), "{case:?}: {report:#?}");
        assert_eq!((&last["kind"], &last["status"]), (&"exit".into(), &0.into()), "{case:?}");
        assert_eq!(figures["forbidden_calls"], 0, "{case:?}");
        return;
    }
    assert!(!lived, "{case:?}: {report:#?}");
    assert_eq!(last["kind"], "forbidden_call", "{case:?}: {report:#?}");
    assert_eq!(figures["forbidden_calls"], 1, "{case:?}");
    let health = serde_json::json!([{ "error": "forbidden_call", "action": "idle", "count": 1 }]);
    assert_eq!(figures["health"], health, "{case:?}");
    let [words] = words.as_slice() else { panic!("{case:?}: not one line about it: {words:#?}") };
    assert!(words.ends_with("; action: idle"), "{case:?}: {words}");
    match case.fate {
        Fate::Killed { number, arch } => {
            assert_eq!((last["number"].as_i64(), last["arch"].as_u64()), (Some(number), Some(arch)), "{case:?}");
            check_name(words, number, arch);
            assert!(words.contains(", instruction 0x"), "{case:?}: {words}");
        }
        _ => assert!(words.starts_with("made a forbidden system call (number not noted);"), "{case:?}: {words}"),
    }
}

/// Whether the report's words name the call.
fn check_name(words: &str, number: i64, arch: u64) {
    let Some(call) = words.strip_prefix("made a forbidden system call: ") else { panic!("{words}") };
    let call = call.split(", instruction").next().unwrap_or_default();
    if arch == AUDIT_ARCH_I386 {
        let ending = " through the 32-bit entry";
        assert!(call.ends_with(ending) && call.contains(&number.to_string()), "{number}: {words}");
    } else if number >= X32_BIT {
        assert_eq!(call, format!("x32 system call {} ({number:#x})", number - X32_BIT));
    } else if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == number) {
        assert_eq!(call, format!("{name} ({number})"));
    } else {
        let named = call.ends_with(&format!(" ({number})"));
        assert!(named || call == format!("system call {number}"), "{number}: {words}");
    }
}

#[test]
fn of_all_numbers_only_the_four_live() {
    let case = |number| match FOUR.contains(&number) {
        true => Case { way: "good", ..Case::own(number, Fate::Lives) },
        false => Case::own(number, killed(number)),
    };
    let numbers = (0..=600).filter(|number| !PAST_EVERY_FILTER.contains(number));
    check(&numbers.map(case).collect::<Vec<_>>());
}

#[test]
fn what_the_kernel_lets_past_every_filter_does_nothing() {
    let _alone = alone();
    for number in PAST_EVERY_FILTER {
        let folder = tempfile::tempdir().expect("a folder");
        let finished = run_with_peer(folder.path(), &format!("\"own\", \"{number}\"")).finish();
        let json = finished.json();
        let last = &json["partitions"][0]["last"];
        let killed_by_the_filter = last["kind"] == "forbidden_call" && last["number"] == number;
        let killed_by_the_call = last["kind"] == "crash" && last["signal"] == libc::SIGILL;
        let refused_by_the_call = last["kind"] == "exit" && finished.stderr.contains("alive");
        assert!(killed_by_the_filter || killed_by_the_call || refused_by_the_call, "{number}: {finished:#?}");
        assert_eq!(json["partitions"][1]["last"]["status"], 0);
    }
}

#[test]
fn numbers_of_x32_and_numbers_beyond_every_table_die() {
    let x32 = [0, 1, 2, 3, 9, 10, 13, 39, 56, 57, 59, 62, 101, 512, 513, 520, 521, 540, 547];
    let x32 = x32.into_iter().chain(FOUR).map(|number| number | X32_BIT);
    let huge = [601, 1000, 65535, 65536, 0x3fff_ffff, 0x7fff_ffff, -1, -2, i64::from(i32::MIN)];
    let mut cases: Vec<Case> = x32.chain(huge).map(|number| Case::own(number, killed(number))).collect();
    // The kernel takes the lower half of the register for the number.
    cases.push(Case::own(1 << 32 | GETPID, killed(GETPID)));
    check(&cases);
}

#[test]
fn calls_through_the_32_bit_entry_die() {
    if !lives_unfenced(&["int80", "20"]) {
        return skip("this kernel has no 32-bit entry");
    }
    // exit, fork, read, write, open, execve, getpid, kill, rt_sigreturn, clone, ... and numbers that 64-bit code may use.
    let numbers =
        [1, 2, 3, 4, 5, 11, 20, 37, 120, 173, 0, 6, 7, 13, 15, 26, 38, 39, 45, 48, 54, 63, 67, 77, 85, 90, 91, 102];
    let more =
        [104, 114, 117, 119, 125, 136, 140, 172, 174, 190, 192, 202, 231, 238, 240, 243, 252, 270, 322, 358, 435, 600];
    let case = |number: i64| Case { way: "int80", ..Case::own(number, Fate::Killed { number, arch: AUDIT_ARCH_I386 }) };
    let cases: Vec<Case> = numbers.into_iter().chain(more).map(case).collect();
    assert_eq!(cases.len(), 50);
    check(&cases);
}

#[test]
fn the_shims_own_instruction_is_no_way_round() {
    let calls = [0, 1, 9, 10, 13, 39, 56, 57, 59, 62, 101, 186, 219, 234, 317, 425, 435, 600];
    let more = [X32_BIT | GETPID, X32_BIT | FUTEX, -1];
    let case = |number| Case { way: "shim", ..Case::own(number, Fate::KilledUnnamed) };
    check(&calls.into_iter().chain(more).map(case).collect::<Vec<_>>());
}

#[test]
fn futex_can_wait_and_wake_and_nothing_else() {
    let mut cases = Vec::new();
    // Null is no good address, but a call that fails is one that was let through.
    for operation in [0, 1, 128, 129] {
        cases.push(Case { arguments: vec![0, operation], ..Case::own(FUTEX, Fate::Lives) });
    }
    // FD to WAIT_REQUEUE_PI and LOCK_PI2, then some of them private, and WAIT by another clock.
    for operation in (2..=13).chain([128 | 6, 128 | 13, 256, 256 | 128 | 9]) {
        let arguments = vec![0, operation];
        cases.push(Case { arguments: arguments.clone(), ..Case::own(FUTEX, killed(FUTEX)) });
        cases.push(Case { way: "shim", arguments, ..Case::own(FUTEX, Fate::KilledUnnamed) });
    }
    check(&cases);
}

#[test]
fn setitimer_can_set_the_real_timer_and_no_other() {
    let mut cases = vec![Case { arguments: vec![0], ..Case::own(SETITIMER, Fate::Lives) }];
    for which in [1, 2, 3, u64::from(u32::MAX)] {
        let arguments = vec![which];
        cases.push(Case { arguments: arguments.clone(), ..Case::own(SETITIMER, killed(SETITIMER)) });
        cases.push(Case { way: "shim", arguments, ..Case::own(SETITIMER, Fate::KilledUnnamed) });
    }
    check(&cases);
}

/// A module of one partition with `f_call` and a peer, which runs in the background.
fn run_with_peer(folder: &Path, arguments: &str) -> Running {
    let more = format!("args = [{arguments}]\nhealth = {{ crash = \"idle\" }}");
    let partitions = [("one", guest("f_call"), more.as_str()), ("peer", example("hello-c"), "")];
    let partitions = partitions.each_ref().map(|(name, image, more)| (*name, image.as_path(), *more));
    let path = write_module(folder, &round_robin(&partitions, 5000, 0));
    let mut command = bulkhead();
    command.arg("run").arg("--json").arg(path);
    Running::start(command)
}

#[test]
fn the_vsyscall_page_is_no_way_round() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let finished = run_with_peer(folder.path(), "\"vsyscall\"").finish();
    let json = finished.json();
    let last = &json["partitions"][0]["last"];
    // A kernel that emulates the page asks the filter; on one without, it is an address like any other.
    let killed = last["kind"] == "forbidden_call";
    let faulted = last["kind"] == "crash" && last["signal"] == libc::SIGSEGV;
    assert!(killed || faulted, "{finished:#?}");
    assert_eq!(finished.code(), 1);
    assert_eq!(json["partitions"][1]["last"]["status"], 0);
}

#[test]
fn blocking_the_signal_does_not_help() {
    const SIGSYS_BIT: u64 = 1 << (libc::SIGSYS - 1);
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let running = run_with_peer(folder.path(), "\"blocked\", \"39\"");
    // That the forged frame works is half of the test.
    eventually("SIGSYS is blocked", || {
        let blocked = |&guest: &u32| {
            let mask = status_field(guest, "SigBlk").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
            mask.is_some_and(|mask| mask & SIGSYS_BIT != 0)
        };
        running::guests(running.pid()).iter().find(|guest| blocked(guest)).copied()
    });
    let finished = running.finish();
    let json = finished.json();
    let last = &json["partitions"][0]["last"];
    assert_eq!(last["kind"], "forbidden_call", "{finished:#?}");
    // The shim could not take a note of it. The last note that it took, of a call that is allowed, would be a lie.
    assert!(last["number"].is_null(), "{last:#}");
    assert!(!finished.stderr.contains("alive"), "{finished:#?}");
    assert_eq!(finished.code(), 1);
    assert_eq!(json["partitions"][1]["last"]["status"], 0);
}

/// Runs a guest that floods itself with timers beside a peer; true if neither lost a window. `None` where the dispatcher is no real-time
/// thread, which keeps no window for sure.
fn windows_survive_flood(way: &str) -> Option<bool> {
    const FRAMES: u64 = 100;
    let folder = tempfile::tempdir().expect("a folder");
    let (flood, idle) = (guest("f_timer"), guest("idle"));
    let more = format!("args = [\"{way}\"]");
    let path = write_module(folder.path(), &round_robin(&[("flood", &flood, &more), ("peer", &idle, "")], 4000, 2000));
    let mut command = bulkhead();
    command.args(["run", "--json", "--frames", &FRAMES.to_string()]).arg(&path);
    let finished = finish(command);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stderr.contains(&format!("flooding, {way}")), "{finished:#?}");
    let json = finished.json();
    let partitions = json["summary"]["partitions"].as_array().expect("partitions");
    let keeps_all = partitions.iter().all(|partition| {
        partition["windows"] == FRAMES && partition["vacant_windows"] == 0 && partition["unconfirmed_stops"] == 0
    });
    (json["real_time"] == true).then_some(keeps_all)
}

#[test]
fn a_flood_of_timers_is_the_flooders_own_affair() {
    let _alone = alone();
    for way in ["handled", "blocked"] {
        // A virtual machine that loses its processor for some milliseconds loses windows, and nobody in it can help that.
        let mut runs = (0..30).map(|_| windows_survive_flood(way));
        match runs.find(|kept| *kept != Some(false)) {
            Some(Some(_)) => {}
            Some(None) => skip("no right to real-time scheduling: nobody's windows are sure to be kept"),
            None => panic!("{way}: windows were lost in thirty runs"),
        }
    }
}

/// `f_call` as an ordinary program.
fn plain() -> PathBuf {
    static BUILT: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("gcc");
        command.args(["-std=gnu11", "-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-DPLAIN"]);
        command.arg(root().join("tests/guests/f_call.c"));
        command.args(["-static", "-no-pie", "-nostdlib", "-o"]).arg(folder.path().join("plain"));
        must(command);
        folder
    });
    folder.path().join("plain")
}

/// Whether the calls that are death to a guest leave an ordinary program alive.
fn lives_unfenced(arguments: &[&str]) -> bool {
    let mut command = Command::new(plain());
    command.args(arguments);
    finish(command).status.success()
}

#[test]
fn control_without_the_fence_the_same_calls_do_no_harm() {
    // getpid, sched_yield, getuid, x32 getpid, and numbers beyond every table.
    for number in ["39", "24", "102", "1073741863", "600", "2147483647", "-1"] {
        assert!(lives_unfenced(&["own", number]), "{number}");
    }
    assert!(!lives_unfenced(&["unknown"]), "a way that there is not");
}
