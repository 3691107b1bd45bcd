//! One figure: a distribution of latencies in bounded memory.
//!
//! Percentiles come from a high dynamic range histogram, which rounds to two or three significant digits. Count, minimum,
//! maximum and mean are exact, and so are the counts per bucket of 1, 2, 5, 10, 20, 50 … nanoseconds that reports draw.

use hdrhistogram::Histogram;

use super::summary::{Bucket, Figure};

/// Longest latency in nanoseconds that is told apart, 100 s; a longer one counts as this.
pub const MAX_NS: u64 = 100_000_000_000;

/// How finely percentiles are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Two significant digits, 16 KiB for a figure: while the module runs.
    Live,
    /// Three significant digits, 112 KiB for a figure: for a report afterwards.
    Report,
}

impl Precision {
    fn digits(self) -> u8 {
        match self {
            Precision::Live => 2,
            Precision::Report => 3,
        }
    }
}

/// Lower bounds of all buckets but the first, which begins at 0: 1, 2, 5, 10 … 100 s.
const BOUNDS: [u64; 34] = bounds();

const fn bounds() -> [u64; 34] {
    let mut bounds = [0; 34];
    let (mut index, mut decade) = (0, 1);
    while index < bounds.len() {
        bounds[index] = decade * [1, 2, 5][index % 3];
        if index % 3 == 2 {
            decade *= 10;
        }
        index += 1;
    }
    bounds
}

/// Collects a [`Figure`].
#[derive(Debug)]
pub(super) struct Collector {
    /// 32 bits a count are half the memory; [`Collector::add`] sees to it that none overflows.
    histogram: Histogram<u32>,
    buckets: [u64; BOUNDS.len() + 1],
    count: u64,
    min: u64,
    max: u64,
    sum: u128,
}

impl Collector {
    pub(super) fn new(precision: Precision) -> Collector {
        let histogram = Histogram::new_with_bounds(1, MAX_NS, precision.digits());
        Collector {
            histogram: histogram.expect("these bounds and digits are within the library's limits"),
            buckets: [0; BOUNDS.len() + 1],
            count: 0,
            min: u64::MAX,
            max: 0,
            sum: 0,
        }
    }

    /// Adds the time from `since_ns` to `until_ns`: 0 if it would be negative.
    pub(super) fn add(&mut self, since_ns: u64, until_ns: u64) {
        let value = until_ns.saturating_sub(since_ns).min(MAX_NS);
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += u128::from(value);
        self.buckets[BOUNDS.partition_point(|&bound| bound <= value)] += 1;
        // Four thousand million values tell the percentiles as well as more of them would.
        if self.histogram.len() < u64::from(u32::MAX) {
            self.histogram.saturating_record(value);
        }
    }

    pub(super) fn figure(&self) -> Figure {
        if self.count == 0 {
            return Figure::default();
        }
        // The histogram answers with the upper end of a range of equal values, which may lie beyond any real value.
        let quantile = |quantile| self.histogram.value_at_quantile(quantile).clamp(self.min, self.max);
        Figure {
            count: self.count,
            min: self.min,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: self.max,
            mean: (self.sum / u128::from(self.count)) as u64,
            buckets: self.buckets(),
        }
    }

    /// The smallest value that this part of all values does not exceed, above 0 and up to 1, where `missed` more values are larger than any
    /// that is known. None if it is one of those.
    pub(super) fn among(&self, part: f64, missed: u64) -> Option<u64> {
        let all = self.count.saturating_add(missed) as f64;
        let rank = (part * all).ceil();
        if self.count == 0 || rank > self.count as f64 {
            return None;
        }
        if rank == self.count as f64 {
            return Some(self.max);
        }
        Some(self.histogram.value_at_quantile(part * all / self.count as f64).clamp(self.min, self.max))
    }

    /// Median, 99th percentile and maximum.
    pub(super) fn glance(&self) -> (u64, u64, u64) {
        if self.count == 0 {
            return (0, 0, 0);
        }
        let quantile = |quantile| self.histogram.value_at_quantile(quantile).clamp(self.min, self.max);
        (quantile(0.5), quantile(0.99), self.max)
    }

    /// The histogram behind the percentiles.
    pub(super) fn histogram(&self) -> &Histogram<u32> {
        &self.histogram
    }

    /// How many values it has.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Empties it, to be used again.
    pub(super) fn reset(&mut self) {
        self.histogram.reset();
        (self.buckets, self.count, self.min, self.max, self.sum) = ([0; BOUNDS.len() + 1], 0, u64::MAX, 0, 0);
    }

    /// From the first bucket in use to the last, without gaps.
    fn buckets(&self) -> Vec<Bucket> {
        let used = |count: &u64| *count != 0;
        let first = self.buckets.iter().position(used).unwrap_or(0);
        let end = self.buckets.iter().rposition(used).map_or(first, |last| last + 1);
        let bucket = |index: usize| Bucket {
            from: if index == 0 { 0 } else { BOUNDS[index - 1] },
            to: BOUNDS.get(index).copied(),
            count: self.buckets[index],
        };
        (first..end).map(bucket).collect()
    }

    /// What the histogram holds on to, in bytes.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.histogram.distinct_values() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synth::Random;

    fn collect(precision: Precision, values: &[u64]) -> Figure {
        let mut collector = Collector::new(precision);
        values.iter().for_each(|&value| collector.add(1_000, 1_000 + value));
        collector.figure()
    }

    #[test]
    fn a_figure_equals_one_computed_directly() {
        let mut random = Random::new(3);
        let mut values: Vec<u64> = (0..50_000).map(|_| random.latency(48_000)).collect();
        let sum: u64 = values.iter().sum();
        for (precision, error) in [(Precision::Live, 0.01), (Precision::Report, 0.001)] {
            let figure = collect(precision, &values);
            values.sort_unstable();
            // The smallest value that at least this part of all values does not exceed.
            let rank = |part: f64| values[(part * values.len() as f64).ceil() as usize - 1];
            for (found, part) in [(figure.p50, 0.5), (figure.p90, 0.9), (figure.p99, 0.99), (figure.p999, 0.999)] {
                let exact = rank(part) as f64;
                assert!((found as f64 - exact).abs() <= exact * error, "{precision:?} {part}: {found}, not {exact}");
            }
            assert_eq!((figure.min, figure.max), (values[0], values[values.len() - 1]));
            assert_eq!((figure.count, figure.mean), (50_000, sum / 50_000));
        }
    }

    #[test]
    fn values_that_are_missing_are_larger_than_any() {
        let mut collector = Collector::new(Precision::Report);
        assert_eq!((collector.among(0.5, 0), collector.among(0.5, 3)), (None, None));
        (1..=98).for_each(|value| collector.add(0, value));
        assert_eq!([0.5, 0.9, 0.99, 1.0].map(|part| collector.among(part, 0)), [49, 89, 98, 98].map(Some));
        // Of a hundred now: the 50th, the 90th, and two that nobody knows.
        let found = [0.5, 0.9, 0.98, 0.99, 1.0].map(|part| collector.among(part, 2));
        assert_eq!(found, [Some(50), Some(90), Some(98), None, None]);
        assert_eq!((collector.among(0.1, u64::MAX), collector.among(1.0, 1)), (None, None));
    }

    #[test]
    fn small_numbers_are_exact() {
        let values: Vec<u64> = (1..=100).collect();
        let figure = collect(Precision::Live, &values);
        assert_eq!((figure.min, figure.p50, figure.p90, figure.p99, figure.p999), (1, 50, 90, 99, 100));
        assert_eq!((figure.max, figure.mean), (100, 50));
    }

    #[test]
    fn a_percentile_lies_between_the_extremes() {
        let figure = collect(Precision::Live, &[1_000_001]);
        assert_eq!((figure.min, figure.p50, figure.p999, figure.max), (1_000_001, 1_000_001, 1_000_001, 1_000_001));
    }

    #[test]
    fn buckets_count_exactly_and_without_gaps() {
        let figure = collect(Precision::Live, &[19, 20, 49, 50, 200]);
        let bucket = |from, to, count| Bucket { from, to: Some(to), count };
        let expected = [bucket(10, 20, 1), bucket(20, 50, 2), bucket(50, 100, 1), bucket(100, 200, 0)];
        assert_eq!(figure.buckets[..4], expected);
        assert_eq!(figure.buckets[4..], [bucket(200, 500, 1)]);
        assert_eq!(collect(Precision::Live, &[0]).buckets, [bucket(0, 1, 1)]);
    }

    #[test]
    fn what_is_out_of_range_counts_at_its_end() {
        let mut collector = Collector::new(Precision::Report);
        collector.add(5, 3);
        collector.add(0, u64::MAX);
        let figure = collector.figure();
        assert_eq!((figure.min, figure.p50, figure.max), (0, 0, MAX_NS));
        assert_eq!(figure.buckets.last(), Some(&Bucket { from: MAX_NS, to: None, count: 1 }));
    }

    #[test]
    fn nothing_is_all_zeros() {
        assert_eq!(collect(Precision::Live, &[]), Figure::default());
    }
}
