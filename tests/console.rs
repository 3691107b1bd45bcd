//! Partitions' consoles, from the outside: hostile output, floods, readers that do not read, and input.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "console/flood.rs"]
mod flood;
#[path = "console/input.rs"]
mod input;
#[path = "console/text.rs"]
mod text;
