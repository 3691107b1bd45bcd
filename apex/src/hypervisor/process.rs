//! Processes and time.

use a653rs::bindings::*;

use super::{Bulkhead, Result, address, narrow, reply, wide};
use crate::core as rules;
use crate::services;

impl ApexProcessP4 for Bulkhead {
    fn create_process(attributes: &ApexProcessAttribute) -> Result<ProcessId> {
        let deadline = rules::Deadline::try_from(attributes.deadline as u32);
        let attributes = rules::Attributes {
            period: attributes.period,
            time_capacity: attributes.time_capacity,
            entry: attributes.entry_point as usize,
            stack_size: attributes.stack_size,
            base_priority: attributes.base_priority,
            deadline: rules::Deadline::Soft,
            name: rules::Name::new(&attributes.name),
        };
        // SAFETY: the entry point is a function without arguments, by its type.
        wide(unsafe { services::create_process(&attributes, deadline) })
    }

    fn start(process: ProcessId) -> Result {
        reply(services::start(narrow(process)))
    }
}

impl ApexProcessP1 for Bulkhead {
    fn set_priority(process: ProcessId, priority: Priority) -> Result {
        reply(services::set_priority(narrow(process), priority))
    }

    fn suspend_self(time_out: ApexSystemTime) -> Result {
        reply(services::suspend_self(time_out))
    }

    fn suspend(process: ProcessId) -> Result {
        reply(services::suspend(narrow(process)))
    }

    fn resume(process: ProcessId) -> Result {
        reply(services::resume(narrow(process)))
    }

    fn stop_self() {
        services::stop_self();
    }

    fn stop(process: ProcessId) -> Result {
        reply(services::stop(narrow(process)))
    }

    fn delayed_start(process: ProcessId, delay: ApexSystemTime) -> Result {
        reply(services::delayed_start(narrow(process), delay))
    }

    fn lock_preemption() -> Result<LockLevel> {
        let (level, locked) = services::lock_preemption();
        reply(locked.map(|()| level))
    }

    fn unlock_preemption() -> Result<LockLevel> {
        let (level, unlocked) = services::unlock_preemption();
        reply(unlocked.map(|()| level))
    }

    fn get_my_id() -> Result<ProcessId> {
        wide(services::my_id())
    }

    fn get_process_id(name: ProcessName) -> Result<ProcessId> {
        wide(services::process_id(&rules::Name::new(&name)))
    }

    fn get_process_status(process: ProcessId) -> Result<ApexProcessStatus> {
        let status = reply(services::process_status(narrow(process)))?;
        let is = status.attributes;
        Ok(ApexProcessStatus {
            deadline_time: status.deadline_time,
            current_priority: status.current_priority,
            process_state: match status.state {
                rules::State::Dormant => ProcessState::Dormant,
                rules::State::Ready => ProcessState::Ready,
                rules::State::Running => ProcessState::Running,
                rules::State::Waiting => ProcessState::Waiting,
                rules::State::Faulted => ProcessState::Faulted,
            },
            attributes: ApexProcessAttribute {
                period: is.period,
                time_capacity: is.time_capacity,
                entry_point: address(is.entry),
                stack_size: is.stack_size,
                base_priority: is.base_priority,
                deadline: if is.deadline == rules::Deadline::Hard { Deadline::Hard } else { Deadline::Soft },
                name: *is.name.bytes(),
            },
        })
    }

    fn initialize_process_core_affinity(process: ProcessId, processor: ProcessorCoreId) -> Result {
        reply(services::initialize_process_core_affinity(narrow(process), processor))
    }

    fn get_my_processor_core_id() -> ProcessorCoreId {
        services::my_processor_core_id()
    }

    fn get_my_index() -> Result<ProcessIndex> {
        reply(services::my_index())
    }
}

impl ApexTimeP4 for Bulkhead {
    fn periodic_wait() -> Result {
        reply(services::periodic_wait())
    }

    fn get_time() -> ApexSystemTime {
        services::time()
    }
}

impl ApexTimeP1 for Bulkhead {
    fn timed_wait(delay: ApexSystemTime) -> Result {
        reply(services::timed_wait(delay))
    }

    fn replenish(budget: ApexSystemTime) -> Result {
        reply(services::replenish(budget))
    }
}
