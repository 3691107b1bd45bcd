//! `bulkhead check`: shows what a configuration means.
//!
//! Every core gets a drawing of the major frame with one lane per partition, and behind all cores comes a table. The
//! drawing shows where the gaps and the neighbours are; exact numbers are the table's business.

use std::fmt::Write;
use std::path::Path;

use super::{columns as terminal_columns, load, print, terminal_is_ascii};
use crate::config::module::Core;
use crate::config::{Module, PartitionId, Window, bytes_text, ns_text};

/// Runs the subcommand; the result is the exit status.
pub fn run(path: &Path) -> u8 {
    let charset = if terminal_is_ascii() { Charset::Ascii } else { Charset::Unicode };
    match load::module(path, false) {
        Ok((module, _guests)) => print(&timeline(&module, terminal_columns(), charset)),
        Err(status) => status,
    }
}

/// Narrowest and widest output in columns.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=400;
/// Most columns of a partition's name in front of its lane.
const MAX_NAME: usize = 20;
/// Eighths of a column, the resolution of a drawing.
const EIGHTHS: usize = 8;

/// The characters that a drawing is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Blocks and lines of Unicode; the edges of a window are drawn to an eighth of a column.
    Unicode,
    /// ASCII only, but for what is not ASCII in names.
    Ascii,
}

/// Draws the major frame of `module` on `width` columns (40 to 400 are used) and adds a table of its partitions and of
/// what its cores have left. Ends with a newline.
///
/// A window that is shorter than a column is drawn as at least an eighth of one, never as nothing.
pub fn timeline(module: &Module, width: usize, charset: Charset) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let names = module.partitions.iter().map(|partition| columns(&partition.name));
    let names = names.max().unwrap_or(0).min(MAX_NAME).min(width / 4);
    let drawing = Drawing { frame_ns: module.major_frame_ns, names, width: width - names - 4, charset };
    let mut out = format!(
        "{}: {} on {}, major frame {}\n",
        module.name,
        count(module.partitions.len(), "partition"),
        count(module.cores.len(), "core"),
        ns_text(module.major_frame_ns)
    );
    for (number, name) in module.schedules.iter().enumerate() {
        if module.schedules.len() > 1 {
            let _ = writeln!(out, "\nschedule {name}");
        }
        for core in &module.cores {
            let _ = writeln!(out, "\ncore {} (CPU {})", core.number, core.cpu);
            drawing.axis(&mut out);
            for (id, windows) in lanes(module, core, number) {
                drawing.lane(&mut out, &module.partition(id).name, &windows);
            }
        }
        let _ = write!(out, "\n{}", table(module, number, width, charset));
    }
    out
}

/// The partitions of a core with their windows in a schedule, in the order of their first windows.
fn lanes(module: &Module, core: &Core, schedule: usize) -> Vec<(PartitionId, Vec<Window>)> {
    let mut windows = vec![Vec::new(); module.partitions.len()];
    let mut order = Vec::new();
    for window in core.windows_in(schedule) {
        let id = window.partition;
        if windows[id.index()].is_empty() {
            order.push(id);
        }
        windows[id.index()].push(*window);
    }
    order.into_iter().map(|id| (id, std::mem::take(&mut windows[id.index()]))).collect()
}

/// A major frame on a number of columns.
struct Drawing {
    frame_ns: u64,
    /// Columns of the names in front of the lanes.
    names: usize,
    /// Columns of the frame.
    width: usize,
    charset: Charset,
}

impl Drawing {
    /// The time axis: a line of instants, and a line with a tick for each.
    fn axis(&self, out: &mut String) {
        let [line, first, tick, last] = match self.charset {
            Charset::Unicode => ['─', '┌', '┬', '┐'],
            Charset::Ascii => ['-', '+', '+', '+'],
        };
        let unit = Unit::of(self.frame_ns);
        let end = unit.text(self.frame_ns);
        // The axis begins and ends on the borders of the lanes.
        let mut ticks = vec![line; self.width + 2];
        ticks[0] = first;
        ticks[self.width + 1] = last;
        let end_column = (self.width + 2).saturating_sub(columns(&end));
        let mut texts = "0".to_owned();
        let step = step(self.frame_ns, self.width);
        for at in (1..).map(|tick| tick * step).take_while(|&at| at < self.frame_ns) {
            let column = 1 + scale(at, self.width, self.frame_ns);
            let text = unit.number(at);
            if column + columns(&text) < end_column {
                ticks[column] = tick;
                pad(&mut texts, column);
                texts.push_str(&text);
            }
        }
        pad(&mut texts, end_column);
        let margin = " ".repeat(self.names + 2);
        let _ = writeln!(out, "{margin}{texts}{end}\n{margin}{}", ticks.into_iter().collect::<String>());
    }

    /// A partition's name and windows.
    fn lane(&self, out: &mut String, name: &str, windows: &[Window]) {
        let border = if self.charset == Charset::Unicode { '│' } else { '|' };
        let mut cells = vec![Cell::default(); self.width];
        for window in windows {
            let limit = self.width * EIGHTHS;
            let start = scale(window.start_ns, limit, self.frame_ns).min(limit - 1);
            let end = scale(window.end_ns(), limit, self.frame_ns).clamp(start + 1, limit);
            let reached = cells.iter_mut().enumerate().take(end.div_ceil(EIGHTHS)).skip(start / EIGHTHS);
            for (column, cell) in reached {
                let left = column * EIGHTHS;
                cell.add(start.saturating_sub(left), (end - left).min(EIGHTHS));
            }
        }
        let bar: String = cells.iter().map(|cell| cell.glyph(self.charset)).collect();
        let _ = writeln!(out, " {} {border}{bar}{border}", fit(name, self.names, self.charset));
    }
}

/// What windows cover of one column.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// A bit for every eighth, the first at the left.
    covered: u8,
}

impl Cell {
    /// Adds the eighths from `start` up to `end`.
    fn add(&mut self, start: usize, end: usize) {
        for eighth in start..end {
            self.covered |= 1 << eighth;
        }
    }

    /// The character that comes nearest. There are blocks that fill from the left, and one for the right half; what is
    /// covered in several pieces, or in a small one at the right, becomes a shade.
    fn glyph(self, charset: Charset) -> char {
        let count = self.covered.count_ones();
        let from_left = self.covered.trailing_ones() == count;
        let from_right = self.covered.leading_ones() == count;
        match charset {
            _ if count == 0 => ' ',
            Charset::Ascii if count >= 4 => '#',
            Charset::Ascii => ':',
            Charset::Unicode if from_left => {
                ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'].into_iter().nth(count as usize - 1).unwrap_or('█')
            }
            Charset::Unicode if from_right => match count {
                1 | 2 => '▕',
                3..=6 => '▐',
                _ => '█',
            },
            Charset::Unicode if count >= 6 => '▓',
            Charset::Unicode if count >= 3 => '▒',
            Charset::Unicode => '░',
        }
    }
}

/// The table of partitions and of idle time. Long names are cut where it would become wider than `width`.
fn table(module: &Module, schedule: usize, width: usize, charset: Charset) -> String {
    let head = ["name", "core (CPU)", "windows", "time", "share", "memory"].map(str::to_owned);
    let frame = module.major_frame_ns;
    let mut rows = Vec::new();
    for core in &module.cores {
        let place = format!("{} ({})", core.number, core.cpu);
        let mut used = 0;
        for (id, windows) in lanes(module, core, schedule) {
            let partition = module.partition(id);
            let time = windows.iter().map(|window| window.duration_ns).sum();
            used += time;
            rows.push([
                partition.name.clone(),
                place.clone(),
                windows.len().to_string(),
                ns_text(time),
                share(time, frame),
                bytes_text(partition.memory_bytes),
            ]);
        }
        let idle = frame.saturating_sub(used);
        rows.push(["(idle)", &place, "", &ns_text(idle), &share(idle, frame), ""].map(str::to_owned));
    }
    let widest = |column: usize| {
        std::iter::once(&head).chain(&rows).map(|row: &[String; 6]| columns(&row[column])).max().unwrap_or(0)
    };
    let mut widths: [usize; 6] = std::array::from_fn(widest);
    let others: usize = widths[1..].iter().map(|width| width + 2).sum();
    widths[0] = widths[0].min(width.saturating_sub(others + 1).max(columns("(idle)")));
    let mut out = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        // Names to the left, numbers to the right.
        let _ = write!(line, " {}", fit(&row[0], widths[0], charset));
        for (cell, width) in row.iter().zip(widths).skip(1) {
            let _ = write!(line, "  {}{cell}", " ".repeat(width.saturating_sub(columns(cell))));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// `part` of `whole` in percent, to a tenth. What is not nothing does not become "0.0 %", what is not all not "100.0 %".
fn share(part: u64, whole: u64) -> String {
    let whole = whole.max(1);
    let permille = (u128::from(part) * 1000 + u128::from(whole / 2)) / u128::from(whole);
    match permille {
        0 if part > 0 => "<0.1 %".to_owned(),
        1000 if part < whole => ">99.9 %".to_owned(),
        _ => format!("{}.{} %", permille / 10, permille % 10),
    }
}

/// Where `ns` of a frame lies on a scale of `width` parts.
fn scale(ns: u64, width: usize, frame_ns: u64) -> usize {
    let part = u128::from(ns) * width as u128 / u128::from(frame_ns.max(1));
    usize::try_from(part).unwrap_or(width).min(width)
}

/// The distance of the ticks in nanoseconds: a round number, and room for what is written at each.
fn step(frame_ns: u64, width: usize) -> u64 {
    const COLUMNS: u64 = 8;
    let least = (frame_ns.saturating_mul(COLUMNS) / (width.max(1) as u64)).max(1);
    if frame_ns >= Unit::MINUTES {
        let rounds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
        return rounds.map(|seconds| seconds * 1_000_000_000).into_iter().find(|&ns| ns >= least).unwrap_or(frame_ns);
    }
    let decades = std::iter::successors(Some(1u64), |decade| decade.checked_mul(10));
    decades
        .flat_map(|decade| [1, 2, 5].map(|digit| decade.saturating_mul(digit)))
        .find(|&ns| ns >= least)
        .unwrap_or(least)
}

/// The unit of a time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    ns: u64,
    name: &'static str,
}

impl Unit {
    /// Frames from here on are shown in minutes.
    const MINUTES: u64 = 180_000_000_000;

    /// The unit for a frame.
    fn of(frame_ns: u64) -> Unit {
        let (ns, name) = match frame_ns {
            Unit::MINUTES.. => (60_000_000_000, "min"),
            1_000_000_000.. => (1_000_000_000, "s"),
            1_000_000.. => (1_000_000, "ms"),
            _ => (1_000, "us"),
        };
        Unit { ns, name }
    }

    /// An instant as a number of this unit, to three places.
    fn number(self, at: u64) -> String {
        let thousandths = u128::from(at) * 1000 / u128::from(self.ns);
        let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// An instant with the unit's name.
    fn text(self, at: u64) -> String {
        format!("{} {}", self.number(at), self.name)
    }
}

/// "1 core", "2 cores".
fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The columns of a text. Wide characters (CJK and the like) take two.
fn columns(text: &str) -> usize {
    text.chars().map(column_count).sum()
}

/// The columns of a character: near enough for names, which have no control characters in them.
fn column_count(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => 2,
        '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' => 2,
        '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Adds spaces up to a column.
fn pad(text: &mut String, column: usize) {
    let missing = column.saturating_sub(columns(text));
    text.extend(std::iter::repeat_n(' ', missing));
}

/// `text`, cut in the middle to at most `width` columns: names in a row often differ at their ends.
fn shorten(text: &str, width: usize, charset: Charset) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mark = if charset == Charset::Unicode { '…' } else { '~' };
    let room = width.saturating_sub(1);
    let head = first_columns(text.chars(), room.div_ceil(2));
    let tail = first_columns(text.chars().rev(), room / 2);
    head.into_iter().chain([mark]).chain(tail.into_iter().rev()).collect()
}

/// As many characters as fit into `width` columns.
fn first_columns(chars: impl Iterator<Item = char>, width: usize) -> Vec<char> {
    let fits = |used: &mut usize, c: char| {
        *used += column_count(c);
        (*used <= width).then_some(c)
    };
    chars.scan(0, fits).collect()
}

/// `text` on exactly `width` columns.
fn fit(text: &str, width: usize, charset: Charset) -> String {
    let mut text = shorten(text, width, charset);
    pad(&mut text, width);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose one core gives the windows (partition, start, duration) to partitions of these names.
    fn module(names: &[&str], frame_ns: u64, windows: &[(u16, u64, u64)]) -> Module {
        let mut module = Module::single(Path::new("guest.elf"), vec![], 2);
        module.name = "demo".to_owned();
        module.major_frame_ns = frame_ns;
        let partition = module.partitions[0].clone();
        module.partitions = names
            .iter()
            .map(|name| crate::config::Partition { name: (*name).to_owned(), ..partition.clone() })
            .collect();
        module.cores[0].windows = windows
            .iter()
            .map(|&(id, start_ns, duration_ns)| Window { partition: PartitionId(id), start_ns, duration_ns })
            .collect();
        module
    }

    /// The lanes of a drawing, without names and borders.
    fn bars(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.split(['│', '|']).nth(1)).collect()
    }

    #[test]
    fn a_drawing_shows_each_window_at_its_place() {
        let module = module(&["nav", "io"], 20_000_000, &[(0, 0, 5_000_000), (1, 5_000_000, 10_000_000)]);
        let expected = "\
demo: 2 partitions on 1 core, major frame 20 ms

core 0 (CPU 2)
     0         5        10       15   20 ms
     +---------+--------+--------+--------+
 nav |#########                           |
 io  |         ##################         |

 name    core (CPU)  windows   time   share  memory
 nav          0 (2)        1   5 ms  25.0 %  64 MiB
 io           0 (2)        1  10 ms  50.0 %  64 MiB
 (idle)       0 (2)            5 ms  25.0 %
";
        assert_eq!(timeline(&module, 43, Charset::Ascii), expected);
    }

    #[test]
    fn every_schedule_is_drawn() {
        let mut module = module(&["nav", "io"], 20_000_000, &[(0, 0, 5_000_000)]);
        module.schedules = vec!["climb".to_owned(), "cruise".to_owned()];
        module.cores[0].alternatives =
            vec![vec![Window { partition: PartitionId(1), start_ns: 10_000_000, duration_ns: 10_000_000 }]];
        let text = timeline(&module, 43, Charset::Ascii);
        let (climb, cruise) = text.split_once("\nschedule cruise\n").unwrap();
        assert!(climb.contains("\nschedule climb\n"), "{text}");
        assert!(climb.contains(" nav |#########                           |\n"), "{text}");
        assert!(cruise.contains(" io  |                  ##################|\n"), "{text}");
        assert!(climb.contains("nav          0 (2)        1   5 ms  25.0 %") && !climb.contains(" io "), "{text}");
        assert!(cruise.contains("io           0 (2)        1  10 ms  50.0 %") && !cruise.contains(" nav "), "{text}");
    }

    #[test]
    fn the_shortest_window_is_visible_wherever_it_lies() {
        let frame = 3_600_000_000_000;
        for start in (0..1000).map(|part| part * (frame / 1000)).chain([1, frame - 1]) {
            for charset in [Charset::Unicode, Charset::Ascii] {
                let text = timeline(&module(&["a"], frame, &[(0, start, 1)]), 80, charset);
                let drawn = bars(&text)[0].chars().filter(|&c| c != ' ').count();
                assert_eq!(drawn, 1, "{start}\n{text}");
            }
        }
    }

    #[test]
    fn a_gap_of_a_column_stays_a_gap() {
        let text = timeline(
            &module(&["a"], 75_000_000, &[(0, 0, 10_000_000), (0, 11_000_000, 64_000_000)]),
            80,
            Charset::Unicode,
        );
        let expected = "█".repeat(10) + " " + &"█".repeat(64);
        assert_eq!(bars(&text), [expected]);
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        let names: Vec<String> = (0..64u64).map(|n| format!("a rather long name number {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for frame in [100_000, 7_000_000, 1_234_567_891, 3_600_000_000_000] {
            let windows: Vec<_> = (0..64).map(|n| (n, u64::from(n) * (frame / 64), frame / 64)).collect();
            let module = module(&names, frame, &windows);
            for (width, charset) in (60..=200).zip([Charset::Unicode, Charset::Ascii].into_iter().cycle()) {
                let text = timeline(&module, width, charset);
                assert!(text.lines().all(|line| columns(line) <= width), "{width}\n{text}");
                assert!(charset == Charset::Unicode || text.is_ascii(), "{text}");
                assert_eq!(bars(&text).len(), 64);
            }
        }
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("navigation-left-1", 10, Charset::Unicode), "navig…ft-1");
        assert_eq!(shorten("navigation-left-2", 10, Charset::Ascii), "navig~ft-2");
        assert_eq!(columns(&shorten(&"漢".repeat(9), 10, Charset::Unicode)), 9);
        assert_eq!(shorten("nav", 3, Charset::Unicode), "nav");
    }

    #[test]
    fn shares_are_rounded_but_never_to_nothing_or_all() {
        assert_eq!(share(0, 100), "0.0 %");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(2, 3), "66.7 %");
        assert_eq!(share(1, u64::MAX), "<0.1 %");
        assert_eq!(share(u64::MAX - 1, u64::MAX), ">99.9 %");
        assert_eq!(share(5, 5), "100.0 %");
    }
}
