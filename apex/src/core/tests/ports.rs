//! Sampling and queuing ports, on a world of lists.

use super::super::*;
use super::sim;
use super::world::ORIGIN;

const FIFO: Reply<Discipline> = Ok(Discipline::Fifo);
const IN: Reply<Direction> = Ok(Direction::Destination);
const OUT: Reply<Direction> = Ok(Direction::Source);

#[test]
fn creation_compares_with_the_configuration() {
    let mut sim = sim();
    let (input, output) = (Name::new(b"si"), Name::new(b"so"));
    assert_eq!(sim.create_sampling_port(Name::new(b"xx"), 8, IN, 50), Err(Code::InvalidConfig));
    assert_eq!(sim.create_sampling_port(input, 9, IN, 50), Err(Code::InvalidConfig));
    assert_eq!(sim.create_sampling_port(input, 8, OUT, 50), Err(Code::InvalidConfig));
    assert_eq!(sim.create_sampling_port(input, 8, IN, 51), Err(Code::InvalidConfig));
    let id = sim.create_sampling_port(input, 8, IN, 50).unwrap();
    assert_eq!(sim.create_sampling_port(input, 8, IN, 50), Err(Code::NoAction));
    // A source's refresh period is anything.
    sim.create_sampling_port(output, 8, OUT, 1).unwrap();
    assert_eq!(sim.sampling_port_id(&input), Ok(id));
    assert_eq!(sim.create_queuing_port(Name::new(b"qi"), 8, 3, IN, FIFO), Err(Code::InvalidConfig));
    assert_eq!(sim.create_queuing_port(Name::new(b"qi"), 8, 2, IN, Err(Code::InvalidParam)), Err(Code::InvalidParam));
    sim.normal();
    assert_eq!(sim.create_queuing_port(Name::new(b"qi"), 8, 2, IN, FIFO), Err(Code::InvalidMode));
}

#[test]
fn a_stale_sample_is_read_all_the_same() {
    let mut sim = sim();
    let input = sim.create_sampling_port(Name::new(b"si"), 8, IN, 50).unwrap();
    let output = sim.create_sampling_port(Name::new(b"so"), 8, OUT, 50).unwrap();
    assert_eq!(sim.read_sampling(input, 100), Err(Code::NoAction));
    assert_eq!(sim.read_sampling(output, 100), Err(Code::InvalidMode));
    assert_eq!(sim.write_sampling(input, 0, 1), Err(Code::InvalidMode));
    assert_eq!(sim.write_sampling(output, 0, 0), Err(Code::InvalidParam));
    assert_eq!(sim.write_sampling(output, 0, 9), Err(Code::InvalidConfig));
    sim.env.memory[0] = 7;
    sim.write_sampling(output, 0, 1).unwrap();
    assert_eq!(sim.read_updated_sampling(input, 100), Ok((1, Updated::New)));
    assert_eq!(sim.env.memory[100], 7);
    assert_eq!(sim.read_updated_sampling(input, 100), Ok((0, Updated::Consumed)));
    sim.env.now = ORIGIN + 50;
    assert_eq!(sim.read_sampling(input, 100), Ok((1, true)));
    sim.env.now = ORIGIN + 51;
    assert!(sim.sampling_status(input).unwrap().last_valid);
    assert_eq!(sim.read_sampling(input, 100), Ok((1, false)));
    assert!(!sim.sampling_status(input).unwrap().last_valid);
    assert_eq!(sim.read_sampling_conditional(input, ORIGIN, 100), Err(Code::NoAction));
    assert_eq!(sim.read_sampling_conditional(input, ORIGIN - 1, 100), Ok((1, ORIGIN)));
}

#[test]
fn receivers_are_served_in_turn_when_messages_come() {
    let mut sim = sim();
    let id = sim.create_queuing_port(Name::new(b"qi"), 8, 2, IN, FIFO).unwrap();
    let [first, second, low] = sim.started([7, 6, 5]);
    sim.normal();
    assert_eq!(sim.receive_queuing(id, 0, 100), Err(Code::NotAvailable));
    sim.receive_queuing(id, -1, 100).unwrap();
    sim.go();
    sim.receive_queuing(id, 40, 110).unwrap();
    assert_eq!(sim.go(), low);
    sim.env.queue.push_back(b"x".to_vec());
    sim.ports_changed();
    assert_eq!(sim.go(), first);
    assert_eq!((sim.outcome(), sim.env.memory[100]), ((Ok(()), 1), b'x'));
    assert_eq!(sim.pass(ORIGIN + 40), first);
    sim.stop_self();
    assert_eq!(sim.go(), second);
    assert_eq!(sim.outcome(), (Err(Code::TimedOut), 0));
    assert_eq!(sim.send_queuing(id, 0, 1, 0), Err(Code::InvalidMode));
    sim.env.overflowed = true;
    assert!(sim.queuing_overflowed(id) && !sim.queuing_overflowed(id));
}

#[test]
fn nobody_overtakes_a_sender_that_waits() {
    let mut sim = sim();
    let id = sim.create_queuing_port(Name::new(b"qo"), 8, 2, OUT, FIFO).unwrap();
    let [waiting, other] = sim.started([7, 6]);
    sim.normal();
    sim.env.memory[..4].copy_from_slice(b"1234");
    sim.send_queuing(id, 0, 1, 0).unwrap();
    sim.send_queuing(id, 1, 1, 0).unwrap();
    assert_eq!(sim.send_queuing(id, 2, 1, 0), Err(Code::NotAvailable));
    assert_eq!(sim.send_queuing(id, 2, 9, 0), Err(Code::InvalidConfig));
    assert_eq!(sim.send_queuing(id, 2, 1, -1), Ok(Flow::Blocked));
    assert_eq!(sim.go(), other);
    // Room has come, but the news has not.
    sim.env.queue.pop_front();
    assert_eq!(sim.send_queuing(id, 3, 1, 0), Err(Code::NotAvailable));
    sim.ports_changed();
    assert_eq!(sim.go(), waiting);
    assert_eq!(sim.env.queue, [b"2".to_vec(), b"3".to_vec()]);
    assert_eq!(sim.queuing_status(id).unwrap().waiting, 0);
    assert_eq!(sim.clear_queuing_port(id), Err(Code::InvalidMode));
}
