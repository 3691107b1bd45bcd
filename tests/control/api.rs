//! What a run says of itself, and what it does when told.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use crate::common::{bulkhead, example, finish, guest, root, round_robin, write_module};
use crate::runs::{Background, figures, number, outcome};
use crate::talk::Talk;

/// The flight of the examples.
fn flight() -> std::path::PathBuf {
    example("hello-c");
    root().join("examples/flight/flight.toml")
}

fn partition<'a>(talk: &Talk, state: &'a Value, name: &str) -> &'a Value {
    let names = talk.hello["module"]["partitions"].as_array().expect("partitions");
    let index = names.iter().position(|partition| partition["name"] == name).expect("the partition");
    &state["partitions"][index]
}

#[test]
fn a_run_tells_what_it_is_and_how_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let run = Background::start(&[flight().as_os_str(), "--json".as_ref(), "--control".as_ref(), socket.as_os_str()]);
    let mut talk = Talk::begin(&socket);
    let module = &talk.hello["module"];
    assert_eq!((&talk.hello["protocol"], &talk.hello["write"]), (&json!(1), &json!(false)));
    assert_eq!((&talk.hello["pid"], &module["name"]), (&json!(run.pid()), &json!("flight")));
    assert_eq!((&module["major_frame_ns"], &module["virtual_time"]), (&json!(50_000_000), &json!(false)));
    assert_eq!(module["schedules"], json!(["main"]));
    let windows = module["cores"][0]["windows"][0].as_array().expect("windows");
    assert_eq!(windows[1], json!({"partition": 1, "start_ns": 10_000_000, "duration_ns": 5_000_000}));
    assert_eq!(module["channels"][0]["name"], "air data");
    assert!(module["host"]["kernel"].is_string());

    let state = talk.until("ten windows, and messages", |state| {
        let of =
            |key: &str| state["partitions"].as_array().expect("partitions").iter().map(|it| number(&it[key])).min();
        // The executive's tick, once a window in which the host leaves it any time.
        ["windows", "arrived", "interrupts"].iter().all(|key| of(key) >= Some(10))
    });
    assert!(number(&state["frame"]) >= 9 && number(&state["elapsed_ns"]) >= 450_000_000, "{state:#}");
    for name in ["sensors", "navigation", "autopilot", "display"] {
        let it = partition(&talk, &state, name);
        assert_eq!((&it["state"], &it["restarts"]), (&json!("normal"), &json!(0)), "{it:#}");
        let lateness = ["last_ns", "second_ns", "p50_ns", "p99_ns", "worst_ns"].map(|key| number(&it["lateness"][key]));
        let [last, second, p50, p99, worst] = lateness;
        assert!(last <= second && second <= worst && p50 <= p99 && p99 <= worst && p50 > 0, "{it:#}");
    }
    // A channel's count is at least that of the destination's an instant before.
    let arrived = number(&partition(&talk, &state, "navigation")["arrived"]);
    assert!(number(&talk.state()["channels"][0]["messages"]) >= arrived);

    run.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(talk.line(), json!({"type": "end", "ending": "interrupted"}));
    assert_eq!(talk.line(), Value::Null);
    let json = run.finish().json();
    assert!(!socket.exists());
    // The figures of the end are those, gone on.
    for name in ["sensors", "navigation", "autopilot", "display"] {
        let (live, end) = (partition(&talk, &state, name), figures(&json, name));
        assert!(number(&end["windows"]) >= number(&live["windows"]), "{live:#} {end:#}");
        assert!(number(&end["start_lateness_ns"]["max"]) >= number(&live["lateness"]["worst_ns"]));
    }
}

#[test]
fn a_subscription_follows_the_module() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let run = Background::start(&[flight().as_os_str(), "--control".as_ref(), socket.as_os_str()]);
    let mut talk = Talk::begin(&socket);
    assert_eq!(talk.ask(&json!({"op": "subscribe", "every_ms": 60, "id": 1}))["ok"], true);
    let mut last = 0;
    for _ in 0..10 {
        let line = talk.line();
        assert_eq!(line["type"], "state");
        let elapsed = number(&line["elapsed_ns"]);
        // Not more often than was asked for; a look is never nearer to the next than this.
        assert!(elapsed >= last + 20_000_000, "{last} {elapsed}");
        last = elapsed;
    }
    run.signal(nix::sys::signal::Signal::SIGTERM);
    run.finish();
}

#[test]
fn who_may_not_change_anything_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let text = round_robin(&[("spin", &guest("spin"), "")], 1000, 1000);
    let module = write_module(folder.path(), &text);
    let run = Background::start(&[module.as_os_str(), "--json".as_ref(), "--control".as_ref(), socket.as_os_str()]);
    let mut talk = Talk::begin(&socket);
    for request in [json!({"op": "stop"}), json!({"op": "restart", "partition": "spin"})] {
        let answer = talk.ask(&request);
        assert!(answer["error"].as_str().is_some_and(|error| error.contains("--control-write")), "{answer:#}");
    }
    let before = number(&talk.state()["partitions"][0]["windows"]);
    talk.until("it goes on", |state| number(&state["partitions"][0]["windows"]) > before + 10);
    run.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(figures(&run.finish().json(), "spin")["restarts"], 0);
}

#[test]
fn partitions_restart_and_the_module_stops_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let spin = guest("spin");
    let parts = [("one", spin.as_path(), ""), ("two", spin.as_path(), "start = \"idle\"\n")];
    let module = write_module(folder.path(), &round_robin(&parts, 1000, 1000));
    let args =
        [module.as_os_str(), "--json".as_ref(), "--control-write".as_ref(), "--control".as_ref(), socket.as_os_str()];
    let run = Background::start(&args);
    let mut talk = Talk::begin(&socket);
    assert_eq!(talk.hello["write"], true);
    talk.until("it runs", |state| number(&state["partitions"][0]["windows"]) > 5);
    assert_eq!(partition(&talk, &talk_state(&socket), "two")["state"], "idle");
    // What has been told of starts so far. A busy host adds frames that were skipped, before which the others have to make room.
    let told = RefCell::new(Vec::<String>::new());
    let note = |state: &Value| {
        let events = state["events"].as_array().expect("events").iter().filter_map(|it| it["what"].as_str());
        for what in events.filter(|what| what.starts_with("start")) {
            if !told.borrow().iter().any(|known| known == what) {
                told.borrow_mut().push(what.to_owned());
            }
        }
    };
    for (name, mode) in [("one", "cold"), ("one", "warm"), ("two", "cold")] {
        let answer = talk.ask(&json!({"op": "restart", "partition": name, "mode": mode, "id": 5}));
        assert_eq!(answer, json!({"type": "answer", "id": 5, "ok": true}), "{name} {mode}");
        let index = usize::from(name == "two");
        // A state that is asked for after the answer shows what was done.
        let state = talk.state();
        note(&state);
        let before = number(&state["partitions"][index]["windows"]);
        let state = talk.until("it is back", |state| {
            note(state);
            number(&state["partitions"][index]["windows"]) > before + 3
        });
        assert_eq!(state["partitions"][index]["state"], "normal");
    }
    let state = talk.state();
    assert_eq!(partition(&talk, &state, "one")["restarts"], 2);
    assert_eq!(told.take(), ["start 2 (cold)", "start 3 (warm)"]);
    assert_eq!(talk.ask(&json!({"op": "stop"}))["ok"], true);
    assert_eq!(talk.line(), json!({"type": "end", "ending": "interrupted"}));
    let run = run.finish();
    assert_eq!(run.code(), 0, "{run:#?}");
    let words = "is restarted (warm), as told through the control socket";
    assert!(run.stderr.contains(words) && run.stderr.contains("told through the control socket to stop"), "{run:#?}");
    let json = run.json();
    assert_eq!((&figures(&json, "one")["births"], &figures(&json, "two")["births"]), (&json!(3), &json!(1)));
    assert_eq!(outcome(&json, "two")["state"], "normal");
}

/// A state, as somebody else sees it at the same time.
fn talk_state(socket: &std::path::Path) -> Value {
    Talk::begin(socket).state()
}

#[test]
fn failures_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let (spin, crash) = (guest("spin"), guest("r_fail"));
    let crashing = "args = [\"null_read\"]\n";
    let parts = [("spin", spin.as_path(), ""), ("crash", crash.as_path(), crashing)];
    let module = write_module(folder.path(), &round_robin(&parts, 1000, 1000));
    let run = Background::start(&[module.as_os_str(), "--control".as_ref(), socket.as_os_str()]);
    let mut talk = Talk::begin(&socket);
    let was_told = Cell::new(false);
    let state = talk.until("it has failed", |state| {
        let is_told =
            |it: &Value| it["partition"] == 1 && it["what"].as_str().is_some_and(|what| what.contains("health"));
        was_told.set(was_told.get() || state["events"].as_array().expect("events").iter().any(is_told));
        state["partitions"][1]["state"] == "idle"
    });
    let it = partition(&talk, &state, "crash");
    assert_eq!((&it["failed"], &it["health_events"]), (&json!(true), &json!(1)), "{it:#}");
    assert!(it["last"].as_str().is_some_and(|last| last.contains("SIGSEGV")), "{it:#}");
    assert!(was_told.get(), "{state:#}");
    run.signal(nix::sys::signal::Signal::SIGINT);
    run.finish();
}

#[test]
fn a_virtual_run_is_seen_and_is_the_same_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    // Kept to the host's pace, so that there is something to see.
    let args = ["--virtual", "--until", "4s", "--speed", "1x", "--json", "--control-write", "--control"];
    let flight = flight();
    let mut words = vec![flight.as_os_str()];
    words.extend(args.iter().map(std::ffi::OsStr::new));
    words.push(socket.as_os_str());
    let run = Background::start(&words);
    let mut talk = Talk::begin(&socket);
    assert_eq!(talk.hello["module"]["virtual_time"], true);
    let state = talk.until("time passes", |state| number(&state["elapsed_ns"]) > 300_000_000);
    assert_eq!(state["partitions"][0]["lateness"]["worst_ns"], 0);
    let answer = talk.ask(&json!({"op": "restart", "partition": "display"}));
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("virtual time")), "{answer:#}");
    let seen = run.finish().json();
    let mut command = bulkhead();
    command.arg("run").arg(&flight).args(&args[..3]).arg("--json");
    let alone = finish(command).json();
    assert_eq!(seen["virtual_time"]["digest"], alone["virtual_time"]["digest"]);
}
