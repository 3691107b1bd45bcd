//! What the recorder keeps: fixed-size events of eight 64-bit words.
//!
//! Word 0 holds the kind (bits 0–15), the index of the core (16–31), the partition (32–47, [`NO_PARTITION`] for none) and
//! a small detail of the kind (48–63); word 1 the time in nanoseconds of CLOCK_MONOTONIC; the others depend on the kind.

/// Size of an encoded event in bytes.
pub const SIZE: usize = 64;

/// The partition number of an event that concerns no partition.
pub const NO_PARTITION: u16 = u16::MAX;

/// An encoded event.
pub type Words = [u64; 8];

/// An event with its time and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Index of the core in the module.
    pub core: u16,
    /// Number of the partition, or [`NO_PARTITION`].
    pub partition: u16,
    /// What.
    pub kind: Kind,
}

/// What happened. All times are nanoseconds of CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A window began and its partition was continued.
    WindowStart {
        /// The major frame, from 0.
        frame: u64,
        /// When the window was to start.
        planned_ns: u64,
        /// When the dispatcher awoke for it.
        awake_ns: u64,
        /// When the partition had been continued.
        continued_ns: u64,
    },
    /// A window began whose partition has nothing to run: idle, ended or being restarted.
    WindowVacant {
        /// The major frame, from 0.
        frame: u64,
        /// When the window was to start.
        planned_ns: u64,
    },
    /// A window ended.
    WindowEnd {
        /// The major frame, from 0.
        frame: u64,
        /// When the window was to end.
        planned_ns: u64,
        /// When the dispatcher awoke, from which on the guest no longer ran.
        awake_ns: u64,
        /// When the stop had been requested.
        requested_ns: u64,
        /// When the stop was confirmed; 0 if it was not confirmed in time.
        confirmed_ns: u64,
    },
    /// The dispatcher came so late that the whole window was over.
    WindowSkipped {
        /// The major frame, from 0.
        frame: u64,
        /// When the window was to start.
        planned_ns: u64,
        /// When the dispatcher awoke.
        awake_ns: u64,
    },
    /// The dispatcher came so late that whole major frames were over.
    FramesSkipped {
        /// The first frame that was skipped.
        first: u64,
        /// How many.
        count: u64,
    },
    /// A partition's process was born and waits for its first window.
    Birth {
        /// Starts of the partition so far.
        generation: u64,
        /// 0 for a cold start, 1 for a warm one.
        warm: bool,
        /// What the birth took, in nanoseconds.
        took_ns: u64,
    },
    /// A guest ended itself.
    Exit {
        /// Its exit status.
        status: i32,
    },
    /// A signal ended a guest.
    Crash {
        /// The signal.
        signal: i32,
        /// `si_code` of the fault, if the shim noted it.
        code: i32,
        /// Faulting address, if the shim noted it; else 0.
        address: u64,
        /// Instruction pointer, if the shim noted it; else 0.
        ip: u64,
    },
    /// A guest made a forbidden system call.
    ForbiddenCall {
        /// The call's number, if the shim noted it; else -1.
        number: i64,
        /// AUDIT_ARCH_* of the call; 0 if not noted.
        arch: u32,
        /// Instruction pointer, if the shim noted it; else 0.
        ip: u64,
    },
    /// The health monitor acted: code of the error and of the action (see [`super::codes`]).
    Health {
        /// The error, as an index.
        error: u16,
        /// The action, as an index.
        action: u16,
    },
    /// The ring was full, and events were lost.
    Lost {
        /// How many.
        count: u64,
    },
    /// A kind that this version does not know.
    Unknown {
        /// Its number.
        kind: u16,
    },
}

impl Event {
    /// The event as eight words.
    pub fn encode(&self) -> Words {
        let (kind, detail, payload): (u16, u16, [u64; 6]) = match self.kind {
            Kind::WindowStart { frame, planned_ns, awake_ns, continued_ns } => {
                (1, 0, [frame, planned_ns, awake_ns, continued_ns, 0, 0])
            }
            Kind::WindowVacant { frame, planned_ns } => (2, 0, [frame, planned_ns, 0, 0, 0, 0]),
            Kind::WindowEnd { frame, planned_ns, awake_ns, requested_ns, confirmed_ns } => {
                (3, 0, [frame, planned_ns, awake_ns, requested_ns, confirmed_ns, 0])
            }
            Kind::WindowSkipped { frame, planned_ns, awake_ns } => (4, 0, [frame, planned_ns, awake_ns, 0, 0, 0]),
            Kind::FramesSkipped { first, count } => (5, 0, [first, count, 0, 0, 0, 0]),
            Kind::Birth { generation, warm, took_ns } => (6, u16::from(warm), [generation, took_ns, 0, 0, 0, 0]),
            Kind::Exit { status } => (7, 0, [i64::from(status) as u64, 0, 0, 0, 0, 0]),
            Kind::Crash { signal, code, address, ip } => {
                (8, 0, [i64::from(signal) as u64, i64::from(code) as u64, address, ip, 0, 0])
            }
            Kind::ForbiddenCall { number, arch, ip } => (9, 0, [number as u64, u64::from(arch), ip, 0, 0, 0]),
            Kind::Health { error, action } => (10, 0, [u64::from(error), u64::from(action), 0, 0, 0, 0]),
            Kind::Lost { count } => (11, 0, [count, 0, 0, 0, 0, 0]),
            Kind::Unknown { kind } => (kind, 0, [0; 6]),
        };
        let head =
            u64::from(kind) | u64::from(self.core) << 16 | u64::from(self.partition) << 32 | u64::from(detail) << 48;
        let [a, b, c, d, e, f] = payload;
        [head, self.time_ns, a, b, c, d, e, f]
    }

    /// The event that `words` encode. A kind of a later version becomes [`Kind::Unknown`].
    pub fn decode(words: &Words) -> Event {
        let [head, time_ns, a, b, c, d, e, _] = *words;
        let field = |shift: u32| ((head >> shift) & 0xffff) as u16;
        let kind = match field(0) {
            1 => Kind::WindowStart { frame: a, planned_ns: b, awake_ns: c, continued_ns: d },
            2 => Kind::WindowVacant { frame: a, planned_ns: b },
            3 => Kind::WindowEnd { frame: a, planned_ns: b, awake_ns: c, requested_ns: d, confirmed_ns: e },
            4 => Kind::WindowSkipped { frame: a, planned_ns: b, awake_ns: c },
            5 => Kind::FramesSkipped { first: a, count: b },
            6 => Kind::Birth { generation: a, warm: field(48) != 0, took_ns: b },
            7 => Kind::Exit { status: a as i32 },
            8 => Kind::Crash { signal: a as i32, code: b as i32, address: c, ip: d },
            9 => Kind::ForbiddenCall { number: a as i64, arch: b as u32, ip: c },
            10 => Kind::Health { error: a as u16, action: b as u16 },
            11 => Kind::Lost { count: a },
            kind => Kind::Unknown { kind },
        };
        Event { time_ns, core: field(16), partition: field(32), kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_encoding() {
        let kinds = [
            Kind::WindowStart { frame: 1, planned_ns: 2, awake_ns: 3, continued_ns: 4 },
            Kind::WindowVacant { frame: 1, planned_ns: 2 },
            Kind::WindowEnd { frame: 1, planned_ns: 2, awake_ns: 3, requested_ns: 4, confirmed_ns: 5 },
            Kind::WindowSkipped { frame: 1, planned_ns: 2, awake_ns: 3 },
            Kind::FramesSkipped { first: 1, count: 2 },
            Kind::Birth { generation: 1, warm: true, took_ns: 2 },
            Kind::Exit { status: -3 },
            Kind::Crash { signal: 11, code: -6, address: u64::MAX, ip: 7 },
            Kind::ForbiddenCall { number: -1, arch: 0xc000_003e, ip: 9 },
            Kind::Health { error: 1, action: 4 },
            Kind::Lost { count: 12 },
            Kind::Unknown { kind: 999 },
        ];
        for kind in kinds {
            let event = Event { time_ns: u64::MAX - 1, core: 2, partition: NO_PARTITION, kind };
            assert_eq!(Event::decode(&event.encode()), event);
        }
    }
}
