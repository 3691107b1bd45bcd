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
    /// The timetable of a core. It has a boundary at the beginning of the frame even if no window starts there, so that
    /// frames can be counted.
    pub fn new(core: &Core, major_frame_ns: u64) -> Timetable {
        let mut offsets: Vec<u64> = std::iter::once(0)
            .chain(core.windows.iter().flat_map(|window| [window.start_ns, window.end_ns()]))
            .filter(|&offset| offset < major_frame_ns)
            .collect();
        offsets.sort_unstable();
        offsets.dedup();
        let starts_at = |offset| core.windows.iter().find(|window| window.start_ns == offset).copied();
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

    /// Whether `position` is the beginning of its frame.
    pub fn begins_frame(&self, position: Position) -> bool {
        position.index == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PartitionId;

    fn window(partition: u16, start_ns: u64, duration_ns: u64) -> Window {
        Window { partition: PartitionId(partition), start_ns, duration_ns }
    }

    fn timetable(windows: Vec<Window>) -> Timetable {
        Timetable::new(&Core { number: 0, cpu: 0, windows }, 100)
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
