//! The trial: what `run` would do with a module of one guest, really done with a guest that misbehaves.
//!
//! Nothing is derived from user ids or capabilities here. The spawner settles on the fences that it would settle on for
//! a run, a guest is born into them, and its first forbidden call must kill it.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_abi::boot::{StartCondition, StartMode};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

use super::guest;
use crate::block::Share;
use crate::config::{Module, PartitionId};
use crate::dispatch::policy::RealTime;
use crate::host::Cpus;
use crate::partition::boot::{Start, boot_info};
use crate::partition::{BirthError, Fences, Guest, InjectError, Memory, Order, Process, Spawner, Step, rehearse};
use crate::port::Ports;

/// The longest that a birth, or the guest's few instructions, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the trial showed.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// What every partition of a run would be fenced in by, or why no process can be made at all.
    pub fences: Result<Fences, Refusal>,
    /// Each fence that is missing, by its name in [`Fences`], and why.
    pub refused: Vec<(&'static str, Refusal)>,
    /// How the test guest fared.
    pub guest: Result<Guested, Refusal>,
}

/// A test guest that came to life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guested {
    /// What its birth took.
    pub birth: Duration,
    /// Whether its forbidden call killed it.
    pub killed: bool,
}

/// Where something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// clone with the namespaces' flags.
    Clone,
    /// The user namespace's identity.
    Identity,
    /// The empty root.
    Mounts,
    /// The change to an unprivileged user.
    User,
    /// ptrace.
    Ptrace,
    /// A memory file, or executing one.
    Memfd,
    /// The guest's seccomp filter.
    Seccomp,
    /// The guest's scheduling policy.
    Policy,
    /// Anything else.
    Other,
}

/// Something that the host refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Where.
    pub stage: Stage,
    /// The kernel's answer, if it was one.
    pub errno: Option<Errno>,
    /// The whole message.
    pub text: String,
}

impl From<BirthError> for Refusal {
    fn from(error: BirthError) -> Self {
        let (stage, errno) = match &error {
            BirthError::Clone(errno) => (Stage::Clone, Some(*errno)),
            BirthError::Child { step, error } => (stage_of(*step), Some(*error)),
            BirthError::Died { step } => (stage_of(*step), None),
            BirthError::Identity { error, .. } => (Stage::Identity, error.raw_os_error().map(Errno::from_raw)),
            BirthError::Inject(InjectError::Trace(errno)) => (Stage::Ptrace, Some(*errno)),
            BirthError::Inject(InjectError::Call { call: "seccomp", error }) => (Stage::Seccomp, Some(*error)),
            BirthError::Host { call: "sched_setscheduler", error } => (Stage::Policy, Some(*error)),
            BirthError::Host { error, .. } => (Stage::Other, Some(*error)),
            BirthError::Inject(_) | BirthError::Mappings(_) | BirthError::Fence(_) => (Stage::Other, None),
        };
        Refusal { stage, errno, text: error.to_string() }
    }
}

fn stage_of(step: Step) -> Stage {
    match step {
        Step::Mounts => Stage::Mounts,
        Step::User => Stage::User,
        Step::Exec => Stage::Memfd,
        _ => Stage::Other,
    }
}

impl Refusal {
    fn memfd(errno: Option<Errno>, text: String) -> Refusal {
        Refusal { stage: Stage::Memfd, errno, text }
    }

    fn other(text: &str) -> Refusal {
        Refusal { stage: Stage::Other, errno: None, text: text.to_owned() }
    }
}

impl Trial {
    /// Does all of it, with the test guest on core 0's CPU under the policy that a module with idle time would get.
    pub(super) fn run(cpus: &Cpus, real_time: &RealTime) -> Trial {
        let cpu = cpus.preferred.first().copied().unwrap_or(0);
        let spawner = match Spawner::start(&cpus.housekeeping(&[cpu]), Fences::ALL, || {}) {
            Ok(spawner) => spawner,
            Err(error) => {
                let refusal = Refusal::from(error);
                return Trial { fences: Err(refusal.clone()), refused: Vec::new(), guest: Err(refusal) };
            }
        };
        let fences = spawner.fences();
        let guest = try_guest(&spawner, cpu, real_time);
        Trial { fences: Ok(fences), refused: why_missing(fences), guest }
    }
}

/// Asks for each missing fence once more, on top of those that were granted.
fn why_missing(granted: Fences) -> Vec<(&'static str, Refusal)> {
    let is_root = nix::unistd::geteuid().is_root();
    let all: [(&'static str, bool, Fences); 7] = [
        ("user", granted.user, Fences { user: true, ..granted }),
        ("pid", granted.pid, Fences { pid: true, ..granted }),
        ("mount", granted.mount, Fences { mount: true, ..granted }),
        ("net", granted.net, Fences { net: true, ..granted }),
        ("ipc", granted.ipc, Fences { ipc: true, ..granted }),
        ("uts", granted.uts, Fences { uts: true, ..granted }),
        ("unprivileged_user", granted.unprivileged_user || !is_root, Fences { unprivileged_user: true, ..granted }),
    ];
    let missing = all.into_iter().filter(|&(_, has, _)| !has);
    let refusal = |fences| rehearse(fences).err().map_or_else(|| Refusal::other("refused at times"), Refusal::from);
    missing.map(|(name, _, fences)| (name, refusal(fences))).collect()
}

fn try_guest(spawner: &Spawner, cpu: u32, real_time: &RealTime) -> Result<Guested, Refusal> {
    let path = Path::new("trial");
    let guest = Guest::from_bytes(path, guest::elf())
        .map_err(|error| Refusal::memfd(None, format!("the test guest: {error}")))?;
    let module = Module::single(path, Vec::new(), cpu);
    let id = PartitionId(0);
    let partition = module.partition(id);
    let memory = Memory::new(partition.memory_bytes, partition.stack_bytes)
        .map_err(|errno| Refusal::memfd(Some(errno), format!("no memory file: {errno}")))?;
    let start = Start { generation: 1, condition: StartCondition::NormalStart, mode: StartMode::Cold };
    spawner.order(Order {
        partition: id,
        start,
        boot: boot_info(&module, id, start),
        guest: Arc::new(guest),
        memory: Arc::new(memory),
        ports: Ports::none(),
        blocks: Share::none(),
        keep_ram: false,
        cpu,
        policy: real_time.guest_policy(1, 2),
    });
    let birth = spawner.wait(PATIENCE).ok_or_else(|| Refusal::other("the test guest's birth takes too long"))?;
    let process = birth.process.map_err(Refusal::from)?;
    let killed = watch(process).map_err(|text| Refusal::other(&text))?;
    Ok(Guested { birth: birth.took, killed })
}

/// Lets the process run to its end; true if the filter killed it.
fn watch(process: Process) -> Result<bool, String> {
    let ended = kill(process.pid, Signal::SIGCONT).and_then(|()| await_end(&process));
    match ended {
        Ok(Some(WaitStatus::Signaled(_, Signal::SIGSYS, _))) => Ok(true),
        Ok(Some(WaitStatus::Exited(_, guest::SURVIVED))) => Ok(false),
        Ok(Some(other)) => Err(format!("the test guest came to another end than expected: {other:?}")),
        Ok(None) => {
            process.destroy();
            Err("the test guest does not run".to_owned())
        }
        Err(errno) => {
            process.destroy();
            Err(format!("cannot let the test guest run: {errno}"))
        }
    }
}

/// The process's end; `None` if it does not come.
fn await_end(process: &Process) -> nix::Result<Option<WaitStatus>> {
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    let mut wanted = [PollFd::new(process.pidfd.as_fd(), PollFlags::POLLIN)];
    if poll(&mut wanted, timeout)? == 0 {
        return Ok(None);
    }
    waitid(Id::PIDFd(process.pidfd.as_fd()), WaitPidFlag::WEXITED).map(Some)
}
