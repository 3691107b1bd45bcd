//! Time windows: laid out in the major frame and inside it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::checks;
use super::document::Section;
use super::mistakes::{Mistake, quote};
use super::module::{MAX_FRAME_NS, MAX_WINDOWS};
use super::overlap;
use super::quantity::ns_text;
use super::raw::{Quantity, RawWindow};
use super::suggest;

/// No names are suggested any more when there are that many mistakes; it takes time, and nobody reads so far.
const ENOUGH_MISTAKES: usize = 100;

/// A number with its unit, and where it stands.
type Spanned = toml::Spanned<Quantity>;

/// The major frame.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) ns: u64,
    pub(super) span: Range<usize>,
}

/// A partition, as far as its windows are concerned.
#[derive(Debug)]
pub(super) struct Owner<'a> {
    /// Its name, as written; `None` if there is none.
    pub(super) name: Option<&'a str>,
    /// Number of its core; `None` if that could not be found out.
    pub(super) core: Option<u32>,
    /// Windows that name this partition or mean to, whether right or wrong.
    pub(super) mentions: usize,
    /// Its windows in the major frame.
    pub(super) windows: usize,
}

/// A window in the major frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Index of the `[[window]]` that it comes from.
    pub(super) section: usize,
    /// Index of the partition.
    pub(super) owner: usize,
    /// Start in nanoseconds.
    pub(super) start_ns: u64,
    /// End in nanoseconds.
    pub(super) end_ns: u64,
}

/// Lays the windows out. Without a `frame`, they are read only. They come sorted by start.
pub(super) fn lay_out(
    sections: &[Section<RawWindow>],
    owners: &mut [Owner<'_>],
    frame: Option<&Frame>,
    found: &mut Vec<Mistake>,
) -> Vec<Placed> {
    let mut by_name = BTreeMap::new();
    for (index, owner) in owners.iter().enumerate() {
        if let Some(name) = owner.name {
            by_name.entry(name).or_insert(index);
        }
    }
    let mut placed = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let (owner, meant) = owner(section, &by_name, found);
        let subject = subject(section);
        if let Some(meant) = meant {
            owners[meant].mentions += 1;
        }
        let Some(repeats) = repeats(section, &subject, frame, found) else { continue };
        let Some(owner) = owner else { continue };
        if owners[owner].windows <= MAX_WINDOWS && owners[owner].windows + repeats.count > MAX_WINDOWS {
            found.push(too_many(section, &subject, owners[owner].windows + repeats.count));
        }
        // Beyond the limit, windows are counted only.
        owners[owner].windows = owners[owner].windows.saturating_add(repeats.count);
        if owners[owner].windows <= MAX_WINDOWS {
            placed.extend((0..repeats.count as u64).map(|repeat| {
                let start_ns = repeats.start_ns + repeat * repeats.every_ns;
                Placed { section: index, owner, start_ns, end_ns: start_ns + repeats.duration_ns }
            }));
        }
    }
    placed.sort_by_key(|window| (window.start_ns, window.end_ns));
    overlap::report(sections, &placed, owners, found);
    placed
}

/// A window in words: "a window of `nav`".
fn subject(section: &Section<RawWindow>) -> String {
    match &section.raw.partition {
        Some(name) => format!("a window of {}", quote(name.get_ref())),
        None => "a window".to_owned(),
    }
}

/// The partition that a window belongs to, and the one that it probably means.
fn owner(
    section: &Section<RawWindow>,
    by_name: &BTreeMap<&str, usize>,
    found: &mut Vec<Mistake>,
) -> (Option<usize>, Option<usize>) {
    let about = ("a window", "partition = \"name\"");
    let Some(name) = checks::required(section, &section.raw.partition, "partition", about, found) else {
        return (None, None);
    };
    let index = by_name.get(name.get_ref().as_str()).copied();
    // Where no partition has a name, that has been reported and this would not help.
    if index.is_some() || by_name.is_empty() {
        return (index, index);
    }
    let title = format!("a window belongs to {}, which is no partition", quote(name.get_ref()));
    let mistake = Mistake::at(name.span(), title, "no `[[partition]]` has this name");
    let candidates = by_name.keys().copied();
    match (found.len() < ENOUGH_MISTAKES).then(|| suggest::nearest(name.get_ref(), candidates)).flatten() {
        Some(near) => {
            found.push(mistake.help(format!("did you mean {}?", quote(near))));
            (None, by_name.get(near).copied())
        }
        None => {
            found.push(mistake);
            (None, None)
        }
    }
}

/// The windows that one `[[window]]` stands for. All of them end within the frame.
struct Repeats {
    start_ns: u64,
    duration_ns: u64,
    every_ns: u64,
    count: usize,
}

/// Reads the times of a `[[window]]` and holds them against the frame.
fn repeats(
    section: &Section<RawWindow>,
    subject: &str,
    frame: Option<&Frame>,
    found: &mut Vec<Mistake>,
) -> Option<Repeats> {
    let raw = &section.raw;
    let start = checks::required(section, &raw.start, "start", (subject, "start = \"0 ms\""), found);
    let duration = checks::required(section, &raw.duration, "duration", (subject, "duration = \"5 ms\""), found);
    // All three are looked at before any is missed.
    let start_ns = start.and_then(|start| start_in(start, subject, frame, found));
    let duration_ns = checks::time_in(duration, "duration", subject, 1..=MAX_FRAME_NS, found);
    let every_ns = checks::time_in(raw.every.as_ref(), "every", subject, 1..=MAX_FRAME_NS, found);
    let (start, duration, start_ns, duration_ns) = (start?, duration?, start_ns?, duration_ns?);
    if let (Some(every), Some(every_ns)) = (&raw.every, every_ns)
        && let Some(mistake) = bad_every(every, every_ns, (start, start_ns), (duration, duration_ns), subject, frame)
    {
        found.push(mistake);
        return None;
    }
    if raw.every.is_some() && every_ns.is_none() || section.reported("every") {
        return None;
    }
    let frame = frame?;
    let every_ns = every_ns.unwrap_or(frame.ns);
    let end_ns = start_ns.saturating_add(duration_ns);
    if end_ns > every_ns {
        found.push(past_the_end((start_ns, end_ns), every_ns, start, duration, subject, frame));
        return None;
    }
    let count = usize::try_from(frame.ns / every_ns).unwrap_or(usize::MAX);
    Some(Repeats { start_ns, duration_ns, every_ns, count })
}

/// The start of a window, which lies within the frame.
fn start_in(start: &Spanned, subject: &str, frame: Option<&Frame>, found: &mut Vec<Mistake>) -> Option<u64> {
    let ns = checks::time(Some(start), "start", subject, found)?;
    match frame {
        Some(frame) if ns >= frame.ns => {
            let title = format!("{subject} starts past the end of the major frame");
            found.push(
                Mistake::at(start.span(), title, "must start before the frame is over")
                    .also(frame.span.clone(), format!("the frame ends at {}", ns_text(frame.ns))),
            );
            None
        }
        _ => Some(ns),
    }
}

/// What is wrong with `every`, if anything.
fn bad_every(
    every: &Spanned,
    every_ns: u64,
    (start, start_ns): (&Spanned, u64),
    (duration, duration_ns): (&Spanned, u64),
    subject: &str,
    frame: Option<&Frame>,
) -> Option<Mistake> {
    let every_text = ns_text(every_ns);
    if every_ns < duration_ns {
        let title = format!("{subject} would overlap its own repeat");
        return Some(
            Mistake::at(every.span(), title, format!("comes again after {every_text}"))
                .also(duration.span(), format!("but lasts {}", ns_text(duration_ns)))
                .help(format!("make `every` at least {}, or the window shorter", ns_text(duration_ns))),
        );
    }
    let frame = frame?;
    if !frame.ns.is_multiple_of(every_ns) {
        let title = format!("`every` in {subject} does not divide the major frame");
        let times = frame.ns / every_ns;
        let near: Vec<_> = [times, times + 1]
            .into_iter()
            .filter(|&times| times > 0 && frame.ns.is_multiple_of(times))
            .map(|times| format!("\"{}\"", ns_text(frame.ns / times)))
            .collect();
        let help = match near.as_slice() {
            _ if times == 0 => "leave `every` out for one window in each frame".to_owned(),
            [] => "the repeats must come at the same distance across the frame's end too".to_owned(),
            near => format!("{} would divide it", near.join(" or ")),
        };
        return Some(
            Mistake::at(every.span(), title, format!("{every_text} does not divide {}", ns_text(frame.ns)))
                .also(frame.span.clone(), "the major frame")
                .help(help),
        );
    }
    (start_ns >= every_ns).then(|| {
        Mistake::at(start.span(), format!("{subject} starts later than it repeats"), "where the first repeat starts")
            .also(every.span(), format!("must be less than this distance, {every_text}"))
            .help(format!("start at {}, where an earlier repeat would be", ns_text(start_ns % every_ns)))
    })
}

/// A window, or the last of its repeats, that ends past the end of the frame.
fn past_the_end(
    (start_ns, end_ns): (u64, u64),
    every_ns: u64,
    start: &Spanned,
    duration: &Spanned,
    subject: &str,
    frame: &Frame,
) -> Mistake {
    // The last repeat starts `before` later than the first.
    let before = frame.ns - every_ns;
    let repeat = if before > 0 { "the last repeat of " } else { "" };
    let end = ns_text(end_ns.saturating_add(before));
    let title = format!("{repeat}{subject} ends at {end}, past the end of the major frame");
    let over = end_ns - every_ns;
    let length = end_ns - start_ns;
    let shorter = (length > over).then(|| format!("shorten it to {}", ns_text(length - over)));
    let earlier = start_ns.checked_sub(over).map(|start| format!("start it at {}", ns_text(start)));
    let ways: Vec<_> = [shorter, earlier].into_iter().flatten().collect();
    Mistake::at(duration.span(), title, format!("{} too long", ns_text(over)))
        .also(start.span(), format!("starts at {}", ns_text(start_ns.saturating_add(before))))
        .also(frame.span.clone(), format!("the frame ends at {}", ns_text(frame.ns)))
        .help(ways.join(", or "))
}

/// The first window with which a partition has too many.
fn too_many(section: &Section<RawWindow>, subject: &str, count: usize) -> Mistake {
    let raw = &section.raw;
    let span = raw.every.as_ref().map(|every| every.span());
    let span = span.or_else(|| raw.partition.as_ref().map(|name| name.span())).unwrap_or_default();
    let owner = subject.trim_start_matches("a window of ");
    Mistake::at(
        span,
        format!("partition {owner} has more than {MAX_WINDOWS} windows in a major frame"),
        format!("{count} with this one"),
    )
    .help("choose a shorter major frame, or fewer and longer windows")
}
