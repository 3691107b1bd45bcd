//! One window of the major frame: its figure, its curve, and its lateness along the run.

use super::axis::Series;
use super::profile::{Bin, Window};
use crate::record::figure::{Collector, Precision};

/// Bars a decade in a fine histogram.
const BARS_PER_DECADE: f64 = 20.0;
/// Points a decade of a percentile curve.
const POINTS_PER_DECADE: u32 = 12;

/// A window of the major frame.
#[derive(Debug)]
pub(super) struct Slot {
    core: u16,
    partition: u16,
    /// Its planned start in frame 0, in nanoseconds of CLOCK_MONOTONIC.
    pub(super) offset_ns: u64,
    lateness: Collector,
    series: Series,
}

impl Slot {
    pub(super) fn new(core: u16, partition: u16, offset_ns: u64, precision: Precision) -> Slot {
        Slot { core, partition, offset_ns, lateness: Collector::new(precision), series: Series::new() }
    }

    /// Adds a window that was planned and started at these instants, in a frame counted from the first.
    pub(super) fn add(&mut self, frame: u64, planned_ns: u64, continued_ns: u64) {
        self.lateness.add(planned_ns, continued_ns);
        self.series.add(frame, continued_ns.saturating_sub(planned_ns));
    }

    /// How many frames a column of its series covers, as a power of two.
    pub(super) fn shift(&self) -> u32 {
        self.series.shift()
    }

    /// The window as a page shows it. `base_ns` is when frame 0 began.
    pub(super) fn window(&mut self, base_ns: u64, duration_ns: impl Fn(u16, u16, u64) -> u64, shift: u32) -> Window {
        let start_ns = self.offset_ns.wrapping_sub(base_ns);
        let columns = self.series.at(shift);
        Window {
            core: self.core,
            partition: self.partition,
            start_ns,
            duration_ns: duration_ns(self.core, self.partition, start_ns),
            max_ns: columns.iter().map(|column| (column.count > 0).then_some(column.max)).collect(),
            mean_ns: columns.iter().map(|column| column.sum.checked_div(column.count)).collect(),
            figure: self.lateness.figure(),
            bins: bins(&self.lateness),
            curve: curve(&self.lateness),
        }
    }
}

/// Counts on a fine logarithmic scale, from the first bar that is not empty to the last.
fn bins(collector: &Collector) -> Vec<Bin> {
    let bar = |value: u64| if value < 100 { 0 } else { ((value as f64 / 100.0).log10() * BARS_PER_DECADE) as i32 + 1 };
    let edge = |bar: i32| if bar <= 0 { 0 } else { (100.0 * 10f64.powf(f64::from(bar - 1) / BARS_PER_DECADE)) as u64 };
    let mut bins: Vec<Bin> = Vec::new();
    let mut last = None;
    for value in collector.histogram().iter_recorded() {
        let bar = bar(value.value_iterated_to());
        if let Some(last) = last {
            (last + 1..bar).for_each(|gap| bins.push(Bin { from: edge(gap), to: edge(gap + 1), count: 0 }));
        }
        if last != Some(bar) {
            bins.push(Bin { from: edge(bar), to: edge(bar + 1), count: 0 });
            last = Some(bar);
        }
        if let Some(bin) = bins.last_mut() {
            bin.count += u64::from(value.count_at_value());
        }
    }
    bins
}

/// Pairs of a part of all windows and the lateness that they do not exceed, closer and closer to 1.
fn curve(collector: &Collector) -> Vec<(f64, u64)> {
    let figure = collector.figure();
    if figure.count == 0 {
        return Vec::new();
    }
    let decades = (figure.count as f64).log10();
    let mut points = vec![(0.0, figure.min)];
    for step in 1.. {
        let decade = f64::from(step) / f64::from(POINTS_PER_DECADE);
        if decade >= decades {
            break;
        }
        let part = 1.0 - 10f64.powf(-decade);
        let value = collector.histogram().value_at_quantile(part).clamp(figure.min, figure.max);
        points.push((part, value));
    }
    // The last value of all is where the curve ends: one in so many.
    points.push((1.0 - 1.0 / figure.count as f64, figure.max));
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synth::Random;

    #[test]
    fn bins_hold_every_window_once_and_leave_no_gap() {
        let mut random = Random::new(8);
        let mut slot = Slot::new(0, 0, 0, Precision::Report);
        (0..20_000).for_each(|frame| slot.add(frame, 1_000, 1_000 + random.latency(48_000)));
        let window = slot.window(0, |_, _, _| 5, slot.shift());
        assert_eq!(window.bins.iter().map(|bin| bin.count).sum::<u64>(), 20_000);
        assert!(window.bins.windows(2).all(|pair| pair[0].to == pair[1].from), "{:?}", window.bins);
        assert!(
            window.bins[0].from <= window.figure.min && window.figure.max < window.bins[window.bins.len() - 1].to * 2
        );
    }

    #[test]
    fn a_curve_climbs_to_the_maximum() {
        let mut slot = Slot::new(0, 0, 0, Precision::Report);
        (1..=10_000u64).for_each(|frame| slot.add(frame, 0, frame));
        let window = slot.window(0, |_, _, _| 5, slot.shift());
        assert!(window.curve.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
        assert_eq!((window.curve[0].1, window.curve[window.curve.len() - 1]), (1, (0.9999, 10_000)));
        // One decade in: 90 %.
        assert!(window.curve[12].1.abs_diff(9_000) < 10, "{:?}", window.curve[12]);
    }
}
