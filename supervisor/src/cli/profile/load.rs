//! Disturbances, so that people can see how much margin a module has.
//!
//! Each is a process of its own, a copy of this program, so that it shares nothing with the supervisor but the machine. It
//! holds the reading end of a pipe and ends when the other end is closed, however the supervisor ends.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use nix::unistd::Pid;

use super::super::{HOST_CANNOT, WELL, complain};
use crate::partition::pin;

/// What to disturb the host with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// Busy threads on the CPUs that the module does not use
    Cpu,
    /// Copying of large buffers on these CPUs
    Memory,
    /// Writing and reading of a file on these CPUs
    PageCache,
    /// Timer interrupts on the module's CPUs, from ordinary threads that sleep for 100 µs at a time
    Timers,
}

/// The arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DisturbArgs {
    /// With what
    #[arg(value_enum)]
    what: Load,
    /// The CPUs to do it on
    #[arg(value_delimiter = ',')]
    cpus: Vec<u32>,
}

/// A running disturbance; dropping it ends it.
#[derive(Debug)]
pub(super) struct Disturbance(Child);

impl Disturbance {
    /// Starts a disturbance of a module on the CPUs `scheduled`; `free` are the others.
    pub(super) fn start(load: Load, scheduled: &[u32], free: &[u32]) -> io::Result<Disturbance> {
        let cpus = if load == Load::Timers { scheduled } else { free };
        let cpus: Vec<String> = cpus.iter().map(u32::to_string).collect();
        let name = load.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["disturb", &name, &cpus.join(",")]).stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().map(Disturbance)
    }
}

impl Drop for Disturbance {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The subcommand: disturbs until its standard input is closed.
pub(in crate::cli) fn disturb(args: &DisturbArgs) -> u8 {
    // An ordinary process among others, whatever the supervisor was started as: at a nice value of -20 it would take 98 % of
    // a CPU from the processes that are to be born there. Where that is refused, it is one that asks for less already.
    // SAFETY: takes integers only.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 0) };
    let threads_per_cpu = if args.what == Load::Timers { 4 } else { 1 };
    for cpu in args.cpus.iter().flat_map(|cpu| std::iter::repeat_n(*cpu, threads_per_cpu)) {
        let what = args.what;
        let started = std::thread::Builder::new().spawn(move || {
            let _ = pin(Pid::from_raw(0), &[cpu]);
            work(what);
        });
        if let Err(error) = started {
            return complain(&error, HOST_CANNOT);
        }
    }
    let _ = io::stdin().read_to_end(&mut Vec::new());
    // The threads end with the process.
    WELL
}

fn work(what: Load) {
    match what {
        Load::Cpu => loop {
            std::hint::spin_loop();
        },
        Load::Memory => {
            let mut from = vec![1u8; 64 << 20];
            let mut to = vec![0u8; 64 << 20];
            loop {
                to.copy_from_slice(std::hint::black_box(&from));
                std::mem::swap(&mut from, &mut to);
            }
        }
        Load::PageCache => {
            let name = format!("bulkhead-load-{}-{:?}", std::process::id(), std::thread::current().id());
            let path = std::env::temp_dir().join(name.replace(['(', ')'], ""));
            let _ = write_and_read(&path);
        }
        Load::Timers => loop {
            std::thread::sleep(Duration::from_micros(100));
        },
    }
}

/// Ends only with an error, such as a full disk. The file has no name any more, so nothing of it stays behind.
fn write_and_read(path: &std::path::Path) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    let mut file = std::fs::File::options().read(true).write(true).create_new(true).open(path)?;
    std::fs::remove_file(path)?;
    let mut block = vec![7u8; 1 << 20];
    loop {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        for _ in 0..64 {
            file.write_all(&block)?;
        }
        file.sync_data()?;
        file.seek(SeekFrom::Start(0))?;
        for _ in 0..64 {
            file.read_exact(&mut block)?;
        }
    }
}
