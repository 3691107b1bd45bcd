//! Budgets: what a figure may come to, and whether a run kept to it.
//!
//! A budget reads `[PARTITION:]FIGURE[.STATISTIC]=TIME`, as in `start=100us` or `nav:stop.p99=20us`. Without a partition it
//! holds for each; without a statistic it is about the observed maximum.

use std::str::FromStr;

use serde::Serialize;

use super::summary::{Figure, Partition, Summary};

/// Which figure a budget is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How late windows start.
    Start,
    /// How late guests run their first instruction in a window.
    First,
    /// How late the dispatcher wakes up.
    Dispatcher,
    /// How late windows end.
    End,
    /// How long stops take.
    Stop,
}

impl Measure {
    const ALL: [(&'static str, Measure); 5] = [
        ("start", Measure::Start),
        ("first", Measure::First),
        ("dispatcher", Measure::Dispatcher),
        ("end", Measure::End),
        ("stop", Measure::Stop),
    ];

    /// The figure of a partition.
    pub fn of(self, partition: &Partition) -> &Figure {
        match self {
            Measure::Start => &partition.start_lateness_ns,
            Measure::First => &partition.first_instruction_ns,
            Measure::Dispatcher => &partition.dispatcher_lateness_ns,
            Measure::End => &partition.end_overrun_ns,
            Measure::Stop => &partition.stop_confirmation_ns,
        }
    }
}

/// Which number of a figure a budget is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The median.
    P50,
    /// 90 %.
    P90,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
    /// The observed maximum.
    Max,
}

impl Statistic {
    /// All of them, by the names that budgets use.
    pub const ALL: [(&'static str, Statistic); 5] = [
        ("p50", Statistic::P50),
        ("p90", Statistic::P90),
        ("p99", Statistic::P99),
        ("p999", Statistic::P999),
        ("max", Statistic::Max),
    ];

    /// The number of a figure.
    pub fn of(self, figure: &Figure) -> u64 {
        match self {
            Statistic::P50 => figure.p50,
            Statistic::P90 => figure.p90,
            Statistic::P99 => figure.p99,
            Statistic::P999 => figure.p999,
            Statistic::Max => figure.max,
        }
    }
}

/// What a figure may come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The budget as it was written.
    pub text: String,
    /// The partition that it is for; none for every one.
    pub partition: Option<String>,
    /// Of which figure.
    pub measure: Measure,
    /// Which number.
    pub statistic: Statistic,
    /// What it may come to, in nanoseconds.
    pub limit_ns: u64,
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Budget, String> {
        let (left, time) = text.split_once('=').ok_or("has no \"=\" (try \"start=100us\")")?;
        let (partition, figure) = match left.rsplit_once(':') {
            Some((partition, figure)) => (Some(partition.to_owned()), figure),
            None => (None, left),
        };
        let (measure, statistic) = figure.split_once('.').unwrap_or((figure, "max"));
        let named = |name: &str| Measure::ALL.into_iter().find(|(known, _)| *known == name);
        let (_, measure) =
            named(measure).ok_or_else(|| format!("\"{measure}\" is none of start, first, dispatcher, end, stop"))?;
        let statistics = Statistic::ALL.into_iter();
        let (_, statistic) = statistics
            .clone()
            .find(|(known, _)| *known == statistic)
            .ok_or_else(|| format!("\"{statistic}\" is none of p50, p90, p99, p999, max"))?;
        let limit_ns = crate::config::parse_duration_ns(time).map_err(|problem| problem.to_string())?;
        Ok(Budget { text: text.to_owned(), partition, measure, statistic, limit_ns })
    }
}

/// Whether one partition kept to a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The budget as it was written.
    pub budget: String,
    /// The partition.
    pub partition: String,
    /// What the figure may come to.
    pub limit_ns: u64,
    /// What it came to; none if no window gave it a value.
    pub observed_ns: Option<u64>,
    /// Whether that is no more than allowed. A budget that nothing was measured for is not kept.
    pub kept: bool,
}

/// Judges a run by budgets.
///
/// # Errors
/// Names a partition that a budget is for and the run does not have.
pub fn judge(summary: &Summary, budgets: &[Budget]) -> Result<Vec<Verdict>, String> {
    let mut verdicts = Vec::new();
    for budget in budgets {
        let meant = |partition: &&Partition| budget.partition.as_ref().is_none_or(|name| *name == partition.name);
        let mut any = false;
        for partition in summary.partitions.iter().filter(meant) {
            any = true;
            let figure = budget.measure.of(partition);
            let observed_ns = (figure.count > 0).then(|| budget.statistic.of(figure));
            verdicts.push(Verdict {
                budget: budget.text.clone(),
                partition: partition.name.clone(),
                limit_ns: budget.limit_ns,
                observed_ns,
                kept: observed_ns.is_some_and(|ns| ns <= budget.limit_ns),
            });
        }
        if !any {
            return Err(format!("budget \"{}\": there is no such partition", budget.text));
        }
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stats::{Precision, Stats};
    use crate::record::synth;

    #[test]
    fn a_budget_says_what_it_is_about() {
        let budget: Budget = "nav:stop.p99=20 us".parse().unwrap();
        assert_eq!((budget.partition.as_deref(), budget.limit_ns), (Some("nav"), 20_000));
        assert_eq!((budget.measure, budget.statistic), (Measure::Stop, Statistic::P99));
        let budget: Budget = "start=100us".parse().unwrap();
        assert_eq!((budget.partition, budget.statistic, budget.limit_ns), (None, Statistic::Max, 100_000));
        for wrong in ["", "start", "begin=1us", "start.p95=1us", "start=fast"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_verdict_compares_with_the_figure_of_each_partition() {
        let header = synth::header(&["nav", "io", "mute"]);
        let mut stats = Stats::new(&header, Precision::Report);
        for partition in [0, 1] {
            let late = 50_000 * (u64::from(partition) + 1);
            for event in synth::window(partition, 0, 1_000_000_000, 1_001_000_000, [late, 0, 0, 9]) {
                stats.add(&event);
            }
        }
        let verdicts = judge(&stats.summary(), &["start=60us".parse().unwrap()]).unwrap();
        let found: Vec<_> = verdicts.iter().map(|v| (v.partition.as_str(), v.observed_ns, v.kept)).collect();
        assert_eq!(found, [("nav", Some(50_000), true), ("io", Some(100_000), false), ("mute", None, false)]);
        assert!(judge(&stats.summary(), &["other:start=1s".parse().unwrap()]).is_err());
    }
}
