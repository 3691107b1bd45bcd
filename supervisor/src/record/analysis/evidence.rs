//! What the host's counters say about the time around each window, matched to the windows as a recording is read.
//!
//! A window's evidence is the growth of the counters from the last sample before its planned start to the first one after
//! its start. So a window has to wait for a sample that the recording brings later, and for its own end, which tells when its guest ran
//! first; until then it is *pending*.

use std::collections::{HashMap, VecDeque};

use super::blame::{Evidence, Instants, ORDINARY_WAKE_NS};
use crate::record::event::{Interrupts, Sample};

/// Samples that are remembered: more than a second's worth, for windows that start that late or last that long.
const SAMPLES: usize = 256;
/// Windows that may wait for a sample; where nobody took samples, none comes.
const PENDING: usize = 4096;
/// How long the main thread, which is an ordinary one, may take to notice that the supervisor goes on, in nanoseconds.
const NOTICE_NS: u64 = 20_000_000;

/// A window that waits for its evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending<T> {
    /// Whatever the caller wants back.
    pub(super) what: T,
    /// When the window started.
    pub(super) instants: Instants,
    /// How long the dispatcher waited for the core.
    pub(super) waited_ns: u64,
    /// Nothing more is to be learnt of its start: it has ended, or another one has begun.
    pub(super) settled: bool,
}

/// Sources of interrupts whose counts one sample may have; a recording may say anything.
const SOURCES: usize = 1024;

/// By how much the counts of sources have grown.
type Moved = Vec<(u16, u64)>;

/// The samples of one core, and the windows that wait for one.
#[derive(Debug)]
pub(super) struct Matcher<T> {
    samples: VecDeque<(u64, Sample, Interrupts, Moved)>,
    /// What the recording said last.
    interrupts: Interrupts,
    /// The same by source.
    sources: HashMap<u16, u64>,
    /// What has grown since the last sample.
    moved: Moved,
    pending: VecDeque<Pending<T>>,
    /// When the supervisor went on, after it had been stopped.
    resumed_ns: u64,
}

impl<T> Matcher<T> {
    /// A matcher that has seen nothing.
    pub(super) fn new() -> Matcher<T> {
        let (samples, pending, interrupts) = (VecDeque::new(), VecDeque::new(), Interrupts::default());
        Matcher { samples, interrupts, sources: HashMap::new(), moved: Moved::new(), pending, resumed_ns: 0 }
    }

    /// Notes a window. One that has waited for so long that no sample can be expected any more comes back.
    pub(super) fn window(&mut self, window: Pending<T>) -> Option<(Pending<T>, Evidence)> {
        self.settle(0);
        self.pending.push_back(window);
        (self.pending.len() > PENDING).then(|| self.pending.pop_front()).flatten().map(|window| self.judge(window))
    }

    /// The dispatcher waited for the core before the window that was noted last, and so before those that the same coming found over.
    pub(super) fn waited(&mut self, waited_ns: u64) {
        let Some(awake_ns) = self.pending.back().map(|window| window.instants.awake_ns) else { return };
        for window in self.pending.iter_mut().rev().take_while(|window| window.instants.awake_ns == awake_ns) {
            window.waited_ns = waited_ns;
        }
    }

    /// The window that was noted last is over; its guest ran first at this instant, or at an unknown one, 0.
    pub(super) fn settle(&mut self, first_ns: u64) {
        if let Some(window) = self.pending.back_mut().filter(|window| !window.settled) {
            window.settled = true;
            window.instants.first_ns = first_ns;
        }
    }

    /// The supervisor goes on.
    pub(super) fn resumed(&mut self, at_ns: u64) {
        self.resumed_ns = at_ns;
    }

    /// What the next samples are to be taken with.
    pub(super) fn interrupts(&mut self, interrupts: Interrupts) {
        self.interrupts = interrupts;
    }

    /// The same for one source.
    pub(super) fn interrupts_from(&mut self, source: u16, count: u64) {
        // The first count is what there has been since the host's start.
        let known = self.sources.insert(source, count);
        if let Some(grown) = known.and_then(|before| count.checked_sub(before)).filter(|&grown| grown > 0)
            && self.moved.len() < SOURCES
        {
            self.moved.push((source, grown));
        }
    }

    /// Which sources interrupted the core around a window that has just been given back, and how often: the most frequent first. Between
    /// the same samples as its evidence.
    pub(super) fn moved(&self, instants: &Instants) -> Moved {
        let (before, after) = self.around(instants);
        let mut sums: Moved = Vec::new();
        if before > 0 && after < self.samples.len() {
            for &(source, grown) in self.samples.range(before..=after).flat_map(|(.., moved)| moved) {
                match sums.iter_mut().find(|(known, _)| *known == source) {
                    Some((_, sum)) => *sum = sum.saturating_add(grown),
                    None => sums.push((source, grown)),
                }
            }
        }
        sums.sort_by_key(|&(source, sum)| (std::cmp::Reverse(sum), source));
        sums
    }

    /// The places of the first sample behind the window's planned start, and of the first one behind its start.
    fn around(&self, instants: &Instants) -> (usize, usize) {
        // Samples are in the order of time.
        let started_ns = instants.started_ns();
        let before = self.samples.partition_point(|(at, ..)| *at <= instants.planned_ns);
        (before, self.samples.partition_point(|(at, ..)| *at < started_ns))
    }

    /// Takes a sample, and gives back every window that it completes the evidence for.
    pub(super) fn sample(&mut self, at_ns: u64, sample: Sample) -> Vec<(Pending<T>, Evidence)> {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((at_ns, sample, self.interrupts, std::mem::take(&mut self.moved)));
        let is_complete = |window: &&Pending<T>| window.settled && window.instants.started_ns() <= at_ns;
        let complete = self.pending.iter().take_while(is_complete).count();
        let windows: Vec<_> = self.pending.drain(..complete).collect();
        windows.into_iter().map(|window| self.judge(window)).collect()
    }

    /// Gives back the windows that no sample came for.
    pub(super) fn finish(&mut self) -> Vec<(Pending<T>, Evidence)> {
        let windows: Vec<_> = self.pending.drain(..).collect();
        windows.into_iter().map(|window| self.judge(window)).collect()
    }

    fn judge(&self, window: Pending<T>) -> (Pending<T>, Evidence) {
        let Instants { planned_ns, awake_ns, .. } = window.instants;
        let (before, after) = self.around(&window.instants);
        let mut evidence = Evidence { waited_ns: window.waited_ns, ..Evidence::default() };
        // The main thread learns of its stop a little after the fact, maybe after the dispatcher has gone on already.
        let slow = awake_ns.saturating_sub(planned_ns) > ORDINARY_WAKE_NS;
        if slow && (planned_ns + 1..=awake_ns.saturating_add(NOTICE_NS)).contains(&self.resumed_ns) {
            evidence.resumed_ns = self.resumed_ns.min(awake_ns);
        }
        if let (Some((_, old, interrupts, _)), Some((_, new, later, _))) =
            (before.checked_sub(1).and_then(|at| self.samples.get(at)), self.samples.get(after))
        {
            evidence.steal_ns = new.steal_ns.saturating_sub(old.steal_ns);
            evidence.throttled_ns = new.throttled_ns.saturating_sub(old.throttled_ns);
            evidence.guest_waited_ns = new.guest_waited_ns.saturating_sub(old.guest_waited_ns);
            evidence.major_faults = new.major_faults.saturating_sub(old.major_faults);
            evidence.interrupted_ns = later.took_ns.saturating_sub(interrupts.took_ns);
            evidence.interrupts = later.count.saturating_sub(interrupts.count);
            evidence.minor_faults = new.minor_faults.saturating_sub(old.minor_faults);
        }
        (window, evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(what: u32, planned_ns: u64, continued_ns: u64) -> Pending<u32> {
        let instants = Instants { planned_ns, awake_ns: continued_ns, continued_ns, ..Instants::default() };
        Pending { what, instants, waited_ns: 0, settled: false }
    }

    fn steal(steal_ns: u64) -> Sample {
        Sample { steal_ns, ..Sample::default() }
    }

    #[test]
    fn a_window_gets_what_grew_around_it() {
        let mut matcher = Matcher::new();
        assert!(matcher.sample(100, steal(7)).is_empty());
        assert!(matcher.window(window(1, 110, 120)).is_none());
        assert!(matcher.window(window(2, 190, 210)).is_none());
        matcher.waited(5);
        // The first one is over, as another has begun.
        let found = matcher.sample(200, steal(10));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.what, found[0].1.steal_ns), (1, 3));
        // The second window spans two samples.
        matcher.settle(0);
        let found = matcher.sample(300, steal(20));
        assert_eq!((found[0].0.what, found[0].1.steal_ns, found[0].1.waited_ns), (2, 13, 5));
    }

    #[test]
    fn a_window_waits_for_its_end_and_for_a_sample_behind_its_first_instruction() {
        let mut matcher = Matcher::new();
        matcher.interrupts(Interrupts { count: 10, took_ns: 1_000 });
        matcher.sample(100, steal(1));
        matcher.window(window(1, 110, 120));
        assert!(matcher.sample(200, steal(2)).is_empty());
        matcher.interrupts(Interrupts { count: 14, took_ns: 3_000 });
        matcher.settle(250);
        // Whoever else says that it is over comes too late.
        matcher.settle(130);
        let found = matcher.sample(300, steal(7));
        let (window, evidence) = &found[0];
        assert_eq!((window.instants.first_ns, evidence.steal_ns), (250, 6));
        assert_eq!((evidence.interrupts, evidence.interrupted_ns), (4, 2_000));
    }

    #[test]
    fn sources_that_moved_around_a_window_are_known_by_how_often() {
        let mut matcher = Matcher::new();
        // What there was before is no growth, and what grew before the window is not about it.
        for (source, count) in [(0, 1_000), (1, 50), (2, 7)] {
            matcher.interrupts_from(source, count);
        }
        matcher.sample(50, steal(0));
        matcher.interrupts_from(2, 99);
        matcher.sample(100, steal(0));
        matcher.window(window(1, 110, 220));
        matcher.settle(0);
        matcher.interrupts_from(0, 1_002);
        assert!(matcher.sample(200, steal(0)).is_empty());
        matcher.interrupts_from(0, 1_003);
        matcher.interrupts_from(1, 57);
        let found = matcher.sample(300, steal(0));
        assert_eq!(matcher.moved(&found[0].0.instants), [(1, 7), (0, 3)]);
        // One for which there is no sample before, or none behind.
        assert_eq!(matcher.moved(&window(2, 10, 20).instants), []);
        assert_eq!(matcher.moved(&window(2, 290, 310).instants), []);
    }

    #[test]
    fn a_recording_that_counts_without_end_takes_no_memory() {
        let mut matcher = Matcher::<u32>::new();
        for count in 0..100_000u64 {
            matcher.interrupts_from((count % 9) as u16, count);
        }
        assert_eq!(matcher.moved.len(), SOURCES);
    }

    #[test]
    fn without_samples_there_is_no_evidence_but_no_window_is_lost() {
        let mut matcher = Matcher::new();
        let early = (0..5_000).filter_map(|at| matcher.window(window(at, 10, 20))).count();
        assert_eq!(early + matcher.finish().len(), 5_000);
    }

    #[test]
    fn a_stop_of_the_supervisor_touches_the_windows_planned_before_it_went_on() {
        let mut matcher = Matcher::new();
        matcher.window(window(1, 1_000, 9_000_000));
        matcher.resumed(9_100_000);
        matcher.window(window(2, 9_000_000, 9_200_000));
        matcher.window(window(3, 10_000_000, 19_000_000));
        matcher.settle(0);
        let found = matcher.sample(20_000_000, Sample::default());
        let resumed: Vec<_> = found.iter().map(|(_, evidence)| evidence.resumed_ns).collect();
        assert_eq!(resumed, [9_000_000, 0, 0]);
    }
}
