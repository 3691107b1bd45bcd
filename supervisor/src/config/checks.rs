//! Checks of single values. Each reports what is wrong and gives back the value if nothing is.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use super::document::Section;
use super::mistakes::{Mistake, quote};
use super::quantity::{self, Unreadable, bytes_text, ns_text};
use super::raw::Quantity;
use super::suggest;

/// A value, or a mistake if it is missing (and its absence is not the trace of another mistake). `example` is a line to
/// add.
pub(super) fn required<'a, R, T>(
    section: &Section<R>,
    value: &'a Option<Spanned<T>>,
    key: &str,
    (subject, example): (&str, &str),
    found: &mut Vec<Mistake>,
) -> Option<&'a Spanned<T>> {
    if let (None, Some(span), false) = (value, &section.span, section.reported(key)) {
        found.push(Mistake::at(
            span.clone(),
            format!("{subject} has no `{key}`"),
            format!("add a line such as `{example}` to this table"),
        ));
    }
    value.as_ref()
}

/// A name: 1 to 32 bytes without control characters. `whose` says of what.
pub(super) fn name(name: &Spanned<String>, whose: &str, found: &mut Vec<Mistake>) {
    let text = name.get_ref();
    let most = bulkhead_abi::NAME_LEN;
    if text.is_empty() {
        let label = format!("1 to {most} bytes are needed");
        found.push(Mistake::at(name.span(), format!("the name of {whose} is empty"), label));
    } else if text.len() > most {
        let title = format!("the name of {whose} is {} bytes long", text.len());
        let mistake = Mistake::at(name.span(), title, format!("at most {most} bytes fit"));
        found.push(match text.is_ascii() {
            true => mistake,
            false => mistake.help("a character outside ASCII takes two to four bytes"),
        });
    }
    if text.chars().any(disturbs) {
        let title = format!("the name of {whose} contains a control character");
        found.push(Mistake::at(name.span(), title, "only printable characters are allowed"));
    }
}

/// Whether a character shows nothing but changes how the others are shown: controls, directions, invisible spaces.
fn disturbs(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What to say of a number with a unit that cannot be read.
fn unreadable(span: Range<usize>, key: &str, subject: &str, why: Unreadable) -> Mistake {
    Mistake::at(span, format!("`{key}` in {subject} {}", why.problem), why.label).help(why.help)
}

/// A duration in nanoseconds.
pub(super) fn time(
    value: Option<&Spanned<Quantity>>,
    key: &str,
    subject: &str,
    found: &mut Vec<Mistake>,
) -> Option<u64> {
    let value = value?;
    quantity::nanoseconds(&value.get_ref().0)
        .map_err(|why| found.push(unreadable(value.span(), key, subject, why)))
        .ok()
}

/// A duration in nanoseconds that lies in `range`.
pub(super) fn time_in(
    value: Option<&Spanned<Quantity>>,
    key: &str,
    subject: &str,
    range: RangeInclusive<u64>,
    found: &mut Vec<Mistake>,
) -> Option<u64> {
    let ns = time(value, key, subject, found)?;
    if range.contains(&ns) {
        return Some(ns);
    }
    let problem = match ns {
        0 => "is zero".to_owned(),
        _ if ns < *range.start() => format!("is too short: {}", ns_text(ns)),
        u64::MAX => "is too long".to_owned(),
        _ => format!("is too long: {}", ns_text(ns)),
    };
    let label = match *range.start() {
        1 => format!("must be more than zero and at most {}", ns_text(*range.end())),
        start => format!("must be from {} to {}", ns_text(start), ns_text(*range.end())),
    };
    found.push(Mistake::at(value?.span(), format!("`{key}` in {subject} {problem}"), label));
    None
}

/// A size in bytes that lies in `range`.
pub(super) fn bytes_in(
    value: Option<&Spanned<Quantity>>,
    key: &str,
    subject: &str,
    range: RangeInclusive<u64>,
    found: &mut Vec<Mistake>,
) -> Option<u64> {
    let value = value?;
    let text = value.get_ref().0.trim();
    let bytes = quantity::bytes(text).map_err(|why| found.push(unreadable(value.span(), key, subject, why))).ok()?;
    if range.contains(&bytes) {
        return Some(bytes);
    }
    let limits = format!("must be from {} to {}", bytes_text(*range.start()), bytes_text(*range.end()));
    let problem = if bytes < *range.start() { "too small" } else { "too large" };
    found.push(Mistake::at(value.span(), format!("`{key}` in {subject} is {problem}"), limits));
    None
}

/// A size in bytes that is a multiple of the page size and lies in `range`.
pub(super) fn size_in(
    value: Option<&Spanned<Quantity>>,
    key: &str,
    subject: &str,
    range: RangeInclusive<u64>,
    found: &mut Vec<Mistake>,
) -> Option<u64> {
    let page = bulkhead_abi::map::PAGE;
    let bytes = bytes_in(value, key, subject, range, found)?;
    let value = value?;
    let text = value.get_ref().0.trim();
    if !bytes.is_multiple_of(page) {
        let below = bytes / page * page;
        let help = match quantity::binary(text) {
            Some(binary) => format!("did you mean \"{binary}\"? Without the `i`, units are powers of ten"),
            None => format!("the nearest sizes are \"{}\" and \"{}\"", bytes_text(below), bytes_text(below + page)),
        };
        let title = format!("`{key}` in {subject} is not a multiple of the page size");
        let label = format!("{bytes} bytes; must be a multiple of {}", bytes_text(page));
        found.push(Mistake::at(value.span(), title, label).help(help));
        return None;
    }
    Some(bytes)
}

/// One of several words. `what` says what the word stands for.
pub(super) fn choice<T: Copy>(
    value: &Option<Spanned<String>>,
    what: &str,
    options: &[(&str, T)],
    found: &mut Vec<Mistake>,
) -> Option<T> {
    let value = value.as_ref()?;
    let word = value.get_ref().as_str();
    if let Some((_, option)) = options.iter().find(|(name, _)| *name == word) {
        return Some(*option);
    }
    let names: Vec<_> = options.iter().map(|(name, _)| format!("`{name}`")).collect();
    let title = format!("unknown {what} {}", quote(word));
    let mistake = Mistake::at(value.span(), title, format!("known here: {}", names.join(", ")));
    found.push(match suggest::nearest(word, options.iter().map(|(name, _)| *name)) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    });
    None
}
