//! What a guest says about itself: the request that it leaves at its end, and its ring of reports.
//!
//! Both lie in memory that the guest can write at any time. Each word is read once, and what makes no sense is dropped here;
//! nothing behind this file looks at the guest's pages again.

use std::sync::atomic::{AtomicU8, Ordering};

use bulkhead_abi::health::{ErrorCode, Mode};
use bulkhead_abi::map::guest::REPORT_SLOTS;
use bulkhead_abi::report::{MESSAGE_LEN, ReportKind, Request, RequestKind};
use bulkhead_abi::ring::used;

use crate::health::Error;
use crate::partition::Memory;
use crate::record::event::Kind;

/// Reports a second that a partition may make in the long run, and at once.
const RATE_NS: u64 = 1_000_000;
const BURST: u64 = 256;

/// What a guest asked for when it ended itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Will {
    /// Another mode; not [`Mode::Normal`].
    Mode(Mode),
    /// An action for an error.
    Error {
        /// The error.
        error: Error,
        /// The guest's own number of a process; 0 for none.
        process: u32,
        /// An address; 0 for none.
        address: u64,
        /// What the guest has to say.
        message: Vec<u8>,
    },
}

impl Will {
    /// Copies the request once, and keeps it if it makes sense.
    pub fn read(request: &Request) -> Option<Will> {
        let kind = request.kind.load(Ordering::Acquire);
        let code = request.code.load(Ordering::Relaxed);
        if kind == RequestKind::SetMode as u32 {
            return Mode::new(code).filter(|&mode| mode != Mode::Normal).map(Will::Mode);
        }
        if kind != RequestKind::Error as u32 {
            return None;
        }
        Some(Will::Error {
            error: Error::from(ErrorCode::new(code)?),
            process: request.process.load(Ordering::Relaxed),
            address: request.address.load(Ordering::Relaxed),
            message: message(&request.message, request.length.load(Ordering::Relaxed)),
        })
    }
}

/// A copy of the first `length` bytes, or of all if that is nonsense.
fn message(bytes: &[AtomicU8; MESSAGE_LEN], length: u32) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(MESSAGE_LEN).min(MESSAGE_LEN);
    bytes[..length].iter().map(|byte| byte.load(Ordering::Relaxed)).collect()
}

/// A report that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// As it is recorded.
    pub event: Kind,
    /// The guest's words, not necessarily text.
    pub message: Vec<u8>,
}

/// The reading end of a partition's report ring.
#[derive(Debug)]
pub struct Reports {
    tail: u32,
    dropped: u32,
    tokens: u64,
    earned_ns: u64,
}

impl Reports {
    /// For a partition's first start.
    pub fn new(now_ns: u64) -> Reports {
        Reports { tail: 0, dropped: 0, tokens: BURST, earned_ns: now_ns }
    }

    /// The memory has been cleared.
    pub fn rewind(&mut self) {
        (self.tail, self.dropped) = (0, 0);
    }

    /// Takes what may be taken now. Returns the reports, and how many got lost: those that the guest says it dropped, and those
    /// that make no sense. What is left over waits in the ring, and the guest is told when that is full.
    pub fn drain(&mut self, memory: &Memory, now_ns: u64) -> (Vec<Reported>, u64) {
        let earned = now_ns.saturating_sub(self.earned_ns) / RATE_NS;
        self.tokens = BURST.min(self.tokens.saturating_add(earned));
        self.earned_ns += earned * RATE_NS;
        let producer = memory.report_producer();
        // SYNC POINT report-data: pairs with the guest's release of the head.
        let head = producer.head.load(Ordering::Acquire);
        if self.tokens == 0 {
            return (Vec::new(), 0);
        }
        let mut lost = 0;
        let Some(count) = used(head, self.tail, REPORT_SLOTS) else {
            // The guest's positions make no sense: on from where it says it is.
            self.tail = head;
            self.tokens -= 1;
            memory.report_consumer().tail.store(head, Ordering::Release);
            return (Vec::new(), 1);
        };
        let mut reports = Vec::new();
        for _ in 0..u64::from(count).min(self.tokens) {
            match read(memory, self.tail) {
                Some(report) => reports.push(report),
                None => lost += 1,
            }
            self.tail = self.tail.wrapping_add(1);
            self.tokens -= 1;
        }
        // SYNC POINT report-space: pairs with the guest's acquire of the tail.
        memory.report_consumer().tail.store(self.tail, Ordering::Release);
        let dropped = producer.dropped.load(Ordering::Relaxed);
        lost += u64::from(dropped.wrapping_sub(self.dropped));
        if lost > 0 {
            // A guest may claim a loss at every instant; each notice counts as a report.
            self.tokens = self.tokens.saturating_sub(1);
        }
        self.dropped = dropped;
        (reports, lost)
    }
}

/// The report in the slot at `position`, if it makes sense.
fn read(memory: &Memory, position: u32) -> Option<Reported> {
    let slot = &memory.reports()[(position % REPORT_SLOTS) as usize];
    let kind = ReportKind::new(slot.kind.load(Ordering::Relaxed))?;
    let code = slot.code.load(Ordering::Relaxed);
    let code = match kind {
        ReportKind::Message => code,
        ReportKind::Error => Error::from(ErrorCode::new(code)?).code().into(),
        ReportKind::Mode => Mode::new(code)? as u32,
    };
    let event = Kind::Report {
        what: kind as u32 as u16,
        code,
        process: slot.process.load(Ordering::Relaxed),
        address: slot.address.load(Ordering::Relaxed),
        said_ns: slot.time_ns.load(Ordering::Relaxed),
    };
    Some(Reported { event, message: message(&slot.message, slot.length.load(Ordering::Relaxed)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory::new(1 << 16, 1 << 14).unwrap()
    }

    fn put(memory: &Memory, position: u32, kind: u32, code: u32, length: u32) {
        let slot = &memory.reports()[(position % REPORT_SLOTS) as usize];
        slot.kind.store(kind, Ordering::Relaxed);
        slot.code.store(code, Ordering::Relaxed);
        slot.length.store(length, Ordering::Relaxed);
        slot.message.iter().for_each(|byte| byte.store(b'm', Ordering::Relaxed));
        memory.report_producer().head.store(position.wrapping_add(1), Ordering::Relaxed);
    }

    #[test]
    fn reports_come_out_as_they_went_in() {
        let (memory, mut reports) = (memory(), Reports::new(0));
        put(&memory, 0, 1, 77, 5);
        put(&memory, 1, 2, 5, 0);
        put(&memory, 2, 3, 3, 1);
        let (found, lost) = reports.drain(&memory, 0);
        assert_eq!((found.len(), lost), (3, 0));
        assert_eq!(found[0].message, b"mmmmm");
        let codes: Vec<_> = found
            .iter()
            .map(|report| match report.event {
                Kind::Report { what, code, .. } => (what, code),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(codes, [(1, 77), (2, Error::MemoryViolation.code().into()), (3, 3)]);
        assert_eq!(memory.report_consumer().tail.load(Ordering::Relaxed), 3);
        assert_eq!(reports.drain(&memory, 0), (vec![], 0));
    }

    #[test]
    fn nonsense_is_counted_and_goes_no_further() {
        let (memory, mut reports) = (memory(), Reports::new(0));
        for (position, (kind, code)) in [(0, 0), (4, 0), (u32::MAX, 0), (2, 8), (3, 4)].into_iter().enumerate() {
            put(&memory, position as u32, kind, code, 0);
        }
        assert_eq!(reports.drain(&memory, 0), (vec![], 5));
        // A length beyond the message is that of the message.
        put(&memory, 5, 1, 0, u32::MAX);
        assert_eq!(reports.drain(&memory, 0).0[0].message.len(), MESSAGE_LEN);
        // A head out of reach.
        memory.report_producer().head.store(6 + REPORT_SLOTS + 1, Ordering::Relaxed);
        assert_eq!(reports.drain(&memory, 0), (vec![], 1));
        put(&memory, 6 + REPORT_SLOTS + 1, 1, 0, 1);
        assert_eq!(reports.drain(&memory, 0).0.len(), 1);
    }

    #[test]
    fn a_flood_waits_in_the_ring() {
        let (memory, mut reports) = (memory(), Reports::new(0));
        let mut taken = 0;
        for position in 0..1000u32 {
            let tail = memory.report_consumer().tail.load(Ordering::Relaxed);
            if position.wrapping_sub(tail) < REPORT_SLOTS {
                put(&memory, position, 1, 0, 1);
            }
            taken += reports.drain(&memory, 0).0.len() as u64;
        }
        assert_eq!(taken, BURST);
        // What time earns is taken from what waits.
        assert_eq!(reports.drain(&memory, 10 * RATE_NS).0.len(), 10);
        // A guest that claims losses all the time pays for them.
        let mut notices = 0;
        for claim in 0..1000u32 {
            memory.report_producer().dropped.store(claim, Ordering::Relaxed);
            notices += u64::from(reports.drain(&memory, 11 * RATE_NS).1 > 0);
        }
        assert!(notices <= 1, "{notices}");
    }

    #[test]
    fn a_request_is_kept_if_it_makes_sense() {
        let memory = memory();
        let request = &memory.vcpu().request;
        let will = |kind, code, length| {
            request.kind.store(kind, Ordering::Relaxed);
            request.code.store(code, Ordering::Relaxed);
            request.length.store(length, Ordering::Relaxed);
            Will::read(request)
        };
        assert_eq!(will(0, 0, 0), None);
        assert_eq!(will(1, 0, 0), Some(Will::Mode(Mode::Idle)));
        assert_eq!(will(1, 2, 0), Some(Will::Mode(Mode::WarmStart)));
        // Normal is nothing that could be asked for.
        assert_eq!((will(1, 3, 0), will(1, 4, 0), will(3, 0, 0), will(u32::MAX, 0, 0)), (None, None, None, None));
        let Some(Will::Error { error, message, .. }) = will(2, 7, u32::MAX) else { panic!() };
        assert_eq!((error, message.len()), (Error::PowerFail, MESSAGE_LEN));
        assert_eq!(will(2, 8, 0), None);
    }

    #[test]
    fn noise_in_the_guest_s_pages_harms_nobody() {
        use crate::record::synth::Random;

        let (memory, mut random) = (memory(), Random::new(5));
        let mut reports = Reports::new(0);
        for round in 0..3000u64 {
            // Small numbers as often as large ones, so that much of it nearly makes sense.
            let mut word = || (random.next() >> (random.below(64) as u32)) as u32;
            let request = &memory.vcpu().request;
            for field in [&request.kind, &request.code, &request.process, &request.length] {
                field.store(word(), Ordering::Relaxed);
            }
            if let Some(Will::Error { message, .. }) = Will::read(request) {
                assert!(message.len() <= MESSAGE_LEN);
            }
            for slot in &memory.reports()[..8] {
                for field in [&slot.kind, &slot.code, &slot.process, &slot.length] {
                    field.store(word(), Ordering::Relaxed);
                }
            }
            memory.report_producer().head.store(word(), Ordering::Relaxed);
            memory.report_producer().dropped.store(word(), Ordering::Relaxed);
            let (found, lost) = reports.drain(&memory, round * 100 * RATE_NS);
            assert!(found.len() as u64 <= BURST && lost <= u64::from(u32::MAX) + u64::from(REPORT_SLOTS));
            assert!(found.iter().all(|report| report.message.len() <= MESSAGE_LEN));
        }
    }
}
