//! Incidents as lines: when, whose, what, and what was done about it.

use super::words::Style;
use crate::record::incident::{Cause, Incident, What};
use crate::record::summary::Summary;

/// A section with all incidents, if there are any.
pub(super) fn list(summary: &Summary, style: Style) -> Vec<String> {
    if summary.incidents.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "Incidents, by time since the recording began".to_owned()];
    let times: Vec<_> = summary.incidents.iter().map(|incident| seconds(incident.time_ns)).collect();
    let width = times.iter().map(String::len).max().unwrap_or(0);
    for (incident, time) in summary.incidents.iter().zip(times) {
        let whose = incident.partition.as_deref().unwrap_or("the module");
        let text = format!("{}: {}", style.clean(whose), words(incident, style));
        lines.extend(style.wrapped(&format!("  {time:>width$}  "), &text));
    }
    if summary.incidents_left_out > 0 {
        lines.push(format!("  and {} more, which only the recording has", summary.incidents_left_out));
    }
    lines
}

/// "1.234567 s".
fn seconds(ns: u64) -> String {
    format!("{}.{:06} s", ns / 1_000_000_000, ns / 1_000 % 1_000_000)
}

/// An incident in words.
fn words(incident: &Incident, style: Style) -> String {
    let plain = |name: Option<&str>| name.unwrap_or("unknown").replace('_', " ");
    let mut text = match incident.what {
        What::Health => plain(incident.error),
        What::HandledError => format!("dealt with {}", plain(incident.error)),
        What::Message => "reports".to_owned(),
        What::ModeRequest => format!("asked for {}", plain(incident.mode)),
        What::Mode => format!("reached the mode {}", plain(incident.mode)),
    };
    text += match incident.cause {
        Some(Cause::Signal) => " (signal)",
        Some(Cause::ForbiddenCall | Cause::Window) | None => "",
        Some(Cause::Exit) => " (ended itself)",
        Some(Cause::Raised) => " (raised by the guest)",
        Some(Cause::Host) => " (the host)",
    };
    if let Some(process) = incident.process {
        text += &format!(" of process {process}");
    }
    if let Some(address) = incident.address {
        text += &format!(" at address {address:#x}");
    }
    if let Some(ip) = incident.ip {
        text += &format!(", instruction {ip:#x}");
    }
    if let Some(symbol) = &incident.symbol {
        text += &format!(" in {}", style.clean(symbol));
    }
    if let Some(message) = &incident.message {
        text += &format!(": {}", style.clean(message));
    }
    if let Some(action) = incident.action {
        let level = incident.level.map_or(String::new(), |level| format!(" by the {level}'s table"));
        text += &format!(" -> {}{level}", action.replace('_', " "));
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::cli::report::text;
    use crate::record::event::{self, Event, Kind, Text};
    use crate::record::stats::{Precision, Stats};
    use crate::record::synth::{self, BEGIN_NS};

    #[test]
    fn incidents_are_listed_with_cause_place_and_action() {
        let health = Kind::Health { error: 10, action: 3, level: 1, process: 4, address: 0x10, ip: 0x40_1000 };
        let mut kinds = vec![Kind::Crash { signal: 11, code: 1, address: 0x10, ip: 0x40_1000 }, health];
        kinds.extend(event::text(Text::Symbol, b"step+0x4"));
        kinds.push(Kind::Report { what: 1, code: 0, process: 0, address: 0, said_ns: 0 });
        kinds.extend(event::text(Text::Message, b"hot \x1b[31m"));
        kinds.push(Kind::ModeRequest { mode: 2 });
        let mut stats = Stats::new(&synth::header(&["nav"]), Precision::Report);
        let at = |kind| Event { time_ns: BEGIN_NS + 1_234_567_890, core: 0, partition: 0, kind };
        kinds.into_iter().for_each(|kind| stats.add(&at(kind)));
        let summary = stats.summary();
        let wide = text(&summary, 200, true);
        for line in [
            "  1.234567 s  nav: memory violation (signal) of process 4 at address 0x10, instruction 0x401000 in step+0x4 \
             -> cold start by the partition's table",
            "  1.234567 s  nav: reports: hot ?[31m",
            "  1.234567 s  nav: asked for warm start",
        ] {
            assert!(wide.lines().any(|found| found == line), "no line {line:?} in\n{wide}");
        }
        for width in [60, 72, 80] {
            assert!(text(&summary, width, true).lines().all(|line| line.chars().count() <= width));
        }
    }
}
