//! What the main thread does for the control socket: says how the module is, and carries out what it is told.

use bulkhead_abi::boot::{StartCondition, StartMode};
use bulkhead_abi::port::sync::Ordering::Relaxed;

use super::outcome::{Options, RunError, host_error};
use super::{ChannelOutcome, Ending, State, Supervisor};
use crate::config::{Channel, ChannelKind, Module};
use crate::control::place::{self, PlaceError};
use crate::control::protocol::{self, ChannelState, CoreState, Hello, Lateness, PartitionState, VERSION};
use crate::control::{Command, Desk, Order};
use crate::dispatch::clock::now_ns;
use crate::record::header::Header;

/// Opens the control socket, if there is to be one; `real_time` tells whether the dispatchers are real-time threads.
pub(super) fn open(
    module: &Module,
    options: &Options,
    (real_time, header): (bool, &Header),
    housekeeping: &[u32],
) -> Result<Option<Desk>, RunError> {
    let Some(control) = &options.control else { return Ok(None) };
    let opened = match &control.path {
        Some(path) => place::open(path)
            .map_err(|error: PlaceError| RunError::Control { path: path.display().to_string(), error })?,
        None => match place::open_default() {
            Some(opened) => opened,
            None => return Ok(None),
        },
    };
    let hello = Hello {
        protocol: VERSION,
        bulkhead: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        write: control.write,
        module: describe(module, (real_time && options.virtual_time.is_none(), header), options.virtual_time.is_some()),
    };
    Desk::open(opened, hello, housekeeping).map(Some).map_err(host_error("the control thread"))
}

fn describe(module: &Module, (real_time, header): (bool, &Header), virtual_time: bool) -> protocol::Module {
    let window = |window: &crate::config::module::Window| protocol::Window {
        partition: window.partition.0,
        start_ns: window.start_ns,
        duration_ns: window.duration_ns,
    };
    let core = |core: &crate::config::module::Core| protocol::Core {
        number: core.number,
        cpu: core.cpu,
        windows: (0..module.schedules.len())
            .map(|schedule| core.windows_in(schedule).iter().map(window).collect())
            .collect(),
    };
    let partition = |partition: &crate::config::Partition| protocol::Partition {
        name: partition.name.clone(),
        core: module.cores[partition.core].number,
    };
    let channel = |channel: &Channel| {
        let (kind, depth) = match channel.kind {
            ChannelKind::Sampling { .. } => ("sampling", 0),
            ChannelKind::Queuing { depth } => ("queuing", depth),
        };
        let (name, kind) = (channel.name.clone(), kind.to_owned());
        protocol::Channel { name, kind, message_bytes: channel.message_bytes, depth }
    };
    protocol::Module {
        name: module.name.clone(),
        major_frame_ns: module.major_frame_ns,
        late_after_ns: module.late_after_ns,
        virtual_time,
        real_time,
        schedules: module.schedules.clone(),
        cores: module.cores.iter().map(core).collect(),
        partitions: module.partitions.iter().map(partition).collect(),
        channels: module.channels.iter().map(channel).collect(),
        host: header.host.clone(),
    }
}

impl Supervisor<'_> {
    /// Deals with what has come through the control socket. To be called where partitions may be restarted.
    pub(super) fn attend_desk(&mut self) -> Option<Ending> {
        let host_ns = now_ns();
        let mut ending = None;
        while let Some(order) = self.desk.as_ref().and_then(Desk::next_order) {
            ending = self.carry_out(order).or(ending);
        }
        if let Some(ticket) = self.desk.as_mut().and_then(|desk| desk.wanted(host_ns)) {
            let state = self.state();
            if let Some(desk) = &mut self.desk {
                desk.publish(ticket, state, host_ns);
            }
        }
        ending
    }

    fn carry_out(&mut self, order: Order) -> Option<Ending> {
        match order.command {
            Command::Stop => {
                self.say("told through the control socket to stop");
                order.answer(Ok(()));
                Some(Ending::Interrupted)
            }
            Command::Restart { .. } if self.virtual_now_ns.is_some() => {
                order.answer(Err("in virtual time a run depends on nobody outside: nothing is restarted".to_owned()));
                None
            }
            Command::Restart { partition, warm } => {
                if self.residents[partition].state == State::Starting {
                    order.answer(Err("the partition is being started already".to_owned()));
                    return None;
                }
                let (mode, word) = if warm { (StartMode::Warm, "warm") } else { (StartMode::Cold, "cold") };
                self.say_of(partition, &format!("is restarted ({word}), as told through the control socket"));
                order.answer(Ok(()));
                // A client that never stops asking is a storm too.
                self.restart(partition, mode, StartCondition::PartitionRestart, None)
            }
        }
    }

    /// How the module is.
    fn state(&self) -> protocol::State {
        let Some((stats, live)) = self.journal.live() else { return protocol::State::default() };
        let now_ns = self.now_ns();
        let epoch_ns = match &self.dispatchers {
            Some(dispatchers) => dispatchers.epoch_ns(),
            None => live.begun_ns(),
        };
        let partitions = self.residents.iter().enumerate().map(|(index, resident)| {
            let figures = stats.glance(index).unwrap_or_default();
            let (last_ns, second_ns) = live.lateness(index, now_ns);
            let (state, failed, last) = match &resident.state {
                State::Starting => ("starting", false, None),
                State::Normal => ("normal", false, None),
                State::Idle { last, failed } => ("idle", *failed, last.as_ref()),
            };
            let (sent, arrived) = self.messages_of(index);
            PartitionState {
                state: state.to_owned(),
                failed,
                last: last.map(|last| super::console::visible(last.to_string().as_bytes())).unwrap_or_default(),
                windows: figures.windows,
                late_windows: figures.late_windows,
                vacant_windows: figures.vacant_windows,
                skipped_windows: figures.skipped_windows,
                overruns: figures.overruns,
                lateness: Lateness {
                    last_ns,
                    second_ns,
                    p50_ns: figures.p50_ns,
                    p99_ns: figures.p99_ns,
                    worst_ns: figures.worst_ns,
                },
                interrupts: resident.interrupts(),
                sent,
                arrived,
                restarts: figures.restarts,
                health_events: figures.health_events,
                dropped_output_bytes: resident.dropped_output(),
            }
        });
        let cores = (0..self.module.cores.len()).map(|core| {
            let (skipped_frames, lost_events) = stats.core(core).unwrap_or_default();
            CoreState { skipped_frames, lost_events }
        });
        let channels = self.channels.iter().enumerate().map(|(number, (channel, memory))| {
            let sockets = self.gateways.as_ref().map(|gateways| gateways.outcomes(number)).unwrap_or_default();
            let outcome = ChannelOutcome::of(channel, memory, sockets);
            ChannelState {
                messages: outcome.messages,
                waiting: outcome.waiting,
                lost: outcome.lost,
                nonsense: outcome.nonsense,
                passed: outcome.sockets.iter().map(|socket| socket.passed).sum(),
                dropped: outcome.sockets.iter().map(|socket| socket.dropped).sum(),
            }
        });
        protocol::State {
            elapsed_ns: now_ns.saturating_sub(live.begun_ns()),
            frame: live.frame(),
            schedule: live.schedule(),
            into_frame_ns: now_ns.saturating_sub(epoch_ns) % self.module.major_frame_ns,
            cores: cores.collect(),
            partitions: partitions.collect(),
            channels: channels.collect(),
            events: live.told().cloned().collect(),
        }
    }

    /// Messages that a partition has sent, and that were sent to it, by the senders' word.
    fn messages_of(&self, index: usize) -> (u64, u64) {
        let is_me = |end: &crate::config::End| end.partition().is_some_and(|id| id.index() == index);
        let (mut sent, mut arrived) = (0u64, 0u64);
        for (channel, memory) in self.channels.iter() {
            let messages = memory.source_page().head.load(Relaxed);
            if is_me(&channel.source) {
                sent = sent.wrapping_add(messages);
            }
            for _ in channel.destinations.iter().filter(|end| is_me(end)) {
                arrived = arrived.wrapping_add(messages);
            }
        }
        (sent, arrived)
    }
}
