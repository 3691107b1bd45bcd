//! A guest without windows: born as every partition is, but its doorbell is this test's.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use bulkhead::block::Share;
use bulkhead::config::{Module, PartitionId};
use bulkhead::dispatch::clock::now_ns;
use bulkhead::dispatch::signal::send;
use bulkhead::host::{Cpus, real_time};
use bulkhead::partition::boot::{Start, boot_info};
use bulkhead::partition::{Fences, Guest, Memory, Order, Process, Spawner, pin};
use bulkhead::port::Ports;
use bulkhead::supervise::console::Tap;
use bulkhead::supervise::timekeeper::{Sample, Timekeeper};
use bulkhead_abi::boot::{StartCondition, StartMode};
use bulkhead_abi::vcpu::{DOORBELL, VcpuPage};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::os::fd::AsFd;

use super::common::{WATCHDOG, eventually};

/// A guest and its virtual CPU. Dropping it kills the guest.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) process: Process,
    memory: Arc<Memory>,
    tap: Tap,
    text: Vec<u8>,
    /// The guest dies with this thread.
    _spawner: Spawner,
}

impl Machine {
    /// A guest at its first instruction, stopped, on a CPU of its own; the calling thread moves to another if there is one.
    pub(crate) fn new(guest: &Path, args: &[&str]) -> Machine {
        let cpus = Cpus::of_this_process().expect("the CPUs are known");
        let cpu = cpus.preferred[0];
        let elsewhere = cpus.housekeeping(&[cpu]);
        if !elsewhere.is_empty() {
            pin(Pid::from_raw(0), &elsewhere).expect("this thread moves away");
        }
        let spawner = Spawner::start(&elsewhere, Fences::ALL, || {}).expect("a spawner");
        let module = Module::single(guest, args.iter().map(|&arg| arg.to_owned()).collect(), cpu);
        let id = PartitionId(0);
        let partition = module.partition(id);
        let memory = Arc::new(Memory::new(partition.memory_bytes, partition.stack_bytes).expect("memory"));
        let first = Sample::take();
        sleep(Duration::from_millis(20));
        let keeper = Timekeeper::new(first, Sample::take());
        memory.clock().publish(keeper.scale(), 0);
        memory.clock().epoch_ns.store(now_ns(), Ordering::Relaxed);
        let start = Start { generation: 1, condition: StartCondition::NormalStart, mode: StartMode::Cold };
        spawner.order(Order {
            partition: id,
            start,
            boot: boot_info(&module, id, start),
            guest: Arc::new(Guest::load(guest).expect("a guest")),
            memory: Arc::clone(&memory),
            ports: Ports::none(),
            blocks: Share::none(),
            keep_ram: false,
            cpu,
            policy: real_time().guest_policy(1, 1),
        });
        let birth = spawner.wait(WATCHDOG).expect("a birth");
        let process = birth.process.expect("a process");
        Machine { process, memory, tap: Tap::default(), text: Vec::new(), _spawner: spawner }
    }

    pub(crate) fn vcpu(&self) -> &VcpuPage {
        self.memory.vcpu()
    }

    /// Sends the guest a signal. One that has just ended needs none.
    pub(crate) fn signal(&self, signal: i32) {
        let _ = send(self.process.pidfd.as_fd(), signal);
    }

    pub(crate) fn go_on(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Stops the guest and waits until it has.
    pub(crate) fn stop(&self) {
        self.signal(libc::SIGSTOP);
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::PIDFd(self.process.pidfd.as_fd()), flags).expect("it can be waited for");
    }

    /// Raises a line as the supervisor does; true if it was not raised before, and so will be served once more.
    pub(crate) fn raise(&self, line: u32) -> bool {
        let news = self.raise_silently(line);
        self.signal(DOORBELL);
        news
    }

    /// Likewise, without ringing.
    pub(crate) fn raise_silently(&self, line: u32) -> bool {
        self.vcpu().pending.fetch_or(1 << line, Ordering::Release) & 1 << line == 0
    }

    /// A guest that waits for its output to be fetched looks again in its next window.
    fn next_window(&self) {
        self.vcpu().window.fetch_add(1, Ordering::Relaxed);
        self.signal(DOORBELL);
    }

    /// Everything that it has printed so far.
    pub(crate) fn output(&mut self) -> String {
        self.tap.drain(&self.memory, &mut self.text, usize::MAX);
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// Waits until it has printed `words`.
    pub(crate) fn wait_for(&mut self, words: &str) {
        eventually(words, || self.output().contains(words).then_some(()));
    }

    /// Waits for its end; how it ended, and everything that it printed.
    pub(crate) fn finish(mut self) -> (WaitStatus, String) {
        let mut last = None;
        eventually("the guest ends", || {
            self.output();
            self.next_window();
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            match waitid(Id::PIDFd(self.process.pidfd.as_fd()), flags).expect("it can be waited for") {
                WaitStatus::StillAlive => None,
                status => {
                    last = Some(status);
                    Some(())
                }
            }
        });
        (last.expect("it has ended"), self.output())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.process.kill();
        let _ = waitid(Id::PIDFd(self.process.pidfd.as_fd()), WaitPidFlag::WEXITED);
    }
}

/// The number behind `key` at the beginning of a line.
pub(crate) fn figure(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let digits = line.unwrap_or_else(|| panic!("no {key:?} in:\n{text}"));
    digits.parse().unwrap_or_else(|error| panic!("{key} {digits:?}: {error}"))
}
