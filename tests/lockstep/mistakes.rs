//! The protocol's first words, and requests that make no sense.

use serde_json::{Value, json};

use super::{MS, QUEUES, SAMPLES, lock, module};

#[test]
fn the_first_words_say_what_there_is() {
    let a = lock(&module("echo", QUEUES));
    let hello = a.talk.hello.clone();
    assert_eq!((&hello["protocol"], &hello["bulkhead"]), (&json!(1), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!((&hello["module"], &hello["major_frame_ns"]), (&json!("test"), &json!(4 * MS)));
    assert_eq!(hello["partitions"], json!(["a"]));
    let port = |name: &str, direction: &str, channel: &str| {
        json!({"name": name, "direction": direction,
        "channel": channel, "kind": "queuing", "message_bytes": 16, "depth": 2, "refresh_ns": 0})
    };
    assert_eq!(hello["ports"], json!([port("in", "send", "to a"), port("out", "receive", "from a")]));
    a.stop();
    let a = lock(&module("sample", SAMPLES));
    let port = &a.talk.hello["ports"][0];
    assert_eq!((&port["kind"], &port["refresh_ns"], &port["depth"]), (&json!("sampling"), &json!(5 * MS), &json!(0)));
    a.stop();
}

#[test]
fn a_mistake_costs_an_answer_and_nothing_else() {
    let mut a = lock(&module("echo", QUEUES));
    a.advance(2 * MS);
    let long = "00".repeat(17);
    for (request, words) in [
        (json!([]), "object is expected"),
        (json!({"id": 7}), "no \"op\""),
        (json!({"op": "jump"}), "no \"op\" called \"jump\""),
        (json!({"op": "advance"}), "needs \"until_ns\" or \"by_ns\""),
        (json!({"op": "advance", "until_ns": MS}), "\"until_ns\" lies in the past: it is 2000000 now"),
        (json!({"op": "advance", "by_ns": 0.5}), "\"by_ns\" must be a whole number"),
        (json!({"op": "advance", "by_ns": 5, "port": "in"}), "takes no \"port\""),
        (json!({"op": "send", "port": "nowhere", "data": "00"}), "\"port\": no channel ends at \"outside:nowhere\""),
        (json!({"op": "send", "port": "out", "data": "00"}), "\"out\" is where the module sends"),
        (json!({"op": "receive", "port": "in"}), "\"in\" is where the module receives"),
        (json!({"op": "send", "port": "in", "data": "xy"}), "\"data\" must be hexadecimal"),
        (json!({"op": "send", "port": "in", "data": long}), "\"data\" has 17 bytes; port \"in\" takes 16"),
    ] {
        let answer = a.talk.ask(&request);
        assert_eq!((&answer["ok"], &answer["now_ns"]), (&json!(false), &json!(2 * MS)), "{request}");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(words)), "{request}: {answer:#}");
        assert_eq!(answer["id"], request["id"], "{request}");
    }
    a.talk.send(&json!("x".repeat(300 << 10)));
    assert_eq!(a.talk.line()["error"], "the line is too long");
    let state = a.ask(json!({"op": "state", "id": 9}));
    assert_eq!((&state["id"], &state["state"]["channels"][0]["messages"]), (&json!(9), &json!(0)));
    let (end, finished) = a.stop();
    assert_eq!((end["ending"].as_str(), finished.code()), (Some("stopped"), 0), "{finished:#?}");
}

#[test]
fn requests_may_be_sent_ahead() {
    let mut a = lock(&module("echo", QUEUES));
    for id in 1..=20 {
        a.talk.send(&json!({"op": "advance", "by_ns": MS, "id": id}));
    }
    a.talk.send(&json!({"op": "stop", "id": 21}));
    for id in 1..=20u64 {
        let answer = a.talk.line();
        assert_eq!((&answer["id"], &answer["now_ns"]), (&json!(id), &json!(id * MS)), "{answer:#}");
    }
    assert_eq!(a.talk.line()["id"], 21);
    let (end, _) = a.end();
    assert_eq!((&end["ending"], &end["now_ns"]), (&json!("stopped"), &json!(20 * MS)));
    assert_ne!(end["digest"], Value::Null);
}
