//! The health monitor: an error, a table, an action.
//!
//! This module only decides. The main thread hands it what happened and carries out what it answers.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What the health monitor does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Record it and go on. A partition whose process is gone stays without one, and its windows stay empty.
    Ignore,
    /// Stop the partition for good.
    Idle,
    /// Restart the partition; its RAM area keeps its contents.
    WarmStart,
    /// Restart the partition with zeroed memory.
    ColdStart,
    /// Stop the module.
    Shutdown,
}

/// What can go wrong with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// The guest ended itself with a status other than 0.
    Exit,
    /// A signal ended the guest.
    Crash,
    /// The guest made a system call that it may not make.
    ForbiddenCall,
    /// The guest's stop was not confirmed in time at the end of its window.
    Overrun,
    /// A window of the partition started late.
    LateWindow,
}

/// A partition's table: an action for every error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// For [`Error::Exit`].
    pub exit: Action,
    /// For [`Error::Crash`].
    pub crash: Action,
    /// For [`Error::ForbiddenCall`].
    pub forbidden_call: Action,
    /// For [`Error::Overrun`].
    pub overrun: Action,
    /// For [`Error::LateWindow`].
    pub late_window: Action,
}

impl Default for Actions {
    /// A partition that fails is left idle; what the host may be to blame for is recorded only.
    fn default() -> Self {
        Actions {
            exit: Action::Idle,
            crash: Action::Idle,
            forbidden_call: Action::Idle,
            overrun: Action::Ignore,
            late_window: Action::Ignore,
        }
    }
}

impl Actions {
    /// The action for `error`.
    pub fn action(&self, error: Error) -> Action {
        match error {
            Error::Exit => self.exit,
            Error::Crash => self.crash,
            Error::ForbiddenCall => self.forbidden_call,
            Error::Overrun => self.overrun,
            Error::LateWindow => self.late_window,
        }
    }
}

/// A crash storm: more than `restarts` restarts of one partition within `within_ns` stop the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// Restarts that are still borne.
    pub restarts: u32,
    /// The time in which they are counted, in nanoseconds.
    pub within_ns: u64,
}

impl Default for Storm {
    fn default() -> Self {
        Storm { restarts: 10, within_ns: 1_000_000_000 }
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

    #[test]
    fn a_storm_is_more_restarts_than_borne_within_its_time() {
        let storm = Storm { restarts: 3, within_ns: 100 };
        let mut watch = StormWatch::default();
        assert!(![0, 10, 20].into_iter().any(|at| watch.restart(storm, at)));
        assert!(watch.restart(storm, 99));
        // Those at 0, 10 and 20 have left the time by now.
        let mut watch = StormWatch::default();
        assert!(![0, 10, 20, 120, 130].into_iter().any(|at| watch.restart(storm, at)));
    }

    #[test]
    fn a_storm_of_none_stops_at_the_first_restart() {
        assert!(StormWatch::default().restart(Storm { restarts: 0, within_ns: 1 }, 5));
    }
}
