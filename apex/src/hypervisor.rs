//! The traits of the crate `a653rs`: a partition that was written for another hypervisor names [`Bulkhead`] instead, and that
//! is all.
//!
//! ```ignore
//! #[a653rs_macros::partition(bulkhead_apex::Bulkhead)]
//! mod navigation { … }
//! ```
//!
//! Identifiers have 64 bits there and 32 here, lengths are unsigned there; what does not fit is INVALID_PARAM.

use a653rs::bindings::*;

use crate::core as rules;
use crate::services;

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

impl ApexLimits for Bulkhead {}

impl ApexPartitionP4 for Bulkhead {
    fn get_partition_status() -> ApexPartitionStatus {
        let status = services::partition_status();
        ApexPartitionStatus {
            period: status.period,
            duration: status.duration,
            identifier: i64::from(status.identifier),
            lock_level: status.lock_level,
            operating_mode: OperatingMode::try_from(status.mode as u32).unwrap_or_default(),
            start_condition: StartCondition::try_from(status.start_condition).unwrap_or_default(),
            num_assigned_cores: status.cores,
        }
    }

    fn set_partition_mode(mode: OperatingMode) -> Result {
        reply(services::set_partition_mode(rules::Mode::try_from(mode as u32)))
    }
}

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

impl ApexErrorP4 for Bulkhead {
    fn report_application_message(message: &[ApexByte]) -> Result {
        // SAFETY: a slice is readable. One that is too long is refused unread.
        reply(unsafe { services::report_application_message(message.as_ptr() as usize, message_length(message)) })
    }

    fn raise_application_error(error: ErrorCode, message: &[ApexByte]) -> Result {
        let error = rules::ErrorCode::try_from(error as u32);
        // SAFETY: as above.
        reply(unsafe { services::raise_application_error(error, message.as_ptr() as usize, message_length(message)) })
    }
}

impl ApexErrorP1 for Bulkhead {
    fn create_error_handler(entry: SystemAddress, stack_size: StackSize) -> Result {
        // SAFETY: the entry point is a function without arguments, by its type.
        reply(unsafe { services::create_error_handler(entry as usize, stack_size) })
    }

    fn get_error_status() -> Result<ErrorStatus> {
        let error = reply(services::error_status())?;
        Ok(ErrorStatus {
            failed_address: address(error.address),
            failed_process_id: i64::from(error.process),
            error_code: match error.code {
                rules::ErrorCode::DeadlineMissed => ErrorCode::DeadlineMissed,
                rules::ErrorCode::ApplicationError => ErrorCode::ApplicationError,
                rules::ErrorCode::NumericError => ErrorCode::NumericError,
                rules::ErrorCode::IllegalRequest => ErrorCode::IllegalRequest,
                rules::ErrorCode::StackOverflow => ErrorCode::StackOverflow,
                rules::ErrorCode::MemoryViolation => ErrorCode::MemoryViolation,
                rules::ErrorCode::HardwareFault => ErrorCode::HardwareFault,
                rules::ErrorCode::PowerFail => ErrorCode::PowerFail,
            },
            length: error.length as ErrorMessageSize,
            message: error.message,
        })
    }

    fn configure_error_handler(control: ErrorHandlerConcurrencyControl, processor: ProcessorCoreId) -> Result {
        reply(services::configure_error_handler(control as u32, processor))
    }
}

impl ApexSamplingPortP4 for Bulkhead {
    fn create_sampling_port(
        name: SamplingPortName,
        max_message: MessageSize,
        way: PortDirection,
        refresh: ApexSystemTime,
    ) -> Result<SamplingPortId> {
        let (name, way) = (rules::Name::new(&name), rules::Direction::try_from(way as u32));
        wide(services::create_sampling_port(name, length(max_message), way, refresh))
    }

    fn write_sampling_message(port: SamplingPortId, message: &[ApexByte]) -> Result {
        // SAFETY: a slice is readable.
        reply(unsafe {
            services::write_sampling_message(narrow(port), message.as_ptr() as usize, message_length(message))
        })
    }

    unsafe fn read_sampling_message(port: SamplingPortId, message: &mut [ApexByte]) -> Result<(Validity, MessageSize)> {
        // SAFETY: there is room for the largest message, by the caller's promise.
        let (length, valid) =
            reply(unsafe { services::read_sampling_message(narrow(port), message.as_mut_ptr() as usize) })?;
        Ok((validity(valid), length))
    }
}

impl ApexSamplingPortP1 for Bulkhead {
    fn get_sampling_port_id(name: SamplingPortName) -> Result<SamplingPortId> {
        wide(services::sampling_port_id(&rules::Name::new(&name)))
    }

    fn get_sampling_port_status(port: SamplingPortId) -> Result<ApexSamplingPortStatus> {
        let status = reply(services::sampling_port_status(narrow(port)))?;
        Ok(ApexSamplingPortStatus {
            refresh_period: status.refresh,
            max_message_size: status.max_message,
            port_direction: direction(status.direction),
            last_msg_validity: validity(status.last_valid),
        })
    }
}

impl ApexQueuingPortP4 for Bulkhead {
    fn create_queuing_port(
        name: QueuingPortName,
        max_message: MessageSize,
        depth: MessageRange,
        way: PortDirection,
        order: QueuingDiscipline,
    ) -> Result<QueuingPortId> {
        let (name, way) = (rules::Name::new(&name), rules::Direction::try_from(way as u32));
        wide(services::create_queuing_port(name, length(max_message), length(depth), way, discipline(order)))
    }

    fn send_queuing_message(port: QueuingPortId, message: &[ApexByte], time_out: ApexSystemTime) -> Result {
        let (from, length) = (message.as_ptr() as usize, message_length(message));
        // SAFETY: a slice is readable, and this one is borrowed until the service returns.
        reply(unsafe { services::send_queuing_message(narrow(port), from, length, time_out) })
    }

    unsafe fn receive_queuing_message(
        port: QueuingPortId,
        time_out: ApexSystemTime,
        message: &mut [ApexByte],
    ) -> Result<(MessageSize, QueueOverflow)> {
        // SAFETY: there is room for the largest message, by the caller's promise.
        reply(unsafe { services::receive_queuing_message(narrow(port), time_out, message.as_mut_ptr() as usize) })
    }

    fn get_queuing_port_status(port: QueuingPortId) -> Result<QueuingPortStatus> {
        let status = reply(services::queuing_port_status(narrow(port)))?;
        Ok(QueuingPortStatus {
            nb_message: status.count,
            max_nb_message: status.max_count,
            max_message_size: status.max_message,
            port_direction: direction(status.direction),
            waiting_processes: status.waiting,
        })
    }

    fn clear_queuing_port(port: QueuingPortId) -> Result {
        reply(services::clear_queuing_port(narrow(port)))
    }
}

impl ApexQueuingPortP1 for Bulkhead {
    fn get_queuing_port_id(name: QueuingPortName) -> Result<QueuingPortId> {
        wide(services::queuing_port_id(&rules::Name::new(&name)))
    }
}

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

impl ApexScheduleP2 for Bulkhead {
    fn set_module_schedule(schedule: ScheduleId) -> Result {
        reply(services::set_module_schedule(narrow(schedule)))
    }

    fn get_module_schedule_status() -> Result<ApexScheduleStatus> {
        let status = services::module_schedule_status();
        Ok(ApexScheduleStatus {
            time_of_last_schedule_switch: status.last_switch,
            current_schedule: i64::from(status.current),
            next_schedule: i64::from(status.next),
        })
    }

    fn get_module_schedule_id(name: ScheduleName) -> Result<ScheduleId> {
        wide(services::module_schedule_id(&rules::Name::new(&name)))
    }
}

impl ApexMemoryBlockP2 for Bulkhead {
    fn get_memory_block_status(name: MemoryBlockName) -> Result<ApexMemoryBlockStatus> {
        let block = reply(services::memory_block_status(&rules::Name::new(&name)))?;
        let mode = if block.writable { MemoryBlockMode::ReadWrite } else { MemoryBlockMode::Read };
        let (address, size) = (block.address as *mut ApexByte, block.size as MemoryBlockSize);
        Ok(ApexMemoryBlockStatus { address, size, mode })
    }
}

/// A slice's length. No message is longer than 32 bits can say.
fn message_length(message: &[u8]) -> i32 {
    i32::try_from(message.len()).unwrap_or(i32::MAX)
}
