//! Processes and time.

use crate::core::{Attributes, Deadline, Id, Name, ProcessStatus, Reply, Time};
use crate::platform::executive::{block, call};

/// CREATE_PROCESS. The entry point in `attributes` must be a function without arguments.
///
/// # Safety
/// The processor will go to that address.
///
/// # Errors
/// As the header says, here and below.
pub unsafe fn create_process(attributes: &Attributes, deadline: Reply<Deadline>) -> Reply<Id> {
    let id = call(|core| core.create_process(*attributes, deadline))?;
    crate::platform::populate_stack(id as u16, attributes.stack_size);
    Ok(id)
}

/// SET_PRIORITY.
///
/// # Errors
/// As the header says.
pub fn set_priority(process: Id, priority: i32) -> Reply {
    call(|core| core.set_priority(process, priority))
}

/// SUSPEND_SELF.
///
/// # Errors
/// As the header says.
pub fn suspend_self(timeout: Time) -> Reply {
    block(|core| core.suspend_self(timeout), |_| ())
}

/// SUSPEND.
///
/// # Errors
/// As the header says.
pub fn suspend(process: Id) -> Reply {
    call(|core| core.suspend(process))
}

/// RESUME.
///
/// # Errors
/// As the header says.
pub fn resume(process: Id) -> Reply {
    call(|core| core.resume(process))
}

/// STOP_SELF. Returns in the main process only, which cannot be stopped.
pub fn stop_self() {
    call(|core| core.stop_self());
}

/// STOP.
///
/// # Errors
/// As the header says.
pub fn stop(process: Id) -> Reply {
    call(|core| core.stop(process))
}

/// START.
///
/// # Errors
/// As the header says.
pub fn start(process: Id) -> Reply {
    call(|core| core.start(process))
}

/// DELAYED_START.
///
/// # Errors
/// As the header says.
pub fn delayed_start(process: Id, delay: Time) -> Reply {
    call(|core| core.delayed_start(process, delay))
}

/// LOCK_PREEMPTION: the level afterwards, also if there was nothing to do.
pub fn lock_preemption() -> (i32, Reply) {
    call(|core| core.lock_preemption())
}

/// UNLOCK_PREEMPTION: the level afterwards, also if there was nothing to do.
pub fn unlock_preemption() -> (i32, Reply) {
    call(|core| core.unlock_preemption())
}

/// GET_MY_ID.
///
/// # Errors
/// As the header says.
pub fn my_id() -> Reply<Id> {
    call(|core| core.my_id())
}

/// GET_MY_INDEX.
///
/// # Errors
/// As the header says.
pub fn my_index() -> Reply<i32> {
    call(|core| core.my_index())
}

/// GET_PROCESS_ID.
///
/// # Errors
/// As the header says.
pub fn process_id(name: &Name) -> Reply<Id> {
    call(|core| core.process_id(name))
}

/// GET_PROCESS_STATUS.
///
/// # Errors
/// As the header says.
pub fn process_status(process: Id) -> Reply<ProcessStatus> {
    call(|core| core.process_status(process))
}

/// INITIALIZE_PROCESS_CORE_AFFINITY.
///
/// # Errors
/// As the header says.
pub fn initialize_process_core_affinity(process: Id, processor: i32) -> Reply {
    call(|core| core.initialize_core_affinity(process, processor))
}

/// GET_MY_PROCESSOR_CORE_ID: a partition has one core.
pub fn my_processor_core_id() -> i32 {
    0
}

/// TIMED_WAIT.
///
/// # Errors
/// As the header says.
pub fn timed_wait(delay: Time) -> Reply {
    block(|core| core.timed_wait(delay), |_| ())
}

/// PERIODIC_WAIT.
///
/// # Errors
/// As the header says.
pub fn periodic_wait() -> Reply {
    block(|core| core.periodic_wait(), |_| ())
}

/// GET_TIME: module time.
pub fn time() -> Time {
    bulkhead_shim::clock::now_ns() as Time
}

/// REPLENISH.
///
/// # Errors
/// As the header says.
pub fn replenish(budget: Time) -> Reply {
    call(|core| core.replenish(budget))
}
