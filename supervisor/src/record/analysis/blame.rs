//! Why a window started late: its lateness, taken apart.
//!
//! The time from a window's planned start to its partition's continuation has up to four phases, whose ends the dispatcher
//! noted: it was still busy with the boundary before; it woke up; it stopped the partition before; it continued this one.
//! They add up to the lateness by construction. Within a phase, [`Evidence`] decides whose fault the time was, and what
//! nothing speaks for is called *unknown*. This is all pure, and knows nothing of files.

use serde::Serialize;

/// A stop that takes no longer than this, in nanoseconds, is the ordinary price of a boundary.
pub const ORDINARY_STOP_NS: u64 = 100_000;
/// A continuation that takes no longer than this, in nanoseconds, is the ordinary price of a boundary.
pub const ORDINARY_CONTINUE_NS: u64 = 100_000;
/// A wake-up that takes no longer than this, in nanoseconds, is blamed on the timer when nothing else is known.
pub const ORDINARY_WAKE_NS: u64 = 500_000;
/// A way from the continuation to the guest's first instruction that takes no longer than this, in nanoseconds, is the ordinary price of a
/// window.
pub const ORDINARY_ENTRY_NS: u64 = 100_000;

/// Why time was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// From the timer's instant to the dispatcher's first instruction, with nothing else in the way.
    TimerWakeUp,
    /// The dispatcher was ready to run, and the core ran something else: a thread of higher priority, an interrupt.
    CoreTaken,
    /// The core served interrupts.
    Interrupts,
    /// The hypervisor gave the CPU to somebody else.
    Steal,
    /// A control group had used up its share of the CPU.
    Throttling,
    /// Somebody had stopped the supervisor.
    SupervisorStopped,
    /// The guest before took long to stop.
    OverrunBefore,
    /// The guest before did not stop at all within the time allowed.
    StopNotConfirmed,
    /// The guest before waited for a page.
    PageFault,
    /// Stopping the guest before, at its ordinary price.
    Stop,
    /// Continuing the partition, at its ordinary price.
    Continue,
    /// From there to the guest's first instruction, at its ordinary price.
    Entry,
    /// Nothing that was recorded explains it.
    Unknown,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 13] = [
        Cause::TimerWakeUp,
        Cause::CoreTaken,
        Cause::Interrupts,
        Cause::Steal,
        Cause::Throttling,
        Cause::SupervisorStopped,
        Cause::OverrunBefore,
        Cause::StopNotConfirmed,
        Cause::PageFault,
        Cause::Stop,
        Cause::Continue,
        Cause::Entry,
        Cause::Unknown,
    ];

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::TimerWakeUp => "timer wake-up",
            Cause::CoreTaken => "core taken by another thread or an interrupt",
            Cause::Interrupts => "interrupts on the core",
            Cause::Steal => "CPU stolen by the hypervisor",
            Cause::Throttling => "control group throttled",
            Cause::SupervisorStopped => "supervisor was stopped",
            Cause::OverrunBefore => "the guest before overran",
            Cause::StopNotConfirmed => "stop of the guest before not confirmed",
            Cause::PageFault => "page fault of the guest before",
            Cause::Stop => "stopping the guest before",
            Cause::Continue => "continuing the partition",
            Cause::Entry => "reaching its first instruction",
            Cause::Unknown => "unknown",
        }
    }
}

/// The instants that a window's start consists of, in nanoseconds of CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instants {
    /// When the window was to start.
    pub planned_ns: u64,
    /// Until when the dispatcher was busy with the boundary before; 0 if not known.
    pub busy_until_ns: u64,
    /// When the dispatcher awoke.
    pub awake_ns: u64,
    /// When the stop of the partition before was confirmed, if one was stopped at this boundary.
    pub stop: Option<Stop>,
    /// When the partition had been continued.
    pub continued_ns: u64,
    /// When the guest ran first; 0 if that is not known.
    pub first_ns: u64,
}

impl Instants {
    /// When the window had started, as far as is known: the guest's first instruction, or the partition's continuation.
    pub fn started_ns(&self) -> u64 {
        self.continued_ns.max(self.first_ns)
    }
}

/// How the partition before stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At this instant.
    Confirmed(u64),
    /// Not within the time allowed.
    Unconfirmed,
}

/// What else is known of the time in which a window started late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    /// How long the dispatcher was ready to run but did not.
    pub waited_ns: u64,
    /// Until when the supervisor had been stopped; 0 if it was not.
    pub resumed_ns: u64,
    /// CPU time that the hypervisor took, in the kernel's coarse ticks.
    pub steal_ns: u64,
    /// How long the supervisor's control group was throttled.
    pub throttled_ns: u64,
    /// How long the core's guests were ready to run but did not.
    pub guest_waited_ns: u64,
    /// Pages that the core's guests waited for.
    pub major_faults: u64,
    /// Pages that the core's guests touched for the first time.
    pub minor_faults: u64,
    /// How long the core served interrupts, in the kernel's coarse ticks.
    pub interrupted_ns: u64,
    /// How many interrupts that were.
    pub interrupts: u64,
}

/// A part of a lateness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Whose fault it was.
    pub cause: Cause,
    /// How much, in nanoseconds.
    pub ns: u64,
}

/// How late the window started, in nanoseconds.
pub fn lateness_ns(instants: &Instants) -> u64 {
    instants.started_ns().saturating_sub(instants.planned_ns)
}

/// The lateness in shares, largest first; they add up to it. `before` is the main cause of the boundary before.
pub fn blame(instants: &Instants, evidence: &Evidence, before: Cause) -> Vec<Share> {
    let mut shares = Shares::default();
    let end = instants.continued_ns.max(instants.planned_ns);
    let clamp = |at: u64, least: u64| at.clamp(least, end);
    let awake = clamp(instants.awake_ns, instants.planned_ns);
    let busy = instants.busy_until_ns.clamp(instants.planned_ns, awake);
    let stopped = match instants.stop {
        Some(Stop::Confirmed(at)) => clamp(at, awake),
        Some(Stop::Unconfirmed) => end,
        None => awake,
    };
    let (wake, stop, go) = (awake - busy, stopped - awake, end - stopped);
    shares.add(before, busy - instants.planned_ns);
    // The wait is one number for the whole boundary: where most time was lost, it was most likely spent.
    let mut left = *evidence;
    if stop > wake {
        stop_phase(&mut shares, stop, instants.stop, &mut left);
        wake_phase(&mut shares, wake, busy, &mut left);
    } else {
        wake_phase(&mut shares, wake, busy, &mut left);
        stop_phase(&mut shares, stop, instants.stop, &mut left);
    }
    if go <= ORDINARY_CONTINUE_NS {
        shares.add(Cause::Continue, go);
    } else {
        let rest = shares.take(Cause::Throttling, go, &mut left.throttled_ns);
        let rest = waited(&mut shares, rest, &mut left.waited_ns, &mut left.interrupted_ns);
        let rest = taken_from_outside(&mut shares, rest, &mut left);
        shares.add(Cause::Unknown, rest);
    }
    entry_phase(&mut shares, instants.started_ns().saturating_sub(end), &mut left);
    shares.sorted()
}

fn wake_phase(shares: &mut Shares, ns: u64, from_ns: u64, evidence: &mut Evidence) {
    let mut stopped = evidence.resumed_ns.saturating_sub(from_ns);
    let rest = shares.take(Cause::SupervisorStopped, ns, &mut stopped);
    let rest = shares.take(Cause::Throttling, rest, &mut evidence.throttled_ns);
    let rest = waited(shares, rest, &mut evidence.waited_ns, &mut evidence.interrupted_ns);
    if rest <= ORDINARY_WAKE_NS {
        // The kernel counts what was stolen in steps of 1 to 10 ms: too coarse to speak about so little.
        shares.add(Cause::TimerWakeUp, rest);
    } else {
        let rest = taken_from_outside(shares, rest, evidence);
        let cause = if rest <= ORDINARY_WAKE_NS { Cause::TimerWakeUp } else { Cause::Unknown };
        shares.add(cause, rest);
    }
}

/// Time in which somebody was ready to run and did not. The run queue does not tell a thread from a soft interrupt; the kernel's ticks know
/// of the latter, too coarsely to speak about little.
fn waited(shares: &mut Shares, ns: u64, waited_ns: &mut u64, interrupted_ns: &mut u64) -> u64 {
    let wait_ns = ns.min(*waited_ns);
    *waited_ns -= wait_ns;
    let taken_ns =
        if wait_ns <= ORDINARY_WAKE_NS { wait_ns } else { shares.take(Cause::Interrupts, wait_ns, interrupted_ns) };
    shares.add(Cause::CoreTaken, taken_ns);
    ns - wait_ns
}

/// What nobody's run queue shows: the hypervisor, and interrupts. Both are counted in coarse ticks.
fn taken_from_outside(shares: &mut Shares, ns: u64, evidence: &mut Evidence) -> u64 {
    let rest = shares.take(Cause::Steal, ns, &mut evidence.steal_ns);
    shares.take(Cause::Interrupts, rest, &mut evidence.interrupted_ns)
}

/// The dispatcher has gone to sleep, and the guest is ready to run.
fn entry_phase(shares: &mut Shares, ns: u64, evidence: &mut Evidence) {
    if ns <= ORDINARY_ENTRY_NS {
        return shares.add(Cause::Entry, ns);
    }
    let rest = shares.take(Cause::Throttling, ns, &mut evidence.throttled_ns);
    let rest = waited(shares, rest, &mut evidence.guest_waited_ns, &mut evidence.interrupted_ns);
    if rest <= ORDINARY_ENTRY_NS {
        return shares.add(Cause::Entry, rest);
    }
    let rest = taken_from_outside(shares, rest, evidence);
    let cause = if rest <= ORDINARY_ENTRY_NS { Cause::Entry } else { Cause::Unknown };
    shares.add(cause, rest);
}

fn stop_phase(shares: &mut Shares, ns: u64, stop: Option<Stop>, evidence: &mut Evidence) {
    if ns <= ORDINARY_STOP_NS && stop != Some(Stop::Unconfirmed) {
        return shares.add(Cause::Stop, ns);
    }
    let rest = shares.take(Cause::Throttling, ns, &mut evidence.throttled_ns);
    // Whichever of the two had to wait, the core ran neither; the two waits are of the same time, and count once.
    let both_ns = evidence.waited_ns.max(evidence.guest_waited_ns);
    let mut left = both_ns;
    let rest = waited(shares, rest, &mut left, &mut evidence.interrupted_ns);
    evidence.waited_ns = evidence.waited_ns.saturating_sub(both_ns - left);
    evidence.guest_waited_ns = evidence.guest_waited_ns.saturating_sub(both_ns - left);
    let cause = match stop {
        Some(Stop::Unconfirmed) => Cause::StopNotConfirmed,
        _ if rest <= ORDINARY_STOP_NS => Cause::Stop,
        _ if evidence.major_faults > 0 => Cause::PageFault,
        _ => Cause::OverrunBefore,
    };
    shares.add(cause, rest);
}

#[derive(Debug, Default)]
struct Shares(Vec<Share>);

impl Shares {
    fn add(&mut self, cause: Cause, ns: u64) {
        if ns == 0 {
            return;
        }
        match self.0.iter_mut().find(|share| share.cause == cause) {
            Some(share) => share.ns += ns,
            None => self.0.push(Share { cause, ns }),
        }
    }

    /// Blames as much of `ns` as there is evidence for, uses that up, and returns the rest.
    fn take(&mut self, cause: Cause, ns: u64, evidence_ns: &mut u64) -> u64 {
        let taken = ns.min(*evidence_ns);
        *evidence_ns -= taken;
        self.add(cause, taken);
        ns - taken
    }

    fn sorted(mut self) -> Vec<Share> {
        self.0.sort_by_key(|share| (std::cmp::Reverse(share.ns), share.cause));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synth::Random;

    const BASE: u64 = 1_000_000_000;

    fn instants(busy: u64, awake: u64, stop: Option<u64>, continued: u64) -> Instants {
        Instants {
            planned_ns: BASE,
            busy_until_ns: BASE + busy,
            awake_ns: BASE + awake,
            stop: stop.map(|at| if at == 0 { Stop::Unconfirmed } else { Stop::Confirmed(BASE + at) }),
            continued_ns: BASE + continued,
            first_ns: 0,
        }
    }

    fn main_cause(instants: &Instants, evidence: Evidence) -> Cause {
        blame(instants, &evidence, Cause::Unknown)[0].cause
    }

    #[test]
    fn an_ordinary_start_costs_a_wake_up_a_stop_and_a_continuation() {
        let shares = blame(&instants(0, 29_000, Some(43_000), 48_000), &Evidence::default(), Cause::Unknown);
        let expected = [(Cause::TimerWakeUp, 29_000), (Cause::Stop, 14_000), (Cause::Continue, 5_000)];
        assert_eq!(shares, expected.map(|(cause, ns)| Share { cause, ns }));
    }

    #[test]
    fn each_piece_of_evidence_gets_the_time_it_speaks_for_and_no_more() {
        let late = instants(0, 5_000_000, Some(5_014_000), 5_020_000);
        let nothing = Evidence::default();
        assert_eq!(main_cause(&late, nothing), Cause::Unknown);
        assert_eq!(main_cause(&late, Evidence { waited_ns: 4_900_000, ..nothing }), Cause::CoreTaken);
        assert_eq!(main_cause(&late, Evidence { steal_ns: 10_000_000, ..nothing }), Cause::Steal);
        assert_eq!(main_cause(&late, Evidence { interrupted_ns: 10_000_000, ..nothing }), Cause::Interrupts);
        assert_eq!(main_cause(&late, Evidence { throttled_ns: 5_000_000, ..nothing }), Cause::Throttling);
        assert_eq!(main_cause(&late, Evidence { resumed_ns: BASE + 4_990_000, ..nothing }), Cause::SupervisorStopped);
        // A wait that the kernel's ticks saw interrupts in is theirs, as far as that goes; but ticks do not speak about little.
        let both = |waited_ns| Evidence { waited_ns, interrupted_ns: 4_000_000, ..nothing };
        let shares = blame(&late, &both(4_900_000), Cause::Unknown);
        assert_eq!(shares[0], Share { cause: Cause::Interrupts, ns: 4_000_000 });
        assert_eq!(shares[1], Share { cause: Cause::CoreTaken, ns: 900_000 });
        let soon = instants(0, 450_000, None, 455_000);
        assert_eq!(main_cause(&soon, both(400_000)), Cause::CoreTaken);
        let shares = blame(&late, &Evidence { waited_ns: 4_700_000, ..nothing }, Cause::Unknown);
        assert_eq!(shares[0], Share { cause: Cause::CoreTaken, ns: 4_700_000 });
        assert_eq!(shares[1], Share { cause: Cause::TimerWakeUp, ns: 300_000 });
    }

    #[test]
    fn the_way_to_the_first_instruction_is_the_last_part() {
        let to = |first: u64| Instants { first_ns: BASE + first, ..instants(0, 29_000, None, 34_000) };
        let nothing = Evidence::default();
        let shares = blame(&to(45_000), &nothing, Cause::Unknown);
        assert_eq!(shares[1], Share { cause: Cause::Entry, ns: 11_000 });
        assert_eq!(shares.iter().map(|share| share.ns).sum::<u64>(), 45_000);
        // The guest was ready, and the core ran something else.
        assert_eq!(main_cause(&to(3_034_000), Evidence { guest_waited_ns: 2_990_000, ..nothing }), Cause::CoreTaken);
        assert_eq!(main_cause(&to(3_034_000), Evidence { steal_ns: 10_000_000, ..nothing }), Cause::Steal);
        assert_eq!(main_cause(&to(3_034_000), nothing), Cause::Unknown);
    }

    #[test]
    fn a_slow_stop_is_the_guests_unless_it_could_not_run() {
        let slow = instants(0, 30_000, Some(2_030_000), 2_035_000);
        let nothing = Evidence::default();
        assert_eq!(main_cause(&slow, nothing), Cause::OverrunBefore);
        assert_eq!(main_cause(&slow, Evidence { guest_waited_ns: 1_990_000, ..nothing }), Cause::CoreTaken);
        assert_eq!(main_cause(&slow, Evidence { major_faults: 3, ..nothing }), Cause::PageFault);
        assert_eq!(main_cause(&instants(0, 30_000, Some(0), 2_035_000), nothing), Cause::StopNotConfirmed);
    }

    #[test]
    fn what_the_boundary_before_took_is_blamed_on_its_cause() {
        let shares = blame(&instants(80_000, 81_000, None, 85_000), &Evidence::default(), Cause::OverrunBefore);
        assert_eq!(shares[0], Share { cause: Cause::OverrunBefore, ns: 80_000 });
    }

    #[test]
    fn shares_add_up_to_the_lateness_whatever_the_numbers() {
        let mut random = Random::new(6);
        for _ in 0..200_000 {
            let mut at = |most: u64| BASE - 1_000 + random.below(most);
            let instants = Instants {
                planned_ns: BASE,
                busy_until_ns: at(5_000_000),
                awake_ns: at(5_000_000),
                stop: match at(9) % 3 {
                    0 => None,
                    1 => Some(Stop::Unconfirmed),
                    _ => Some(Stop::Confirmed(at(9_000_000))),
                },
                continued_ns: at(9_000_000),
                first_ns: match at(3) % 3 {
                    0 => 0,
                    _ => at(12_000_000),
                },
            };
            let mut some = || if random.below(2) == 0 { 0 } else { random.below(6_000_000) };
            let evidence = Evidence {
                waited_ns: some(),
                resumed_ns: BASE + some(),
                steal_ns: some(),
                throttled_ns: some(),
                guest_waited_ns: some(),
                major_faults: some(),
                minor_faults: some(),
                interrupted_ns: some(),
                interrupts: some(),
            };
            let shares = blame(&instants, &evidence, Cause::Unknown);
            let sum: u64 = shares.iter().map(|share| share.ns).sum();
            assert_eq!(sum, lateness_ns(&instants), "{instants:?} {evidence:?} {shares:?}");
            assert!(shares.iter().all(|share| share.ns > 0));
        }
    }
}
