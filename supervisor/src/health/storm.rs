//! Crash storms: restarts that come too thick.

use std::collections::VecDeque;

/// What is done about a crash storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StormAction {
    /// The module stops.
    #[default]
    Shutdown,
    /// The partition stays without a process; the others go on.
    Idle,
    /// The module restarts. A storm of such restarts stops it.
    Reset,
}

/// A crash storm: more than `restarts` restarts of one partition within `within_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// Restarts that are still borne.
    pub restarts: u32,
    /// The time in which they are counted, in nanoseconds.
    pub within_ns: u64,
    /// What is done about one too many.
    pub action: StormAction,
}

impl Default for Storm {
    fn default() -> Self {
        Storm { restarts: 10, within_ns: 1_000_000_000, action: StormAction::Shutdown }
    }
}

/// Counts one partition's restarts against a [`Storm`].
#[derive(Debug, Default)]
pub struct StormWatch {
    recent: VecDeque<u64>,
}

impl StormWatch {
    /// Notes a restart at `now_ns`; true if it is one too many.
    pub fn restart(&mut self, storm: Storm, now_ns: u64) -> bool {
        while self.recent.front().is_some_and(|&at| now_ns.saturating_sub(at) >= storm.within_ns) {
            self.recent.pop_front();
        }
        self.recent.push_back(now_ns);
        self.recent.len() > storm.restarts as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm(restarts: u32, within_ns: u64) -> Storm {
        Storm { restarts, within_ns, ..Storm::default() }
    }

    #[test]
    fn a_storm_is_more_restarts_than_borne_within_its_time() {
        let storm = storm(3, 100);
        let mut watch = StormWatch::default();
        assert!(![0, 10, 20].into_iter().any(|at| watch.restart(storm, at)));
        assert!(watch.restart(storm, 99));
        // Those at 0, 10 and 20 have left the time by now.
        let mut watch = StormWatch::default();
        assert!(![0, 10, 20, 120, 130].into_iter().any(|at| watch.restart(storm, at)));
    }

    #[test]
    fn a_storm_of_none_stops_at_the_first_restart() {
        assert!(StormWatch::default().restart(storm(0, 1), 5));
    }
}
