//! What a gate in a pipeline wants to know, as a small JSON object: whether the budgets were kept, and by how much.

use serde::Serialize;

use crate::record::budget::{Measure, Statistic, Verdict};
use crate::record::summary::Summary;

/// The object.
#[derive(Debug, Serialize)]
pub struct Gate<'a> {
    /// Whether every budget was kept. True without budgets.
    pub kept: bool,
    /// Each budget for each partition that it is for.
    pub verdicts: &'a [Verdict],
    /// The module's name.
    pub module: &'a str,
    /// From the beginning of the recording to its last event.
    pub duration_ns: u64,
    /// Windows that were over before the dispatcher came.
    pub skipped_windows: u64,
    /// Windows that did not start though there was something to run, those of major frames that were skipped as a whole included.
    pub missed_windows: u64,
    /// Events that no figure contains.
    pub lost_events: u64,
    /// The partitions.
    pub partitions: Vec<Partition<'a>>,
}

/// A partition's numbers.
#[derive(Debug, Serialize)]
pub struct Partition<'a> {
    /// Its name.
    pub name: &'a str,
    /// Windows in which it ran.
    pub windows: u64,
    /// How late they started.
    pub start_ns: Percentiles,
    /// How late their first instructions came.
    pub first_ns: Percentiles,
    /// How late they ended.
    pub end_ns: Percentiles,
    /// How long stops took.
    pub stop_ns: Percentiles,
}

/// The statistics that budgets may be about.
#[derive(Debug, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The observed maximum.
    pub max: u64,
}

/// Puts the object together.
pub fn gate<'a>(summary: &'a Summary, verdicts: &'a [Verdict]) -> Gate<'a> {
    let partitions = summary.partitions.iter().map(|partition| {
        let percentiles = |measure: Measure| {
            let figure = measure.of(partition);
            let of = |statistic: Statistic| statistic.of(figure);
            let (p50, p99) = (of(Statistic::P50), of(Statistic::P99));
            Percentiles { p50, p99, p999: of(Statistic::P999), max: of(Statistic::Max) }
        };
        Partition {
            name: &partition.name,
            windows: partition.windows,
            start_ns: percentiles(Measure::Start),
            first_ns: percentiles(Measure::First),
            end_ns: percentiles(Measure::End),
            stop_ns: percentiles(Measure::Stop),
        }
    });
    Gate {
        kept: verdicts.iter().all(|verdict| verdict.kept),
        verdicts,
        module: &summary.module,
        duration_ns: summary.duration_ns,
        skipped_windows: summary.partitions.iter().map(|partition| partition.skipped_windows).sum(),
        missed_windows: summary.partitions.iter().map(|one| one.missed_windows).fold(0, u64::saturating_add),
        lost_events: summary.cores.iter().map(|core| core.lost_events).fold(0, u64::saturating_add),
        partitions: partitions.collect(),
    }
}
