//! The results of many tests, as text, JSON and JUnit XML. Pure.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::banner::Verdict;

/// The result of one test.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    pub(super) output: String,
    /// The digest of a run in virtual time.
    pub(super) digest: Option<String>,
}

fn count(outcomes: &[Outcome], verdict: Verdict) -> usize {
    outcomes.iter().filter(|outcome| outcome.verdict == verdict).count()
}

/// Lines at the beginning of an unrepeatable test's output that say in what its runs differ.
const DIFFERENCES: usize = 2;

/// How many of each, and the bad ones by name.
pub(super) fn text(outcomes: &[Outcome], took: Duration) -> String {
    let mut out = String::new();
    for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.is_bad()) {
        let names: Vec<&str> =
            outcomes.iter().filter(|o| o.verdict == verdict).map(|outcome| outcome.name.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "{}: {}", verdict.name(), names.join(" "));
        }
    }
    for outcome in outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Unrepeatable) {
        let _ = writeln!(out, "{}:", outcome.name);
        for words in outcome.output.lines().take(DIFFERENCES) {
            let _ = writeln!(out, "    {words}");
        }
    }
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict, count(outcomes, verdict)))
        .filter(|&(verdict, count)| count > 0 || verdict == Verdict::Passed || verdict == Verdict::Failed)
        .map(|(verdict, count)| format!("{count} {}", verdict.name()))
        .collect();
    let _ = writeln!(out, "{} tests in {:.1} s: {}", outcomes.len(), took.as_secs_f64(), counts.join(", "));
    out
}

/// All there is to know; the output only of tests that went wrong.
pub(super) fn json(outcomes: &[Outcome], took: Duration) -> String {
    let counts: serde_json::Map<String, serde_json::Value> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict.name().replace(' ', "_"), count(outcomes, verdict).into()))
        .collect();
    let tests: Vec<serde_json::Value> = outcomes
        .iter()
        .map(|outcome| {
            let mut value = serde_json::json!({
                "name": outcome.name,
                "path": outcome.path.to_string_lossy(),
                "verdict": outcome.verdict,
                "seconds": outcome.took.as_secs_f64(),
            });
            if let Some(digest) = &outcome.digest {
                value["digest"] = digest.as_str().into();
            }
            if outcome.verdict.is_bad() {
                value["output"] = outcome.output.as_str().into();
            }
            value
        })
        .collect();
    let whole = serde_json::json!({ "seconds": took.as_secs_f64(), "counts": counts, "tests": tests });
    format!("{whole:#}\n")
}

/// JUnit XML, as CI services read it: bad tests are failures, those that promise nothing are skipped.
pub(super) fn junit(outcomes: &[Outcome], took: Duration) -> String {
    let bad = outcomes.iter().filter(|outcome| outcome.verdict.is_bad()).count();
    let skipped = outcomes.iter().filter(|outcome| is_skipped(outcome.verdict)).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuite name=\"bulkhead\" tests=\"{}\" failures=\"{bad}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\">",
        outcomes.len(),
        took.as_secs_f64()
    );
    for outcome in outcomes {
        let folder = outcome.path.parent().map(|folder| folder.to_string_lossy()).unwrap_or_default();
        let _ = write!(
            out,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escape(&folder),
            escape(&outcome.name),
            outcome.took.as_secs_f64()
        );
        if outcome.verdict.is_bad() {
            let _ = writeln!(
                out,
                ">\n    <failure message=\"{}\">{}</failure>\n  </testcase>",
                outcome.verdict.name(),
                escape(&outcome.output)
            );
        } else if is_skipped(outcome.verdict) {
            let _ = writeln!(out, ">\n    <skipped message=\"{}\"/>\n  </testcase>", outcome.verdict.name());
        } else {
            let _ = writeln!(out, "/>");
        }
    }
    out + "</testsuite>\n"
}

fn is_skipped(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::ExpectedFail | Verdict::UserInput | Verdict::Indeterminate)
}

/// Text for XML; characters that XML 1.0 cannot hold at all become question marks.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let outcome = |name: &str, verdict| Outcome {
            name: name.to_owned(),
            path: format!("suite/{name}.exe").into(),
            verdict,
            took: Duration::from_millis(1500),
            output: "<a & \x1b b>".to_owned(),
            digest: None,
        };
        vec![outcome("one", Verdict::Passed), outcome("two", Verdict::Failed), outcome("three", Verdict::UserInput)]
    }

    #[test]
    fn the_text_names_what_went_wrong() {
        let text = text(&outcomes(), Duration::from_secs(2));
        assert_eq!(text, "failed: two\n3 tests in 2.0 s: 1 passed, 1 user input, 1 failed\n");
    }

    #[test]
    fn junit_counts_and_escapes() {
        let xml = junit(&outcomes(), Duration::from_secs(2));
        assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"2.000\""), "{xml}");
        assert!(xml.contains("<failure message=\"failed\">&lt;a &amp; ? b&gt;</failure>"), "{xml}");
        assert!(xml.contains("classname=\"suite\" name=\"one\" time=\"1.500\"/>"), "{xml}");
    }

    #[test]
    fn json_carries_output_of_bad_tests_only() {
        let value: serde_json::Value = serde_json::from_str(&json(&outcomes(), Duration::from_secs(2))).unwrap();
        assert_eq!(value["counts"]["passed"], 1);
        assert_eq!(value["tests"][0]["output"], serde_json::Value::Null);
        assert_eq!(value["tests"][1]["verdict"], "failed");
        assert!(value["tests"][1]["output"].is_string());
    }
}
