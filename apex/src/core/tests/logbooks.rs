//! Logbooks, and that a warm start keeps them.

use super::super::*;
use super::{Sim, sim};

fn write(sim: &mut Sim, id: Id, text: &[u8]) -> Reply {
    sim.env.memory[..text.len()].copy_from_slice(text);
    sim.write_logbook(id, 0, text.len() as i32)
}

fn read(sim: &mut Sim, id: Id, entry: i32) -> Reply<std::vec::Vec<u8>> {
    let length = sim.read_logbook(id, entry, 100)? as usize;
    Ok(sim.env.memory[100..100 + length].to_vec())
}

#[test]
fn the_newest_are_kept_and_numbered_backwards() {
    let mut sim = sim();
    assert_eq!(sim.create_logbook(Name::new(b"log"), 0, 3, 1), Err(Code::InvalidConfig));
    let id = sim.create_logbook(Name::new(b"log"), 4, 3, 1).unwrap();
    assert_eq!(sim.create_logbook(Name::new(b"log"), 4, 3, 1), Err(Code::NoAction));
    assert_eq!(read(&mut sim, id, 1), Err(Code::NotAvailable));
    assert_eq!(sim.overwrite_logbook(id, 0, 1), Err(Code::NotAvailable));
    for text in [b"one", &b"two"[..], b"3", b"four"] {
        write(&mut sim, id, text).unwrap();
    }
    assert_eq!(write(&mut sim, id, b"five!"), Err(Code::InvalidConfig));
    assert_eq!(write(&mut sim, id, b""), Err(Code::InvalidParam));
    assert_eq!(read(&mut sim, id, 1).unwrap(), b"four");
    assert_eq!(read(&mut sim, id, 2).unwrap(), b"3");
    assert_eq!(read(&mut sim, id, 3).unwrap(), b"two");
    assert_eq!(read(&mut sim, id, 4), Err(Code::InvalidParam));
    sim.env.memory[0] = b'4';
    sim.overwrite_logbook(id, 0, 1).unwrap();
    assert_eq!(read(&mut sim, id, 1).unwrap(), b"4");
    assert_eq!(sim.logbook_status(id).unwrap().logged, 3);
    sim.clear_logbook(id).unwrap();
    assert_eq!(sim.logbook_status(id).unwrap().logged, 0);
    write(&mut sim, id, b"new").unwrap();
    assert_eq!(read(&mut sim, id, 1).unwrap(), b"new");
    assert_eq!(read(&mut sim, id, 2), Err(Code::InvalidParam));
}

#[test]
fn a_warm_start_finds_the_messages_and_a_cold_one_does_not() {
    let mut before = sim();
    let id = before.create_logbook(Name::new(b"log"), 4, 3, 1).unwrap();
    write(&mut before, id, b"old").unwrap();
    for (mode, name, expected) in [
        (Mode::WarmStart, &b"log"[..], Ok(b"old".to_vec())),
        (Mode::WarmStart, b"other", Err(Code::NotAvailable)),
        (Mode::ColdStart, b"log", Err(Code::NotAvailable)),
    ] {
        let mut after = Sim::starting(mode);
        after.env.memory.clone_from(&before.env.memory);
        let id = after.create_logbook(Name::new(name), 4, 3, 1).unwrap();
        assert_eq!(read(&mut after, id, 1), expected, "{mode:?}");
    }
}
