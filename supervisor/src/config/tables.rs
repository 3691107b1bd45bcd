//! How much room a partition's windows and arguments take in its boot tables.

use bulkhead_abi::boot;
use bulkhead_abi::schedule::Schedule;

/// Size of an address in the boot tables, in bytes.
const POINTER: u64 = 8;

/// Bytes that a partition takes of [`bulkhead_abi::map::host::TABLES_SIZE`]: a [`boot::Window`] for each of its
/// windows in all schedules, a [`Schedule`] for each schedule, an address for its name, for each argument and for the null
/// behind them, and all those strings with their NULs.
pub fn tables_size<'a>(name: &str, args: impl IntoIterator<Item = &'a str>, windows: usize, schedules: usize) -> u64 {
    let string = |text: &str| POINTER + text.len() as u64 + 1;
    let windows = windows as u64 * size_of::<boot::Window>() as u64;
    let schedules = schedules as u64 * size_of::<Schedule>() as u64;
    windows + schedules + string(name) + args.into_iter().map(string).sum::<u64>() + POINTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_counted() {
        // argv of name and null, and "nav\0".
        assert_eq!(tables_size("nav", [], 0, 0), 16 + 4);
        // Two more addresses, "a\0" and "\0".
        assert_eq!(tables_size("nav", ["a", ""], 0, 0), 20 + 16 + 2 + 1);
        assert_eq!(tables_size("nav", [], 1024, 2), 20 + 16384 + 128);
    }

    #[test]
    fn the_most_windows_leave_room_for_arguments() {
        let used = tables_size(&"n".repeat(bulkhead_abi::NAME_LEN), [], crate::config::module::MAX_WINDOWS, 1);
        assert!(used + 16384 <= bulkhead_abi::map::host::TABLES_SIZE);
    }
}
