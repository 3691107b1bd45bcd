//! What fences a partition in, seen from outside, in /proc, while a module runs.
//!
//! One module serves most tests: three partitions that do nothing, one of them on a core of its own where the host has
//! two. Everything about their processes is written down once, and each test looks at one side of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;

use common::{bulkhead, eventually, guest, is_root, round_robin, skip, status_field, write_module};
use running::{Running, alone, stat_field};

const NAMES: [&str; 3] = ["one", "two", "three"];
/// In the supervisor's environment, and nowhere in a guest.
const SECRET: &str = "a-secret-in-the-environment";
/// An argument of every guest's, so that a search that finds no secret is known to find what there is.
const ARGUMENT: &str = "an-argument-for-the-guest";
/// The user that root's partitions become.
const NOBODY: &str = "65534";
const NAMESPACES: [(&str, i32); 6] = [
    ("user", libc::CLONE_NEWUSER),
    ("pid", libc::CLONE_NEWPID),
    ("mnt", libc::CLONE_NEWNS),
    ("net", libc::CLONE_NEWNET),
    ("ipc", libc::CLONE_NEWIPC),
    ("uts", libc::CLONE_NEWUTS),
];

/// A line of /proc/PID/maps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    rights: String,
    name: String,
}

/// What /proc says about one guest.
#[derive(Debug)]
struct Observed {
    pid: u32,
    status: BTreeMap<String, String>,
    descriptors: usize,
    limits: String,
    namespaces: BTreeMap<&'static str, String>,
    mappings: Vec<Mapping>,
    root: Vec<String>,
    mounts: Vec<String>,
    process_group: i64,
    session: i64,
    terminal: i64,
    policy: i32,
    knows_secret: bool,
    knows_argument: bool,
}

/// The run: its guests in the order of the partitions, and what the supervisor printed at the end.
#[derive(Debug)]
struct Run {
    guests: Vec<Observed>,
    json: serde_json::Value,
}

fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(observe)
}

fn observe() -> Run {
    let _alone = alone();
    let idle = guest("idle");
    let more = format!("stack = \"64 KiB\"\nargs = [\"{ARGUMENT}\"]");
    let second_core = format!("{more}\ncore = 1");
    let two_cores = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let last = if two_cores { second_core.as_str() } else { more.as_str() };
    let module = round_robin(
        &[(NAMES[0], &idle, more.as_str()), (NAMES[1], &idle, more.as_str()), (NAMES[2], &idle, last)],
        5000,
        5000,
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = write_module(folder.path(), &module);
    let mut command = bulkhead();
    command.arg("run").arg("--json").arg(path).env("BULKHEAD_TEST", SECRET);
    let running = Running::start(command);
    let guests = running.guests(NAMES.len()).into_iter().map(look_at).collect();
    let finished = running.interrupt();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    Run { guests, json: finished.json() }
}

fn look_at(pid: u32) -> Observed {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).expect(file);
    let list = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{pid}/{folder}")).expect(folder);
        entries.map(|entry| entry.expect(folder).file_name().to_string_lossy().into_owned()).collect()
    };
    let status = read("status");
    let status = status.lines().filter_map(|line| line.split_once(':'));
    let mappings: Vec<Mapping> = read("maps").lines().map(mapping).collect();
    let knows = |text: &str| mappings.iter().any(|mapping| contains(pid, mapping, text));
    Observed {
        pid,
        status: status.map(|(field, value)| (field.to_owned(), value.trim().to_owned())).collect(),
        descriptors: list("fd").len(),
        limits: read("limits"),
        namespaces: NAMESPACES.iter().map(|&(name, _)| (name, namespace(&pid.to_string(), name))).collect(),
        root: list("root/."),
        mounts: read("mountinfo").lines().map(str::to_owned).collect(),
        process_group: stat_field(pid, 5).expect("a process group"),
        session: stat_field(pid, 6).expect("a session"),
        terminal: stat_field(pid, 7).expect("a terminal"),
        // SAFETY: takes an integer.
        policy: unsafe { libc::sched_getscheduler(pid as i32) },
        knows_secret: knows(SECRET),
        knows_argument: knows(ARGUMENT),
        mappings,
    }
}

fn mapping(line: &str) -> Mapping {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (start, end) = fields[0].split_once('-').expect("a range");
    let number = |text| u64::from_str_radix(text, 16).expect("a hexadecimal number");
    let name = fields.get(5).copied().unwrap_or_default().to_owned();
    Mapping { start: number(start), end: number(end), rights: fields[1].to_owned(), name }
}

/// Whether a guest's memory contains the text.
fn contains(pid: u32, mapping: &Mapping, text: &str) -> bool {
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("the guest's memory");
    let mut bytes = vec![0; (mapping.end - mapping.start) as usize];
    // The kernel's own page at the top of the address space cannot be read.
    memory.read_exact_at(&mut bytes, mapping.start).is_ok()
        && bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn namespace(pid: &str, name: &str) -> String {
    let link = fs::read_link(format!("/proc/{pid}/ns/{name}")).expect("a namespace's link");
    link.to_string_lossy().into_owned()
}

/// Whether the host grants all namespaces to somebody who asks without Bulkhead.
fn host_grants_namespaces() -> bool {
    let all = NAMESPACES.iter().fold(0, |all, &(_, flag)| all | flag);
    let mut command = Command::new("true");
    // SAFETY: the closure makes a single system call.
    unsafe { command.pre_exec(move || nix::errno::Errno::result(libc::unshare(all)).map(drop).map_err(Into::into)) };
    command.status().is_ok_and(|status| status.success())
}

fn granted(fence: &str) -> bool {
    let fence = if fence == "mnt" { "mount" } else { fence };
    run().json["fences"][fence].as_bool().expect("a fence")
}

#[test]
fn seccomp_is_on_and_no_privilege_is_left() {
    for guest in &run().guests {
        let status = |field: &str| guest.status[field].as_str();
        assert_eq!(status("Seccomp"), "2");
        assert_eq!(status("NoNewPrivs"), "1");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(set), "0000000000000000", "{set} of {}", guest.pid);
        }
        assert_eq!(status("TracerPid"), "0");
        assert_eq!(status("Threads"), "1");
    }
}

#[test]
fn the_bounding_set_is_empty_where_it_can_be_emptied() {
    const CAP_SETPCAP: u32 = 8;
    let own = status_field(std::process::id(), "CapEff").expect("own capabilities");
    let own = u64::from_str_radix(&own, 16).expect("a hexadecimal number");
    // In a user namespace of its own, every process begins with all capabilities.
    if own >> CAP_SETPCAP & 1 == 0 && !granted("user") {
        return skip("without CAP_SETPCAP the bounding set stays as it is");
    }
    for guest in &run().guests {
        assert_eq!(guest.status["CapBnd"], "0000000000000000");
    }
}

#[test]
fn guests_of_root_are_not_root() {
    let own = |field| status_field(std::process::id(), field).expect("own ids");
    for guest in &run().guests {
        if is_root() {
            assert_eq!(guest.status["Uid"], [NOBODY; 4].join("\t"));
            assert_eq!(guest.status["Gid"], [NOBODY; 4].join("\t"));
            assert_eq!(guest.status["Groups"], "");
        } else {
            assert_eq!(guest.status["Uid"], own("Uid"));
            assert_eq!(guest.status["Gid"], own("Gid"));
        }
    }
}

#[test]
fn there_are_no_descriptors_and_there_is_no_room_for_any() {
    for guest in &run().guests {
        assert_eq!(guest.descriptors, 0);
        let limit = |name: &str| {
            let line = guest.limits.lines().find(|line| line.starts_with(name)).expect(name);
            line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        for name in ["Max open files", "Max processes", "Max file size", "Max locked memory", "Max msgqueue size"] {
            assert_eq!(limit(name), ["0", "0"], "{name}");
        }
    }
}

#[test]
fn granted_namespaces_are_each_partitions_own() {
    if host_grants_namespaces() {
        assert!(NAMESPACES.iter().all(|&(name, _)| granted(name)), "{:#}", run().json["fences"]);
    } else {
        skip("the host grants not every namespace; those that it grants are still looked at");
    }
    for (name, _) in NAMESPACES {
        let own = namespace("self", name);
        let theirs: Vec<&String> = run().guests.iter().map(|guest| &guest.namespaces[name]).collect();
        if granted(name) {
            let different: BTreeSet<&String> = theirs.iter().copied().chain([&own]).collect();
            assert_eq!(different.len(), NAMES.len() + 1, "{name}: own {own}, theirs {theirs:?}");
        } else {
            assert!(theirs.iter().all(|their| **their == own), "{name}: own {own}, theirs {theirs:?}");
        }
    }
}

#[test]
fn the_root_is_empty_and_read_only() {
    if !granted("mnt") {
        return skip("the host grants no mount namespaces");
    }
    for guest in &run().guests {
        assert!(guest.root.is_empty(), "{:?}", guest.root);
        let [mount] = guest.mounts.as_slice() else { panic!("not exactly one mount: {:#?}", guest.mounts) };
        let fields: Vec<&str> = mount.split_whitespace().collect();
        assert_eq!(fields[4], "/", "{mount}");
        for option in ["ro", "nosuid", "nodev", "noexec"] {
            assert!(fields[5].split(',').any(|set| set == option), "{option}: {mount}");
        }
        assert!(mount.contains("- tmpfs "), "{mount}");
    }
}

/// The mappings that the guest interface documents, for a partition with 64 KiB of RAM and a stack of 64 KiB.
const DOCUMENTED: [(u64, u64, &str); 5] = [
    (0x1000_0000_0000, 0x2_1000, "r--s"),
    (0x1000_1000_0000, 0x3_0000, "rw-s"),
    (0x1000_2000_0000, 0x1_0000, "rw-s"),
    (0x1000_4000_0000, 0x1_0000, "rw-s"),
    (0x2000_0000_0000, 0x1_0000, "rw-s"),
];

/// The pages of the image's loadable segments with their rights.
fn segments() -> Vec<(u64, u64, String)> {
    let bytes = fs::read(guest("idle")).expect("the image");
    let elf = goblin::elf::Elf::parse(&bytes).expect("an ELF file");
    let loaded = elf.program_headers.iter().filter(|header| header.p_type == goblin::elf::program_header::PT_LOAD);
    loaded
        .map(|header| {
            let right = |set, letter| if set { letter } else { '-' };
            let rights =
                [right(header.is_read(), 'r'), right(header.is_write(), 'w'), right(header.is_executable(), 'x'), 'p'];
            let end = (header.p_vaddr + header.p_memsz).next_multiple_of(4096);
            (header.p_vaddr & !4095, end, rights.iter().collect())
        })
        .collect()
}

#[test]
fn there_are_exactly_the_documented_mappings() {
    let segments = segments();
    for guest in &run().guests {
        // The vsyscall page, of which no process can rid itself; calling it is another test's.
        let own: Vec<&Mapping> = guest.mappings.iter().filter(|mapping| mapping.name != "[vsyscall]").collect();
        let (image, shared): (Vec<&Mapping>, Vec<&Mapping>) =
            own.into_iter().partition(|mapping| mapping.end <= 0x1000_0000_0000);
        let shared: Vec<(u64, u64, &str)> = shared
            .iter()
            .map(|mapping| (mapping.start, mapping.end - mapping.start, mapping.rights.as_str()))
            .collect();
        assert_eq!(shared, DOCUMENTED, "{:#x?}", guest.mappings);

        for mapping in &image {
            let of_a_segment = segments.iter().any(|(start, end, rights)| {
                *start <= mapping.start && mapping.end <= *end && *rights == mapping.rights
            });
            assert!(of_a_segment, "{mapping:x?} is of no segment of {segments:x?}");
        }
        let size = |ranges: Vec<(u64, u64)>| ranges.into_iter().map(|(start, end)| end - start).sum::<u64>();
        assert_eq!(
            size(image.iter().map(|mapping| (mapping.start, mapping.end)).collect()),
            size(segments.iter().map(|&(start, end, _)| (start, end)).collect())
        );
        for mapping in &guest.mappings {
            assert!(!(mapping.rights.contains('w') && mapping.rights.contains('x')), "{mapping:x?}");
            for unwanted in ["[vdso]", "[vvar", "[stack]", "[heap]"] {
                assert!(!mapping.name.starts_with(unwanted), "{mapping:x?}");
            }
        }
    }
}

#[test]
fn each_guest_has_a_session_of_its_own_without_a_terminal() {
    for guest in &run().guests {
        let pid = i64::from(guest.pid);
        assert_eq!((guest.session, guest.process_group, guest.terminal), (pid, pid, 0));
    }
}

#[test]
fn nothing_of_the_supervisors_signals_is_left() {
    // Those that are faults or virtual interrupts to the shim: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGALRM, SIGURG,
    // SIGSYS.
    let handled: u64 = [4, 5, 7, 8, 11, 14, 23, 31].iter().map(|signal| 1 << (signal - 1)).sum();
    for guest in &run().guests {
        assert_eq!(guest.status["SigBlk"], "0000000000000000");
        assert_eq!(guest.status["SigIgn"], "0000000000000000");
        assert_eq!(guest.status["SigCgt"], format!("{handled:016x}"));
    }
}

#[test]
fn each_guest_stays_on_its_core_under_the_policy_of_that_core() {
    let cores = run().json["summary"]["cores"].as_array().expect("cores");
    for (index, guest) in run().guests.iter().enumerate() {
        let core = run().json["summary"]["partitions"][index]["core"].as_u64().expect("a core");
        let place = cores.iter().position(|entry| entry["number"] == core).expect("the core");
        assert_eq!(guest.status["Cpus_allowed_list"], cores[place]["cpu"].to_string());
        let policy = match run().json["guest_policies"][place].as_str() {
            Some("fifo") => libc::SCHED_FIFO,
            _ => libc::SCHED_OTHER,
        };
        assert_eq!(guest.policy, policy);
    }
    if cores.len() > 1 {
        let different: BTreeSet<&str> = run().guests.iter().map(|g| g.status["Cpus_allowed_list"].as_str()).collect();
        assert_eq!(different.len(), 2);
    }
}

#[test]
fn nothing_of_the_supervisors_environment_is_in_a_guest() {
    for guest in &run().guests {
        assert!(guest.knows_argument, "the search finds nothing at all");
        assert!(!guest.knows_secret);
    }
}

/// What `f_where` prints in three starts of a run.
fn addresses() -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let more = "args = [\"-v\", \"3\"]\nhealth = { crash = \"cold_start\" }";
    let path = write_module(folder.path(), &round_robin(&[("where", &guest("f_where"), more)], 2000, 2000));
    let mut command = bulkhead();
    command.arg("run").arg(path);
    let running = Running::start(command);
    eventually("the third start has said all", || {
        let third = running.stdout().split("[where] code").nth(3).map(str::to_owned);
        third.filter(|third| third.contains("[where] area 4 ") && third.ends_with('\n'))
    });
    let finished = running.interrupt();
    let starts = finished.stdout.split("[where] code").skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(starts.len(), 3, "{finished:#?}");
    starts
}

#[test]
fn a_guest_finds_everything_at_the_same_address_in_every_start() {
    let _alone = alone();
    let starts: Vec<String> = addresses().into_iter().chain(addresses()).collect();
    for start in &starts {
        assert!(start.contains("area 1 200000000000 10000"), "{start}");
        assert_eq!(*start, starts[0]);
    }
}

#[test]
fn the_terminals_interrupt_reaches_the_supervisor_only() {
    let _alone = alone();
    let (mut master, mut slave) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: fills two integers; the other arguments may be null.
    let opened = unsafe { libc::openpty(&raw mut master, &raw mut slave, null, null.cast(), null.cast()) };
    if opened != 0 {
        return skip("the host grants no pseudo-terminal");
    }
    // SAFETY: the call has just made both descriptors for us.
    let (mut terminal, slave) = unsafe { (fs::File::from_raw_fd(master), fs::File::from_raw_fd(slave)) };

    let folder = tempfile::tempdir().expect("a folder");
    let idle = guest("idle");
    let path = write_module(folder.path(), &round_robin(&[("one", &idle, ""), ("two", &idle, "")], 2000, 2000));
    let mut command = bulkhead();
    command.arg("run").arg("--json").arg(path).stdin(Stdio::from(slave));
    // SAFETY: the closure makes system calls only.
    unsafe {
        command.pre_exec(|| {
            // The leader of a session of its own, whose terminal is the one on its standard input.
            libc::setsid();
            nix::errno::Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0)).map(drop).map_err(Into::into)
        });
    }
    let running = Running::start(command);
    running.guests(2);
    terminal.write_all(b"\x03").expect("the terminal takes a Ctrl-C");
    let finished = running.finish();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let json = finished.json();
    assert_eq!(json["ending"], "interrupted");
    for partition in json["summary"]["partitions"].as_array().expect("partitions") {
        assert_eq!(partition["crashes"], 0, "{partition:#}");
    }
}
