//! `bulkhead bench window`.

/// Runs the subcommand; the result is the exit status.
pub fn run(_json: bool, _windows: u32, _cpu: Option<u32>) -> u8 {
    super::WELL
}
