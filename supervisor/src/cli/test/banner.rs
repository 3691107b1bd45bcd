//! What a test's output says about it. Pure.
//!
//! The banners are those of RTEMS' tests (`cpukit/libtest/testbeginend.c`): a line `*** BEGIN OF TEST NAME ***` or
//! `*** TEST NAME ***`, a line with the state the test is expected to end in, and a line `*** END OF TEST NAME ***`, which only
//! a test that came through prints.

use serde::Serialize;

/// The state that a test announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is expected to pass.
    ExpectedPass,
    /// It is expected to fail.
    ExpectedFail,
    /// It waits for somebody to type.
    UserInput,
    /// Its result depends on the machine.
    Indeterminate,
    /// It measures.
    Benchmark,
}

/// What a test's output holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banners {
    /// The name in the first banner.
    pub name: Option<String>,
    /// The announced state; a test that announces none is expected to pass.
    pub state: State,
    /// Whether the last banner came.
    pub ended: bool,
}

/// How a test's guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself. Its status says little: a test of fatal errors comes to its last banner within one, and RTEMS goes on to
    /// report that error.
    Exited,
    /// By a fault, by a forbidden system call, or together with its supervisor.
    Broken,
    /// It never began: the host could not run it.
    NotRun,
    /// It was stopped, because its time was over.
    TimeLimit,
}

impl Ending {
    /// Reads the exit status of `bulkhead run --json` and what that printed.
    pub fn of_run(status: Option<i32>, json: &[u8]) -> Ending {
        match status {
            Some(WELL | GUEST_FAILED) => {}
            Some(HOST_CANNOT) => return Ending::NotRun,
            _ => return Ending::Broken,
        }
        let json: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        let guest = &json["partitions"][0]["last"];
        if guest["kind"] == "exit" { Ending::Exited } else { Ending::Broken }
    }
}

const WELL: i32 = super::WELL as i32;
const GUEST_FAILED: i32 = super::GUEST_FAILED as i32;
const HOST_CANNOT: i32 = super::HOST_CANNOT as i32;

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It came to its end.
    Passed,
    /// It measured and came to its end.
    Benchmark,
    /// It failed, as it or somebody else said it would.
    ExpectedFail,
    /// It waits for input, which there is none of.
    UserInput,
    /// Nobody promises a result.
    Indeterminate,
    /// It was expected to fail and passed.
    UnexpectedPass,
    /// It did not come to its end.
    Failed,
    /// It did not come to its end in time.
    Timeout,
    /// In virtual time, where every run is the same, two runs were not.
    Unrepeatable,
    /// It printed no banner, or could not be run.
    Invalid,
    /// The host could not run it.
    NotRun,
}

impl Verdict {
    /// Every verdict, in the order of reports.
    pub const ALL: [Verdict; 11] = [
        Verdict::Passed,
        Verdict::Benchmark,
        Verdict::ExpectedFail,
        Verdict::UserInput,
        Verdict::Indeterminate,
        Verdict::UnexpectedPass,
        Verdict::Failed,
        Verdict::Timeout,
        Verdict::Unrepeatable,
        Verdict::Invalid,
        Verdict::NotRun,
    ];

    /// Whether this spoils the whole.
    pub fn is_bad(self) -> bool {
        self >= Verdict::UnexpectedPass
    }

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Benchmark => "benchmark",
            Verdict::ExpectedFail => "expected fail",
            Verdict::UserInput => "user input",
            Verdict::Indeterminate => "indeterminate",
            Verdict::UnexpectedPass => "unexpected pass",
            Verdict::Failed => "failed",
            Verdict::Timeout => "timeout",
            Verdict::Unrepeatable => "unrepeatable",
            Verdict::Invalid => "invalid",
            Verdict::NotRun => "not run",
        }
    }
}

/// Finds the banners in a test's output.
pub fn parse(output: &str) -> Banners {
    let mut banners = Banners { name: None, state: State::ExpectedPass, ended: false };
    for line in output.lines() {
        let Some(text) = line.trim().strip_prefix("*** ") else { continue };
        if let Some(state) = text.strip_prefix("TEST STATE: ") {
            banners.state = match state.trim_end_matches(" ***").trim() {
                "EXPECTED_FAIL" => State::ExpectedFail,
                "USER_INPUT" => State::UserInput,
                "INDETERMINATE" => State::Indeterminate,
                "BENCHMARK" => State::Benchmark,
                _ => State::ExpectedPass,
            };
        } else if let Some(name) = text.strip_prefix("BEGIN OF TEST ").and_then(|rest| rest.strip_suffix(" ***")) {
            banners.name = Some(name.to_owned());
        } else if text.starts_with("END OF TEST ") {
            banners.ended = banners.name.is_some();
        }
    }
    banners
}

/// Judges a test; `expected_fail` says that somebody expects it to fail.
pub fn judge(banners: &Banners, ending: Ending, expected_fail: bool) -> Verdict {
    if ending == Ending::NotRun {
        return Verdict::NotRun;
    }
    if banners.name.is_none() {
        return match ending {
            _ if expected_fail => Verdict::ExpectedFail,
            Ending::TimeLimit => Verdict::Timeout,
            _ => Verdict::Invalid,
        };
    }
    let good = banners.ended && ending == Ending::Exited;
    match banners.state {
        State::UserInput => Verdict::UserInput,
        State::Indeterminate if !good => Verdict::Indeterminate,
        State::ExpectedFail if !good => Verdict::ExpectedFail,
        _ if good && (expected_fail || banners.state == State::ExpectedFail) => Verdict::UnexpectedPass,
        State::Benchmark if good => Verdict::Benchmark,
        _ if good => Verdict::Passed,
        _ if expected_fail => Verdict::ExpectedFail,
        _ if ending == Ending::TimeLimit => Verdict::Timeout,
        _ => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\r\n*** BEGIN OF TEST HELLO WORLD ***\r\n*** TEST VERSION: 7\r\n*** TEST STATE: EXPECTED_PASS\r\n\
                        Hello World\r\n\r\n*** END OF TEST HELLO WORLD ***\r\n";

    fn verdict(output: &str, ending: Ending) -> Verdict {
        judge(&parse(output), ending, false)
    }

    #[test]
    fn a_test_passes_only_with_its_last_banner_and_a_good_end() {
        assert_eq!(parse(GOOD).name.as_deref(), Some("HELLO WORLD"));
        assert_eq!(verdict(GOOD, Ending::Exited), Verdict::Passed);
        assert_eq!(verdict(GOOD, Ending::Broken), Verdict::Failed);
        let cut = GOOD.split("*** END").next().unwrap();
        assert_eq!(verdict(cut, Ending::Exited), Verdict::Failed);
        assert_eq!(verdict(cut, Ending::TimeLimit), Verdict::Timeout);
        assert_eq!(verdict("hello", Ending::Exited), Verdict::Invalid);
        assert_eq!(verdict("*** END OF TEST X ***", Ending::Exited), Verdict::Invalid);
        assert_eq!(verdict(GOOD, Ending::NotRun), Verdict::NotRun);
    }

    #[test]
    fn states_are_honoured() {
        let with = |state: &str| GOOD.replace("EXPECTED_PASS", state);
        assert_eq!(verdict(&with("EXPECTED_FAIL"), Ending::Broken), Verdict::ExpectedFail);
        assert_eq!(verdict(&with("EXPECTED_FAIL"), Ending::Exited), Verdict::UnexpectedPass);
        assert_eq!(verdict(&with("USER_INPUT"), Ending::TimeLimit), Verdict::UserInput);
        assert_eq!(verdict(&with("INDETERMINATE"), Ending::TimeLimit), Verdict::Indeterminate);
        assert_eq!(verdict(&with("INDETERMINATE"), Ending::Exited), Verdict::Passed);
        assert_eq!(verdict(&with("BENCHMARK"), Ending::Exited), Verdict::Benchmark);
        assert_eq!(verdict(&with("BENCHMARK"), Ending::Broken), Verdict::Failed);
    }

    #[test]
    fn a_list_of_expected_failures_is_honoured_both_ways() {
        assert_eq!(judge(&parse(GOOD), Ending::Broken, true), Verdict::ExpectedFail);
        assert_eq!(judge(&parse(GOOD), Ending::Exited, true), Verdict::UnexpectedPass);
        assert_eq!(judge(&parse("no banner"), Ending::Exited, true), Verdict::ExpectedFail);
    }

    #[test]
    fn a_guest_that_ends_itself_is_told_from_one_that_breaks() {
        let json = |last: &str| format!(r#"{{"partitions": [{{"last": {{{last}}}}}]}}"#).into_bytes();
        let exited = json(r#""kind": "exit", "status": 1"#);
        assert_eq!(Ending::of_run(Some(0), &exited), Ending::Exited);
        assert_eq!(Ending::of_run(Some(1), &exited), Ending::Exited);
        assert_eq!(Ending::of_run(Some(1), &json(r#""kind": "fault""#)), Ending::Broken);
        assert_eq!(Ending::of_run(Some(3), b""), Ending::NotRun);
        assert_eq!(Ending::of_run(Some(2), b""), Ending::Broken);
        assert_eq!(Ending::of_run(None, &exited), Ending::Broken);
        assert_eq!(Ending::of_run(Some(0), b"cut"), Ending::Broken);
    }
}
