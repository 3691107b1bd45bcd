//! `bulkhead explore`, and what a seed varies.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::common::{
    Finished, bulkhead, children, eventually, example, finish, round_robin, status_field, wait, write_module,
};
use super::{MS, digest, guest, numbers};

fn explore(arguments: &[&str], guest_arguments: &[&str]) -> Finished {
    let mut command = bulkhead();
    command.arg("explore").arg(example("race")).args(arguments).arg("--").args(guest_arguments);
    finish(command)
}

fn race(seed: u64) -> Command {
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--seed", &seed.to_string()]).arg(example("race"));
    command
}

fn ticks(seed: Option<&str>) -> Vec<Vec<u64>> {
    let mut command = bulkhead();
    command.args(["run", "--virtual"]).args(seed.into_iter().flat_map(|seed| ["--seed", seed]));
    let finished = finish({
        command.arg(guest("c_time")).args(["--", "busy", "10"]);
        command
    });
    assert_eq!(finished.code(), 0, "{finished:#?}");
    numbers(&finished.stdout, "tick at")
}

#[test]
fn a_race_that_a_fixed_timing_never_shows_is_found_and_played_back() {
    for _ in 0..3 {
        let exact = finish(race(0));
        assert!(exact.code() == 0 && exact.stdout.contains("all 200 pulses taken"), "{exact:#?}");
    }
    let found = explore(&["--seeds", "1000", "--json"], &[]);
    assert_eq!(found.code(), 1, "{found:#?}");
    let found = found.json();
    let failure = &found["failure"];
    assert_eq!(failure["what"][0], "\"race\" ended with status 1", "{found:#}");
    assert!(failure["output"].as_str().unwrap().contains("1 of 200 pulses lost"), "{found:#}");
    let seed = failure["seed"].as_u64().unwrap();
    for _ in 0..10 {
        let again = finish(race(seed));
        assert!(again.code() == 1 && again.stdout.contains("1 of 200 pulses lost"), "{again:#?}");
        assert_eq!(digest(&again), failure["digest"].as_str().unwrap());
    }
    // The command that is printed is the one that plays it back.
    let words: Vec<&str> = failure["command"].as_str().unwrap().split(' ').collect();
    assert_eq!(words[..5], ["bulkhead", "run", "--virtual", "--seed", &seed.to_string()]);
    let mut command = bulkhead();
    command.args(&words[1..]);
    assert_eq!(finish(command).code(), 1);
}

#[test]
fn the_seed_that_is_found_does_not_depend_on_how_many_run_at_a_time() {
    let found =
        |jobs: &str| explore(&["--seeds", "1000", "--json", "--jobs", jobs], &[]).json()["failure"]["seed"].clone();
    let alone = found("1");
    assert!(alone.is_u64());
    assert_eq!(alone, found("5"));
}

#[test]
fn the_corrected_variant_survives() {
    let finished = explore(&["--seeds", "300"], &["masked"]);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stdout.starts_with("no failure: 300 runs in "), "{finished:#?}");
}

#[test]
fn a_seed_keeps_to_the_bounds() {
    let exact = ticks(None);
    assert_eq!(exact, ticks(Some("0")));
    let mut latest = BTreeSet::new();
    for seed in ["1", "2", "3"] {
        let varied = ticks(Some(seed));
        assert_eq!(varied, ticks(Some(seed)));
        assert_ne!(varied, exact);
        for (index, tick) in varied.iter().enumerate() {
            // At most 100 us late, besides what the handler takes, which is at most twice as slow.
            let due = (index as u64 + 1) * MS;
            assert!((due..due + 100_200).contains(&tick[0]), "tick {index} with seed {seed}: {tick:?}");
            latest.insert(tick[0] - due);
        }
        // The loop is never faster than without a seed, and at most twice as slow.
        let rounds = |ticks: &[Vec<u64>]| ticks[9][1] - ticks[0][1];
        let (most, of) = (rounds(&exact), rounds(&varied));
        assert!((most / 2 - most / 50..=most + most / 50).contains(&of), "seed {seed}: {of} of {most} rounds");
    }
    assert!(latest.len() > 15, "{latest:?}");
}

#[test]
fn what_the_health_monitor_deals_with_is_a_failure_of_the_exploration() {
    let folder = tempfile::tempdir().unwrap();
    let image = guest("c_time");
    let restarted = "args = [\"crash\", \"2\"]\n[partition.health]\ncrash = \"cold_start\"";
    let path = write_module(folder.path(), &round_robin(&[("a", &image, restarted)], 2000, 0));
    let mut command = bulkhead();
    command.args(["explore", "--seeds", "5", "--until", "4 ms"]).arg(&path);
    let finished = finish(command);
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(finished.stdout.starts_with("seed 1 fails: \"a\": "), "{finished:#?}");
    assert!(finished.stdout.contains("--seed 1 --until '4 ms' "), "{finished:#?}");
}

#[test]
fn what_no_seed_can_help_is_told_once_with_its_own_exit_status() {
    let explore = |arguments: &[&str]| {
        let mut command = bulkhead();
        command.arg("explore").args(arguments);
        finish(command)
    };
    let finished = explore(&["/nowhere.toml"]);
    assert_eq!(finished.code(), 2, "{finished:#?}");
    assert_eq!(finished.stderr.matches("/nowhere.toml").count(), 1, "{finished:#?}");
    let endless = guest("c_time");
    let endless = endless.to_str().unwrap();
    let finished = explore(&[endless, "--timeout", "300 ms", "--", "loop"]);
    assert_eq!(finished.code(), 2, "{finished:#?}");
    assert!(finished.stderr.contains("has not come to its end in 300ms: bound it with --until"), "{finished:#?}");
}

#[test]
fn an_interrupted_exploration_leaves_nothing_behind() {
    let mut command = bulkhead();
    command.arg("explore").arg(guest("c_time")).args(["--jobs", "2", "--", "loop"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs = eventually("two runs", || Some(children(child.id())).filter(|runs| runs.len() == 2));
    let mut kill = Command::new("kill");
    kill.args(["-INT", &child.id().to_string()]);
    assert!(kill.status().unwrap().success());
    let finished = wait(child);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(finished.stdout.starts_with("interrupted; no failure: 0 runs"), "{finished:#?}");
    for run in runs {
        // One whose parent ended first is waited for by somebody else, in his own time.
        eventually("the run is gone", || {
            status_field(run, "State").is_none_or(|state| state.starts_with('Z')).then_some(())
        });
    }
}
