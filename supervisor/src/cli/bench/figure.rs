//! Distributions of times, as the benchmarks report them.

use hdrhistogram::Histogram;
use serde::Serialize;

/// A distribution in whole nanoseconds.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    pub(super) min: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
    pub(super) count: u64,
}

impl From<Histogram<u64>> for Figure {
    fn from(histogram: Histogram<u64>) -> Figure {
        Figure {
            min: histogram.min(),
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
            count: histogram.len(),
        }
    }
}

/// A distribution in nanoseconds with fractions, for what takes less than one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct FineFigure {
    pub(super) min: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    pub(super) count: u64,
}

/// Collects a [`FineFigure`].
#[derive(Debug)]
pub(super) struct Samples(Histogram<u64>);

impl Samples {
    pub(super) fn new() -> Samples {
        Samples(histogram())
    }

    /// Adds a time in picoseconds.
    pub(super) fn add_ps(&mut self, ps: u64) {
        self.0.saturating_record(ps);
    }

    /// The samples of two measurements, each turned by `convert`.
    pub(super) fn merged(one: &Samples, other: &Samples, convert: impl Fn(u64) -> u64) -> Samples {
        let mut both = Samples::new();
        for Samples(histogram) in [one, other] {
            for value in histogram.iter_recorded() {
                both.0.saturating_record_n(convert(value.value_iterated_to()), value.count_at_value());
            }
        }
        both
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Samples> for FineFigure {
    fn from(Samples(histogram): Samples) -> FineFigure {
        let ns = |ps: u64| ps as f64 / 1000.0;
        FineFigure {
            min: ns(histogram.min()),
            p50: ns(histogram.value_at_quantile(0.5)),
            p99: ns(histogram.value_at_quantile(0.99)),
            max: ns(histogram.max()),
            count: histogram.len(),
        }
    }
}

/// Three digits up to 60,000 million units.
pub(super) fn histogram() -> Histogram<u64> {
    // The bounds are constants, so this cannot fail.
    Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap_or_else(|_| unreachable!("constant bounds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_nanosecond_survive() {
        let mut samples = Samples::new();
        for ps in [400, 400, 400, 2500] {
            samples.add_ps(ps);
        }
        let figure = FineFigure::from(samples);
        assert_eq!((figure.min, figure.p50, figure.count), (0.4, 0.4, 4));
        assert!((figure.max - 2.5).abs() < 0.01, "{figure:?}");
    }
}
