//! Processes, time and scheduling.

use super::super::*;
use super::world::{ORIGIN, PERIOD};
use super::{attributes, sim};

#[test]
fn creation_checks_in_the_order_of_the_binding() {
    let mut sim = sim();
    let create = |sim: &mut super::Sim, attributes| sim.create_process(attributes, Ok(Deadline::Soft));
    let good = attributes("a", 1);
    assert_eq!(create(&mut sim, Attributes { stack_size: 0, ..good }), Err(Code::InvalidParam));
    assert_eq!(create(&mut sim, Attributes { stack_size: 4097, ..good }), Err(Code::InvalidConfig));
    assert_eq!(create(&mut sim, Attributes { base_priority: 0, ..good }), Err(Code::InvalidParam));
    assert_eq!(create(&mut sim, Attributes { base_priority: 240, ..good }), Err(Code::InvalidParam));
    assert_eq!(create(&mut sim, Attributes { period: 0, ..good }), Err(Code::InvalidParam));
    assert_eq!(create(&mut sim, Attributes { period: PERIOD + 1, ..good }), Err(Code::InvalidConfig));
    assert_eq!(create(&mut sim, Attributes { time_capacity: 0, ..good }), Err(Code::InvalidParam));
    let too_long = Attributes { period: PERIOD, time_capacity: PERIOD + 1, ..good };
    assert_eq!(create(&mut sim, too_long), Err(Code::InvalidParam));
    assert_eq!(sim.create_process(good, Err(Code::InvalidParam)), Err(Code::InvalidParam));
    assert_eq!(create(&mut sim, good), Ok(1));
    // The name counts before the parameters, the limit before the name, and all before the mode.
    assert_eq!(create(&mut sim, Attributes { base_priority: 0, ..good }), Err(Code::NoAction));
    for name in ["b", "c", "d", "e", "f", "g"] {
        sim.create(attributes(name, 1));
    }
    sim.normal();
    assert_eq!(create(&mut sim, attributes("h", 1)), Err(Code::InvalidMode));
    assert_eq!(create(&mut sim, good), Err(Code::NoAction));
}

#[test]
fn equal_priorities_run_first_in_first_out_and_the_highest_first() {
    let mut sim = sim();
    let [a, b, high] = sim.started([5, 5, 9]);
    sim.normal();
    assert_eq!(sim.running(), Some(high as u16));
    sim.suspend_self(-1).unwrap();
    assert_eq!(sim.go(), a);
    // Trap 9: yields behind its equals.
    assert_eq!(sim.timed_wait(0), Ok(Flow::Blocked));
    assert_eq!(sim.go(), b);
    // A preempted process keeps its place.
    sim.resume(high).unwrap();
    assert_eq!(sim.go(), high);
    sim.stop_self();
    assert_eq!(sim.go(), b);
    sim.timed_wait(0).unwrap();
    assert_eq!(sim.go(), a);
}

#[test]
fn a_start_before_normal_waits_for_normal_or_the_next_period() {
    let mut sim = sim();
    let aperiodic = sim.create(attributes("a", 5));
    let periodic = sim.create(Attributes { period: 2 * PERIOD, time_capacity: 300, ..attributes("p", 6) });
    sim.start(aperiodic).unwrap();
    sim.delayed_start(periodic, 10).unwrap();
    assert_eq!((sim.state(aperiodic), sim.state(periodic)), (State::Waiting, State::Waiting));
    sim.env.now = ORIGIN + 1;
    sim.normal();
    assert_eq!(sim.state(aperiodic), State::Running);
    assert_eq!(sim.state(periodic), State::Waiting);
    assert_eq!(sim.next_event(), ORIGIN + PERIOD + 10);
    assert_eq!(sim.process_status(periodic).unwrap().deadline_time, ORIGIN + PERIOD + 310);
    assert_eq!(sim.pass(ORIGIN + PERIOD + 10), periodic);
}

#[test]
fn releases_do_not_drift_and_deadlines_follow_them() {
    let mut sim = sim();
    let id = sim.create(Attributes { period: PERIOD, time_capacity: 400, ..attributes("p", 6) });
    sim.start(id).unwrap();
    sim.normal();
    for round in 1..=3 {
        let release = ORIGIN + round * PERIOD;
        // It is woken late, and takes its time.
        assert_eq!(sim.pass(release + 7 * round), id);
        assert_eq!(sim.process_status(id).unwrap().deadline_time, release + 400);
        sim.periodic_wait().unwrap();
        assert_eq!(sim.next_event(), release + PERIOD);
        assert_eq!(sim.go(), -1);
    }
    // Too late for the next release: that is at once.
    sim.pass(ORIGIN + 4 * PERIOD);
    sim.replenish(-1).unwrap_err();
    sim.env.now = ORIGIN + 5 * PERIOD + 50;
    sim.periodic_wait().unwrap();
    assert_eq!(sim.go(), id);
    assert_eq!(sim.ended(), Ok(()));
    assert_eq!(sim.process_status(id).unwrap().deadline_time, ORIGIN + 5 * PERIOD + 400);
}

#[test]
fn a_budget_counts_from_now_and_ends_with_the_period() {
    let mut sim = sim();
    let id = sim.create(Attributes { period: PERIOD, time_capacity: 400, ..attributes("p", 6) });
    sim.start(id).unwrap();
    assert_eq!(sim.replenish(1), Err(Code::NoAction));
    sim.normal();
    let release = ORIGIN + PERIOD;
    sim.pass(release + 5);
    assert_eq!(sim.replenish(600), Ok(()));
    assert_eq!(sim.process_status(id).unwrap().deadline_time, release + 605);
    assert_eq!(sim.replenish(995), Ok(()));
    assert_eq!(sim.replenish(996), Err(Code::InvalidMode));
    assert_eq!(sim.replenish(-1), Err(Code::InvalidMode));
}

#[test]
fn a_suspended_process_that_waits_goes_on_waiting() {
    let mut sim = sim();
    let semaphore = sim.create_semaphore(Name::new(b"s"), 0, 1, Ok(Discipline::Fifo)).unwrap();
    let [waiting, other] = sim.started([9, 5]);
    sim.normal();
    sim.wait_semaphore(semaphore, -1).unwrap();
    assert_eq!(sim.go(), other);
    sim.suspend(waiting).unwrap();
    assert_eq!(sim.suspend(waiting), Err(Code::NoAction));
    // Resumed before its turn: still waiting.
    sim.resume(waiting).unwrap();
    assert_eq!(sim.state(waiting), State::Waiting);
    // Its turn comes while it is suspended: not ready before it is resumed.
    sim.suspend(waiting).unwrap();
    sim.signal_semaphore(semaphore).unwrap();
    assert_eq!(sim.semaphore_status(semaphore).unwrap().waiting, 0);
    assert_eq!((sim.go(), sim.state(waiting)), (other, State::Waiting));
    sim.resume(waiting).unwrap();
    assert_eq!(sim.go(), waiting);
    assert_eq!(sim.ended(), Ok(()));
}

#[test]
fn a_time_out_while_suspended_does_not_make_ready() {
    let mut sim = sim();
    let event = sim.create_event(Name::new(b"e")).unwrap();
    let [waiting, other] = sim.started([9, 5]);
    sim.normal();
    sim.wait_event(event, 50).unwrap();
    sim.go();
    sim.suspend(waiting).unwrap();
    assert_eq!(sim.pass(ORIGIN + 60), other);
    assert_eq!(sim.state(waiting), State::Waiting);
    sim.resume(waiting).unwrap();
    assert_eq!(sim.go(), waiting);
    assert_eq!(sim.ended(), Err(Code::TimedOut));
}

#[test]
fn suspend_self_ends_by_resume_or_time_out() {
    let mut sim = sim();
    let [own, other] = sim.started([9, 5]);
    sim.normal();
    sim.suspend_self(40).unwrap();
    sim.go();
    assert_eq!(sim.pass(ORIGIN + 40), own);
    assert_eq!(sim.ended(), Err(Code::TimedOut));
    sim.suspend_self(40).unwrap();
    assert_eq!(sim.go(), other);
    assert_eq!(sim.resume(other), Err(Code::InvalidParam));
    sim.resume(own).unwrap();
    assert_eq!(sim.resume(own), Err(Code::NoAction));
    assert_eq!(sim.go(), own);
    assert_eq!(sim.ended(), Ok(()));
    assert_eq!(sim.next_event(), NO_EVENT);
}

#[test]
fn the_lock_bars_others_and_blocking_and_ends_with_its_owner() {
    let mut sim = sim();
    let [low, high] = sim.started([5, 9]);
    assert_eq!(sim.lock_preemption(), (0, Err(Code::NoAction)));
    sim.normal();
    sim.timed_wait(50).unwrap();
    assert_eq!(sim.go(), low);
    for level in 1..=MAX_LOCK_LEVEL {
        assert_eq!(sim.lock_preemption(), (level, Ok(())));
    }
    assert_eq!(sim.lock_preemption(), (MAX_LOCK_LEVEL, Err(Code::InvalidConfig)));
    assert_eq!(sim.process_mutex_state(low), Ok(PREEMPTION_LOCK_MUTEX));
    assert_eq!(sim.pass(ORIGIN + 50), low);
    assert_eq!(sim.state(high), State::Ready);
    assert_eq!(sim.timed_wait(1), Err(Code::InvalidMode));
    assert_eq!(sim.suspend_self(1), Err(Code::InvalidMode));
    sim.stop_self();
    assert_eq!(sim.go(), high);
    assert_eq!(sim.lock_level(), 0);
    assert_eq!(sim.unlock_preemption(), (0, Err(Code::NoAction)));
}

#[test]
fn a_stop_takes_a_process_out_of_everything() {
    let mut sim = sim();
    let event = sim.create_event(Name::new(b"e")).unwrap();
    let waiting = sim.create(Attributes { time_capacity: 500, ..attributes("w", 9) });
    sim.start(waiting).unwrap();
    let [other] = sim.started([5]);
    sim.normal();
    sim.wait_event(event, 100).unwrap();
    assert_eq!(sim.go(), other);
    sim.stop(waiting).unwrap();
    assert_eq!(sim.stop(waiting), Err(Code::NoAction));
    assert_eq!(sim.event_status(event).unwrap().waiting, 0);
    assert_eq!(sim.next_event(), NO_EVENT);
    assert_eq!(sim.set_priority(waiting, 3), Err(Code::InvalidMode));
    // It starts afresh, with its base priority.
    sim.start(waiting).unwrap();
    assert!(sim.is_fresh(waiting as u16));
    assert_eq!(sim.go(), waiting);
    assert!(!sim.is_fresh(waiting as u16));
}

#[test]
fn a_changed_priority_goes_behind_its_new_equals() {
    let mut sim = sim();
    let [a, b, c] = sim.started([5, 5, 4]);
    sim.normal();
    assert_eq!(sim.go(), a);
    sim.set_priority(c, 5).unwrap();
    assert_eq!(sim.go(), a);
    sim.set_priority(a, 5).unwrap();
    assert_eq!(sim.go(), b);
    sim.stop_self();
    assert_eq!(sim.go(), c);
    assert_eq!(sim.set_priority(c, 240), Err(Code::InvalidParam));
}

#[test]
fn modes_change_as_they_may() {
    let mut sim = sim();
    assert_eq!(sim.set_mode(Err(Code::InvalidParam)), Err(Code::InvalidParam));
    assert_eq!(sim.set_mode(Ok(Mode::WarmStart)), Err(Code::InvalidMode));
    assert_eq!(sim.env.left, None);
    sim.normal();
    assert_eq!(sim.set_mode(Ok(Mode::Normal)), Err(Code::NoAction));
    sim.set_mode(Ok(Mode::WarmStart)).unwrap();
    assert_eq!(sim.env.left, Some(Mode::WarmStart));
}

#[test]
fn times_beyond_the_range_are_refused() {
    let mut sim = sim();
    let semaphore = sim.create_semaphore(Name::new(b"s"), 0, 1, Ok(Discipline::Fifo)).unwrap();
    sim.started([5]);
    sim.normal();
    assert_eq!(sim.timed_wait(-1), Err(Code::InvalidParam));
    assert_eq!(sim.timed_wait(Time::MAX), Err(Code::InvalidParam));
    assert_eq!(sim.wait_semaphore(semaphore, Time::MAX), Err(Code::InvalidParam));
    assert_eq!(sim.suspend_self(Time::MAX), Err(Code::InvalidParam));
    assert_eq!(sim.replenish(Time::MAX), Err(Code::InvalidParam));
    assert_eq!(sim.replenish(-1), Ok(()));
}
