//! Frames, windows, the next boundary. Pure: no clock is read here.

use crate::config::module::{Core, Window};

/// An instant within the major frame at which a core has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// Nanoseconds from the beginning of the frame.
    pub offset_ns: u64,
    /// The window that begins here.
    pub starts: Option<Window>,
}

/// A core's boundaries in one major frame, sorted and repeated for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    major_frame_ns: u64,
    boundaries: Vec<Boundary>,
}

/// A boundary of a certain frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The major frame, from 0.
    pub frame: u64,
    /// Index of the boundary in the frame.
    index: usize,
}

impl Timetable {
    /// The timetable of a core in a schedule. It has a boundary at the beginning of the frame even if no window starts there, so
    /// that frames can be counted.
    pub fn new(core: &Core, schedule: usize, major_frame_ns: u64) -> Timetable {
        let windows = core.windows_in(schedule);
        let mut offsets: Vec<u64> = std::iter::once(0)
            .chain(windows.iter().flat_map(|window| [window.start_ns, window.end_ns()]))
            .filter(|&offset| offset < major_frame_ns)
            .collect();
        offsets.sort_unstable();
        offsets.dedup();
        let starts_at = |offset| windows.iter().find(|window| window.start_ns == offset).copied();
        let boundaries =
            offsets.into_iter().map(|offset_ns| Boundary { offset_ns, starts: starts_at(offset_ns) }).collect();
        Timetable { major_frame_ns, boundaries }
    }

    /// The boundary at `position`.
    pub fn boundary(&self, position: Position) -> &Boundary {
        &self.boundaries[position.index]
    }

    /// The instant of `position` in nanoseconds, if frame 0 began at `epoch_ns`.
    pub fn instant_ns(&self, epoch_ns: u64, position: Position) -> u64 {
        epoch_ns + position.frame * self.major_frame_ns + self.boundary(position).offset_ns
    }

    /// The boundary after `position`.
    pub fn next(&self, position: Position) -> Position {
        if position.index + 1 < self.boundaries.len() {
            Position { index: position.index + 1, ..position }
        } else {
            Position { frame: position.frame + 1, index: 0 }
        }
    }

    /// How many whole frames lie between the instant of `position` and `now_ns`.
    pub fn frames_behind(&self, epoch_ns: u64, position: Position, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.instant_ns(epoch_ns, position)) / self.major_frame_ns
    }

    /// The same boundary, `frames` later.
    pub fn skip(&self, position: Position, frames: u64) -> Position {
        Position { frame: position.frame + frames, ..position }
    }

    /// The beginning of a frame.
    pub fn beginning(&self, frame: u64) -> Position {
        Position { frame, index: 0 }
    }

    /// Whether `position` is the beginning of its frame.
    pub fn begins_frame(&self, position: Position) -> bool {
        position.index == 0
    }
}

/// The period of a partition with these windows (sorted by start), and the time that it has in each, in nanoseconds: the
/// shortest part of the major frame in which the windows repeat. Without windows that is the whole frame, and no time.
pub fn period_ns<'a>(windows: impl IntoIterator<Item = &'a Window>, major_frame_ns: u64) -> (u64, u64) {
    let windows: Vec<&Window> = windows.into_iter().collect();
    let busy: u64 = windows.iter().map(|window| window.duration_ns).sum();
    let repeats = |times: &usize| {
        let (step, period_ns) = (windows.len() / times, major_frame_ns / *times as u64);
        let follows = |(early, late): (&&Window, &&Window)| {
            late.start_ns == early.start_ns + period_ns && late.duration_ns == early.duration_ns
        };
        windows.len().is_multiple_of(*times)
            && major_frame_ns.is_multiple_of(*times as u64)
            && windows.iter().zip(&windows[step..]).all(follows)
    };
    let times = (1..=windows.len()).rev().find(repeats).unwrap_or(1) as u64;
    (major_frame_ns / times, busy / times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PartitionId;

    fn window(partition: u16, start_ns: u64, duration_ns: u64) -> Window {
        Window { partition: PartitionId(partition), start_ns, duration_ns }
    }

    #[test]
    fn the_period_is_the_shortest_in_which_windows_repeat() {
        let period = |windows: &[Window]| period_ns(windows, 120);
        assert_eq!(period(&[]), (120, 0));
        assert_eq!(period(&[window(0, 5, 10)]), (120, 10));
        assert_eq!(period(&[window(0, 5, 10), window(0, 65, 10)]), (60, 10));
        // Evenly spaced, but of different lengths; of one length, but unevenly spaced.
        assert_eq!(period(&[window(0, 5, 10), window(0, 65, 11)]), (120, 21));
        assert_eq!(period(&[window(0, 5, 10), window(0, 66, 10)]), (120, 20));
        // A pattern of two windows that comes three times.
        let pattern: Vec<_> = (0..3).flat_map(|n| [window(0, 40 * n, 5), window(0, 40 * n + 8, 2)]).collect();
        assert_eq!(period(&pattern), (40, 7));
        // A whole number of windows, but not a whole number of nanoseconds.
        let uneven: Vec<_> = (0..7).map(|n| window(0, 17 * n, 1)).collect();
        assert_eq!(period(&uneven), (120, 7));
    }

    fn timetable(windows: Vec<Window>) -> Timetable {
        Timetable::new(&Core { number: 0, cpu: 0, windows, alternatives: vec![] }, 0, 100)
    }

    fn walk(table: &Timetable, count: usize) -> Vec<(u64, Option<u16>)> {
        let mut position = Position::default();
        (0..count)
            .map(|_| {
                let starts = table.boundary(position).starts.map(|window| window.partition.0);
                let step = (table.instant_ns(1000, position), starts);
                position = table.next(position);
                step
            })
            .collect()
    }

    #[test]
    fn adjacent_windows_share_a_boundary_and_the_last_end_is_the_next_frame() {
        let table = timetable(vec![window(0, 0, 40), window(1, 40, 60)]);
        assert_eq!(walk(&table, 4), [(1000, Some(0)), (1040, Some(1)), (1100, Some(0)), (1140, Some(1))]);
    }

    #[test]
    fn gaps_have_boundaries_of_their_own() {
        let table = timetable(vec![window(0, 10, 20), window(1, 50, 10)]);
        let expected =
            [(1000, None), (1010, Some(0)), (1030, None), (1050, Some(1)), (1060, None), (1100, None), (1110, Some(0))];
        assert_eq!(walk(&table, 7), expected);
    }

    #[test]
    fn a_core_without_windows_still_counts_frames() {
        assert_eq!(walk(&timetable(vec![]), 2), [(1000, None), (1100, None)]);
    }

    #[test]
    fn frames_behind_counts_whole_frames_only() {
        let table = timetable(vec![window(0, 50, 10)]);
        let position = table.next(Position::default());
        assert_eq!(table.instant_ns(1000, position), 1050);
        assert_eq!(table.frames_behind(1000, position, 900), 0);
        assert_eq!(table.frames_behind(1000, position, 1149), 0);
        assert_eq!(table.frames_behind(1000, position, 1150), 1);
        assert_eq!(table.frames_behind(1000, position, 1500), 4);
        assert_eq!(table.instant_ns(1000, table.skip(position, 4)), 1450);
    }
}
