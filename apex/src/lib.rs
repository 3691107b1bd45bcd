//! The ARINC 653 executive: the guest operating system of a Bulkhead partition.
//!
//! * [`core`]: the rules. A state machine without system calls and without unsafe code, tested on the host;
//! * `platform`: the virtual CPU underneath: context switch, stacks, timer, interrupts, faults;
//! * `services`: the services as Rust functions, callable from any process;
//! * `capi`: the same under the names of the standard's C binding (feature `capi`);
//! * `Bulkhead`: the same as the traits of the crate `a653rs` (feature `a653rs`).
//!
//! What the executive decides where the standard leaves a choice is written down in `docs/apex.md`.
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(feature = "capi")]
mod capi;
pub mod core;
#[cfg(feature = "a653rs")]
mod hypervisor;
#[cfg(feature = "runtime")]
mod platform;
#[cfg(feature = "runtime")]
mod probe;
#[cfg(feature = "runtime")]
pub mod services;

#[cfg(feature = "a653rs")]
pub use hypervisor::Bulkhead;

/// The rules on the virtual CPU.
#[cfg(feature = "runtime")]
pub(crate) type Executive = core::Core<'static, platform::World>;
