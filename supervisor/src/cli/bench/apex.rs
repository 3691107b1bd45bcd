//! `bulkhead bench apex`: what processes of the ARINC 653 executive cost to switch.
//!
//! A guest has a CPU for itself, without windows; all processes are in it, so what is measured is the executive and nothing
//! of the supervisor. The C library's swapcontext is measured in the same run on the same CPU, in a thread of this process,
//! half of it before the guest and half after, since a machine's speed changes with time.

use serde::Serialize;

use super::bare::Bare;
use super::context::swapcontext_switches;
use super::figure::{FineFigure, Samples};
use super::records::{Records, ps};
use super::{Failure, choose_cpu, host_cannot, show};
use crate::cli::HOST_CANNOT;
use crate::dispatch::policy::GuestPolicy;
use crate::host::{self, Cpus};
use crate::partition::pin;

const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/apex.elf"));

/// What a record of the guest holds. guests/apex.rs has the same.
const SWITCH: u64 = 1;
const SEMAPHORE: u64 = 2;
const EVENT: u64 = 3;
const BUFFER: u64 = 4;
const BLACKBOARD: u64 = 5;
const CALL: u64 = 6;
const END: u64 = 7;
/// Round trips in one of the guest's batches.
const TRIPS: u64 = 100;

/// The result. Everything is the mean over a batch of 100 round trips; the distributions are of batches.
#[derive(Debug, Serialize)]
struct Report {
    /// From one process to another of the same priority: TIMED_WAIT(0), half a round trip.
    switch_ns: FineFigure,
    /// A service that changes nothing: GET_MY_ID.
    service_ns: FineFigure,
    /// SIGNAL_SEMAPHORE brings a process on that waits; it signals another semaphore and waits again; WAIT_SEMAPHORE there. Two
    /// switches.
    semaphore_round_trip_ns: FineFigure,
    /// The same with SET_EVENT, WAIT_EVENT and RESET_EVENT on both sides.
    event_round_trip_ns: FineFigure,
    /// The same with a message of 64 bytes through a buffer each way.
    buffer_round_trip_ns: FineFigure,
    /// The same with DISPLAY_, READ_ and CLEAR_BLACKBOARD on both sides, and messages of 64 bytes.
    blackboard_round_trip_ns: FineFigure,
    /// One swapcontext between two contexts of a thread of this process.
    swapcontext_ns: FineFigure,
    /// p50 of `switch_ns` divided by that of `swapcontext_ns`.
    switch_ratio: f64,
    /// Where all of it ran.
    cpu: u32,
    guest_policy: GuestPolicy,
    host: std::collections::BTreeMap<String, String>,
}

/// Runs the subcommand; the result is the exit status.
pub(in crate::cli) fn run(json: bool, cpu: Option<u32>) -> u8 {
    show(measure(cpu), json, text)
}

fn measure(cpu: Option<u32>) -> Result<Report, Failure> {
    let cpus = Cpus::of_this_process().map_err(host_cannot)?;
    let cpu = choose_cpu(&cpus, cpu)?;
    let elsewhere = cpus.housekeeping(&[cpu]);
    let guest_policy = host::real_time().guest_policy(1, 1);
    if !elsewhere.is_empty() {
        pin(nix::unistd::Pid::from_raw(0), &elsewhere).map_err(host_cannot)?;
    }
    // In ticks for now: how long one is, the guest's clock says.
    let before = swapcontext_switches(cpu, |ticks| ticks * 1000);
    let mut taken: [Samples; 7] = std::array::from_fn(|_| Samples::new());
    let mult = {
        let mut guest = Bare::start(GUEST, cpu, &elsewhere, guest_policy, false)?;
        let mut records = Records::default();
        loop {
            let (what, ticks) = records.next(&mut guest)?;
            // A round trip by TIMED_WAIT is two switches.
            let trips = if what == SWITCH { 2 * TRIPS } else { TRIPS };
            match taken.get_mut(what as usize) {
                Some(samples) => samples.add_ps(ps(ticks, guest.mult) / trips),
                None if what == END => break,
                None => return Err((HOST_CANNOT, format!("the guest said {what}"))),
            }
        }
        guest.mult
    };
    let after = swapcontext_switches(cpu, |ticks| ticks * 1000);
    let swapcontext = FineFigure::from(Samples::merged(&before, &after, |ticks| ps(ticks, mult) / 1000));
    let mut figure = |what: u64| FineFigure::from(std::mem::replace(&mut taken[what as usize], Samples::new()));
    let switch = figure(SWITCH);
    if switch.count == 0 || swapcontext.count == 0 {
        return Err((HOST_CANNOT, "nothing was measured".to_owned()));
    }
    Ok(Report {
        switch_ratio: switch.p50 / swapcontext.p50,
        switch_ns: switch,
        service_ns: figure(CALL),
        semaphore_round_trip_ns: figure(SEMAPHORE),
        event_round_trip_ns: figure(EVENT),
        buffer_round_trip_ns: figure(BUFFER),
        blackboard_round_trip_ns: figure(BLACKBOARD),
        swapcontext_ns: swapcontext,
        cpu,
        guest_policy,
        host: host::facts(),
    })
}

fn text(report: &Report) -> String {
    let mut out = format!("{:34}{:>10}{:>10}{:>10}{:>10}{:>9}\n", "ns", "min", "p50", "p99", "max", "batches");
    let rows = [
        ("a service that changes nothing", report.service_ns),
        ("process switch", report.switch_ns),
        ("swapcontext", report.swapcontext_ns),
        ("semaphore round trip", report.semaphore_round_trip_ns),
        ("event round trip", report.event_round_trip_ns),
        ("buffer round trip, 64 B", report.buffer_round_trip_ns),
        ("blackboard round trip, 64 B", report.blackboard_round_trip_ns),
    ];
    for (name, figure) in rows {
        let FineFigure { min, p50, p99, max, count } = figure;
        out += &format!("{name:34}{min:>10.1}{p50:>10.1}{p99:>10.1}{max:>10.1}{count:>9}\n");
    }
    out += &format!(
        "\nat p50 a switch takes {:.2} times a swapcontext; CPU {}, guest {:?}\n",
        report.switch_ratio, report.cpu, report.guest_policy
    );
    out
}
