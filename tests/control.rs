//! The control socket of real runs, and `bulkhead top` in a pseudo-terminal.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "control/api.rs"]
mod api;
#[path = "control/places.rs"]
mod places;
#[path = "control/talk.rs"]
mod talk;
#[path = "control/top.rs"]
mod top;
