//! Frames, as text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::super::keys::{Wanted, pressed};
use super::super::view::{Look, View};
use super::draw;
use crate::control::protocol::{
    Answer, Channel, ChannelState, Core, CoreState, Hello, Lateness, Module, Partition, PartitionState, Request, State,
    Window,
};
use crate::record::live::Told;

const LOOK: Look = Look { colour: true, ascii: false, write: false };
const NAMES: [&str; 3] = ["nav", "display", "io\u{1b}[2J"];

fn hello() -> Hello {
    let window = |partition, start_ns, duration_ns| Window { partition, start_ns, duration_ns };
    let core = |number, windows| Core { number, cpu: number + 2, windows: vec![windows] };
    let ms = 1_000_000;
    Hello {
        protocol: 1,
        bulkhead: "0".to_owned(),
        pid: 4711,
        write: true,
        module: Module {
            name: "flight".to_owned(),
            major_frame_ns: 50 * ms,
            late_after_ns: ms,
            virtual_time: false,
            real_time: true,
            schedules: vec!["main".to_owned()],
            cores: vec![
                core(0, vec![window(0, 0, 25 * ms), window(1, 25 * ms, 15 * ms)]),
                core(1, vec![window(2, 10 * ms, 40 * ms)]),
            ],
            partitions: NAMES.map(|name| Partition { name: name.to_owned(), core: 0 }).to_vec(),
            channels: vec![
                Channel { name: "attitude".to_owned(), kind: "sampling".to_owned(), message_bytes: 64, depth: 0 },
                Channel { name: "commands".to_owned(), kind: "queuing".to_owned(), message_bytes: 64, depth: 16 },
            ],
            host: Default::default(),
        },
    }
}

/// What it is like after so many frames.
fn state(frame: u64) -> State {
    let lateness = Lateness { last_ns: 30_000, second_ns: 31_000, p50_ns: 29_000, p99_ns: 80_000, worst_ns: 812_000 };
    let normal = PartitionState {
        state: "normal".to_owned(),
        windows: frame,
        lateness,
        interrupts: 2 * frame,
        sent: 3 * frame,
        arrived: frame,
        ..PartitionState::default()
    };
    let late = Lateness { second_ns: 2_000_000, worst_ns: 3_000_000, ..lateness };
    let display = PartitionState { lateness: late, restarts: 2, health_events: 2, interrupts: 0, ..normal.clone() };
    let io = PartitionState {
        state: "idle".to_owned(),
        failed: true,
        last: "crashed: SIGSEGV at address 0x8".to_owned(),
        dropped_output_bytes: 1234,
        ..PartitionState::default()
    };
    let told = Told { number: 1, at_ns: 1_300_000_000, partition: Some(1), what: "start 3 (warm)".to_owned() };
    State {
        elapsed_ns: frame * 50_000_000,
        frame,
        schedule: 0,
        into_frame_ns: 0,
        cores: vec![CoreState::default(); 2],
        partitions: vec![normal, display, io],
        channels: vec![
            ChannelState { messages: 5 * frame, ..ChannelState::default() },
            ChannelState { messages: frame, waiting: 7, lost: 3, passed: 4, ..ChannelState::default() },
        ],
        events: vec![told],
    }
}

/// After 2 s, having seen what it was like after 1 s.
fn view(look: Look) -> View {
    let mut view = View::new(hello(), look);
    view.take(state(20));
    view.take(state(40));
    view
}

fn buffer(view: &View, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(view: &View, width: u16, height: u16) -> Vec<String> {
    let buffer = buffer(view, width, height);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

fn key(view: &mut View, code: KeyCode) -> Wanted {
    pressed(view, KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn eighty_columns_have_everything_that_matters() {
    let expected = " flight  pid 4711                                             real time  0:02.0
 frame 40 of 50 ms
 core 0  cpu 2  nav                            display             ············
 core 1  cpu 3  ············io\\x1b[2J

 PARTITION          STATE    WINDOWS  NOW µs WORST µs  IRQ/s  MSG/s   RST  DROPS
 nav                normal        40    31.0      812     40     80     0      0
 display            normal        40    2000     3000      0     80     2      0
 io\\x1b[2J          failed         0     0.0      0.0      0      0     0   1234












 nav: late 0 skipped 0 vacant 0 overruns 0 health 0 sent 120 arrived 40
     0:01.3  display: start 3 (warm)
 q quit  p pause  s sort (as configured)  c channels  ? help";
    assert_eq!(lines(&view(LOOK), 80, 24).join("\n"), expected);
}

#[test]
fn a_wide_terminal_has_more_and_a_small_one_less() {
    let wide = lines(&view(LOOK), 210, 50);
    for title in ["CORE", "p50 µs", "p99 µs", "LATE", "VACANT", "OVERRUN", "OUT/s", "IN/s", "HEALTH", "LAST"] {
        assert!(wide[5].contains(title), "{title}: {}", wide[5]);
    }
    assert!(!wide[5].contains("MSG/s"));
    assert!(wide[8].ends_with("crashed: SIGSEGV at address 0x8"), "{}", wide[8]);
    let narrow = lines(&view(LOOK), 40, 12);
    assert!(narrow[4].starts_with(" PARTITION") || narrow[5].starts_with(" PARTITION"), "{narrow:#?}");
    assert!(narrow.iter().any(|line| line.contains("nav") && line.contains("normal")), "{narrow:#?}");
    assert_eq!(lines(&view(LOOK), 39, 12)[0], "39x12 is too small, 40x10 it takes");
    // No size brings it to its knees.
    for (width, height) in (1..30).flat_map(|height| [1, 2, 41, 79, 133, 300].map(|width| (width, height))) {
        lines(&view(LOOK), width, height);
    }
}

#[test]
fn without_colour_there_is_none_and_without_unicode_neither() {
    let is_coloured = |look| {
        let buffer = buffer(&view(look), 80, 24);
        buffer.content().iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(is_coloured(LOOK));
    assert!(!is_coloured(Look { colour: false, ..LOOK }));
    let plain = lines(&view(Look { colour: false, ascii: true, ..LOOK }), 80, 24);
    assert!(plain.iter().all(|line| line.is_ascii()), "{plain:#?}");
    assert_eq!(plain[2], " core 0  cpu 2  nav============================display=============............");
}

#[test]
fn what_guests_and_configurations_say_is_shown_and_not_obeyed() {
    let view = view(LOOK);
    let buffer = buffer(&view, 200, 40);
    assert!(buffer.content().iter().all(|cell| !cell.symbol().contains(char::is_control)));
}

#[test]
fn pausing_keeps_what_is_there() {
    let mut view = view(LOOK);
    key(&mut view, KeyCode::Char('p'));
    view.take(state(1000));
    let paused = lines(&view, 80, 24);
    assert!(paused[0].contains("PAUSED") && paused[1].contains("frame 40 "), "{paused:#?}");
    key(&mut view, KeyCode::Char('p'));
    view.take(state(1000));
    assert!(lines(&view, 80, 24)[1].contains("frame 1000 "));
}

#[test]
fn sorting_goes_round_and_the_choice_follows_the_place() {
    let mut view = view(LOOK);
    let mut firsts = Vec::new();
    for _ in 0..7 {
        let line = lines(&view, 80, 24)[6].clone();
        firsts.push(line.split_whitespace().next().unwrap().to_owned());
        key(&mut view, KeyCode::Char('s'));
    }
    // As configured, by name, lateness, interrupts, messages, restarts (failures first), as configured.
    assert_eq!(firsts, ["nav", "display", "display", "nav", "nav", "io\\x1b[2J", "nav"]);
    for (code, chosen) in
        [(KeyCode::Down, 1), (KeyCode::End, 2), (KeyCode::Down, 2), (KeyCode::PageUp, 0), (KeyCode::Up, 0)]
    {
        key(&mut view, code);
        assert_eq!(view.chosen, chosen, "{code:?}");
    }
    key(&mut view, KeyCode::End);
    let detail = lines(&view, 80, 24)[21].clone();
    // By name by now.
    assert!(detail.starts_with(" nav: late"), "{detail}");
}

#[test]
fn channels_have_a_page() {
    let mut view = view(LOOK);
    key(&mut view, KeyCode::End);
    key(&mut view, KeyCode::Char('c'));
    let page = lines(&view, 80, 24);
    assert_eq!(page[6], " attitude      sampling    100      200         -      0        0      0       0");
    assert_eq!(page[7], " commands      queuing      20       40      7/16      3        0      4       0");
    assert_eq!(view.chosen, 1);
    key(&mut view, KeyCode::Char('?'));
    assert!(lines(&view, 80, 24)[5].contains("quit"));
    assert_eq!(key(&mut view, KeyCode::Esc), Wanted::Nothing);
    assert!(lines(&view, 80, 24)[5].starts_with(" PARTITION"));
    assert_eq!(key(&mut view, KeyCode::Char('q')), Wanted::Quit);
}

#[test]
fn nothing_is_changed_without_being_asked_to_and_without_being_sure() {
    let mut reader = view(LOOK);
    for letter in ['r', 'w', 'K', 'y'] {
        assert_eq!(key(&mut reader, KeyCode::Char(letter)), Wanted::Nothing);
        assert_eq!(reader.question, None);
    }
    let mut view = view(Look { write: true, ..LOOK });
    key(&mut view, KeyCode::Down);
    assert_eq!(key(&mut view, KeyCode::Char('w')), Wanted::Nothing);
    assert!(lines(&view, 80, 24)[23].starts_with(" restart \"display\" warm"));
    assert_eq!(key(&mut view, KeyCode::Char('n')), Wanted::Nothing);
    key(&mut view, KeyCode::Char('r'));
    let (id, partition, mode) = (Some(1), Some("display".to_owned()), Some("cold".to_owned()));
    let request = Request { id, partition, mode, ..Request::new("restart") };
    assert_eq!(key(&mut view, KeyCode::Char('y')), Wanted::Ask(request));
    key(&mut view, KeyCode::Char('K'));
    // Whatever else is pressed means no.
    assert_eq!(key(&mut view, KeyCode::Enter), Wanted::Nothing);
    key(&mut view, KeyCode::Char('K'));
    assert_eq!(key(&mut view, KeyCode::Char('y')), Wanted::Ask(Request { id: Some(1), ..Request::new("stop") }));
    view.answer(&Answer { ok: false, error: Some("not now".to_owned()), ..Answer::default() });
    assert_eq!(lines(&view, 80, 24)[23], " not now");
}

#[test]
fn a_supervisor_that_contradicts_itself_is_not_believed() {
    let mut view = View::new(hello(), LOOK);
    assert!(lines(&view, 80, 24).iter().any(|line| line.contains("waiting")));
    view.take(State { partitions: Vec::new(), ..state(5) });
    assert!(view.state.is_none());
    // Counts that fall, windows outside their frame, partitions that do not exist.
    view.take(state(40));
    view.take(State { elapsed_ns: 10_000_000_000, ..state(20) });
    view.hello.module.cores[0].windows[0].push(Window { partition: 99, start_ns: u64::MAX / 2, duration_ns: 1 });
    view.hello.module.major_frame_ns = 0;
    lines(&view, 80, 24);
}

#[test]
fn in_a_long_frame_the_instant_is_shown() {
    let mut view = view(Look { ascii: true, colour: false, ..LOOK });
    view.hello.module.major_frame_ns = 2_000_000_000;
    view.state.as_mut().unwrap().into_frame_ns = 1_000_000_000;
    let bar = lines(&view, 80, 24)[2].clone();
    assert_eq!(bar.find('|'), Some(16 + 31), "{bar}");
}
