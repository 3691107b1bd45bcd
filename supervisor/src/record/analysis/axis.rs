//! A run's length on a fixed number of points: however many major frames there were, a chart has some hundred columns.
//!
//! Every column covers the same power of two of frames. When the run outgrows the axis, neighbours are merged and columns
//! cover twice as many. The largest value of a column is kept as it is, so a single late window in a million stays visible.

use serde::Serialize;

/// Columns at most.
pub const COLUMNS: usize = 512;

/// What the columns of all series of a recording mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// The frame that the first column begins with.
    pub first_frame: u64,
    /// How many frames a column covers.
    pub frames_per_column: u64,
    /// How many columns there are.
    pub columns: usize,
}

/// What happened in one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Column {
    /// The largest value.
    pub max: u64,
    /// All values.
    pub sum: u64,
    /// How many.
    pub count: u64,
}

impl Column {
    fn merge(self, other: Column) -> Column {
        Column {
            max: self.max.max(other.max),
            sum: self.sum.saturating_add(other.sum),
            count: self.count + other.count,
        }
    }
}

/// Values along a run.
#[derive(Debug, Default)]
pub struct Series {
    columns: Vec<Column>,
    shift: u32,
}

impl Series {
    /// A series without values.
    pub fn new() -> Series {
        Series::default()
    }

    /// Adds a value at `frame`, counted from the axis' first.
    pub fn add(&mut self, frame: u64, value: u64) {
        while frame >> self.shift >= COLUMNS as u64 {
            self.halve();
        }
        let index = (frame >> self.shift) as usize;
        if index >= self.columns.len() {
            self.columns.resize(index + 1, Column::default());
        }
        self.columns[index] = self.columns[index].merge(Column { max: value, sum: value, count: 1 });
    }

    /// How many frames a column covers, as a power of two.
    pub fn shift(&self) -> u32 {
        self.shift
    }

    /// The columns, once each covers 2 to the power of `shift` frames; no less than now.
    pub fn at(&mut self, shift: u32) -> &[Column] {
        while self.shift < shift {
            self.halve();
        }
        &self.columns
    }

    fn halve(&mut self) {
        let merge = |pair: &[Column]| pair.iter().copied().fold(Column::default(), Column::merge);
        self.columns = self.columns.chunks(2).map(merge).collect();
        // Frames have 64 bits, and nothing is left to merge when all share a column.
        self.shift = (self.shift + 1).min(63);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maximum_survives_every_merge() {
        let mut series = Series::new();
        for frame in 0..100_000 {
            series.add(frame, if frame == 77_777 { 5_000_000 } else { 30_000 + frame % 7 });
        }
        let shift = series.shift();
        let columns = series.at(shift);
        assert!(columns.len() <= COLUMNS && columns.len() > COLUMNS / 4, "{}", columns.len());
        let peaks: Vec<_> = columns.iter().enumerate().filter(|(_, column)| column.max > 1_000_000).collect();
        assert_eq!(peaks.len(), 1);
        assert_eq!((peaks[0].0, peaks[0].1.max), ((77_777 >> shift) as usize, 5_000_000));
        assert_eq!(columns.iter().map(|column| column.count).sum::<u64>(), 100_000);
    }

    #[test]
    fn frames_beyond_all_reason_still_find_a_column() {
        let mut series = Series::new();
        series.add(0, 1);
        series.add(u64::MAX, 9);
        assert!(series.at(0).len() <= COLUMNS);
        assert_eq!(series.at(0).iter().map(|column| column.max).max(), Some(9));
    }

    #[test]
    fn series_of_different_length_meet_on_one_axis() {
        let (mut long, mut short) = (Series::new(), Series::new());
        (0..5_000).for_each(|frame| long.add(frame, 1));
        (0..10).for_each(|frame| short.add(frame, 2));
        let columns = short.at(long.shift());
        assert_eq!(columns, [Column { max: 2, sum: 20, count: 10 }]);
    }
}
