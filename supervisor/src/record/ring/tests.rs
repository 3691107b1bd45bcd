use super::*;

fn exit(number: u64) -> Event {
    Event { time_ns: number, core: 3, partition: 7, kind: Kind::Exit { status: 0 } }
}

/// What arrives: the numbers of events, and the numbers that a loss accounts for.
fn drain(consumer: &mut Consumer) -> Vec<Event> {
    std::iter::from_fn(|| consumer.pop()).collect()
}

fn loss(since: u64, count: u64) -> Event {
    Event { time_ns: since, core: 3, partition: NO_PARTITION, kind: Kind::Lost { count } }
}

#[test]
fn events_arrive_in_order_over_many_rounds() {
    let (mut producer, mut consumer) = ring(8);
    for number in 0..1000 {
        producer.push(&exit(2 * number));
        producer.push(&exit(2 * number + 1));
        assert_eq!(drain(&mut consumer), [exit(2 * number), exit(2 * number + 1)]);
    }
    assert_eq!(consumer.pop(), None);
    assert!(!consumer.is_finished());
}

#[test]
fn the_oldest_are_lost_and_their_number_stands_before_the_first_that_was_kept() {
    let (mut producer, mut consumer) = ring(4);
    (0..7).for_each(|number| producer.push(&exit(number)));
    assert_eq!(drain(&mut consumer), [loss(3, 3), exit(3), exit(4), exit(5), exit(6)]);
    producer.push(&exit(7));
    assert_eq!(drain(&mut consumer), [exit(7)]);
}

#[test]
fn what_is_overwritten_between_two_looks_is_lost_too() {
    let (mut producer, mut consumer) = ring(4);
    (0..4).for_each(|number| producer.push(&exit(number)));
    assert_eq!(consumer.pop(), Some(exit(0)));
    // The consumer believes that three more are there; two of them are overwritten.
    (4..7).for_each(|number| producer.push(&exit(number)));
    assert_eq!(drain(&mut consumer), [loss(3, 2), exit(3), exit(4), exit(5), exit(6)]);
}

#[test]
fn a_loss_at_the_end_is_told_when_the_producer_is_gone() {
    let (mut producer, mut consumer) = ring(2);
    (0..5).for_each(|number| producer.push(&exit(number)));
    drop(producer);
    assert_eq!(drain(&mut consumer), [loss(3, 3), exit(3), exit(4)]);
    assert!(consumer.is_finished());
    assert_eq!(consumer.pop(), None);
}

#[test]
fn a_ring_is_finished_only_when_it_is_drained() {
    let (mut producer, mut consumer) = ring(2);
    producer.push(&exit(1));
    drop(producer);
    assert_eq!(consumer.pop(), Some(exit(1)));
    assert!(!consumer.is_finished());
    assert_eq!(consumer.pop(), None);
    assert!(consumer.is_finished());
}

#[test]
fn any_capacity_is_rounded_up() {
    for (asked, holds) in [(0, 2), (1, 2), (2, 2), (3, 4), (64, 64), (65, 128)] {
        let (mut producer, mut consumer) = ring(asked);
        (0..1000).for_each(|number| producer.push(&exit(number)));
        // And one for the loss.
        assert_eq!(drain(&mut consumer).len(), holds + 1, "asked for {asked}");
    }
}

/// Pushes from a second thread, takes out here, and checks that nothing is doubled, torn, reordered or unaccounted for.
fn stress(capacity: usize, events: u64, pause_every: u64) -> (u64, u64) {
    let (mut producer, mut consumer) = ring(capacity);
    let pushing = std::thread::spawn(move || {
        for number in 0..events {
            let kind = Kind::WindowEnd {
                frame: number,
                planned_ns: number,
                awake_ns: number,
                requested_ns: number,
                confirmed_ns: !number,
                first_ns: number,
            };
            producer.push(&Event { time_ns: number, core: 0, partition: 0, kind });
            if pause_every != 0 && number % pause_every == 0 {
                std::thread::yield_now();
            }
        }
    });
    let (mut delivered, mut lost, mut next) = (0, 0, 0);
    while !consumer.is_finished() {
        let Some(event) = consumer.pop() else {
            std::thread::yield_now();
            continue;
        };
        match event.kind {
            Kind::Lost { count } => {
                lost += count;
                next += count;
                assert_eq!(event.time_ns, next);
            }
            Kind::WindowEnd { frame, planned_ns, awake_ns, requested_ns, confirmed_ns, first_ns } => {
                assert_eq!(event.time_ns, next);
                assert_eq!([frame, planned_ns, awake_ns, requested_ns, !confirmed_ns, first_ns], [next; 6]);
                delivered += 1;
                next += 1;
            }
            kind => panic!("{kind:?} was never pushed"),
        }
    }
    pushing.join().unwrap();
    assert_eq!(delivered + lost, events);
    (delivered, lost)
}

#[test]
fn two_threads_lose_nothing_unseen() {
    let (delivered, _) = stress(2, 200_000, 0);
    assert!(delivered > 0);
    stress(64, 500_000, 16);
    stress(1024, 500_000, 256);
}

#[test]
fn a_ring_that_is_large_enough_loses_nothing() {
    assert_eq!(stress(1 << 16, 1 << 16, 0), (1 << 16, 0));
}

#[test]
fn the_first_round_faults_no_page_in() {
    use nix::sys::resource::{UsageWho, getrusage};
    let capacity = 1 << 15;
    let (mut producer, consumer) = ring(capacity);
    let faults = || getrusage(UsageWho::RUSAGE_THREAD).unwrap().minor_page_faults();
    let event = exit(1);
    producer.push(&event);
    let before = faults();
    (1..capacity).for_each(|_| producer.push(&event));
    let faulted = faults() - before;
    // 512 pages, had they not been touched.
    assert!(faulted < 8, "{faulted} page faults");
    drop(consumer);
}
