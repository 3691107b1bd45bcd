//! What the new process does between clone and exec.
//!
//! It runs in the spawner's memory (CLONE_VM: no page of the supervisor becomes copy-on-write, so no dispatcher takes a
//! page fault because some partition restarts), on a stack of its own, and therefore must not allocate, lock, panic or
//! touch thread-local data. It makes raw system calls, writes down how far it got, and execs.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use super::raw::syscall;

/// The steps of a child's life, for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// Not begun.
    Start = 0,
    /// Signal dispositions.
    Signals,
    /// A session of its own, out of the terminal's reach.
    Session,
    /// Waiting for its identity map.
    Identity,
    /// The empty root.
    Mounts,
    /// Resource limits.
    Limits,
    /// User and group.
    User,
    /// Capabilities.
    Capabilities,
    /// Death with the parent.
    ParentDeath,
    /// no_new_privs.
    NoNewPrivileges,
    /// Descriptors that go through exec.
    Descriptors,
    /// Waiting for the tracer.
    Ready,
    /// The exec itself.
    Exec,
}

impl Step {
    const ALL: [Step; 13] = [
        Step::Start,
        Step::Signals,
        Step::Session,
        Step::Identity,
        Step::Mounts,
        Step::Limits,
        Step::User,
        Step::Capabilities,
        Step::ParentDeath,
        Step::NoNewPrivileges,
        Step::Descriptors,
        Step::Ready,
        Step::Exec,
    ];

    /// The step with this number.
    pub fn from_number(number: u32) -> Step {
        Step::ALL.get(number as usize).copied().unwrap_or(Step::Start)
    }

    /// What the child tries at this step.
    pub fn describe(self) -> &'static str {
        match self {
            Step::Start => "begin",
            Step::Signals => "reset its signals",
            Step::Session => "start a session of its own",
            Step::Identity => "wait for its identity",
            Step::Mounts => "move to an empty root",
            Step::Limits => "lower its resource limits",
            Step::User => "change to an unprivileged user",
            Step::Capabilities => "give up its capabilities",
            Step::ParentDeath => "tie its life to the supervisor's",
            Step::NoNewPrivileges => "set no_new_privs",
            Step::Descriptors => "prepare its descriptors",
            Step::Ready => "wait for the supervisor",
            Step::Exec => "execute the image",
        }
    }
}

/// What the child is to do, prepared by the spawner, and what it says back.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whether there is a mount namespace to empty.
    pub(super) mounts: bool,
    /// Whether there is a pid namespace, in which getppid() says 0.
    pub(super) pids: bool,
    /// The user and group to become.
    pub(super) user: Option<u32>,
    /// A pidfd of the supervisor, to see whether it is still alive.
    pub(super) supervisor: i32,
    /// The supervisor's pid.
    pub(super) supervisor_pid: i32,
    /// Descriptors that go through exec.
    pub(super) keep: Vec<i32>,
    /// The image; none for a rehearsal, which ends before exec.
    pub(super) image: Option<i32>,
    /// Raised by the spawner: 1 when the identity is set, 2 when the tracer is there.
    pub(super) go: AtomicU32,
    /// Raised by the child: the step it is at.
    pub(super) step: AtomicU32,
    /// The errno of the step that failed.
    pub(super) error: AtomicI32,
}

/// Exit status of a child that failed before exec.
pub(super) const EXIT_FAILED: i32 = 127;

/// Limits of a guest. Seccomp already bars every call that could use these resources up; the limits stand behind it.
/// RLIMIT_RTPRIO and RLIMIT_NICE stay, because the kernel asks for the *guest's* limits when the supervisor sets its policy.
/// RLIMIT_CORE is 1 and not 0, because a core_pattern that names a pipe ignores 0 (see core(5)).
const LIMITS: [(u32, u64); 6] = [
    (libc::RLIMIT_CORE, 1),
    (libc::RLIMIT_FSIZE, 0),
    (libc::RLIMIT_MEMLOCK, 0),
    (libc::RLIMIT_MSGQUEUE, 0),
    (libc::RLIMIT_SIGPENDING, 64),
    (libc::RLIMIT_STACK, 1 << 20),
];

/// The child's main function.
/// Only clone(2) calls it, in a process that shares the spawner's memory, with a [`Plan`].
pub(super) extern "C" fn main(plan: *mut c_void) -> i32 {
    // SAFETY: the spawner passes its plan and keeps it until this process has left the shared memory; the fields that
    // change are atomic.
    let plan = unsafe { &*plan.cast::<Plan>() };
    let error = match run(plan) {
        Ok(()) => return 0,
        Err(error) => error,
    };
    plan.error.store(error, Ordering::Release);
    EXIT_FAILED
}

/// A system call whose failure ends the child. `EINTR` cannot happen: all signals are blocked.
fn call(number: i64, args: [u64; 6]) -> Result<u64, i32> {
    // SAFETY: every caller in this file passes constants, integers, or pointers to its own locals and constants of the
    // right type for the call, none of which changes memory that other code owns.
    let result = unsafe { syscall(number, args) };
    if result < 0 { Err(-result as i32) } else { Ok(result as u64) }
}

fn text(text: &CStr) -> u64 {
    text.as_ptr() as u64
}

fn run(plan: &Plan) -> Result<(), i32> {
    let step = |step: Step| plan.step.store(step as u32, Ordering::Release);

    // At once, because this process waits for its identity, which a supervisor that dies now would never give it.
    step(Step::ParentDeath);
    die_with_supervisor(plan)?;

    step(Step::Signals);
    reset_signals()?;

    step(Step::Session);
    call(libc::SYS_setsid, [0; 6])?;

    step(Step::Identity);
    wait_for(&plan.go, 1, plan.supervisor)?;

    if plan.mounts {
        step(Step::Mounts);
        empty_root()?;
    }

    step(Step::Limits);
    for (resource, limit) in LIMITS {
        lower_limit(resource, limit)?;
    }

    step(Step::Capabilities);
    drop_bounding_set()?;

    step(Step::User);
    if let Some(user) = plan.user {
        let user = u64::from(user);
        call(libc::SYS_setgroups, [0; 6])?;
        call(libc::SYS_setresgid, [user, user, user, 0, 0, 0])?;
        call(libc::SYS_setresuid, [user, user, user, 0, 0, 0])?;
    }

    step(Step::Capabilities);
    drop_capabilities()?;

    // Once more, because the change of user has undone it.
    step(Step::ParentDeath);
    die_with_supervisor(plan)?;

    step(Step::NoNewPrivileges);
    call(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as u64, 1, 0, 0, 0, 0])?;

    step(Step::Descriptors);
    let all = [0, u64::from(u32::MAX), u64::from(libc::CLOSE_RANGE_CLOEXEC), 0, 0, 0];
    call(libc::SYS_close_range, all)?;
    if plan.image.is_some() {
        for &fd in &plan.keep {
            call(libc::SYS_fcntl, [fd as u64, libc::F_SETFD as u64, 0, 0, 0, 0])?;
        }
    }

    step(Step::Ready);
    wake(&plan.step);
    wait_for(&plan.go, 2, plan.supervisor)?;
    let Some(image) = plan.image else {
        return Ok(());
    };

    step(Step::Exec);
    let none: u64 = 0;
    call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as u64, (&raw const none) as u64, 0, 8, 0, 0])?;
    let argv: [u64; 2] = [text(c"bulkhead-guest"), 0];
    let args = [image as u64, text(c""), argv.as_ptr() as u64, (&raw const none) as u64, libc::AT_EMPTY_PATH as u64, 0];
    call(libc::SYS_execveat, args).map(drop)
}

/// Asks to be killed when the supervisor dies, and fails if it is dead already.
fn die_with_supervisor(plan: &Plan) -> Result<(), i32> {
    call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as u64, libc::SIGKILL as u64, 0, 0, 0, 0])?;
    let parent = call(libc::SYS_getppid, [0; 6])?;
    if (!plan.pids && parent != plan.supervisor_pid as u64) || supervisor_is_dead(plan.supervisor)? {
        return Err(libc::ESRCH);
    }
    Ok(())
}

/// Sets every signal back to its default. A shell or a runtime may have left some ignored, and exec keeps that.
fn reset_signals() -> Result<(), i32> {
    // struct sigaction of the kernel: handler, flags, restorer, mask; all zero is SIG_DFL.
    let default = [0u64; 4];
    for signal in 1..=64 {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            call(libc::SYS_rt_sigaction, [signal as u64, default.as_ptr() as u64, 0, 8, 0, 0])?;
        }
    }
    Ok(())
}

/// Makes an empty, read-only, in-memory directory the root, and lets go of the old one.
fn empty_root() -> Result<(), i32> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    call(libc::SYS_mount, [0, text(c"/"), 0, private, 0, 0])?;
    // Any directory that surely exists can carry the mount: the old root goes away with it.
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let options = text(c"size=4k,nr_inodes=1,mode=0555");
    call(libc::SYS_mount, [text(c"bulkhead"), text(c"/proc"), text(c"tmpfs"), flags, options, 0])?;
    call(libc::SYS_chdir, [text(c"/proc"), 0, 0, 0, 0, 0])?;
    call(libc::SYS_pivot_root, [text(c"."), text(c"."), 0, 0, 0, 0])?;
    call(libc::SYS_umount2, [text(c"."), libc::MNT_DETACH as u64, 0, 0, 0, 0])?;
    let read_only = flags | libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY;
    call(libc::SYS_mount, [0, text(c"/"), 0, read_only, 0, 0])?;
    Ok(())
}

/// Lowers a limit, or leaves it where it is if it is lower already.
fn lower_limit(resource: u32, limit: u64) -> Result<(), i32> {
    let mut current = [0u64; 2];
    call(libc::SYS_prlimit64, [0, u64::from(resource), 0, current.as_mut_ptr() as u64, 0, 0])?;
    let wanted = [limit.min(current[0]), limit.min(current[1])];
    call(libc::SYS_prlimit64, [0, u64::from(resource), wanted.as_ptr() as u64, 0, 0, 0]).map(drop)
}

/// Empties the bounding set, as far as there is the right to.
fn drop_bounding_set() -> Result<(), i32> {
    for capability in 0..64 {
        // Without CAP_SETPCAP this is refused, and there is nothing to lose either.
        let drop_one = call(libc::SYS_prctl, [libc::PR_CAPBSET_DROP as u64, capability, 0, 0, 0, 0]);
        match drop_one {
            Ok(_) => {}
            Err(libc::EINVAL | libc::EPERM) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Empties the ambient, inheritable, permitted and effective sets.
fn drop_capabilities() -> Result<(), i32> {
    const VERSION_3: u32 = 0x2008_0522;
    call(libc::SYS_prctl, [libc::PR_CAP_AMBIENT as u64, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0, 0, 0, 0])?;
    let header = [VERSION_3, 0];
    let sets = [0u32; 6];
    call(libc::SYS_capset, [header.as_ptr() as u64, sets.as_ptr() as u64, 0, 0, 0, 0]).map(drop)
}

/// A pidfd becomes readable when its process has ended.
fn supervisor_is_dead(pidfd: i32) -> Result<bool, i32> {
    let mut poll = libc::pollfd { fd: pidfd, events: libc::POLLIN, revents: 0 };
    Ok(call(libc::SYS_poll, [(&raw mut poll) as u64, 1, 0, 0, 0, 0])? > 0)
}

/// How long the child waits before it looks whether the supervisor is still there, in nanoseconds.
const PATIENCE_NS: i64 = 20_000_000;

/// Waits until `word` has reached `value`; fails if the supervisor dies.
///
/// PDEATHSIG alone is not enough: it is about the thread that forked, which may end an instant before the child asks for
/// it, and while the supervisor's other threads are still ending, its pidfd has nothing to tell yet.
fn wait_for(word: &AtomicU32, value: u32, supervisor: i32) -> Result<(), i32> {
    let patience = libc::timespec { tv_sec: 0, tv_nsec: PATIENCE_NS };
    loop {
        // SYNC POINT plan-go: pairs with the spawner's release of `go`.
        let current = word.load(Ordering::Acquire);
        if current >= value {
            return Ok(());
        }
        let limit = (&raw const patience) as u64;
        let args = [word.as_ptr() as u64, libc::FUTEX_WAIT as u64, u64::from(current), limit, 0, 0];
        // Any other error (the word has changed already) sends the loop round once more.
        if call(libc::SYS_futex, args) == Err(libc::ETIMEDOUT) && supervisor_is_dead(supervisor)? {
            return Err(libc::ESRCH);
        }
    }
}

fn wake(word: &AtomicU32) {
    let _ = call(libc::SYS_futex, [word.as_ptr() as u64, libc::FUTEX_WAKE as u64, 1, 0, 0, 0]);
}
