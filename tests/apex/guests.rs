//! The runs of the conformance guests: which module each runs in, and the checks it made.

use std::collections::HashMap;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::common::{are_built, guest, root};
use super::lines::{Check, parse};
use super::runs::{lines_of, run_module};

/// One run of the supervisor: a module of one or two guests, each in a partition of its own name.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    /// The guests, with more lines of their configuration.
    pub(crate) partitions: &'static [(&'static str, &'static str)],
    /// The configuration's channels, schedules and so on.
    pub(crate) more: &'static str,
}

const fn single(name: &'static str, partitions: &'static [(&'static str, &'static str)]) -> Run {
    Run { name, partitions, more: "" }
}

/// All runs, in the order of the document.
pub(crate) const GUESTS: &[Run] = &[
    single("c_init", &[("c_init", "")]),
    single("c_process", &[("c_process", "")]),
    single("c_time", &[("c_time", "")]),
    single("c_handler", &[("c_handler", "")]),
    Run {
        name: "c_sampling",
        partitions: &[("c_sample_out", ""), ("c_sample_in", "")],
        more: "[[channel]]\nname = \"altitude\"\nkind = \"sampling\"\nmessage = \"16 B\"\nrefresh = \"50 ms\"\n\
               source = \"c_sample_out.altitude_out\"\ndestinations = [\"c_sample_in.altitude_in\"]\n\
               [[channel]]\nname = \"unused\"\nkind = \"sampling\"\nmessage = \"16 B\"\nrefresh = \"50 ms\"\n\
               source = \"c_sample_out.unused_out\"\ndestinations = [\"c_sample_in.unused_in\"]\n",
    },
    Run {
        name: "c_queuing",
        partitions: &[("c_queue_out", ""), ("c_queue_in", "")],
        more: "[[channel]]\nname = \"commands\"\nkind = \"queuing\"\nmessage = \"16 B\"\ndepth = 4\n\
               source = \"c_queue_out.commands_out\"\ndestinations = [\"c_queue_in.commands_in\"]\n\
               [[channel]]\nname = \"answers\"\nkind = \"queuing\"\nmessage = \"8 B\"\ndepth = 1\n\
               source = \"c_queue_out.answers_out\"\ndestinations = [\"c_queue_in.answers_in\"]\n\
               [[channel]]\nname = \"unused\"\nkind = \"queuing\"\nmessage = \"16 B\"\ndepth = 4\n\
               source = \"c_queue_out.unused_out\"\ndestinations = [\"c_queue_in.unused_in\"]\n",
    },
    Run {
        name: "c_overflow",
        partitions: &[("c_overflow", "")],
        more: "[[channel]]\nname = \"flood\"\nkind = \"queuing\"\nmessage = \"16 B\"\ndepth = 4\n\
               source = \"unix:FLOOD\"\ndestinations = [\"c_overflow.flood_in\"]\n",
    },
    single("c_restart", &[("c_restart", "health = { memory_violation = \"warm_start\" }")]),
    single(
        "c_escalate",
        &[("c_escalate", "health = { application_error = \"warm_start\", numeric_error = \"warm_start\" }")],
    ),
    Run {
        name: "c_schedules",
        partitions: &[("c_schedule", "may_switch_schedule = true"), ("c_schedule_no", "")],
        more: "[[schedule]]\nname = \"first\"\n\
               [[schedule.window]]\npartition = \"c_schedule\"\nstart = \"0 ms\"\nduration = \"10 ms\"\n\
               [[schedule.window]]\npartition = \"c_schedule_no\"\nstart = \"12 ms\"\nduration = \"5 ms\"\n\
               [[schedule]]\nname = \"second\"\n\
               [[schedule.window]]\npartition = \"c_schedule\"\nstart = \"5 ms\"\nduration = \"10 ms\"\n\
               [[schedule.window]]\npartition = \"c_schedule_no\"\nstart = \"16 ms\"\nduration = \"3 ms\"\n",
    },
    single(
        "c_limits",
        &[(
            "c_limits",
            "apex = { processes = 3, buffers = 2, blackboards = 3, semaphores = 4, events = 5, mutexes = 6 }",
        )],
    ),
    Run {
        name: "c_blocks",
        partitions: &[("c_block_out", ""), ("c_block_in", "")],
        more: "[[memory]]\nname = \"map\"\nsize = \"64 KiB\"\nwriters = [\"c_block_out\"]\nreaders = [\"c_block_in\"]\n\
               [[memory]]\nname = \"a name of thirty-two bytes, full\"\nsize = \"4 KiB\"\nwriters = [\"c_block_out\"]\n",
    },
    single("c_logbook", &[("c_logbook", "")]),
    single("c_buffer", &[("c_buffer", "")]),
    single("c_blackboard", &[("c_blackboard", "")]),
    single("c_semaphore", &[("c_semaphore", "")]),
    single("c_event", &[("c_event", "")]),
    single("c_mutex", &[("c_mutex", "")]),
    single("r_process", &[("r_process", "")]),
    single("r_objects", &[("r_objects", "")]),
    single("r_handler", &[("r_handler", "")]),
];

/// The module: frames of 20 ms, of which the first partition has 10 ms and the second 5 ms, unless it has schedules of its own.
fn module(run: &Run) -> String {
    let mut text = "[module]\nname = \"conformance\"\nmajor_frame = \"20 ms\"\n".to_owned();
    let windows = [("0 ms", "10 ms"), ("12 ms", "5 ms")];
    for ((name, lines), (start, duration)) in run.partitions.iter().zip(windows) {
        let image = root().join("tests/apex").join(format!("{name}.elf"));
        text += &format!(
            "[[partition]]\nname = \"{name}\"\nimage = \"{}\"\nmemory = \"4 MiB\"\n{lines}\n",
            image.display()
        );
        if !run.more.starts_with("[[schedule]]") {
            text += &format!("[[window]]\npartition = \"{name}\"\nstart = \"{start}\"\nduration = \"{duration}\"\n");
        }
    }
    text + run.more
}

/// Builds the guests, once.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        guest("idle");
        if are_built() {
            return;
        }
        let output = Command::new("make").arg("-C").arg(root().join("tests/apex")).output().expect("make runs");
        assert!(output.status.success(), "the guests do not build:\n{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// Sends datagrams to a socket, more at a time than a channel of four messages takes, from when it is there until it is dropped.
struct Flood(Arc<AtomicBool>);

impl Flood {
    fn start(to: PathBuf) -> Flood {
        let over = Arc::new(AtomicBool::new(false));
        let flood = Flood(over.clone());
        let socket = UnixDatagram::unbound().expect("a socket");
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                // As long as nobody listens there is nobody to send to.
                (0..12).for_each(|_| drop(socket.send_to(b"flood!", &to)));
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        flood
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What came of a run: the checks that its guests made, or what went wrong.
type Outcome = Result<Vec<Check>, String>;

/// Guests that hang are stopped after this, in the host's time and in virtual time. All need much less.
const LONGEST: &str = "100s";
const LONGEST_VIRTUAL: &str = "30s";

/// Several checks are of time: that something has not happened yet, or has happened by now, or happens again and again meanwhile. A
/// host that is busy with something else may take the core away between an act and the look at it, but not every time; in virtual time
/// it never does, and there a single run has to do.
const ATTEMPTS: u32 = 8;

/// A run in the host's time that shows what the one in virtual time shows, or the last of several.
fn run_in_host_time(name: &str) -> Outcome {
    let exact = checks_in_virtual_time(name);
    let mut attempt = 1;
    loop {
        let outcome = run(name, &["--for", LONGEST]);
        let is_good = outcome.as_ref().is_ok_and(|checks| {
            checks.iter().all(|check| check.passed) && exact.as_ref().is_none_or(|exact| exact == checks)
        });
        if is_good || attempt == ATTEMPTS {
            return outcome;
        }
        let failed = outcome.map(|checks| checks.into_iter().filter(|check| !check.passed).collect::<Vec<_>>());
        eprintln!("{name}, run {attempt} of {ATTEMPTS} shows something else: {failed:#?}");
        attempt += 1;
    }
}

/// The checks that the guests of a run made; the run happens once, whoever asks first.
pub(crate) fn checks_of(name: &str) -> Vec<Check> {
    static DONE: Mutex<Option<HashMap<String, Outcome>>> = Mutex::new(None);
    let mut done: MutexGuard<'_, _> = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    let done = done.get_or_insert_with(HashMap::new);
    let outcome = done.entry(name.to_owned()).or_insert_with(|| run_in_host_time(name)).clone();
    outcome.unwrap_or_else(|error| panic!("{error}"))
}

/// The checks that the guests of a run make in virtual time; a run that needs a socket has none.
pub(crate) fn checks_in_virtual_time(name: &str) -> Option<Vec<Check>> {
    let needs_a_socket = GUESTS.iter().any(|run| run.name == name && run.more.contains("FLOOD"));
    (!needs_a_socket)
        .then(|| run(name, &["--virtual", "--until", LONGEST_VIRTUAL]).unwrap_or_else(|error| panic!("{error}")))
}

fn run(name: &str, options: &[&str]) -> Outcome {
    build();
    let run = GUESTS.iter().find(|run| run.name == name).unwrap_or_else(|| panic!("no run {name}"));
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("flood");
    let _flood = run.more.contains("FLOOD").then(|| Flood::start(socket.clone()));
    let text = module(run).replace("FLOOD", &socket.display().to_string());
    let finished = run_module(&text, options);
    let mut checks = Vec::new();
    for (partition, _) in run.partitions {
        let lines = lines_of(&finished.stdout, partition);
        checks.extend(parse(partition, &lines).map_err(|error| format!("{error}\n{}", finished.stderr))?);
    }
    Ok(checks)
}

/// The checks of all runs.
pub(crate) fn all() -> Vec<Check> {
    GUESTS.iter().flat_map(|run| checks_of(run.name)).collect()
}
