//! `bulkhead bench record`: what recording costs a dispatcher.
//!
//! Three things are on its path: putting events into the ring, asking the kernel how long it had to wait, and ringing the doorbell, so that
//! the guest stamps its first instant. The first two are timed by themselves, in batches. Then the windows of `bench window` run without a
//! recording and with one: the difference of the time from a guest's stop to the next one's continuation is the doorbell, and that of their
//! guests' first instructions is what a window pays in all.
//!
//! A guest pays for what its shim notes. That is timed here, outside a guest, with the same code: a reading of the clock and a record.

use std::path::PathBuf;
use std::time::Instant;

use bulkhead_abi::trace::{Entry, Kind as Traced, put};
use serde::Serialize;

use super::figure::{Figure, FineFigure, Samples};
use super::raw::ticks;
use super::{Failure, host_cannot, show, window};
use crate::dispatch::TimeSource;
use crate::dispatch::real::RealTime;
use crate::partition::Memory;
use crate::record::event::{Event, Kind};
use crate::record::ring::ring;

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
    /// Reading a guest's clock and putting a record into its trace, on memory like a partition's.
    guest_event_ns: FineFigure,
    /// From a guest's confirmed stop to the next one's continuation, without a recording.
    begin_without_ns: Figure,
    /// The same, with one: the doorbell rings besides.
    begin_with_ns: Figure,
    /// What the dispatcher does for a recording, as a part of a window of 1 ms, in percent: three events, one question and one doorbell, at the
    /// medians.
    percent_of_1ms_window: f64,
    /// Planned start to the guest's first instruction, without a recording.
    start_without_ns: Figure,
    /// The same, with one.
    start_with_ns: Figure,
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
    let guest_event_ns = guest_events()?;
    let (start_without_ns, begin_without_ns) = window::starts(windows, cpu, None)?;
    let (start_with_ns, begin_with_ns) = window::starts(windows, cpu, Some(PathBuf::from("/dev/null")))?;
    let doorbell_ns = begin_with_ns.p50.saturating_sub(begin_without_ns.p50) as f64;
    let percent_of_1ms_window = (EVENTS_PER_WINDOW * event_ns.p50 + wait_ns.p50 + doorbell_ns) / WINDOW_NS * 100.0;
    Ok(Report {
        event_ns,
        wait_ns,
        guest_event_ns,
        begin_without_ns,
        begin_with_ns,
        percent_of_1ms_window,
        start_without_ns,
        start_with_ns,
    })
}

/// Times what the shim does for an event.
fn guest_events() -> Result<FineFigure, Failure> {
    let memory = Memory::new(1 << 16, 1 << 14).map_err(host_cannot)?;
    let (clock, producer, records) = (memory.clock(), memory.trace_producer(), memory.trace_records());
    let event = || {
        let (scale, _) = clock.read();
        let time_ns = scale.ns(ticks());
        put(producer, records, Entry { time_ns, kind: Traced::InterruptEntered as u32, number: 1, sequence: 0 });
    };
    Ok(batches(event, || ()))
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
        fine("  an event in a guest's trace", &report.guest_event_ns),
        format!("  {:.3} % of a window of 1 ms\n", report.percent_of_1ms_window),
        "A guest's stop to the next one's continuation, in µs\n".to_owned(),
        coarse("  without a recording", &report.begin_without_ns),
        coarse("  with a recording", &report.begin_with_ns),
        "Planned start to the guest's first instruction, in µs\n".to_owned(),
        coarse("  without a recording", &report.start_without_ns),
        coarse("  with a recording", &report.start_with_ns),
    ]
    .concat()
}
