//! Partition, health monitoring, schedules, memory blocks.

use a653rs::bindings::*;

use super::{Bulkhead, Result, address, message_length, narrow, reply, wide};
use crate::core as rules;
use crate::services;

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
