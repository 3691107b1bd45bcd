//! What `top` looks like. Pure: a view becomes the cells of a frame.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::bar::{self, Cell};
use super::view::{Page, Question, Rates, View, clock, count, micros, rate, shown};
use crate::control::protocol::{PartitionState, State};

/// Colours of partitions in bars, behind black letters: readable on light and on dark.
const COLOURS: [Color; 6] = [Color::Cyan, Color::Yellow, Color::Green, Color::Magenta, Color::Blue, Color::White];
/// Where the module is in its frame is shown for frames that last so long, in nanoseconds.
const SLOW_FRAME_NS: u64 = 1_000_000_000;
/// Most cores whose bars are shown.
const MOST_BARS: usize = 8;
/// Most events that are shown.
const MOST_EVENTS: u16 = 6;

/// The smallest terminal on which something can be seen.
const SMALLEST: (u16, u16) = (40, 10);

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame, view: &View) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let words = format!("{}x{} is too small, {}x{} it takes", area.width, area.height, SMALLEST.0, SMALLEST.1);
        frame.render_widget(Paragraph::new(words), area);
        return;
    }
    let bars = view.module().cores.len().min(MOST_BARS).min(usize::from(area.height / 4)) as u16;
    let events = view.state.as_ref().map_or(0, |state| state.events.len()) as u16;
    let events = events.min(MOST_EVENTS).min(area.height.saturating_sub(bars + 14));
    let heights = [1, 1, bars, 1].map(Constraint::Length).into_iter().chain([
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(events),
        Constraint::Length(1),
    ]);
    let [title, about, bars, _, page, detail, events, last] = Layout::vertical(heights).areas(area);
    frame.render_widget(title_line(view, title.width), title);
    frame.render_widget(about_line(view), about);
    draw_bars(frame, view, bars);
    let Some(state) = &view.state else {
        frame.render_widget(Paragraph::new("waiting for the supervisor ..."), page);
        frame.render_widget(last_line(view), last);
        return;
    };
    match view.page {
        Page::Partitions => draw_partitions(frame, view, state, page),
        Page::Channels => draw_channels(frame, view, state, page),
        Page::Help => frame.render_widget(help(view), page),
    }
    if view.page != Page::Help {
        frame.render_widget(detail_line(view, state), detail);
        frame.render_widget(event_lines(view, state, events), events);
    }
    frame.render_widget(last_line(view), last);
}

fn title_line(view: &View, width: u16) -> Paragraph<'static> {
    let module = view.module();
    let left = format!(" {}  pid {}", view.module_name(), view.hello.pid);
    let kept = match (module.virtual_time, module.real_time) {
        (true, _) => "virtual time",
        (false, true) => "real time",
        (false, false) => "best effort",
    };
    let elapsed = view.state.as_ref().map_or(String::new(), |state| clock(state.elapsed_ns));
    let paused = if view.paused { "PAUSED  " } else { "" };
    let right = format!("{paused}{kept}  {elapsed} ");
    let gap = usize::from(width).saturating_sub(Span::raw(&left).width() + right.len());
    Paragraph::new(format!("{left}{:gap$}{right}", "")).style(REVERSED.patch(BOLD))
}

fn about_line(view: &View) -> Paragraph<'static> {
    let module = view.module();
    let Some(state) = &view.state else { return Paragraph::new("") };
    let schedule = module.schedules.get(state.schedule).map(|name| shown(name)).unwrap_or_default();
    let schedule = if module.schedules.len() > 1 { format!("  schedule {schedule}") } else { String::new() };
    let skipped: u64 = state.cores.iter().map(|core| core.skipped_frames).sum();
    let lost: u64 = state.cores.iter().map(|core| core.lost_events).sum();
    let frame_ms = module.major_frame_ns as f64 / 1e6;
    let mut words = format!(" frame {} of {frame_ms} ms{schedule}", state.frame);
    if skipped > 0 {
        words += &format!("  {skipped} frames skipped");
    }
    if lost > 0 {
        words += &format!("  {lost} events lost");
    }
    Paragraph::new(words)
}

/// The frames of the cores.
fn draw_bars(frame: &mut Frame, view: &View, area: Rect) {
    let module = view.module();
    let schedule = view.state.as_ref().map_or(0, |state| state.schedule);
    for (row, core) in (0..area.height).zip(&module.cores) {
        let line = Rect { y: area.y + row, height: 1, ..area };
        let label = format!(" core {:<2} cpu {:<3}", core.number, core.cpu);
        let width = usize::from(line.width).saturating_sub(label.len() + 1);
        let windows = core.windows.get(schedule).map_or(&[][..], Vec::as_slice);
        let cells = bar::cells(windows, module.major_frame_ns, width);
        let name =
            |partition: u16| module.partitions.get(usize::from(partition)).map_or("?".into(), |it| shown(&it.name));
        let letters = bar::letters(&cells, name);
        let mut spans = vec![Span::raw(label)];
        let here = view.state.as_ref().filter(|_| module.major_frame_ns >= SLOW_FRAME_NS).map(|state| {
            (u128::from(state.into_frame_ns) * width as u128 / u128::from(module.major_frame_ns)) as usize
        });
        for (index, (cell, letter)) in cells.iter().zip(letters).enumerate() {
            if here == Some(index) {
                spans.push(Span::styled(if view.look.ascii { "|" } else { "│" }, REVERSED));
                continue;
            }
            spans.push(match cell {
                Cell::Gap => Span::raw(if view.look.ascii { "." } else { "·" }),
                Cell::Of(partition) | Cell::Start(partition) if view.look.colour => {
                    let colour = COLOURS[usize::from(*partition) % COLOURS.len()];
                    Span::styled(letter.to_string(), Style::new().fg(Color::Black).bg(colour))
                }
                Cell::Of(_) if letter == ' ' => Span::raw("="),
                Cell::Of(_) | Cell::Start(_) => Span::styled(letter.to_string(), BOLD),
            });
        }
        frame.render_widget(Line::from(spans), line);
    }
}

/// What a column of the partitions shows.
struct Shown<'a> {
    name: String,
    core: u32,
    state: &'a PartitionState,
    rates: Rates,
}

/// A column: its title, its width, on how wide a terminal it is there, and what it says.
struct Column {
    title: &'static str,
    width: u16,
    from: u16,
    until: u16,
    text: fn(&Shown<'_>) -> String,
}

const fn column(title: &'static str, width: u16, from: u16, text: fn(&Shown<'_>) -> String) -> Column {
    Column { title, width, from, until: u16::MAX, text }
}

const COLUMNS: [Column; 19] = [
    column("CORE", 4, 90, |it| it.core.to_string()),
    column("STATE", 8, 0, |it| if it.state.failed { "failed".to_owned() } else { shown(&it.state.state) }),
    column("WINDOWS", 7, 50, |it| count(it.state.windows)),
    column("NOW us", 7, 0, |it| micros(it.state.lateness.second_ns)),
    column("p50 us", 7, 100, |it| micros(it.state.lateness.p50_ns)),
    column("p99 us", 7, 100, |it| micros(it.state.lateness.p99_ns)),
    column("WORST us", 8, 0, |it| micros(it.state.lateness.worst_ns)),
    column("LATE", 6, 120, |it| count(it.state.late_windows)),
    column("SKIPPED", 7, 140, |it| count(it.state.skipped_windows)),
    column("VACANT", 6, 150, |it| count(it.state.vacant_windows)),
    column("OVERRUN", 7, 160, |it| count(it.state.overruns)),
    column("IRQ/s", 6, 60, |it| rate(it.rates.interrupts)),
    Column { until: 129, ..column("MSG/s", 6, 60, |it| rate(it.rates.sent + it.rates.arrived)) },
    column("OUT/s", 6, 130, |it| rate(it.rates.sent)),
    column("IN/s", 6, 130, |it| rate(it.rates.arrived)),
    column("HEALTH", 6, 110, |it| count(it.state.health_events)),
    column("RST", 5, 70, |it| count(it.state.restarts)),
    column("DROPS", 6, 70, |it| count(it.state.dropped_output_bytes)),
    column("LAST", 40, 200, |it| it.state.last.clone()),
];

/// Left-aligned columns.
fn is_text(title: &str) -> bool {
    matches!(title, "STATE" | "LAST")
}

fn draw_partitions(frame: &mut Frame, view: &View, state: &State, area: Rect) {
    let shown_here = |column: &&Column| (column.from..=column.until).contains(&area.width);
    let columns: Vec<&Column> = COLUMNS.iter().filter(shown_here).collect();
    let title = |column: &&Column| {
        let title = if view.look.ascii { column.title.to_owned() } else { column.title.replace("us", "µs") };
        Text::from(title).alignment(if is_text(column.title) { Alignment::Left } else { Alignment::Right })
    };
    let header = Row::new([Text::from(" PARTITION")].into_iter().chain(columns.iter().map(title))).style(BOLD);
    let rows = view.partitions().into_iter().map(|index| {
        let (partition, state) = (&view.module().partitions[index], &state.partitions[index]);
        let it = Shown { name: shown(&partition.name), core: partition.core, state, rates: view.rates(index) };
        let cell = |column: &&Column| {
            let side = if is_text(column.title) { Alignment::Left } else { Alignment::Right };
            Text::from((column.text)(&it)).alignment(side)
        };
        let first = Text::from(format!(" {}", it.name));
        Row::new([first].into_iter().chain(columns.iter().map(cell))).style(style_of(view, state))
    });
    let widths = [Constraint::Min(10)].into_iter().chain(columns.iter().map(|column| Constraint::Length(column.width)));
    let table = Table::new(rows, widths).header(header).row_highlight_style(REVERSED);
    let mut choice = TableState::new().with_selected(Some(view.chosen));
    frame.render_stateful_widget(table, area, &mut choice);
}

/// What stands out: failures, and partitions whose windows are late right now.
fn style_of(view: &View, state: &PartitionState) -> Style {
    let colour = match state.state.as_str() {
        _ if state.failed => Color::Red,
        "starting" => Color::Yellow,
        "normal" if state.lateness.second_ns > view.module().late_after_ns => Color::Yellow,
        _ => return Style::new(),
    };
    if view.look.colour { Style::new().fg(colour) } else { BOLD }
}

fn draw_channels(frame: &mut Frame, view: &View, state: &State, area: Rect) {
    const TITLES: [&str; 8] = ["KIND", "MSG/s", "MESSAGES", "WAITING", "LOST", "NONSENSE", "PASSED", "DROPPED"];
    let right = |text: String| Text::from(text).alignment(Alignment::Right);
    let titles = TITLES.map(|title| if title == "KIND" { Text::from(title) } else { right(title.to_owned()) });
    let header = Row::new([Text::from(" CHANNEL")].into_iter().chain(titles)).style(BOLD);
    let rows = view.module().channels.iter().zip(&state.channels).enumerate().map(|(index, (channel, state))| {
        let waiting = match channel.depth {
            0 => "-".to_owned(),
            depth => format!("{}/{depth}", count(state.waiting)),
        };
        let texts = [rate(view.channel_rate(index)), count(state.messages), waiting];
        let counts = [state.lost, state.nonsense, state.passed, state.dropped].map(count);
        let first = [Text::from(format!(" {}", shown(&channel.name))), Text::from(shown(&channel.kind))];
        let style = if state.nonsense + state.dropped > 0 { BOLD } else { Style::new() };
        Row::new(first.into_iter().chain(texts.into_iter().chain(counts).map(right))).style(style)
    });
    let widths = [8, 6, 8, 9, 6, 8, 6, 7].map(Constraint::Length);
    let table = Table::new(rows, [Constraint::Min(10)].into_iter().chain(widths));
    let mut choice = TableState::new().with_selected(Some(view.chosen));
    frame.render_stateful_widget(table.header(header).row_highlight_style(REVERSED), area, &mut choice);
}

/// All about the partition that is chosen.
fn detail_line(view: &View, state: &State) -> Paragraph<'static> {
    let Some(index) = view.chosen_partition() else { return Paragraph::new("") };
    let it = &state.partitions[index];
    let mut words = format!(" {}:", shown(&view.module().partitions[index].name));
    if !it.last.is_empty() {
        words += &format!(" {};", shown(&it.last));
    }
    let counts = [
        ("late", it.late_windows),
        ("skipped", it.skipped_windows),
        ("vacant", it.vacant_windows),
        ("overruns", it.overruns),
        ("health", it.health_events),
        ("sent", it.sent),
        ("arrived", it.arrived),
    ];
    for (name, number) in counts {
        words += &format!(" {name} {}", count(number));
    }
    Paragraph::new(words)
}

fn event_lines(view: &View, state: &State, area: Rect) -> Paragraph<'static> {
    let first = state.events.len().saturating_sub(usize::from(area.height));
    let lines = state.events[first..].iter().map(|event| {
        let partition = event.partition.and_then(|index| view.module().partitions.get(usize::from(index)));
        let name = partition.map_or(String::new(), |partition| format!("{}: ", shown(&partition.name)));
        Line::from(format!(" {:>10}  {name}{}", clock(event.at_ns), shown(&event.what)))
    });
    Paragraph::new(lines.collect::<Vec<_>>())
}

fn last_line(view: &View) -> Paragraph<'static> {
    let name = |index: &usize| shown(&view.module().partitions[*index].name);
    if let Some(question) = &view.question {
        let words = match question {
            Question::Stop => " stop the module? y / n".to_owned(),
            Question::Restart(index, false) => format!(" restart \"{}\", with empty memory? y / n", name(index)),
            Question::Restart(index, true) => format!(" restart \"{}\" warm, with its memory? y / n", name(index)),
        };
        return Paragraph::new(words).style(REVERSED);
    }
    if let Some(words) = &view.words {
        return Paragraph::new(format!(" {words}")).style(BOLD);
    }
    let keys = if view.look.write { "  r restart  K stop" } else { "" };
    let pause = if view.paused { "go on" } else { "pause" };
    let other = if view.page == Page::Channels { "partitions" } else { "channels" };
    Paragraph::new(format!(" q quit  p {pause}  s sort ({})  c {other}{keys}  ? help", view.order.name()))
}

fn help(view: &View) -> Paragraph<'static> {
    let mut lines = vec![
        " q  quit                      p  pause, and go on",
        " s  sort by something else    c  channels, and back",
        " up down, page, home, end  choose; what is known of the chosen one stands below",
        "",
        " NOW     the latest start of a window within the last second",
        " WORST   the latest start of all; p50 and p99 on wide terminals",
        " IRQ/s   interrupts that the partition has served, by its own word",
        " MSG/s   messages that it has sent, and that were sent to it",
        " RST     restarts             DROPS  bytes of its output that were dropped",
        " Bars show the windows of the schedule in force.",
    ];
    if view.look.write {
        lines.insert(3, " r  restart the chosen partition   w  likewise, warm   K  stop the module");
    }
    Paragraph::new(lines.into_iter().map(Line::from).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
