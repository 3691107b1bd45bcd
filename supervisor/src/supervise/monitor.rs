//! The health monitor at work: what the main thread does when a guest ends, overruns, gets a window late, or reports
//! something.
//!
//! [`crate::health`] decides; this carries out, and writes down what was done.

use std::fmt::Write as _;
use std::time::Duration;

use bulkhead_abi::boot::{StartCondition, StartMode};

use super::console::visible;
use super::death::Death;
use super::report::Reported;
use super::{Ending, State, Supervisor};
use crate::config::module::{Module, Start};
use crate::health::{Action, Error, ErrorCode, Level, Response, StormAction};
use crate::record::event::{self, Event, Kind, NO_PARTITION, Text};

/// Longest symbol that is recorded, in bytes.
const MOST_SYMBOL: usize = 240;

impl Supervisor<'_> {
    /// Takes the dispatchers' events, and acts on windows that were late or overran.
    pub(super) fn collect_events(&mut self) -> Option<Ending> {
        let (late_after, overrun_after) = (self.module.late_after_ns, self.module.overrun_after_ns);
        let mut troubles: Vec<(usize, Error)> = Vec::new();
        let tap = self.options.tap.as_ref();
        let stop_on_start_ns = self.options.stop_on_start_ns.unwrap_or(u64::MAX);
        let mut offender: Option<(usize, u64)> = None;
        let module = self.module;
        let failed_now = self.journal.collect(|event| {
            if let Some(tap) = tap {
                // Whoever wanted them may have lost interest.
                let _ = tap.send(*event);
            }
            if offender.is_none() {
                offender = late_start(module, event).filter(|(_, lateness_ns)| *lateness_ns > stop_on_start_ns);
            }
            let trouble = match event.kind {
                Kind::WindowStart { planned_ns, continued_ns, .. } if continued_ns > planned_ns + late_after => {
                    Error::LateWindow
                }
                Kind::WindowSkipped { .. } => Error::LateWindow,
                Kind::WindowEnd { confirmed_ns, requested_ns, .. }
                    if confirmed_ns == 0 || confirmed_ns > requested_ns + overrun_after =>
                {
                    Error::Overrun
                }
                _ => return,
            };
            troubles.push((usize::from(event.partition), trouble));
        });
        if failed_now {
            self.say_recording_failed();
        }
        let mut ending = offender.map(|(index, lateness_ns)| {
            let partition = self.module.partitions[index].name.clone();
            Ending::LateWindow { partition, lateness_ns }
        });
        for (index, trouble) in troubles {
            // Trouble of a process that is gone already, by itself or for some other trouble, asks for no action any more.
            if self.residents[index].state != State::Normal {
                continue;
            }
            let response = self.module.partitions[index].health.response(trouble);
            if response.action != Action::Ignore {
                self.say_of(index, &format!("{}; action: {}", describe(trouble), response.action.name()));
                ending = self.act(index, trouble, response, None).or(ending);
            }
        }
        ending
    }

    /// Takes what a partition reports, records and shows it.
    pub(super) fn collect_reports(&mut self, index: usize) {
        self.collect_trace(index);
        let now_ns = self.now_ns();
        let resident = &mut self.residents[index];
        // While a new process is made, the spawner clears the memory at an instant that this thread does not know.
        if resident.state == State::Starting {
            return;
        }
        let (reports, lost) = resident.reports.drain(&resident.memory, now_ns);
        for Reported { event, message } in reports {
            self.journal.note(self.event(index, event));
            self.note_text(index, Text::Message, &message);
            if !self.options.quiet
                && let Some(words) = in_words(event, &message)
            {
                self.say_of(index, &words);
            }
        }
        if lost > 0 {
            self.journal.note(self.event(index, Kind::ReportsLost { count: lost }));
        }
    }

    /// A partition's process has ended: reports it and acts.
    pub(super) fn mourn(&mut self, index: usize, death: Death) -> Option<Ending> {
        self.collect_reports(index);
        let now_ns = self.now_ns();
        let resident = &mut self.residents[index];
        resident.flush_console(now_ns, &self.options.console, &mut self.output);
        if resident.killed_by_us {
            // The action that killed it has decided already what comes next.
            return None;
        }
        self.journal.note(self.event(index, death.event()));
        let Some(error) = death.error() else {
            let mode = match death {
                Death::ModeRequest { mode: "cold_start" } => Some(StartMode::Cold),
                Death::ModeRequest { mode: "warm_start" } => Some(StartMode::Warm),
                _ => None,
            };
            return match mode {
                Some(mode) => self.restart(index, mode, StartCondition::PartitionRestart, Some(death)),
                None => {
                    self.residents[index].state = State::Idle { last: Some(death), failed: false };
                    None
                }
            };
        };
        let response = self.module.partitions[index].health.response(error);
        let mut words = death.to_string();
        if let Some(ip) = death.ip() {
            let _ = write!(words, ", instruction {ip:#x}");
            if let Some(symbol) = self.residents[index].guest.symbolise(ip) {
                let _ = write!(words, " in {symbol}");
            }
        }
        self.output.send();
        self.say_of(index, &format!("{words}; action: {}", response.action.name()));
        self.act(index, error, response, Some(death))
    }

    /// Carries out the answer of a partition's table to an error, and records it with what is known about the error.
    fn act(&mut self, index: usize, error: Error, response: Response, death: Option<Death>) -> Option<Ending> {
        let Response { level, action } = response;
        // An error that has come here was not dealt with by a process.
        let level = if level == Level::Process { Level::Partition } else { level };
        let ip = death.as_ref().and_then(Death::ip);
        let health = Kind::Health {
            error: error.code(),
            action: action.code(),
            level: level as u8,
            process: death.as_ref().map_or(0, Death::process),
            address: death.as_ref().and_then(Death::address).unwrap_or(0),
            ip: ip.unwrap_or(0),
        };
        self.journal.note(self.event(index, health));
        if let Some(symbol) = ip.and_then(|ip| self.residents[index].guest.symbolise(ip)) {
            let bytes = symbol.as_bytes();
            self.note_text(index, Text::Symbol, &bytes[..bytes.len().min(MOST_SYMBOL)]);
        }
        let message = std::mem::take(&mut self.residents[index].last_words);
        self.note_text(index, Text::Message, &message);

        let resident = &mut self.residents[index];
        match action {
            Action::Ignore => {
                if death.is_some() {
                    resident.state = State::Idle { last: death, failed: false };
                }
                None
            }
            Action::Idle => {
                resident.kill();
                resident.state = State::Idle { last: death, failed: true };
                None
            }
            Action::Shutdown => {
                resident.kill();
                resident.state = State::Idle { last: death, failed: true };
                Some(Ending::Shutdown { partition: self.module.partitions[index].name.clone() })
            }
            Action::WarmStart => self.restart(index, StartMode::Warm, StartCondition::HmPartitionRestart, death),
            Action::ColdStart => self.restart(index, StartMode::Cold, StartCondition::HmPartitionRestart, death),
            Action::Reset => self.reset(index, death),
        }
    }

    /// Restarts a partition in place, unless its restarts come too thick.
    pub(super) fn restart(
        &mut self,
        index: usize,
        mode: StartMode,
        condition: StartCondition,
        death: Option<Death>,
    ) -> Option<Ending> {
        let storm = self.module.storm;
        let now_ns = self.now_ns();
        if self.residents[index].storm.restart(storm, now_ns) {
            let partition = self.module.partitions[index].name.clone();
            let what = match storm.action {
                StormAction::Shutdown => "the module stops",
                StormAction::Idle => "it stays idle",
                StormAction::Reset => "the module restarts",
            };
            self.say(&format!("partition \"{partition}\" was to be restarted {}: {what}", self.too_thick()));
            if storm.action == StormAction::Reset {
                return self.reset(index, death);
            }
            let resident = &mut self.residents[index];
            resident.kill();
            resident.state = State::Idle { last: death, failed: true };
            return (storm.action == StormAction::Shutdown).then_some(Ending::Storm { partition });
        }
        let resident = &mut self.residents[index];
        if let Some(process) = resident.process.take() {
            resident.slot.vacate();
            process.destroy();
        }
        resident.start(self.module, &self.spawner, mode, condition);
        None
    }

    /// Restarts the module in place on behalf of a partition: every partition as at the beginning, in the first schedule.
    /// The windows go on meanwhile, and are vacant.
    fn reset(&mut self, index: usize, death: Option<Death>) -> Option<Ending> {
        let now_ns = self.now_ns();
        if self.resets.restart(self.module.storm, now_ns) {
            let partition = self.module.partitions[index].name.clone();
            self.say(&format!("the module was to be restarted {}: it stops", self.too_thick()));
            let resident = &mut self.residents[index];
            resident.kill();
            resident.state = State::Idle { last: death, failed: true };
            return Some(Ending::Storm { partition });
        }
        self.restart_all();
        None
    }

    fn restart_all(&mut self) {
        // All at once, so that they die side by side.
        for resident in &mut self.residents {
            resident.kill();
        }
        for index in 0..self.residents.len() {
            self.collect_reports(index);
            let now_ns = self.now_ns();
            let resident = &mut self.residents[index];
            resident.flush_console(now_ns, &self.options.console, &mut self.output);
            if let Some(process) = resident.process.take() {
                process.destroy();
            }
        }
        // Now nobody uses them: a process that is being born meanwhile does not get to run.
        if let Err((block, error)) = self.blocks.clear() {
            self.say(&format!("memory block \"{block}\" keeps its contents: {error}"));
        }
        for resident in &mut self.residents {
            resident.storm = Default::default();
            let mode = match self.module.partition(resident.id).start {
                Start::Cold => StartMode::Cold,
                Start::Warm => StartMode::Warm,
                Start::Idle => {
                    resident.state = State::Idle { last: None, failed: false };
                    continue;
                }
            };
            // The module's beginning is a cold one whatever the guest is told: nothing of before is to live on.
            resident.start_afresh(self.module, &self.spawner, mode, StartCondition::HmModuleRestart);
        }
        self.agreement.want(0);
    }

    /// The host is about to lose its power.
    pub(super) fn power_fails(&mut self) -> Option<Ending> {
        let action = self.module.health.action(ErrorCode::PowerFail);
        let health = Kind::Health {
            error: Error::PowerFail.code(),
            action: action.code(),
            level: Level::Module as u8,
            process: 0,
            address: 0,
            ip: 0,
        };
        self.journal.note(Event { time_ns: self.now_ns(), core: 0, partition: NO_PARTITION, kind: health });
        self.say(&format!("the host is about to lose its power (SIGPWR); action: {}", action.name()));
        match action {
            Action::Shutdown => Some(Ending::PowerFail),
            Action::Reset => {
                self.restart_all();
                None
            }
            _ => None,
        }
    }

    /// "more than 10 times within 1s".
    fn too_thick(&self) -> String {
        let storm = self.module.storm;
        let within = humantime::format_duration(Duration::from_nanos(storm.within_ns));
        format!("more than {} times within {within}", storm.restarts)
    }

    fn note_text(&mut self, index: usize, what: Text, bytes: &[u8]) {
        for kind in event::text(what, bytes) {
            self.journal.note(self.event(index, kind));
        }
    }
}

/// Whose window an event tells the lateness of, and that in nanoseconds; of a window that did not start, how late it is at least.
fn late_start(module: &Module, event: &Event) -> Option<(usize, u64)> {
    match event.kind {
        Kind::WindowStart { planned_ns, continued_ns, .. } => {
            Some((usize::from(event.partition), continued_ns.saturating_sub(planned_ns)))
        }
        Kind::WindowSkipped { planned_ns, awake_ns, .. } => {
            Some((usize::from(event.partition), awake_ns.saturating_sub(planned_ns)))
        }
        Kind::FramesSkipped { count, .. } => {
            let first = module.cores.get(usize::from(event.core))?.windows.first()?;
            Some((first.partition.index(), count.saturating_mul(module.major_frame_ns)))
        }
        _ => None,
    }
}

fn describe(error: Error) -> &'static str {
    match error {
        Error::Overrun => "did not stop in time at the end of its window",
        Error::LateWindow => "got a window late",
        other => other.name(),
    }
}

/// A report as a message; none for what concerns the recording only.
fn in_words(event: Kind, message: &[u8]) -> Option<String> {
    let Kind::Report { what, code, process, address, .. } = event else { return None };
    let mut words = match what {
        1 => "reports".to_owned(),
        2 => {
            let error = u16::try_from(code).ok().and_then(Error::from_code).map_or("an error", Error::name);
            format!("dealt with {error}")
        }
        _ => return None,
    };
    if process != 0 {
        let _ = write!(words, " of process {process}");
    }
    if address != 0 {
        let _ = write!(words, " at address {address:#x}");
    }
    if !message.is_empty() {
        let _ = write!(words, ": {}", visible(message));
    }
    Some(words)
}
