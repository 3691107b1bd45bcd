//! Logbooks: the last messages that a partition wrote.
//!
//! A logbook's state and its messages lie together in the memory for messages, in words that [`Env::put`] writes. That memory is RAM, which a
//! warm start keeps: a logbook that is created again with the same name and sizes finds itself at the same place, as long as
//! the partition creates its objects in the same order, and goes on with the messages that it had.
//!
//! Writing is done when the service returns, so no message is ever in progress or aborted.

use super::object::{Named, check_new, find_id, find_name};
use super::sampling::positive;
use super::types::{Address, Code, Id, MAX_MESSAGE, MAX_MESSAGES, Mode, Name, Reply};
use super::{Core, Env};

/// A logbook.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logbook {
    name: Name,
    max_message: u32,
    max_logged: u32,
    max_in_progress: u32,
    /// Address of the head.
    head: Address,
}

impl Named for Logbook {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// What GET_LOGBOOK_STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogbookStatus {
    /// Largest message in bytes.
    pub max_message: u32,
    /// Messages that it keeps.
    pub max_logged: u32,
    /// Messages that may be on their way into it.
    pub max_in_progress: u32,
    /// Messages that it holds.
    pub logged: u32,
}

/// What a head begins with.
const MAGIC: u32 = 0x4c4f_4721;

/// Words of a head, each in 8 bytes: the magic number, the two sizes, the number of messages, the place of the newest, and the
/// name.
const COUNT: usize = 24;
const NEWEST: usize = 32;
const NAME: usize = 40;
const HEAD: usize = NAME + 8 * 8;

/// Bytes before a message, for its length.
const LENGTH: usize = 8;

impl Logbook {
    fn stride(&self) -> usize {
        LENGTH + (self.max_message as usize).next_multiple_of(8)
    }

    fn slot(&self, place: u32) -> Address {
        self.head + HEAD + place as usize * self.stride()
    }

    /// What identifies it in memory.
    fn words(&self) -> impl Iterator<Item = (usize, u32)> {
        let name = self.name;
        let of_name = (0..8).map(move |word| {
            let bytes: [u8; 4] = core::array::from_fn(|byte| name.bytes()[word * 4 + byte]);
            (NAME + word * 8, u32::from_le_bytes(bytes))
        });
        [(0, MAGIC), (8, self.max_message), (16, self.max_logged)].into_iter().chain(of_name)
    }
}

impl<E: Env> Core<'_, E> {
    /// CREATE_LOGBOOK.
    ///
    /// # Errors
    /// As the header says.
    pub fn create_logbook(&mut self, name: Name, max_message: i32, max_logged: i32, max_in_progress: i32) -> Reply<Id> {
        let used = self.used.logbooks;
        check_new(self.tables.logbooks, used, &name)?;
        let size = |size: i32, most: u32| {
            u32::try_from(size).ok().filter(|size| (1..=most).contains(size)).ok_or(Code::InvalidConfig)
        };
        let max_message = size(max_message, MAX_MESSAGE)?;
        let max_logged = size(max_logged, MAX_MESSAGES)?;
        let max_in_progress = size(max_in_progress, MAX_MESSAGES)?;
        let warm = self.mode == Mode::WarmStart;
        self.check_start_up()?;
        let mut logbook = Logbook { name, max_message, max_logged, max_in_progress, head: 0 };
        let bytes = HEAD as u64 + logbook.stride() as u64 * u64::from(max_logged);
        logbook.head = self.carve(u32::try_from(bytes).map_err(|_| Code::InvalidConfig)?, 1)?;
        let head = logbook.head;
        let count = self.env.get(head + COUNT);
        let kept = warm
            && logbook.words().all(|(at, word)| self.env.get(head + at) == word)
            && count <= max_logged
            && self.env.get(head + NEWEST) < max_logged;
        if !kept {
            for (at, word) in logbook.words() {
                self.env.put(head + at, word);
            }
            self.env.put(head + COUNT, 0);
            self.env.put(head + NEWEST, 0);
        }
        self.tables.logbooks[usize::from(used)] = logbook;
        self.used.logbooks += 1;
        Ok(Id::from(self.used.logbooks))
    }

    /// WRITE_LOGBOOK.
    ///
    /// # Errors
    /// As the header says.
    pub fn write_logbook(&mut self, id: Id, from: Address, length: i32) -> Reply {
        let (logbook, length) = self.logbook_for(id, length)?;
        let count = self.env.get(logbook.head + COUNT);
        let newest = self.env.get(logbook.head + NEWEST);
        // An empty one begins where its newest message would be.
        let place = if count == 0 { newest } else { (newest + 1) % logbook.max_logged };
        self.write_slot(&logbook, place, from, length);
        self.env.put(logbook.head + NEWEST, place);
        self.env.put(logbook.head + COUNT, (count + 1).min(logbook.max_logged));
        Ok(())
    }

    /// OVERWRITE_LOGBOOK: the newest message.
    ///
    /// # Errors
    /// As the header says.
    pub fn overwrite_logbook(&mut self, id: Id, from: Address, length: i32) -> Reply {
        let (logbook, length) = self.logbook_for(id, length)?;
        if self.env.get(logbook.head + COUNT) == 0 {
            return Err(Code::NotAvailable);
        }
        let newest = self.env.get(logbook.head + NEWEST);
        self.write_slot(&logbook, newest, from, length);
        Ok(())
    }

    fn write_slot(&mut self, logbook: &Logbook, place: u32, from: Address, length: u32) {
        let slot = logbook.slot(place);
        self.env.put(slot, length);
        self.env.copy(from, slot + LENGTH, length);
    }

    /// The logbook, and a length that fits it.
    fn logbook_for(&self, id: Id, length: i32) -> Reply<(Logbook, u32)> {
        let logbook = self.tables.logbooks[usize::from(find_id(id, self.used.logbooks)?)];
        let length = positive(length)?;
        if length > logbook.max_message {
            return Err(Code::InvalidConfig);
        }
        Ok((logbook, length))
    }

    /// READ_LOGBOOK: the length of message `entry`, 1 for the newest.
    ///
    /// # Errors
    /// As the header says.
    pub fn read_logbook(&mut self, id: Id, entry: i32, to: Address) -> Reply<u32> {
        let logbook = self.tables.logbooks[usize::from(find_id(id, self.used.logbooks)?)];
        let back = positive(entry)? - 1;
        if back >= logbook.max_logged {
            return Err(Code::InvalidParam);
        }
        let count = self.env.get(logbook.head + COUNT);
        if count == 0 {
            return Err(Code::NotAvailable);
        }
        if back >= count {
            return Err(Code::InvalidParam);
        }
        let newest = self.env.get(logbook.head + NEWEST);
        let slot = logbook.slot((newest + logbook.max_logged - back) % logbook.max_logged);
        // What a warm start has kept was once written here, but nothing is lost by making sure.
        let length = self.env.get(slot).min(logbook.max_message);
        self.env.copy(slot + LENGTH, to, length);
        Ok(length)
    }

    /// CLEAR_LOGBOOK.
    ///
    /// # Errors
    /// As the header says.
    pub fn clear_logbook(&mut self, id: Id) -> Reply {
        let logbook = self.tables.logbooks[usize::from(find_id(id, self.used.logbooks)?)];
        self.env.put(logbook.head + COUNT, 0);
        Ok(())
    }

    /// GET_LOGBOOK_ID.
    ///
    /// # Errors
    /// As the header says.
    pub fn logbook_id(&self, name: &Name) -> Reply<Id> {
        find_name(&self.tables.logbooks[..usize::from(self.used.logbooks)], name)
    }

    /// GET_LOGBOOK_STATUS.
    ///
    /// # Errors
    /// As the header says.
    pub fn logbook_status(&self, id: Id) -> Reply<LogbookStatus> {
        let logbook = &self.tables.logbooks[usize::from(find_id(id, self.used.logbooks)?)];
        let Logbook { max_message, max_logged, max_in_progress, head, .. } = *logbook;
        Ok(LogbookStatus { max_message, max_logged, max_in_progress, logged: self.env.get(head + COUNT) })
    }

    /// Largest message of a logbook in bytes, for who looks after the caller's memory.
    pub fn logbook_room(&self, id: Id) -> Reply<u32> {
        Ok(self.tables.logbooks[usize::from(find_id(id, self.used.logbooks)?)].max_message)
    }
}
