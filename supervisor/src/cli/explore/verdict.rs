//! Whether a run failed, and how, from what it left behind. Pure.

use serde_json::Value;

use crate::cli::{GUEST_FAILED, HOST_CANNOT, WELL};

/// Most lines of a failed run's output that are shown.
const MOST_LINES: usize = 12;
/// Most incidents that are named.
const MOST_INCIDENTS: usize = 4;

/// What became of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing failed.
    Well,
    /// Something failed.
    Failed(Failure),
    /// It did not come to its end in its time.
    Endless,
    /// It could not run, whatever the seed.
    Impossible {
        /// The exit status, for the user.
        status: u8,
        /// What it said.
        said: String,
    },
}

/// A failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What failed, in words.
    pub(super) what: Vec<String>,
    /// The run's digest.
    pub(super) digest: Option<String>,
    /// The last of what the run printed.
    pub(super) output: String,
}

impl Failure {
    /// The last lines of the output.
    pub(super) fn last_lines(&self) -> impl Iterator<Item = &str> {
        let lines: Vec<&str> = self.output.lines().collect();
        let from = lines.len().saturating_sub(MOST_LINES);
        lines.into_iter().skip(from)
    }
}

/// Judges a run by its exit status and its report. A failure is more than it is to `run`: also what the health monitor, or a guest's
/// own error handler, has dealt with.
pub(super) fn judge(status: Option<i32>, report: &[u8], said: Vec<u8>) -> Verdict {
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = match status.map(u8::try_from) {
        Some(Ok(status @ (WELL | GUEST_FAILED))) => status,
        Some(Ok(status)) => return Verdict::Impossible { status, said },
        _ => {
            let said = said + "bulkhead: a run was ended from outside\n";
            return Verdict::Impossible { status: HOST_CANNOT, said };
        }
    };
    let Ok(report) = serde_json::from_slice::<Value>(report) else {
        return Verdict::Impossible { status: HOST_CANNOT, said: said + "bulkhead: a run left no report\n" };
    };
    let mut what: Vec<String> = [ending(&report["ending"])].into_iter().flatten().collect();
    what.extend(list(&report["partitions"]).filter_map(partition));
    let (named, more) = incidents(&report["summary"]["incidents"]);
    // A partition's end is an incident as well.
    if what.is_empty() {
        what.extend(named);
        if more > 0 {
            what.push(format!("{more} more"));
        }
    }
    if what.is_empty() && status == WELL {
        return Verdict::Well;
    }
    if what.is_empty() {
        what.push("the run failed".to_owned());
    }
    let digest = report["virtual_time"]["digest"].as_str().map(str::to_owned);
    Verdict::Failed(Failure { what, digest, output: said })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What is bad about the way in which the module ended.
fn ending(ending: &Value) -> Option<String> {
    // A name, or a name with whose doing it was.
    let whose = |detail: &Value| format!("\"{}\"", detail["partition"].as_str().unwrap_or_default());
    if ending == "deadlock" {
        return Some("deadlock".to_owned());
    }
    let (name, detail) = ending.as_object()?.iter().next()?;
    match name.as_str() {
        "shutdown" => Some(format!("the health monitor stopped the module on behalf of {}", whose(detail))),
        "storm" => Some(format!("{} keeps failing", whose(detail))),
        "stuck" => Some(format!("{} does not move the virtual clock", whose(detail))),
        "birth_failed" => Some(format!("{} cannot be restarted", whose(detail))),
        _ => None,
    }
}

/// How a partition has failed for good.
fn partition(partition: &Value) -> Option<String> {
    if partition["failed"] != true {
        return None;
    }
    let name = partition["name"].as_str().unwrap_or_default();
    let last = &partition["last"];
    Some(match last["kind"].as_str() {
        Some("exit") => format!("\"{name}\" ended with status {}", last["status"]),
        Some("crash") => format!("\"{name}\" crashed with signal {}", last["signal"]),
        Some("forbidden_call") => format!("\"{name}\" made a forbidden system call"),
        _ => format!("\"{name}\" failed"),
    })
}

/// The first health events and errors that guests dealt with, and how many there are besides.
fn incidents(incidents: &Value) -> (Vec<String>, usize) {
    let is_bad = |incident: &&Value| incident["what"] == "health" || incident["what"] == "handled_error";
    let word = |value: &Value| value.as_str().unwrap_or("unknown").replace('_', " ");
    let mut bad = list(incidents).filter(is_bad);
    let named = bad.by_ref().take(MOST_INCIDENTS).map(|incident| {
        let whose = incident["partition"].as_str().map_or("the module".to_owned(), |name| format!("\"{name}\""));
        let at_ms = incident["time_ns"].as_f64().unwrap_or_default() / 1e6;
        let answer =
            if incident["action"].is_null() { String::new() } else { format!(", {}", word(&incident["action"])) };
        format!("{whose}: {}{answer} at {at_ms:.6} ms", word(&incident["error"]))
    });
    let named = named.collect();
    (named, bad.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(status: i32, report: &str) -> Option<Vec<String>> {
        match judge(Some(status), report.as_bytes(), Vec::new()) {
            Verdict::Well => None,
            Verdict::Failed(failure) => Some(failure.what),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_run_without_incidents_is_well() {
        assert_eq!(what(0, r#"{"ending": "all_ended", "partitions": [{"name": "a", "failed": false}]}"#), None);
        let message = r#"{"ending": "complete", "summary": {"incidents": [{"what": "message"}, {"what": "mode"}]}}"#;
        assert_eq!(what(0, message), None);
    }

    #[test]
    fn failures_are_named() {
        let failed = r#"{"ending": "all_ended", "partitions": [
            {"name": "a", "failed": true, "last": {"kind": "exit", "status": 3}},
            {"name": "b", "failed": true, "last": {"kind": "crash", "signal": 11}}]}"#;
        assert_eq!(what(1, failed).unwrap(), [r#""a" ended with status 3"#, r#""b" crashed with signal 11"#]);
        assert_eq!(what(1, r#"{"ending": "deadlock"}"#).unwrap(), ["deadlock"]);
        assert_eq!(what(1, r#"{"ending": {"storm": {"partition": "x"}}}"#).unwrap(), [r#""x" keeps failing"#]);
        assert_eq!(what(1, r#"{"ending": "complete"}"#).unwrap(), ["the run failed"]);
    }

    #[test]
    fn what_was_dealt_with_is_a_failure_too() {
        let incident = r#"{"what": "handled_error", "partition": "a", "error": "deadline_missed", "action": null,
            "time_ns": 1500000}"#;
        let report = format!(r#"{{"ending": "complete", "summary": {{"incidents": [{incident}]}}}}"#);
        assert_eq!(what(0, &report).unwrap(), [r#""a": deadline missed at 1.500000 ms"#]);
        let six = [incident; 6].join(",");
        let report = format!(r#"{{"ending": "complete", "summary": {{"incidents": [{six}]}}}}"#);
        let what = what(0, &report).unwrap();
        assert_eq!((what.len(), what[4].as_str()), (5, "2 more"));
    }

    #[test]
    fn what_is_no_matter_of_seeds_is_passed_on() {
        let said = || b"bulkhead: no such file\n".to_vec();
        let told = Verdict::Impossible { status: 2, said: "bulkhead: no such file\n".to_owned() };
        assert_eq!(judge(Some(2), b"", said()), told);
        assert!(matches!(judge(None, b"", said()), Verdict::Impossible { status: HOST_CANNOT, .. }));
        assert!(matches!(judge(Some(0), b"{", said()), Verdict::Impossible { status: HOST_CANNOT, .. }));
    }

    #[test]
    fn the_last_lines_are_shown() {
        let output = (0..100).map(|line| format!("{line}\n")).collect();
        let failure = Failure { what: Vec::new(), digest: None, output };
        assert_eq!(failure.last_lines().next(), Some("88"));
        assert_eq!(failure.last_lines().count(), MOST_LINES);
    }
}
