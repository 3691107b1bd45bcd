//! A histogram in text, for latencies that span decades: buckets of 1, 2, 5, 10 …, bars on a logarithmic scale.
//!
//! The one window in a million that started late is what the reader looks for. On a linear scale its bar would not be
//! there; on this one it is, and the numbers beside it keep the proportion honest.

use super::words::Style;
use crate::record::summary::{Bucket, Figure};

/// Width of `200 µs – 500 µs`.
const LABEL: usize = 15;
/// Width of a percentage.
const SHARE: usize = 8;
/// Longer bars tell nothing more.
const MAX_BAR: usize = 80;
/// From this many empty buckets in a row on, one line stands for all of them.
const GAP: usize = 3;

/// The figure's buckets, a line each, behind a line that says what they are.
pub(super) fn histogram(figure: &Figure, style: Style) -> Vec<String> {
    let most = figure.buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let digits = most.to_string().len().max(5);
    // Two spaces before each column.
    let taken = 2 + LABEL + 2 + 2 + digits + 2 + SHARE;
    let bar_width = style.width.saturating_sub(taken).min(MAX_BAR);
    let title = "start lateness";
    let mut lines =
        vec![format!("  {title:LABEL$}  {:bar_width$}  {:>digits$}  {:>SHARE$}", "log scale", "count", "share")];
    for run in figure.buckets.chunk_by(|a, b| (a.count == 0) == (b.count == 0)) {
        if run.len() >= GAP && run.iter().all(|bucket| bucket.count == 0) {
            lines.push(format!("  {:>8}", if style.ascii { ":" } else { "⋮" }));
            continue;
        }
        lines.extend(run.iter().map(|bucket| {
            let (label, share) = (label(bucket, style), share(bucket.count, figure.count));
            let bar = bar(bucket.count, most, bar_width, style);
            format!("  {label}  {bar:bar_width$}  {:>digits$}  {share:>SHARE$}", bucket.count)
        }));
    }
    lines
}

fn label(bucket: &Bucket, style: Style) -> String {
    let from = style.span(bucket.from);
    let dash = if style.ascii { "-" } else { "–" };
    match bucket.to {
        Some(to) => format!("{from:>6} {dash} {:>6}", style.span(to)),
        None => format!("{from:>6} {:8}", "and more"),
    }
}

/// A bar whose length is the logarithm of `count`, full at `most`. A single value is visible.
fn bar(count: u64, most: u64, width: usize, style: Style) -> String {
    if count == 0 {
        return String::new();
    }
    let part = (count as f64).ln_1p() / (most as f64).ln_1p();
    if style.ascii {
        let len = (part * width as f64).round() as usize;
        return "#".repeat(len.clamp(1, width));
    }
    let eighths = ((part * width as f64 * 8.0).round() as usize).clamp(1, width * 8);
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + rest
}

fn share(count: u64, total: u64) -> String {
    let percent = 100.0 * count as f64 / total as f64;
    match count {
        0 => String::new(),
        _ if percent < 0.005 => "<0.01 %".to_owned(),
        // Not everything while something is elsewhere.
        _ if percent >= 99.995 && count < total => ">99.99 %".to_owned(),
        _ => format!("{percent:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { width: 60, ascii: false };
    const ASCII: Style = Style { width: 60, ascii: true };

    fn figure(buckets: &[(u64, Option<u64>, u64)]) -> Figure {
        let buckets: Vec<_> = buckets.iter().map(|&(from, to, count)| Bucket { from, to, count }).collect();
        Figure { count: buckets.iter().map(|bucket| bucket.count).sum(), buckets, ..Figure::default() }
    }

    #[test]
    fn lines_are_aligned_and_as_wide_as_allowed() {
        let figure = figure(&[(20_000, Some(50_000), 9_989), (50_000, Some(100_000), 10), (100_000, Some(200_000), 1)]);
        assert_eq!(
            histogram(&figure, ASCII),
            [
                "  start lateness   log scale                 count     share",
                "   20 us -  50 us  ########################   9989   99.89 %",
                "   50 us - 100 us  ######                       10    0.10 %",
                "  100 us - 200 us  ##                            1    0.01 %",
            ]
        );
        assert!(histogram(&figure, STYLE).iter().all(|line| line.chars().count() == 60));
    }

    #[test]
    fn a_single_value_among_millions_has_a_bar() {
        assert!(!bar(1, 100_000_000, 3, STYLE).is_empty());
        assert!(!bar(1, u64::MAX, 3, ASCII).is_empty());
        assert_eq!(bar(0, 5, 3, STYLE), "");
        assert_eq!(bar(5, 5, 3, STYLE), "███");
    }

    #[test]
    fn shares_do_not_round_anything_away() {
        assert_eq!(share(1, 1_000_000), "<0.01 %");
        assert_eq!(share(999_999, 1_000_000), ">99.99 %");
        assert_eq!(share(7, 7), "100.00 %");
        assert_eq!(share(0, 7), "");
    }

    #[test]
    fn long_gaps_take_one_line() {
        let empty = |from: u64| (from, Some(from * 2), 0);
        let short = figure(&[(1, Some(2), 1), empty(2), empty(5), (10, Some(20), 1)]);
        assert_eq!(histogram(&short, STYLE).len(), 5);
        let long = figure(&[(1, Some(2), 1), empty(2), empty(5), empty(10), (20, None, 1)]);
        let lines = histogram(&long, ASCII);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2].trim(), ":");
        assert!(lines[3].contains("20 ns and more"), "{}", lines[3]);
    }
}
