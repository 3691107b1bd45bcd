//! Sampling channels.

use super::common::{guest, skip};
use super::module::{args, channel, figures, partitions, run, sampling, says, two_cores};
use super::runs::lines_of;

#[test]
fn every_destination_reads_every_sample_that_it_looks_at_whole() {
    let sample = guest("p_sample");
    for size in [9, 64, 4096] {
        let size_text = size.to_string();
        let writer = args(&["write", "100", &size_text], "");
        let reader = args(&["read", "100", &size_text], "");
        let list = [("writer", &*sample, writer.as_str()), ("first", &sample, &reader), ("second", &sample, &reader)];
        let text = partitions(&list, false, 1000)
            + &channel("attitude", &sampling(size, 50), "writer.out", &["first.in", "second.in"]);
        let (finished, json) = run(&text);
        says(&finished, "writer", "wrote all");
        says(&finished, "first", "read up to the last, mostly whole");
        says(&finished, "second", "read up to the last, mostly whole");
        assert_eq!(
            (&figures(&json, "attitude")["kind"], &figures(&json, "attitude")["messages"]),
            (&"sampling".into(), &100.into())
        );
    }
}

/// One core writes without a pause, the other reads without a pause.
#[test]
fn samples_stay_whole_while_another_core_writes() {
    if !two_cores() {
        return skip("one core");
    }
    let sample = guest("p_sample");
    let last = (u64::MAX >> 1).to_string();
    for size in [64, 4096] {
        let size_text = size.to_string();
        let (writer, reader) = (args(&["flood", "200", &size_text], ""), args(&["read", &last, &size_text], ""));
        let text = partitions(&[("writer", &sample, &writer), ("reader", &sample, &reader)], true, 1000)
            + &channel("attitude", &sampling(size, 50), "writer.out", &["reader.in"]);
        let (finished, _) = run(&text);
        says(&finished, "writer", "wrote all");
        says(&finished, "reader", "read up to the last, mostly whole");
    }
}

#[test]
fn a_sample_grows_stale_and_stays() {
    let sample = guest("p_sample");
    let (writer, reader) = (args(&["write", "1", "16"], ""), args(&["stale", "30", "16"], ""));
    let text = partitions(&[("writer", &sample, &writer), ("reader", &sample, &reader)], false, 1000)
        + &channel("attitude", &sampling(16, 30), "writer.out", &["reader.in"]);
    // A reader that the host keeps from its core for 30 ms never sees it valid.
    let grows = |_| {
        let (finished, _) = run(&text);
        let lines = lines_of(&finished.stderr, "reader");
        assert!(lines.iter().any(|line| line.starts_with("invalid in time")), "{finished:#?}");
        lines.contains(&"invalid in time")
    };
    assert!((0..10).any(grows));
}

#[test]
fn a_reader_that_restarts_begins_with_nothing() {
    let sample = guest("p_sample");
    let writer = args(&["write", "1000000", "16"], "");
    for start in ["cold_start", "warm_start"] {
        let reader =
            args(&["restart", "20", "16"], &format!("health = {{ crash = \"{start}\", exit = \"shutdown\" }}"));
        let text = partitions(&[("writer", &sample, &writer), ("reader", &sample, &reader)], false, 1000)
            + &channel("attitude", &sampling(16, 30), "writer.out", &["reader.in"]);
        let (finished, _) = run(&text);
        // In the window in which it restarts, a new sample may have come before it looks.
        says(&finished, "reader", "and then not");
    }
}
