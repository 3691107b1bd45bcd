use super::*;

#[test]
fn every_kind_survives_encoding() {
    let kinds = [
        Kind::InterruptRaised { line: 3 },
        Kind::InterruptsFrom { source: 3, count: u64::MAX },
        Kind::Arrived { channel: 1, sequence: u64::MAX, count: u32::MAX },
        Kind::RaisedItself { line: 63 },
        Kind::InterruptEntered { line: 1 },
        Kind::InterruptFinished { line: 2 },
        Kind::Tick { due_ns: 1, ticks: 2 },
        Kind::Sent { channel: 1, sequence: 2 },
        Kind::Received { channel: 1, sequence: 2 },
        Kind::ProcessSwitch { process: 1, name: *b"INIT\0\0\0\x01" },
        Kind::TraceLost { count: 1, excess: true },
        Kind::WindowStart { frame: 1, planned_ns: 2, awake_ns: 3, continued_ns: 4 },
        Kind::WindowVacant { frame: 1, planned_ns: 2 },
        Kind::WindowEnd { frame: 1, planned_ns: 2, awake_ns: 3, requested_ns: 4, confirmed_ns: 5, first_ns: 6 },
        Kind::WindowSkipped { frame: 1, planned_ns: 2, awake_ns: 3 },
        Kind::FramesSkipped { first: 1, count: 2 },
        Kind::Birth { generation: 1, warm: true, took_ns: 2 },
        Kind::Exit { status: -3 },
        Kind::Crash { signal: 11, code: -6, address: u64::MAX, ip: 7 },
        Kind::ForbiddenCall { number: -1, arch: 0xc000_003e, ip: 9 },
        Kind::Health { error: 1, action: 4, level: 2, process: 3, address: u64::MAX, ip: 5 },
        Kind::ModeRequest { mode: 2 },
        Kind::Raised { error: 6, process: u32::MAX, address: 8 },
        Kind::Report { what: 1, code: u32::MAX, process: 2, address: 3, said_ns: 4 },
        Kind::ReportsLost { count: 9 },
        Kind::Text { what: Text::Symbol, len: 3, bytes: std::array::from_fn(|index| index as u8) },
        Kind::Text { what: Text::Message, len: TEXT as u8, bytes: [0xff; TEXT] },
        Kind::ScheduleRequest { schedule: 15, refused: true, frame: 7 },
        Kind::ScheduleSwitch { frame: 1, schedule: 2, planned_ns: 3, awake_ns: 4 },
        Kind::Lost { count: 12 },
        Kind::Waited { waited_ns: 12 },
        Kind::Sample(Sample::of([1, 2, 3, 4, 5, 6])),
        Kind::Resumed,
        Kind::Interrupts(Interrupts { count: 1, took_ns: 2 }),
        Kind::Waiting { channel: 1, messages: 2, depth: 3 },
        Kind::Unknown { kind: 999 },
    ];
    for kind in kinds {
        let event = Event { time_ns: u64::MAX - 1, core: 2, partition: NO_PARTITION, kind };
        assert_eq!(Event::decode(&event.encode()), event);
    }
}

#[test]
fn a_text_comes_in_pieces() {
    let long: Vec<u8> = (0..100).collect();
    let mut joined = Vec::new();
    for kind in text(Text::Message, &long) {
        let Kind::Text { len, bytes, .. } = kind else { panic!("{kind:?}") };
        joined.extend_from_slice(&bytes[..usize::from(len)]);
    }
    assert_eq!(joined, long);
    assert_eq!(text(Text::Symbol, b"").count(), 0);
    // A length that a file makes up is cut to what there is.
    let mut words =
        Event { time_ns: 0, core: 0, partition: 0, kind: text(Text::Symbol, b"x").next().unwrap() }.encode();
    words[0] |= 0xff << 48;
    let Kind::Text { len, .. } = Event::decode(&words).kind else { panic!() };
    assert_eq!(usize::from(len), TEXT);
}
