//! A guest without windows, which has its CPU for itself and whose doorbell is the benchmark's.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_abi::boot::{StartCondition, StartMode};
use bulkhead_abi::vcpu::DOORBELL;

use super::{Failure, host_cannot};
use crate::block::Share;
use crate::cli::HOST_CANNOT;
use crate::config::{Module, PartitionId};
use crate::dispatch::clock::now_ns;
use crate::dispatch::policy::GuestPolicy;
use crate::dispatch::real::{Raised, raise};
use crate::dispatch::signal::send;
use crate::partition::boot::{Start, boot_info};
use crate::partition::{Fences, Guest, Memory, Order, Process, Spawner};
use crate::port::Ports;
use crate::supervise::console::Tap;
use crate::supervise::timekeeper::{Sample, Timekeeper};

/// The longest that a birth may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the counter's rate is measured.
const RATE_TIME: Duration = Duration::from_millis(50);

/// A running guest. Dropping it kills the guest.
#[derive(Debug)]
pub(super) struct Bare {
    process: Option<Process>,
    memory: Arc<Memory>,
    tap: Tap,
    /// Nanoseconds per tick of the counter, times 2^32.
    pub(super) mult: u64,
    /// The guest dies with this thread.
    _spawner: Spawner,
}

impl Bare {
    /// Starts `image` on `cpu`; its birth happens on the CPUs `elsewhere`. If it `traces`, it notes what happens in it, for nobody to read.
    pub(super) fn start(
        image: &'static [u8],
        cpu: u32,
        elsewhere: &[u32],
        policy: GuestPolicy,
        traces: bool,
    ) -> Result<Bare, Failure> {
        let path = Path::new("bench");
        let guest = Guest::from_bytes(path, image.to_vec()).map_err(host_cannot)?;
        let spawner = Spawner::start(elsewhere, Fences::ALL, || {}).map_err(host_cannot)?;
        let module = Module::single(path, Vec::new(), cpu);
        let id = PartitionId(0);
        let partition = module.partition(id);
        let memory = Arc::new(Memory::new(partition.memory_bytes, partition.stack_bytes).map_err(host_cannot)?);
        memory.trace_switch().on.store(u32::from(traces), Ordering::Relaxed);
        let start = Start { generation: 1, condition: StartCondition::NormalStart, mode: StartMode::Cold };
        spawner.order(Order {
            partition: id,
            start,
            boot: boot_info(&module, id, start),
            guest: Arc::new(guest),
            memory: Arc::clone(&memory),
            ports: Ports::none(),
            blocks: Share::none(),
            keep_ram: false,
            cpu,
            policy,
        });
        let birth = spawner.wait(PATIENCE).ok_or((HOST_CANNOT, "the guest's birth takes too long".to_owned()))?;
        let process = birth.process.map_err(host_cannot)?;
        let first = Sample::take();
        std::thread::sleep(RATE_TIME);
        let scale = Timekeeper::new(first, Sample::take()).scale();
        memory.clock().publish(scale, 0);
        memory.clock().epoch_ns.store(now_ns(), Ordering::Relaxed);
        let bare = Bare { process: Some(process), memory, tap: Tap::default(), mult: scale.mult, _spawner: spawner };
        bare.signal(libc::SIGCONT)?;
        Ok(bare)
    }

    fn signal(&self, signal: i32) -> Result<(), Failure> {
        let Some(process) = &self.process else { return Ok(()) };
        send(process.pidfd.as_fd(), signal).map_err(|error| (HOST_CANNOT, format!("the guest has ended: {error}")))
    }

    /// Raises a line as a running module does, and rings if the guest wants it.
    pub(super) fn raise(&self, line: u32) -> Result<(), Failure> {
        if raise(self.memory.vcpu(), line) != Raised::Unwanted { self.signal(DOORBELL) } else { Ok(()) }
    }

    /// Takes what it has printed onto the end of `out`.
    pub(super) fn drain(&mut self, out: &mut Vec<u8>) {
        self.tap.drain(&self.memory, out, usize::MAX);
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.destroy();
        }
    }
}
