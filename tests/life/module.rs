//! What concerns the whole module: reset, shutdown, the module's own table, a host that loses its power.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::common::{guest, round_robin, write_module};
use crate::runs::{Background, figures, lines_of, number, outcome, run_module, run_until};
use crate::{guests, incidents};

/// A partition that raises an error at its first start, one that stays, and one that does not start with its module.
fn three(raises: &std::path::Path, health: &str, more: &str) -> String {
    let stays = guest("h_rust");
    round_robin(
        &[
            (
                "raises",
                raises,
                &format!("args = [\"raise\", \"5\", \"1\"]\nhealth = {{ memory_violation = {health} }}"),
            ),
            ("stays", &stays, "args = [\"stay\"]"),
            ("rests", &stays, "args = [\"stay\"]\nstart = \"idle\""),
        ],
        1000,
        1000,
    ) + more
}

#[test]
fn a_reset_restarts_every_partition_in_place() {
    // Said outright, and by the module's own table.
    let by_table = "[module.module_health]\nmemory_violation = \"reset\"\n";
    for (health, more) in [("\"reset\"", ""), ("{ level = \"module\" }", by_table)] {
        for guest in guests() {
            let again = "start 2 condition 2 mode 0 kept 0";
            let run = run_until(&three(&guest, health, more), &["--json", "-q"], "both are back", |_, said| {
                lines_of(said, "stays").contains(&again) && lines_of(said, "raises").contains(&"all is well")
            });
            assert_eq!(run.code(), 0, "{run:#?}");
            let json = run.json();
            assert_eq!(json["ending"], json!("interrupted"));
            let first = "start 1 condition 0 mode 0 kept 0";
            assert_eq!(lines_of(&run.stderr, "raises"), [first, again, "all is well"]);
            // The reset may come before a busy host has let it say anything.
            let stays = lines_of(&run.stderr, "stays");
            assert!(stays == [first, again] || stays == [again], "{stays:?}");
            assert_eq!(lines_of(&run.stderr, "rests"), [""; 0]);
            assert_eq!(number(&figures(&json, "stays")["births"]), 2);
            let [incident] = incidents(&json) else { panic!("{json:#}") };
            assert_eq!((&incident["level"], &incident["action"]), (&json!("module"), &json!("reset")));
        }
    }
}

#[test]
fn a_reset_keeps_nothing_not_even_for_a_warm_start() {
    let [c, _] = guests();
    let text = round_robin(
        &[("p", &c, "args = [\"raise\", \"5\", \"1\"]\nstart = \"warm\"\nhealth = { memory_violation = \"reset\" }")],
        1000,
        1000,
    );
    let run = run_module(&text, &["-q"]);
    let expected = ["start 1 condition 0 mode 1 kept 0", "start 2 condition 2 mode 1 kept 0", "all is well"];
    assert_eq!(lines_of(&run.stdout, "p"), expected, "{run:#?}");
}

#[test]
fn a_storm_of_resets_stops_the_module() {
    let [_, rust] = guests();
    let text = round_robin(
        &[("p", &rust, "args = [\"raise\", \"5\", \"100000\"]\nhealth = { memory_violation = \"reset\" }")],
        1000,
        1000,
    ) + "[module.storm]\nrestarts = 3\nwithin = \"1 h\"\n";
    let run = run_module(&text, &["--json", "-q"]);
    assert_eq!(run.code(), 1, "{run:#?}");
    let json = run.json();
    assert_eq!(json["ending"], json!({"storm": {"partition": "p"}}));
    assert_eq!(number(&figures(&json, "p")["births"]), 4);
    let said = "bulkhead: the module was to be restarted more than 3 times within 1h: it stops\n";
    assert!(run.stderr.contains(said), "{run:#?}");
}

#[test]
fn the_module_s_own_table_decides_at_its_level() {
    let [c, _] = guests();
    for (table, code, ending, births) in [
        // It stops the module unless it says otherwise.
        ("", 1, json!({"shutdown": {"partition": "raises"}}), 1),
        (
            "[module.module_health]\nmemory_violation = \"shutdown\"\n",
            1,
            json!({"shutdown": {"partition": "raises"}}),
            1,
        ),
        ("[module.module_health]\nmemory_violation = \"ignore\"\n", 0, json!("interrupted"), 1),
        (
            "[module.module_health]\nmemory_violation = \"reset\"\nnumeric_error = \"ignore\"\n",
            0,
            json!("interrupted"),
            2,
        ),
    ] {
        let text = three(&c, "{ level = \"module\" }", table);
        let run = if ending == "interrupted" {
            // It stays as long as it is let.
            run_until(&text, &["--json", "-q"], "it is dealt with", |_, said| {
                let start = format!("start {births} ");
                said.contains("action: ")
                    && lines_of(said, "stays").iter().any(|line| line.starts_with(&start))
                    && (births == 1 || lines_of(said, "raises").contains(&"all is well"))
            })
        } else {
            run_module(&text, &["--json", "-q"])
        };
        assert_eq!(run.code(), code, "{table}: {run:#?}");
        let json = run.json();
        assert_eq!((&json["ending"], number(&figures(&json, "stays")["births"])), (&ending, births), "{table}");
        // One that was started anew has come to its end, but that may not have been noticed yet.
        assert!(births == 2 || outcome(&json, "raises")["state"] == "idle", "{table}: {json:#}");
    }
}

/// Runs a module that stays, sends it a SIGPWR, and gives its JSON.
fn lose_power(table: &str) -> (i32, Value, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let [c, _] = guests();
    let text = round_robin(&[("stays", &c, "args = [\"stay\"]")], 1000, 1000) + table;
    let module = write_module(folder.path(), &text);
    let recording = folder.path().join("run.rec");
    let run = Background::start(&[module.as_os_str(), "--record".as_ref(), recording.as_os_str()]);
    run.wait_for("start 1");
    run.signal(Signal::SIGPWR);
    if table.contains("reset") {
        run.wait_for("start 2 condition 2");
        run.signal(Signal::SIGINT);
    } else if table.contains("ignore") {
        crate::common::eventually("it is told", || run.stderr().contains("SIGPWR").then_some(()));
        run.signal(Signal::SIGINT);
    }
    let finished = run.finish();
    let mut command = crate::common::bulkhead();
    command.arg("report").arg(&recording).arg("--json");
    (finished.code(), crate::common::finish(command).json(), finished.stderr)
}

#[test]
fn a_host_that_loses_its_power_is_an_error_of_the_module() {
    for (table, code, action) in [
        ("", 1, "shutdown"),
        ("[module.module_health]\npower_fail = \"ignore\"\n", 0, "ignore"),
        ("[module.module_health]\npower_fail = \"reset\"\n", 0, "reset"),
    ] {
        let (found, report, stderr) = lose_power(table);
        assert_eq!(found, code, "{table}: {stderr}");
        assert!(stderr.contains(&format!("about to lose its power (SIGPWR); action: {action}\n")), "{stderr}");
        let incidents = report["incidents"].as_array().expect("incidents");
        let [incident] = incidents.as_slice() else { panic!("{report:#}") };
        assert_eq!((&incident["error"], &incident["cause"]), (&json!("power_fail"), &json!("host")));
        assert_eq!((&incident["action"], &incident["partition"]), (&json!(action), &Value::Null));
        assert_eq!(report["misplaced_events"], json!(0));
    }
}
