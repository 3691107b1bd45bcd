//! `bulkhead bench record`: what recording costs a dispatcher.
//!
//! Three things are on its path: putting events into the ring, asking the kernel how long it had to wait, and ringing the doorbell, so that
//! the guest stamps its first instant. The first two are timed by themselves, in batches. Then the windows of `bench window` run without a
//! recording and with one, in turns: the difference of the time from a guest's stop to the next one's continuation is the doorbell, and that of their
//! guests' first instructions is what a window pays in all.
//!
//! A guest pays for what its shim notes, and for the doorbell. The former is timed in a guest that does nothing else, with the switch on and off.

use std::path::PathBuf;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::bare::Bare;
use super::figure::{Figure, FineFigure, Samples, histogram};
use super::records::{Records, ps};
use super::window::{Windows, run_windows};
use super::{Failure, choose_cpu, host_cannot, show};
use crate::cli::HOST_CANNOT;
use crate::dispatch::TimeSource;
use crate::dispatch::clock::RealTime;
use crate::host::{self, Cpus};
use crate::record::event::{Event, Kind};
use crate::record::ring::ring;

const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/trace.elf"));
/// What a record of the guest holds, and things noted in one of its batches. guests/trace.rs has the same.
const NOTED: u64 = 1;
const READY: u64 = 2;
const NOTES: u64 = 1000;

/// Runs of windows without a recording, each next to one with a recording: a machine that becomes faster or slower meanwhile is not mistaken
/// for what recording costs.
const PAIRS: u32 = 20;
const BATCHES: usize = 2_000;
const BATCH: u64 = 500;
/// What a window records: its start, its end and at most a wait.
const EVENTS_PER_WINDOW: f64 = 3.0;
const WINDOW_NS: f64 = 1_000_000.0;

#[derive(Debug, Serialize)]
struct Report {
    /// Putting an event into the ring.
    event_ns: FineFigure,
    /// Asking the kernel how long the dispatcher had to wait.
    wait_ns: FineFigure,
    /// What it takes a guest to note something, with a recording: its clock's reading and the record.
    guest_event_ns: FineFigure,
    /// The same without one: a load and a branch.
    guest_event_without_ns: FineFigure,
    /// From a guest's confirmed stop to the next one's continuation, without a recording.
    begin_without_ns: Figure,
    /// The same, with one: the doorbell rings besides.
    begin_with_ns: Figure,
    /// What the dispatcher does for a recording, as a part of a window of 1 ms, in percent: three events, one question and one doorbell, at the
    /// medians.
    percent_of_1ms_window: f64,
    /// Planned start to the guest's first instruction, without a recording.
    start_without_ns: Figure,
    /// The same, with one: besides the dispatcher's events, the guest takes the doorbell's signal first.
    start_with_ns: Figure,
    /// By how much later guests came to their first instructions with a recording, as a part of a window of 1 ms, in percent; below 0 if they
    /// came sooner. The median of pairs of runs, of the difference of their medians.
    lost_percent_of_1ms_window: f64,
}

/// Runs the subcommand; the result is the exit status.
pub(in crate::cli) fn run(json: bool, windows: u32, cpu: Option<u32>) -> u8 {
    show(measure(windows, cpu), json, text)
}

fn measure(windows: u32, cpu: Option<u32>) -> Result<Report, Failure> {
    let (mut producer, mut consumer) = ring(1024);
    let kind = Kind::WindowEnd { frame: 1, planned_ns: 2, awake_ns: 3, requested_ns: 4, confirmed_ns: 5, first_ns: 6 };
    let event = Event { time_ns: 6, core: 0, partition: 0, kind };
    let event_ns = batches(|| producer.push(std::hint::black_box(&event)), || while consumer.pop().is_some() {});
    let mut time = RealTime::new().map_err(host_cannot)?;
    let wait_ns = batches(
        || {
            std::hint::black_box(time.waited_ns());
        },
        || (),
    );
    let cpus = Cpus::of_this_process().map_err(host_cannot)?;
    let cpu = choose_cpu(&cpus, cpu)?;
    let elsewhere = cpus.housekeeping(&[cpu]);
    let guest_event_ns = guest_events(cpu, &elsewhere, true)?;
    let guest_event_without_ns = guest_events(cpu, &elsewhere, false)?;
    let (mut without, mut with, mut lost_ns) = (Starts::new(), Starts::new(), Vec::new());
    for pair in 0..PAIRS {
        // Without, with, with, without, and so on.
        for records in [pair % 2 == 1, pair % 2 == 0] {
            let (starts, file) =
                if records { (&mut with, Some(PathBuf::from("/dev/null"))) } else { (&mut without, None) };
            starts.add(&run_windows(windows.div_ceil(PAIRS), cpu, file)?)?;
        }
        lost_ns.push(with.latest_ns as f64 - without.latest_ns as f64);
    }
    lost_ns.sort_by(f64::total_cmp);
    let (start_without_ns, begin_without_ns) = without.figures();
    let (start_with_ns, begin_with_ns) = with.figures();
    let doorbell_ns = begin_with_ns.p50.saturating_sub(begin_without_ns.p50) as f64;
    let percent_of_1ms_window = (EVENTS_PER_WINDOW * event_ns.p50 + wait_ns.p50 + doorbell_ns) / WINDOW_NS * 100.0;
    Ok(Report {
        event_ns,
        wait_ns,
        guest_event_ns,
        guest_event_without_ns,
        begin_without_ns,
        begin_with_ns,
        percent_of_1ms_window,
        lost_percent_of_1ms_window: lost_ns[lost_ns.len() / 2] / WINDOW_NS * 100.0,
        start_without_ns,
        start_with_ns,
    })
}

/// What becomes of the windows of several runs.
struct Starts {
    start: Histogram<u64>,
    begin: Histogram<u64>,
    /// The median of the latest run's starts.
    latest_ns: u64,
}

impl Starts {
    fn new() -> Starts {
        Starts { start: histogram(), begin: histogram(), latest_ns: 0 }
    }

    fn add(&mut self, windows: &Windows) -> Result<(), Failure> {
        self.latest_ns = windows.start.value_at_quantile(0.5);
        self.start.add(&windows.start).and_then(|()| self.begin.add(&windows.begin)).map_err(host_cannot)
    }

    fn figures(self) -> (Figure, Figure) {
        (self.start.into(), self.begin.into())
    }
}

/// Has a guest time what it takes to note something.
fn guest_events(cpu: u32, elsewhere: &[u32], traces: bool) -> Result<FineFigure, Failure> {
    let policy = host::real_time().guest_policy(1, 1);
    let mut guest = Bare::start(GUEST, cpu, elsewhere, policy, traces)?;
    let (mut records, mut samples) = (Records::default(), Samples::new());
    loop {
        match records.next(&mut guest)? {
            (NOTED, ticks) => samples.add_ps(ps(ticks, guest.mult) / NOTES),
            (READY, _) => return Ok(samples.into()),
            (what, _) => return Err((HOST_CANNOT, format!("the guest said {what}"))),
        }
    }
}

/// Times `work` in batches, with `between` untimed between them.
fn batches(mut work: impl FnMut(), mut between: impl FnMut()) -> FineFigure {
    let mut samples = Samples::new();
    for _ in 0..BATCHES {
        let begun = Instant::now();
        (0..BATCH).for_each(|_| work());
        samples.add_ps(begun.elapsed().as_nanos() as u64 * 1000 / BATCH);
        between();
    }
    samples.into()
}

fn text(report: &Report) -> String {
    let fine = |name: &str, figure: &FineFigure| {
        format!("{name:42} p50 {:>8.1}   p99 {:>8.1}   max {:>8.1}\n", figure.p50, figure.p99, figure.max)
    };
    let coarse = |name: &str, figure: &Figure| {
        let us = |ns: u64| ns as f64 / 1000.0;
        format!("{name:42} p50 {:>8.1}   p99 {:>8.1}   max {:>8.1}\n", us(figure.p50), us(figure.p99), us(figure.max))
    };
    [
        "Recording, on the dispatcher's path, in ns (batches of 500)\n".to_owned(),
        fine("  an event into the ring", &report.event_ns),
        fine("  asking the kernel for waits", &report.wait_ns),
        format!("  {:.3} % of a window of 1 ms\n", report.percent_of_1ms_window),
        "In a guest, in ns (batches of 1000)\n".to_owned(),
        fine("  a thing that it notes, with a recording", &report.guest_event_ns),
        fine("  the same without a recording", &report.guest_event_without_ns),
        "A guest's stop to the next one's continuation, in µs\n".to_owned(),
        coarse("  without a recording", &report.begin_without_ns),
        coarse("  with a recording", &report.begin_with_ns),
        "Planned start to the guest's first instruction, in µs\n".to_owned(),
        coarse("  without a recording", &report.start_without_ns),
        coarse("  with a recording", &report.start_with_ns),
        format!("  {:+.3} % of a window of 1 ms\n", report.lost_percent_of_1ms_window),
    ]
    .concat()
}
