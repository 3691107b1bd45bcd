//! Semaphores, events, buffers, blackboards, mutexes.

use a653rs::bindings::*;

use super::{Bulkhead, Result, discipline, length, message_length, narrow, reply, wide};
use crate::core as rules;
use crate::services;

impl ApexBufferP1 for Bulkhead {
    fn create_buffer(
        name: BufferName,
        max_message: MessageSize,
        max_count: MessageRange,
        order: QueuingDiscipline,
    ) -> Result<BufferId> {
        let name = rules::Name::new(&name);
        wide(services::create_buffer(name, length(max_message), length(max_count), discipline(order)))
    }

    fn send_buffer(buffer: BufferId, message: &[ApexByte], time_out: ApexSystemTime) -> Result {
        let (from, length) = (message.as_ptr() as usize, message_length(message));
        // SAFETY: a slice is readable, and this one is borrowed until the service returns.
        reply(unsafe { services::send_buffer(narrow(buffer), from, length, time_out) })
    }

    unsafe fn receive_buffer(
        buffer: BufferId,
        time_out: ApexSystemTime,
        message: &mut [ApexByte],
    ) -> Result<MessageSize> {
        // SAFETY: there is room for the largest message, by the caller's promise.
        reply(unsafe { services::receive_buffer(narrow(buffer), time_out, message.as_mut_ptr() as usize) })
    }

    fn get_buffer_id(name: BufferName) -> Result<BufferId> {
        wide(services::buffer_id(&rules::Name::new(&name)))
    }

    fn get_buffer_status(buffer: BufferId) -> Result<BufferStatus> {
        let status = reply(services::buffer_status(narrow(buffer)))?;
        Ok(BufferStatus {
            nb_message: status.count,
            max_nb_message: status.max_count,
            max_message_size: status.max_message,
            waiting_processes: status.waiting,
        })
    }
}

impl ApexBlackboardP1 for Bulkhead {
    fn create_blackboard(name: BlackboardName, max_message: MessageSize) -> Result<BlackboardId> {
        wide(services::create_blackboard(rules::Name::new(&name), length(max_message)))
    }

    fn display_blackboard(board: BlackboardId, message: &[ApexByte]) -> Result {
        // SAFETY: a slice is readable.
        reply(unsafe {
            services::display_blackboard(narrow(board), message.as_ptr() as usize, message_length(message))
        })
    }

    unsafe fn read_blackboard(
        board: BlackboardId,
        time_out: ApexSystemTime,
        message: &mut [ApexByte],
    ) -> Result<MessageSize> {
        // SAFETY: there is room for the largest message, by the caller's promise.
        reply(unsafe { services::read_blackboard(narrow(board), time_out, message.as_mut_ptr() as usize) })
    }

    fn clear_blackboard(board: BlackboardId) -> Result {
        reply(services::clear_blackboard(narrow(board)))
    }

    fn get_blackboard_id(name: BlackboardName) -> Result<BlackboardId> {
        wide(services::blackboard_id(&rules::Name::new(&name)))
    }

    fn get_blackboard_status(board: BlackboardId) -> Result<BlackboardStatus> {
        let status = reply(services::blackboard_status(narrow(board)))?;
        Ok(BlackboardStatus {
            empty_indicator: if status.occupied { EmptyIndicator::Occupied } else { EmptyIndicator::Empty },
            max_message_size: status.max_message,
            waiting_processes: status.waiting,
        })
    }
}

impl ApexSemaphoreP1 for Bulkhead {
    fn create_semaphore(
        name: SemaphoreName,
        value: SemaphoreValue,
        maximum: SemaphoreValue,
        order: QueuingDiscipline,
    ) -> Result<SemaphoreId> {
        wide(services::create_semaphore(rules::Name::new(&name), value, maximum, discipline(order)))
    }

    fn wait_semaphore(semaphore: SemaphoreId, time_out: ApexSystemTime) -> Result {
        reply(services::wait_semaphore(narrow(semaphore), time_out))
    }

    fn signal_semaphore(semaphore: SemaphoreId) -> Result {
        reply(services::signal_semaphore(narrow(semaphore)))
    }

    fn get_semaphore_id(name: SemaphoreName) -> Result<SemaphoreId> {
        wide(services::semaphore_id(&rules::Name::new(&name)))
    }

    fn get_semaphore_status(semaphore: SemaphoreId) -> Result<SemaphoreStatus> {
        let status = reply(services::semaphore_status(narrow(semaphore)))?;
        Ok(SemaphoreStatus {
            current_value: status.value,
            maximum_value: status.maximum,
            waiting_processes: status.waiting,
        })
    }
}

impl ApexEventP1 for Bulkhead {
    fn create_event(name: EventName) -> Result<EventId> {
        wide(services::create_event(rules::Name::new(&name)))
    }

    fn set_event(event: EventId) -> Result {
        reply(services::set_event(narrow(event)))
    }

    fn reset_event(event: EventId) -> Result {
        reply(services::reset_event(narrow(event)))
    }

    fn wait_event(event: EventId, time_out: ApexSystemTime) -> Result {
        reply(services::wait_event(narrow(event), time_out))
    }

    fn get_event_id(name: EventName) -> Result<EventId> {
        wide(services::event_id(&rules::Name::new(&name)))
    }

    fn get_event_status(event: EventId) -> Result<EventStatus> {
        let status = reply(services::event_status(narrow(event)))?;
        let event_state = if status.up { EventState::Up } else { EventState::Down };
        Ok(EventStatus { event_state, waiting_processes: status.waiting })
    }
}

impl ApexMutexP1 for Bulkhead {
    fn create_mutex(name: MutexName, priority: Priority, order: QueuingDiscipline) -> Result<MutexId> {
        wide(services::create_mutex(rules::Name::new(&name), priority, discipline(order)))
    }

    fn acquire_mutex(mutex: MutexId, time_out: ApexSystemTime) -> Result {
        reply(services::acquire_mutex(narrow(mutex), time_out))
    }

    fn release_mutex(mutex: MutexId) -> Result {
        reply(services::release_mutex(narrow(mutex)))
    }

    fn reset_mutex(mutex: MutexId, process: ProcessId) -> Result {
        reply(services::reset_mutex(narrow(mutex), narrow(process)))
    }

    fn get_mutex_id(name: MutexName) -> Result<MutexId> {
        wide(services::mutex_id(&rules::Name::new(&name)))
    }

    fn get_mutex_status(mutex: MutexId) -> Result<MutexStatus> {
        let status = reply(services::mutex_status(narrow(mutex)))?;
        Ok(MutexStatus {
            mutex_owner: i64::from(status.owner),
            mutex_state: if status.owner == 0 { MutexState::Available } else { MutexState::Owned },
            mutex_priority: status.priority,
            lock_count: status.count,
            waiting_processes: status.waiting,
        })
    }

    fn get_process_mutex_state(process: ProcessId) -> Result<MutexId> {
        wide(services::process_mutex_state(narrow(process)))
    }
}
