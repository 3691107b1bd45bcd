//! The error handler and the partition's table.

use super::super::*;
use super::world::ORIGIN;
use super::{Sim, attributes, sim};

/// A partition with an error handler and two processes, the first of which runs.
fn handled() -> (Sim, [Id; 2]) {
    let mut sim = sim();
    sim.create_error_handler(1, 1024).unwrap();
    let ids = sim.started([7, 5]);
    sim.normal();
    (sim, ids)
}

fn raise(sim: &mut Sim) -> Reply {
    sim.raise_application_error(Ok(ErrorCode::ApplicationError), 3, |message| message.copy_from_slice(b"oh!"))
}

fn fault(sim: &mut Sim, code: ErrorCode) {
    sim.fault(ErrorRecord { code, ..ErrorRecord::default() });
}

#[test]
fn the_handler_comes_first_and_is_told() {
    let (mut sim, [a, _]) = handled();
    sim.lock_preemption().1.unwrap();
    raise(&mut sim).unwrap();
    assert_eq!(sim.go(), 0);
    assert_eq!(sim.state(a), State::Faulted);
    assert_eq!(sim.suspend(a), Err(Code::InvalidMode));
    let error = sim.error_status().unwrap();
    assert_eq!((error.code, error.process), (ErrorCode::ApplicationError, a));
    assert_eq!(&error.message[..error.length as usize], b"oh!");
    assert_eq!(sim.error_status(), Err(Code::NoAction));
    assert_eq!(sim.timed_wait(1), Err(Code::InvalidMode));
    assert_eq!(sim.my_id(), Err(Code::InvalidMode));
    sim.stop_self();
    assert_eq!(sim.go(), a);
    assert_eq!(sim.error_status(), Err(Code::InvalidConfig));
    assert!(sim.env.partition_errors.is_empty());
}

#[test]
fn a_faulted_process_does_not_run_until_it_is_started_again() {
    let (mut sim, [a, b]) = handled();
    fault(&mut sim, ErrorCode::NumericError);
    assert_eq!(sim.go(), 0);
    assert_eq!(sim.error_status().unwrap().process, a);
    sim.stop_self();
    assert_eq!((sim.go(), sim.state(a)), (b, State::Faulted));
    assert_eq!(sim.start(a), Err(Code::NoAction));
    sim.stop(a).unwrap();
    sim.start(a).unwrap();
    assert_eq!(sim.go(), a);
}

#[test]
fn errors_queue_and_an_unread_one_is_the_partitions() {
    let mut sim = sim();
    sim.create_error_handler(1, 1024).unwrap();
    let hard = |name| Attributes { time_capacity: 100, deadline: Deadline::Hard, ..attributes(name, 5) };
    let (a, b) = (sim.create(hard("a")), sim.create(hard("b")));
    sim.start(a).unwrap();
    sim.start(b).unwrap();
    sim.normal();
    assert_eq!(sim.pass(ORIGIN + 100), 0);
    assert_eq!(sim.error_status().unwrap().process, a);
    // It ends with one left: it starts again for that.
    sim.stop_self();
    assert!(sim.is_fresh(0));
    assert_eq!(sim.go(), 0);
    // And ends without having asked.
    sim.stop_self();
    assert_eq!(sim.env.partition_errors.len(), 1);
    assert_eq!(sim.env.partition_errors[0].process, b);
    assert_eq!(sim.go(), a);
    // Each miss is told once.
    assert_eq!(sim.next_event(), NO_EVENT);
    assert_eq!(sim.process_status(a).unwrap().deadline_time, INFINITE);
}

#[test]
fn without_a_handler_and_within_it_errors_are_the_partitions() {
    let mut sim = sim();
    let [a, b] = sim.started([7, 5]);
    raise(&mut sim).unwrap();
    assert_eq!(sim.env.partition_errors.len(), 1, "from the main process");
    sim.normal();
    raise(&mut sim).unwrap();
    assert_eq!(sim.env.partition_errors.len(), 2);
    fault(&mut sim, ErrorCode::MemoryViolation);
    assert_eq!(sim.env.partition_errors[2].process, a);
    // The table said to ignore it: the others go on.
    assert_eq!(sim.go(), b);

    let (mut sim, [a, _]) = handled();
    raise(&mut sim).unwrap();
    sim.go();
    sim.error_status().unwrap();
    raise(&mut sim).unwrap();
    assert_eq!(sim.env.partition_errors.len(), 1, "from the handler");
    fault(&mut sim, ErrorCode::NumericError);
    assert_eq!(sim.env.partition_errors.len(), 2);
    assert_eq!(sim.go(), a);

    let (mut sim, _) = handled();
    sim.env.handled = false;
    raise(&mut sim).unwrap();
    assert_eq!(sim.env.partition_errors.len(), 1, "not for the handler, says the table");
}

#[test]
fn a_soft_deadline_is_only_noted_where_nobody_handles_it() {
    for (deadline, noted, partition) in [(Deadline::Soft, 1, 0), (Deadline::Hard, 0, 1)] {
        let mut sim = sim();
        let id = sim.create(Attributes { time_capacity: 100, deadline, ..attributes("a", 5) });
        sim.start(id).unwrap();
        sim.normal();
        assert_eq!(sim.pass(ORIGIN + 99), id);
        assert!(sim.env.noted.is_empty() && sim.env.partition_errors.is_empty());
        assert_eq!(sim.pass(ORIGIN + 100), id);
        assert_eq!((sim.env.noted.len(), sim.env.partition_errors.len()), (noted, partition), "{deadline:?}");
    }
}

#[test]
fn services_of_the_handler_check_in_order() {
    let mut sim = sim();
    assert_eq!(sim.configure_error_handler(2, 0), Err(Code::InvalidParam));
    assert_eq!(sim.configure_error_handler(0, 0), Err(Code::InvalidConfig));
    assert_eq!(sim.create_error_handler(1, 5000), Err(Code::InvalidConfig));
    sim.create_error_handler(1, 1024).unwrap();
    assert_eq!(sim.create_error_handler(1, 1024), Err(Code::NoAction));
    assert_eq!(sim.configure_error_handler(1, 7), Err(Code::InvalidConfig));
    sim.configure_error_handler(1, -1).unwrap();
    sim.normal();
    assert_eq!(sim.configure_error_handler(0, 0), Err(Code::InvalidMode));
    let nothing = |_: &mut [u8]| ();
    assert_eq!(sim.raise_application_error(Ok(ErrorCode::NumericError), 1, nothing), Err(Code::InvalidParam));
    assert_eq!(sim.raise_application_error(Ok(ErrorCode::ApplicationError), 129, nothing), Err(Code::InvalidParam));
    assert_eq!(sim.raise_application_error(Ok(ErrorCode::ApplicationError), -1, nothing), Err(Code::InvalidParam));
}
