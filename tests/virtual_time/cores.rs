//! Partitions on several cores, which the host may have fewer of.

use std::path::Path;

use super::common::{Finished, bulkhead, finish, write_module};
use super::{MS, digest, guest, numbers};

/// Two partitions on cores of their own, with a window of 900 µs each in frames of 1 ms, and a channel each way. The first one's
/// window begins `shift_us` later.
fn pair(waits: [&str; 2], hits: [u64; 2], core: u32, shift_us: u64) -> String {
    let image = guest("c_pair");
    let mut text = "[module]\nname = \"pair\"\nmajor_frame = \"1 ms\"\n".to_owned();
    let players = [("one", 0, "serve", "two"), ("two", core, "return", "one")];
    for (index, (name, core, how, other)) in players.into_iter().enumerate() {
        let (image, wait, hits) = (image.display(), waits[index], hits[index]);
        let start = if index == 0 { shift_us } else { 0 };
        text += &format!(
            "[[partition]]\nname = \"{name}\"\nimage = \"{image}\"\nmemory = \"64 KiB\"\ncore = {core}\n\
             args = [\"{how}\", \"{wait}\", \"{hits}\"]\n\
             [[window]]\npartition = \"{name}\"\nstart = \"{start} us\"\nduration = \"900 us\"\n\
             [[channel]]\nname = \"from {name}\"\nkind = \"queuing\"\nmessage = \"8 B\"\ndepth = 2\n\
             source = \"{name}.out\"\ndestinations = [\"{other}.in\"]\n"
        );
    }
    text
}

fn run(text: &str, options: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bulkhead();
    command.args(["run", "--virtual"]).args(options).arg(write_module(folder.path(), text));
    finish(command)
}

/// The figures of the players: last ball, instant, longest wait, arrivals.
fn figures(finished: &Finished) -> [Vec<u64>; 2] {
    assert_eq!(finished.code(), 0, "{finished:#?}");
    // Nobody ever missed a ball or saw one twice: the only lines are the last ones.
    let lines = numbers(&finished.stdout, "ball");
    let [one, two] = <[Vec<u64>; 2]>::try_from(lines).unwrap_or_else(|_| panic!("{finished:#?}"));
    if finished.stdout.starts_with("[two]") { [two, one] } else { [one, two] }
}

#[test]
fn a_message_takes_no_longer_than_a_turn_from_core_to_core() {
    for (quantum, ns) in [("10 us", 10_000), ("1 us", 1000), ("50 us", 50_000)] {
        let options = ["--quantum", quantum];
        let finished = run(&pair(["poll", "poll"], [1000, 1000], 1, 0), &options);
        let [one, two] = figures(&finished);
        assert_eq!((one[0], two[0]), (1999, 2000), "{finished:#?}");
        // The longest wait is the one for the next window, of 100 µs, with a turn on either side.
        assert!(one[2] < 100_000 + 3 * ns && two[2] < 100_000 + 3 * ns, "{quantum}: {finished:#?}");
        // A round trip takes about a turn: one way within the turn, the other with the next.
        let each = one[1] / 1000;
        assert!((ns / 2..2 * ns).contains(&each), "{quantum}: {each} ns a round trip, {finished:#?}");
        for _ in 0..3 {
            let again = run(&pair(["poll", "poll"], [1000, 1000], 1, 0), &options);
            assert_eq!((digest(&again), &again.stdout), (digest(&finished), &finished.stdout));
        }
    }
}

#[test]
fn who_sleeps_hears_of_messages_when_the_peer_s_window_ends() {
    let finished = run(&pair(["idle", "idle"], [20, 20], 1, 0), &[]);
    let [one, two] = figures(&finished);
    assert_eq!((one[0], two[0]), (39, 40), "{finished:#?}");
    // Both windows begin at once. The first core's turn comes first, so its ball is there when the second one looks, which hits it
    // at once; the first one hears of that when the windows end, and hits with the next frame.
    assert!((19 * MS..19 * MS + 1000).contains(&one[1]) && two[1] == one[1], "{finished:#?}");
    // The first one's window begins 50 µs later: the second one has fallen asleep by then, and hears of the ball when that window
    // ends, which is after the end of its own.
    let finished = run(&pair(["idle", "idle"], [20, 20], 1, 50), &[]);
    let [one, two] = figures(&finished);
    assert!((19 * MS + 900_000..20 * MS).contains(&one[1]) && one[3] == 19, "{finished:#?}");
    assert!((20 * MS..20 * MS + 1000).contains(&two[1]) && two[3] == 20, "{finished:#?}");
}

#[test]
fn the_host_may_have_fewer_cores_than_the_module() {
    let text = pair(["poll", "idle"], [10, 10], 1, 0).replace("major_frame", "cores = [700, 3]\nmajor_frame");
    let finished = run(&text, &[]);
    figures(&finished);
    // In real time such a CPU is a mistake.
    let folder = tempfile::tempdir().unwrap();
    let mut command = bulkhead();
    command.arg("run").arg(write_module(folder.path(), &text));
    let finished = finish(command);
    assert!(finished.code() == 2 && finished.stderr.contains("there is no CPU 700"), "{finished:#?}");
}

#[test]
fn a_message_that_has_yet_to_be_announced_is_no_deadlock() {
    // The server hits once and sleeps with nothing to wake it, long before the end of its window; only then does the other one hear.
    let finished = run(&pair(["idle", "idle"], [1, 1], 1, 0), &[]);
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(finished.stdout.contains("[two] ball 2"), "{finished:#?}");
    let words = "deadlock, nothing can ever happen again: \"one\" waits for a port";
    assert!(finished.stderr.contains(words), "{finished:#?}");
}

#[test]
fn sockets_have_no_place_in_virtual_time() {
    let text = pair(["poll", "poll"], [10, 10], 1, 0).replace("\"two.out\"", "\"udp:127.0.0.1:4747\"");
    let finished = run(&text, &[]);
    assert_eq!(finished.code(), 2, "{finished:#?}");
    assert!(finished.stderr.contains("channel \"from two\" ends at a socket"), "{finished:#?}");
}

#[test]
fn two_busy_cores_get_all_the_time_of_their_windows() {
    let image = guest("c_time");
    let module = |path: &Path| {
        let mut text = "[module]\nname = \"busy\"\nmajor_frame = \"10 ms\"\n".to_owned();
        for core in 0..3 {
            text += &format!(
                "[[partition]]\nname = \"p{core}\"\nimage = \"{}\"\nmemory = \"64 KiB\"\ncore = {core}\nargs = [\"busy\", \"20\"]\n\
                 [[window]]\npartition = \"p{core}\"\nstart = \"0 ms\"\nduration = \"10 ms\"\n",
                path.display()
            );
        }
        text
    };
    let finished = run(&module(&image), &[]);
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let ticks = numbers(&finished.stdout, "tick at");
    assert_eq!(ticks.len(), 60, "{finished:#?}");
    for tick in &ticks {
        // Each core's ticks strike at their instants, whoever else is busy.
        assert!((0..100).contains(&(tick[0] % MS)), "{tick:?}");
    }
    let last: Vec<&Vec<u64>> = ticks.iter().filter(|tick| tick[0] / MS == 20).collect();
    assert!(last.len() == 3 && last.iter().all(|tick| tick[1].abs_diff(last[0][1]) < 100), "{last:?}");
}
