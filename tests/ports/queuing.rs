//! Queuing channels.

use super::common::{example, guest, skip};
use super::module::{args, channel, figures, partitions, queuing, run, says, two_cores};

/// A sender and a receiver of `count` messages of `size` bytes through a queue of `depth`.
fn stream(count: u64, size: usize, depth: u32, cores: bool) {
    let queue = guest("p_queue");
    let (count_text, size_text) = (count.to_string(), size.to_string());
    let sender = args(&["send", &count_text, &size_text], "");
    let receiver = args(&["receive", &count_text, &size_text], "");
    let text = partitions(&[("sender", &queue, &sender), ("receiver", &queue, &receiver)], cores, 1000)
        + &channel("stream", &queuing(size, depth), "sender.out", &["receiver.in"]);
    let (finished, json) = run(&text);
    says(&finished, "sender", &format!("sent {count}, interrupted at times"));
    says(&finished, "receiver", &format!("received {count} in order, interrupted at times"));
    let figures = figures(&json, "stream");
    assert_eq!(figures["kind"], "queuing");
    assert_eq!((&figures["messages"], &figures["waiting"]), (&count.into(), &0.into()), "{figures:#}");
    assert_eq!((&figures["lost"], &figures["nonsense"]), (&0.into(), &0.into()), "{figures:#}");
}

#[test]
fn messages_arrive_whole_and_in_order_in_turns() {
    stream(20_000, 64, 100, false);
}

#[test]
fn messages_arrive_whole_and_in_order_from_core_to_core() {
    if !two_cores() {
        return skip("one core");
    }
    stream(100_000, 64, 100, true);
}

#[test]
fn the_smallest_and_the_largest_messages_arrive_too() {
    stream(1000, 8, 1, false);
    stream(2000, 65_536, 8, false);
}

#[test]
fn messages_go_both_ways_between_c_and_rust() {
    let (ping, echo) = (guest("p_queue"), example("echo-rust"));
    let ping_args = args(&["ping", "300", "100"], "health = { exit = \"shutdown\" }");
    for cores in [false, true] {
        if cores && !two_cores() {
            return skip("one core");
        }
        let text = partitions(&[("ping", &ping, &ping_args), ("echo", &echo, "")], cores, 1000)
            + &channel("there", &queuing(100, 4), "ping.out", &["echo.in"])
            + &channel("back", &queuing(100, 4), "echo.out", &["ping.in"]);
        let (finished, json) = run(&text);
        says(&finished, "ping", "300 came back, interrupted at times");
        assert_eq!(figures(&json, "there")["messages"], 300);
        assert_eq!(figures(&json, "back")["messages"], 300);
    }
}

/// The receiver crashes twice. What waited for it then is gone; what comes is whole and in order, and nobody else notices.
#[test]
fn a_receiver_that_restarts_begins_with_an_empty_queue() {
    let queue = guest("p_queue");
    let sender = args(&["send", "1000000000", "64"], "");
    let receiver = args(&["crash", "100", "64"], "health = { crash = \"cold_start\", exit = \"shutdown\" }");
    for cores in [false, true] {
        if cores && !two_cores() {
            return skip("one core");
        }
        let text = partitions(&[("sender", &queue, &sender), ("receiver", &queue, &receiver)], cores, 1000)
            + &channel("stream", &queuing(64, 50), "sender.out", &["receiver.in"]);
        let (finished, json) = run(&text);
        for line in ["start 1: 100 in order from 0", "start 2: 100 in order from later on"] {
            says(&finished, "receiver", line);
        }
        says(&finished, "receiver", "start 3: 100 in order from later on");
        assert_eq!(figures(&json, "stream")["nonsense"], 0);
    }
}

/// The sender crashes half-way and goes on where it was: not one message is missing or comes twice.
#[test]
fn a_sender_that_restarts_loses_nothing_that_it_has_sent() {
    let queue = guest("p_queue");
    let receiver = args(&["receive", "2000", "64"], "");
    for start in ["cold_start", "warm_start"] {
        let sender = args(&["burst", "2000", "64"], &format!("health = {{ crash = \"{start}\" }}"));
        let text = partitions(&[("sender", &queue, &sender), ("receiver", &queue, &receiver)], false, 1000)
            + &channel("stream", &queuing(64, 50), "sender.out", &["receiver.in"]);
        let (finished, json) = run(&text);
        says(&finished, "receiver", "received 2000 in order, interrupted at times");
        assert_eq!(figures(&json, "stream")["messages"], 2000);
    }
}
