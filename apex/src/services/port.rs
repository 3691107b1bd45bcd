//! Ports: what a partition talks to others through.

use crate::core::{
    Address, Direction, Discipline, Flow, Id, Name, QueuingStatus, Reply, SamplingCurrentStatus, SamplingStatus, Time,
    Updated,
};
use crate::platform::executive::{block_checked, call, call_checked};
use crate::probe;

/// CREATE_SAMPLING_PORT.
///
/// # Errors
/// As the header says.
pub fn create_sampling_port(name: Name, max_message: i32, direction: Reply<Direction>, refresh: Time) -> Reply<Id> {
    call(|core| core.create_sampling_port(name, max_message, direction, refresh))
}

/// WRITE_SAMPLING_MESSAGE.
///
/// # Safety
/// `from` must be readable for `length` bytes.
///
/// # Errors
/// As the header says.
pub unsafe fn write_sampling_message(port: Id, from: Address, length: i32) -> Reply {
    let room = |core: &crate::Executive| core.sampling_room(port).unwrap_or(0);
    let check = move |room: u32| {
        if (1..=room).contains(&(length as u32)) {
            probe::readable(from, length as u32);
        }
    };
    call_checked(room, check, |core| core.write_sampling(port, from, length))
}

/// READ_SAMPLING_MESSAGE: the message's length, and whether it is valid.
///
/// # Safety
/// `to` must be writable for the port's largest message.
///
/// # Errors
/// As the header says.
pub unsafe fn read_sampling_message(port: Id, to: Address) -> Reply<(u32, bool)> {
    let room = |core: &crate::Executive| core.sampling_room(port).unwrap_or(0);
    call_checked(room, move |room| probe::writable(to, room), |core| core.read_sampling(port, to))
}

/// READ_UPDATED_SAMPLING_MESSAGE: the message's length, 0 if it is not new.
///
/// # Safety
/// `to` must be writable for the port's largest message.
///
/// # Errors
/// As the header says; but NO_ACTION is told by the second value.
pub unsafe fn read_updated_sampling_message(port: Id, to: Address) -> Reply<(u32, Updated)> {
    let room = |core: &crate::Executive| core.sampling_room(port).unwrap_or(0);
    call_checked(room, move |room| probe::writable(to, room), |core| core.read_updated_sampling(port, to))
}

/// READ_SAMPLING_MESSAGE_CONDITIONAL: the message's length, and when it was written.
///
/// # Safety
/// `to` must be writable for the port's largest message.
///
/// # Errors
/// As the header says.
pub unsafe fn read_sampling_message_conditional(port: Id, reference: Time, to: Address) -> Reply<(u32, Time)> {
    let room = |core: &crate::Executive| core.sampling_room(port).unwrap_or(0);
    let check = move |room| probe::writable(to, room);
    call_checked(room, check, |core| core.read_sampling_conditional(port, reference, to))
}

/// GET_SAMPLING_PORT_ID.
///
/// # Errors
/// As the header says.
pub fn sampling_port_id(name: &Name) -> Reply<Id> {
    call(|core| core.sampling_port_id(name))
}

/// GET_SAMPLING_PORT_STATUS.
///
/// # Errors
/// As the header says.
pub fn sampling_port_status(port: Id) -> Reply<SamplingStatus> {
    call(|core| core.sampling_status(port))
}

/// GET_SAMPLING_PORT_CURRENT_STATUS.
///
/// # Errors
/// As the header says.
pub fn sampling_port_current_status(port: Id) -> Reply<SamplingCurrentStatus> {
    call(|core| core.sampling_current_status(port))
}

/// CREATE_QUEUING_PORT.
///
/// # Errors
/// As the header says.
pub fn create_queuing_port(
    name: Name,
    max_message: i32,
    depth: i32,
    direction: Reply<Direction>,
    discipline: Reply<Discipline>,
) -> Reply<Id> {
    call(|core| core.create_queuing_port(name, max_message, depth, direction, discipline))
}

/// SEND_QUEUING_MESSAGE.
///
/// # Safety
/// `from` must be readable for `length` bytes, and stay as it is until this returns.
///
/// # Errors
/// As the header says.
pub unsafe fn send_queuing_message(port: Id, from: Address, length: i32, timeout: Time) -> Reply {
    let room = |core: &crate::Executive| core.queuing_room(port).unwrap_or(0);
    let check = move |room: u32| {
        if (1..=room).contains(&(length as u32)) {
            probe::readable(from, length as u32);
        }
    };
    block_checked(room, check, |core| core.send_queuing(port, from, length, timeout), |_| ())
}

/// RECEIVE_QUEUING_MESSAGE: the message's length, and whether messages were lost before it.
///
/// # Safety
/// `to` must be writable for the port's largest message until this returns.
///
/// # Errors
/// As the header says; but INVALID_CONFIG, with which the message is valid, is told by the second value.
pub unsafe fn receive_queuing_message(port: Id, timeout: Time, to: Address) -> Reply<(u32, bool)> {
    let room = |core: &crate::Executive| core.queuing_room(port).unwrap_or(0);
    let receive = |core: &mut crate::Executive| -> Reply<Flow<u32>> { core.receive_queuing(port, timeout, to) };
    let length = block_checked(room, move |room| probe::writable(to, room), receive, |length| length)?;
    Ok((length, call(|core| core.queuing_overflowed(port))))
}

/// GET_QUEUING_PORT_ID.
///
/// # Errors
/// As the header says.
pub fn queuing_port_id(name: &Name) -> Reply<Id> {
    call(|core| core.queuing_port_id(name))
}

/// GET_QUEUING_PORT_STATUS.
///
/// # Errors
/// As the header says.
pub fn queuing_port_status(port: Id) -> Reply<QueuingStatus> {
    call(|core| core.queuing_status(port))
}

/// CLEAR_QUEUING_PORT.
///
/// # Errors
/// As the header says.
pub fn clear_queuing_port(port: Id) -> Reply {
    call(|core| core.clear_queuing_port(port))
}

/// What the interfaces above make of a message that follows lost ones.
#[cfg(feature = "capi")]
pub(crate) const OVERFLOWED: crate::core::Code = crate::core::Code::InvalidConfig;
