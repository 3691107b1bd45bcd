//! `bulkhead bench window`: how punctually windows begin and end.
//!
//! Two guests spin in alternating windows of 1 ms on one core and note, by the time-stamp counter, the last instant of
//! each window and the first of the next. What they say is set against the schedule's absolute instants. The baseline
//! comes from the same core in the same run, half of it before and half after: a thread of the dispatchers' priority that
//! sleeps to absolute instants and does nothing else, once with the core idle and once with an ordinary thread spinning
//! there, since waking an idle core takes longer than interrupting a busy one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use hdrhistogram::Histogram;
use nix::unistd::Pid;
use serde::Serialize;

use super::figure::{Figure, histogram};
use super::{Failure, choose_cpu, host_cannot, show};
use crate::cli::HOST_CANNOT;
use crate::config::module::{Core, DEFAULT_LIMITS, ONLY_SCHEDULE, Start};
use crate::config::{Module, Partition, PartitionId, Window};
use crate::dispatch::clock::{now_ns, plain_sleep_until};
use crate::dispatch::policy::{GuestPolicy, become_dispatcher};
use crate::health::{ModuleTable, Storm, Table};
use crate::host::{self, Cpus};
use crate::partition::{Fences, Guest, pin};
use crate::record::event::Kind;
use crate::supervise::{self, ConsoleMode, Options, Outcome};

const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/edge.elf"));
const WINDOW_NS: u64 = 1_000_000;
const FRAME_NS: u64 = 2 * WINDOW_NS;
/// Size of a guest's record: epoch, end of the old window, start of the new one.
const RECORD: usize = 24;

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    /// From a window's planned start to the guest's first instruction in it.
    start_lateness_ns: Figure,
    /// From a window's planned end to the guest's last instruction in it; 0 if that came before.
    end_overrun_ns: Figure,
    /// From the request to stop to its confirmation.
    stop_confirm_ns: Figure,
    /// A bare sleep to an absolute instant on the same core at the same priority, the core being idle.
    timer_baseline_ns: Figure,
    /// The same with an ordinary thread spinning on the core, as a guest does.
    timer_baseline_busy_ns: Figure,
    /// Windows that did not run.
    windows_skipped: u64,
    cpu: u32,
    real_time: bool,
    guest_policy: GuestPolicy,
    window_ns: u64,
    host: std::collections::BTreeMap<String, String>,
}

/// Runs the subcommand; the result is the exit status.
pub(in crate::cli) fn run(json: bool, windows: u32, cpu: Option<u32>) -> u8 {
    show(measure(windows, cpu), json, text)
}

/// What the windows of one run were like.
pub(super) struct Windows {
    /// From a window's planned start to the guest's first instruction in it.
    pub(super) start: Histogram<u64>,
    end: Histogram<u64>,
    confirm: Histogram<u64>,
    /// From the confirmed stop of the guest before to the continuation of the next.
    pub(super) begin: Histogram<u64>,
    outcome: Outcome,
}

fn measure(windows: u32, cpu: Option<u32>) -> Result<Report, Failure> {
    let cpus = Cpus::of_this_process().map_err(host_cannot)?;
    let cpu = choose_cpu(&cpus, cpu)?;
    let (mut idle, mut busy) = (histogram(), histogram());
    let half = u64::from(windows) / 2;
    baseline(cpu, half, &mut idle, &mut busy);
    let Windows { start, end, confirm, outcome, .. } = run_windows(windows, cpu, None)?;
    baseline(cpu, half, &mut idle, &mut busy);
    let windows_run: u64 = outcome.summary.partitions.iter().map(|partition| partition.windows).sum();
    Ok(Report {
        start_lateness_ns: start.into(),
        end_overrun_ns: end.into(),
        stop_confirm_ns: confirm.into(),
        timer_baseline_ns: idle.into(),
        timer_baseline_busy_ns: busy.into(),
        windows_skipped: (2 * frames(windows)).saturating_sub(windows_run),
        cpu,
        real_time: outcome.real_time,
        guest_policy: outcome.guest_policies.first().copied().unwrap_or(GuestPolicy::Ordinary),
        window_ns: WINDOW_NS,
        host: host::facts(),
    })
}

/// Major frames that hold so many windows.
fn frames(windows: u32) -> u64 {
    u64::from(windows).div_ceil(2) + 1
}

/// Runs windows on `cpu`, with or without a recording.
pub(super) fn run_windows(windows: u32, cpu: u32, record: Option<PathBuf>) -> Result<Windows, Failure> {
    let guest = Guest::from_bytes(Path::new("edge"), GUEST.to_vec()).map_err(host_cannot)?;
    let guest = Arc::new(guest);
    let module = module(cpu);
    let (records, printed) = channel();
    let (tap, events) = channel();
    let options = Options {
        frames: Some(frames(windows)),
        duration: None,
        record,
        console: ConsoleMode::Capture(records),
        require_rt: false,
        console_on_stderr: true,
        quiet: true,
        fences: Fences::ALL,
        stop_on_start_ns: None,
        tap: Some(tap),
        control: None,
        debug: None,
        virtual_time: None,
    };
    let outcome = supervise::run(&module, vec![Arc::clone(&guest), guest], &options).map_err(host_cannot)?;
    // Dropped with the options: nothing more comes.
    drop(options);

    let mut streams = [Vec::new(), Vec::new()];
    for (id, bytes) in printed {
        streams[id.index()].extend_from_slice(&bytes);
    }
    let (mut start, mut end, mut confirm) = (histogram(), histogram(), histogram());
    for (index, stream) in streams.iter().enumerate() {
        for record in stream.chunks_exact(RECORD) {
            let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| record[at + byte]));
            let Edges { start_lateness_ns, end_overrun_ns } = edges(index as u64, word(0), word(8), word(16));
            start.saturating_record(start_lateness_ns);
            end.saturating_record(end_overrun_ns);
        }
    }
    let (mut begin, mut stopped_ns) = (histogram(), 0);
    for event in events {
        match event.kind {
            Kind::WindowEnd { requested_ns, confirmed_ns, .. } if confirmed_ns > 0 => {
                confirm.saturating_record(confirmed_ns.saturating_sub(requested_ns));
                stopped_ns = confirmed_ns;
            }
            Kind::WindowStart { awake_ns, continued_ns, .. } if stopped_ns >= awake_ns => {
                begin.saturating_record(continued_ns.saturating_sub(stopped_ns));
            }
            _ => {}
        }
    }
    if start.is_empty() {
        return Err((HOST_CANNOT, "the guests noted no window".to_owned()));
    }
    Ok(Windows { start, end, confirm, begin, outcome })
}

struct Edges {
    start_lateness_ns: u64,
    end_overrun_ns: u64,
}

/// Sets what a guest noted against the schedule, in which partition `index` has the `index`th window of every frame.
///
/// Both are far less than half a frame off, so the planned instants need no counting of frames.
fn edges(index: u64, epoch: u64, end: u64, start: u64) -> Edges {
    let planned_start = epoch + index * WINDOW_NS;
    let planned_end = planned_start + WINDOW_NS;
    let start_lateness_ns = start.saturating_sub(planned_start) % FRAME_NS;
    // Half a frame earlier, so that an end shortly before the planned one does not look like one a frame late.
    let half = FRAME_NS / 2;
    let end_overrun_ns = ((end + half).saturating_sub(planned_end) % FRAME_NS).saturating_sub(half);
    Edges { start_lateness_ns, end_overrun_ns }
}

fn module(cpu: u32) -> Module {
    let window = |index: u16| Window {
        partition: PartitionId(index),
        start_ns: u64::from(index) * WINDOW_NS,
        duration_ns: WINDOW_NS,
    };
    let partition = |name: &str| Partition {
        name: name.to_owned(),
        image: "edge".into(),
        memory_bytes: 64 << 10,
        stack_bytes: 64 << 10,
        args: Vec::new(),
        core: 0,
        start: Start::Cold,
        stdin: false,
        health: Table::default(),
        period_ns: None,
        duration_ns: None,
        may_switch_schedule: false,
        apex: DEFAULT_LIMITS,
    };
    Module {
        name: "bench".to_owned(),
        major_frame_ns: FRAME_NS,
        cores: vec![Core { number: 0, cpu, windows: vec![window(0), window(1)], alternatives: Vec::new() }],
        partitions: vec![partition("a"), partition("b")],
        late_after_ns: WINDOW_NS,
        overrun_after_ns: WINDOW_NS,
        storm: Storm::default(),
        channels: Vec::new(),
        blocks: Vec::new(),
        health: ModuleTable::default(),
        schedules: vec![ONLY_SCHEDULE.to_owned()],
    }
}

/// Adds `count` bare sleeps with the core idle, and as many with a thread spinning there.
fn baseline(cpu: u32, count: u64, idle: &mut Histogram<u64>, busy: &mut Histogram<u64>) {
    sleep_and_measure(cpu, count, idle);
    let stop = Arc::new(AtomicBool::new(false));
    let spinner = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let _ = pin(Pid::from_raw(0), &[cpu]);
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        })
    };
    sleep_and_measure(cpu, count, busy);
    stop.store(true, Ordering::Relaxed);
    // It cannot panic.
    let _ = spinner.join();
}

fn sleep_and_measure(cpu: u32, count: u64, into: &mut Histogram<u64>) {
    let sleeper = std::thread::spawn(move || {
        let _ = pin(Pid::from_raw(0), &[cpu]);
        become_dispatcher();
        let mut late = Vec::with_capacity(count as usize);
        let mut instant = now_ns() + WINDOW_NS;
        for _ in 0..count {
            while now_ns() < instant {
                plain_sleep_until(instant);
            }
            let now = now_ns();
            late.push(now - instant);
            // After a long delay the next instant lies in the future again.
            instant += WINDOW_NS * (1 + (now - instant) / WINDOW_NS);
        }
        late
    });
    for late in sleeper.join().unwrap_or_default() {
        into.saturating_record(late);
    }
}

fn text(report: &Report) -> String {
    let mut out = format!("{:32}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "µs", "p50", "p99", "p99.9", "max", "count");
    let rows = [
        ("window starts late by", &report.start_lateness_ns),
        ("window ends late by", &report.end_overrun_ns),
        ("stop confirmed after", &report.stop_confirm_ns),
        ("bare sleep ends late by, idle", &report.timer_baseline_ns),
        ("bare sleep ends late by, busy", &report.timer_baseline_busy_ns),
    ];
    for (name, figure) in rows {
        let us = |ns: u64| format!("{:.1}", ns as f64 / 1000.0);
        out += &format!(
            "{name:32}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
            us(figure.p50),
            us(figure.p99),
            us(figure.p999),
            us(figure.max),
            figure.count
        );
    }
    let over = |a: u64, b: u64| (a as f64 - b as f64) / 1000.0;
    out += &format!(
        "\nover the busy baseline: p50 {:+.1} µs, p99 {:+.1} µs; CPU {}, dispatcher {}, guests {:?}, {} of {} windows skipped\n",
        over(report.start_lateness_ns.p50, report.timer_baseline_busy_ns.p50),
        over(report.start_lateness_ns.p99, report.timer_baseline_busy_ns.p99),
        report.cpu,
        if report.real_time { "real-time" } else { "not real-time" },
        report.guest_policy,
        report.windows_skipped,
        report.windows_skipped + report.stop_confirm_ns.count,
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_measured_against_the_schedule() {
        let epoch = 5_000_000;
        // The second partition's window of frame 3 began 20 µs late, and its last one ended 1 µs late.
        let planned = epoch + 3 * FRAME_NS + WINDOW_NS;
        let edges_of = |end, start| {
            let Edges { start_lateness_ns, end_overrun_ns } = edges(1, epoch, end, start);
            (start_lateness_ns, end_overrun_ns)
        };
        assert_eq!(edges_of(planned - WINDOW_NS + 1000, planned + 20_000), (20_000, 1000));
        // A window that ended before its planned end did not overrun.
        assert_eq!(edges_of(planned - WINDOW_NS - 300, planned + 20_000), (20_000, 0));
    }
}
