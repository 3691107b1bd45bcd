//! Sampling and queuing ports.

use a653rs::bindings::*;

use super::{Bulkhead, Result, direction, discipline, length, message_length, narrow, reply, validity, wide};
use crate::core as rules;
use crate::services;

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
