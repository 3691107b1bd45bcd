//! What the processes of a partition talk through: semaphores, events, buffers, blackboards, mutexes.

use crate::core::{
    Address, BlackboardStatus, BufferStatus, Discipline, EventStatus, Id, MutexStatus, Name, Reply, SemaphoreStatus,
    Time,
};
use crate::platform::executive::{block, block_checked, call, call_checked};
use crate::probe;

/// CREATE_SEMAPHORE.
///
/// # Errors
/// As the header says.
pub fn create_semaphore(name: Name, value: i32, maximum: i32, discipline: Reply<Discipline>) -> Reply<Id> {
    call(|core| core.create_semaphore(name, value, maximum, discipline))
}

/// WAIT_SEMAPHORE.
///
/// # Errors
/// As the header says.
pub fn wait_semaphore(semaphore: Id, timeout: Time) -> Reply {
    block(|core| core.wait_semaphore(semaphore, timeout), |_| ())
}

/// SIGNAL_SEMAPHORE.
///
/// # Errors
/// As the header says.
pub fn signal_semaphore(semaphore: Id) -> Reply {
    call(|core| core.signal_semaphore(semaphore))
}

/// GET_SEMAPHORE_ID.
///
/// # Errors
/// As the header says.
pub fn semaphore_id(name: &Name) -> Reply<Id> {
    call(|core| core.semaphore_id(name))
}

/// GET_SEMAPHORE_STATUS.
///
/// # Errors
/// As the header says.
pub fn semaphore_status(semaphore: Id) -> Reply<SemaphoreStatus> {
    call(|core| core.semaphore_status(semaphore))
}

/// CREATE_EVENT.
///
/// # Errors
/// As the header says.
pub fn create_event(name: Name) -> Reply<Id> {
    call(|core| core.create_event(name))
}

/// SET_EVENT.
///
/// # Errors
/// As the header says.
pub fn set_event(event: Id) -> Reply {
    call(|core| core.set_event(event))
}

/// RESET_EVENT.
///
/// # Errors
/// As the header says.
pub fn reset_event(event: Id) -> Reply {
    call(|core| core.reset_event(event))
}

/// WAIT_EVENT.
///
/// # Errors
/// As the header says.
pub fn wait_event(event: Id, timeout: Time) -> Reply {
    block(|core| core.wait_event(event, timeout), |_| ())
}

/// GET_EVENT_ID.
///
/// # Errors
/// As the header says.
pub fn event_id(name: &Name) -> Reply<Id> {
    call(|core| core.event_id(name))
}

/// GET_EVENT_STATUS.
///
/// # Errors
/// As the header says.
pub fn event_status(event: Id) -> Reply<EventStatus> {
    call(|core| core.event_status(event))
}

/// CREATE_BUFFER.
///
/// # Errors
/// As the header says.
pub fn create_buffer(name: Name, max_message: i32, max_count: i32, discipline: Reply<Discipline>) -> Reply<Id> {
    call(|core| core.create_buffer(name, max_message, max_count, discipline))
}

/// SEND_BUFFER.
///
/// # Safety
/// `from` must be readable for `length` bytes, and stay as it is until this returns.
///
/// # Errors
/// As the header says.
pub unsafe fn send_buffer(buffer: Id, from: Address, length: i32, timeout: Time) -> Reply {
    let room = |core: &crate::Executive| core.buffer_room(buffer).unwrap_or(0);
    let check = move |room: u32| {
        if (1..=room).contains(&(length as u32)) {
            probe::readable(from, length as u32);
        }
    };
    block_checked(room, check, |core| core.send_buffer(buffer, from, length, timeout), |_| ())
}

/// RECEIVE_BUFFER: the message's length.
///
/// # Safety
/// `to` must be writable for the buffer's largest message until this returns.
///
/// # Errors
/// As the header says.
pub unsafe fn receive_buffer(buffer: Id, timeout: Time, to: Address) -> Reply<u32> {
    let room = |core: &crate::Executive| core.buffer_room(buffer).unwrap_or(0);
    let check = move |room| probe::writable(to, room);
    block_checked(room, check, |core| core.receive_buffer(buffer, timeout, to), |length| length)
}

/// GET_BUFFER_ID.
///
/// # Errors
/// As the header says.
pub fn buffer_id(name: &Name) -> Reply<Id> {
    call(|core| core.buffer_id(name))
}

/// GET_BUFFER_STATUS.
///
/// # Errors
/// As the header says.
pub fn buffer_status(buffer: Id) -> Reply<BufferStatus> {
    call(|core| core.buffer_status(buffer))
}

/// CREATE_BLACKBOARD.
///
/// # Errors
/// As the header says.
pub fn create_blackboard(name: Name, max_message: i32) -> Reply<Id> {
    call(|core| core.create_blackboard(name, max_message))
}

/// DISPLAY_BLACKBOARD.
///
/// # Safety
/// `from` must be readable for `length` bytes.
///
/// # Errors
/// As the header says.
pub unsafe fn display_blackboard(blackboard: Id, from: Address, length: i32) -> Reply {
    let room = |core: &crate::Executive| core.blackboard_room(blackboard).unwrap_or(0);
    let check = move |room: u32| {
        if (1..=room).contains(&(length as u32)) {
            probe::readable(from, length as u32);
        }
    };
    call_checked(room, check, |core| core.display_blackboard(blackboard, from, length))
}

/// READ_BLACKBOARD: the message's length.
///
/// # Safety
/// `to` must be writable for the blackboard's largest message until this returns.
///
/// # Errors
/// As the header says.
pub unsafe fn read_blackboard(blackboard: Id, timeout: Time, to: Address) -> Reply<u32> {
    let room = |core: &crate::Executive| core.blackboard_room(blackboard).unwrap_or(0);
    let check = move |room| probe::writable(to, room);
    block_checked(room, check, |core| core.read_blackboard(blackboard, timeout, to), |length| length)
}

/// CLEAR_BLACKBOARD.
///
/// # Errors
/// As the header says.
pub fn clear_blackboard(blackboard: Id) -> Reply {
    call(|core| core.clear_blackboard(blackboard))
}

/// GET_BLACKBOARD_ID.
///
/// # Errors
/// As the header says.
pub fn blackboard_id(name: &Name) -> Reply<Id> {
    call(|core| core.blackboard_id(name))
}

/// GET_BLACKBOARD_STATUS.
///
/// # Errors
/// As the header says.
pub fn blackboard_status(blackboard: Id) -> Reply<BlackboardStatus> {
    call(|core| core.blackboard_status(blackboard))
}

/// CREATE_MUTEX.
///
/// # Errors
/// As the header says.
pub fn create_mutex(name: Name, priority: i32, discipline: Reply<Discipline>) -> Reply<Id> {
    call(|core| core.create_mutex(name, priority, discipline))
}

/// ACQUIRE_MUTEX.
///
/// # Errors
/// As the header says.
pub fn acquire_mutex(mutex: Id, timeout: Time) -> Reply {
    block(|core| core.acquire_mutex(mutex, timeout), |_| ())
}

/// RELEASE_MUTEX.
///
/// # Errors
/// As the header says.
pub fn release_mutex(mutex: Id) -> Reply {
    call(|core| core.release_mutex(mutex))
}

/// RESET_MUTEX.
///
/// # Errors
/// As the header says.
pub fn reset_mutex(mutex: Id, process: Id) -> Reply {
    call(|core| core.reset_mutex(mutex, process))
}

/// GET_MUTEX_ID.
///
/// # Errors
/// As the header says.
pub fn mutex_id(name: &Name) -> Reply<Id> {
    call(|core| core.mutex_id(name))
}

/// GET_MUTEX_STATUS.
///
/// # Errors
/// As the header says.
pub fn mutex_status(mutex: Id) -> Reply<MutexStatus> {
    call(|core| core.mutex_status(mutex))
}

/// GET_PROCESS_MUTEX_STATE.
///
/// # Errors
/// As the header says.
pub fn process_mutex_state(process: Id) -> Reply<Id> {
    call(|core| core.process_mutex_state(process))
}
