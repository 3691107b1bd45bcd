//! What the recorder keeps: fixed-size events of eight 64-bit words.
//!
//! Word 0 holds the kind (bits 0–15), the index of the core (16–31), the partition (32–47, [`NO_PARTITION`] for none) and
//! a small detail of the kind (48–63); word 1 the time in nanoseconds of CLOCK_MONOTONIC; the others depend on the kind.

/// Size of an encoded event in bytes.
pub const SIZE: usize = 64;

/// The partition number of an event that concerns no partition.
pub const NO_PARTITION: u16 = u16::MAX;

/// Bytes of text in one event.
pub const TEXT: usize = 48;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Text {
    /// Where in the guest's image something happened.
    Symbol = 1,
    /// What a guest had to say; not necessarily text.
    Message = 2,
}

/// The events that carry `text`, in order.
pub fn text(what: Text, text: &[u8]) -> impl Iterator<Item = Kind> + '_ {
    text.chunks(TEXT).map(move |chunk| {
        let mut bytes = [0; TEXT];
        bytes[..chunk.len()].copy_from_slice(chunk);
        Kind::Text { what, len: chunk.len() as u8, bytes }
    })
}

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
        /// When the guest ran first in the window, by its own word; 0 if that is not known.
        first_ns: u64,
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
        /// The level that dealt with it: 0 process, 1 partition, 2 module.
        level: u8,
        /// The guest's own number of the process that is to blame; 0 if none is known.
        process: u32,
        /// Faulting address of data, if known; else 0.
        address: u64,
        /// Instruction, if known; else 0.
        ip: u64,
    },
    /// The ring was full, and events were lost.
    Lost {
        /// How many.
        count: u64,
    },
    /// A guest ended itself and asked for another mode.
    ModeRequest {
        /// The mode: 0 idle, 1 cold start, 2 warm start.
        mode: u16,
    },
    /// A guest ended itself because of an error that it passed on; a [`Kind::Health`] follows.
    Raised {
        /// The error, as an index.
        error: u16,
        /// The guest's own number of a process; 0 for none.
        process: u32,
        /// An address, by the guest's word; 0 for none.
        address: u64,
    },
    /// A guest reported something.
    Report {
        /// What: 1 a message, 2 an error that it dealt with, 3 a mode that it reached.
        what: u16,
        /// The error, as an index, or the mode; a message's code is the guest's affair.
        code: u32,
        /// The guest's own number of a process; 0 for none.
        process: u32,
        /// An address, by the guest's word; 0 for none.
        address: u64,
        /// When, by the guest's word.
        said_ns: u64,
    },
    /// A guest reported more than there was room for.
    ReportsLost {
        /// How many reports.
        count: u64,
    },
    /// A piece of the text that belongs to the partition's last event of the main thread's.
    Text {
        /// What the text is.
        what: Text,
        /// Used bytes, up to [`TEXT`].
        len: u8,
        /// The bytes, padded with zeros.
        bytes: [u8; TEXT],
    },
    /// A partition asked for another schedule.
    ScheduleRequest {
        /// The schedule.
        schedule: u16,
        /// Whether there is no such schedule, or the partition may not ask.
        refused: bool,
        /// The major frame at whose end, or in which, the request was seen.
        frame: u64,
    },
    /// A core went over to another schedule.
    ScheduleSwitch {
        /// The first major frame of the new schedule.
        frame: u64,
        /// The schedule.
        schedule: u16,
        /// When the frame was to begin.
        planned_ns: u64,
        /// When the dispatcher awoke.
        awake_ns: u64,
    },
    /// Since its last window the dispatcher was ready to run for noticeably long before it ran.
    Waited {
        /// How long, in nanoseconds.
        waited_ns: u64,
    },
    /// What the host's counters say about a core, from time to time; all of them only grow.
    Sample(Sample),
    /// What the host's counters say about interrupts on a core, at the same time; they only grow.
    Interrupts(Interrupts),
    /// How many interrupts of the host's from one source there have been on a core, when that has changed; it only grows.
    InterruptsFrom {
        /// Index of the source in the header.
        source: u16,
        /// How many.
        count: u64,
    },
    /// How many messages wait in a queuing channel, when that has changed.
    Waiting {
        /// Index of the channel.
        channel: u16,
        /// How many.
        messages: u32,
        /// How many it can hold.
        depth: u32,
    },
    /// The supervisor raised one of a guest's lines, which had not been raised before: a virtual interrupt.
    InterruptRaised {
        /// The line.
        line: u16,
    },
    /// The supervisor found that messages have come for a partition.
    Arrived {
        /// Index of the channel.
        channel: u16,
        /// Number of the last of them in its channel.
        sequence: u64,
        /// How many there are: of a queue those up to this one, of a sampling channel the latest only. By the sender's word.
        count: u32,
    },
    /// The supervisor had been stopped, as by SIGSTOP, and goes on.
    Resumed,
    /// A guest was about to serve a virtual interrupt. This and the following are by the guest's word.
    InterruptEntered {
        /// The line.
        line: u16,
    },
    /// A guest had served a virtual interrupt.
    InterruptFinished {
        /// The line.
        line: u16,
    },
    /// A guest took its timer's tick.
    Tick {
        /// When it had been due.
        due_ns: u64,
        /// How many ticks it stands for.
        ticks: u32,
    },
    /// A guest sent a message.
    Sent {
        /// Index of the channel.
        channel: u16,
        /// Number of the message in its channel.
        sequence: u64,
    },
    /// A guest received a message.
    Received {
        /// Index of the channel.
        channel: u16,
        /// Number of the message in its channel.
        sequence: u64,
    },
    /// A guest raised one of its own lines.
    RaisedItself {
        /// The line.
        line: u16,
    },
    /// A guest's executive gave the processor to another process.
    ProcessSwitch {
        /// The guest's own number of the process; 0 if none runs.
        process: u32,
        /// The first bytes of its name, padded with zeros; not necessarily text.
        name: [u8; 8],
    },
    /// Events of a guest's trace are not in the recording.
    TraceLost {
        /// How many.
        count: u64,
        /// Whether they were more than a guest may have in a recording; else they were overwritten before they were fetched, or made no
        /// sense.
        excess: bool,
    },
    /// A kind that this version does not know.
    Unknown {
        /// Its number.
        kind: u16,
    },
}

/// Counters of the host's, as far as it has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// CPU time that the hypervisor gave to others, in nanoseconds; the kernel counts it in ticks of 1 to 10 ms.
    pub steal_ns: u64,
    /// How long the supervisor's control group was throttled, in nanoseconds.
    pub throttled_ns: u64,
    /// How long the core's guests were ready to run before they ran, in nanoseconds.
    pub guest_waited_ns: u64,
    /// Pages that the core's guests waited for.
    pub major_faults: u64,
    /// Pages that the core's guests touched for the first time.
    pub minor_faults: u64,
    /// How often the core's guests and its dispatcher lost the core without having asked for it.
    pub involuntary_switches: u64,
}

/// Interrupts of the host on a core, as far as it counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interrupts {
    /// How many, of all kinds.
    pub count: u64,
    /// What they took, soft interrupts included, in nanoseconds; the kernel counts it in ticks of 1 to 10 ms.
    pub took_ns: u64,
}

impl Kind {
    /// Whether this comes from a guest's trace, of which there may be very much.
    pub fn is_traced(&self) -> bool {
        matches!(
            self,
            Kind::InterruptEntered { .. }
                | Kind::InterruptFinished { .. }
                | Kind::Tick { .. }
                | Kind::Sent { .. }
                | Kind::Received { .. }
                | Kind::RaisedItself { .. }
                | Kind::ProcessSwitch { .. }
        )
    }

    /// Whether a partition's process has ended with this.
    pub fn is_death(&self) -> bool {
        matches!(
            self,
            Kind::Exit { .. }
                | Kind::Crash { .. }
                | Kind::ForbiddenCall { .. }
                | Kind::ModeRequest { .. }
                | Kind::Raised { .. }
        )
    }
}

impl Event {
    /// The event as eight words.
    pub fn encode(&self) -> Words {
        let (kind, detail, payload): (u16, u16, [u64; 6]) = match self.kind {
            Kind::WindowStart { frame, planned_ns, awake_ns, continued_ns } => {
                (1, 0, [frame, planned_ns, awake_ns, continued_ns, 0, 0])
            }
            Kind::WindowVacant { frame, planned_ns } => (2, 0, [frame, planned_ns, 0, 0, 0, 0]),
            Kind::WindowEnd { frame, planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns } => {
                (3, 0, [frame, planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns])
            }
            Kind::WindowSkipped { frame, planned_ns, awake_ns } => (4, 0, [frame, planned_ns, awake_ns, 0, 0, 0]),
            Kind::FramesSkipped { first, count } => (5, 0, [first, count, 0, 0, 0, 0]),
            Kind::Birth { generation, warm, took_ns } => (6, u16::from(warm), [generation, took_ns, 0, 0, 0, 0]),
            Kind::Exit { status } => (7, 0, [i64::from(status) as u64, 0, 0, 0, 0, 0]),
            Kind::Crash { signal, code, address, ip } => {
                (8, 0, [i64::from(signal) as u64, i64::from(code) as u64, address, ip, 0, 0])
            }
            Kind::ForbiddenCall { number, arch, ip } => (9, 0, [number as u64, u64::from(arch), ip, 0, 0, 0]),
            Kind::Health { error, action, level, process, address, ip } => {
                let words = [u64::from(error), u64::from(action), u64::from(level), u64::from(process), address, ip];
                (10, 0, words)
            }
            Kind::Lost { count } => (11, 0, [count, 0, 0, 0, 0, 0]),
            Kind::ModeRequest { mode } => (20, mode, [0; 6]),
            Kind::Raised { error, process, address } => (21, error, [u64::from(process), address, 0, 0, 0, 0]),
            Kind::Report { what, code, process, address, said_ns } => {
                (22, what, [u64::from(code), u64::from(process), address, said_ns, 0, 0])
            }
            Kind::ReportsLost { count } => (23, 0, [count, 0, 0, 0, 0, 0]),
            Kind::Text { what, len, bytes } => {
                let (chunks, _) = bytes.as_chunks::<8>();
                let mut words = [0; 6];
                words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
                (24, u16::from(what as u8) << 8 | u16::from(len), words)
            }
            Kind::ScheduleRequest { schedule, refused, frame } => {
                (25, schedule, [u64::from(refused), frame, 0, 0, 0, 0])
            }
            Kind::ScheduleSwitch { frame, schedule, planned_ns, awake_ns } => {
                (26, schedule, [frame, planned_ns, awake_ns, 0, 0, 0])
            }
            Kind::Waited { waited_ns } => (32, 0, [waited_ns, 0, 0, 0, 0, 0]),
            Kind::Sample(sample) => (33, 0, sample.words()),
            Kind::Resumed => (34, 0, [0; 6]),
            Kind::Interrupts(Interrupts { count, took_ns }) => (35, 0, [count, took_ns, 0, 0, 0, 0]),
            Kind::Waiting { channel, messages, depth } => {
                (36, channel, [u64::from(messages), u64::from(depth), 0, 0, 0, 0])
            }
            Kind::InterruptRaised { line } => (37, line, [0; 6]),
            Kind::Arrived { channel, sequence, count } => (38, channel, [sequence, u64::from(count), 0, 0, 0, 0]),
            Kind::InterruptsFrom { source, count } => (39, source, [count, 0, 0, 0, 0, 0]),
            Kind::InterruptEntered { line } => (40, line, [0; 6]),
            Kind::InterruptFinished { line } => (41, line, [0; 6]),
            Kind::Tick { due_ns, ticks } => (42, 0, [due_ns, u64::from(ticks), 0, 0, 0, 0]),
            Kind::Sent { channel, sequence } => (43, channel, [sequence, 0, 0, 0, 0, 0]),
            Kind::Received { channel, sequence } => (44, channel, [sequence, 0, 0, 0, 0, 0]),
            Kind::ProcessSwitch { process, name } => {
                (45, 0, [u64::from(process), u64::from_le_bytes(name), 0, 0, 0, 0])
            }
            Kind::RaisedItself { line } => (47, line, [0; 6]),
            Kind::TraceLost { count, excess } => (46, u16::from(excess), [count, 0, 0, 0, 0, 0]),
            Kind::Unknown { kind } => (kind, 0, [0; 6]),
        };
        let head =
            u64::from(kind) | u64::from(self.core) << 16 | u64::from(self.partition) << 32 | u64::from(detail) << 48;
        let [a, b, c, d, e, f] = payload;
        [head, self.time_ns, a, b, c, d, e, f]
    }

    /// The event that `words` encode. A kind of a later version becomes [`Kind::Unknown`].
    pub fn decode(words: &Words) -> Event {
        let [head, time_ns, a, b, c, d, e, f] = *words;
        let field = |shift: u32| ((head >> shift) & 0xffff) as u16;
        let kind = match field(0) {
            1 => Kind::WindowStart { frame: a, planned_ns: b, awake_ns: c, continued_ns: d },
            2 => Kind::WindowVacant { frame: a, planned_ns: b },
            3 => {
                Kind::WindowEnd { frame: a, planned_ns: b, awake_ns: c, requested_ns: d, confirmed_ns: e, first_ns: f }
            }
            4 => Kind::WindowSkipped { frame: a, planned_ns: b, awake_ns: c },
            5 => Kind::FramesSkipped { first: a, count: b },
            6 => Kind::Birth { generation: a, warm: field(48) != 0, took_ns: b },
            7 => Kind::Exit { status: a as i32 },
            8 => Kind::Crash { signal: a as i32, code: b as i32, address: c, ip: d },
            9 => Kind::ForbiddenCall { number: a as i64, arch: b as u32, ip: c },
            10 => {
                Kind::Health { error: a as u16, action: b as u16, level: c as u8, process: d as u32, address: e, ip: f }
            }
            11 => Kind::Lost { count: a },
            20 => Kind::ModeRequest { mode: field(48) },
            21 => Kind::Raised { error: field(48), process: a as u32, address: b },
            22 => Kind::Report { what: field(48), code: a as u32, process: b as u32, address: c, said_ns: d },
            23 => Kind::ReportsLost { count: a },
            24 => match field(48) >> 8 {
                1 => text_piece(Text::Symbol, field(48), &[a, b, c, d, e, f]),
                2 => text_piece(Text::Message, field(48), &[a, b, c, d, e, f]),
                _ => Kind::Unknown { kind: 24 },
            },
            25 => Kind::ScheduleRequest { schedule: field(48), refused: a != 0, frame: b },
            26 => Kind::ScheduleSwitch { frame: a, schedule: field(48), planned_ns: b, awake_ns: c },
            32 => Kind::Waited { waited_ns: a },
            33 => Kind::Sample(Sample::of([a, b, c, d, e, f])),
            34 => Kind::Resumed,
            35 => Kind::Interrupts(Interrupts { count: a, took_ns: b }),
            36 => Kind::Waiting { channel: field(48), messages: a as u32, depth: b as u32 },
            37 => Kind::InterruptRaised { line: field(48) },
            38 => Kind::Arrived { channel: field(48), sequence: a, count: b as u32 },
            39 => Kind::InterruptsFrom { source: field(48), count: a },
            40 => Kind::InterruptEntered { line: field(48) },
            41 => Kind::InterruptFinished { line: field(48) },
            42 => Kind::Tick { due_ns: a, ticks: b as u32 },
            43 => Kind::Sent { channel: field(48), sequence: a },
            44 => Kind::Received { channel: field(48), sequence: a },
            45 => Kind::ProcessSwitch { process: a as u32, name: b.to_le_bytes() },
            46 => Kind::TraceLost { count: a, excess: field(48) != 0 },
            47 => Kind::RaisedItself { line: field(48) },
            kind => Kind::Unknown { kind },
        };
        Event { time_ns, core: field(16), partition: field(32), kind }
    }
}

fn text_piece(what: Text, detail: u16, words: &[u64; 6]) -> Kind {
    let mut bytes = [0; TEXT];
    bytes.chunks_mut(8).zip(words).for_each(|(chunk, word)| chunk.copy_from_slice(&word.to_le_bytes()));
    Kind::Text { what, len: (detail & 0xff).min(TEXT as u16) as u8, bytes }
}

impl Sample {
    fn words(self) -> [u64; 6] {
        let Sample { steal_ns, throttled_ns, guest_waited_ns, major_faults, minor_faults, involuntary_switches } = self;
        [steal_ns, throttled_ns, guest_waited_ns, major_faults, minor_faults, involuntary_switches]
    }

    fn of(words: [u64; 6]) -> Sample {
        let [steal_ns, throttled_ns, guest_waited_ns, major_faults, minor_faults, involuntary_switches] = words;
        Sample { steal_ns, throttled_ns, guest_waited_ns, major_faults, minor_faults, involuntary_switches }
    }
}

#[cfg(test)]
mod tests;
