//! Virtual runs that cannot go on: nothing can happen any more, or a guest does not move the clock.

use std::sync::atomic::Ordering;

use bulkhead_abi::vcpu::line;
use bulkhead_abi::virtual_time::NEVER;

use super::lane::Waits;
use super::world::World;
use crate::dispatch::handover;
use crate::port::watch::Watch;
use crate::supervise::{Ending, State};

/// A module in which nothing happens any more of itself.
#[derive(Debug)]
pub(super) struct Stalemate {
    /// What each partition waits for.
    pub(super) words: String,
    /// Whether the client could change that by what it does at its ports.
    pub(super) outside_may_help: bool,
}

impl World<'_, '_> {
    /// Ends the run if nothing can ever happen again, even if the client wanted it to.
    pub(super) fn expect_something(&mut self) {
        let Some(Stalemate { words, outside_may_help: false }) = self.stalemate() else { return };
        self.supervisor.say(&format!("deadlock, nothing can ever happen again: {words}"));
        self.finish(Ending::Deadlock);
    }

    /// What all partitions wait for, if nothing can happen any more of itself.
    pub(super) fn stalemate(&self) -> Option<Stalemate> {
        // What a partition has sent in its window is heard of at the window's end.
        if self.watches.iter().any(Watch::has_news) {
            return None;
        }
        let mut words = Vec::new();
        let mut outside_may_help = false;
        for (index, resident) in self.supervisor.residents.iter().enumerate() {
            if resident.state != State::Normal {
                continue;
            }
            let enabled = resident.memory.vcpu().enabled.load(Ordering::Relaxed);
            let partition = self.supervisor.module.partition(resident.id);
            let is_hopeless = match self.lanes[index].waits {
                Waits::Nothing => true,
                Waits::Interrupt(NEVER) => {
                    let window = enabled & 1 << line::WINDOW != 0;
                    let typed = enabled & 1 << line::CONSOLE != 0 && partition.stdin && !self.input.is_empty();
                    !window && !typed && !self.wants(index, u64::MAX)
                }
                _ => false,
            };
            if !is_hopeless {
                return None;
            }
            let hears = self.lanes[index].waits != Waits::Nothing && enabled & 1 << line::PORT != 0;
            outside_may_help |= hears && self.reached[index];
            words.push(match self.lanes[index].waits {
                Waits::Nothing => format!("\"{}\" sleeps with interrupts masked", partition.name),
                _ => format!("\"{}\" waits for {}", partition.name, lines(enabled)),
            });
        }
        (!words.is_empty()).then(|| Stalemate { words: words.join("; "), outside_may_help })
    }

    /// A guest does not give the turn back.
    pub(super) fn report_stuck(&mut self, index: usize) {
        let resident = &self.supervisor.residents[index];
        let Some(process) = &resident.process else { return };
        let ip = handover::whereabouts(resident.memory.virtual_cpu(), process);
        // The function and not the instruction, which is another one every time.
        let function =
            |ip| resident.guest.symbolise(ip).map(|name| name.split('+').next().unwrap_or_default().to_owned());
        let line = |ip| resident.guest.line(ip).map(|line| format!(" ({line})")).unwrap_or_default();
        let place = ip.map(|ip| function(ip).unwrap_or_else(|| format!("{ip:#x}")) + &line(ip));
        let place = place.map_or("somewhere".to_owned(), |place| format!("in {place}"));
        let steps = self.supervisor.options.virtual_time.as_ref().is_some_and(|options| options.steps);
        let words = if steps {
            // Or it has linked a shim that cannot step.
            "nothing there moves the clock, not even --preempt step: is it a fault handler, or linked with an older shim?"
        } else {
            "nothing there moves the clock; compile it with -fsanitize-coverage=trace-pc, or run it as it is, slowly, with \
             --preempt step (see docs/virtual-time.md)"
        };
        self.supervisor.say_of(index, &format!("spins {place} while virtual time stands still: {words}"));
        let partition = self.supervisor.module.partitions[index].name.clone();
        self.finish(Ending::Stuck { partition });
    }
}

/// The names of interrupt lines, for a message.
fn lines(enabled: u64) -> String {
    let name = |number: u32| match number {
        line::TIMER => "the timer (which is not set)".to_owned(),
        line::WINDOW => "a window".to_owned(),
        line::CONSOLE => "console input (there is no more)".to_owned(),
        line::PORT => "a port".to_owned(),
        number => format!("line {number}"),
    };
    let names: Vec<String> = (0..line::COUNT).filter(|&number| enabled & 1 << number != 0).map(name).collect();
    if names.is_empty() { "an interrupt, but has enabled none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_have_names() {
        assert_eq!(lines(0), "an interrupt, but has enabled none");
        assert_eq!(lines(1 << 3 | 1 << 40), "a port, line 40");
    }
}
