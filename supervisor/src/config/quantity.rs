//! Numbers with units: durations and sizes, from text and to text.

use super::mistakes::{harmless, quote};

/// The units that messages offer for a duration.
const TIME_UNITS: &str = "ns, us, ms, s, min, h";
/// The units that messages offer for a size.
const SIZE_UNITS: &str = "B, KiB, MiB, GiB";

/// Why a text is no duration or size: what is wrong, a few words for the place, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) problem: String,
    pub(super) label: String,
    pub(super) help: String,
}

impl Unreadable {
    fn new(problem: &str, label: impl Into<String>, help: impl Into<String>) -> Unreadable {
        Unreadable { problem: problem.to_owned(), label: label.into(), help: help.into() }
    }
}

/// The nanoseconds of a duration such as "20 ms" on the command line.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn parse_duration_ns(text: &str) -> Result<u64, String> {
    nanoseconds(text).map_err(|unreadable| unreadable.problem)
}

/// The nanoseconds that `text` stands for, in the notation of humantime ("5 ms", "1.5s", "1 min 30 s"). A duration of
/// more than 2^64 ns is `u64::MAX`.
pub(super) fn nanoseconds(text: &str) -> Result<u64, Unreadable> {
    let example = "write a number and a unit, as in \"5 ms\" or \"250 us\"";
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Unreadable::new("is empty", "a duration is expected here", example));
    }
    if let Some(number) = trimmed.strip_prefix(['-', '\u{2212}']) {
        let positive = number.trim_start();
        return Err(match nanoseconds(positive) {
            Ok(_) => Unreadable::new("is negative", "less than zero", format!("did you mean \"{positive}\"?")),
            Err(_) => Unreadable::new("is negative", "less than zero", example),
        });
    }
    // One term at a time: as of version 2.4, humantime panics on a few sums that overflow.
    let mut total = 0u64;
    for term in terms(trimmed) {
        match humantime::parse_duration(term) {
            Ok(duration) => total = total.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
            Err(humantime::DurationError::UnknownUnit { unit, .. }) if unit.is_empty() => {
                let number = harmless(term);
                let help = format!("write the unit behind the number, as in \"{number} ms\"; there are {TIME_UNITS}");
                return Err(Unreadable::new("lacks its unit", "which unit?", help));
            }
            Err(humantime::DurationError::UnknownUnit { unit, .. }) => {
                let label = format!("unknown unit {}", quote(&unit));
                return Err(Unreadable::new("has an unknown unit", label, format!("the units are {TIME_UNITS}")));
            }
            Err(humantime::DurationError::NumberOverflow) if !term.contains('.') => total = u64::MAX,
            Err(humantime::DurationError::NumberOverflow) => {
                let help = "write it in a smaller unit; the smallest is 1 ns";
                return Err(Unreadable::new("has too many digits", "finer than a nanosecond, or too long", help));
            }
            Err(_) if term.contains(',') => {
                let help = format!("write a point: \"{}\"", harmless(&trimmed.replace(',', ".")));
                return Err(Unreadable::new("is no duration", "a comma cannot stand here", help));
            }
            Err(_) => return Err(Unreadable::new("is no duration", "cannot be read", example)),
        }
    }
    Ok(total)
}

/// The parts of a duration that consist of a number and a unit each.
fn terms(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let unit = rest.find(char::is_alphabetic).unwrap_or(rest.len());
        let end = rest[unit..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |digit| unit + digit);
        let (term, after) = rest.split_at(end);
        rest = after;
        (!term.is_empty()).then_some(term)
    })
}

/// The bytes that `text` stands for, in the notation of bytesize ("16 MiB", "64KiB").
pub(super) fn bytes(text: &str) -> Result<u64, Unreadable> {
    let example = "write a number and a unit, as in \"16 MiB\" or \"256 KiB\"";
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Unreadable::new("is empty", "a size is expected here", example));
    }
    if trimmed.starts_with(['-', '\u{2212}']) {
        return Err(Unreadable::new("is negative", "less than zero", example));
    }
    let number = trimmed.trim_end_matches(|c: char| !c.is_ascii_digit() && c != '.');
    let unit = trimmed[number.len()..].trim();
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if number.is_empty() || !is_number || number.parse::<f64>().is_err() {
        return Err(Unreadable::new("is no size", "cannot be read", example));
    }
    if unit.is_empty() {
        let likely = if number.len() > 4 { "B" } else { "KiB" };
        let help = format!("write the unit behind the number, as in \"{number} {likely}\"; there are {SIZE_UNITS}");
        return Err(Unreadable::new("lacks its unit", "which unit?", help));
    }
    trimmed.parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(|_| {
        let label = format!("unknown unit {}", quote(unit));
        Unreadable::new("has an unknown unit", label, format!("the units are {SIZE_UNITS}"))
    })
}

/// `text` with a binary unit in place of a decimal one: "16 MiB" for "16 MB" or "16 M".
pub(super) fn binary(text: &str) -> Option<String> {
    let at = text.find(char::is_alphabetic)?;
    let (number, unit) = text.split_at(at);
    let prefix = ["K", "M", "G"].into_iter().find(|prefix| {
        unit.eq_ignore_ascii_case(prefix) || unit.len() == 2 && unit.to_ascii_uppercase() == format!("{prefix}B")
    })?;
    Some(format!("{} {prefix}iB", number.trim_end()))
}

/// Nanoseconds for people, exactly and in the largest unit of at least one: "12.5 ms", "1 min", "0 ms".
///
/// ```
/// assert_eq!(bulkhead::config::ns_text(12_500_000), "12.5 ms");
/// ```
pub fn ns_text(ns: u64) -> String {
    const MINUTE: u64 = 60_000_000_000;
    match ns {
        0 => "0 ms".to_owned(),
        _ if ns.is_multiple_of(60 * MINUTE) => format!("{} h", ns / (60 * MINUTE)),
        _ if ns.is_multiple_of(MINUTE) => format!("{} min", ns / MINUTE),
        1_000_000_000.. => decimal(ns, 9, "s"),
        1_000_000.. => decimal(ns, 6, "ms"),
        1_000.. => decimal(ns, 3, "us"),
        _ => format!("{ns} ns"),
    }
}

/// `value` divided by ten to the power of `digits`, without zeros at its end.
fn decimal(value: u64, digits: u32, unit: &str) -> String {
    let one = 10u64.pow(digits);
    let fraction = format!("{:0width$}", value % one, width = digits as usize);
    match fraction.trim_end_matches('0') {
        "" => format!("{} {unit}", value / one),
        fraction => format!("{}.{fraction} {unit}", value / one),
    }
}

/// Bytes for people, exactly: "16 MiB", "100 B".
///
/// ```
/// assert_eq!(bulkhead::config::bytes_text(256 << 10), "256 KiB");
/// ```
pub fn bytes_text(bytes: u64) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        _ if bytes.trailing_zeros() >= 30 => format!("{} GiB", bytes >> 30),
        _ if bytes.trailing_zeros() >= 20 => format!("{} MiB", bytes >> 20),
        _ if bytes.trailing_zeros() >= 10 => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly() {
        let cases = [
            ("5 ms", 5_000_000),
            ("5ms", 5_000_000),
            (" 1.5 s ", 1_500_000_000),
            ("1 min 30 s", 90_000_000_000),
            ("1min30s", 90_000_000_000),
            ("0 ms", 0),
            ("7 µs", 7_000),
            ("3 h", 10_800_000_000_000),
            ("99999999999999999999 h", u64::MAX),
            ("18446744073709551615.5s0.5s", u64::MAX),
        ];
        for (text, ns) in cases {
            assert_eq!(nanoseconds(text), Ok(ns), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_duration_is_said() {
        let cases = [
            ("", "is empty"),
            ("5", "lacks its unit"),
            ("1 s 5", "lacks its unit"),
            ("-5 ms", "is negative"),
            ("5 fortnights", "has an unknown unit"),
            ("soon", "is no duration"),
            ("5,5 ms", "is no duration"),
            ("0.5 ns", "has too many digits"),
        ];
        for (text, problem) in cases {
            assert_eq!(nanoseconds(text).unwrap_err().problem, problem, "{text}");
        }
        assert_eq!(nanoseconds("-5 ms").unwrap_err().help, "did you mean \"5 ms\"?");
    }

    #[test]
    fn sizes_are_read_and_need_a_unit() {
        assert_eq!(bytes("16 MiB"), Ok(16 << 20));
        assert_eq!(bytes("64kib"), Ok(64 << 10));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!(bytes("99999999999999999999999 GiB"), Ok(u64::MAX));
        let problem = |text: &str| bytes(text).unwrap_err().problem;
        assert_eq!(problem("4096"), "lacks its unit");
        assert_eq!(problem("4 MoB"), "has an unknown unit");
        assert_eq!(problem("-4 MiB"), "is negative");
        assert_eq!(problem("much"), "is no size");
        assert_eq!(problem("1.2.3 MiB"), "is no size");
        assert_eq!(problem(" "), "is empty");
    }

    #[test]
    fn decimal_units_have_binary_ones() {
        assert_eq!(binary("16 MB").as_deref(), Some("16 MiB"));
        assert_eq!(binary("16k").as_deref(), Some("16 KiB"));
        assert_eq!(binary("16 MiB"), None);
        assert_eq!(binary("100 B"), None);
        assert_eq!(binary("100 é"), None);
    }

    #[test]
    fn texts_are_exact_and_read_back_the_same() {
        for ns in [1, 999, 1_000, 1_500, 20_000_000, 12_345_678, 60_000_000_000, 90_000_000_000, u64::MAX] {
            assert_eq!(nanoseconds(&ns_text(ns)), Ok(ns), "{}", ns_text(ns));
        }
        for size in [1, 4096, 3 << 20, 64 << 30, 1_000_000] {
            assert_eq!(bytes(&bytes_text(size)), Ok(size), "{}", bytes_text(size));
        }
        assert_eq!((ns_text(12_500_000).as_str(), ns_text(0).as_str()), ("12.5 ms", "0 ms"));
    }
}
