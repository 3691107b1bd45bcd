//! The examples of the executive, run as their first lines say.

use std::ffi::OsStr;

use super::common::{Finished, guest, root};
use super::runs::run;

/// Whether the example printed these texts, in this order, and ended well.
fn are_in_order(run: &Finished, texts: &[&str]) -> bool {
    let mut rest = Some(run.stdout.as_str());
    for text in texts {
        rest = rest.and_then(|rest| Some(rest.split_once(text)?.1));
    }
    run.code() == 0 && rest.is_some()
}

/// `bulkhead run examples/NAME` prints these texts in this order, and ends well: in virtual time every time, and in the host's as far
/// as that is not busy with something else just when a process of the example is due.
fn shows(name: &str, texts: &[&str]) -> Finished {
    let path = root().join("examples").join(name);
    guest("idle");
    let exact = run(&[OsStr::new("--virtual"), path.as_os_str()]);
    assert!(are_in_order(&exact, texts), "{texts:?} in virtual time: {exact:#?}");
    shows_in_host_time(name, texts)
}

/// Likewise, of an example that spins and so has no place in virtual time.
fn shows_in_host_time(name: &str, texts: &[&str]) -> Finished {
    const ATTEMPTS: usize = 8;
    guest("idle");
    let path = root().join("examples").join(name);
    let mut others = Vec::new();
    while others.len() < ATTEMPTS {
        let run = run(&[path.as_os_str()]);
        if are_in_order(&run, texts) {
            return run;
        }
        eprintln!("{name}: {run:#?}");
        others.push(run);
    }
    panic!("{texts:?}: not in {ATTEMPTS} runs: {others:#?}");
}

#[test]
fn producer_and_consumer() {
    let texts = ["consumer: item 1\n", "waits for room", "producer: item 10", "consumer: item 10\n"];
    shows("apex/producer-consumer.elf", &texts);
}

#[test]
fn blackboard() {
    shows("apex/blackboard.elf", &["240 at 12", "tower: wind 240", "pilot: wind 250", "tower: wind calm"]);
}

#[test]
fn events() {
    let texts =
        ["caterer does not wait", "doors closed, 3 wait", "captain goes on", "first officer goes on", "purser goes on"];
    shows("apex/events.elf", &texts);
}

#[test]
fn mutexes() {
    let texts =
        ["at priority 20", "middle has", "low is through", "with it", "at priority 40", "low is through", "middle has"];
    shows("apex/mutexes.elf", &texts);
}

const SEMAPHORES: [&str; 4] = ["F-GKXA lands", "D-AIBL has left", "G-EUYT lands", "JA801A has left"];

#[test]
fn semaphores() {
    shows("apex/semaphores.elf", &SEMAPHORES);
}

/// In virtual time, struck at whatever instruction: it comes to the same.
#[test]
fn semaphores_step_by_step() {
    guest("idle");
    let mut command = super::common::bulkhead();
    command.args(["run", "--virtual", "--preempt", "step"]).arg(root().join("examples/apex/semaphores.elf"));
    let run = super::common::finish(command);
    assert!(are_in_order(&run, &SEMAPHORES), "{run:#?}");
}

#[test]
fn processes() {
    shows_in_host_time(
        "apex/processes.elf",
        &["fast, release 1", "slow, release 2", "fast, release 7", "slow, release 4"],
    );
}

#[test]
fn errors() {
    let texts =
        ["numeric error in glide", "glide: slope 1000", "deadline missed in search", "pitot tube iced", "report: done"];
    shows("apex/errors.elf", &texts);
}

#[test]
fn sampling() {
    shows("apex/sampling.toml", &["out of order", "19 degrees, but that was a while ago"]);
}

#[test]
fn queuing() {
    let waypoints = ["KERAX", "MANAL", "LORPA", "RASVO", "BOMBI", "TOSTU"].map(|name| format!("wrote down {name}"));
    shows("apex/queuing.toml", &waypoints.each_ref().map(String::as_str));
}

#[test]
fn modes() {
    let texts = [
        "a cold start, because of the module's start",
        "a warm start, because of its own wish",
        "a cold start, because of its own",
    ];
    shows("apex/modes.elf", &texts);
}

/// The autopilot crashes and comes back, and the flight goes on to its end.
#[test]
fn flight() {
    let texts = ["autopilot on", "no autopilot", "autopilot is back, and careful", "RASVO", "arrived"];
    let run = shows("flight/flight.toml", &texts);
    assert!(run.stderr.contains("\"autopilot\" raised numeric_error"), "{run:#?}");
}
