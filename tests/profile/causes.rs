//! Causes that are brought about are found under their names; each next to a control without it.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::bulkhead_with;
use super::page::{data, judged};
use crate::common::{bulkhead, eventually, guest, is_root, round_robin, skip, wait, write_module};
use crate::running::alone;

/// Runs in which a cause that is found in one of two at the least is to be found once.
const ATTEMPTS: u32 = 20;

/// Lateness in milliseconds that late windows owe to a cause, and how many windows it is the main cause of.
pub(super) fn blamed(profile: &Value, cause: &str) -> (u64, u64) {
    let total = profile["causes"].as_array().unwrap().iter().find(|total| total["cause"] == cause);
    total.map_or((0, 0), |total| {
        (total["late_ns"].as_u64().unwrap() / 1_000_000, total["late_windows"].as_u64().unwrap())
    })
}

/// Runs two guests for a second in windows of 20 ms, lets `disturb` do its work with the supervisor's pid and the CPU, and
/// returns the profile, in which whatever is later than 2 ms is late.
fn profile(disturb: impl FnOnce(i32, usize)) -> Value {
    profile_by("start=2ms", disturb).0
}

/// The same by a budget, and with the windows as CSV.
pub(super) fn profile_by(budget: &str, disturb: impl FnOnce(i32, usize)) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let spin = guest("spin");
    // Some time is left for the kernel's safeguards, so that guests may be real-time as far as the host has that.
    let module = write_module(folder.path(), &round_robin(&[("a", &spin, ""), ("b", &spin, "")], 20_000, 10_000));
    let recording = folder.path().join("x.rec");
    let _core = alone();
    let mut command = bulkhead();
    command.args(["run", "-q", "--for", "2500ms", "--record"]).arg(&recording).arg(&module);
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let cpu = eventually("the recording begins", || cpu_of(&recording));
    disturb(child.id() as i32, cpu);
    let run = wait(child);
    assert!(!run.stderr.contains("panicked"), "{run:#?}");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (recording, page, csv) = (path("x.rec"), path("x.html"), path("x.csv"));
    let report = bulkhead_with(&["report", &recording, "--budget", budget, "--html", &page, "--csv", &csv]);
    assert!([0, 1].contains(&report.code()), "{report:#?}");
    (data(&std::fs::read_to_string(page).unwrap()), std::fs::read_to_string(csv).unwrap())
}

/// The CPU of the only core, once some windows have been recorded.
fn cpu_of(recording: &Path) -> Option<usize> {
    let bytes = std::fs::read(recording).ok()?;
    let length = u32::from_le_bytes(bytes.get(12..16)?.try_into().ok()?) as usize;
    let header: Value = serde_json::from_slice(bytes.get(16..16 + length)?).ok()?;
    // The low half of an event's first word is its kind, and 3 is a window's end.
    let ends = bytes[16 + length..].chunks_exact(64).filter(|event| event[..2] == [3, 0]).count();
    if ends < 6 {
        return None;
    }
    header["cores"][0]["cpu"].as_u64().map(|cpu| cpu as usize)
}

#[test]
fn a_stopped_supervisor() {
    let control = profile(|_, _| ());
    assert_eq!(blamed(&control, "supervisor_stopped"), (0, 0));
    let stops = |pid, _| {
        for _ in 0..12 {
            kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
            std::thread::sleep(Duration::from_millis(27));
            kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
            std::thread::sleep(Duration::from_millis(60));
        }
    };
    // Whether a stop covers the beginning of a window is chance.
    let mut worst = Vec::new();
    for _ in 0..ATTEMPTS {
        let found = profile(stops);
        let (ms, windows) = blamed(&found, "supervisor_stopped");
        if ms > 10 && windows >= 1 {
            return;
        }
        worst.push(found["worst"].clone());
    }
    panic!("{worst:#?}");
}

/// Keeps the calling thread to a CPU, with a real-time priority; false if the host does not allow that.
pub(super) fn be_real_time(cpu: usize, priority: i32) -> bool {
    let mut set = CpuSet::new();
    set.set(cpu).unwrap();
    sched_setaffinity(Pid::from_raw(0), &set).unwrap();
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: reads a structure that lives on this stack.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) == 0 }
}

/// Spins on a CPU at a real-time priority for 12 ms, so many times; false if the host does not allow that.
pub(super) fn hog(cpu: usize, priority: i32, times: u32) -> bool {
    let hog = move || {
        if !be_real_time(cpu, priority) {
            return false;
        }
        for _ in 0..times {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(12) {}
            std::thread::sleep(Duration::from_millis(41));
        }
        true
    };
    std::thread::spawn(hog).join().unwrap()
}

#[test]
fn a_thread_of_higher_priority() {
    if !is_root() {
        return skip("no right to real-time scheduling");
    }
    // Whether it takes the core at the beginning of a window is chance, and so is what else does; that it does so in none of many runs
    // by more than without it is none.
    let mut worst = Vec::new();
    for _ in 0..ATTEMPTS {
        let control = profile(|_, _| ());
        let mut could = true;
        let found = profile(|_, cpu| could = hog(cpu, 99, 12));
        if !could {
            return skip("no right to real-time scheduling");
        }
        let ((ms, windows), (before_ms, before)) = (blamed(&found, "core_taken"), blamed(&control, "core_taken"));
        if ms > before_ms + 10 && windows > before + 1 {
            return;
        }
        worst.push(((ms, windows), (before_ms, before), found["worst"].clone()));
    }
    panic!("{worst:#?}");
}

/// A control group; removing it needs it to be empty, which it is once the run has ended.
pub(super) struct Group(std::path::PathBuf);

impl Group {
    /// A group below `parent`, if this process may make one there.
    pub(super) fn below(parent: &str) -> Option<Group> {
        let path = Path::new(parent).join(format!("bulkhead-test-{}", std::process::id()));
        std::fs::create_dir(&path).ok()?;
        Some(Group(path))
    }

    fn with_a_quota() -> Option<Group> {
        let group = Group::below("/sys/fs/cgroup/cpu")?;
        // Whatever else runs on the machine, it shall be the quota that the group waits for.
        group.set("cpu.shares", "200000")?;
        group.set("cpu.cfs_period_us", "100000")?;
        group.set("cpu.cfs_quota_us", "20000")?;
        Some(group)
    }

    /// Writes one of its files.
    pub(super) fn set(&self, file: &str, value: &str) -> Option<()> {
        std::fs::write(self.0.join(file), value).ok()
    }

    /// Whether it has such a file.
    pub(super) fn has(&self, file: &str) -> bool {
        self.0.join(file).exists()
    }

    /// Where processes enter it.
    pub(super) fn procs(&self) -> std::path::PathBuf {
        self.0.join("cgroup.procs")
    }
}

/// A run of `module` for two seconds by a supervisor that has written its number to `procs` before anything else.
pub(super) fn run_in(procs: &Path, recording: &Path, module: &Path) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", r#"echo $$ >"$0" && exec "$@""#]).arg(procs);
    command
        .arg(env!("CARGO_BIN_EXE_bulkhead"))
        .args(["run", "-q", "--for", "2s", "--record"])
        .arg(recording)
        .arg(module);
    command
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// In a group of the first version of control groups, real-time scheduling is not to be had, so the dispatcher is throttled
/// with everything else.
#[test]
fn a_throttled_core() {
    let Some(group) = Group::with_a_quota() else { return skip("no right to make a control group with a quota") };
    let folder = tempfile::tempdir().unwrap();
    let spin = guest("spin");
    let module = write_module(folder.path(), &round_robin(&[("a", &spin, ""), ("b", &spin, "")], 20_000, 10_000));
    let blamed_in = |procs: &Path| {
        let recording = folder.path().join("x.rec");
        let _core = alone();
        let run = crate::common::finish(run_in(procs, &recording, &module));
        assert!(recording.exists(), "{run:#?}");
        let profile = judged(&recording, "start=2ms");
        (blamed(&profile, "throttling"), profile)
    };
    let (control, _) = blamed_in(Path::new("/dev/null"));
    assert_eq!(control, (0, 0));
    // Whether the quota runs out in the middle of windows or between them is chance, and so is what the
    // samples around a window can tell apart.
    let mut worst = Vec::new();
    for _ in 0..ATTEMPTS {
        let ((ms, windows), profile) = blamed_in(&group.procs());
        if ms > 20 && windows > 2 {
            return;
        }
        worst.push(profile["worst"].clone());
    }
    panic!("{worst:#?}");
}
