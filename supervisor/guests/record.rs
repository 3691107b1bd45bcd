//! What the guests of the benchmarks hand to the supervisor: records of two words on the console.

use bulkhead_shim::console;

/// Writes a record: what it is, and its value. Whenever the console has no room, `when_full` is called first.
pub fn record(what: u64, value: u64, when_full: impl Fn()) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&what.to_le_bytes());
    bytes[8..].copy_from_slice(&value.to_le_bytes());
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let written = console::write(rest);
        rest = &rest[written..];
        if written == 0 {
            when_full();
        }
    }
}
