//! Lockstep: a program outside, such as a plant model or a test, that moves a virtual run from instant to instant.
//!
//! A Unix stream socket, one JSON object a line each way (`docs/lockstep.md`). Unlike the control socket it is served by the
//! supervisor's main thread itself, which does nothing else meanwhile: time stands still while the client thinks, and what it does
//! happens at an exact instant.
//!
//! * [`protocol`]: what goes over the socket;
//! * [`request`]: what a client's line asks for;
//! * [`link`]: the socket, and the one client.
//!
//! What requests do to the module is in [`crate::supervise`].

pub mod link;
pub mod protocol;
pub mod request;
