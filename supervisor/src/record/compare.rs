//! Two runs side by side: what changed, and whether that is more than noise.
//!
//! Windows that follow each other are not independent: a disturbance lasts for a while. So each run is cut into blocks of
//! equally many windows, long enough that blocks hardly depend on each other, and a percentile is taken of each block. How
//! much it varies from block to block is the run's own noise. Two runs differ if the means of their blocks' percentiles
//! lie farther apart than Welch's t-test allows at a level of 1 % (two-sided). Figures that have too few windows for
//! blocks are compared, but not judged.

use std::path::Path;

use serde::Serialize;

use super::budget::{Measure, Statistic};
use super::event::Kind;
use super::figure::{Collector, Precision};
use super::file::{self, Reader};
use super::stats::Stats;
use super::summary::Summary;

/// Blocks that a run is cut into.
pub const BLOCKS: u64 = 20;
/// A percentile of a block needs so many windows beyond it.
const BEYOND: f64 = 2.0;

/// How a number changed from the first run to the second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The partition.
    pub partition: String,
    /// Which figure.
    pub measure: Measure,
    /// Which number.
    pub statistic: Statistic,
    /// What it was in the first run, as `report` has it.
    pub before_ns: u64,
    /// What it is in the second run.
    pub after_ns: u64,
    /// The difference of the means of the blocks; none if there are too few windows for blocks.
    pub blocks_difference_ns: Option<f64>,
    /// What chance alone would exceed in one of a hundred comparisons.
    pub noise_ns: Option<f64>,
    /// Whether the difference is more than noise; none if that cannot be told.
    pub significant: Option<bool>,
}

/// A comparison.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// How differences are told from noise.
    pub method: &'static str,
    /// Blocks that each run is cut into.
    pub blocks: u64,
    /// Partitions that only one of the runs has.
    pub only_in_one: Vec<String>,
    /// The numbers of the partitions that both have.
    pub changes: Vec<Change>,
    /// Windows of these that did not start, which are in no number.
    pub missed: Vec<Missed>,
}

/// How many windows of a partition did not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The partition.
    pub partition: String,
    /// In the first run.
    pub before: u64,
    /// In the second run.
    pub after: u64,
}

/// What `Comparison::method` says.
pub const METHOD: &str =
    "percentiles of 20 consecutive blocks of windows; Welch's t-test of their means, two-sided, 1 %";

const MEASURES: [Measure; 4] = [Measure::Start, Measure::First, Measure::End, Measure::Stop];

/// A run in blocks: per partition and measure, the figure of the whole run and the statistics of each block.
struct Run {
    summary: Summary,
    /// By partition, measure and statistic.
    blocks: Vec<Vec<Vec<Vec<f64>>>>,
}

/// Compares the recordings at `before` and `after`.
///
/// # Errors
/// If one of them cannot be read.
pub fn compare(before: &Path, after: &Path) -> Result<Comparison, file::Error> {
    let (old, new) = (read(before)?, read(after)?);
    let (mut changes, mut missed) = (Vec::new(), Vec::new());
    for (index, partition) in old.summary.partitions.iter().enumerate() {
        let same = new.summary.partitions.iter().position(|other| other.name == partition.name);
        let Some(other) = same else { continue };
        let (before, after) = (partition.missed_windows, new.summary.partitions[other].missed_windows);
        missed.push(Missed { partition: partition.name.clone(), before, after });
        for (at, measure) in MEASURES.into_iter().enumerate() {
            let figures = (measure.of(partition), measure.of(&new.summary.partitions[other]));
            if figures.0.count == 0 || figures.1.count == 0 {
                continue;
            }
            for (place, (_, statistic)) in Statistic::ALL.into_iter().enumerate() {
                let noise = welch(&old.blocks[index][at][place], &new.blocks[other][at][place]);
                changes.push(Change {
                    partition: partition.name.clone(),
                    measure,
                    statistic,
                    before_ns: statistic.of(figures.0),
                    after_ns: statistic.of(figures.1),
                    blocks_difference_ns: noise.map(|noise| noise.0),
                    noise_ns: noise.map(|noise| noise.1),
                    significant: noise.map(|(difference, noise)| difference.abs() > noise),
                });
            }
        }
    }
    let has = |run: &Run, name: &str| run.summary.partitions.iter().any(|partition| partition.name == name);
    let only = |one: &Run, other: &Run| -> Vec<String> {
        let names = one.summary.partitions.iter().map(|partition| partition.name.clone());
        names.filter(|name| !has(other, name)).collect()
    };
    let only_in_one = [only(&old, &new), only(&new, &old)].concat();
    Ok(Comparison { method: METHOD, blocks: BLOCKS, only_in_one, changes, missed })
}

fn read(path: &Path) -> Result<Run, file::Error> {
    let (_, summary) = Stats::read(path)?;
    let mut blocks: Vec<Vec<Blocks>> = summary
        .partitions
        .iter()
        .map(|partition| MEASURES.iter().map(|measure| Blocks::new(measure.of(partition).count)).collect())
        .collect();
    let mut begun = vec![0; blocks.len()];
    for event in Reader::open(path)? {
        let event = event?;
        let Some([start, first, end, stop]) = blocks.get_mut(usize::from(event.partition)).map(Vec::as_mut_slice)
        else {
            continue;
        };
        match event.kind {
            Kind::WindowStart { planned_ns, continued_ns, .. } => {
                start.add(planned_ns, continued_ns);
                begun[usize::from(event.partition)] = planned_ns;
            }
            Kind::WindowEnd { planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns, .. } => {
                let start_ns = std::mem::take(&mut begun[usize::from(event.partition)]);
                if first_ns != 0 && start_ns != 0 {
                    first.add(start_ns, first_ns);
                }
                end.add(planned_ns, awake_ns);
                if confirmed_ns != 0 {
                    stop.add(requested_ns, confirmed_ns);
                }
            }
            _ => {}
        }
    }
    let blocks = blocks.into_iter().map(|measures| measures.into_iter().map(|blocks| blocks.values).collect());
    Ok(Run { summary, blocks: blocks.collect() })
}

/// A figure, block by block.
struct Blocks {
    length: u64,
    collector: Collector,
    values: Vec<Vec<f64>>,
}

impl Blocks {
    fn new(count: u64) -> Blocks {
        Blocks {
            length: count / BLOCKS,
            collector: Collector::new(Precision::Report),
            values: vec![Vec::new(); Statistic::ALL.len()],
        }
    }

    fn add(&mut self, since_ns: u64, until_ns: u64) {
        if self.length == 0 {
            return;
        }
        self.collector.add(since_ns, until_ns);
        let figure = (self.collector.count() == self.length).then(|| self.collector.figure());
        let Some(figure) = figure else { return };
        for ((_, statistic), values) in Statistic::ALL.into_iter().zip(&mut self.values) {
            let beyond = match statistic {
                Statistic::P50 => 0.5,
                Statistic::P90 => 0.1,
                Statistic::P99 => 0.01,
                Statistic::P999 => 0.001,
                // The maximum of a block is one of as many for every block.
                Statistic::Max => 1.0,
            };
            if self.length as f64 * beyond >= BEYOND {
                values.push(statistic.of(&figure) as f64);
            }
        }
        self.collector.reset();
    }
}

/// The difference of the means, and how far chance alone drives it in 99 of 100 cases.
fn welch(before: &[f64], after: &[f64]) -> Option<(f64, f64)> {
    let moments = |values: &[f64]| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count, count - 1.0)
    };
    if before.len() < 5 || after.len() < 5 {
        return None;
    }
    let ((mean_a, error_a, free_a), (mean_b, error_b, free_b)) = (moments(before), moments(after));
    let error = error_a + error_b;
    let freedom =
        if error > 0.0 { error.powi(2) / (error_a.powi(2) / free_a + error_b.powi(2) / free_b) } else { free_a };
    Some((mean_b - mean_a, quantile_of_t(freedom) * error.sqrt()))
}

/// The 99.5 % point of Student's distribution for so many degrees of freedom: rounded down to the next line of the table,
/// which is on the safe side.
fn quantile_of_t(freedom: f64) -> f64 {
    const TABLE: [(f64, f64); 12] = [
        (4.0, 4.604),
        (5.0, 4.032),
        (6.0, 3.707),
        (8.0, 3.355),
        (10.0, 3.169),
        (12.0, 3.055),
        (15.0, 2.947),
        (20.0, 2.845),
        (25.0, 2.787),
        (30.0, 2.750),
        (40.0, 2.704),
        (60.0, 2.660),
    ];
    TABLE.iter().rev().find(|(least, _)| freedom >= *least).map_or(TABLE[0].1, |(_, quantile)| *quantile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::Event;
    use crate::record::synth::{self, Random};

    /// A run of one partition whose windows start about `typical` late.
    fn run(seed: u64, windows: u64, typical: u64) -> tempfile::NamedTempFile {
        let header = synth::header(&["nav"]);
        let mut random = Random::new(seed);
        let events: Vec<_> = (0..windows)
            .flat_map(|frame| {
                let start = synth::BEGIN_NS + frame * 10_000_000;
                let late = random.latency(typical);
                let stop = random.latency(14_000);
                synth::window(0, frame, start, start + 5_000_000, [late, 0, 0, stop])
            })
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), synth::bytes(&header, &events)).unwrap();
        file
    }

    fn start(comparison: &Comparison, statistic: Statistic) -> &Change {
        let about = |change: &&Change| change.measure == Measure::Start && change.statistic == statistic;
        comparison.changes.iter().find(about).unwrap()
    }

    #[test]
    fn runs_of_one_kind_differ_by_noise_and_slower_ones_by_more() {
        // A level of 1 % lets one of a hundred equal pairs look different.
        let different = (0..40)
            .filter(|seed| {
                let comparison =
                    compare(run(2 * seed, 4_000, 30_000).path(), run(2 * seed + 1, 4_000, 30_000).path()).unwrap();
                start(&comparison, Statistic::P50).significant.unwrap()
            })
            .count();
        assert!(different <= 3, "{different} of 40");
        let comparison = compare(run(1, 4_000, 30_000).path(), run(2, 4_000, 31_000).path()).unwrap();
        let median = start(&comparison, Statistic::P50);
        assert_eq!(median.significant, Some(true), "{median:?}");
        assert!(median.after_ns > median.before_ns);
        let stop = comparison.changes.iter().find(|change| change.measure == Measure::Stop).unwrap();
        assert_eq!(stop.significant, Some(false), "{stop:?}");
    }

    #[test]
    fn too_few_windows_are_compared_but_not_judged() {
        let comparison = compare(run(1, 100, 30_000).path(), run(2, 100, 60_000).path()).unwrap();
        assert_eq!(start(&comparison, Statistic::P999).significant, None);
        assert!(start(&comparison, Statistic::P999).after_ns > 0);
        let comparison = compare(run(1, 10, 30_000).path(), run(2, 10, 60_000).path()).unwrap();
        assert!(comparison.changes.iter().all(|change| change.significant.is_none()));
    }

    #[test]
    fn windows_that_did_not_start_are_told_beside_the_numbers() {
        let header = synth::header(&["nav", "io"]);
        let with = |skipped: u64| {
            let kind = |frame| Kind::WindowSkipped { frame, planned_ns: frame, awake_ns: frame + 1 };
            let event = |frame| Event { time_ns: synth::BEGIN_NS, core: 0, partition: 1, kind: kind(frame) };
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), synth::bytes(&header, &(0..skipped).map(event).collect::<Vec<_>>())).unwrap();
            file
        };
        let comparison = compare(with(3).path(), with(1).path()).unwrap();
        let found: Vec<_> =
            comparison.missed.iter().map(|one| (one.partition.as_str(), one.before, one.after)).collect();
        assert_eq!(found, [("nav", 0, 0), ("io", 3, 1)]);
    }

    #[test]
    fn the_method_says_how_many_blocks() {
        assert!(METHOD.contains(&format!(" {BLOCKS} ")));
    }
}
