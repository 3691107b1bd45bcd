//! Two runs in which the client does the same are the same.

use super::{MS, QUEUES, lock, module, start};
use crate::common::{bulkhead, finish, guest, round_robin, write_module};

/// The digest of a conversation, with a message of this text at this instant.
fn conversation(text: &str, instant_ns: u64) -> String {
    let mut a = lock(&module("echo", QUEUES));
    a.advance(instant_ns);
    a.put(text);
    a.advance(10 * MS);
    a.take();
    let (end, _) = a.stop();
    end["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn the_same_conversation_has_the_same_digest_and_another_one_has_another() {
    let first = conversation("one", MS);
    for _ in 0..2 {
        assert_eq!(conversation("one", MS), first);
    }
    assert_ne!(conversation("two", MS), first, "another message");
    assert_ne!(conversation("one", MS + 1), first, "another instant");
}

#[test]
fn cores_side_by_side_come_out_the_same_too() {
    let image = guest("c_outside").display().to_string();
    let mut text = "[module]\nname = \"test\"\nmajor_frame = \"4 ms\"\n".to_owned();
    for (name, core) in [("a", 0), ("b", 1)] {
        text += &format!("[[partition]]\nname = \"{name}\"\nimage = \"{image}\"\nargs = [\"spin\"]\ncore = {core}\n");
        text += &format!("[[window]]\npartition = \"{name}\"\nstart = \"{core} ms\"\nduration = \"3 ms\"\n");
    }
    text += QUEUES;
    text += &QUEUES
        .replace("to a", "to b")
        .replace("from a", "from b")
        .replace("a.", "b.")
        .replace("outside:", "outside:b_");
    let once = || {
        let mut a = lock(&text);
        let mut answers = Vec::new();
        for instant in [1_000_001, 1_500_000, 2_222_222, 5_000_000] {
            a.advance(instant);
            answers.push(a.ask(serde_json::json!({"op": "send", "port": "b_in", "data": "00"})));
            answers.push(a.ask(serde_json::json!({"op": "send", "port": "in", "data": "01"})));
            a.advance(instant + 3000);
            answers.extend(["b_out", "out"].map(|port| a.ask(serde_json::json!({"op": "receive", "port": port}))));
            answers.push(a.ask(serde_json::json!({"op": "state"})));
        }
        let (end, finished) = a.stop();
        (answers, end["digest"].clone(), finished.stdout)
    };
    let first = once();
    for name in ["a", "b"] {
        assert!(first.2.contains(&format!("[{name}] struck at 22222")), "{first:#?}");
    }
    for _ in 0..2 {
        assert_eq!(once(), first);
    }
}

/// A module of two partitions on one core, of which one counts and one sleeps.
fn alone() -> String {
    let image = guest("c_time");
    round_robin(
        &[("busy", &image, "args = [\"busy\", \"12\"]"), ("sleeper", &image, "args = [\"sleep\", \"1\"]")],
        2000,
        500,
    )
}

#[test]
fn who_only_watches_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bulkhead();
    command.args(["run", "--virtual", "--until", "30ms"]).arg(write_module(folder.path(), &alone()));
    let plain = finish(command);
    let mut digests = Vec::new();
    for step_ns in [30 * MS, 7 * MS, 123_457] {
        let mut a = start(&alone(), &["--until", "30ms"]).connect();
        let mut now_ns = 0;
        loop {
            now_ns += step_ns;
            let answer = a.advance(now_ns);
            a.ask(serde_json::json!({"op": "state"}));
            if answer["now_ns"].as_u64().unwrap() + step_ns > 30 * MS {
                break;
            }
        }
        assert_eq!(a.advance(60 * MS)["why"], "ended");
        let (end, finished) = a.end();
        assert_eq!(end["ending"], "complete");
        assert_eq!(finished.stdout, plain.stdout, "in steps of {step_ns}");
        digests.push(end["digest"].as_str().unwrap().to_owned());
    }
    for digest in digests {
        assert!(plain.stderr.trim_end().ends_with(&format!("digest {digest}")), "{plain:#?}");
    }
}
