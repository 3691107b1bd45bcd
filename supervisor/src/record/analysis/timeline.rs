//! The second reading: what happened in the major frames of the worst windows, and shortly before.

use super::profile::{Span, SpanKind, Timeline, Worst};
use crate::record::codes::describe;
use crate::record::event::{Event, Kind};
use crate::record::header::Header;

/// How many frames are shown.
const FRAMES: usize = 6;
/// Interrupts within interrupts that are kept.
const DEPTH: usize = 64;
/// Spans that a frame may have.
const SPANS: usize = 4000;

/// Collects timelines.
#[derive(Debug)]
pub(super) struct Collector {
    /// Instants of CLOCK_MONOTONIC in it count from here.
    started_ns: u64,
    partitions: usize,
    /// By partition: its core.
    cores: Vec<u16>,
    timelines: Vec<Timeline>,
    /// When a partition was continued that has not stopped yet.
    running: Vec<Option<u64>>,
    /// By partition: interrupts that its guest serves, and since when.
    interrupts: Vec<Vec<(u16, u64)>>,
    /// By core: when the last stop was over.
    stopped: Vec<u64>,
}

impl Collector {
    /// A collector for the frames of `worst`, which is sorted; frame 0 began at `base_ns`.
    pub(super) fn new(header: &Header, base_ns: u64, worst: &[Worst]) -> Collector {
        let frame_ns = header.major_frame_ns;
        let mut timelines: Vec<Timeline> = Vec::new();
        for worst in worst {
            if timelines.len() == FRAMES {
                break;
            }
            if timelines.iter().any(|timeline| timeline.frame == worst.frame) {
                continue;
            }
            let begin = base_ns.saturating_add(worst.frame.saturating_mul(frame_ns));
            let begin = begin.saturating_sub(header.started_monotonic_ns);
            // The end of the frame before belongs to the picture: its last window may be to blame.
            timelines.push(Timeline {
                frame: worst.frame,
                from_ns: begin.saturating_sub(frame_ns / 8),
                to_ns: begin.saturating_add(frame_ns).max(worst.at_ns.saturating_add(worst.lateness_ns)),
                frame_ns: begin,
                spans: Vec::new(),
            });
        }
        let partitions = header.partitions.len();
        let stopped = vec![0; header.cores.len()];
        let started_ns = header.started_monotonic_ns;
        Collector {
            started_ns,
            partitions,
            cores: header.partitions.iter().map(|partition| partition.core).collect(),
            timelines,
            running: vec![None; partitions],
            interrupts: vec![Vec::new(); partitions],
            stopped,
        }
    }

    /// The timelines, worst frame first.
    pub(super) fn timelines(self) -> Vec<Timeline> {
        self.timelines
    }

    /// Looks at an event.
    pub(super) fn add(&mut self, event: &Event) {
        let running = self.running.get_mut(usize::from(event.partition));
        match event.kind {
            Kind::WindowStart { planned_ns, awake_ns, continued_ns, .. } => {
                if let Some(running) = running {
                    *running = Some(continued_ns);
                }
                self.span(event, SpanKind::Wake, planned_ns, awake_ns, "");
                // At one boundary, a partition is continued once the one before has stopped.
                let stopped_ns = self.stopped.get(usize::from(event.core)).copied().unwrap_or(0);
                self.span(event, SpanKind::Continue, awake_ns.max(stopped_ns), continued_ns, "");
            }
            Kind::WindowEnd { awake_ns, requested_ns, confirmed_ns, first_ns, .. } => {
                if let Some(since) = running.and_then(Option::take) {
                    if first_ns > since {
                        self.span(event, SpanKind::Entry, since, first_ns, "");
                    }
                    let since = since.max(first_ns);
                    self.span(event, SpanKind::Ran, since, awake_ns, "");
                }
                let (to_ns, what) =
                    if confirmed_ns == 0 { (requested_ns, "stop not confirmed") } else { (confirmed_ns, "") };
                if let Some(stopped) = self.stopped.get_mut(usize::from(event.core)) {
                    *stopped = to_ns;
                }
                self.span(event, SpanKind::Stop, awake_ns, to_ns, what);
            }
            Kind::WindowSkipped { planned_ns, awake_ns, .. } => {
                self.span(event, SpanKind::Skipped, planned_ns, awake_ns, "over before the dispatcher came");
            }
            Kind::WindowVacant { .. }
            | Kind::Text { .. }
            | Kind::Sample(_)
            | Kind::Interrupts(_)
            | Kind::InterruptsFrom { .. }
            | Kind::Waiting { .. }
            // The interrupt shows, and processes would leave room for nothing else.
            | Kind::Tick { .. }
            | Kind::ProcessSwitch { .. }
            | Kind::Unknown { .. } => {}
            Kind::InterruptEntered { line } => {
                if let Some(open) = self.interrupts.get_mut(usize::from(event.partition)) {
                    // One that is left for good never ends.
                    if open.len() == DEPTH {
                        open.remove(0);
                    }
                    open.push((line, event.time_ns));
                }
            }
            Kind::InterruptFinished { line } => {
                let Some(open) = self.interrupts.get_mut(usize::from(event.partition)) else { return };
                let Some(place) = open.iter().rposition(|&(entered, _)| entered == line) else { return };
                let (_, since_ns) = open[place];
                open.truncate(place);
                self.noted(event, SpanKind::Interrupt, since_ns, &Kind::InterruptEntered { line });
            }
            kind @ Kind::Sent { .. } => self.noted(event, SpanKind::Sent, event.time_ns, &kind),
            kind @ Kind::Received { .. } => self.noted(event, SpanKind::Received, event.time_ns, &kind),
            kind @ Kind::Arrived { .. } => self.noted(event, SpanKind::Arrived, event.time_ns, &kind),
            kind @ (Kind::InterruptRaised { .. } | Kind::RaisedItself { .. }) => {
                self.noted(event, SpanKind::Raised, event.time_ns, &kind);
            }
            kind => self.noted(event, SpanKind::Mark, event.time_ns, &kind),
        }
    }

    /// A span that ends with the event and has words, which are made for few of the many.
    fn noted(&mut self, event: &Event, kind: SpanKind, from_ns: u64, what: &Kind) {
        let (from, to) = (from_ns.saturating_sub(self.started_ns), event.time_ns.saturating_sub(self.started_ns));
        if self.timelines.iter().any(|timeline| from <= timeline.to_ns && to >= timeline.from_ns) {
            self.span(event, kind, from_ns, event.time_ns, &describe(what));
        }
    }

    fn span(&mut self, event: &Event, kind: SpanKind, from_ns: u64, to_ns: u64, what: &str) {
        // What the dispatcher of another core has to tell stands with the partition it is about.
        let core = self.cores.get(usize::from(event.partition)).copied().unwrap_or(event.core);
        let (from_ns, to_ns) = (from_ns.saturating_sub(self.started_ns), to_ns.saturating_sub(self.started_ns));
        let partition = (usize::from(event.partition) < self.partitions).then_some(event.partition);
        for timeline in &mut self.timelines {
            let outside = to_ns < timeline.from_ns || from_ns > timeline.to_ns;
            if outside || timeline.spans.len() >= SPANS || (from_ns > to_ns) {
                continue;
            }
            timeline.spans.push(Span { kind, core, partition, from_ns, to_ns, what: what.to_owned() });
        }
    }
}
