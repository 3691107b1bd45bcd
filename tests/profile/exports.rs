//! The other forms of a recording: their numbers are those of the JSON.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{bulkhead_with, module, record};
use crate::common::{finish, skip};

fn sum(json: &Value, what: &str) -> u64 {
    json["partitions"].as_array().unwrap().iter().map(|partition| partition[what].as_u64().unwrap()).sum()
}

#[test]
fn every_form_has_every_window() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 300);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let report = bulkhead_with(&[
        "report",
        "--json",
        recording.to_str().unwrap(),
        "--csv",
        &path("x.csv"),
        "--hgrm",
        &path("hgrm"),
        "--hlog",
        &path("x.hlog"),
        "--cyclictest",
        &path("x.hist"),
        "--gate",
        &path("x.json"),
        "--budget",
        // One on starts is broken wherever the host makes the dispatcher skip a window.
        "stop=10s",
    ]);
    assert_eq!(report.code(), 0, "{report:#?}");
    let json = report.json();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();

    let csv = read("x.csv");
    assert_eq!(csv.lines().filter(|line| line.contains(",ran,")).count() as u64, sum(&json, "windows"));
    assert_eq!(csv.lines().filter(|line| line.contains(",vacant,")).count() as u64, sum(&json, "vacant_windows"));
    assert_eq!(csv.lines().filter(|line| line.contains(",skipped,")).count() as u64, sum(&json, "skipped_windows"));

    let histogram = read("x.hist");
    let partitions = json["partitions"].as_array().unwrap();
    for (index, partition) in partitions.iter().enumerate() {
        let rows = histogram.lines().filter(|line| !line.starts_with('#'));
        let counts =
            rows.map(|line| line.split_once(' ').unwrap().1.split('\t').nth(index).unwrap().parse::<u64>().unwrap());
        let numbers = |title: &str| -> u64 {
            let line = histogram.lines().find_map(|line| line.strip_prefix(title)).unwrap();
            line.split_whitespace().nth(index).unwrap().parse().unwrap()
        };
        assert_eq!(counts.sum::<u64>() + numbers("# Histogram Overflows:"), partition["windows"].as_u64().unwrap());
        assert_eq!(numbers("# Max Latencies:"), partition["start_lateness_ns"]["max"].as_u64().unwrap() / 1000);
        let name = partition["name"].as_str().unwrap();
        let curve = read(&format!("hgrm/{name}.hgrm"));
        assert!(
            curve.contains(&format!("Total count    = {:>12}]", partition["windows"].as_u64().unwrap())),
            "{curve}"
        );
    }
    let tags = read("x.hlog").lines().filter(|line| line.starts_with("Tag=nav,")).count();
    assert!(tags >= 1, "an interval for the first partition");

    let gate: Value = serde_json::from_str(&read("x.json")).unwrap();
    assert_eq!((&gate["kept"], gate["verdicts"].as_array().unwrap().len()), (&Value::Bool(true), partitions.len()));
    assert_eq!(gate["partitions"][0]["start_ns"]["p99"], partitions[0]["start_lateness_ns"]["p99"]);
}

#[test]
fn a_recording_is_never_written_over_by_its_export() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 10);
    let before = std::fs::read(&recording).unwrap();
    let name = recording.to_str().unwrap();
    let report = bulkhead_with(&["report", name, "--csv", name]);
    assert_eq!(report.code(), 2, "{report:#?}");
    assert!(report.stderr.contains("is the recording itself"), "{report:#?}");
    assert_eq!(std::fs::read(&recording).unwrap(), before);
}

#[test]
fn a_recording_that_was_cut_is_said_to_be_where_only_files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 10);
    let (name, csv) = (recording.to_str().unwrap(), folder.path().join("x.csv"));
    let report = || bulkhead_with(&["report", name, "--csv", csv.to_str().unwrap()]);
    let cut = "the recording ends within an event";
    assert!(!report().stderr.contains(cut));
    let bytes = std::fs::read(&recording).unwrap();
    std::fs::write(&recording, &bytes[..bytes.len() - 7]).unwrap();
    let report = report();
    assert!(report.code() == 0 && report.stderr.contains(cut), "{report:#?}");
}

#[test]
fn two_recordings_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 300);
    let name = recording.to_str().unwrap();
    let same = bulkhead_with(&["report", "--json", name, name]);
    assert_eq!(same.code(), 0, "{same:#?}");
    let changes = same.json()["changes"].as_array().unwrap().clone();
    assert!(changes.len() >= 30, "{same:#?}");
    assert!(changes.iter().all(|change| change["before_ns"] == change["after_ns"] && change["significant"] != true));
    let shown = bulkhead_with(&["report", name, name]);
    assert!(shown.stdout.contains("start p99") && shown.stdout.contains("Welch"), "{shown:#?}");
}

/// Python with Perfetto's own bindings: the interpreter that PERFETTO_PYTHON names, or the host's. None, and said so, without.
fn python() -> Option<String> {
    let python = std::env::var("PERFETTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import perfetto.protos.perfetto.trace.perfetto_trace_pb2"]).output();
    if !has.is_ok_and(|out| out.status.success()) {
        skip("no Perfetto bindings for Python");
        return None;
    }
    Some(python)
}

/// The figures of a recording, and what the bindings found in its trace.
pub(super) fn read_trace(folder: &Path, recording: &Path) -> Option<(Value, Value)> {
    let python = python()?;
    let trace = folder.join("x.perfetto");
    let report =
        bulkhead_with(&["report", "--json", recording.to_str().unwrap(), "--perfetto", trace.to_str().unwrap()]);
    assert_eq!(report.code(), 0, "{report:#?}");
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/profile/read_trace.py")).arg(&trace);
    let read = finish(command);
    assert_eq!(read.code(), 0, "{read:#?}");
    Some((report.json(), read.json()))
}

#[test]
fn perfettos_own_bindings_read_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), &module(folder.path()), 300);
    let Some((json, found)) = read_trace(folder.path(), &recording) else { return };
    for partition in json["partitions"].as_array().unwrap() {
        let name = partition["name"].as_str().unwrap();
        assert_eq!(found["windows"][name], partition["windows"], "{found:#}");
        assert_eq!(found["counters"][name], partition["windows"], "{found:#}");
        assert_eq!(found["firsts"][name], partition["first_instruction_ns"]["count"], "{found:#}");
        assert_eq!(found["worst"][name], partition["start_lateness_ns"]["max"], "{found:#}");
    }
    let interrupts =
        found["waiting"].as_object().unwrap().iter().find(|(name, _)| name.starts_with("interrupts of CPU"));
    let counts = interrupts.unwrap_or_else(|| panic!("{found:#}")).1.as_array().unwrap();
    assert!(counts.len() > 10 && counts.is_sorted_by_key(|count| count[1].as_u64()), "{found:#}");
    assert_eq!(found["processes"].as_u64(), Some(1 + json["partitions"].as_array().unwrap().len() as u64));
}
