//! The virtual CPU, from the outside: interrupts at every instruction, faults, the timer.
//!
//! Two settings serve: a partition in a module, as users run it, and a bare guest whose doorbell this test rings itself
//! ([`machine`]), which alone can count what it raised and choose the very instruction at which an interrupt strikes.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "vcpu/basics.rs"]
mod basics;
#[path = "vcpu/everywhere.rs"]
mod everywhere;
#[path = "vcpu/faults.rs"]
mod faults;
#[path = "vcpu/machine.rs"]
mod machine;
#[path = "vcpu/time.rs"]
mod time;
#[path = "vcpu/torture.rs"]
mod torture;
