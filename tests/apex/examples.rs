//! The examples of the executive, run as their first lines say.

use super::common::{Finished, guest, root};
use super::runs::run;

/// `bulkhead run examples/NAME`, which is to end well.
fn example(name: &str) -> Finished {
    guest("idle");
    let run = run(&[root().join("examples").join(name)]);
    assert_eq!(run.code(), 0, "{run:#?}");
    run
}

/// The places of these texts in what an example printed, which are to be there in this order.
fn in_order(run: &Finished, texts: &[&str]) {
    let mut rest = run.stdout.as_str();
    for text in texts {
        let at = rest.find(text).unwrap_or_else(|| panic!("{text:?} is missing, or too early: {run:#?}"));
        rest = &rest[at + text.len()..];
    }
}

#[test]
fn producer_and_consumer() {
    let run = example("apex/producer-consumer.elf");
    in_order(&run, &["consumer: item 1\n", "waits for room", "producer: item 10", "consumer: item 10\n"]);
}

#[test]
fn blackboard() {
    in_order(&example("apex/blackboard.elf"), &["240 at 12", "tower: wind 240", "pilot: wind 250", "tower: wind calm"]);
}

#[test]
fn events() {
    let texts =
        ["caterer does not wait", "doors closed, 3 wait", "captain goes on", "first officer goes on", "purser goes on"];
    in_order(&example("apex/events.elf"), &texts);
}

#[test]
fn mutexes() {
    let texts =
        ["at priority 20", "middle has", "low is through", "with it", "at priority 40", "low is through", "middle has"];
    in_order(&example("apex/mutexes.elf"), &texts);
}

#[test]
fn semaphores() {
    let run = example("apex/semaphores.elf");
    in_order(&run, &["F-GKXA lands", "D-AIBL has left", "G-EUYT lands", "JA801A has left"]);
}

/// In virtual time, struck at whatever instruction: it comes to the same.
#[test]
fn semaphores_step_by_step() {
    guest("idle");
    let mut command = super::common::bulkhead();
    command.args(["run", "--virtual", "--preempt", "step"]).arg(root().join("examples/apex/semaphores.elf"));
    let run = super::common::finish(command);
    assert_eq!(run.code(), 0, "{run:#?}");
    in_order(&run, &["F-GKXA lands", "D-AIBL has left", "G-EUYT lands", "JA801A has left"]);
}

#[test]
fn processes() {
    in_order(
        &example("apex/processes.elf"),
        &["fast, release 1", "slow, release 2", "fast, release 7", "slow, release 4"],
    );
}

#[test]
fn errors() {
    let texts =
        ["numeric error in glide", "glide: slope 1000", "deadline missed in search", "pitot tube iced", "report: done"];
    in_order(&example("apex/errors.elf"), &texts);
}

#[test]
fn sampling() {
    in_order(&example("apex/sampling.toml"), &["out of order", "19 degrees, but that was a while ago"]);
}

#[test]
fn queuing() {
    let waypoints = ["KERAX", "MANAL", "LORPA", "RASVO", "BOMBI", "TOSTU"].map(|name| format!("wrote down {name}"));
    in_order(&example("apex/queuing.toml"), &waypoints.each_ref().map(String::as_str));
}

#[test]
fn modes() {
    let texts = [
        "a cold start, because of the module's start",
        "a warm start, because of its own wish",
        "a cold start, because of its own",
    ];
    in_order(&example("apex/modes.elf"), &texts);
}

/// The autopilot crashes and comes back, and the flight goes on to its end.
#[test]
fn flight() {
    let run = example("flight/flight.toml");
    in_order(&run, &["autopilot on", "no autopilot", "autopilot is back, and careful", "RASVO", "arrived"]);
    assert!(run.stderr.contains("\"autopilot\" raised numeric_error"), "{run:#?}");
}
