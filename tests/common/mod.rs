//! What the integration tests share: guests built once, the real binary, watchdogs instead of time limits.
//!
//! A test that cannot run on this host says so with [`skip`] and passes; a test that hangs is ended by its watchdog.
#![allow(dead_code, unreachable_pub, reason = "every test file is a crate and uses its own part")]

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The longest that any run of the binary in a test may take before it counts as hung.
pub const WATCHDOG: Duration = Duration::from_secs(300);

/// The project's root folder.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project's root"))
}

/// The binary under test. It hears of signals even where the tests themselves were started without them, as a shell starts what
/// runs in its background.
pub fn bulkhead() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhead"));
    // SAFETY: the closure makes system calls only.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTERM] {
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        });
    }
    command
}

/// Whether all guests have just been built, as `scripts/test` does: looking at them once more takes every file of tests a second.
pub fn are_built() -> bool {
    std::env::var_os("BULKHEAD_GUESTS_BUILT").is_some()
}

/// A guest of the tests, by the name of its source in `tests/guests`; all guests are built before the first is used.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        if are_built() {
            return;
        }
        for folder in ["examples", "tests/guests"] {
            let output = Command::new("make").arg("-C").arg(root().join(folder)).output().expect("make runs");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "the guests in {folder} do not build:\n{errors}");
        }
    });
    let path = root().join("tests/guests").join(format!("{name}.elf"));
    assert!(path.exists(), "there is no guest {}", path.display());
    path
}

/// An example's guest, such as "hello-c".
pub fn example(name: &str) -> PathBuf {
    guest("idle");
    root().join("examples").join(name).join(format!("{name}.elf"))
}

/// Writes a configuration into `folder` and returns its path.
pub fn write_module(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("module.toml");
    std::fs::write(&path, text).expect("the configuration is written");
    path
}

/// A configuration of `partitions` (name, image, further lines) with one window each, of `window_us` microseconds, back
/// to back, and `slack_us` of nothing at the end of the frame.
pub fn round_robin(partitions: &[(&str, &Path, &str)], window_us: u64, slack_us: u64) -> String {
    let frame = window_us * partitions.len() as u64 + slack_us;
    let mut text = format!("[module]\nname = \"test\"\nmajor_frame = \"{frame} us\"\n");
    for (name, image, more) in partitions {
        text += &format!(
            "[[partition]]\nname = \"{name}\"\nimage = \"{}\"\nmemory = \"64 KiB\"\n{more}\n",
            image.display()
        );
    }
    for (index, (name, ..)) in partitions.iter().enumerate() {
        let start = window_us * index as u64;
        text += &format!("[[window]]\npartition = \"{name}\"\nstart = \"{start} us\"\nduration = \"{window_us} us\"\n");
    }
    text
}

/// What a finished run printed.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The exit status as a number.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }
}

/// Runs a command to its end. Panics with its output if it hangs.
pub fn finish(mut command: Command) -> Finished {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait(child)
}

/// Waits for a child with piped output. Panics if it hangs.
pub fn wait(mut child: Child) -> Finished {
    let reader = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = from.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = child.stdout.take().map(|pipe| reader(Box::new(pipe)));
    let stderr = child.stderr.take().map(|pipe| reader(Box::new(pipe)));
    let status = watch(&mut child);
    let text = |thread: Option<std::thread::JoinHandle<String>>| {
        thread.map(|thread| thread.join().expect("the reader ends")).unwrap_or_default()
    };
    let finished = Finished { status: status.unwrap_or_default(), stdout: text(stdout), stderr: text(stderr) };
    assert!(status.is_some(), "hung, and was killed: {finished:#?}");
    finished
}

/// Waits for a child under the watchdog; `None` if it had to be killed.
fn watch(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < WATCHDOG {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Waits until `condition` gives something. Panics if it never does.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < WATCHDOG, "{what}: never happened");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The pids of the living children of a process, zombies left out.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc is there").flatten() {
        let Some(candidate) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name, in parentheses, may itself contain anything.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let mut fields = rest.split_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(&pid.to_string()) && state != Some("Z") {
            found.push(candidate);
        }
    }
    found
}

/// A field of /proc/PID/status.
pub fn status_field(pid: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Says why a test does not test anything here.
pub fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The output of a command that must succeed.
pub fn must(mut command: Command) -> Output {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
