//! Good configurations and the values that come of them.

use std::path::{Path, PathBuf};

use bulkhead::config::module::{Core, DEFAULT_LIMITS, Start};
use bulkhead::config::{Block, Channel, ChannelKind, End, Module, Partition, PartitionId, Window};
use bulkhead::health::{Action, Error, Level, ModuleTable, Response, Storm, StormAction, Table};

use super::{configurations, folder, parse};

fn module(name: &str) -> Module {
    let (_, text) = configurations(&folder("good")).into_iter().find(|(file, _)| file == name).unwrap();
    parse(name, &text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn window(partition: u16, start_us: u64, duration_us: u64) -> Window {
    Window { partition: PartitionId(partition), start_ns: start_us * 1000, duration_ns: duration_us * 1000 }
}

#[test]
fn a_minimal_configuration_gets_the_defaults() {
    let expected = Module {
        name: "demo".to_owned(),
        major_frame_ns: 20_000_000,
        // Core 0 is the CPU that the host likes best.
        cores: vec![Core { number: 0, cpu: 3, windows: vec![window(0, 0, 5000)], alternatives: vec![] }],
        partitions: vec![Partition {
            name: "nav".to_owned(),
            image: PathBuf::from("guests/nav.elf"),
            memory_bytes: 4 << 20,
            stack_bytes: 256 << 10,
            args: vec![],
            core: 0,
            start: Start::Cold,
            stdin: false,
            health: Table::default(),
            period_ns: None,
            duration_ns: None,
            may_switch_schedule: false,
            apex: DEFAULT_LIMITS,
        }],
        late_after_ns: 1_000_000,
        overrun_after_ns: 1_000_000,
        storm: Storm { restarts: 10, within_ns: 1_000_000_000, action: StormAction::Shutdown },
        health: ModuleTable::default(),
        schedules: vec!["main".to_owned()],
        channels: vec![],
        blocks: vec![],
    };
    assert_eq!(module("minimal.toml"), expected);
}

#[test]
fn every_key_has_its_effect() {
    // What is said of crashes holds for every kind of them.
    let crashes = [
        Error::Crash,
        Error::NumericError,
        Error::IllegalRequest,
        Error::StackOverflow,
        Error::MemoryViolation,
        Error::HardwareFault,
    ];
    let all = |table: Table, action| crashes.into_iter().fold(table, |table, error| table.with(error, action));
    let defaults = all(Table::default().with(Error::Exit, Action::ColdStart), Action::WarmStart);
    let expected = Module {
        name: "demo".to_owned(),
        major_frame_ns: 20_000_000,
        cores: vec![
            Core { number: 0, cpu: 2, windows: vec![window(1, 0, 20_000)], alternatives: vec![] },
            Core {
                number: 1,
                cpu: 3,
                windows: vec![window(0, 0, 5000), window(0, 10_000, 5000), window(2, 18_000, 2000)],
                alternatives: vec![],
            },
        ],
        partitions: vec![
            Partition {
                name: "nav".to_owned(),
                image: PathBuf::from("guests/nav.elf"),
                memory_bytes: 16 << 20,
                stack_bytes: 64 << 10,
                args: vec!["a".to_owned(), "b c".to_owned()],
                core: 1,
                start: Start::Warm,
                stdin: true,
                health: all(Table::default(), Action::ColdStart)
                    .with(Error::Exit, Action::Ignore)
                    .with(Error::ForbiddenCall, Action::Shutdown)
                    .with(Error::Overrun, Action::Idle)
                    .with(Error::LateWindow, Action::Shutdown),
                period_ns: None,
                duration_ns: None,
                may_switch_schedule: false,
                apex: DEFAULT_LIMITS,
            },
            Partition {
                name: "io".to_owned(),
                image: PathBuf::from("/opt/guests/io.elf"),
                memory_bytes: 4 << 20,
                stack_bytes: 256 << 10,
                args: vec![],
                core: 0,
                start: Start::Cold,
                stdin: false,
                health: defaults,
                period_ns: None,
                duration_ns: None,
                may_switch_schedule: false,
                apex: DEFAULT_LIMITS,
            },
            Partition {
                name: "log".to_owned(),
                image: PathBuf::from("guests/nav.elf"),
                memory_bytes: 4 << 20,
                stack_bytes: 256 << 10,
                args: vec![],
                core: 1,
                start: Start::Idle,
                stdin: false,
                health: defaults,
                period_ns: None,
                duration_ns: None,
                may_switch_schedule: false,
                apex: DEFAULT_LIMITS,
            },
        ],
        late_after_ns: 500_000,
        overrun_after_ns: 250_000,
        storm: Storm { restarts: 3, within_ns: 2_000_000_000, action: StormAction::Shutdown },
        health: ModuleTable::default(),
        schedules: vec!["main".to_owned()],
        channels: vec![],
        blocks: vec![],
    };
    assert_eq!(module("full.toml"), expected);
}

#[test]
fn other_notations_of_toml_and_of_units_mean_the_same() {
    let module = module("other_notations.toml");
    assert_eq!(module.name.len(), 32);
    assert_eq!(module.major_frame_ns, 90_000_000_000);
    assert_eq!(module.storm, Storm { restarts: 0, ..Storm::default() });
    let partition = &module.partitions[0];
    assert_eq!((partition.name.as_str(), partition.image.as_path()), ("größe", Path::new("guests/n.elf")));
    assert_eq!((partition.memory_bytes, partition.stack_bytes), (64 << 10, 256 << 20));
    assert_eq!(partition.health.response(Error::Crash).action, Action::Shutdown);
    assert_eq!(module.cores[0].windows, [window(0, 0, 1_500_000)]);
}

#[test]
fn windows_may_touch_and_fill_the_frame() {
    let module = module("edges.toml");
    assert_eq!(module.cores.len(), 2);
    assert_eq!(module.cores[0].windows, [window(0, 0, 50), window(0, 50, 50)]);
    // Core 3 is the second that has a partition; by the host's order it is CPU 0.
    assert_eq!(module.cores[1], Core { number: 3, cpu: 0, windows: vec![window(1, 0, 100)], alternatives: vec![] });
    assert_eq!(module.partitions[1].core, 1);
}

#[test]
fn a_partition_may_have_the_most_windows() {
    let module = module("most_windows.toml");
    let windows = &module.cores[0].windows;
    assert_eq!(windows.len(), 1024);
    assert!(windows.iter().zip(0..).all(|(found, ms)| *found == window(0, ms * 1000, 1000)));
}

#[test]
fn health_tables_have_levels_and_codes() {
    let module = module("health.toml");
    assert_eq!(module.storm, Storm { action: StormAction::Idle, ..Storm::default() });
    let mut own = ModuleTable::default();
    (own.0[5], own.0[7]) = (Action::Reset, Action::Ignore);
    assert_eq!(module.health, own);
    let response = |partition: usize, error| {
        let Response { level, action } = module.partitions[partition].health.response(error);
        (level, action)
    };
    // The partition's own table.
    assert_eq!(response(0, Error::DeadlineMissed), (Level::Partition, Action::WarmStart));
    assert_eq!(response(0, Error::MemoryViolation), (Level::Module, Action::Reset));
    assert_eq!(response(0, Error::NumericError), (Level::Process, Action::Idle));
    assert_eq!(response(0, Error::ApplicationError), (Level::Module, Action::Shutdown));
    assert_eq!(response(0, Error::StackOverflow), (Level::Process, Action::ColdStart));
    // The module's, where there is none.
    assert_eq!(response(1, Error::MemoryViolation), (Level::Process, Action::WarmStart));
    assert_eq!(response(1, Error::NumericError), (Level::Process, Action::WarmStart));
    assert_eq!(response(1, Error::ForbiddenCall), (Level::Partition, Action::Idle));
    assert_eq!(module.partitions[1].apex.processes, 5);
    assert_eq!(module.partitions[1].apex.buffers, 0);
    assert_eq!(module.partitions[1].apex.events, DEFAULT_LIMITS.events);
}

#[test]
fn schedules_have_windows_of_their_own() {
    let module = module("schedules.toml");
    assert_eq!(module.schedules, ["take-off", "cruise", "empty"]);
    assert_eq!(module.cores[0].windows, [window(0, 0, 5000), window(1, 5000, 5000)]);
    assert_eq!(module.cores[0].alternatives, [vec![window(1, 0, 2500), window(1, 10_000, 2500)], vec![]]);
    assert!(module.partitions[0].may_switch_schedule && !module.partitions[1].may_switch_schedule);
    let ms = |ms: u64| ms * 1_000_000;
    assert_eq!(module.period_in(PartitionId(0), 0), (ms(20), ms(5)));
    assert_eq!(module.period_in(PartitionId(0), 1), (ms(20), 0));
    assert_eq!(module.period_in(PartitionId(1), 0), (ms(20), ms(4)));
    assert_eq!(module.period_in(PartitionId(1), 1), (ms(20), ms(4)));
}

#[test]
fn an_image_is_checked_once() {
    let (_, text) = configurations(&folder("good")).into_iter().find(|(file, _)| file == "full.toml").unwrap();
    let mut checked = Vec::new();
    let mut check = |path: &Path| {
        checked.push(path.to_owned());
        Ok(())
    };
    bulkhead::config::parse(Path::new("full.toml"), &text, Path::new("guests"), &super::HOST_CPUS, &mut check).unwrap();
    checked.sort();
    assert_eq!(checked, [PathBuf::from("/opt/guests/io.elf"), PathBuf::from("guests/nav.elf")]);
}

#[test]
fn the_example_of_the_documentation_is_right() {
    let page = std::fs::read_to_string(folder("../../docs/configuration.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let module = parse("configuration.md", example).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(module.cores.len(), 2);
    assert_eq!(module.partitions[0].health.response(Error::LateWindow).action, Action::Ignore);
    assert_eq!(module.partitions[1].health.response(Error::Crash).action, Action::WarmStart);
}

#[test]
fn channels_join_ports_and_sockets() {
    let port = |partition, name: &str| End::Port { partition: PartitionId(partition), name: name.to_owned() };
    let attitude = Channel {
        name: "attitude".to_owned(),
        kind: ChannelKind::Sampling { refresh_ns: 50_000_000 },
        message_bytes: 64,
        source: port(0, "attitude"),
        // The longest partition's name that fits is meant.
        destinations: vec![port(1, "attitude"), End::Udp("127.0.0.1:9000".parse().unwrap()), port(0, "own")],
    };
    let commands = Channel {
        name: "commands".to_owned(),
        kind: ChannelKind::Queuing { depth: 100 },
        message_bytes: 8192,
        source: End::Unix(PathBuf::from("guests/commands.sock")),
        destinations: vec![port(0, "commands")],
    };
    // 128 slots of a header and the message.
    assert_eq!(commands.slot_bytes(), 128 * (8 + 8192));
    assert_eq!(module("channels.toml").channels, [attitude, commands]);
}

#[test]
fn channels_may_end_at_a_program_outside() {
    let text = std::fs::read_to_string(folder("good").join("channels.toml")).unwrap();
    let text = text.replace("unix:commands.sock", "outside:commands").replace("udp:127.0.0.1:9000", "outside:attitude");
    let module = parse("outside.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let [attitude, commands] = module.channels.as_slice() else { panic!("{module:?}") };
    assert_eq!(attitude.destinations[1], End::Outside("attitude".to_owned()));
    assert_eq!(commands.source, End::Outside("commands".to_owned()));
    assert!(attitude.has_outside() && !attitude.has_socket() && commands.has_outside());
}

#[test]
fn memory_blocks_have_readers_and_writers() {
    let blocks = module("memory.toml").blocks;
    let (nav, display) = (PartitionId(0), PartitionId(1));
    let map = Block { name: "map".to_owned(), size: 1 << 20, readers: vec![nav], writers: vec![display] };
    let own = Block { name: "own".to_owned(), size: 4096, readers: vec![], writers: vec![nav] };
    assert_eq!(blocks, [map, own]);
    assert_eq!([nav, display].map(|id| blocks[0].writable_by(id)), [Some(false), Some(true)]);
    assert_eq!([nav, display].map(|id| blocks[1].writable_by(id)), [Some(true), None]);
}

#[test]
fn there_may_be_64_memory_blocks_and_no_more() {
    let (_, minimal) = configurations(&folder("good")).into_iter().find(|(file, _)| file == "memory.toml").unwrap();
    let with = |count: usize| {
        (2..count).fold(minimal.clone(), |text, index| {
            text + &format!("[[memory]]\nname = \"b{index}\"\nsize = \"1 GiB\"\nwriters = [\"nav\"]\n")
        })
    };
    assert_eq!(parse("many.toml", &with(64)).unwrap().blocks.len(), 64);
    let mistakes = parse("many.toml", &with(65)).unwrap_err();
    assert!(mistakes.to_string().contains("there are 65 memory blocks"), "{mistakes}");
}
