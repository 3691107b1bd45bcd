//! The layout of cyclictest's histogram file, for the scripts and plots that read it: a line for each microsecond, a
//! column for each partition where cyclictest has one for each thread.

use std::io::Write;
use std::path::Path;

use super::Error;
use crate::record::event::Kind;
use crate::record::file::Reader;

/// Lines, in microseconds; a later window counts as an overflow.
pub const LINES: usize = 1000;
/// Overflows whose cycle number is listed.
const LISTED: usize = 100;

#[derive(Debug, Clone)]
struct Column {
    counts: Vec<u64>,
    total: u64,
    min: u64,
    max: u64,
    sum: u64,
    overflows: u64,
    overflow_at: Vec<u64>,
}

impl Column {
    fn add(&mut self, us: u64) {
        match usize::try_from(us).ok().and_then(|us| self.counts.get_mut(us)) {
            Some(count) => *count += 1,
            None => {
                self.overflows += 1;
                if self.overflow_at.len() < LISTED {
                    self.overflow_at.push(self.total);
                }
            }
        }
        self.total += 1;
        self.min = self.min.min(us);
        self.max = self.max.max(us);
        self.sum = self.sum.saturating_add(us);
    }
}

/// Writes the start lateness of the recording at `path`.
///
/// # Errors
/// If the recording cannot be read or the histogram cannot be written.
pub fn write(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let header = reader.header().clone();
    let empty = Column {
        counts: vec![0; LINES],
        total: 0,
        min: u64::MAX,
        max: 0,
        sum: 0,
        overflows: 0,
        overflow_at: Vec::new(),
    };
    let mut columns = vec![empty; header.partitions.len()];
    for event in reader.by_ref() {
        let event = event?;
        if let Kind::WindowStart { planned_ns, continued_ns, .. } = event.kind
            && let Some(column) = columns.get_mut(usize::from(event.partition))
        {
            column.add(continued_ns.saturating_sub(planned_ns) / 1000);
        }
    }
    writeln!(out, "# Histogram")?;
    for us in 0..LINES {
        let counts: Vec<String> = columns.iter().map(|column| format!("{:06}", column.counts[us])).collect();
        writeln!(out, "{us:06} {}", counts.join("\t"))?;
    }
    let mut row = |title: &str, width: usize, value: &dyn Fn(&Column) -> u64| {
        let values: String = columns.iter().map(|column| format!(" {:0width$}", value(column))).collect();
        writeln!(out, "# {title}:{values}")
    };
    row("Total", 9, &|column| column.total - column.overflows)?;
    row("Min Latencies", 5, &|column| if column.total == 0 { 0 } else { column.min })?;
    row("Avg Latencies", 5, &|column| column.sum.checked_div(column.total).unwrap_or(0))?;
    row("Max Latencies", 5, &|column| column.max)?;
    row("Histogram Overflows", 5, &|column| column.overflows)?;
    writeln!(out, "# Histogram Overflow at cycle number:")?;
    for (index, (column, partition)) in columns.iter().zip(&header.partitions).enumerate() {
        let cycles: String = column.overflow_at.iter().map(|cycle| format!(" {cycle:05}")).collect();
        let others = column.overflows - column.overflow_at.len() as u64;
        let others = if others > 0 { format!(" # {others:05} others") } else { String::new() };
        writeln!(out, "# Thread {index}:{cycles}{others}")?;
        // A comment that cyclictest does not write, since its threads have no names.
        writeln!(out, "# Partition of thread {index}: {}", partition.name.replace(['\n', '\r'], " "))?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synth;

    #[test]
    fn every_window_is_counted_in_its_microsecond() {
        let header = synth::header(&["nav", "io"]);
        let events: Vec<_> = [(0, 30_900), (0, 30_100), (1, 5_000), (1, 1_000_000)]
            .into_iter()
            .flat_map(|(partition, late)| synth::window(partition, 0, 1 << 40, (1 << 40) + 5_000_000, [late, 0, 0, 9]))
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), synth::bytes(&header, &events)).unwrap();
        let mut out = Vec::new();
        write(file.path(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}"));
        assert_eq!(line("000030 "), "000030 000002\t000000");
        assert_eq!(line("000005 "), "000005 000000\t000001");
        assert_eq!(line("# Min Latencies"), "# Min Latencies: 00030 00005");
        assert_eq!(line("# Max Latencies"), "# Max Latencies: 00030 01000");
        assert_eq!(line("# Histogram Overflows"), "# Histogram Overflows: 00000 00001");
        assert_eq!(line("# Thread 1"), "# Thread 1: 00001");
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), LINES);
    }
}
