//! From `[[channel]]` tables to [`Channel`]s.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use bulkhead_abi::port::{MAX_DEPTH, MAX_MESSAGE, MAX_PORTS, queue};
use toml::Spanned;

use super::PartitionId;
use super::channel::{Channel, ChannelKind, End, MAX_CHANNELS, MAX_DESTINATIONS, MAX_REFRESH_NS, MAX_UDP_MESSAGE};
use super::checks::{self, bytes_in, choice, required, time_in};
use super::document::Section;
use super::mistakes::{Mistake, quote};
use super::quantity::bytes_text;
use super::raw::RawChannel;
use super::suggest;

/// Longest path of a Unix socket in bytes: `sun_path` in unix(7), without its NUL.
const MAX_SOCKET_PATH: usize = 107;

/// What an end begins with that is a port of the program outside.
const OUTSIDE: &str = "outside:";

/// `kind` of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Sampling,
    Queuing,
}

const KINDS: [(&str, Word); 2] = [("sampling", Word::Sampling), ("queuing", Word::Queuing)];

/// What channels find out about each other: who uses a port or a socket, and how many ports a partition has. A relative path
/// of a socket starts at the configuration's folder.
struct Used<'a> {
    base_dir: &'a Path,
    names: HashMap<&'a str, Range<usize>>,
    ends: HashMap<&'a str, (Range<usize>, String)>,
    ports: BTreeMap<PartitionId, usize>,
}

/// Reads the channels of a module with these partitions, by name.
pub(super) fn read(
    sections: &[Section<RawChannel>],
    partitions: &[Option<&str>],
    base_dir: &Path,
    found: &mut Vec<Mistake>,
) -> Vec<Channel> {
    if let Some(section) = sections.get(MAX_CHANNELS) {
        let label = format!("the first beyond {MAX_CHANNELS}, which is the most there can be");
        let title = format!("there are {} channels", sections.len());
        found.push(Mistake::at(section.span.clone().unwrap_or_default(), title, label));
    }
    let mut used = Used { base_dir, names: HashMap::new(), ends: HashMap::new(), ports: BTreeMap::new() };
    sections.iter().filter_map(|section| channel(section, partitions, &mut used, found)).collect()
}

/// A channel in words: "channel `attitude`".
fn subject(section: &Section<RawChannel>) -> String {
    match &section.raw.name {
        Some(name) => format!("channel {}", quote(name.get_ref())),
        None => "a channel".to_owned(),
    }
}

fn channel<'a>(
    section: &'a Section<RawChannel>,
    partitions: &[Option<&str>],
    used: &mut Used<'a>,
    found: &mut Vec<Mistake>,
) -> Option<Channel> {
    let raw = &section.raw;
    let subject = subject(section);
    let name = required(section, &raw.name, "name", ("a channel", "name = \"attitude\""), found);
    if let Some(name) = name {
        checks::name(name, "a channel", found);
        match used.names.get(name.get_ref().as_str()) {
            Some(before) => found.push(
                Mistake::at(name.span(), format!("two channels are called {}", quote(name.get_ref())), "again here")
                    .also(before.clone(), "first here"),
            ),
            None => _ = used.names.insert(name.get_ref(), name.span()),
        }
    }
    required(section, &raw.kind, "kind", (&subject, "kind = \"sampling\""), found);
    let kind = choice(&raw.kind, "kind of channel", &KINDS, found);
    let message = required(section, &raw.message, "message", (&subject, "message = \"64 B\""), found);
    let message_bytes = bytes_in(message, "message", &subject, 1..=u64::from(MAX_MESSAGE), found);
    let kind = kind.and_then(|kind| sizes(section, kind, &subject, message_bytes, found));

    let about = (subject.as_str(), "source = \"partition.port\"");
    let source = required(section, &raw.source, "source", about, found);
    let source = source.map(|text| (text, end(text, &subject, partitions, used, found)));
    let about = (subject.as_str(), "destinations = [\"partition.port\"]");
    let list = required(section, &raw.destinations, "destinations", about, found);
    let texts = list.map_or(&[][..], |list| list.get_ref().as_slice());
    if let Some(list) = list {
        how_many(list, kind, &subject, found);
    }
    let destinations: Vec<_> = texts.iter().map(|text| (text, end(text, &subject, partitions, used, found))).collect();

    let ends: Vec<_> = source.iter().chain(&destinations).collect();
    for (text, end) in &ends {
        if let (Some(End::Udp(_)), Some(bytes)) = (end, message_bytes)
            && bytes > u64::from(MAX_UDP_MESSAGE)
        {
            let label = format!("a datagram takes at most {MAX_UDP_MESSAGE} bytes");
            found.push(Mistake::at(text.span(), format!("the messages of {subject} are too large for UDP"), label));
        }
    }
    let past_all = ends.iter().all(|(_, end)| end.as_ref().is_some_and(|end| end.partition().is_none()));
    if let (true, Some((text, _)), false) = (past_all, &source, destinations.is_empty()) {
        let is_socket = |end: &Option<End>| !matches!(end, Some(End::Outside(_)));
        let from_to = match ends.iter().all(|(_, end)| is_socket(end)) {
            true => "from socket to socket",
            false => "past all partitions",
        };
        let title = format!("{subject} leads {from_to}");
        found.push(Mistake::at(text.span(), title, "at least one end must be a partition's port"));
    }
    Some(Channel {
        name: name?.get_ref().clone(),
        kind: kind?,
        message_bytes: u32::try_from(message_bytes?).ok()?,
        source: source?.1?,
        destinations: destinations.into_iter().map(|(_, end)| end).collect::<Option<_>>()?,
    })
}

/// The refresh period or the depth, whichever the kind has.
fn sizes(
    section: &Section<RawChannel>,
    kind: Word,
    subject: &str,
    message_bytes: Option<u64>,
    found: &mut Vec<Mistake>,
) -> Option<ChannelKind> {
    let raw = &section.raw;
    let mut foreign = |span: Option<Range<usize>>, key: &str, this: &str, other: &str| {
        if let Some(span) = span {
            let title = format!("`{key}` in {subject}, which is a {this} channel");
            found.push(Mistake::at(span, title, format!("only a {other} channel has a {key}")));
        }
    };
    match kind {
        Word::Sampling => {
            foreign(raw.depth.as_ref().map(Spanned::span), "depth", "sampling", "queuing");
            let refresh = required(section, &raw.refresh, "refresh", (subject, "refresh = \"50 ms\""), found);
            let refresh_ns = time_in(refresh, "refresh", subject, 1..=MAX_REFRESH_NS, found)?;
            Some(ChannelKind::Sampling { refresh_ns })
        }
        Word::Queuing => {
            foreign(raw.refresh.as_ref().map(Spanned::span), "refresh", "queuing", "sampling");
            let depth = required(section, &raw.depth, "depth", (subject, "depth = 16"), found)?;
            let number = u32::try_from(*depth.get_ref()).ok().filter(|depth| (1..=MAX_DEPTH).contains(depth));
            let Some(number) = number else {
                let label = format!("must be from 1 to {MAX_DEPTH} messages");
                found.push(Mistake::at(depth.span(), format!("`depth` in {subject} is out of range"), label));
                return None;
            };
            if let Some(bytes) = message_bytes
                && queue::Shape::new(bytes as u32, number).is_none()
            {
                let most = bytes_text(bulkhead_abi::port::MAX_SLOT_BYTES);
                let label = format!("{number} messages of {} are more than {most}", bytes_text(bytes));
                let help = "the depth counts as the next power of two, and every message takes 8 bytes more";
                let title = format!("{subject} needs too much memory");
                found.push(Mistake::at(depth.span(), title, label).help(help));
                return None;
            }
            Some(ChannelKind::Queuing { depth: number })
        }
    }
}

/// The number of destinations.
fn how_many(list: &Spanned<Vec<Spanned<String>>>, kind: Option<ChannelKind>, subject: &str, found: &mut Vec<Mistake>) {
    let count = list.get_ref().len();
    let label = match kind {
        Some(ChannelKind::Queuing { .. }) if count != 1 => "a queuing channel has exactly one".to_owned(),
        _ if count == 0 => "at least one is needed".to_owned(),
        _ if count > MAX_DESTINATIONS => format!("at most {MAX_DESTINATIONS} are possible"),
        _ => return,
    };
    let number = if count == 0 { "no".to_owned() } else { count.to_string() };
    let plural = if count == 1 { "" } else { "s" };
    found.push(Mistake::at(list.span(), format!("{subject} has {number} destination{plural}"), label));
}

/// One end: "partition.port", "udp:address:port", "unix:path" or "outside:name".
fn end<'a>(
    text: &'a Spanned<String>,
    subject: &str,
    partitions: &[Option<&str>],
    used: &mut Used<'a>,
    found: &mut Vec<Mistake>,
) -> Option<End> {
    let word = text.get_ref().as_str();
    let end = if let Some(address) = word.strip_prefix("udp:") {
        udp(text, address, subject, found)?
    } else if let Some(path) = word.strip_prefix("unix:") {
        unix(text, path, used.base_dir, subject, found)?
    } else if let Some(name) = word.strip_prefix(OUTSIDE) {
        End::Outside(port_name(text, name, subject, found)?)
    } else {
        port(text, subject, partitions, used, found)?
    };
    match used.ends.get(word) {
        Some((span, owner)) => {
            let what = if matches!(end, End::Udp(_) | End::Unix(_)) { "the socket" } else { "the port" };
            let title = format!("{what} {} is used twice", quote(word));
            let label = if owner == subject { "again here".to_owned() } else { format!("again here, by {subject}") };
            found.push(Mistake::at(text.span(), title, label).also(span.clone(), format!("first here, by {owner}")));
            None
        }
        None => {
            used.ends.insert(word, (text.span(), subject.to_owned()));
            Some(end)
        }
    }
}

fn udp(text: &Spanned<String>, address: &str, subject: &str, found: &mut Vec<Mistake>) -> Option<End> {
    match address.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Some(End::Udp(address)),
        _ => {
            let title = format!("{} in {subject} is no UDP address", quote(text.get_ref()));
            let label = "a number for the host and one for the port are expected, as in \"udp:127.0.0.1:9000\"";
            found.push(Mistake::at(text.span(), title, label));
            None
        }
    }
}

fn unix(text: &Spanned<String>, path: &str, base_dir: &Path, subject: &str, found: &mut Vec<Mistake>) -> Option<End> {
    let full = base_dir.join(path);
    let len = full.as_os_str().len();
    let label = if path.is_empty() {
        "a path is expected behind \"unix:\"".to_owned()
    } else if path.contains('\0') {
        "it contains a NUL".to_owned()
    } else if len > MAX_SOCKET_PATH {
        format!("{len} bytes; at most {MAX_SOCKET_PATH} fit into a socket's address")
    } else {
        return Some(End::Unix(full));
    };
    found.push(Mistake::at(text.span(), format!("the socket's path in {subject} cannot be used"), label));
    None
}

fn port(
    text: &Spanned<String>,
    subject: &str,
    partitions: &[Option<&str>],
    used: &mut Used<'_>,
    found: &mut Vec<Mistake>,
) -> Option<End> {
    let word = text.get_ref().as_str();
    // A partition's name may contain dots too: the longest that fits is meant.
    let known = partitions.iter().enumerate().filter_map(|(index, name)| {
        let name = (*name)?;
        let port = word.strip_prefix(name)?.strip_prefix('.')?;
        Some((name.len(), index, port))
    });
    let Some((_, index, port)) = known.max_by_key(|(len, ..)| *len) else {
        let Some((partition, _)) = word.split_once('.') else {
            let title = format!("{} in {subject} names no port", quote(word));
            let label = "a partition and its port are expected, as in \"nav.attitude\"";
            found.push(Mistake::at(text.span(), title, label));
            return None;
        };
        let title = format!("{subject} leads to {}, which is no partition", quote(partition));
        let mistake = Mistake::at(text.span(), title, "no `[[partition]]` has this name");
        found.push(match suggest::nearest(partition, partitions.iter().copied().flatten()) {
            Some(near) => mistake.help(format!("did you mean {}?", quote(near))),
            None => mistake,
        });
        return None;
    };
    let port = port_name(text, port, subject, found)?;
    let partition = PartitionId(u16::try_from(index).unwrap_or(u16::MAX));
    let count = used.ports.entry(partition).or_default();
    *count += 1;
    if *count == MAX_PORTS + 1 {
        let title = format!("partition {} has too many ports", quote(partitions[index].unwrap_or_default()));
        found.push(Mistake::at(text.span(), title, format!("the first beyond {MAX_PORTS}")));
    }
    Some(End::Port { partition, name: port })
}

/// The name of a port, if it can be one.
fn port_name(text: &Spanned<String>, name: &str, subject: &str, found: &mut Vec<Mistake>) -> Option<String> {
    let before = found.len();
    checks::name(&Spanned::new(text.span(), name.to_owned()), &format!("a port in {subject}"), found);
    (found.len() == before).then(|| name.to_owned())
}

/// Objects to the ends that only a run in lockstep has.
pub(super) fn object_to_outside(sections: &[Section<RawChannel>], found: &mut Vec<Mistake>) {
    for section in sections {
        let destinations = section.raw.destinations.iter().flat_map(|list| list.get_ref());
        for text in section.raw.source.iter().chain(destinations).filter(|text| text.get_ref().starts_with(OUTSIDE)) {
            let title = format!("{} ends at a program outside, and this run has none", subject(section));
            let help =
                "`bulkhead run --virtual --lockstep PATH` waits for one at the socket PATH (see docs/lockstep.md)";
            found.push(Mistake::at(text.span(), title, "a port of that program").help(help));
        }
    }
}
