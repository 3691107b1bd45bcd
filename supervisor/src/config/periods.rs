//! `period` and `duration` of a partition, held against its windows.
//!
//! An executive releases its periodic processes by the period and promises them the duration, so what the configuration says
//! must be what the windows give.

use super::PartitionId;
use super::document::Section;
use super::mistakes::Mistake;
use super::module::{Module, Window};
use super::quantity::ns_text;
use super::raw::RawPartition;
use super::validate::subject;

/// Checks what the configuration says about a partition of a module that is right otherwise.
pub(super) fn check(module: &Module, id: PartitionId, section: &Section<RawPartition>, found: &mut Vec<Mistake>) {
    let (partition, subject) = (module.partition(id), subject(section));
    let frame_ns = module.major_frame_ns;
    if let (Some(period), Some(period_ns)) = (&section.raw.period, partition.period_ns)
        && !frame_ns.is_multiple_of(period_ns)
    {
        let title = format!("the period of {subject} does not divide the major frame");
        let label = format!("{} does not divide {}", ns_text(period_ns), ns_text(frame_ns));
        found.push(Mistake::at(period.span(), title, label));
        return;
    }
    let (Some(duration), Some(duration_ns)) = (&section.raw.duration, partition.duration_ns) else { return };
    for (number, schedule) in module.schedules.iter().enumerate() {
        let windows: Vec<&Window> = module.windows_in(id, number).collect();
        // In a schedule in which it does not run it is promised nothing.
        if windows.is_empty() {
            continue;
        }
        let (period_ns, _) = module.period_in(id, number);
        let Some((start_ns, has_ns)) = short_period(&windows, period_ns, frame_ns, duration_ns) else { continue };
        let whose = if module.schedules.len() > 1 { format!(" in schedule `{schedule}`") } else { String::new() };
        let title = format!("{subject} has less time in a period than its `duration`{whose}");
        let label = format!("has {} in the {} from {} on", ns_text(has_ns), ns_text(period_ns), ns_text(start_ns));
        found.push(Mistake::at(duration.span(), title, label).help("make its windows longer, or `duration` shorter"));
        return;
    }
}

/// The first period that has less than `duration_ns`, and how much it has. Windows come sorted and do not overlap.
fn short_period(windows: &[&Window], period_ns: u64, frame_ns: u64, duration_ns: u64) -> Option<(u64, u64)> {
    let (mut period, mut has_ns) = (0, 0);
    for window in windows {
        // A window that crosses the end of a period counts for both, with its part in each.
        let mut at = window.start_ns;
        while at < window.end_ns() {
            let index = at / period_ns;
            if index > period {
                if has_ns < duration_ns {
                    return Some((period * period_ns, has_ns));
                }
                if index > period + 1 {
                    return Some(((period + 1) * period_ns, 0));
                }
                (period, has_ns) = (index, 0);
            }
            let end = window.end_ns().min((index + 1) * period_ns);
            has_ns += end - at;
            at = end;
        }
    }
    if has_ns < duration_ns {
        return Some((period * period_ns, has_ns));
    }
    let next_ns = (period + 1) * period_ns;
    (next_ns < frame_ns).then_some((next_ns, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_period_is_looked_at() {
        let window = |start_ns, duration_ns| Window { partition: PartitionId(0), start_ns, duration_ns };
        let short =
            |windows: &[Window], duration_ns| short_period(&windows.iter().collect::<Vec<_>>(), 10, 40, duration_ns);
        let even: Vec<_> = (0..4).map(|index| window(10 * index + 2, 5)).collect();
        assert_eq!(short(&even, 5), None);
        assert_eq!(short(&even, 6), Some((0, 5)));
        assert_eq!(short(&even[..3], 5), Some((30, 0)));
        assert_eq!(short(&even[1..], 5), Some((0, 0)));
        // Across the end of a period: 3 in the first, 4 in the second.
        assert_eq!(short(&[window(7, 7), window(24, 6), window(34, 6)], 4), Some((0, 3)));
        assert_eq!(short(&[window(0, 40)], 10), None);
    }
}
