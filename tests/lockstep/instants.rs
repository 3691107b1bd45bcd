//! Messages come at the instant at which they are sent, and time goes no further than it is told to.

use serde_json::{Value, json};

use super::{MS, QUEUES, SAMPLES, hex, lines, lock, module};

#[test]
fn a_message_wakes_a_guest_that_sleeps_in_its_window_at_that_instant() {
    let mut a = lock(&module("echo", QUEUES));
    // Its windows are at 0 to 2 ms, 4 to 6 ms, ...
    let answer = a.advance(MS + 1);
    assert_eq!((&answer["why"], &answer["now_ns"]), (&json!("reached"), &json!(MS + 1)));
    assert!(a.put("one"));
    // Its interrupt, its message, and the one back: a matter of some calls.
    a.advance(MS + 1000);
    assert_eq!(a.take()["data"], hex("one"));
    assert_eq!(a.take()["data"], Value::Null);
    a.put("end");
    let ended = a.advance(5 * MS);
    assert_eq!(ended["why"], "ended");
    let (end, finished) = a.end();
    assert_eq!((end["ending"].as_str(), finished.code()), (Some("all_ended"), 0), "{finished:#?}");
    // The handler reads the clock: 20 ns. Nothing lies between the two instants and their interrupts but some basic blocks.
    let struck: Vec<u64> =
        lines(&finished).iter().filter_map(|line| line.strip_prefix("struck at ")?.parse().ok()).collect();
    for (struck, sent) in struck.iter().zip([MS + 1, MS + 1000]) {
        assert!((sent..sent + 100).contains(struck), "{finished:#?}");
    }
    assert_eq!(struck.len(), 2);
}

#[test]
fn a_message_outside_the_window_waits_for_the_next_one() {
    let mut a = lock(&module("echo", QUEUES));
    a.advance(3 * MS);
    a.put("one");
    a.advance(4 * MS);
    // At the very instant at which the window begins, but before it does.
    assert_eq!(a.take()["data"], Value::Null);
    a.put("two");
    a.advance(4 * MS + 2000);
    assert_eq!((a.take()["data"].clone(), a.take()["data"].clone()), (json!(hex("one")), json!(hex("two"))));
    let (_, finished) = a.stop();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert_eq!(finished.stdout.matches("struck").count(), 1, "one interrupt for both: {finished:#?}");
    assert!(finished.stdout.contains("struck at 40000"), "{finished:#?}");
}

#[test]
fn a_message_strikes_inside_a_loop_and_at_the_same_turn_of_it_every_time() {
    let once = || {
        let mut a = lock(&module("spin", QUEUES));
        for instant in [500_000, 500_777, 1_234_567, 4_000_001] {
            a.advance(instant);
            assert!(a.put("x"));
        }
        a.advance(5 * MS);
        a.put("end");
        a.advance(9 * MS);
        let (_, finished) = a.end();
        // Nobody takes what it sends back.
        let struck = lines(&finished).into_iter().filter(|line| line.starts_with("struck"));
        struck.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = once();
    let numbers = |line: &String| -> Vec<u64> { line.split(' ').filter_map(|word| word.parse().ok()).collect() };
    let struck: Vec<Vec<u64>> = first.iter().map(numbers).collect();
    assert_eq!(struck.len(), 5, "{first:?}");
    for (struck, sent) in struck.iter().zip([500_000, 500_777, 1_234_567, 4_000_001, 5 * MS]) {
        assert!((sent..sent + 100).contains(&struck[0]), "{struck:?} {sent}");
    }
    assert!(struck[0][1] > 1000 && struck[2][1] > struck[1][1] + 1000, "it was counting: {struck:?}");
    for _ in 0..2 {
        assert_eq!(once(), first);
    }
}

#[test]
fn a_full_queue_is_no_mistake_and_taking_from_it_wakes_its_source() {
    let mut a = lock(&module("full", QUEUES));
    assert!(a.put("1") && a.put("2"));
    assert!(!a.put("3"));
    a.advance(MS);
    let first = a.take();
    assert_eq!((&first["data"], &first["waiting"]), (&json!("0000000000000000"), &json!(1)));
    a.advance(10 * MS);
    let (_, finished) = a.end();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let said = lines(&finished);
    assert_eq!(said[0], "full with 2");
    assert!(said[1].starts_with("struck at 10000") && said[1].ends_with("and sent"), "{finished:#?}");
    // What the client was told of is not lost.
    assert!(!finished.stderr.contains("lost"), "{finished:#?}");
}

#[test]
fn samples_are_read_as_they_are_and_grow_old() {
    let mut a = lock(&module("sample", SAMPLES));
    assert_eq!(a.take()["data"], Value::Null);
    a.put("zero");
    a.advance(6 * MS);
    let sample = a.take();
    assert_eq!((&sample["data"], &sample["number"]), (&json!("0200000000000000"), &json!(2)), "{sample:#}");
    assert_eq!(sample["valid"], true);
    let (written, age) = (sample["written_ns"].as_u64().unwrap(), sample["age_ns"].as_u64().unwrap());
    assert!((4 * MS..4 * MS + 10_000).contains(&written), "{sample:#}");
    assert_eq!(written + age, 6 * MS);
    // It stays as long as there is no other.
    assert_eq!(a.take()["data"], sample["data"]);
    a.advance(written + 5 * MS);
    assert_eq!(a.take()["number"], 3);
    a.put("new");
    a.advance(24 * MS);
    a.put("end");
    a.advance(30 * MS);
    let (_, finished) = a.end();
    let said = lines(&finished);
    assert!(said[0].starts_with("window 1: zero, valid, "), "{finished:#?}");
    assert!(said[2].starts_with("window 3: zero, invalid, 80000"), "{finished:#?}");
    assert!(said[3].starts_with("window 4: new, valid, "), "{finished:#?}");
}

#[test]
fn the_state_is_that_of_the_instant() {
    let mut a = lock(&module("echo", QUEUES));
    let state = a.ask(json!({"op": "state"}))["state"].clone();
    let partition = &state["partitions"][0];
    assert_eq!(
        (&partition["name"], &partition["state"], &partition["windows"]),
        (&json!("a"), &json!("normal"), &json!(0))
    );
    a.advance(4 * MS);
    a.put("one");
    a.advance(5 * MS);
    a.put("two");
    let answer = a.ask(json!({"op": "state"}));
    let state = &answer["state"];
    assert_eq!((&answer["now_ns"], &state["frame"], &state["into_frame_ns"]), (&json!(5 * MS), &json!(1), &json!(MS)));
    let partition = &state["partitions"][0];
    assert_eq!(
        (&partition["windows"], &partition["in_window"], &partition["start"]),
        (&json!(2), &json!(true), &json!(1))
    );
    // It has been told of the second message, but no time has passed.
    assert_eq!((&partition["waits"], &partition["timer_ns"]), (&json!("nothing"), &Value::Null));
    assert_eq!(partition["interrupts"], 1);
    let to_a = json!({"name": "to a", "kind": "queuing", "messages": 2, "waiting": 1, "depth": 2, "lost": 0});
    assert_eq!(state["channels"][0], to_a);
    assert_eq!((&state["channels"][1]["messages"], &state["channels"][1]["waiting"]), (&json!(1), &json!(1)));
    a.put("end");
    a.advance(6 * MS);
    let (end, _) = a.end();
    assert_eq!(end["ending"], "all_ended");
}

#[test]
fn a_module_that_only_waits_for_the_client_is_quiet_and_no_deadlock() {
    let mut a = lock(&module("echo", QUEUES));
    // Before its first window there is something to happen.
    assert_eq!(a.advance(0)["quiet"], Value::Null);
    let answer = a.advance(3_600_000 * MS);
    assert_eq!((&answer["why"], &answer["quiet"]), (&json!("reached"), &json!("\"a\" waits for a port")));
    a.put("one");
    assert_eq!(a.advance(3_600_000 * MS)["quiet"], Value::Null, "now it has something to do");
    a.advance(3_600_001 * MS);
    assert_eq!(a.take()["data"], hex("one"));
    let (_, finished) = a.stop();
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(!finished.stderr.contains("deadlock"), "{finished:#?}");
}
