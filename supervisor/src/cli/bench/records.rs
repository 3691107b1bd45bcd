//! Records that a guest writes to its console: two words each, what it is and its value.

use std::time::{Duration, Instant};

use super::Failure;
use super::bare::Bare;
use crate::cli::HOST_CANNOT;

/// The longest that the guest may take between two records.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has come and has not been read yet.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    read: usize,
}

impl Records {
    /// The guest's next record.
    pub(super) fn next(&mut self, guest: &mut Bare) -> Result<(u64, u64), Failure> {
        let begun = Instant::now();
        loop {
            if let Some(record) = self.bytes.get(self.read..self.read + 16) {
                let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| record[at + byte]));
                let record = (word(0), word(8));
                self.read += 16;
                return Ok(record);
            }
            self.bytes.drain(..self.read);
            self.read = 0;
            guest.drain(&mut self.bytes);
            if begun.elapsed() > PATIENCE {
                return Err((HOST_CANNOT, "the guest says nothing".to_owned()));
            }
            // On the guest's own CPU this gives way to it.
            std::thread::yield_now();
        }
    }
}

/// Ticks of the counter in picoseconds; `mult` is nanoseconds per tick, times 2^32.
pub(super) fn ps(ticks: u64, mult: u64) -> u64 {
    ((u128::from(ticks) * u128::from(mult) * 1000) >> 32) as u64
}
