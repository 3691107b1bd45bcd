//! The partition's mode.

use super::types::{Code, Mode, Reply};
use super::{Core, Env};

impl<E: Env> Core<'_, E> {
    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Level of the preemption lock.
    pub fn lock_level(&self) -> i32 {
        self.lock_level
    }

    /// SET_PARTITION_MODE. After NORMAL the main process is over; the other modes end the partition.
    ///
    /// # Errors
    /// As the header says.
    pub fn set_mode(&mut self, mode: Reply<Mode>) -> Reply {
        let mode = mode?;
        match (self.mode, mode) {
            (Mode::Normal, Mode::Normal) => return Err(Code::NoAction),
            (Mode::ColdStart, Mode::WarmStart) => return Err(Code::InvalidMode),
            (_, Mode::Normal) => {
                self.mode = Mode::Normal;
                self.release_all();
            }
            _ => self.env.leave(mode),
        }
        Ok(())
    }

    /// Objects can be created at start-up only.
    pub(crate) fn check_start_up(&self) -> Reply {
        if self.is_normal() { Err(Code::InvalidMode) } else { Ok(()) }
    }
}
