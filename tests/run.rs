//! `bulkhead run`, from the outside: the real binary, real guests, real windows.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "run/boot.rs"]
mod boot;
#[path = "run/clock.rs"]
mod clock;
#[path = "run/ends.rs"]
mod ends;
#[path = "run/recording.rs"]
mod recording;
#[path = "run/usage.rs"]
mod usage;
