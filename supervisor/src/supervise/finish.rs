//! A run's end in good order, and what it came to.

use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

use super::outcome::{ChannelOutcome, Ending, Outcome, PartitionOutcome};
use super::terminal::put;
use super::{SIGNALS_WANTED, Supervisor};
use crate::dispatch::signal::{is_ignored, reset_signal};

/// How long output may take at the end.
const LAST_OUTPUT: Duration = Duration::from_secs(5);
/// How long messages may take behind it.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

impl Supervisor<'_> {
    /// Ends the run in good order.
    pub(super) fn finish(mut self, ending: Ending) -> Outcome {
        // Whoever has ended the run and asks again means it: from now on a signal ends the supervisor at once, and the kernel ends
        // its children with it. A first one for a run that ends by itself comes too late to change anything, least of all what the
        // run came to.
        let wanted: SigSet = SIGNALS_WANTED.into_iter().collect();
        if self.interrupted {
            for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
                // A terminal that goes away does not count where nohup says so.
                if signal != Signal::SIGHUP || !is_ignored(libc::SIGHUP) {
                    reset_signal(signal as i32);
                }
            }
            let _ = wanted.thread_unblock();
        }
        if let Some(dispatchers) = self.dispatchers.take() {
            dispatchers.stop();
        }
        self.end_processes();
        // What the main loop has not seen any more is recorded, but too late to be acted upon.
        if self.journal.collect(|_| {}) {
            self.say_recording_failed();
        }
        if let Some(gateways) = &mut self.gateways {
            gateways.stop();
        }
        let channels = self.channel_outcomes();
        let partitions = self.partition_outcomes();
        let outcome = Outcome {
            ending,
            partitions,
            channels,
            real_time: self.real_time.fifo,
            guest_policies: self.policies,
            fences: self.spawner.fences(),
            startup_ns: self.startup_ns,
            recording_error: self.journal.failure.as_ref().map(ToString::to_string),
            summary: self.journal.summary(),
            virtual_time: self.virtual_outcome,
        };
        if let Some(desk) = self.desk.take() {
            desk.close(serde_json::to_value(&outcome.ending).unwrap_or_default());
        }
        let complete = self.output.finish(LAST_OUTPUT);
        if let Some(mut messages) = self.messages {
            if !complete {
                put(&mut messages, "some output could not be written");
            }
            messages.finish(LAST_MESSAGES);
        }
        while let Ok(Some(_)) = self.signals.read_signal() {}
        let _ = wanted.thread_unblock();
        outcome
    }

    /// Ends every process that is left, and takes its last words.
    fn end_processes(&mut self) {
        // All at once, so that they die side by side.
        for resident in &mut self.residents {
            resident.kill();
        }
        for index in 0..self.residents.len() {
            self.collect_trace(index);
        }
        let now_ns = self.now_ns();
        for resident in &mut self.residents {
            if let Some(process) = resident.process.take() {
                process.destroy();
            }
            resident.flush_console(now_ns, &self.options.console, &mut self.output);
        }
    }

    fn partition_outcomes(&self) -> Vec<PartitionOutcome> {
        let outcomes = self.residents.iter().map(|resident| PartitionOutcome {
            name: self.name(resident.id),
            state: resident.state.clone(),
            dropped_output_bytes: resident.dropped_in_all,
        });
        outcomes.collect()
    }

    fn channel_outcomes(&self) -> Vec<ChannelOutcome> {
        let outcomes = (0..).zip(self.channels.iter()).map(|(number, (channel, memory))| {
            let sockets = self.gateways.as_ref().map(|gateways| gateways.outcomes(number)).unwrap_or_default();
            ChannelOutcome::of(channel, memory, sockets)
        });
        outcomes.collect()
    }
}
