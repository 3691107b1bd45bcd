//! Incidents: what went wrong and what guests reported, one by one, as far as a report has room for them.
//!
//! A recording holds them all; here the first [`MOST`] are kept and the rest is counted, so that a guest that fails for
//! ever costs no more memory than one that fails once.

use serde::Serialize;

use super::event::{Event, Kind, NO_PARTITION, Text};
use super::header::Header;
use crate::health::{Action, Error};

/// Most incidents that are kept.
pub const MOST: usize = 100;
/// Most bytes of a text that are kept: a message has 128.
const MOST_TEXT: usize = 512;

/// What kind of incident it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The health monitor answered an error.
    Health,
    /// A guest ended itself and asked for another mode.
    ModeRequest,
    /// A guest reported a message.
    Message,
    /// A guest reported an error that its own error handler dealt with.
    HandledError,
    /// A guest reported a mode that it reached.
    Mode,
}

/// What brought an error about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A signal ended the guest.
    Signal,
    /// A forbidden system call ended the guest.
    ForbiddenCall,
    /// The guest ended itself with a status other than 0.
    Exit,
    /// The guest passed the error on.
    Raised,
    /// A window that was late, or did not end in time.
    Window,
    /// The host.
    Host,
}

/// An incident. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// When, since the beginning of the recording.
    pub time_ns: u64,
    /// Whose; none for the module's own.
    pub partition: Option<String>,
    /// What kind of incident.
    pub what: What,
    /// What brought an error about.
    pub cause: Option<Cause>,
    /// The error.
    pub error: Option<&'static str>,
    /// The level that dealt with it.
    pub level: Option<&'static str>,
    /// The action that was taken.
    pub action: Option<&'static str>,
    /// The mode that was asked for or reached.
    pub mode: Option<&'static str>,
    /// The guest's own number of the process concerned.
    pub process: Option<u32>,
    /// Faulting address of data.
    pub address: Option<u64>,
    /// The instruction.
    pub ip: Option<u64>,
    /// Where in the image that is.
    pub symbol: Option<String>,
    /// What the guest had to say.
    pub message: Option<String>,
}

/// Collects incidents from events.
#[derive(Debug)]
pub(super) struct Incidents {
    started_ns: u64,
    names: Vec<String>,
    /// By partition: what the last one of its deaths was, until the health monitor answers it.
    causes: Vec<Option<Cause>>,
    kept: Vec<Kept>,
    left_out: u64,
    /// The partition whose text belongs to the last of those kept.
    open: Option<u16>,
}

#[derive(Debug)]
struct Kept {
    incident: Incident,
    symbol: Vec<u8>,
    message: Vec<u8>,
}

impl Incidents {
    /// None yet.
    pub(super) fn new(header: &Header) -> Incidents {
        Incidents {
            started_ns: header.started_monotonic_ns,
            names: header.partitions.iter().map(|partition| partition.name.clone()).collect(),
            causes: vec![None; header.partitions.len()],
            kept: Vec::new(),
            left_out: 0,
            open: None,
        }
    }

    /// Looks at an event of a partition of the header's, or of none.
    pub(super) fn add(&mut self, event: &Event) {
        let cause = self.causes.get_mut(usize::from(event.partition));
        match event.kind {
            Kind::Crash { .. } => set(cause, Cause::Signal),
            Kind::ForbiddenCall { .. } => set(cause, Cause::ForbiddenCall),
            Kind::Exit { status } if status != 0 => set(cause, Cause::Exit),
            Kind::Raised { .. } => set(cause, Cause::Raised),
            Kind::Health { error, action, level, process, address, ip } => {
                let cause = match cause {
                    Some(cause) => cause.take().unwrap_or(Cause::Window),
                    None => Cause::Host,
                };
                let incident = Incident {
                    cause: Some(cause),
                    error: Some(Error::from_code(error).map_or("unknown", Error::name)),
                    action: Some(Action::from_code(action).map_or("unknown", Action::name)),
                    level: Some(level_name(level)),
                    process: known(process),
                    address: known(address),
                    ip: known(ip),
                    ..self.incident(event, What::Health)
                };
                self.keep(event, incident);
            }
            Kind::ModeRequest { mode } => {
                let incident =
                    Incident { mode: Some(mode_name(mode.into())), ..self.incident(event, What::ModeRequest) };
                self.keep(event, incident);
            }
            Kind::Report { what, code, process, address, .. } => {
                let bare =
                    |what| Incident { process: known(process), address: known(address), ..self.incident(event, what) };
                let incident = match what {
                    1 => bare(What::Message),
                    2 => {
                        let error = u16::try_from(code).ok().and_then(Error::from_code).map_or("unknown", Error::name);
                        Incident { error: Some(error), level: Some(level_name(0)), ..bare(What::HandledError) }
                    }
                    _ => Incident { mode: Some(mode_name(code)), ..bare(What::Mode) },
                };
                self.keep(event, incident);
            }
            Kind::Text { what, len, bytes } if self.open == Some(event.partition) => {
                if let Some(kept) = self.kept.last_mut() {
                    let text = if what == Text::Symbol { &mut kept.symbol } else { &mut kept.message };
                    let room = MOST_TEXT - text.len().min(MOST_TEXT);
                    text.extend_from_slice(&bytes[..usize::from(len).min(room)]);
                }
            }
            _ => {}
        }
    }

    fn incident(&self, event: &Event, what: What) -> Incident {
        Incident {
            time_ns: event.time_ns.saturating_sub(self.started_ns),
            partition: self.names.get(usize::from(event.partition)).cloned(),
            what,
            cause: None,
            error: None,
            level: None,
            action: None,
            mode: None,
            process: None,
            address: None,
            ip: None,
            symbol: None,
            message: None,
        }
    }

    fn keep(&mut self, event: &Event, incident: Incident) {
        self.open = None;
        if self.kept.len() == MOST {
            self.left_out += 1;
            return;
        }
        self.kept.push(Kept { incident, symbol: Vec::new(), message: Vec::new() });
        self.open = Some(event.partition);
    }

    /// Those that were kept, in order, and how many were not.
    pub(super) fn list(&self) -> (Vec<Incident>, u64) {
        let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
        let finish = |kept: &Kept| Incident {
            symbol: text(&kept.symbol),
            message: text(&kept.message),
            ..kept.incident.clone()
        };
        (self.kept.iter().map(finish).collect(), self.left_out)
    }
}

fn set(place: Option<&mut Option<Cause>>, cause: Cause) {
    if let Some(place) = place {
        *place = Some(cause);
    }
}

fn known<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn level_name(level: u8) -> &'static str {
    ["process", "partition", "module"].get(usize::from(level)).copied().unwrap_or("unknown")
}

/// What a summary calls a mode.
pub fn mode_name(mode: u32) -> &'static str {
    ["idle", "cold_start", "warm_start", "normal"].get(mode as usize).copied().unwrap_or("unknown")
}

/// Whether the event of this partition number can be an incident though no partition has the number.
pub(super) fn is_of_module(event: &Event) -> bool {
    event.partition == NO_PARTITION && matches!(event.kind, Kind::Health { .. } | Kind::Text { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event;
    use crate::record::synth::{self, BEGIN_NS};

    fn list(events: &[(u16, Kind)]) -> (Vec<Incident>, u64) {
        let mut incidents = Incidents::new(&synth::header(&["a", "b"]));
        for &(partition, kind) in events {
            incidents.add(&Event { time_ns: BEGIN_NS + 5, core: 0, partition, kind });
        }
        incidents.list()
    }

    fn health(error: Error, action: Action) -> Kind {
        Kind::Health { error: error.code(), action: action.code(), level: 1, process: 0, address: 0x10, ip: 0x20 }
    }

    #[test]
    fn an_answer_is_joined_with_its_cause_and_its_texts() {
        let crash = Kind::Crash { signal: 11, code: 1, address: 0x10, ip: 0x20 };
        let mut events = vec![(1, crash), (0, Kind::Raised { error: 6, process: 3, address: 0 })];
        events.push((1, health(Error::MemoryViolation, Action::ColdStart)));
        events.extend(event::text(Text::Symbol, b"main.c:7").map(|kind| (1, kind)));
        events.push((0, health(Error::ApplicationError, Action::Idle)));
        events.extend(event::text(Text::Message, &[b'x'; 128]).map(|kind| (0, kind)));
        // A text of another partition's belongs to nothing that is known here.
        events.extend(event::text(Text::Message, b"stray").map(|kind| (1, kind)));
        events.push((0, health(Error::LateWindow, Action::Idle)));
        events.push((NO_PARTITION, health(Error::PowerFail, Action::Shutdown)));
        let (found, left_out) = list(&events);
        assert_eq!((found.len(), left_out), (4, 0));
        let causes: Vec<_> = found.iter().map(|incident| incident.cause.unwrap()).collect();
        assert_eq!(causes, [Cause::Signal, Cause::Raised, Cause::Window, Cause::Host]);
        assert_eq!((found[0].partition.as_deref(), found[0].time_ns), (Some("b"), 5));
        assert_eq!((found[0].symbol.as_deref(), found[0].message.as_deref()), (Some("main.c:7"), None));
        assert_eq!((found[0].error, found[0].action), (Some("memory_violation"), Some("cold_start")));
        assert_eq!((found[0].address, found[0].ip, found[0].process), (Some(0x10), Some(0x20), None));
        assert_eq!(found[1].message.as_deref(), Some("x".repeat(128).as_str()));
        assert_eq!(found[3].partition, None);
    }

    #[test]
    fn reports_say_what_they_are() {
        let report = |what, code| Kind::Report { what, code, process: 2, address: 0, said_ns: 0 };
        let (found, _) =
            list(&[(0, report(1, 77)), (0, report(2, 5)), (0, report(3, 3)), (0, Kind::ModeRequest { mode: 2 })]);
        let whats: Vec<_> = found.iter().map(|incident| (incident.what, incident.error, incident.mode)).collect();
        let expected = [
            (What::Message, None, None),
            (What::HandledError, Some("deadline_missed"), None),
            (What::Mode, None, Some("normal")),
            (What::ModeRequest, None, Some("warm_start")),
        ];
        assert_eq!(whats, expected);
    }

    #[test]
    fn a_flood_is_counted_but_not_kept() {
        let flood: Vec<_> = (0..MOST + 7)
            .flat_map(|_| {
                std::iter::once((0, Kind::ModeRequest { mode: 1 }))
                    .chain(event::text(Text::Message, b"more").map(|kind| (0, kind)))
            })
            .collect();
        let (found, left_out) = list(&flood);
        assert_eq!((found.len(), left_out), (MOST, 7));
        assert!(found.iter().all(|incident| incident.message.as_deref() == Some("more")));
        let endless: Vec<_> = std::iter::once((0, Kind::ModeRequest { mode: 1 }))
            .chain((0..1000).flat_map(|_| event::text(Text::Message, &[b'y'; 48])).map(|kind| (0, kind)))
            .collect();
        assert_eq!(list(&endless).0[0].message.as_ref().unwrap().len(), MOST_TEXT);
    }
}
