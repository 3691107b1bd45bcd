//! Numbers, names and lines as people read them.

/// How a report is to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Longest line in characters.
    pub(super) width: usize,
    /// Nothing but ASCII.
    pub(super) ascii: bool,
}

impl Style {
    /// The unit of a microsecond.
    pub(super) fn micro(self) -> &'static str {
        if self.ascii { "us" } else { "µs" }
    }

    /// A time in its most fitting unit: `10 ms`, `1.25 s`, `2 min 5 s`.
    pub(super) fn span(self, ns: u64) -> String {
        const SECOND: u64 = 1_000_000_000;
        if ns >= 120 * SECOND {
            let seconds = ns / SECOND;
            return match (seconds / 60, seconds % 60) {
                (minutes, 0) => format!("{minutes} min"),
                (minutes, seconds) => format!("{minutes} min {seconds} s"),
            };
        }
        let (unit, name) = match ns {
            SECOND.. => (SECOND, "s"),
            1_000_000.. => (1_000_000, "ms"),
            1_000.. => (1_000, self.micro()),
            _ => (1, "ns"),
        };
        let number = format!("{:.3}", ns as f64 / unit as f64);
        format!("{} {name}", number.trim_end_matches('0').trim_end_matches('.'))
    }

    /// Text of unknown origin without what would steer a terminal or, in ASCII, what is none.
    pub(super) fn clean(self, text: &str) -> String {
        let harmless = |c: char| !c.is_control() && !is_invisible(c) && (c.is_ascii() || !self.ascii);
        text.chars().map(|c| if harmless(c) { c } else { '?' }).collect()
    }

    /// The text, or as much of it as goes into `width` characters with a sign that there was more.
    pub(super) fn cut(self, text: &str, width: usize) -> String {
        if text.chars().count() <= width {
            return text.to_owned();
        }
        let sign = if self.ascii { "~" } else { "…" };
        text.chars().take(width.saturating_sub(1)).chain(sign.chars()).collect()
    }

    /// The name, or as much of both its ends as goes into `width` characters: numbered names differ at the end.
    pub(super) fn cut_name(self, name: &str, width: usize) -> String {
        let len = name.chars().count();
        if len <= width {
            return name.to_owned();
        }
        let tail = width.saturating_sub(1) / 2;
        let end: String = name.chars().skip(len - tail).collect();
        self.cut(name, width - tail) + &end
    }

    /// As many of `items` as go into `width` characters, with commas, and a sign if there are more.
    pub(super) fn list(self, items: &[String], width: usize) -> String {
        let whole = items.join(", ");
        if whole.chars().count() <= width {
            return whole;
        }
        let sign = if self.ascii { "..." } else { "…" };
        let fits = |count: &usize| {
            let list = items[..*count].join(", ");
            list.chars().count() + 2 + sign.chars().count() <= width
        };
        match (1..items.len()).rev().find(fits) {
            Some(count) => format!("{}, {sign}", items[..count].join(", ")),
            None => self.cut(sign, width),
        }
    }

    /// The text behind `lead`, on as many lines as it takes; words too long for a line are cut.
    pub(super) fn wrapped(self, lead: &str, text: &str) -> Vec<String> {
        let indent = lead.chars().count();
        let mut lines = vec![lead.to_owned()];
        let mut used = indent;
        for word in text.split(' ') {
            let word = self.cut(word, self.width.saturating_sub(indent));
            let len = word.chars().count();
            if used > indent && used + 1 + len > self.width {
                lines.push(" ".repeat(indent));
                used = indent;
            }
            let gap = usize::from(used > indent);
            if let Some(line) = lines.last_mut() {
                line.push_str(&" ".repeat(gap));
                line.push_str(&word);
            }
            used += gap + len;
        }
        lines
    }
}

/// Characters that take no place or turn the direction of writing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `1 restart`, `2 restarts`, `3 crashes`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let ending = match (count, what) {
        (1, _) => "",
        (_, what) if what.ends_with("sh") => "es",
        _ => "s",
    };
    format!("{count} {what}{ending}")
}

/// Nanoseconds as a number of microseconds.
pub(super) fn micros(ns: u64, decimals: usize) -> String {
    format!("{:.decimals$}", ns as f64 / 1_000.0)
}

/// Whether a locale asks for ASCII: if the first of its variables that is set names another character set than UTF-8.
/// Nothing set says nothing; that is how containers run, and their terminals speak UTF-8.
pub(in crate::cli) fn is_ascii(mut variables: impl Iterator<Item = String>) -> bool {
    let locale = variables.find(|value| !value.is_empty()).unwrap_or_default().to_ascii_lowercase();
    !(locale.is_empty() || locale.contains("utf-8") || locale.contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { width: 20, ascii: false };
    const ASCII: Style = Style { width: 20, ascii: true };

    #[test]
    fn spans_take_the_unit_that_fits() {
        let spans = [
            (0, "0 ns"),
            (999, "999 ns"),
            (20_000, "20 µs"),
            (1_250_000, "1.25 ms"),
            (10_000_000, "10 ms"),
            (100_000_000_000, "100 s"),
            (125_000_000_000, "2 min 5 s"),
            (3_600_000_000_000, "60 min"),
        ];
        for (ns, text) in spans {
            assert_eq!(STYLE.span(ns), text);
        }
        assert_eq!(ASCII.span(1_500), "1.5 us");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(STYLE.clean("na\u{1b}[31mv\n\u{202e}é"), "na?[31mv??é");
        assert_eq!(ASCII.clean("Ölkühlung"), "?lk?hlung");
    }

    #[test]
    fn long_text_is_cut_visibly() {
        assert_eq!(STYLE.cut("flight", 6), "flight");
        assert_eq!(STYLE.cut("flights", 6), "fligh…");
        assert_eq!(ASCII.cut("flights", 6), "fligh~");
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(STYLE.cut_name("flight_management_12", 20), "flight_management_12");
        assert_eq!(STYLE.cut_name("flight_management_12", 12), "flight…nt_12");
        assert_eq!(ASCII.cut_name("flight_management_12", 11), "fligh~nt_12");
    }

    #[test]
    fn lists_end_at_a_whole_item() {
        let items = ["1 crash", "2 restarts", "3 late windows"].map(str::to_owned);
        assert_eq!(STYLE.list(&items, 35), "1 crash, 2 restarts, 3 late windows");
        assert_eq!(STYLE.list(&items, 34), "1 crash, 2 restarts, …");
        assert_eq!(ASCII.list(&items, 23), "1 crash, ...");
        assert_eq!(STYLE.list(&items, 9), "…");
        assert_eq!(STYLE.list(&[], 9), "");
    }

    #[test]
    fn text_is_wrapped_behind_its_lead() {
        assert_eq!(STYLE.wrapped("  ! ", "1 crash, 2 restarts"), ["  ! 1 crash, 2", "    restarts"]);
        let long = STYLE.wrapped("! ", &format!("a {} b", "x".repeat(30)));
        assert_eq!(long, ["! a".to_owned(), format!("  {}…", "x".repeat(17)), "  b".to_owned()]);
    }

    #[test]
    fn plurals() {
        assert_eq!(counted(1, "crash"), "1 crash");
        assert_eq!(counted(2, "crash"), "2 crashes");
        assert_eq!(counted(0, "window"), "0 windows");
    }

    #[test]
    fn only_a_locale_that_says_so_gets_ascii() {
        let ascii = |values: &[&str]| is_ascii(values.iter().map(|value| (*value).to_owned()));
        assert!(!ascii(&[]) && !ascii(&["", "en_GB.UTF-8"]) && !ascii(&["C.utf8", "C"]));
        assert!(ascii(&["C", "C.UTF-8"]) && ascii(&["", "de_DE.ISO-8859-1"]));
    }
}
