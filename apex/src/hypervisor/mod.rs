//! The traits of the crate `a653rs`: a partition that was written for another hypervisor names [`Bulkhead`] instead, and that
//! is all.
//!
//! ```ignore
//! #[a653rs_macros::partition(bulkhead_apex::Bulkhead)]
//! mod navigation { … }
//! ```
//!
//! Identifiers have 64 bits there and 32 here, lengths are unsigned there; what does not fit is INVALID_PARAM.

mod intra;
mod partition;
mod port;
mod process;

use a653rs::bindings::*;

use crate::core as rules;

/// The executive as a type: what `a653rs` calls a hypervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bulkhead;

type Result<T = ()> = core::result::Result<T, ErrorReturnCode>;

fn code(code: rules::Code) -> ErrorReturnCode {
    match code {
        rules::Code::NoAction => ErrorReturnCode::NoAction,
        rules::Code::NotAvailable => ErrorReturnCode::NotAvailable,
        rules::Code::InvalidParam => ErrorReturnCode::InvalidParam,
        rules::Code::InvalidConfig => ErrorReturnCode::InvalidConfig,
        rules::Code::InvalidMode => ErrorReturnCode::InvalidMode,
        rules::Code::TimedOut => ErrorReturnCode::TimedOut,
    }
}

/// A reply of the services as one of the traits'.
fn reply<T>(reply: rules::Reply<T>) -> Result<T> {
    reply.map_err(code)
}

/// An identifier of the services as one of the traits'.
fn wide(id: rules::Reply<i32>) -> Result<i64> {
    reply(id).map(i64::from)
}

/// An identifier of the traits as one of the services'. None has the number 0 or less but the main process, which no service
/// takes.
fn narrow(id: i64) -> i32 {
    i32::try_from(id).unwrap_or(0)
}

/// A length or number, which is unsigned in the traits. One that is too large is too large for everything.
fn length(length: u32) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn discipline(discipline: QueuingDiscipline) -> rules::Reply<rules::Discipline> {
    rules::Discipline::try_from(discipline as u32)
}

fn direction(direction: rules::Direction) -> PortDirection {
    match direction {
        rules::Direction::Source => PortDirection::Source,
        rules::Direction::Destination => PortDirection::Destination,
    }
}

fn validity(valid: bool) -> Validity {
    if valid { Validity::Valid } else { Validity::Invalid }
}

/// What a code address is there that nobody calls: an error without an address.
extern "C" fn nowhere() {}

/// An address as the traits have it, which is that of a function whatever lies there.
fn address(address: usize) -> SystemAddress {
    if address == 0 {
        return nowhere;
    }
    // SAFETY: not null, which is all that a function pointer has to be as long as nobody calls it; and to call the address of a
    // failure makes no sense in any language.
    unsafe { core::mem::transmute::<usize, SystemAddress>(address) }
}

/// A slice's length. No message is longer than 32 bits can say.
fn message_length(message: &[u8]) -> i32 {
    i32::try_from(message.len()).unwrap_or(i32::MAX)
}

impl ApexLimits for Bulkhead {}
