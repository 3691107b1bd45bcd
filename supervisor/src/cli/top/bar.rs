//! The bar of a core's major frame: whose windows are where. Pure.

use crate::control::protocol::Window;

/// What stands in one cell of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nobody's time.
    Gap,
    /// Mostly this partition's.
    Of(u16),
    /// The first cell of a window of this partition's.
    Start(u16),
}

/// A bar of `width` cells. A window that is too short for a cell of its own still gets one, unless others need it more.
pub(super) fn cells(windows: &[Window], frame_ns: u64, width: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::Gap; width];
    let place = |ns: u64| (u128::from(ns) * width as u128 / u128::from(frame_ns.max(1))) as usize;
    for window in windows {
        let first = place(window.start_ns).min(width.saturating_sub(1));
        // Rounded up: where the next window begins within this cell, it takes the cell over.
        let end =
            (u128::from(window.start_ns + window.duration_ns) * width as u128).div_ceil(u128::from(frame_ns.max(1)));
        let end = (end as usize).clamp(first, width);
        for (offset, cell) in cells[first..end].iter_mut().enumerate() {
            *cell = if offset == 0 { Cell::Start(window.partition) } else { Cell::Of(window.partition) };
        }
    }
    cells
}

/// What is written into a bar: into each window as much of its partition's name as fits.
pub(super) fn letters(cells: &[Cell], name: impl Fn(u16) -> String) -> Vec<char> {
    let mut letters = Vec::with_capacity(cells.len());
    let mut rest: Vec<char> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        letters.push(match cell {
            Cell::Gap => ' ',
            Cell::Start(partition) => {
                let room = cells[index + 1..].iter().take_while(|next| **next == Cell::Of(*partition)).count();
                // Before a neighbour a cell remains free, so that the two are told apart.
                let is_alone = cells.get(index + 1 + room).is_none_or(|next| *next == Cell::Gap);
                rest = name(*partition).chars().take((room + usize::from(is_alone)).max(1)).collect();
                rest.reverse();
                rest.pop().unwrap_or(' ')
            }
            Cell::Of(_) => rest.pop().unwrap_or(' '),
        });
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(partition: u16, start_ns: u64, duration_ns: u64) -> Window {
        Window { partition, start_ns, duration_ns }
    }

    fn drawn(windows: &[Window], frame_ns: u64, width: usize) -> String {
        let cells = cells(windows, frame_ns, width);
        let names = ["nav", "display", "io"];
        let letters = letters(&cells, |partition| names[usize::from(partition)].to_owned());
        let letter = |(cell, letter): (&Cell, char)| if *cell == Cell::Gap { '.' } else { letter };
        cells.iter().zip(letters).map(letter).collect()
    }

    #[test]
    fn windows_stand_where_they_are() {
        let windows = [window(0, 0, 25), window(1, 50, 50)];
        assert_eq!(drawn(&windows, 100, 20), "nav  .....display   ");
        assert_eq!(drawn(&windows, 100, 8), "na..disp");
        let neighbours = [window(0, 0, 50), window(1, 50, 50)];
        assert_eq!(drawn(&neighbours, 100, 8), "nav disp");
        assert_eq!(drawn(&neighbours, 100, 6), "na dis");
        assert_eq!(drawn(&[], 100, 4), "....");
    }

    #[test]
    fn short_windows_are_seen_and_the_last_cell_is_the_last() {
        assert_eq!(drawn(&[window(2, 999, 1), window(0, 10, 1)], 1000, 10), "n........i");
        // Back to back, and the first one ends within the cell of the second.
        assert_eq!(drawn(&[window(0, 0, 15), window(2, 15, 15)], 30, 3), "nio");
        assert_eq!(drawn(&[window(0, 0, 10)], 10, 0), "");
    }
}
