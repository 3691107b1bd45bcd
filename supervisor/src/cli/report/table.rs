//! The tables of a report: text on the left, numbers on the right of their columns.

use super::words::{Style, counted, micros};
use super::{remarks, shown};
use crate::record::summary::{Figure, Partition, Summary};

/// What leads remarks in.
const MARK: &str = "  ! ";
/// Columns kept free for remarks in the overview, their mark included, if there are any.
const REMARKS: usize = 28;
/// A name is not cut to less than this.
const MIN_NAME: usize = 12;
/// What stands for a figure without values.
const NONE: &str = "-";

type Row = Vec<String>;

/// Rows with columns as wide as their widest cell and `gap` spaces between them, the first one aligned left.
fn aligned(rows: &[Row], indent: usize, gap: usize) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let len = |row: &Row, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<_> =
        (0..columns).map(|column| rows.iter().map(|row| len(row, column)).max().unwrap_or(0)).collect();
    let line = |row: &Row| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{:indent$}{cell:width$}", ""),
            _ => format!("{:gap$}{cell:>width$}", ""),
        });
        cells.collect()
    };
    rows.iter().map(line).collect()
}

/// The numbers of `figure` in microseconds.
fn numbers(figure: &Figure, values: &[u64], decimals: usize) -> impl Iterator<Item = String> {
    let known = figure.count != 0;
    values.iter().map(move |&value| if known { micros(value, decimals) } else { NONE.to_owned() })
}

/// For each partition a table of its figures, with columns that are the same for all.
pub(super) fn figures(partitions: &[Partition], style: Style) -> Vec<Vec<String>> {
    // From comfortable to what fits into 60 columns whatever the numbers are.
    let layouts = [(true, 2, 1), (true, 1, 1), (false, 2, 1), (false, 1, 1), (false, 1, 0)];
    let tables = layouts.iter().map(|&(long, gap, decimals)| {
        let rows: Vec<Row> = partitions.iter().flat_map(|partition| rows(partition, long, decimals, style)).collect();
        aligned(&rows, 2, gap)
    });
    let fits = |lines: &Vec<String>| lines.iter().all(|line| line.chars().count() <= style.width);
    let mut last = Vec::new();
    for table in tables {
        last = table;
        if fits(&last) {
            break;
        }
    }
    let per_partition = 1 + partitions.first().map_or(0, |partition| shown(partition).len());
    last.chunks(per_partition).map(<[String]>::to_vec).collect()
}

fn rows(partition: &Partition, long: bool, decimals: usize, style: Style) -> Vec<Row> {
    let head = [style.micro(), "count", "min", "p50", "p99", "p99.9", "max"].map(str::to_owned).to_vec();
    let figures = shown(partition).map(|(label, short, figure)| {
        let values = [figure.min, figure.p50, figure.p99, figure.p999, figure.max];
        let label = if long { label } else { short };
        let mut row = vec![label.to_owned(), figure.count.to_string()];
        row.extend(numbers(figure, &values, decimals));
        row
    });
    std::iter::once(head).chain(figures).collect()
}

/// A line for each partition with its start lateness, and remarks as far as there is room for them.
pub(super) fn overview(summary: &Summary, style: Style) -> Vec<String> {
    let head = ["windows", "p50", "p99", "max"].map(str::to_owned).to_vec();
    let row = |partition: &Partition| {
        let figure = &partition.start_lateness_ns;
        let mut row = vec![partition.windows.to_string()];
        row.extend(numbers(figure, &[figure.p50, figure.p99, figure.max], 1));
        row
    };
    let rows: Vec<Row> = std::iter::once(head).chain(summary.partitions.iter().map(row)).collect();
    let numbers = aligned(&pad_first(rows), 0, 2);
    let taken = 4 + numbers.first().map_or(0, |line| line.chars().count());
    let remarks: Vec<_> = summary.partitions.iter().map(short_remarks).collect();
    let longest_remark = remarks.iter().map(|remarks| remarks.join(", ").chars().count()).max().unwrap_or(0);
    let reserved = if longest_remark == 0 { 0 } else { REMARKS.min(MARK.len() + longest_remark) };
    let names: Vec<_> = summary.partitions.iter().map(|partition| style.clean(&partition.name)).collect();
    let longest_name = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("partition".len());
    let name_width = style.width.saturating_sub(taken + reserved).max(MIN_NAME).min(longest_name);
    let room = style.width.saturating_sub(taken + name_width + MARK.len());
    let names = std::iter::once("partition".to_owned()).chain(names);
    let remarks = std::iter::once(Vec::new()).chain(remarks);
    let lines = names.zip(numbers).zip(remarks).map(|((name, numbers), remarks)| {
        let name = style.cut_name(&name, name_width);
        let mark = if remarks.is_empty() { "" } else { MARK };
        let line = format!("  {name:name_width$}  {numbers}{mark}{}", style.list(&remarks, room));
        // Numbers of many digits may leave no room even for the mark.
        style.cut(&line, style.width)
    });
    lines.collect()
}

/// Remarks without the word that they have in common.
fn short_remarks(partition: &Partition) -> Vec<String> {
    let shorten = |remark: String| {
        let short = remark.trim_end_matches('s').strip_suffix(" window").map(str::to_owned);
        short.unwrap_or(remark)
    };
    remarks(partition).into_iter().map(shorten).collect()
}

/// Right-aligns the first column, too.
fn pad_first(rows: Vec<Row>) -> Vec<Row> {
    let width = rows.iter().filter_map(|row| row.first()).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let pad = |mut row: Row| {
        if let Some(cell) = row.first_mut() {
            *cell = format!("{cell:>width$}");
        }
        row
    };
    rows.into_iter().map(pad).collect()
}

/// A line for each partition that speaks for itself.
pub(super) fn brief(partitions: &[Partition], style: Style) -> Vec<String> {
    let row = |partition: &Partition| {
        let figure = &partition.start_lateness_ns;
        let mut row = vec![style.clean(&partition.name), counted(partition.windows, "window")];
        let labels = ["start p50", "p99", "max"];
        for (label, number) in labels.iter().zip(numbers(figure, &[figure.p50, figure.p99, figure.max], 1)) {
            row.extend([(*label).to_owned(), number]);
        }
        row
    };
    let lines = aligned(&partitions.iter().map(row).collect::<Vec<_>>(), 0, 1);
    let lines = lines.into_iter().zip(partitions).map(|(line, partition)| {
        let remarks = short_remarks(partition);
        let mark = if remarks.is_empty() { "" } else { MARK };
        format!("{line} {}{mark}{}", style.micro(), remarks.join(", "))
    });
    lines.collect()
}
