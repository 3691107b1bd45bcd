//! Birth of a partition's process: clone, fence in, exec under ptrace, inject, let go, stopped.
//!
//! Runs on the spawner thread only (see [`super::Spawner`]): both ptrace and PDEATHSIG bind to the thread.

use std::ffi::c_void;
use std::fmt::Write as _;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use bulkhead_abi::vcpu::DOORBELL;
use bulkhead_abi::virtual_time::REAL;
use bulkhead_abi::{map, note};
use nix::errno::Errno;
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::sys::ptrace;
use nix::sys::signal::kill;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::Guest;
use super::child::{self, Plan, Step};
use super::fence;
use super::inject::{InjectError, Tracee};
use super::memory::{Mapping, Memory};
use super::namespaces::Fences;
use crate::image::Image;

/// The user that root's partitions become: "nobody".
const NOBODY: u32 = 65534;

/// Why a process could not be born.
#[derive(Debug, thiserror::Error)]
pub enum BirthError {
    /// The kernel refused to make the process.
    #[error("the host refuses a new process with these namespaces: {0}")]
    Clone(Errno),
    /// The new process could not prepare itself.
    #[error("the new process could not {}: {error}", step.describe())]
    Child {
        /// Where it got stuck.
        step: Step,
        /// What the kernel said.
        error: Errno,
    },
    /// The new process died while it was being prepared.
    #[error("the new process died when it was to {}", step.describe())]
    Died {
        /// Where it was.
        step: Step,
    },
    /// Its user or group map could not be written.
    #[error("cannot write {file} of the new process: {error}")]
    Identity {
        /// Which file.
        file: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// ptrace is not allowed, or a call did not work inside the process.
    #[error(transparent)]
    Inject(#[from] InjectError),
    /// The list of its mappings could not be read.
    #[error("cannot read the mappings of the new process: {0}")]
    Mappings(std::io::Error),
    /// The filter does not compile.
    #[error(transparent)]
    Fence(#[from] fence::FenceError),
    /// Another call of the supervisor's failed.
    #[error("{call}: {error}")]
    Host {
        /// Which.
        call: &'static str,
        /// Why.
        error: Errno,
    },
}

impl From<Errno> for BirthError {
    fn from(error: Errno) -> Self {
        BirthError::Inject(InjectError::Trace(error))
    }
}

/// A live process of a partition.
#[derive(Debug)]
pub struct Process {
    /// Its pid in the supervisor's namespace, for what takes no pidfd.
    pub pid: Pid,
    /// Its pidfd.
    pub pidfd: OwnedFd,
}

/// What the spawner knows about the supervisor and the host.
#[derive(Debug)]
pub(super) struct Parent {
    pidfd: OwnedFd,
    fences: Fences,
    /// The child's stack until its exec.
    stack: Vec<u128>,
}

/// 64 KiB are plenty: the deepest function of the child has some hundred bytes.
const CHILD_STACK: usize = 65536 / size_of::<u128>();

impl Parent {
    pub(super) fn new(fences: Fences) -> Result<Parent, BirthError> {
        let pidfd = own_pidfd().map_err(|error| BirthError::Host { call: "pidfd_open", error })?;
        Ok(Parent { pidfd, fences, stack: vec![0; CHILD_STACK] })
    }

    pub(super) fn fences(&self) -> Fences {
        self.fences
    }

    /// Whether a process can be made with these fences, traced, and controlled: everything up to, but without, the exec.
    ///
    /// Tracing and control are part of it because the fences decide about them: root without CAP_SYS_PTRACE cannot trace a
    /// process that has become another user, and without CAP_SYS_NICE or CAP_KILL it can neither place nor stop one.
    pub(super) fn rehearse(&mut self, fences: &Fences) -> Result<(), BirthError> {
        let plan = self.plan(fences, Vec::new(), None);
        let (child, pidfd) = self.clone(fences, &plan)?;
        let process = Process { pid: child, pidfd };
        let traced = self.identify(fences, child).and_then(|()| {
            go(&plan, 1);
            attach(&process, &plan)?;
            try_control(child)
        });
        // The child ends by itself, whatever came of it, and what was refused here is told by its own error.
        go(&plan, 2);
        let status = loop {
            match waitpid(child, Some(WaitPidFlag::__WALL)) {
                Err(Errno::EINTR) => {}
                other => break other,
            }
        };
        traced?;
        match status {
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            _ => Err(failure(&plan)),
        }
    }

    /// Makes a process for `guest`, with `memory` and what it has `shared` with others mapped and everything fenced in, stopped before its first
    /// instruction. An image that asks for stacks of processes gets `stacks`.
    pub(super) fn birth<'a>(
        &mut self,
        guest: &Guest,
        memory: &'a Memory,
        shared: impl Iterator<Item = Mapping<'a>>,
        stacks: u64,
    ) -> Result<Process, BirthError> {
        let fences = self.fences;
        let mappings: Vec<_> = memory.mappings().into_iter().chain(shared).collect();
        let mut keep: Vec<_> = mappings.iter().map(|mapping| mapping.fd.as_raw_fd()).collect();
        keep.sort_unstable();
        keep.dedup();
        let plan = self.plan(&fences, keep, Some(guest.fd.as_raw_fd()));
        let (child, pidfd) = self.clone(&fences, &plan)?;
        let process = Process { pid: child, pidfd };
        let done = self
            .identify(&fences, child)
            .and_then(|()| {
                go(&plan, 1);
                lead_to_exec(&process, &plan)
            })
            .and_then(|()| furnish(child, guest, memory, &mappings, stacks))
            .and_then(|()| confirm_stop(&process));
        match done {
            Ok(()) => Ok(process),
            Err(error) => {
                process.destroy();
                Err(error)
            }
        }
    }

    fn plan(&self, fences: &Fences, keep: Vec<i32>, image: Option<i32>) -> Plan {
        Plan {
            mounts: fences.mount,
            pids: fences.pid,
            user: fences.unprivileged_user.then_some(NOBODY),
            supervisor: self.pidfd.as_raw_fd(),
            supervisor_pid: std::process::id() as i32,
            keep,
            image,
            go: AtomicU32::new(0),
            step: AtomicU32::new(0),
            error: AtomicI32::new(0),
        }
    }

    /// Makes the child. Until it execs or ends, `plan` must stay where it is: every caller waits for that.
    fn clone(&mut self, fences: &Fences, plan: &Plan) -> Result<(Pid, OwnedFd), BirthError> {
        let flags = fences.flags().bits() | libc::CLONE_VM | libc::CLONE_PIDFD | libc::SIGCHLD;
        let mut pidfd = -1;
        // An earlier child, or capabilities of the supervisor's own file, may have made the shared memory undumpable; then
        // only CAP_SYS_PTRACE could trace the child, and only root could write its identity.
        super::restore_dumpable();
        // SAFETY: the stack is this thread's to lend: one child at a time, and each is waited for until it has left the
        // shared memory. `plan` lives as long, by this function's contract, and `child::main` keeps to raw system calls.
        let pid = unsafe {
            let top = self.stack.as_mut_ptr().add(self.stack.len());
            let plan = std::ptr::from_ref(plan).cast_mut().cast::<c_void>();
            libc::clone(child::main, top.cast(), flags, plan, &raw mut pidfd)
        };
        if pid < 0 {
            return Err(BirthError::Clone(Errno::last()));
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok((Pid::from_raw(pid), unsafe { OwnedFd::from_raw_fd(pidfd) }))
    }

    /// Gives the child its user and group, where it has a user namespace.
    fn identify(&self, fences: &Fences, child: Pid) -> Result<(), BirthError> {
        if !fences.user {
            return Ok(());
        }
        let write = |file: &'static str, content: String| {
            std::fs::write(format!("/proc/{child}/{file}"), content)
                .map_err(|error| BirthError::Identity { file, error })
        };
        let (user, group) = if fences.unprivileged_user {
            (NOBODY, NOBODY)
        } else {
            (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
        };
        if !fences.unprivileged_user {
            // What lets an unprivileged process write the group map; see user_namespaces(7).
            write("setgroups", "deny".to_owned())?;
        }
        write("uid_map", format!("{NOBODY} {user} 1"))?;
        write("gid_map", format!("{NOBODY} {group} 1"))
    }
}

impl Process {
    /// Kills the process.
    pub fn kill(&self) {
        // SAFETY: takes integers and a null.
        unsafe {
            let info = std::ptr::null::<libc::siginfo_t>();
            libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), libc::SIGKILL, info, 0);
        }
    }

    /// Kills the process and collects what is left of it.
    pub fn destroy(self) {
        self.kill();
        let _ = waitpid(self.pid, Some(WaitPidFlag::__WALL));
    }
}

/// Does to a process what dispatchers and the spawner do to guests, but without any effect.
fn try_control(child: Pid) -> Result<(), BirthError> {
    let refused = |call| move |error| BirthError::Host { call, error };
    sched_getaffinity(Pid::from_raw(0))
        .and_then(|anywhere| sched_setaffinity(child, &anywhere))
        .map_err(refused("sched_setaffinity"))?;
    kill(child, None).map_err(refused("kill"))
}

fn own_pidfd() -> Result<OwnedFd, Errno> {
    // SAFETY: makes a descriptor; no memory is involved.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn go(plan: &Plan, value: u32) {
    // SYNC POINT plan-go: pairs with the child's acquire in its wait.
    plan.go.store(value, Ordering::Release);
    // SAFETY: FUTEX_WAKE only compares an address.
    unsafe { libc::syscall(libc::SYS_futex, plan.go.as_ptr(), libc::FUTEX_WAKE, 1) };
}

fn failure(plan: &Plan) -> BirthError {
    let step = Step::from_number(plan.step.load(Ordering::Acquire));
    match plan.error.load(Ordering::Acquire) {
        0 => BirthError::Died { step },
        error => BirthError::Child { step, error: Errno::from_raw(error) },
    }
}

/// Waits until the child is ready, and attaches.
fn attach(process: &Process, plan: &Plan) -> Result<(), BirthError> {
    while plan.step.load(Ordering::Acquire) < Step::Ready as u32 {
        wait_briefly(&plan.step);
        if has_ended(process)? {
            return Err(failure(plan));
        }
    }
    let options = ptrace::Options::PTRACE_O_EXITKILL | ptrace::Options::PTRACE_O_TRACEEXEC;
    Ok(ptrace::seize(process.pid, options)?)
}

/// Attaches to the child when it is ready, lets it exec, and waits for its exec stop. On an error the child has ended or
/// is about to be killed by the caller, so that `plan` can go.
fn lead_to_exec(process: &Process, plan: &Plan) -> Result<(), BirthError> {
    attach(process, plan)?;
    go(plan, 2);
    match waitpid(process.pid, Some(WaitPidFlag::__WALL))? {
        WaitStatus::PtraceEvent(_, _, event) if event == libc::PTRACE_EVENT_EXEC => Ok(()),
        _ => Err(failure(plan)),
    }
}

/// Sleeps until the child moves on, but at most 1 ms.
fn wait_briefly(step: &AtomicU32) {
    let current = step.load(Ordering::Acquire);
    if current >= Step::Ready as u32 {
        return;
    }
    let limit = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: FUTEX_WAIT reads the word and the time limit, both alive here.
    unsafe { libc::syscall(libc::SYS_futex, step.as_ptr(), libc::FUTEX_WAIT, current, &raw const limit) };
}

fn has_ended(process: &Process) -> Result<bool, BirthError> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::PIDFd(process.pidfd.as_fd()), flags) {
        Ok(WaitStatus::StillAlive) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(BirthError::Host { call: "waitid", error }),
    }
}

/// Maps the partition's memory into the process at its exec stop, takes away what it does not need, and locks it in.
fn furnish(
    child: Pid,
    guest: &Guest,
    memory: &Memory,
    mappings: &[Mapping<'_>],
    stacks: u64,
) -> Result<(), BirthError> {
    let image = &guest.image;
    let shim = image.note.syscalls().filter(|range| range.size >= 16);
    // Once syscall user dispatch is on, a call passes only from within the shim's range.
    let tracee = Tracee::new(child, shim.map_or(image.entry, |range| range.base))?;
    let call = |name, number, args| tracee.call(name, number, args);

    let foreign = foreign_mappings(child, image)?;
    let put = |mapping: &Mapping<'_>, more| {
        let prot = libc::PROT_READ | if mapping.writable { libc::PROT_WRITE } else { 0 };
        let flags = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE | more;
        let args =
            [mapping.base, mapping.size, prot as u64, flags as u64, mapping.fd.as_raw_fd() as u64, mapping.offset];
        call("mmap", libc::SYS_mmap, args)
    };
    // In real time no page may be missing when it is touched first; in virtual time nobody notices, and most never are.
    let is_virtual = memory.virtual_parameters().mode.load(Ordering::Relaxed) != REAL;
    for mapping in mappings {
        put(mapping, if is_virtual { 0 } else { libc::MAP_POPULATE })?;
    }
    if image.note.flags & note::PROCESS_STACKS != 0 {
        for stack in memory.process_stacks(stacks) {
            // The guest touches what it needs of each when it starts up.
            put(&stack, 0)?;
        }
    }
    for (base, size) in foreign {
        call("munmap", libc::SYS_munmap, [base, size, 0, 0, 0, 0])?;
    }
    for segment in &image.segments {
        let advice = if segment.writable { libc::MADV_POPULATE_WRITE } else { libc::MADV_POPULATE_READ };
        let args = [segment.base, segment.end - segment.base, advice as u64, 0, 0, 0];
        // Saves page faults later; a kernel before 5.14 does not know the advice.
        let _ = call("madvise", libc::SYS_madvise, args);
    }

    let scratch = register_handlers(&call, image, memory)?;
    for (resource, limit) in [(libc::RLIMIT_NOFILE, 0u64), (libc::RLIMIT_NPROC, 0)] {
        let limits = [limit.to_le_bytes(), limit.to_le_bytes()].concat();
        let at = memory.write_scratch(&limits);
        call("prlimit64", libc::SYS_prlimit64, [0, u64::from(resource), at, 0, 0, 0])?;
    }
    call("close_range", libc::SYS_close_range, [0, u64::from(u32::MAX), 0, 0, 0, 0])?;

    if let Some(range) = shim {
        let args = [PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, range.base, range.size, 0, 0];
        // Only names a forbidden call before seccomp kills it; a kernel before 5.11 goes without.
        let _ = call("prctl", libc::SYS_prctl, args);
    }
    if is_virtual && guest.reads_counter() {
        // The time-stamp counter faults, and the shim answers with virtual time. The shim itself does not read it then.
        call("prctl", libc::SYS_prctl, [libc::PR_SET_TSC as u64, libc::PR_TSC_SIGSEGV as u64, 0, 0, 0, 0])?;
    }
    let scratch = scratch.max(install_filter(&call, memory)?);
    memory.clear_scratch(scratch);
    let stack = map::STACK.base + memory.stack_bytes();
    tracee.release(image.entry, map::HOST.base + map::host::BOOT, stack)?;
    Ok(())
}

// From include/uapi/linux/prctl.h.
const PR_SET_SYSCALL_USER_DISPATCH: u64 = 59;
const PR_SYS_DISPATCH_ON: u64 = 1;

type Call<'a> = dyn Fn(&'static str, i64, [u64; 6]) -> Result<u64, InjectError> + 'a;

/// Registers the shim's handler for faults and interrupts on the alternate stack; returns how much scratch memory that used.
fn register_handlers(call: &Call<'_>, image: &Image, memory: &Memory) -> Result<usize, BirthError> {
    if image.note.fault_entry == 0 {
        return Ok(0);
    }
    const SA_RESTORER: u64 = 0x0400_0000;
    let flags = (libc::SA_SIGINFO | libc::SA_ONSTACK) as u64 | SA_RESTORER;
    // struct sigaction of the kernel: handler, flags, restorer, mask.
    let action = words(&[image.note.fault_entry, flags, image.note.restorer, u64::MAX]);
    let at = memory.write_scratch(&action);
    for signal in [libc::SIGSYS, libc::SIGALRM, DOORBELL] {
        call("rt_sigaction", libc::SYS_rt_sigaction, [signal as u64, at, 0, 8, 0, 0])?;
    }
    // A fault of the guest's handler for faults is to reach the shim, which notes it; interrupts wait.
    let nested = flags | libc::SA_NODEFER as u64;
    let interrupts = 1 << (libc::SIGALRM - 1) | 1 << (DOORBELL - 1);
    let action = words(&[image.note.fault_entry, nested, image.note.restorer, interrupts]);
    let at = memory.write_scratch(&action);
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
        call("rt_sigaction", libc::SYS_rt_sigaction, [signal as u64, at, 0, 8, 0, 0])?;
    }
    // stack_t: address, flags, size.
    let stack = words(&[map::ALT_STACK.base, 0, map::ALT_STACK.size]);
    let at = memory.write_scratch(&stack);
    call("sigaltstack", libc::SYS_sigaltstack, [at, 0, 0, 0, 0, 0])?;
    Ok(action.len().max(stack.len()))
}

/// Installs the seccomp filter; returns how much scratch memory that used.
fn install_filter(call: &Call<'_>, memory: &Memory) -> Result<usize, BirthError> {
    let program = fence::filter()?;
    let code = fence::encode(&program);
    // struct sock_fprog: the number of instructions, padding, and their address behind it.
    let mut scratch = words(&[program.len() as u64, 0]);
    scratch.extend_from_slice(&code);
    let at = memory.write_scratch(&scratch);
    scratch[8..16].copy_from_slice(&(at + 16).to_le_bytes());
    memory.write_scratch(&scratch);
    let args = [u64::from(libc::SECCOMP_SET_MODE_FILTER), 0, at, 0, 0, 0];
    call("seccomp", libc::SYS_seccomp, args)?;
    Ok(scratch.len())
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The mappings that are not the image's: the stack, vDSO and vvar that the kernel adds. The vsyscall page is no mapping
/// that could be removed; calls to it go through seccomp.
fn foreign_mappings(child: Pid, image: &Image) -> Result<Vec<(u64, u64)>, BirthError> {
    let mut path = String::new();
    let _ = write!(path, "/proc/{child}/maps");
    let maps = std::fs::read_to_string(path).map_err(BirthError::Mappings)?;
    let mut foreign = Vec::new();
    for line in maps.lines() {
        let Some((range, _)) = line.split_once(' ') else { continue };
        let Some((start, end)) = range.split_once('-') else { continue };
        let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)) else { continue };
        let of_image = image.segments.iter().any(|segment| start < segment.end && segment.base < end);
        if !of_image && start < 1 << 63 {
            foreign.push((start, end - start));
        }
    }
    Ok(foreign)
}

/// Waits until the detached process has stopped.
fn confirm_stop(process: &Process) -> Result<(), BirthError> {
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::PIDFd(process.pidfd.as_fd()), flags) {
            Ok(WaitStatus::Stopped(..)) => return Ok(()),
            Ok(_) => return Err(BirthError::Died { step: Step::Exec }),
            Err(Errno::EINTR) => std::thread::sleep(Duration::from_micros(10)),
            Err(error) => return Err(BirthError::Host { call: "waitid", error }),
        }
    }
}
