//! A partition as the main thread sees it: its process, its state, its console.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bulkhead_abi::boot::{StartCondition, StartMode};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use serde::Serialize;

use super::ConsoleMode;
use super::console::{Lines, Tap, Throttle};
use super::death::{Death, Note, Verdict};
use super::output::Output;
use super::report::{Reports, Will};
use super::trace::Traces;
use crate::block::{Blocks, Share};
use crate::config::{Module, PartitionId};
use crate::dispatch::policy::GuestPolicy;
use crate::dispatch::real::{Raised, ring};
use crate::dispatch::slot::Slot;
use crate::health::StormWatch;
use crate::partition::boot::{Start, boot_info};
use crate::partition::{Birth, BirthError, Guest, Memory, Order, Process, Spawner};
use crate::port::{Channels, Ports};

/// What a partition is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Its process is being made.
    Starting,
    /// It has a process, which runs in its windows.
    Normal,
    /// It has none, and gets none.
    Idle {
        /// How its last process ended, if it had one.
        last: Option<Death>,
        /// Whether that was a failure that nobody handled.
        failed: bool,
    },
}

/// A partition.
#[derive(Debug)]
pub(super) struct Resident {
    pub(super) id: PartitionId,
    pub(super) guest: Arc<Guest>,
    pub(super) memory: Arc<Memory>,
    pub(super) slot: Arc<Slot>,
    ports: Ports,
    blocks: Share,
    pub(super) state: State,
    pub(super) process: Option<Process>,
    pub(super) storm: StormWatch,
    pub(super) reports: Reports,
    pub(super) traces: Traces,
    /// The message of the last request, as the guest left it.
    pub(super) last_words: Vec<u8>,
    /// A death that the health monitor has brought about itself, so that it is not reported as the guest's.
    pub(super) killed_by_us: bool,
    pub(super) input: u32,
    generation: u32,
    /// Interrupts that its former processes served, by their word.
    interrupts_before: u64,
    cpu: u32,
    policy: GuestPolicy,
    tap: Tap,
    throttle: Throttle,
    lines: Lines,
    scratch: Vec<u8>,
    /// Bytes that the guest or the throttle dropped since the last notice.
    dropped: u64,
    /// Bytes that were dropped in all.
    pub(super) dropped_in_all: u64,
    /// Before this instant no further notice of dropped bytes is due.
    notice_due_ns: u64,
    /// Whether this process's nonsense in its ring has been reported.
    corruption_told: bool,
}

/// Most bytes taken from one console in one tick, so that no partition starves the others of attention.
const TICK_BYTES: usize = 256 << 10;
/// Least time between two notices of dropped bytes, in nanoseconds: a guest may claim to drop some at every instant.
const NOTICE_NS: u64 = 1_000_000_000;

impl Resident {
    pub(super) fn new(
        module: &Module,
        id: PartitionId,
        guest: Arc<Guest>,
        (cpu, policy): (u32, GuestPolicy),
        (channels, blocks): (&Arc<Channels>, &Arc<Blocks>),
        prefix: String,
        now_ns: u64,
    ) -> Result<Resident, Errno> {
        let partition = module.partition(id);
        let memory = Arc::new(Memory::new(partition.memory_bytes, partition.stack_bytes)?);
        Ok(Resident {
            id,
            guest,
            slot: Arc::new(Slot::new(Arc::clone(&memory), channels.ringers(module, id))),
            ports: Ports::new(channels, id),
            blocks: Share::new(blocks, id),
            memory,
            state: State::Idle { last: None, failed: false },
            process: None,
            storm: StormWatch::default(),
            reports: Reports::new(now_ns),
            traces: Traces::new(module, id, now_ns),
            last_words: Vec::new(),
            killed_by_us: false,
            input: 0,
            generation: 0,
            interrupts_before: 0,
            cpu,
            policy,
            tap: Tap::default(),
            throttle: Throttle::new(now_ns),
            lines: Lines::new(prefix),
            scratch: Vec::new(),
            dropped: 0,
            dropped_in_all: 0,
            notice_due_ns: 0,
            corruption_told: false,
        })
    }

    /// Shows all that the guest prints, however much: in virtual time the guest waits while it is shown.
    pub(super) fn open_throttle(&mut self) {
        self.throttle = Throttle::open();
    }

    /// Orders a new process. A warm one finds its RAM as it was.
    pub(super) fn start(&mut self, module: &Module, spawner: &Spawner, mode: StartMode, condition: StartCondition) {
        self.order(module, spawner, (mode, condition), mode == StartMode::Warm);
    }

    /// Orders a new process that finds zeroed RAM, whatever mode it is told.
    pub(super) fn start_afresh(
        &mut self,
        module: &Module,
        spawner: &Spawner,
        mode: StartMode,
        condition: StartCondition,
    ) {
        self.order(module, spawner, (mode, condition), false);
    }

    fn order(
        &mut self,
        module: &Module,
        spawner: &Spawner,
        (mode, condition): (StartMode, StartCondition),
        keep_ram: bool,
    ) {
        // Its memory is cleared from here on, at an instant that this thread does not know.
        self.interrupts_before = self.interrupts();
        self.generation += 1;
        self.state = State::Starting;
        self.killed_by_us = false;
        let start = Start { generation: self.generation, condition, mode };
        spawner.order(Order {
            partition: self.id,
            start,
            guest: Arc::clone(&self.guest),
            memory: Arc::clone(&self.memory),
            boot: boot_info(module, self.id, start),
            ports: self.ports.clone(),
            blocks: self.blocks.clone(),
            keep_ram,
            cpu: self.cpu,
            policy: self.policy,
        });
    }

    /// Interrupts that it has served since the beginning of the run, by its own word.
    pub(super) fn interrupts(&self) -> u64 {
        let here = match self.state {
            State::Starting => 0,
            State::Normal | State::Idle { .. } => self.memory.virtual_cpu().interrupts.load(Ordering::Relaxed),
        };
        self.interrupts_before.wrapping_add(here)
    }

    /// Which start of the partition this is, from 1; 0 before the first.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Takes over a finished birth. A process that nobody wants any more (the module stops) is destroyed.
    pub(super) fn arrive(&mut self, birth: Birth) -> Result<(), BirthError> {
        let process = birth.process?;
        // A newer start may have been ordered while this one was under way; it clears the memory once more.
        if self.state != State::Starting || birth.start.generation != self.generation {
            process.destroy();
            return Ok(());
        }
        if let Err(error) = self.slot.offer(&process) {
            process.destroy();
            let error = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EMFILE));
            return Err(BirthError::Host { call: "dup of a pidfd", error });
        }
        // Its memory has been cleared, rings included.
        self.tap = Tap::default();
        self.reports.rewind();
        self.traces.rewind();
        self.corruption_told = false;
        self.input = 0;
        self.process = Some(process);
        self.state = State::Normal;
        Ok(())
    }

    /// If the process has ended, collects it and says how it ended.
    pub(super) fn collect_death(&mut self) -> io::Result<Option<Death>> {
        let Some(process) = &self.process else { return Ok(None) };
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let verdict = match waitid(Id::PIDFd(process.pidfd.as_fd()), flags) {
            Ok(WaitStatus::Exited(_, status)) => Verdict::Exited(status),
            Ok(WaitStatus::Signaled(_, signal, _)) => Verdict::Killed(signal as i32),
            Ok(_) | Err(Errno::EINTR) => return Ok(None),
            // Signals that nix has no name for.
            Err(Errno::EINVAL) => Verdict::Killed(libc::SIGKILL),
            Err(error) => return Err(error.into()),
        };
        self.slot.vacate();
        self.process = None;
        let vcpu = self.memory.vcpu();
        let will = Will::read(&vcpu.request);
        let death = Death::judge(verdict, Note::read(&vcpu.fault), will.as_ref());
        self.last_words = match (&death, will) {
            (Death::Raised { .. }, Some(Will::Error { message, .. })) => message,
            _ => Vec::new(),
        };
        Ok(Some(death))
    }

    /// Raises a line of the guest's; true if it was not raised before, and the guest wants it.
    pub(super) fn ring(&self, line: u32) -> bool {
        let Some(process) = &self.process else { return false };
        ring(self.memory.vcpu(), process.pidfd.as_fd(), line) == Raised::News
    }

    /// Kills the process; its death arrives through its pidfd.
    pub(super) fn kill(&mut self) {
        self.slot.vacate();
        if let Some(process) = &self.process {
            self.killed_by_us = true;
            process.kill();
        }
    }

    /// Passes on what the guest has printed, and returns it as it came.
    pub(super) fn drain_console(&mut self, now_ns: u64, mode: &ConsoleMode, output: &mut Output) -> &[u8] {
        self.scratch.clear();
        self.fetch(now_ns, mode, output);
        &self.scratch
    }

    fn fetch(&mut self, now_ns: u64, mode: &ConsoleMode, output: &mut Output) {
        // While a new process is made, the spawner clears the memory at an instant that this thread does not know.
        let too_much_waits = !output.has_room() && output.buffer().len() > TICK_BYTES;
        if self.state == State::Starting || too_much_waits {
            return;
        }
        let lost = u64::from(self.tap.drain(&self.memory, &mut self.scratch, TICK_BYTES));
        match mode {
            ConsoleMode::Prefix => self.dropped += lost,
            ConsoleMode::Raw => {
                self.dropped_in_all += lost;
                output.buffer().extend_from_slice(&self.scratch);
                return;
            }
            ConsoleMode::Capture(sink) => {
                // Whoever wanted it may have lost interest.
                let _ = sink.send((self.id, self.scratch.clone()));
                return;
            }
        }
        let pass = self.throttle.pass(now_ns, self.scratch.len() as u64) as usize;
        self.dropped += (self.scratch.len() - pass) as u64;
        let out = output.buffer();
        self.lines.push(now_ns, &self.scratch[..pass], out);
        self.lines.tick(now_ns, out);
        // Said when the flood has ebbed, so that the notice itself is no flood.
        if self.dropped > 0 && pass == self.scratch.len() && now_ns >= self.notice_due_ns {
            self.notice_due_ns = now_ns + NOTICE_NS;
            self.say_dropped(output);
        }
    }

    fn say_dropped(&mut self, output: &mut Output) {
        let notice = format!("... {} bytes of output dropped ...\n", self.dropped);
        self.dropped_in_all += self.dropped;
        self.dropped = 0;
        let out = output.buffer();
        self.lines.flush(out);
        self.lines.push(0, notice.as_bytes(), out);
    }

    /// Bytes of its output that were dropped since the beginning of the run.
    pub(super) fn dropped_output(&self) -> u64 {
        self.dropped_in_all + self.dropped
    }

    /// Shows what is left of the output, when the process has ended.
    pub(super) fn flush_console(&mut self, now_ns: u64, mode: &ConsoleMode, output: &mut Output) {
        self.drain_console(now_ns, mode, output);
        if matches!(mode, ConsoleMode::Prefix) {
            if self.dropped > 0 {
                self.say_dropped(output);
            }
            self.lines.flush(output.buffer());
        }
    }

    /// Whether the guest's console positions made no sense at some time; told once a start.
    pub(super) fn take_corruption(&mut self) -> bool {
        let is_news = self.tap.corrupted && !self.corruption_told;
        self.corruption_told |= is_news;
        is_news
    }
}
