//! Budgets: what a figure may come to, and whether a run kept to it.
//!
//! A budget reads `[PARTITION:]FIGURE[.STATISTIC]=TIME`, as in `start=100us` or `nav:stop.p99=20us`. Without a partition it
//! holds for each; without a statistic it is about the observed maximum.
//!
//! A window that did not start, because the dispatcher came when it was over, counts as later than any that did: otherwise the
//! worst of a run would be what its figures leave out.

use std::str::FromStr;

use serde::Serialize;

use super::stats::Stats;
use super::summary::{Figure, Partition};

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

    /// The part of all values that are not above it.
    pub fn part(self) -> f64 {
        match self {
            Statistic::P50 => 0.5,
            Statistic::P90 => 0.9,
            Statistic::P99 => 0.99,
            Statistic::P999 => 0.999,
            Statistic::Max => 1.0,
        }
    }

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
    /// What it came to; none if no window gave it a value, or if it lies among the windows that did not start.
    pub observed_ns: Option<u64>,
    /// Windows that did not start, which are later than any that did; 0 if the budget is not about starts.
    pub missed_windows: u64,
    /// Whether that is no more than allowed. A budget that nothing was measured for is not kept.
    pub kept: bool,
}

/// Judges a run by budgets.
///
/// # Errors
/// Names a partition that a budget is for and the run does not have.
pub fn judge(stats: &Stats, budgets: &[Budget]) -> Result<Vec<Verdict>, String> {
    let mut verdicts = Vec::new();
    for budget in budgets {
        let before = verdicts.len();
        for (index, name) in stats.partition_names().enumerate() {
            if budget.partition.as_ref().is_some_and(|meant| meant != name) {
                continue;
            }
            let (observed_ns, missed_windows) = stats.observed(index, budget.measure, budget.statistic);
            verdicts.push(Verdict {
                budget: budget.text.clone(),
                partition: name.to_owned(),
                limit_ns: budget.limit_ns,
                observed_ns,
                missed_windows,
                kept: observed_ns.is_some_and(|ns| ns <= budget.limit_ns),
            });
        }
        if verdicts.len() == before {
            return Err(format!("budget \"{}\": there is no such partition", budget.text));
        }
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::{Event, Kind};
    use crate::record::stats::Precision;
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
        let verdicts = judge(&stats, &["start=60us".parse().unwrap()]).unwrap();
        let found: Vec<_> = verdicts.iter().map(|v| (v.partition.as_str(), v.observed_ns, v.kept)).collect();
        assert_eq!(found, [("nav", Some(50_000), true), ("io", Some(100_000), false), ("mute", None, false)]);
        assert!(judge(&stats, &["other:start=1s".parse().unwrap()]).is_err());
    }

    #[test]
    fn windows_that_did_not_start_are_later_than_any_that_did() {
        let header = synth::header(&["nav", "io"]);
        let mut stats = Stats::new(&header, Precision::Report);
        let at = |partition, kind| Event { time_ns: 1_000_000_000, core: 0, partition, kind };
        for partition in [0, 1] {
            stats.add(&at(partition, Kind::Birth { generation: 1, warm: false, took_ns: 1 }));
            for frame in 0..98 {
                for event in synth::window(partition, frame, 1_000_000_000, 1_001_000_000, [50_000, 0, 0, 9]) {
                    stats.add(&event);
                }
            }
        }
        stats.add(&at(0, Kind::WindowSkipped { frame: 98, planned_ns: 0, awake_ns: 1 }));
        stats.add(&at(0, Kind::WindowSkipped { frame: 99, planned_ns: 0, awake_ns: 1 }));
        let judged = |text: &str| {
            let verdicts = judge(&stats, &[text.parse().unwrap()]).unwrap();
            verdicts.iter().map(|v| (v.observed_ns.is_some(), v.missed_windows, v.kept)).collect::<Vec<_>>()
        };
        for measure in ["start", "dispatcher"] {
            assert_eq!(judged(&format!("{measure}=1s")), [(false, 2, false), (true, 0, true)], "{measure}");
            assert_eq!(judged(&format!("{measure}.p99=1s")), [(false, 2, false), (true, 0, true)], "{measure}");
            assert_eq!(judged(&format!("{measure}.p90=1s")), [(true, 2, true), (true, 0, true)], "{measure}");
        }
        assert_eq!(judged("stop=1s"), [(true, 0, true); 2]);
        assert_eq!(judged("end=1s"), [(true, 0, true); 2]);
        assert_eq!(stats.summary().partitions[0].missed_windows, 2);
    }
}
