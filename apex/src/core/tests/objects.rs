//! Semaphores, events, buffers, blackboards, mutexes.

use super::super::*;
use super::sim;
use super::world::ORIGIN;

const FIFO: Reply<Discipline> = Ok(Discipline::Fifo);

#[test]
fn a_signal_with_waiters_leaves_the_value() {
    let mut sim = sim();
    let id = sim.create_semaphore(Name::new(b"s"), 0, 2, FIFO).unwrap();
    let [first, second, low] = sim.started([7, 6, 5]);
    sim.normal();
    sim.wait_semaphore(id, -1).unwrap();
    assert_eq!(sim.go(), second);
    sim.wait_semaphore(id, -1).unwrap();
    assert_eq!(sim.go(), low);
    assert_eq!(sim.semaphore_status(id).unwrap(), SemaphoreStatus { value: 0, maximum: 2, waiting: 2 });
    sim.signal_semaphore(id).unwrap();
    assert_eq!(sim.semaphore_status(id).unwrap(), SemaphoreStatus { value: 0, maximum: 2, waiting: 1 });
    assert_eq!(sim.go(), first);
    sim.signal_semaphore(id).unwrap();
    for _ in 0..2 {
        sim.signal_semaphore(id).unwrap();
    }
    assert_eq!(sim.signal_semaphore(id), Err(Code::NoAction));
}

#[test]
fn disciplines_order_processes_and_change_with_priorities() {
    for (discipline, expected) in [(Discipline::Fifo, [1, 2, 3]), (Discipline::Priority, [2, 3, 1])] {
        let mut sim = sim();
        let id = sim.create_semaphore(Name::new(b"s"), 0, 3, Ok(discipline)).unwrap();
        let [a, b, c, low] = sim.started([8, 8, 8, 1]);
        sim.normal();
        for process in [a, b, c] {
            assert_eq!(sim.go(), process);
            sim.wait_semaphore(id, -1).unwrap();
        }
        assert_eq!(sim.go(), low);
        sim.set_priority(a, 7).unwrap();
        let order = [(); 3].map(|()| {
            sim.signal_semaphore(id).unwrap();
            let granted = sim.go();
            sim.stop_self();
            sim.go();
            granted
        });
        assert_eq!(order, expected, "{discipline:?}");
    }
}

#[test]
fn a_poll_comes_before_the_mode() {
    let mut sim = sim();
    let semaphore = sim.create_semaphore(Name::new(b"s"), 0, 1, FIFO).unwrap();
    let mutex = sim.create_mutex(Name::new(b"m"), 9, FIFO).unwrap();
    // The main process may poll, but not wait.
    assert_eq!(sim.wait_semaphore(semaphore, 0), Err(Code::NotAvailable));
    assert_eq!(sim.wait_semaphore(semaphore, 1), Err(Code::InvalidMode));
    sim.started([5]);
    sim.normal();
    sim.acquire_mutex(mutex, 0).unwrap();
    assert_eq!(sim.wait_semaphore(semaphore, 0), Err(Code::NotAvailable));
    assert_eq!(sim.wait_semaphore(semaphore, -1), Err(Code::InvalidMode));
    assert_eq!(sim.wait_semaphore(9, 0), Err(Code::InvalidParam));
}

#[test]
fn an_event_releases_everybody() {
    let mut sim = sim();
    let id = sim.create_event(Name::new(b"e")).unwrap();
    let [a, b, low] = sim.started([7, 6, 5]);
    sim.normal();
    sim.wait_event(id, -1).unwrap();
    sim.go();
    sim.wait_event(id, 100).unwrap();
    assert_eq!(sim.go(), low);
    sim.set_event(id).unwrap();
    assert_eq!((sim.state(a), sim.state(b)), (State::Ready, State::Ready));
    assert_eq!(sim.next_event(), NO_EVENT);
    assert_eq!(sim.event_status(id).unwrap(), EventStatus { up: true, waiting: 0 });
    assert_eq!(sim.wait_event(id, 0), Ok(Flow::Done(())));
    sim.reset_event(id).unwrap();
    assert_eq!(sim.wait_event(id, 0), Err(Code::NotAvailable));
}

#[test]
fn a_buffer_hands_over_directly_and_lets_senders_in() {
    let mut sim = sim();
    let id = sim.create_buffer(Name::new(b"b"), 4, 1, FIFO).unwrap();
    let [receiver, sender, low] = sim.started([7, 6, 5]);
    sim.normal();
    sim.env.memory[..12].copy_from_slice(b"one.two.six.");
    assert_eq!(sim.receive_buffer(id, -1, 100), Ok(Flow::Blocked));
    assert_eq!(sim.go(), sender);
    assert_eq!(sim.send_buffer(id, 0, 5, -1), Err(Code::InvalidParam));
    assert_eq!(sim.send_buffer(id, 0, 0, -1), Err(Code::InvalidParam));
    // Straight to the receiver: the buffer stays empty.
    assert_eq!(sim.send_buffer(id, 0, 3, -1), Ok(Flow::Done(())));
    assert_eq!(sim.buffer_status(id).unwrap().count, 0);
    assert_eq!(sim.go(), receiver);
    assert_eq!((sim.outcome(), &sim.env.memory[100..103]), ((Ok(()), 3), &b"one"[..]));
    sim.timed_wait(50).unwrap();
    assert_eq!(sim.go(), sender);
    sim.send_buffer(id, 4, 3, -1).unwrap();
    assert_eq!(sim.send_buffer(id, 8, 3, -1), Ok(Flow::Blocked));
    assert_eq!(sim.go(), low);
    let full = BufferStatus { count: 1, max_count: 1, max_message: 4, waiting: 1 };
    assert_eq!(sim.buffer_status(id).unwrap(), full);
    // The oldest comes out, the waiting sender's moves in.
    assert_eq!(sim.receive_buffer(id, 0, 100), Ok(Flow::Done(3)));
    assert_eq!(&sim.env.memory[100..103], b"two");
    assert_eq!(sim.buffer_status(id).unwrap(), BufferStatus { waiting: 0, ..full });
    assert_eq!(sim.go(), sender);
    assert_eq!(sim.receive_buffer(id, 0, 100), Ok(Flow::Done(3)));
    assert_eq!(&sim.env.memory[100..103], b"six");
    assert_eq!(sim.receive_buffer(id, 0, 100), Err(Code::NotAvailable));
}

#[test]
fn a_buffer_keeps_order_around_its_end() {
    let mut sim = sim();
    let id = sim.create_buffer(Name::new(b"b"), 1, 3, FIFO).unwrap();
    let mut next = 0;
    for round in 0..20u8 {
        sim.env.memory[0] = round;
        sim.send_buffer(id, 0, 1, 0).unwrap();
        if round % 3 != 0 || sim.buffer_status(id).unwrap().count == 3 {
            sim.receive_buffer(id, 0, 10).unwrap();
            assert_eq!(sim.env.memory[10], next);
            next += 1;
        }
    }
    assert!(next > 15);
}

#[test]
fn a_blackboard_shows_until_it_is_cleared() {
    let mut sim = sim();
    let id = sim.create_blackboard(Name::new(b"b"), 4).unwrap();
    let [a, b, low] = sim.started([7, 6, 5]);
    sim.normal();
    sim.read_blackboard(id, -1, 100).unwrap();
    sim.go();
    sim.read_blackboard(id, -1, 110).unwrap();
    assert_eq!(sim.go(), low);
    sim.env.memory[..3].copy_from_slice(b"new");
    assert_eq!(sim.display_blackboard(id, 0, 5), Err(Code::InvalidParam));
    sim.display_blackboard(id, 0, 3).unwrap();
    assert_eq!((sim.state(a), sim.state(b)), (State::Ready, State::Ready));
    assert_eq!((&sim.env.memory[100..103], &sim.env.memory[110..113]), (&b"new"[..], &b"new"[..]));
    assert_eq!(sim.read_blackboard(id, 0, 120), Ok(Flow::Done(3)));
    sim.clear_blackboard(id).unwrap();
    assert_eq!(sim.read_blackboard(id, 0, 120), Err(Code::NotAvailable));
}

#[test]
fn a_mutex_lifts_its_owner_to_the_ceiling_and_back() {
    let mut sim = sim();
    let id = sim.create_mutex(Name::new(b"m"), 8, FIFO).unwrap();
    let other = sim.create_mutex(Name::new(b"n"), 8, FIFO).unwrap();
    let [low, middle, high] = sim.started([3, 5, 9]);
    sim.normal();
    assert_eq!(sim.acquire_mutex(id, -1), Err(Code::InvalidMode), "above the ceiling");
    sim.timed_wait(10).unwrap();
    assert_eq!(sim.go(), middle);
    sim.timed_wait(20).unwrap();
    assert_eq!(sim.go(), low);
    sim.acquire_mutex(id, -1).unwrap();
    assert_eq!(sim.acquire_mutex(other, -1), Err(Code::InvalidMode));
    assert_eq!(sim.process_mutex_state(low), Ok(id));
    assert_eq!(sim.pass(ORIGIN + 10), high);
    sim.suspend_self(-1).unwrap();
    // The owner goes on before the middle one, at the ceiling.
    assert_eq!(sim.pass(ORIGIN + 20), low);
    sim.set_priority(low, 4).unwrap();
    assert_eq!(sim.process_status(low).unwrap().current_priority, 8);
    sim.acquire_mutex(id, 0).unwrap();
    sim.release_mutex(id).unwrap();
    assert_eq!(sim.go(), low);
    sim.release_mutex(id).unwrap();
    assert_eq!(sim.process_status(low).unwrap().current_priority, 4);
    assert_eq!(sim.go(), middle);
    assert_eq!(sim.release_mutex(id), Err(Code::InvalidMode));
}

#[test]
fn a_stopped_or_reset_owner_passes_the_mutex_on() {
    let mut sim = sim();
    let id = sim.create_mutex(Name::new(b"m"), 8, FIFO).unwrap();
    let [owner, next, low] = sim.started([6, 5, 4]);
    sim.normal();
    sim.acquire_mutex(id, -1).unwrap();
    // Another process that waits for it, although the owner is above: the owner is stopped in its wait.
    sim.release_mutex(id).unwrap();
    sim.timed_wait(50).unwrap();
    assert_eq!(sim.go(), next);
    sim.acquire_mutex(id, -1).unwrap();
    assert_eq!(sim.pass(ORIGIN + 50), next);
    assert_eq!(sim.reset_mutex(id, owner), Err(Code::InvalidMode));
    sim.reset_mutex(id, next).unwrap();
    assert_eq!(sim.mutex_status(id).unwrap().owner, 0);
    assert_eq!(sim.go(), owner);
    sim.acquire_mutex(id, -1).unwrap();
    sim.stop_self();
    assert_eq!(sim.mutex_status(id).unwrap().owner, 0);
    assert_eq!(sim.go(), next);
    sim.stop_self();
    assert_eq!(sim.go(), low);
}

#[test]
fn messages_do_not_outgrow_their_memory() {
    let mut sim = sim();
    assert_eq!(sim.create_buffer(Name::new(b"b"), 100, 100, FIFO), Err(Code::InvalidConfig));
    assert_eq!(sim.create_buffer(Name::new(b"b"), 0, 1, FIFO), Err(Code::InvalidParam));
    assert_eq!(sim.create_buffer(Name::new(b"b"), 1, MAX_MESSAGES as i32 + 1, FIFO), Err(Code::InvalidParam));
    let id = sim.create_buffer(Name::new(b"b"), 5, 2, FIFO).unwrap();
    assert_eq!(sim.create_buffer(Name::new(b"b"), 5, 2, FIFO), Err(Code::NoAction));
    assert_eq!(sim.buffer_id(&Name::new(b"b")), Ok(id));
    assert_eq!(sim.buffer_id(&Name::new(b"c")), Err(Code::InvalidConfig));
    sim.create_buffer(Name::new(b"c"), 5, 2, FIFO).unwrap();
    assert_eq!(sim.create_buffer(Name::new(b"d"), 5, 2, FIFO), Err(Code::InvalidConfig));
}
