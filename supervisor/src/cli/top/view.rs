//! What `top` knows and what its user has chosen. Pure.

use std::cmp::Reverse;

use crate::control::protocol::{Answer, Hello, Module, PartitionState, State};
use crate::supervise::console::visible;

/// How it may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// With colours.
    pub(super) colour: bool,
    /// With ASCII characters only.
    pub(super) ascii: bool,
    /// With the keys that change something.
    pub(super) write: bool,
}

/// By what partitions are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As the configuration has them.
    Module,
    Name,
    /// The latest first.
    Lateness,
    /// Whoever is interrupted most first.
    Interrupts,
    /// Whoever has most messages first.
    Messages,
    /// Whoever failed most first.
    Restarts,
}

impl Order {
    const ALL: [Order; 6] =
        [Order::Module, Order::Name, Order::Lateness, Order::Interrupts, Order::Messages, Order::Restarts];

    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Module => "as configured",
            Order::Name => "by name",
            Order::Lateness => "by worst lateness",
            Order::Interrupts => "by interrupts",
            Order::Messages => "by messages",
            Order::Restarts => "by restarts",
        }
    }

    pub(super) fn next(self) -> Order {
        let place = Order::ALL.iter().position(|&order| order == self).unwrap_or(0);
        Order::ALL[(place + 1) % Order::ALL.len()]
    }
}

/// What stands below the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Partitions,
    Channels,
    Help,
}

/// Something to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Stop,
    /// Of the partition with this index, with its RAM as it was.
    Restart(usize, bool),
}

/// Counts a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) interrupts: f64,
    pub(super) sent: f64,
    pub(super) arrived: f64,
}

/// Everything.
#[derive(Debug)]
pub(super) struct View {
    pub(super) hello: Hello,
    pub(super) look: Look,
    pub(super) state: Option<State>,
    before: Option<State>,
    pub(super) order: Order,
    pub(super) page: Page,
    pub(super) paused: bool,
    /// The line that is chosen, on either page.
    pub(super) chosen: usize,
    pub(super) question: Option<Question>,
    /// What is to be said in the last line.
    pub(super) words: Option<String>,
}

impl View {
    pub(super) fn new(hello: Hello, look: Look) -> View {
        let (order, page) = (Order::Module, Page::Partitions);
        let (state, before, question, words) = (None, None, None, None);
        View { hello, look, state, before, order, page, paused: false, chosen: 0, question, words }
    }

    /// The module's name, such that a terminal shows it.
    pub(super) fn module_name(&self) -> String {
        shown(&self.module().name)
    }

    pub(super) fn module(&self) -> &Module {
        &self.hello.module
    }

    /// Takes a new state, unless it is to stand still.
    pub(super) fn take(&mut self, state: State) {
        let module = &self.hello.module;
        // Nothing below asks whether the supervisor keeps its word.
        let is_whole = state.partitions.len() == module.partitions.len()
            && state.channels.len() == module.channels.len()
            && state.cores.len() == module.cores.len();
        if !self.paused && is_whole {
            self.before = self.state.replace(state);
        }
    }

    pub(super) fn answer(&mut self, answer: &Answer) {
        if let Some(error) = &answer.error {
            self.say(shown(error));
        } else if answer.id.is_some() {
            self.say("done".to_owned());
        }
    }

    pub(super) fn say(&mut self, words: String) {
        self.words = Some(words);
    }

    /// The partitions' indexes, in the order in which they are shown.
    pub(super) fn partitions(&self) -> Vec<usize> {
        let mut indexes: Vec<usize> = (0..self.module().partitions.len()).collect();
        let Some(state) = &self.state else { return indexes };
        let of = |index: &usize| &state.partitions[*index];
        match self.order {
            Order::Module => {}
            Order::Name => indexes.sort_by_key(|&index| &self.module().partitions[index].name),
            Order::Lateness => indexes.sort_by_key(|index| Reverse(of(index).lateness.worst_ns)),
            Order::Interrupts => {
                indexes.sort_by(|a, b| self.rates(*b).interrupts.total_cmp(&self.rates(*a).interrupts))
            }
            Order::Messages => {
                let messages = |index: usize| self.rates(index).sent + self.rates(index).arrived;
                indexes.sort_by(|a, b| messages(*b).total_cmp(&messages(*a)));
            }
            Order::Restarts => indexes.sort_by_key(|index| Reverse((of(index).failed, of(index).restarts))),
        }
        indexes
    }

    /// Nanoseconds between the last two states; none if that cannot be said.
    fn step_ns(&self) -> Option<u64> {
        let step_ns = self.state.as_ref()?.elapsed_ns.checked_sub(self.before.as_ref()?.elapsed_ns)?;
        (step_ns > 0).then_some(step_ns)
    }

    /// How much a count has grown a second. A count is a guest's word, and may do anything.
    fn rate(&self, count: impl Fn(&State) -> u64) -> f64 {
        let (Some(state), Some(before), Some(step_ns)) = (&self.state, &self.before, self.step_ns()) else {
            return 0.0;
        };
        count(state).saturating_sub(count(before)) as f64 * 1e9 / step_ns as f64
    }

    pub(super) fn rates(&self, partition: usize) -> Rates {
        let of = |count: fn(&PartitionState) -> u64| self.rate(|state| count(&state.partitions[partition]));
        Rates {
            interrupts: of(|partition| partition.interrupts),
            sent: of(|partition| partition.sent),
            arrived: of(|partition| partition.arrived),
        }
    }

    /// A channel's messages a second.
    pub(super) fn channel_rate(&self, channel: usize) -> f64 {
        self.rate(|state| state.channels[channel].messages)
    }

    /// Lines of the page.
    pub(super) fn lines(&self) -> usize {
        match self.page {
            Page::Partitions => self.module().partitions.len(),
            Page::Channels => self.module().channels.len(),
            Page::Help => 0,
        }
    }

    /// Moves the choice.
    pub(super) fn choose(&mut self, by: isize) {
        self.chosen = self.chosen.saturating_add_signed(by).min(self.lines().saturating_sub(1));
    }

    /// The partition that is chosen.
    pub(super) fn chosen_partition(&self) -> Option<usize> {
        (self.page == Page::Partitions).then(|| self.partitions().get(self.chosen).copied()).flatten()
    }
}

/// Somebody else's words, such that a terminal shows them and obeys nothing in them.
pub(super) fn shown(words: &str) -> String {
    visible(words.as_bytes()).replace('\t', " ")
}

/// How a run ended, in words.
pub(super) fn ending(ending: &serde_json::Value) -> String {
    match ending {
        serde_json::Value::String(word) => shown(&word.replace('_', " ")),
        serde_json::Value::Null => "it failed".to_owned(),
        serde_json::Value::Object(map) => {
            let Some((word, about)) = map.iter().next() else { return "it failed".to_owned() };
            let partition = about["partition"].as_str().map(|name| format!(" (\"{name}\")")).unwrap_or_default();
            shown(&format!("{}{partition}", word.replace('_', " ")))
        }
        other => shown(&other.to_string()),
    }
}

/// A time since the beginning, such as "1:02:03.4".
pub(super) fn clock(ns: u64) -> String {
    let (tenths, seconds) = (ns / 100_000_000 % 10, ns / 1_000_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{tenths}")
    } else {
        format!("{minutes}:{seconds:02}.{tenths}")
    }
}

/// A time in at most six characters, in microseconds, or with its unit.
pub(super) fn micros(ns: u64) -> String {
    match ns {
        0..100_000 => format!("{:.1}", ns as f64 / 1e3),
        100_000..10_000_000 => format!("{:.0}", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.0} ms", ns as f64 / 1e6),
        _ => format!("{:.0} s", ns as f64 / 1e9),
    }
}

/// A count in at most six characters.
pub(super) fn count(number: u64) -> String {
    match number {
        0..1_000_000 => number.to_string(),
        1_000_000..1_000_000_000 => format!("{:.1}M", number as f64 / 1e6),
        1_000_000_000..1_000_000_000_000 => format!("{:.1}G", number as f64 / 1e9),
        _ => "many".to_owned(),
    }
}

/// Counts a second in at most six characters.
pub(super) fn rate(a_second: f64) -> String {
    if a_second == 0.0 || a_second >= 9.95 { count(a_second.round() as u64) } else { format!("{a_second:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_into_their_columns() {
        assert_eq!([0, 31_840, 99_960, 812_400, 9_999_499].map(micros), ["0.0", "31.8", "100.0", "812", "9999"]);
        assert_eq!([12_000_000, 9_999_000_000, 70_000_000_000].map(micros), ["12 ms", "9999 ms", "70 s"]);
        assert_eq!([0, 999_999, 1_000_000, 45_600_000_000].map(count), ["0", "999999", "1.0M", "45.6G"]);
        assert_eq!(count(u64::MAX), "many");
        assert_eq!([0.0, 0.4, 9.94, 9.96, 2000.4].map(rate), ["0", "0.4", "9.9", "10", "2000"]);
        for ns in [0, 99_999, 100_000, 9_999_999, 10_000_000, 9_999_999_999, 10_000_000_000, 86_400_000_000_000] {
            assert!(micros(ns).len() <= 8, "{}", micros(ns));
        }
        assert_eq!((clock(0), clock(83_400_000_000)), ("0:00.0".to_owned(), "1:23.4".to_owned()));
        assert_eq!(clock(3_723_400_000_000), "1:02:03.4");
    }

    #[test]
    fn endings_are_told_in_words() {
        assert_eq!(ending(&"all_ended".into()), "all ended");
        assert_eq!(ending(&serde_json::json!({"storm": {"partition": "nav\u{1b}"}})), "storm (\"nav\\x1b\")");
        assert_eq!(ending(&serde_json::Value::Null), "it failed");
    }
}
