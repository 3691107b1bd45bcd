//! `bulkhead bench irq`: what virtual interrupts cost.
//!
//! A guest has a CPU for itself, without windows, and this process rings its doorbell from another CPU, as the supervisor
//! does. What Linux offers an ordinary process is measured in the same run on the same CPU: half of it before and half after
//! where two processes are compared, since a machine's speed changes with time.
//!
//! All instants are readings of the time-stamp counter, which is the same on all CPUs of the hosts that `doctor` calls good.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::bare::Bare;
use super::figure::{FineFigure, Samples};
use super::raw::{RawProcess, sigprocmask_pairs, ticks};
use super::records::{Records, ps};
use super::{Failure, choose_cpu, host_cannot, show};
use crate::cli::HOST_CANNOT;
use crate::dispatch::policy::GuestPolicy;
use crate::host::{self, Cpus};
use crate::partition::pin;

const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/irq.elf"));

/// What a record of the guest holds. guests/irq.rs has the same.
const MASK: u64 = 1;
const TICK: u64 = 2;
const IDLE: u64 = 3;
const READY: u64 = 4;
const RAISED: u64 = 5;
/// Pairs in one of the guest's batches.
const PAIRS: u64 = 1000;
/// The line that the guest waits for.
const LINE: u32 = 3;
/// Time between two interrupts, for the interrupted process to be in its loop again.
const PAUSE: Duration = Duration::from_micros(50);

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    /// `bh_irq_disable` and `bh_irq_enable` with nothing pending, in the guest: batches of 1000 pairs, divided.
    mask_pair_ns: FineFigure,
    /// A thread that blocks all signals and restores its mask: batches of 100 pairs of pthread_sigmask, divided.
    sigprocmask_pair_ns: FineFigure,
    /// From just before another CPU raises a line and rings to the first statement of the guest's handler; the guest was in
    /// a loop, with interrupts unmasked.
    raise_to_handler_ns: FineFigure,
    /// From just before another CPU sends a signal to the first statement of an ordinary process' handler for it; the process
    /// was in a loop.
    raw_signal_ns: FineFigure,
    /// What one tick of a periodic timer of 1 ms takes from the code that it interrupts: the distance of the readings of the
    /// clock before and after it. The handler counts; the timer is set for the next tick.
    tick_cost_ns: FineFigure,
    /// From a deadline to the return of `bh_idle` that a one-shot for it ended; the guest had slept for about 300 µs.
    idle_wakeup_ns: FineFigure,
    /// p50 of `sigprocmask_pair_ns` divided by that of `mask_pair_ns`.
    mask_ratio: f64,
    /// p50 of `raise_to_handler_ns` divided by that of `raw_signal_ns`.
    raise_ratio: f64,
    /// The guest's CPU.
    cpu: u32,
    /// Whether this process had another CPU to ring from. If not, both figures contain a change of process.
    other_cpu: bool,
    guest_policy: GuestPolicy,
    host: std::collections::BTreeMap<String, String>,
}

/// Runs the subcommand; the result is the exit status.
pub(in crate::cli) fn run(json: bool, count: u32, cpu: Option<u32>) -> u8 {
    show(measure(count, cpu), json, text)
}

fn measure(count: u32, cpu: Option<u32>) -> Result<Report, Failure> {
    let cpus = Cpus::of_this_process().map_err(host_cannot)?;
    let cpu = choose_cpu(&cpus, cpu)?;
    let elsewhere = cpus.housekeeping(&[cpu]);
    let guest_policy = host::real_time().guest_policy(1, 1);
    // First of all, while this process has one thread.
    let mut raw_process = RawProcess::start(cpu, guest_policy)?;
    if !elsewhere.is_empty() {
        pin(nix::unistd::Pid::from_raw(0), &elsewhere).map_err(host_cannot)?;
    }
    let half = count / 2;
    let mut raw_ticks = Vec::new();
    kick(&mut raw_process, half, &mut raw_ticks)?;
    raw_process.signal(libc::SIGSTOP)?;

    let mut inside = Inside::new();
    let mult = {
        let mut guest = Bare::start(GUEST, cpu, &elsewhere, guest_policy, false)?;
        inside.listen(&mut guest)?;
        for _ in 0..count {
            pause();
            let before = ticks();
            guest.raise(LINE)?;
            let after = inside.next(&mut guest, RAISED)?;
            inside.raised.add_ps(ps(after.saturating_sub(before), guest.mult));
        }
        guest.mult
    };

    raw_process.signal(libc::SIGCONT)?;
    kick(&mut raw_process, count - half, &mut raw_ticks)?;
    drop(raw_process);
    let mut raw = Samples::new();
    for ticks in raw_ticks {
        raw.add_ps(ps(ticks, mult));
    }
    let sigprocmask = sigprocmask_pairs(cpu, move |ticks| ps(ticks, mult));
    if [&sigprocmask, &raw].iter().any(|samples| samples.is_empty()) {
        return Err((HOST_CANNOT, "nothing was measured".to_owned()));
    }
    let (mask, sigprocmask) = (FineFigure::from(inside.mask), FineFigure::from(sigprocmask));
    let (raised, raw) = (FineFigure::from(inside.raised), FineFigure::from(raw));
    Ok(Report {
        mask_ratio: ratio(sigprocmask, mask),
        raise_ratio: ratio(raised, raw),
        mask_pair_ns: mask,
        sigprocmask_pair_ns: sigprocmask,
        raise_to_handler_ns: raised,
        raw_signal_ns: raw,
        tick_cost_ns: inside.tick.into(),
        idle_wakeup_ns: inside.idle.into(),
        cpu,
        other_cpu: !elsewhere.is_empty(),
        guest_policy,
        host: host::facts(),
    })
}

fn ratio(a: FineFigure, b: FineFigure) -> f64 {
    if b.p50 > 0.0 { a.p50 / b.p50 } else { 0.0 }
}

fn kick(process: &mut RawProcess, count: u32, into: &mut Vec<u64>) -> Result<(), Failure> {
    for _ in 0..count {
        pause();
        into.push(process.kick()?);
    }
    Ok(())
}

fn pause() {
    let begun = Instant::now();
    while begun.elapsed() < PAUSE {
        std::hint::spin_loop();
    }
}

/// What the guest says.
struct Inside {
    records: Records,
    mask: Samples,
    tick: Samples,
    idle: Samples,
    raised: Samples,
}

impl Inside {
    fn new() -> Inside {
        let [mask, tick, idle, raised] = [(); 4].map(|()| Samples::new());
        Inside { records: Records::default(), mask, tick, idle, raised }
    }

    /// The value of the next record, which must be this.
    fn next(&mut self, guest: &mut Bare, wanted: u64) -> Result<u64, Failure> {
        match self.records.next(guest)? {
            (what, value) if what == wanted => Ok(value),
            (what, _) => Err((HOST_CANNOT, format!("the guest said {what} instead of {wanted}"))),
        }
    }

    /// Takes all that the guest measures by itself.
    fn listen(&mut self, guest: &mut Bare) -> Result<(), Failure> {
        let mult = guest.mult;
        loop {
            match self.records.next(guest)? {
                (MASK, ticks) => self.mask.add_ps(ps(ticks, mult) / PAIRS),
                (TICK, ticks) => self.tick.add_ps(ps(ticks, mult)),
                (IDLE, ns) => self.idle.add_ps(ns * 1000),
                (READY, _) => return Ok(()),
                (what, _) => return Err((HOST_CANNOT, format!("the guest said {what}"))),
            }
        }
    }
}

fn text(report: &Report) -> String {
    let mut out = format!("{:34}{:>10}{:>10}{:>10}{:>10}{:>9}\n", "ns", "min", "p50", "p99", "max", "count");
    let rows = [
        ("mask and unmask", report.mask_pair_ns),
        ("two calls of sigprocmask", report.sigprocmask_pair_ns),
        ("raised to handler", report.raise_to_handler_ns),
        ("signal to an ordinary handler", report.raw_signal_ns),
        ("a tick takes", report.tick_cost_ns),
        ("idle ends after the deadline by", report.idle_wakeup_ns),
    ];
    for (name, figure) in rows {
        let ns = |ns: f64| if ns < 100.0 { format!("{ns:.2}") } else { format!("{ns:.0}") };
        out += &format!(
            "{name:34}{:>10}{:>10}{:>10}{:>10}{:>9}\n",
            ns(figure.min),
            ns(figure.p50),
            ns(figure.p99),
            ns(figure.max),
            figure.count
        );
    }
    out += &format!(
        "\nat p50: masking {:.0} times below sigprocmask, raising {:.2} times a signal; CPU {}, guest {:?}{}\n",
        report.mask_ratio,
        report.raise_ratio,
        report.cpu,
        report.guest_policy,
        if report.other_cpu { "" } else { ", rung from the same CPU" },
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_picoseconds() {
        // 2.5 GHz: 400 ps a tick.
        let mult = ((2u128 << 32) / 5) as u64;
        assert_eq!(ps(1000, mult), 399_999);
        // An hour of ticks does not overflow on the way.
        assert_eq!(ps(9_000_000_000_000, mult) / 1_000_000_000_000, 3599);
    }

    #[test]
    fn ratios_are_of_medians() {
        let figure = |p50| FineFigure { min: 0.0, p50, p99: 9.0, max: 9.0, count: 1 };
        assert_eq!(ratio(figure(6.0), figure(4.0)), 1.5);
        assert_eq!(ratio(figure(6.0), figure(0.0)), 0.0);
    }
}
