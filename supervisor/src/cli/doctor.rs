//! `bulkhead doctor`.

/// Runs the subcommand; the result is the exit status.
pub fn run(_json: bool) -> u8 {
    super::WELL
}
