//! `bulkhead top` on a pseudo-terminal, watching a real module.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::common::{WATCHDOG, bulkhead, eventually, example, finish, guest, root, skip};
use crate::running::{Running, alone};

/// Size of the terminals.
const ROWS: NonZeroU16 = NonZeroU16::new(24).expect("more than 0");
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).expect("more than 0");

/// A program on a terminal of its own.
struct OnTerminal {
    child: Child,
    keys: File,
    slave: OwnedFd,
    before: Termios,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    fn start(command: Command) -> OnTerminal {
        OnTerminal::start_as(command, "xterm")
    }

    fn start_as(mut command: Command, term: &str) -> OnTerminal {
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("a pseudo-terminal");
        let before = tcgetattr(&pty.slave).expect("its settings");
        let stdio = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        command.stdin(stdio()).stdout(stdio()).stderr(stdio()).env("TERM", term);
        let child = command.spawn().expect("it starts");
        let keys = File::from(pty.master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (keys.try_clone().expect("a descriptor"), Arc::clone(&seen));
        // Ends with the terminal.
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(len @ 1..) = reader.read(&mut piece) {
                sink.lock().expect("no panic").extend_from_slice(&piece[..len]);
            }
        });
        OnTerminal { child, keys, slave: pty.slave, before, seen }
    }

    /// `bulkhead top` of the run at this socket.
    fn top(socket: &Path, more: &[&str]) -> OnTerminal {
        let mut command = bulkhead();
        command.arg("top").arg(socket).args(more).env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8");
        OnTerminal::start(command)
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("no panic")).into_owned()
    }

    /// What stands on the screen now, line by line.
    fn screen(&self) -> String {
        let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
        terminal.process(&self.seen.lock().expect("no panic"));
        terminal.screen().contents()
    }

    fn wait_for(&self, text: &str) {
        self.wait_for_one_of(&[text]);
    }

    /// Waits for one of these texts; which.
    fn wait_for_one_of(&self, texts: &[&str]) -> usize {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if let Some(index) = texts.iter().position(|text| screen.contains(text)) {
                return index;
            }
            assert!(begun.elapsed() < WATCHDOG, "{texts:?} are never drawn:\n{screen}\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    fn is_as_before(&self) -> bool {
        tcgetattr(&self.slave).expect("its settings") == self.before
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it is there");
    }

    /// Waits for its end; the exit status and what was written behind the last screen. The terminal must be as it was.
    fn finish(&mut self) -> (Option<i32>, String) {
        let status = eventually("it ends", || self.child.try_wait().expect("it can be waited for"));
        // Leaves the alternate screen and shows the cursor.
        eventually("the screen is given back", || {
            let seen = self.seen();
            let left = seen.rfind("\x1b[?1049l");
            (left > seen.rfind("\x1b[?1049h") && seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")).then_some(())
        });
        assert!(self.is_as_before(), "the terminal's settings are others: {}", self.seen());
        let seen = self.seen();
        let rest = seen.rsplit("\x1b[?1049l").next().unwrap_or_default().replace("\x1b[?25h", "");
        (status.code(), rest.trim().to_owned())
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The flight, and where it is watched.
fn flight(folder: &Path, more: &[&str]) -> (Running, std::path::PathBuf) {
    example("hello-c");
    let socket = folder.join("control");
    let mut command = bulkhead();
    command.arg("run").arg(root().join("examples/flight/flight.toml")).args(more);
    command.arg("--control").arg(&socket);
    let running = Running::start(command);
    eventually("the socket", || std::os::unix::net::UnixStream::connect(&socket).ok());
    (running, socket)
}

#[test]
fn every_end_leaves_the_terminal_as_it_was() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (running, socket) = flight(folder.path(), &[]);
    for end in ["q", "\x03", "\x1b", "TERM", "HUP", "INT"] {
        let mut top = OnTerminal::top(&socket, &[]);
        top.wait_for("autopilot");
        // The control: it is in raw mode meanwhile.
        assert!(!top.is_as_before());
        match end {
            "TERM" => top.signal(Signal::SIGTERM),
            "HUP" => top.signal(Signal::SIGHUP),
            "INT" => top.signal(Signal::SIGINT),
            keys => top.press(keys),
        }
        assert_eq!(top.finish(), (Some(0), String::new()), "{end:?}");
    }
    running.interrupt();
}

#[test]
fn it_shows_the_module_and_follows_the_keys() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (running, socket) = flight(folder.path(), &[]);
    let mut top = OnTerminal::top(&socket, &[]);
    for text in ["flight  pid", " of 50 ms", "core 0  cpu", "PARTITION", "navigation         normal", "IRQ/s", "q quit"]
    {
        top.wait_for(text);
    }
    // The bars.
    assert!(top.seen().contains("48;5;"));
    top.press("c");
    top.wait_for("MESSAGES");
    top.wait_for("air data");
    top.press("?");
    top.wait_for("by its own word");
    top.press("?p");
    top.wait_for("PAUSED");
    // Nobody who only looks restarts anything.
    top.press("prK");
    top.signal(Signal::SIGTSTP);
    eventually("it is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", top.child.id())).ok()?;
        stat.rsplit_once(") ")?.1.starts_with('T').then_some(())
    });
    assert!(top.is_as_before());
    top.signal(Signal::SIGCONT);
    eventually("it has the terminal again", || (!top.is_as_before()).then_some(()));
    running.signal(Signal::SIGINT);
    let (status, words) = top.finish();
    assert_eq!((status, words.as_str()), (Some(0), "bulkhead: \"flight\": the run is over: interrupted"));
    let run = running.finish();
    assert!(!run.stderr.contains("control socket"), "{run:#?}");
}

#[test]
fn a_supervisor_that_vanishes_is_told_of() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (running, socket) = flight(folder.path(), &[]);
    let mut top = OnTerminal::top(&socket, &[]);
    top.wait_for("autopilot");
    running.signal(Signal::SIGKILL);
    let (status, words) = top.finish();
    assert_eq!(status, Some(3));
    assert!(words.starts_with("bulkhead: the supervisor is gone"), "{words:?}");
    drop(running);
    let mut top = OnTerminal::top(&socket, &[]);
    let status = eventually("it ends", || top.child.try_wait().expect("it can be waited for"));
    top.wait_for("the run that made this socket is over");
    assert_eq!(status.code(), Some(2));
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut top = OnTerminal::top(file.path(), &[]);
    let status = eventually("it ends", || top.child.try_wait().expect("it can be waited for"));
    top.wait_for("is not a socket");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn with_permission_it_restarts_and_stops() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (running, socket) = flight(folder.path(), &["--control-write"]);
    let mut top = OnTerminal::top(&socket, &["--write"]);
    top.wait_for("display");
    top.press("jr");
    top.wait_for("restart \"navigation\"");
    top.press("y");
    // The event's line, unless a busy host has had more to tell since.
    eventually("the restart is shown", || {
        let is_done = || running.stderr().contains("partition \"navigation\" is restarted (cold)");
        let screen = top.screen();
        (screen.contains("start 2 (cold)") || screen.contains("skipped") && is_done()).then_some(())
    });
    top.press("K");
    top.wait_for("stop the module?");
    top.press("y");
    assert_eq!(top.finish().0, Some(0));
    let run = running.finish();
    assert!(run.stderr.contains("partition \"navigation\" is restarted (cold)"), "{run:#?}");
    assert_eq!(run.code(), 0);
}

#[test]
fn without_colour_nothing_is_coloured() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let (running, socket) = flight(folder.path(), &[]);
    let mut command = bulkhead();
    command.arg("top").arg(&socket).env("NO_COLOR", "1").env("LC_ALL", "C");
    let mut top = OnTerminal::start(command);
    top.wait_for("navigation");
    top.press("q");
    assert_eq!(top.finish().0, Some(0));
    let seen = top.seen();
    assert!(seen.is_ascii() && !seen.contains("38;5;") && !seen.contains("48;5;"), "{seen:?}");
    running.interrupt();
}

#[test]
fn where_it_cannot_draw_it_says_so() {
    // No terminal at all.
    let mut command = bulkhead();
    command.arg("top");
    let finished = finish(command);
    assert_eq!(
        (finished.code(), finished.stdout.as_str(), finished.stderr.lines().count()),
        (2, "", 1),
        "{finished:#?}"
    );
    // A terminal that cannot, and nothing to see.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    for (term, path, words) in [
        ("dumb", file.clone(), "cannot be drawn on"),
        ("xterm", folder.path().join("nobody"), "No such file"),
        ("xterm", file, "file:"),
    ] {
        let mut command = bulkhead();
        command.arg("top").arg(path);
        let mut top = OnTerminal::start_as(command, term);
        let status = eventually("it ends", || top.child.try_wait().expect("it can be waited for"));
        top.wait_for(words);
        assert_eq!(status.code(), Some(2), "{}", top.seen());
        assert!(top.is_as_before() && !top.seen().contains('\x1b'), "{}", top.seen());
    }
}

#[test]
fn the_one_module_that_runs_is_found_and_of_several_one_must_be_said() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let here = |mut command: Command| {
        command.env("XDG_RUNTIME_DIR", folder.path());
        command
    };
    let run = || {
        let mut command = bulkhead();
        command.arg("run").arg(guest("spin"));
        let running = Running::start(here(command));
        let socket = folder.path().join(format!("bulkhead/{}.sock", running.pid()));
        eventually("the socket", || std::os::unix::net::UnixStream::connect(&socket).ok());
        running
    };
    let top = || {
        let mut command = bulkhead();
        command.arg("top");
        OnTerminal::start(here(command))
    };
    // Runs that somebody else has started as this user, without such a folder: there is no hiding from them.
    let others = format!("/tmp/bulkhead-{}/", nix::unistd::geteuid());
    let skip = || skip("other modules of this user's are running");
    let first = run();
    let mut seen = top();
    if seen.wait_for_one_of(&[&format!("pid {}", first.pid()), &others]) == 1 {
        return skip();
    }
    seen.press("q");
    assert_eq!(seen.finish().0, Some(0));
    let second = run();
    let mut seen = top();
    seen.wait_for("several modules are running");
    for running in [&first, &second] {
        seen.wait_for(&format!("bulkhead/{}.sock   # spin", running.pid()));
    }
    assert_eq!(eventually("it ends", || seen.child.try_wait().expect("it can be waited for")).code(), Some(2));
    first.interrupt();
    second.interrupt();
    let mut seen = top();
    if seen.wait_for_one_of(&["no module of yours is running", "q quit", &others]) != 0 {
        return skip();
    }
    assert_eq!(eventually("it ends", || seen.child.try_wait().expect("it can be waited for")).code(), Some(2));
}
