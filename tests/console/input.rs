//! Standard input goes to the one partition that asks for it.

use std::io::Write;

use crate::common::{children, eventually, guest, round_robin, write_module};
use crate::runs::{Background, lines_of};

/// Words that can be told apart, several times what the input ring holds (4 KiB).
fn long_text() -> String {
    let mut text: String = (0..5000).map(|number| format!("word {number}\n")).collect();
    text.push('.');
    text
}

#[test]
fn a_guest_gets_everything_that_is_typed() {
    let guest = guest("r_console");
    let mut run = Background::start(&[guest.to_str().unwrap(), "-q", "--console", "raw", "--", "echo"]);
    let text = long_text();
    assert!(text.len() > 10 * 4096);
    let mut stdin = run.take_stdin();
    stdin.write_all(text.as_bytes()).unwrap();
    // It stays open: that nothing more comes is not what makes things move.
    let run = run.finish();
    drop(stdin);
    assert_eq!((run.code(), run.stderr.as_str()), (0, ""));
    assert!(run.stdout == text, "{} bytes of {}", run.stdout.len(), text.len());
}

#[test]
fn only_the_partition_that_asks_for_it_gets_input() {
    let guest = guest("r_console");
    let folder = tempfile::tempdir().unwrap();
    let text = round_robin(
        &[("deaf", &guest, "args = [\"echo\"]"), ("hears", &guest, "args = [\"echo\"]\nstdin = true")],
        1000,
        1000,
    );
    let module = write_module(folder.path(), &text);
    let mut run = Background::start(&[module]);
    let mut stdin = run.take_stdin();
    stdin.write_all(b"hello\n").unwrap();
    stdin.write_all(b"again.").unwrap();
    drop(stdin);
    // The guest that heard it has ended; the other one has not.
    run.wait_for("[hears] again.");
    eventually("one guest is left", || (children(run.pid()).len() == 1).then_some(()));
    run.signal(nix::sys::signal::Signal::SIGINT);
    let run = run.finish();
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(lines_of(&run.stdout, "hears"), ["hello", "again."]);
    assert_eq!(lines_of(&run.stdout, "deaf"), [""; 0]);
}

/// Its position in the input ring is the guest's to overwrite, too.
#[test]
fn input_for_a_guest_that_overwrites_its_positions_harms_nobody() {
    let guest = guest("r_console");
    let folder = tempfile::tempdir().unwrap();
    let text = round_robin(
        &[
            ("hostile", &guest, "args = [\"scribble\", \"150\"]\nstdin = true"),
            ("peer", &guest, "args = [\"count\", \"150\"]"),
        ],
        1000,
        1000,
    );
    let module = write_module(folder.path(), &text);
    let mut run = Background::start(&[module]);
    let mut stdin = run.take_stdin();
    let writer = std::thread::spawn(move || {
        // Until the supervisor takes no more, or is gone.
        for _ in 0..1000 {
            if stdin.write_all(&[b'x'; 1000]).is_err() {
                break;
            }
        }
    });
    run.wait_for("[peer]    line 150\n");
    let run = run.finish();
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(lines_of(&run.stdout, "peer").len(), 150);
    writer.join().unwrap();
}
