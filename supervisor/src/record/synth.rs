//! Recordings made up for tests: what a dispatcher would have recorded, from a seed.

use std::collections::BTreeMap;

use super::event::{Event, Kind, NO_PARTITION};
use super::header::{Core, Header, Partition, Window};

/// Names of partitions, as short and as long as they come.
pub(crate) const NAMES: [&str; 5] = ["nav", "display", "flight_management_system_primary", "io", "Ölkühlung"];

/// When the made-up recordings begin, in nanoseconds of CLOCK_MONOTONIC.
pub(crate) const BEGIN_NS: u64 = 5_000_000_000_000;

/// A small deterministic generator (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A latency in nanoseconds: most near `typical`, a few many times as long.
    pub(crate) fn latency(&mut self, typical: u64) -> u64 {
        let spread = typical * 3 / 4 + self.below(typical / 2 + 1);
        let tail = self.below(1000);
        if tail < 990 { spread } else { spread * (1 + self.below((tail - 985) * (tail - 985))) }
    }
}

/// A header with these partitions, spread over two cores, and as many windows on each core as it has partitions.
pub(crate) fn header(names: &[&str]) -> Header {
    let major_frame_ns = 10_000_000;
    let count = names.len().min(2);
    let partition =
        |(index, name): (usize, &&str)| Partition { name: (*name).to_owned(), core: (index % count) as u16 };
    let partitions: Vec<_> = names.iter().enumerate().map(partition).collect();
    let cores = (0..count).map(|core| {
        let own: Vec<_> = (0..names.len()).filter(|index| index % count == core).collect();
        let duration_ns = major_frame_ns / own.len() as u64;
        let window = |(slot, &index): (usize, &usize)| Window {
            partition: index as u16,
            start_ns: slot as u64 * duration_ns,
            duration_ns,
        };
        let windows = own.iter().enumerate().map(window).collect();
        Core { number: core as u32, cpu: core as u32 + 2, windows }
    });
    Header {
        module: "flight".to_owned(),
        major_frame_ns,
        late_after_ns: 1_000_000,
        overrun_after_ns: 1_000_000,
        started_unix_ns: 1_700_000_000_000_000_000,
        started_monotonic_ns: BEGIN_NS,
        cores: cores.collect(),
        partitions,
        channels: vec![],
        interrupts: vec![],
        host: BTreeMap::from([
            ("kernel".to_owned(), "Linux 6.18.0".to_owned()),
            ("clocksource".to_owned(), "tsc".to_owned()),
        ]),
    }
}

/// A window's start and end as they are recorded.
pub(crate) fn window(
    partition: u16,
    frame: u64,
    start_ns: u64,
    end_ns: u64,
    [awake, continued, end, stop]: [u64; 4],
) -> [Event; 2] {
    let start = Kind::WindowStart {
        frame,
        planned_ns: start_ns,
        awake_ns: start_ns + awake,
        continued_ns: start_ns + awake + continued,
    };
    let requested_ns = end_ns + end + 1_000;
    let confirmed_ns = if stop == 0 { 0 } else { requested_ns + stop };
    let awake_ns = end_ns + end;
    let end = Kind::WindowEnd { frame, planned_ns: end_ns, awake_ns, requested_ns, confirmed_ns, first_ns: 0 };
    let at = |time_ns, kind| Event { time_ns, core: 0, partition, kind };
    [at(start_ns, start), at(end_ns, end)]
}

/// What `frames` major frames leave behind: windows with plausible latencies, and now and then whatever can happen.
pub(crate) fn events(header: &Header, frames: u64, seed: u64) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mut events = Vec::new();
    for number in 0..header.partitions.len() as u16 {
        let core = header.partitions[usize::from(number)].core;
        let kind = Kind::Birth { generation: 1, warm: false, took_ns: 900_000 };
        events.push(Event { time_ns: BEGIN_NS, core, partition: number, kind });
    }
    for frame in 0..frames {
        let frame_ns = BEGIN_NS + frame * header.major_frame_ns;
        for (core, windows) in header.cores.iter().map(|core| &core.windows).enumerate() {
            for planned in windows {
                let (start_ns, partition) = (frame_ns + planned.start_ns, planned.partition);
                let end_ns = start_ns + planned.duration_ns;
                let latencies =
                    [random.latency(29_000), random.latency(19_000), random.latency(900), random.latency(14_000)];
                let pair = window(partition, frame, start_ns, end_ns, latencies);
                events.extend(pair.map(|event| Event { core: core as u16, ..event }));
                if random.below(500) == 0 {
                    let (partition, kind) = mishap(&mut random, partition, frame, end_ns);
                    events.push(Event { time_ns: end_ns, core: core as u16, partition, kind });
                }
            }
        }
    }
    events
}

fn mishap(random: &mut Random, partition: u16, frame: u64, at_ns: u64) -> (u16, Kind) {
    let awake_ns = at_ns + 3_000_000;
    let kind = match random.below(8) {
        0 => Kind::WindowVacant { frame, planned_ns: at_ns },
        1 => Kind::WindowSkipped { frame, planned_ns: at_ns, awake_ns },
        2 => Kind::Crash { signal: 11, code: 1, address: 0, ip: 0x40_1000 },
        3 => Kind::Birth { generation: 2, warm: true, took_ns: 800_000 },
        4 => Kind::ForbiddenCall { number: 41, arch: 0xc000_003e, ip: 0x40_2000 },
        5 => Kind::Health { error: 4, action: 0, level: 1, process: 0, address: 0, ip: 0 },
        6 => return (NO_PARTITION, Kind::FramesSkipped { first: frame, count: 2 }),
        _ => return (NO_PARTITION, Kind::Lost { count: 17 }),
    };
    (partition, kind)
}

/// The bytes of a recording.
pub(crate) fn bytes(header: &Header, events: &[Event]) -> Vec<u8> {
    let words = events.iter().flat_map(Event::encode);
    header.encode().unwrap().into_iter().chain(words.flat_map(u64::to_le_bytes)).collect()
}
