//! What a guest prints is shown, never obeyed; or passed on unchanged, if that is what was asked for.

use std::process::{Command, Stdio};

use crate::common::{WATCHDOG, bulkhead, guest};
use crate::running::alone;
use crate::runs::{lines_of, run};

#[test]
fn hostile_text_becomes_visible() {
    let guest = guest("r_console");
    let run = run(&[guest.to_str().unwrap(), "-q", "--", "hard"]);
    assert_eq!((run.code(), run.stderr.as_str()), (0, ""));
    let lines = lines_of(&run.stdout, "r_console");
    assert_eq!(run.stdout.lines().count(), lines.len(), "every line has its name: {run:#?}");
    assert_eq!(
        lines[..10],
        [
            "colour \\x1b[31mred\\x1b[0m, bell \\x07, backspace \\x08, delete \\x7f",
            "title \\x1b]0;owned\\x07 and \\u{9b}2J",
            "NUL \\x00 in the middle",
            "broken \\xff\\xfe \\xc3( \\xe2\\x82 UTF-8",
            "grüße €",
            "turned \\u{202e} round",
            "windows line",
            "over\\x0dwritten",
            "",
            "tab\there",
        ]
    );
    // A line of 10,000 characters and one of 1000 characters of three bytes are broken, and nothing of them is lost.
    let digits: Vec<_> = lines[10..].iter().take_while(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert!(digits.len() > 1 && digits.iter().all(|line| line.len() <= 2048), "{digits:?}");
    assert_eq!(digits.iter().copied().copied().collect::<String>(), "0123456789".repeat(1000));
    let euros = &lines[10 + digits.len()..lines.len() - 1];
    assert_eq!(euros.concat(), "€".repeat(1000));
    // The last line had no end.
    assert_eq!(lines.last(), Some(&"no end"));
    assert!(run.stdout.ends_with('\n'));
}

#[test]
fn raw_passes_every_byte_unchanged() {
    let guest = guest("r_console");
    let _core = alone();
    let mut command: Command = bulkhead();
    // Three times what the ring holds.
    command.args(["run", guest.to_str().unwrap(), "-q", "--console", "raw", "--", "bytes", "800"]);
    // Not through `finish`, which takes everything for text.
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if is_done.recv_timeout(WATCHDOG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    watchdog.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(output.stdout.len(), 800 * 256);
    assert!(output.stdout.chunks(256).all(|chunk| chunk == all));
}
