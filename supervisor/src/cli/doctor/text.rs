//! The checks for people: a line each, and behind what is lost an indented one that says what to do.

use std::fmt::Write;

use super::judge::{Check, Level, State, Verdict};

/// Narrowest output in columns.
const MIN_WIDTH: usize = 60;

/// How to show text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether there may be colour.
    pub colour: bool,
}

/// All checks and the verdict.
pub(super) fn render(checks: &[Check], verdict: &Verdict, style: Style) -> String {
    let width = style.width.max(MIN_WIDTH);
    let names = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let indent = MARK + 2 + names + 2;
    let mut out = String::new();
    for check in checks {
        let (mark, colour) = mark(check.state);
        let lead = format!("{}  {:names$}  ", painted(mark, colour, style.colour), check.name.replace('_', " "));
        wrap(&mut out, &lead, indent, width, &check.found);
        if let (Some(lost), Some(remedy)) = (&check.lost, &check.remedy) {
            let details = format!("{}. Remedy: {remedy}.", capitalised(lost));
            wrap(&mut out, &" ".repeat(DETAILS), DETAILS, width, &details);
        }
    }
    let colour = match verdict.level {
        Level::Ready => GREEN,
        Level::Usable => YELLOW,
        Level::CannotRun => RED,
    };
    out.push('\n');
    let text = verdict.to_string();
    let (word, rest) = text.split_once(": ").unwrap_or((&text, ""));
    let lead = format!("{}: ", painted(word, colour, style.colour));
    wrap(&mut out, &lead, word.len() + 2, width, rest);
    out
}

/// Columns of a mark.
const MARK: usize = 4;
/// Where details begin.
const DETAILS: usize = MARK + 4;
const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const CYAN: u8 = 36;

fn mark(state: State) -> (&'static str, u8) {
    match state {
        State::Ok => ("ok  ", GREEN),
        State::Info => ("note", CYAN),
        State::Lost => ("lost", YELLOW),
        State::Missing => ("bad ", RED),
    }
}

fn painted(text: &str, colour: u8, allowed: bool) -> String {
    if allowed { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Writes `text` behind `lead`, which takes `indent` columns, in lines of `width` columns where the words allow it.
fn wrap(out: &mut String, lead: &str, indent: usize, width: usize, text: &str) {
    out.push_str(lead);
    let mut column = indent;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if column > indent && column + 1 + len > width {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        }
        if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += len;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_move_to_an_indented_line_and_none_is_lost() {
        let mut out = String::new();
        wrap(&mut out, "ok  ", 4, 14, "one two three-is-too-long four");
        assert_eq!(out, "ok  one two\n    three-is-too-long\n    four\n");
    }
}
