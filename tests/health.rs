//! The health monitor, from the outside: guests that fail in every way, and what is done about it.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "health/actions.rs"]
mod actions;
#[path = "health/crashes.rs"]
mod crashes;
#[path = "health/idle.rs"]
mod idle;
