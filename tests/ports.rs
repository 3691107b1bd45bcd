//! Ports between real guests, under windows: nothing lost, nothing torn, nothing out of order, whoever restarts.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "ports/gateway.rs"]
mod gateway;
#[path = "ports/hostile.rs"]
mod hostile;
#[path = "ports/module.rs"]
mod module;
#[path = "ports/queuing.rs"]
mod queuing;
#[path = "ports/sampling.rs"]
mod sampling;
