//! A run in virtual time: the dispatcher's loop on the main thread, one guest at a time, and nothing that asks the host's clock.
//!
//! The windows are kept by the dispatchers of real runs ([`Dispatcher`]), one for each scheduled core. Between two boundaries, of
//! whichever core, the partitions whose windows are open run until the next one: a guest counts its own basic blocks and gives the
//! turn back at the exact one ([`crate::dispatch::handover`]). Those of several cores that are awake at the same time take turns,
//! core by core, of a quantum each. A guest that sleeps past the boundary is not even asked, so that an idle hour passes in no time.
//! Consoles are fetched, deaths dealt with and processes born whenever the supervisor has the turn: at instants of virtual time
//! that are the same in every run.

mod endings;
mod lane;
mod lockstep;
mod world;

use std::io::{self, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bulkhead_abi::clock::Scale;
use bulkhead_abi::virtual_time::{BEGIN_NS, BLOCK, NEVER, STEP, VIRTUAL, WALL_OFFSET_NS};

use super::outcome::{VirtualOptions, VirtualOutcome, host_error};
use super::{Ending, RunError, Supervisor};
use crate::dispatch::policy::be_patient;
use crate::dispatch::{self, Assignment, Dispatcher};
use crate::record::ring::{Producer, ring};
use crate::schedule::Timetable;
use world::{Bounds, Pace, Standstill, World};

/// What a call of the shim takes, in nanoseconds: about what reading the clock takes on a real processor.
const CALL_NS: u32 = 20;
/// Events that a ring holds; it is emptied every 256 boundaries, at each of which a few arise.
const RING_CAPACITY: usize = 4096;

impl Supervisor<'_> {
    /// Module time: the host's, or the virtual one.
    pub(super) fn now_ns(&self) -> u64 {
        self.virtual_now_ns.unwrap_or_else(dispatch::clock::now_ns)
    }

    /// Tells the guests, before they are born, that time is virtual.
    pub(super) fn publish_virtual_time(&mut self, options: &VirtualOptions) {
        for resident in &mut self.residents {
            resident.open_throttle();
            let parameters = resident.memory.virtual_parameters();
            parameters.mode.store(VIRTUAL, Ordering::Relaxed);
            parameters.block_ns.store(options.block_ns, Ordering::Relaxed);
            parameters.preempt.store(if options.steps { STEP } else { BLOCK }, Ordering::Relaxed);
            parameters.call_ns.store(CALL_NS, Ordering::Relaxed);
            parameters.seed.store(options.seed, Ordering::Relaxed);
            parameters.from_ns.store(BEGIN_NS, Ordering::Relaxed);
            parameters.until_ns.store(BEGIN_NS, Ordering::Relaxed);
            // The counter counts nanoseconds.
            let scale = Scale { base_tick: 0, base_ns: 0, mult: 1 << 32 };
            resident.memory.clock().publish(scale, WALL_OFFSET_NS);
            resident.memory.clock().epoch_ns.store(BEGIN_NS, Ordering::Relaxed);
        }
    }

    /// Runs the module in virtual time until it ends.
    pub(super) fn attend_virtually(&mut self, options: &VirtualOptions) -> Result<Ending, RunError> {
        // Costs speed where it is refused, and nothing else.
        let _ = be_patient();
        let input = self.read_input()?;
        let client = self.await_client()?;
        let begun = Instant::now();
        let module = self.module;
        let mut producers = Vec::new();
        for _ in &module.cores {
            let (producer, consumer) = ring(RING_CAPACITY);
            self.journal.add_ring(consumer);
            producers.push(producer);
        }
        let assignments: Vec<Assignment> = (0..module.cores.len()).map(|core| self.assignment(core)).collect();
        let deadline_ns =
            self.options.duration.map_or(NEVER, |duration| BEGIN_NS.saturating_add(duration.as_nanos() as u64));
        let stop = AtomicBool::new(false);
        let pace = options.speed.map(|speed| Pace { begun, speed });
        let bounds = Bounds { deadline_ns, quantum_ns: options.quantum_ns, pace };
        let mut world = World::new(self, bounds, (input, client), &stop);
        world.look_around();
        if !world.is_over() && !world.all_ended() {
            keep_windows(&assignments, producers, &mut world, &stop);
        }
        let (ending, client) = world.into_ending();
        let failing = self.collect_events();
        let ended = self.virtual_outcome(options, begun.elapsed());
        let ending = ending.transpose()?.or(failing).unwrap_or(Ending::Complete);
        if let Some(client) = client {
            client.conclude(&ending, &ended, || self.may_wait());
        }
        self.virtual_outcome = Some(ended);
        Ok(ending)
    }

    /// What the dispatcher of a core works with.
    fn assignment(&self, index: usize) -> Assignment {
        let module = self.module;
        let timetable = |schedule| Timetable::new(&module.cores[index], schedule, module.major_frame_ns);
        Assignment {
            core: index as u16,
            timetables: (0..module.schedules.len()).map(timetable).collect(),
            agreement: Arc::clone(&self.agreement),
            may_switch: module.partitions.iter().map(|partition| partition.may_switch_schedule).collect(),
            epoch_ns: BEGIN_NS,
            frames: self.options.frames,
            note_waits: false,
        }
    }

    fn virtual_outcome(&self, options: &VirtualOptions, took: Duration) -> VirtualOutcome {
        let elapsed_ns = self.now_ns() - BEGIN_NS;
        VirtualOutcome {
            digest: format!("{:016x}", self.journal.digest()),
            elapsed_ns,
            host_ns: took.as_nanos() as u64,
            ratio: elapsed_ns as f64 / (took.as_nanos() as f64).max(1.0),
            preempt: if options.steps { "step" } else { "block" },
            block_ns: options.block_ns,
            seed: options.seed,
        }
    }

    /// All of standard input, if a partition wants it and it is not a terminal: when it comes must not matter.
    fn read_input(&mut self) -> Result<Vec<u8>, RunError> {
        if !self.module.partitions.iter().any(|partition| partition.stdin) || io::stdin().is_terminal() {
            return Ok(Vec::new());
        }
        let (sender, all) = channel();
        let reader = move || {
            let mut bytes = Vec::new();
            // What cannot be read is not there.
            let _ = io::stdin().read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        };
        std::thread::Builder::new().spawn(reader).map_err(host_error("starting a thread"))?;
        let mut patience = 20;
        loop {
            match all.recv_timeout(Duration::from_millis(100)) {
                Ok(bytes) => return Ok(bytes),
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.read_signals();
            if self.interrupted {
                return Ok(Vec::new());
            }
            patience -= 1;
            if patience == 0 {
                self.say("waiting for the end of standard input, which a virtual run reads before it begins");
            }
        }
    }
}

/// Keeps the windows of all cores until `stop` is set or the frames are over. Boundaries at the same instant are dealt with in the
/// order of the cores.
fn keep_windows(assignments: &[Assignment], producers: Vec<Producer>, world: &mut World<'_, '_>, stop: &AtomicBool) {
    let begin = |assignment| Dispatcher::new(assignment, &mut Standstill(BEGIN_NS));
    let mut cores: Vec<(Dispatcher<'_>, Producer)> = assignments.iter().map(begin).zip(producers).collect();
    while let Some(instant_ns) = cores.iter().map(|(core, _)| core.instants_ns().0).min() {
        world.pass(instant_ns);
        let now_ns = world.supervisor.now_ns();
        cores.retain_mut(|(core, ring)| {
            let is_due = core.instants_ns().0 <= now_ns || stop.load(Ordering::Relaxed);
            !is_due || core.boundary(now_ns, &mut Standstill(now_ns), world, ring, stop).is_continue()
        });
    }
}
