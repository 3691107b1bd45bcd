//! Sampling ports: the last message of a channel, and whether it is fresh.

use super::object::{Named, check_name, find_id, find_name};
use super::types::{Address, Code, Direction, Id, Name, Reply, Time};
use super::{Core, Env};

/// A sampling port that has been created.
#[derive(Debug, Clone, Copy, Default)]
pub struct SamplingPort {
    name: Name,
    handle: u16,
    direction: Direction,
    max_message: u32,
    refresh: Time,
    /// Whether the last message that was read was valid.
    last_valid: bool,
    /// Number of the last message that was read; 0 for none.
    last_read: u64,
}

impl Named for SamplingPort {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_SAMPLING_PORT_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplingStatus {
    /// Refresh period.
    pub refresh: Time,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Way of the messages.
    pub direction: Direction,
    /// Whether the last message that was read was valid.
    pub last_valid: bool,
}

/// Whether a message has been read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Updated {
    /// There has been none.
    Empty = 0,
    /// It has.
    Consumed = 1,
    /// It has not.
    New = 2,
}

/// What GET_SAMPLING_PORT_CURRENT_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplingCurrentStatus {
    /// Refresh period.
    pub refresh: Time,
    /// When the current message was written; 0 if there is none.
    pub written: Time,
    /// Largest message in bytes.
    pub max_message: u32,
    /// Way of the messages.
    pub direction: Direction,
    /// Whether the message is no older than the refresh period.
    pub fresh: bool,
    /// Whether it has been read.
    pub updated: Updated,
}

impl<E: Env> Core<'_, E> {
    /// CREATE_SAMPLING_PORT.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_sampling_port(
        &mut self,
        name: Name,
        max_message: i32,
        direction: Reply<Direction>,
        refresh: Time,
    ) -> Reply<Id> {
        let used = self.used.sampling;
        let config = self.env.sampling_port(&name).ok_or(Code::InvalidConfig)?;
        // A source has no refresh period of its own; whatever is given there will do, as long as it is a time.
        let right_refresh = refresh > 0 && (config.direction == Direction::Source || refresh == config.refresh);
        if direction != Ok(config.direction)
            || i64::from(max_message) != i64::from(config.max_message)
            || !right_refresh
        {
            return Err(Code::InvalidConfig);
        }
        // There is room for every port of the configuration.
        check_name(self.tables.sampling, used, &name)?;
        self.check_start_up()?;
        self.tables.sampling[usize::from(used)] = SamplingPort {
            name,
            handle: config.handle,
            direction: config.direction,
            max_message: config.max_message,
            refresh,
            last_valid: false,
            last_read: 0,
        };
        self.used.sampling += 1;
        Ok(Id::from(self.used.sampling))
    }

    /// WRITE_SAMPLING_MESSAGE.
    ///
    /// # Errors
    /// As the header says.
    pub fn write_sampling(&mut self, id: Id, from: Address, length: i32) -> Reply {
        let port = self.tables.sampling[usize::from(find_id(id, self.used.sampling)?)];
        let length = positive(length)?;
        if length > port.max_message {
            return Err(Code::InvalidConfig);
        }
        if port.direction != Direction::Source {
            return Err(Code::InvalidMode);
        }
        self.env.sampling_write(port.handle, from, length);
        Ok(())
    }

    /// READ_SAMPLING_MESSAGE: the length, and whether the message is valid.
    ///
    /// # Errors
    /// As the header says.
    pub fn read_sampling(&mut self, id: Id, to: Address) -> Reply<(u32, bool)> {
        let index = self.destination(id)?;
        let port = &mut self.tables.sampling[index];
        let sample = self.env.sampling_read(port.handle, Some(to), port.max_message);
        let valid = sample.is_some_and(|sample| sample.fresh);
        port.last_valid = valid;
        let sample = sample.ok_or(Code::NoAction)?;
        port.last_read = sample.number;
        Ok((sample.length, valid))
    }

    /// READ_UPDATED_SAMPLING_MESSAGE: the length of a new message, 0 for an old one.
    ///
    /// # Errors
    /// As the header says; with NO_ACTION the second value is still right.
    pub fn read_updated_sampling(&mut self, id: Id, to: Address) -> Reply<(u32, Updated)> {
        let index = self.destination(id)?;
        let updated = self.updated(index);
        if updated != Updated::New {
            return Ok((0, updated));
        }
        let (length, _) = self.read_sampling(id, to)?;
        Ok((length, updated))
    }

    /// READ_SAMPLING_MESSAGE_CONDITIONAL: the length of a message that is newer than `reference`, and when it was written.
    ///
    /// # Errors
    /// As the header says.
    pub fn read_sampling_conditional(&mut self, id: Id, reference: Time, to: Address) -> Reply<(u32, Time)> {
        let index = self.destination(id)?;
        let sample = self.env.sampling_read(self.tables.sampling[index].handle, None, 0).ok_or(Code::NoAction)?;
        if sample.written <= reference {
            return Err(Code::NoAction);
        }
        let (length, _) = self.read_sampling(id, to)?;
        Ok((length, sample.written))
    }

    /// GET_SAMPLING_PORT_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn sampling_port_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.sampling[..usize::from(self.used.sampling)], name)
    }

    /// GET_SAMPLING_PORT_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn sampling_status(&self, id: Id) -> Reply<SamplingStatus> {
        let port = self.tables.sampling[usize::from(find_id(id, self.used.sampling)?)];
        let SamplingPort { refresh, max_message, direction, last_valid, .. } = port;
        Ok(SamplingStatus { refresh, max_message, direction, last_valid })
    }

    /// GET_SAMPLING_PORT_CURRENT_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn sampling_current_status(&mut self, id: Id) -> Reply<SamplingCurrentStatus> {
        let index = usize::from(find_id(id, self.used.sampling)?);
        let port = self.tables.sampling[index];
        let sample = match port.direction {
            Direction::Source => None,
            Direction::Destination => self.env.sampling_read(port.handle, None, 0),
        };
        let SamplingPort { refresh, max_message, direction, .. } = port;
        Ok(SamplingCurrentStatus {
            refresh,
            written: sample.map_or(0, |sample| sample.written),
            max_message,
            direction,
            fresh: sample.is_some_and(|sample| sample.fresh),
            updated: if sample.is_some() { self.updated(index) } else { Updated::Empty },
        })
    }

    /// Largest message of a port in bytes, for who looks after the caller's memory.
    pub fn sampling_room(&self, id: Id) -> Reply<u32> {
        Ok(self.tables.sampling[usize::from(find_id(id, self.used.sampling)?)].max_message)
    }

    fn destination(&self, id: Id) -> Reply<usize> {
        let index = usize::from(find_id(id, self.used.sampling)?);
        if self.tables.sampling[index].direction != Direction::Destination {
            return Err(Code::InvalidMode);
        }
        Ok(index)
    }

    fn updated(&mut self, index: usize) -> Updated {
        let port = self.tables.sampling[index];
        match self.env.sampling_read(port.handle, None, 0) {
            None => Updated::Empty,
            Some(sample) if sample.number == port.last_read => Updated::Consumed,
            Some(_) => Updated::New,
        }
    }
}

/// A message's length: anything but 0 and less.
pub(crate) fn positive(length: i32) -> Reply<u32> {
    match u32::try_from(length) {
        Ok(0) | Err(_) => Err(Code::InvalidParam),
        Ok(length) => Ok(length),
    }
}
