//! A world for the rules: a clock that stands still, a memory of bytes, and ports that are lists.

use std::boxed::Box;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::vec;
use std::vec::Vec;

use super::super::*;

/// The partition's period.
pub(super) const PERIOD: Time = 1000;
/// An instant at which a period began.
pub(super) const ORIGIN: Time = 100;

/// What the rules see.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Time,
    pub(super) memory: Vec<u8>,
    pub(super) noted: Vec<ErrorRecord>,
    pub(super) partition_errors: Vec<ErrorRecord>,
    pub(super) left: Option<Mode>,
    pub(super) handled: bool,
    pub(super) sample: Option<(Vec<u8>, Sample)>,
    pub(super) queue: VecDeque<Vec<u8>>,
    pub(super) overflowed: bool,
}

impl Env for World {
    fn now(&self) -> Time {
        self.now
    }

    fn copy(&mut self, from: Address, to: Address, length: u32) {
        self.memory.copy_within(from..from + length as usize, to);
    }

    fn put(&mut self, at: Address, number: u32) {
        self.memory[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    fn get(&self, at: Address) -> u32 {
        u32::from_le_bytes(self.memory[at..at + 4].try_into().unwrap())
    }

    fn handled_by_process(&self, _: &ErrorRecord) -> bool {
        self.handled
    }

    fn partition_error(&mut self, error: &ErrorRecord) {
        self.partition_errors.push(*error);
    }

    fn note_error(&mut self, error: &ErrorRecord) {
        self.noted.push(*error);
    }

    fn leave(&mut self, mode: Mode) {
        self.left = Some(mode);
    }

    fn period(&self) -> (Time, Time) {
        (PERIOD, ORIGIN)
    }

    fn sampling_port(&self, name: &Name) -> Option<SamplingConfig> {
        let direction = match &name.bytes()[..2] {
            b"si" => Direction::Destination,
            b"so" => Direction::Source,
            _ => return None,
        };
        Some(SamplingConfig { handle: 0, direction, max_message: 8, refresh: 50 })
    }

    fn sampling_write(&mut self, _: u16, from: Address, length: u32) {
        let bytes = self.memory[from..from + length as usize].to_vec();
        let number = self.sample.as_ref().map_or(0, |(_, sample)| sample.number) + 1;
        self.sample = Some((bytes, Sample { length, written: self.now, fresh: true, number }));
    }

    fn sampling_read(&mut self, _: u16, to: Option<Address>, room: u32) -> Option<Sample> {
        let (bytes, mut sample) = self.sample.clone()?;
        if let Some(to) = to {
            assert!(room as usize >= bytes.len());
            self.memory[to..to + bytes.len()].copy_from_slice(&bytes);
        }
        sample.fresh = self.now - sample.written <= 50;
        Some(sample)
    }

    fn queuing_port(&self, name: &Name) -> Option<QueuingConfig> {
        let direction = match &name.bytes()[..2] {
            b"qi" => Direction::Destination,
            b"qo" => Direction::Source,
            _ => return None,
        };
        Some(QueuingConfig { handle: 0, direction, max_message: 8, depth: 2 })
    }

    fn queuing_send(&mut self, _: u16, from: Address, length: u32) -> bool {
        if self.queue.len() == 2 {
            return false;
        }
        self.queue.push_back(self.memory[from..from + length as usize].to_vec());
        true
    }

    fn queuing_receive(&mut self, _: u16, to: Address, room: u32) -> Option<u32> {
        let bytes = self.queue.pop_front()?;
        assert!(room as usize >= bytes.len());
        self.memory[to..to + bytes.len()].copy_from_slice(&bytes);
        Some(bytes.len() as u32)
    }

    fn queuing_overflowed(&mut self, _: u16) -> bool {
        core::mem::take(&mut self.overflowed)
    }

    fn queuing_count(&self, _: u16) -> u32 {
        self.queue.len() as u32
    }

    fn queuing_clear(&mut self, _: u16) {
        self.queue.clear();
    }
}

/// The rules in their world.
pub(super) struct Sim(Core<'static, World>);

impl Deref for Sim {
    type Target = Core<'static, World>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Sim {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

fn table<T: Default>(count: usize) -> &'static mut [T] {
    let mut table = Vec::new();
    table.resize_with(count, T::default);
    Box::leak(table.into_boxed_slice())
}

/// A partition that starts up, with room for eight processes and two objects of each kind. The first 256 bytes of memory are
/// the processes', the rest the executive's.
pub(super) fn sim() -> Sim {
    Sim::starting(Mode::ColdStart)
}

fn core(mode: Mode) -> Core<'static, World> {
    let tables = Tables {
        processes: table(9),
        semaphores: table(2),
        events: table(2),
        buffers: table(2),
        blackboards: table(2),
        mutexes: table(2),
        logbooks: table(2),
        sampling: table(2),
        queuing: table(2),
        errors: table(18),
        messages: (256, 1024),
    };
    let world = World {
        now: ORIGIN,
        memory: vec![0; 1024],
        noted: Vec::new(),
        partition_errors: Vec::new(),
        left: None,
        handled: true,
        sample: None,
        queue: VecDeque::new(),
        overflowed: false,
    };
    Core::new(world, tables, mode, 4096)
}

/// An aperiodic process without a deadline.
pub(super) fn attributes(name: &str, base_priority: i32) -> Attributes {
    let name = Name::new(name.as_bytes());
    Attributes { period: -1, time_capacity: -1, stack_size: 1024, base_priority, name, ..Attributes::default() }
}

impl Sim {
    /// A partition that starts up in this mode.
    pub(super) fn starting(mode: Mode) -> Sim {
        Sim(core(mode))
    }

    /// Creates a process.
    pub(super) fn create(&mut self, attributes: Attributes) -> Id {
        self.create_process(attributes, Ok(attributes.deadline)).unwrap()
    }

    /// Creates and starts aperiodic processes of these priorities.
    pub(super) fn started<const N: usize>(&mut self, priorities: [i32; N]) -> [Id; N] {
        let mut number = 0;
        priorities.map(|priority| {
            number += 1;
            let id = self.create(attributes(["a", "b", "c", "d", "e", "f"][number - 1], priority));
            self.start(id).unwrap();
            id
        })
    }

    /// Start-up is over.
    pub(super) fn normal(&mut self) {
        self.set_mode(Ok(Mode::Normal)).unwrap();
        self.go();
    }

    /// Gives the processor to the heir; its identifier, 0 for the error handler, -1 for nobody.
    pub(super) fn go(&mut self) -> Id {
        let heir = self.heir();
        self.run(heir);
        heir.map_or(-1, Id::from)
    }

    /// Time passes to `now`, with all that it brings about.
    pub(super) fn pass(&mut self, now: Time) -> Id {
        self.env.now = now;
        while self.next_event() <= now {
            self.advance(now);
        }
        self.go()
    }

    /// A process' state.
    pub(super) fn state(&self, id: Id) -> State {
        self.process_status(id).unwrap().state
    }

    /// How the wait of the running process ended.
    pub(super) fn ended(&self) -> Reply {
        self.outcome().0
    }
}
