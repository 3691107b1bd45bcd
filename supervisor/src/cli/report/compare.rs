//! `bulkhead report A B`: what changed, and whether that is more than noise.

use std::fmt::Write as _;
use std::path::Path;

use super::super::{HOST_CANNOT, USAGE, complain, print};
use super::words::{Style, micros};
use crate::record::compare::{Change, Comparison, Missed, compare};

/// Runs the comparison; the result is the exit status.
pub(super) fn run(before: &Path, after: &Path, json: bool) -> u8 {
    let comparison = match compare(before, after) {
        Ok(comparison) => comparison,
        Err(error) => return complain(&error, USAGE),
    };
    if json {
        return match serde_json::to_string_pretty(&comparison) {
            Ok(text) => print(&(text + "\n")),
            Err(error) => complain(&error, HOST_CANNOT),
        };
    }
    let ascii = super::super::terminal_is_ascii();
    print(&text(&comparison, Style { width: super::super::columns().max(super::MIN_WIDTH), ascii }))
}

fn text(comparison: &Comparison, style: Style) -> String {
    let mut text = format!("Change from the first run to the second, in {}\n", style.micro());
    let mut last = "";
    for change in &comparison.changes {
        if change.partition != last {
            let _ = writeln!(text, "\n{}", style.clean(&change.partition));
            let _ = writeln!(text, "  {:16} {:>10} {:>10} {:>10}", "", "before", "after", "change");
            last = &change.partition;
        }
        let _ = writeln!(text, "{}", line(change));
    }
    let missed: Vec<_> = comparison.missed.iter().filter(|missed| missed.before > 0 || missed.after > 0).collect();
    if !missed.is_empty() {
        text += "\nWindows that did not start, which none of these numbers contains\n";
    }
    for Missed { partition, before, after } in missed {
        let _ = writeln!(
            text,
            "  {:16} {before:>10} {after:>10} {:>+10}",
            style.clean(partition),
            *after as i128 - *before as i128
        );
    }
    for name in &comparison.only_in_one {
        let _ = writeln!(text, "\n! only one of the runs has a partition {}", style.clean(name));
    }
    text.push('\n');
    for line in style.wrapped("", &format!("Noise: {}.", comparison.method)) {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn line(change: &Change) -> String {
    let name = format!("{:?} {:?}", change.measure, change.statistic).to_lowercase();
    let (before, after) = (micros(change.before_ns, 1), micros(change.after_ns, 1));
    let difference = (change.after_ns as f64 - change.before_ns as f64) / 1000.0;
    let verdict = match change.significant {
        Some(true) if change.blocks_difference_ns > Some(0.0) => "slower",
        Some(true) => "faster",
        Some(false) => "noise",
        None => "too few windows to tell",
    };
    format!("  {name:16} {before:>10} {after:>10} {difference:>+10.1}  {verdict}")
}
