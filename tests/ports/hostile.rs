//! Partitions that attack the other side of a channel: numbers 29 to 35 of the hostile guests.
//!
//! Beside attacker and victim there are always two peers that exchange messages through a channel of their own, and must not
//! notice anything. Every attack has a control: the same attack on a guest that lacks the protection, or the same act where
//! it is allowed.

use serde_json::{Value, json};

use super::common::{Finished, guest, skip};
use super::module::{args, channel, figures, partitions, queuing, run, sampling, says, two_cores};
use super::runs;

/// Runs attacker and victim with these roles, connected by the channel "attacked", beside the peers.
fn attack(attacker: &[&str], more: &str, victim: &[&str], attacked: &str, cores: bool) -> (Finished, Value) {
    let (hostile, queue) = (guest("p_hostile"), guest("p_queue"));
    let (attacker, victim) = (args(attacker, more), args(victim, ""));
    let (sender, receiver) = (args(&["send", "2000", "64"], ""), args(&["receive", "2000", "64"], ""));
    // On two cores: attacker and sender on one, victim and receiver on the other.
    let text = if cores {
        let mut text = partitions(&[("attacker", &hostile, &attacker), ("victim", &hostile, &victim)], true, 1000);
        for (name, role, core) in [("sender", &sender, 0), ("receiver", &receiver, 1)] {
            let image = queue.display();
            text += &format!("[[partition]]\nname = \"{name}\"\nimage = \"{image}\"\ncore = {core}\n{role}\n");
            let start = if core == 0 { 2000 } else { 0 };
            text += &format!("[[window]]\npartition = \"{name}\"\nstart = \"{start} us\"\nduration = \"500 us\"\n");
        }
        text
    } else {
        let list = [
            ("attacker", &*hostile, attacker.as_str()),
            ("victim", &hostile, &victim),
            ("sender", &queue, &sender),
            ("receiver", &queue, &receiver),
        ];
        partitions(&list, false, 500)
    };
    let text = text + attacked + &channel("peers", &queuing(64, 50), "sender.out", &["receiver.in"]);
    let (finished, json) = run(&text);
    says(&finished, "receiver", "received 2000 in order, interrupted at times");
    let peers = figures(&json, "peers");
    assert_eq!((&peers["messages"], &peers["nonsense"]), (&json!(2000), &json!(0)));
    for name in ["victim", "sender", "receiver"] {
        let figures = runs::figures(&json, name);
        assert_eq!((&figures["births"], &figures["crashes"]), (&json!(1), &json!(0)), "{name}: {figures:#}");
    }
    (finished, json)
}

/// Asserts that the victim survived; what it met.
fn survived(run: &Finished) -> Vec<String> {
    let lines = runs::lines_of(&run.stderr, "victim");
    let met = lines.iter().find_map(|line| line.strip_prefix("survived"));
    let met = met.unwrap_or_else(|| panic!("the victim did not survive: {run:#?}"));
    met.split(", ").map(str::to_owned).collect()
}

fn to_victim(depth: u32) -> String {
    channel("attacked", &queuing(64, depth), "attacker.out", &["victim.in"])
}

/// 29, from the source's side: whatever stands in its pages, the receiver gets messages or errors and nothing else.
#[test]
fn a_receiver_survives_random_positions_and_lengths() {
    for cores in [false, true] {
        if cores && !two_cores() {
            return skip("one core");
        }
        for depth in [1, 5, 64] {
            let attacked = to_victim(depth);
            // Whether both good and senseless messages come within a run is chance; that the victim survives is none.
            let met_both = |_| {
                let (finished, json) = attack(&["scribble", "60"], "", &["receive", "80"], &attacked, cores);
                says(&finished, "attacker", "scribbled");
                let met = survived(&finished);
                let nonsense = runs::number(&figures(&json, "attacked")["nonsense"]);
                met[1..] == ["good messages", "nonsense"] && nonsense > 0
            };
            assert!((0..10).any(met_both), "depth {depth}, two cores {cores}");
        }
    }
    // The control: a receiver that believes what it reads.
    let falls = |_| {
        let (finished, _) = attack(&["scribble", "60"], "", &["trusting", "80"], &to_victim(5), false);
        runs::lines_of(&finished.stderr, "victim").contains(&"overrun")
    };
    assert!((0..10).any(falls));
}

/// 29, from the destination's side: a sender finds room or none.
#[test]
fn a_sender_survives_random_positions() {
    for cores in [false, true] {
        if cores && !two_cores() {
            return skip("one core");
        }
        let attacked = channel("attacked", &queuing(64, 5), "victim.out", &["attacker.in"]);
        let met_both = |_| {
            let (finished, _) = attack(&["scribble", "60"], "", &["send", "80"], &attacked, cores);
            survived(&finished)[1..] == ["sent", "full"]
        };
        assert!((0..10).any(met_both), "two cores {cores}");
    }
}

/// 29: the supervisor sees it too, says who it was, and says it once.
#[test]
fn the_culprit_is_named() {
    let words = "partition \"attacker\" overwrote its position in channel \"attacked\"";
    // It looks between windows, and finds what the attacker has written last.
    let names_it = |_| {
        let (finished, _) = attack(&["scribble", "60"], "", &["receive", "80"], &to_victim(5), false);
        // The control: a channel that nobody attacks is not spoken of.
        assert!(!finished.stderr.contains("channel \"peers\""), "{finished:#?}");
        finished.stderr.contains(words)
    };
    assert!((0..10).any(names_it));
}

/// 30: a length that changes between check and copy. It needs both sides to run at the same time.
#[test]
fn a_length_is_judged_once_and_then_used() {
    if !two_cores() {
        return skip("one core");
    }
    // How much the two meet is the host's affair.
    let met_both = |_| {
        let (finished, _) = attack(&["flip", "150"], "", &["receive", "150"], &to_victim(4), true);
        survived(&finished)[1..] == ["good messages", "nonsense"]
    };
    assert!((0..10).any(met_both));
    // The control: a receiver that loads the length once for the check and once for the copy.
    let falls = |_| {
        let (finished, _) = attack(&["flip", "150"], "", &["twice", "150"], &to_victim(4), true);
        runs::lines_of(&finished.stderr, "victim").contains(&"overrun")
    };
    assert!((0..10).any(falls));
}

/// 31: the peer's pages cannot be written.
#[test]
fn the_peers_pages_are_read_only() {
    let attacked = channel("attacked", &queuing(64, 4), "victim.out", &["attacker.in"]);
    let (finished, json) = attack(&["poke", "in"], "", &["send", "20"], &attacked, false);
    assert!(!finished.stderr.contains("poked"), "{finished:#?}");
    let last = &runs::outcome(&json, "attacker")["last"];
    assert_eq!((&last["kind"], &last["signal"]), (&json!("crash"), &json!(11)), "{last:#}");
    // Its address is that of the source's page of channel 0.
    assert_eq!(last["address"], json!(bulkhead_abi::map::PORTS.base + 511 * 8));
    // The control: the same act on the page of its own side.
    let (finished, _) = attack(&["poke", "own"], "", &["send", "20"], &attacked, false);
    says(&finished, "attacker", "poked");
}

/// 32: a writer that stops half-way leaves the last whole sample, which then grows stale; one that says it is done with what
/// it has not begun leaves none. Either way every read returns.
#[test]
fn a_stalled_writer_costs_a_reader_nothing_but_fresh_samples() {
    let attacked = channel("attacked", &sampling(64, 20), "attacker.out", &["victim.in"]);
    // A victim that begins before the attacker has also met no sample at all, and may meet the good one before the lie. One that
    // the host keeps from its core for 20 ms may meet the sample only when it has grown stale.
    let met = |attacker: &str, things: &[&str]| {
        let (finished, _) = attack(&[attacker, "60"], "", &["sample", "60"], &attacked, false);
        let met = survived(&finished);
        things.iter().all(|thing| met.iter().any(|other| other == thing))
    };
    assert!((0..10).any(|_| met("half", &["valid", "invalid"])));
    assert!((0..10).any(|_| met("lie", &["none"])));
    // The control: a reader that waits until the sample is whole. Between the good sample and the lie it gets one, too.
    let waits = |_| {
        let (finished, _) = attack(&["lie", "60"], "", &["patient", "60"], &attacked, false);
        runs::lines_of(&finished.stderr, "victim").contains(&"still waiting")
    };
    assert!((0..10).any(waits));
    let (finished, _) = attack(&["half", "60"], "", &["patient", "60"], &attacked, false);
    says(&finished, "victim", "got one");
}

/// 33: a handle that a warm start has kept is told to be stale. The control is the fresh handle, which differs in nothing but
/// the start that it carries.
#[test]
fn a_handle_from_before_a_restart_is_stale() {
    let more = "health = { crash = \"warm_start\" }";
    let (finished, _) = attack(&["stale"], more, &["receive", "20"], &to_victim(4), false);
    says(&finished, "attacker", "stale: -2 -2, not told, fresh: 0");
}

/// 34: ports that are not there, or are others; the last line is the control.
#[test]
fn undeclared_and_wrong_ports_are_refused() {
    let attacked = to_victim(4)
        + &channel("back", &queuing(64, 4), "victim.out", &["attacker.in"])
        + &channel("shown", &sampling(64, 20), "victim.shows", &["attacker.looks"]);
    let (finished, json) = attack(&["wrong"], "", &["receive", "20"], &attacked, false);
    let lines = runs::lines_of(&finished.stderr, "attacker");
    let expected =
        ["undeclared: -1 -1", "made up: -2 -2 -2", "direction: -4 -4 -4", "kind: -3 -3 -3", "too long: -5", "right: 0"];
    assert_eq!(lines, expected);
    assert_eq!(figures(&json, "attacked")["messages"], 1);
    assert_eq!(figures(&json, "back")["messages"], 0);
}

/// 35: news through fifty ports in every window is one interrupt a window. The control is the number of messages: without
/// coalescing, each would be an interrupt.
#[test]
fn a_flood_of_news_is_one_interrupt_a_window() {
    const PORTS: u64 = 50;
    let attacked: String = (0..PORTS)
        .map(|port| {
            let (source, destination) = (format!("attacker.out{port}"), format!("victim.in{port}"));
            channel(&format!("flood{port}"), &queuing(64, 4), &source, &[&destination])
        })
        .collect();
    let (finished, json) = attack(&["flood", "100"], "", &["count", "120"], &attacked, false);
    says(&finished, "attacker", "flooded");
    let lines = runs::lines_of(&finished.stderr, "victim");
    let numbers: Vec<u64> = lines[0].split(' ').filter_map(|word| word.parse().ok()).collect();
    let (messages, interrupts) = (numbers[0], numbers[1]);
    // How many windows either of them had while the other was there is the host's affair, and so is how many of the messages the
    // attacker sent before a window's end.
    let windows = runs::number(&runs::figures(&json, "victim")["windows"]);
    assert!((1..=windows).contains(&interrupts), "{lines:?} in {windows} windows");
    assert!(messages >= PORTS / 2 * interrupts, "{lines:?} in {windows} windows");
}
