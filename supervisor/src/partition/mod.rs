//! Partitions as processes: their memory, their birth, their fences.
//!
//! * [`memory`]: the memfds that guest and supervisor share;
//! * [`boot`]: what the boot information says;
//! * [`fence`]: the seccomp filter;
//! * [`namespaces`]: which namespaces the host grants;
//! * `spawn`: clone, exec, injection; `child` is what the new process does, `inject` the ptrace part, `raw` the system
//!   calls without a C library.
//!
//! [`Spawner`] is the thread on which births happen. It lives as long as the supervisor, because the kernel kills a
//! child when the *thread* that forked it ends (PDEATHSIG), and because ptrace binds to a thread.

pub mod boot;
mod child;
pub mod fence;
mod inject;
pub mod memory;
pub mod namespaces;
mod raw;
mod spawn;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_abi::boot::BootInfo;
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::Pid;

use crate::block::Share;
use crate::config::PartitionId;
use crate::dispatch::policy::{GUEST_NICE, GuestPolicy, apply};
use crate::image::{self, Image, ImageError};
use crate::port::Ports;
pub use child::Step;
pub use inject::InjectError;
pub use memory::Memory;
pub use namespaces::Fences;
pub use spawn::{BirthError, Process};

/// A checked image, and a private copy of the very bytes that were checked, ready to be executed any number of times.
#[derive(Debug)]
pub struct Guest {
    /// What the check found out.
    pub image: Image,
    /// The file it came from, for messages.
    pub path: PathBuf,
    bytes: Vec<u8>,
    fd: OwnedFd,
    reads_counter: OnceLock<bool>,
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The file cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// It is larger than any image may be.
    #[error("the file has {0} bytes, more than the {max} that an image may have", max = image::MAX_IMAGE_BYTES)]
    TooLarge(u64),
    /// It is no regular file.
    #[error("not a regular file")]
    NotAFile,
    /// It is no guest.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The host cannot hold the copy.
    #[error("cannot keep a copy of it in memory: {0}")]
    Copy(Errno),
}

impl Guest {
    /// Reads and checks the image at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is no guest, or cannot be copied to memory.
    pub fn load(path: &Path) -> Result<Guest, GuestError> {
        // Opening a FIFO would wait for a writer.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(GuestError::NotAFile);
        }
        if metadata.len() > image::MAX_IMAGE_BYTES {
            return Err(GuestError::TooLarge(metadata.len()));
        }
        Guest::from_bytes(path, std::fs::read(path)?)
    }

    /// Checks an image that is in memory; `path` is what messages call it.
    ///
    /// # Errors
    /// As for [`Guest::load`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Guest, GuestError> {
        let image = image::check(&bytes)?;
        let exec = MFdFlags::from_bits_retain(libc::MFD_EXEC);
        let flags = MFdFlags::MFD_CLOEXEC;
        // MFD_EXEC came with Linux 6.3; older kernels refuse it and give what it asks for.
        let fd = memfd_create(c"bulkhead-image", flags | exec)
            .or_else(|_| memfd_create(c"bulkhead-image", flags))
            .map_err(GuestError::Copy)?;
        let mut file = std::fs::File::from(fd);
        io::Write::write_all(&mut file, &bytes)?;
        // exec refuses a file that somebody has open for writing (ETXTBSY).
        let fd = reopen_read_only(&file)?;
        Ok(Guest { image, path: path.to_owned(), bytes, fd, reads_counter: OnceLock::new() })
    }

    /// Whether something other than the shim may read the time-stamp counter. Looked for once, when somebody asks: only virtual runs do.
    pub(crate) fn reads_counter(&self) -> bool {
        *self.reads_counter.get_or_init(|| image::reads_counter(&self.bytes, &self.image))
    }

    /// The function that contains `address`, as "name+0x12", if the image has symbols.
    pub fn symbolise(&self, address: u64) -> Option<String> {
        image::symbolise(&self.bytes, address)
    }

    /// The line of source code that the instruction at `address` comes from, as "main.c:12", if the image tells.
    pub fn line(&self, address: u64) -> Option<String> {
        image::line(&self.bytes, address)
    }
}

/// A descriptor of the same file that can only be read.
pub(crate) fn reopen_read_only(file: &impl AsRawFd) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(std::fs::File::open(path)?.into())
}

/// An order to the spawner.
#[derive(Debug)]
pub struct Order {
    /// Which partition.
    pub partition: PartitionId,
    /// Which start of it; the answer carries it.
    pub start: boot::Start,
    /// What to execute.
    pub guest: Arc<Guest>,
    /// Its memory.
    pub memory: Arc<Memory>,
    /// The boot information and its tables, from [`boot::boot_info`].
    pub boot: (BootInfo, Vec<u8>),
    /// Its ports.
    pub ports: Ports,
    /// Its memory blocks.
    pub blocks: Share,
    /// Whether the RAM area keeps its contents.
    pub keep_ram: bool,
    /// The host's CPU that the partition runs on.
    pub cpu: u32,
    /// How its process is to be scheduled.
    pub policy: GuestPolicy,
}

/// The spawner's answer: the partition's process waits, stopped, for its first window.
#[derive(Debug)]
pub struct Birth {
    /// Which partition.
    pub partition: PartitionId,
    /// Which start of it.
    pub start: boot::Start,
    /// What the birth took.
    pub took: Duration,
    /// The process, or why there is none.
    pub process: Result<Process, BirthError>,
}

/// The thread that gives birth to processes.
#[derive(Debug)]
pub struct Spawner {
    orders: Sender<Order>,
    births: Receiver<Birth>,
    fences: Fences,
}

impl Spawner {
    /// Starts the thread on the `housekeeping` CPUs (empty: anywhere) and finds out which namespaces the host grants, at
    /// most `limit`. `notify` is called after every birth.
    ///
    /// # Errors
    /// When the host can make no process that is fenced in at all.
    pub fn start(
        housekeeping: &[u32],
        limit: Fences,
        notify: impl Fn() + Send + 'static,
    ) -> Result<Spawner, BirthError> {
        let (orders, order_queue) = channel::<Order>();
        let (birth_queue, births) = channel::<Birth>();
        let (ready, is_ready) = channel::<Result<Fences, BirthError>>();
        let housekeeping = housekeeping.to_vec();
        thread::Builder::new()
            .name("spawner".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                prepare_thread(&housekeeping);
                let mut parent = match settle_fences(limit) {
                    Ok(parent) => parent,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                let _ = ready.send(Ok(parent.fences()));
                while let Ok(order) = order_queue.recv() {
                    let birth = serve(&mut parent, &order);
                    if birth_queue.send(birth).is_err() {
                        break;
                    }
                    notify();
                }
            })
            .map_err(|error| BirthError::Host {
                call: "starting the spawner thread",
                error: Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN)),
            })?;
        let lost = || BirthError::Host { call: "starting the spawner thread", error: Errno::ESRCH };
        let fences = is_ready.recv().map_err(|_| lost())??;
        Ok(Spawner { orders, births, fences })
    }

    /// The fences that every partition gets.
    pub fn fences(&self) -> Fences {
        self.fences
    }

    /// Hands in an order; the answer comes through [`Spawner::try_birth`] or [`Spawner::wait`].
    pub fn order(&self, order: Order) {
        // The thread ends only with this value.
        let _ = self.orders.send(order);
    }

    /// A finished birth, if there is one.
    pub fn try_birth(&self) -> Option<Birth> {
        self.births.try_recv().ok()
    }

    /// Waits for the next finished birth; `None` if it takes longer than `limit`.
    pub fn wait(&self, limit: Duration) -> Option<Birth> {
        self.births.recv_timeout(limit).ok()
    }
}

fn serve(parent: &mut spawn::Parent, order: &Order) -> Birth {
    let begun = Instant::now();
    let (info, tables) = &order.boot;
    let cleared = order.memory.clear(order.keep_ram);
    order.memory.write_boot(info, tables);
    order.memory.write_ports(&order.ports.prepare());
    order.memory.write_blocks(&order.blocks.table());
    let shared = order.ports.mappings().into_iter().chain(order.blocks.mappings());
    let born = cleared
        .map_err(|error| BirthError::Host { call: "fallocate", error })
        .and_then(|()| parent.birth(&order.guest, &order.memory, shared, u64::from(info.limits.processes) + 1));
    restore_dumpable();
    let process = born.and_then(|process| {
        // Only now, when it is stopped and complete, does the process move to its real-time core.
        match settle(process.pid, order.cpu, order.policy) {
            Ok(()) => Ok(process),
            Err(error) => {
                process.destroy();
                Err(error)
            }
        }
    });
    Birth { partition: order.partition, start: order.start, took: begun.elapsed(), process }
}

fn settle(pid: Pid, cpu: u32, policy: GuestPolicy) -> Result<(), BirthError> {
    pin(pid, &[cpu]).map_err(|error| BirthError::Host { call: "sched_setaffinity", error })?;
    match policy {
        // That is what it has inherited; a host that refuses everything refuses to set even this.
        GuestPolicy::Ordinary => {}
        // Only saves time.
        GuestPolicy::Brief => drop(apply(pid, policy)),
        GuestPolicy::Fifo | GuestPolicy::Nice => {
            apply(pid, policy).map_err(|error| BirthError::Host { call: "sched_setscheduler", error })?;
        }
    }
    if policy == GuestPolicy::Nice {
        // A session of its own is a scheduling group of its own where autogroups are on (see sched(7)), and a nice value
        // only counts within a group. Without autogroups there is no such file.
        let _ = std::fs::write(format!("/proc/{pid}/autogroup"), GUEST_NICE.to_string());
    }
    Ok(())
}

/// Restricts a process or thread (0: the caller) to `cpus`.
///
/// # Errors
/// When none of the CPUs may be used.
pub fn pin(pid: Pid, cpus: &[u32]) -> Result<(), Errno> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu as usize)?;
    }
    sched_setaffinity(pid, &set)
}

/// A child starts with the signal mask of the thread that clones it; with all signals blocked nothing can interrupt it.
fn prepare_thread(housekeeping: &[u32]) {
    let _ = nix::sys::signal::SigSet::all().thread_block();
    if !housekeeping.is_empty() {
        // A wider affinity costs jitter, not correctness.
        let _ = pin(Pid::from_raw(0), housekeeping);
    }
}

/// Tries whether a process with exactly these fences can be made and traced; nothing of it is left afterwards.
///
/// # Errors
/// What the host refuses.
pub fn rehearse(fences: Fences) -> Result<(), BirthError> {
    let rehearsal = move || {
        prepare_thread(&[]);
        let result = spawn::Parent::new(Fences::NONE)?.rehearse(&fences);
        restore_dumpable();
        result
    };
    // A thread of its own, because the signal mask changes.
    thread::spawn(rehearsal).join().unwrap_or(Err(BirthError::Host { call: "rehearsing", error: Errno::ESRCH }))
}

fn settle_fences(limit: Fences) -> Result<spawn::Parent, BirthError> {
    let mut last = None;
    let mut rehearsal = spawn::Parent::new(Fences::NONE)?;
    let is_root = nix::unistd::geteuid().is_root();
    let fences = Fences::find(is_root, |fences| {
        if !fences.within(&limit) {
            return false;
        }
        match rehearsal.rehearse(fences) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(?fences, %error, "not granted");
                last = Some(error);
                false
            }
        }
    });
    if fences == Fences::NONE {
        // Not even the bare process may have been possible.
        rehearsal.rehearse(&fences)?;
    }
    restore_dumpable();
    spawn::Parent::new(fences)
}

/// A child that changes its user makes the memory that it shares with the supervisor undumpable; see
/// PR_SET_DUMPABLE in prctl(2). A debugger should still be able to attach to the supervisor.
fn restore_dumpable() {
    let _ = nix::sys::prctl::set_dumpable(true);
}
