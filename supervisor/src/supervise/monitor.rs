//! The health monitor at work: what the main thread does when a guest ends, overruns or gets a window late.
//!
//! [`crate::health`] decides; this carries out.

use std::fmt::Write as _;
use std::time::Duration;

use bulkhead_abi::boot::{StartCondition, StartMode};

use super::death::Death;
use super::{Ending, State, Supervisor};
use crate::dispatch::real::now_ns;
use crate::health::{Action, Error};
use crate::record::event::Kind;

impl Supervisor<'_> {
    /// Takes the dispatchers' events, and acts on windows that were late or overran.
    pub(super) fn collect_events(&mut self) -> Option<Ending> {
        let (late_after, overrun_after) = (self.module.late_after_ns, self.module.overrun_after_ns);
        let mut troubles: Vec<(usize, Error)> = Vec::new();
        let tap = self.options.tap.as_ref();
        let failed_now = self.journal.collect(|event| {
            if let Some(tap) = tap {
                // Whoever wanted them may have lost interest.
                let _ = tap.send(*event);
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
        let mut ending = None;
        for (index, trouble) in troubles {
            // Trouble of a process that is gone already, by itself or for some other trouble, asks for no action any more.
            if self.residents[index].state != State::Normal {
                continue;
            }
            let action = self.module.partitions[index].health.response(trouble).action;
            if action != Action::Ignore {
                self.say_of(index, &format!("{}; action: {}", describe(trouble), action.name()));
                ending = self.act(index, trouble, action, None).or(ending);
            }
        }
        ending
    }

    /// A partition's process has ended: reports it and acts.
    pub(super) fn mourn(&mut self, index: usize, death: Death) -> Option<Ending> {
        let resident = &mut self.residents[index];
        resident.flush_console(now_ns(), &self.options.console, &mut self.output);
        if resident.killed_by_us {
            // The action that killed it has decided already what comes next.
            return None;
        }
        self.journal.note(self.event(index, death.event()));
        let Some(error) = death.error() else {
            self.residents[index].state = State::Idle { last: Some(death), failed: false };
            return None;
        };
        let action = self.module.partitions[index].health.response(error).action;
        let mut words = death.to_string();
        if let Some(ip) = death.ip() {
            let _ = write!(words, ", instruction {ip:#x}");
            if let Some(symbol) = self.residents[index].guest.symbolise(ip) {
                let _ = write!(words, " in {symbol}");
            }
        }
        self.output.send();
        self.say_of(index, &format!("{words}; action: {}", action.name()));
        self.act(index, error, action, Some(death))
    }

    /// Carries out the health monitor's answer to an error of a partition.
    fn act(&mut self, index: usize, error: Error, action: Action, death: Option<Death>) -> Option<Ending> {
        self.journal.note(self.event(index, Kind::Health { error: error.code(), action: action.code() }));
        let partition = self.module.partitions[index].name.clone();
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
            Action::Shutdown | Action::Reset => {
                resident.kill();
                resident.state = State::Idle { last: death, failed: true };
                Some(Ending::Shutdown { partition })
            }
            Action::WarmStart | Action::ColdStart => {
                if resident.storm.restart(self.module.storm, now_ns()) {
                    resident.kill();
                    resident.state = State::Idle { last: death, failed: true };
                    let storm = self.module.storm;
                    self.say(&format!(
                        "partition \"{partition}\" was to be restarted more than {} times within {}: the module stops",
                        storm.restarts,
                        humantime::format_duration(Duration::from_nanos(storm.within_ns))
                    ));
                    return Some(Ending::Storm { partition });
                }
                if let Some(process) = resident.process.take() {
                    resident.slot.vacate();
                    process.destroy();
                }
                let mode = if action == Action::WarmStart { StartMode::Warm } else { StartMode::Cold };
                resident.start(self.module, &self.spawner, mode, StartCondition::HmPartitionRestart);
                None
            }
        }
    }
}

fn describe(error: Error) -> &'static str {
    match error {
        Error::Overrun => "did not stop in time at the end of its window",
        Error::LateWindow => "got a window late",
        other => other.name(),
    }
}
