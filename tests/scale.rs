//! Sixty-four partitions in one module: they start within two seconds, the supervisor stays small, no window is lost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bulkhead::dispatch::policy::become_dispatcher;
use bulkhead::host::Cpus;
use bulkhead::partition::pin;
use nix::unistd::Pid;

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;

use common::{Finished, bulkhead, eventually, guest, round_robin, skip, write_module};
use running::{Running, alone, generation, guests, status_kb};

const PARTITIONS: usize = 64;
const FRAMES: u64 = 100;
/// Limits that the project promises.
const STARTUP_NS: u64 = 2_000_000_000;
const SUPERVISOR_KB: u64 = 40 << 10;

/// Runs the module; the number is the most memory that the supervisor had in use, in kB.
fn run(path: &Path) -> (Finished, u64) {
    let mut command = bulkhead();
    command.args(["run", "--json", "--frames", &FRAMES.to_string()]).arg(path);
    let running = Running::start(command);
    let mut peak_kb = 0;
    let mut most_guests = 0;
    // Until the supervisor has ended: a zombie has no memory.
    eventually("the end of the run", || {
        let found = guests(running.pid()).into_iter().filter(|&guest| generation(guest) == Some(1));
        most_guests = most_guests.max(found.count());
        match status_kb(running.pid(), "VmHWM") {
            Some(kb) => {
                peak_kb = kb;
                std::thread::sleep(std::time::Duration::from_millis(20));
                None
            }
            None => Some(()),
        }
    });
    assert_eq!(most_guests, PARTITIONS);
    (running.finish(), peak_kb)
}

/// A thread of a dispatcher's kind that sleeps on the same CPU, 250 µs at a time, and does nothing else: what keeps it from its CPU for a
/// window or longer keeps a dispatcher from it, too, and nobody in the machine can help that.
struct Control {
    over: Arc<AtomicBool>,
    sleeper: JoinHandle<Vec<Duration>>,
}

impl Control {
    const SLEEP: Duration = Duration::from_micros(250);

    fn start(cpu: u32) -> Control {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let sleeper = std::thread::spawn(move || {
            pin(Pid::from_raw(0), &[cpu]).expect("a CPU of this process");
            become_dispatcher();
            let mut late = Vec::new();
            while !until.load(Ordering::Relaxed) {
                let due = Instant::now() + Control::SLEEP;
                std::thread::sleep(Control::SLEEP);
                late.push(due.elapsed());
            }
            late
        });
        Control { over, sleeper }
    }

    /// How many windows of 1 ms the host may have cost: for each sleep that was late by more than half a window, those that fit into the
    /// delay, and the one in which it began and the one in which it ended.
    fn windows_lost(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        let late = self.sleeper.join().expect("the sleeper ends");
        let stalls = late.iter().filter(|late| **late > Duration::from_micros(500));
        stalls.map(|late| late.as_millis() as u64 + 2).sum()
    }
}

#[test]
fn sixty_four_partitions_start_quickly_stay_small_and_keep_every_window() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let idle = guest("idle");
    let names: Vec<String> = (0..PARTITIONS).map(|index| format!("partition-{index}")).collect();
    let partitions: Vec<(&str, &Path, &str)> = names.iter().map(|name| (name.as_str(), idle.as_path(), "")).collect();
    let cpu = Cpus::of_this_process().expect("CPUs").preferred[0];
    let text = round_robin(&partitions, 1000, 8000).replace("major_frame", &format!("cores = [{cpu}]\nmajor_frame"));
    let path = write_module(folder.path(), &text);

    // A machine that is busy otherwise starts slowly, so that promise has ten tries. A virtual one that loses its processor for some
    // milliseconds loses windows, as many as the control may. The others have one try.
    let mut trouble = Vec::new();
    for _ in 0..10 {
        let control = Control::start(cpu);
        let (finished, peak_kb) = run(&path);
        let excused = control.windows_lost();
        assert_eq!(finished.code(), 0, "{finished:#?}");
        let json = finished.json();
        let startup_ns = json["startup_ns"].as_u64().expect("a time");
        assert!(peak_kb > 0 && peak_kb < SUPERVISOR_KB, "the supervisor had {peak_kb} kB in use");

        let figures = json["summary"]["partitions"].as_array().expect("partitions").clone();
        assert_eq!(figures.len(), PARTITIONS);
        let number = |figures: &serde_json::Value, key: &str| figures[key].as_u64().expect("a number");
        let kept: u64 = figures.iter().map(|figures| number(figures, "windows")).sum();
        let vacant: u64 = figures.iter().map(|figures| number(figures, "vacant_windows")).sum();
        let lost = FRAMES * PARTITIONS as u64 - kept;
        eprintln!(
            "64 partitions: start-up {} ms, supervisor {peak_kb} kB, {lost} windows lost, {excused} excused by the host",
            startup_ns / 1_000_000
        );
        if lost <= excused && vacant == 0 && startup_ns < STARTUP_NS {
            return;
        }
        if json["real_time"] == false {
            return skip(
                "no right to real-time scheduling: the start-up and the windows are as good as the host lets them be",
            );
        }
        trouble.push((startup_ns, lost, excused, vacant));
    }
    panic!("in ten runs: nanoseconds of start-up, windows that were lost, excused, vacant: {trouble:?}");
}
