//! `bulkhead check`: shows what a configuration means.
//!
//! Every core gets a drawing of the major frame with one lane per partition, and behind all cores comes a table. A
//! drawing is for seeing where the gaps and the neighbours are; exact numbers are the table's business.

use std::fmt::Write;

use crate::config::module::Core;
use crate::config::{Module, PartitionId, Window, bytes_text, ns_text};

/// Narrowest and widest drawing in columns.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=400;
/// Most columns of a partition's name in front of its lane.
const MAX_LABEL: usize = 20;
/// Most windows of a partition that the table spells out.
const MAX_LISTED: usize = 3;

/// The characters that a drawing is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Blocks and lines of Unicode, with a resolution of an eighth of a column.
    Unicode,
    /// ASCII only.
    Ascii,
}

/// Draws the major frame of `module` on `width` columns (of which 40 to 400 are used) and adds a table of its
/// partitions and of what the cores have left. Ends with a newline.
pub fn timeline(module: &Module, width: usize, charset: Charset) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut out = format!(
        "module {}: {}, {}, major frame {}\n",
        module.name,
        count(module.partitions.len(), "partition"),
        count(module.cores.len(), "core"),
        ns_text(module.major_frame_ns)
    );
    let label = module.partitions.iter().map(|partition| columns(&partition.name)).max().unwrap_or(0).min(MAX_LABEL);
    let drawing = Drawing { frame_ns: module.major_frame_ns, label, width: width - label - 4, charset };
    for core in &module.cores {
        let _ = write!(out, "\n{}\n", core_title(module, core));
        drawing.axis(&mut out);
        for id in partitions_of(module, core) {
            drawing.lane(&mut out, &module.partition(id).name, module.windows_of(id));
        }
    }
    out.push('\n');
    out.push_str(&table(module, width));
    out
}

/// "core 0 (CPU 2): 40 % idle".
fn core_title(module: &Module, core: &Core) -> String {
    let used: u64 = core.windows.iter().map(|window| window.duration_ns).sum();
    let idle = module.major_frame_ns.saturating_sub(used);
    format!("core {} (CPU {}): {} idle, {}", core.number, core.cpu, ns_text(idle), share(idle, module.major_frame_ns))
}

/// The partitions of a core, in order of their first windows.
fn partitions_of(module: &Module, core: &Core) -> Vec<PartitionId> {
    let mut ids = Vec::new();
    let mut seen = vec![false; module.partitions.len()];
    for window in &core.windows {
        if !std::mem::replace(&mut seen[window.partition.index()], true) {
            ids.push(window.partition);
        }
    }
    ids
}

/// A major frame on a number of columns.
struct Drawing {
    frame_ns: u64,
    /// Columns of the names.
    label: usize,
    /// Columns of the frame.
    width: usize,
    charset: Charset,
}

impl Drawing {
    /// The time axis: a line of numbers and a line of ticks.
    fn axis(&self, out: &mut String) {
        let (line, tick, end) = match self.charset {
            Charset::Unicode => ('─', '┬', '┐'),
            Charset::Ascii => ('-', '+', '+'),
        };
        let step = step(self.frame_ns, self.width);
        // One column more than the lanes have: the frame's end lies behind the last of them.
        let mut ticks = vec![line; self.width + 1];
        let mut numbers = String::new();
        let mut at = 0;
        while at < self.frame_ns {
            let column = self.column(at);
            ticks[column] = tick;
            let text = ns_text(at);
            // The numbers leave the frame's end to the frame's length.
            if columns(&numbers) <= column && column + columns(&text) + 1 < self.end_text_column() {
                pad(&mut numbers, column);
                numbers.push_str(if at == 0 { "0" } else { &text });
            }
            at += step;
        }
        ticks[0] = if self.charset == Charset::Unicode { '┌' } else { '+' };
        ticks[self.width] = end;
        pad(&mut numbers, self.end_text_column());
        numbers.push_str(&ns_text(self.frame_ns));
        let margin = " ".repeat(self.label + 2);
        let ticks: String = ticks.into_iter().collect();
        let _ = write!(out, "{margin}{numbers}\n{margin}{ticks}\n");
    }

    /// Where the frame's length is written: its last character is above the frame's end.
    fn end_text_column(&self) -> usize {
        (self.width + 1).saturating_sub(columns(&ns_text(self.frame_ns)))
    }

    /// The column that an instant lies in.
    fn column(&self, ns: u64) -> usize {
        scale(ns, self.width, self.frame_ns).min(self.width - 1)
    }

    /// A partition's lane.
    fn lane<'a>(&self, out: &mut String, name: &str, windows: impl Iterator<Item = &'a Window>) {
        let mut cells = vec![Cell::default(); self.width];
        for window in windows {
            self.fill(&mut cells, window);
        }
        let side = if self.charset == Charset::Unicode { '│' } else { '|' };
        let name = fit(name, self.label);
        let indent = " ".repeat(self.label.saturating_sub(columns(&name)) + 1);
        let bar: String = cells.iter().map(|cell| cell.glyph(self.charset)).collect();
        let _ = writeln!(out, " {name}{indent}{side}{}{side}", &bar[side_cut(&bar)..]);
    }

    /// Adds a window to a lane, in eighths of a column.
    fn fill(&self, cells: &mut [Cell], window: &Window) {
        let eighths = self.width * 8;
        let start = scale(window.start_ns, eighths, self.frame_ns).min(eighths - 1);
        let end = scale(window.end_ns(), eighths, self.frame_ns).clamp(start + 1, eighths);
        for (column, cell) in cells.iter_mut().enumerate().take(end.div_ceil(8)).skip(start / 8) {
            cell.add(start.saturating_sub(column * 8), (end - column * 8).min(8));
        }
    }
}
