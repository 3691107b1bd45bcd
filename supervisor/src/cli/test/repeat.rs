//! Tests in virtual time: each run again and again, and every run compared with the first. The comparing is pure.

use super::banner::{Ending, Verdict};

/// The file to which a run writes its digest: its own standard error, whose last line it becomes.
pub(super) const DIGEST_FILE: &str = "/proc/self/fd/2";

/// One run of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// What it printed.
    pub(super) output: String,
    /// How it ended.
    pub(super) ending: Ending,
    /// Its digest, if it came that far.
    pub(super) digest: Option<String>,
}

impl Run {
    /// A run of the ordinary kind, or a virtual one whose digest is the last line of `said`.
    pub(super) fn new(said: &str, ending: Ending, is_virtual: bool) -> Run {
        let last = said.trim_end().rsplit('\n').next().unwrap_or_default();
        let is_digest = is_virtual && last.len() == 16 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
        let output = if is_digest { &said[..said.trim_end().len() - last.len()] } else { said };
        Run { output: output.to_owned(), ending, digest: is_digest.then(|| last.to_owned()) }
    }
}

/// What is different between the first run and another one, in words; `None` if nothing is. What stands still while the host
/// works (a run that exceeded its time) is not compared.
pub(super) fn difference(first: &Run, other: &Run, number: u32) -> Option<String> {
    if first.ending == Ending::TimeLimit || other.ending == Ending::TimeLimit {
        return None;
    }
    if first.digest == other.digest && first.output == other.output && first.ending == other.ending {
        return None;
    }
    let name = |run: &Run| run.digest.clone().unwrap_or_else(|| "none".to_owned());
    let mut words = format!("run 1 has digest {}, run {number} has {}", name(first), name(other));
    let (mut ours, mut theirs) = (first.output.lines(), other.output.lines());
    for line in 1.. {
        let (our, their) = (ours.next(), theirs.next());
        if our != their {
            let show = |line: Option<&str>| line.map_or("the end".to_owned(), |line| format!("{line:?}"));
            words += &format!("; line {line} of the output is {} in one and {} in the other", show(our), show(their));
            break;
        }
        if our.is_none() {
            words += "; their output is the same";
            break;
        }
    }
    Some(words)
}

/// Runs a test `times` times; the verdict of the first run stands unless another one differs.
pub(super) fn repeatedly<E>(
    times: u32,
    mut run: impl FnMut() -> Result<Run, E>,
    judge: impl Fn(&Run) -> Verdict,
) -> Result<(Run, Verdict), E> {
    let mut first = run()?;
    let verdict = judge(&first);
    for number in 2..=times {
        // A test that exceeds its time once will do so again.
        if verdict == Verdict::Timeout {
            break;
        }
        if let Some(words) = difference(&first, &run()?, number) {
            first.output = format!("{words}\n{}", first.output);
            return Ok((first, Verdict::Unrepeatable));
        }
    }
    Ok((first, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0123456789abcdef";

    fn run(output: &str, more: &str) -> Run {
        Run::new(&format!("{output}{more}"), Ending::Exited, true)
    }

    #[test]
    fn the_digest_is_the_last_line_of_the_messages_and_no_part_of_the_output() {
        let with = run("a\n", &format!("bulkhead: hm\n{DIGEST}\n"));
        assert_eq!((with.output.as_str(), with.digest.as_deref()), ("a\nbulkhead: hm\n", Some(DIGEST)));
        let without = run("a\n", "bulkhead: hm\n");
        assert_eq!((without.output.as_str(), without.digest), ("a\nbulkhead: hm\n", None));
        assert_eq!(Run::new(DIGEST, Ending::Exited, false).digest, None);
        assert_eq!(run("", "").digest, None);
    }

    #[test]
    fn the_first_difference_is_named() {
        let first = run("one\ntwo\n", DIGEST);
        assert_eq!(difference(&first, &first, 2), None);
        let words = difference(&first, &run("one\n2\n", DIGEST), 7).unwrap();
        assert!(
            words.contains("run 7") && words.ends_with("line 2 of the output is \"two\" in one and \"2\" in the other")
        );
        let words = difference(&first, &run("one\n", DIGEST), 2).unwrap();
        assert!(words.ends_with("line 2 of the output is \"two\" in one and the end in the other"));
        let words = difference(&first, &run("one\ntwo\n", "ffffffffffffffff"), 2).unwrap();
        assert!(words.ends_with("their output is the same"), "{words}");
        let late = Run { ending: Ending::TimeLimit, ..run("", "") };
        assert_eq!(difference(&first, &late, 2), None);
    }

    #[test]
    fn one_run_that_differs_is_enough() {
        let mut count = 0;
        let mut flaky = |at: u32| {
            count = 0;
            repeatedly(
                5,
                || {
                    count += 1;
                    Ok::<_, ()>(run(if count == at { "b" } else { "a" }, DIGEST))
                },
                |_| Verdict::Passed,
            )
            .unwrap()
            .1
        };
        assert_eq!(flaky(5), Verdict::Unrepeatable);
        assert_eq!(flaky(2), Verdict::Unrepeatable);
        assert_eq!(flaky(6), Verdict::Passed);
    }
}
