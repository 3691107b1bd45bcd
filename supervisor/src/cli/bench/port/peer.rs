//! What ports are compared with: memcpy, and the same traffic through rtrb, a lock-free ring for one producer and one consumer.
//!
//! Both run in threads of this process, on the guests' CPUs and under their policy, in the guests' rhythm: fill the ring in
//! batches, then empty it in batches. What a thread has over a partition is that it shares its memory with the other side.

use std::hint::{black_box, spin_loop};
use std::thread;

use nix::unistd::Pid;

use super::super::raw::ticks;
use super::{BATCH, Both, DEPTHS, SEGMENT, STREAM_DEPTH, Sizes};
use crate::dispatch::policy::{GuestPolicy, apply};
use crate::partition::pin;

/// Ticks of batches, by size of message.
pub(super) struct Bare {
    memcpy: [Vec<u64>; 2],
    push: [Vec<u64>; 2],
    pop: [Vec<u64>; 2],
}

/// The same as distributions.
pub(super) struct Figures {
    pub(super) memcpy: Sizes,
    pub(super) push: Sizes,
    pub(super) pop: Sizes,
}

/// Runs `work` in a thread on `cpu` as a guest would run there.
fn on<T: Send + 'static>(
    cpu: u32,
    policy: GuestPolicy,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        let _ = pin(Pid::from_raw(0), &[cpu]);
        // Not every host allows it; the guests then do without, too.
        let _ = apply(Pid::from_raw(0), policy);
        work()
    })
}

fn batch(into: &mut Vec<u64>, mut operation: impl FnMut()) {
    let before = ticks();
    for _ in 0..BATCH {
        operation();
    }
    into.push(ticks() - before);
}

impl Bare {
    pub(super) fn new() -> Bare {
        let none = || [Vec::new(), Vec::new()];
        Bare { memcpy: none(), push: none(), pop: none() }
    }

    /// Adds `rounds` rounds of everything.
    pub(super) fn measure(&mut self, cpu: u32, policy: GuestPolicy, rounds: u32) {
        let thread = on(cpu, policy, move || (round::<64>(DEPTHS[0], rounds), round::<4096>(DEPTHS[1], rounds)));
        // It cannot panic.
        let Ok((small, large)) = thread.join() else { return };
        for (size, [memcpy, push, pop]) in [small, large].into_iter().enumerate() {
            self.memcpy[size].extend(memcpy);
            self.push[size].extend(push);
            self.pop[size].extend(pop);
        }
    }

    /// The distributions; `ps` makes ticks of a batch picoseconds of an operation.
    pub(super) fn figures(self, ps: impl Fn(u64) -> u64) -> Figures {
        let sizes = |ticks: [Vec<u64>; 2]| {
            let mut both = Both::new();
            for (samples, ticks) in both.0.iter_mut().zip(ticks) {
                ticks.into_iter().for_each(|ticks| samples.add_ps(ps(ticks)));
            }
            both.sizes()
        };
        Figures { memcpy: sizes(self.memcpy), push: sizes(self.push), pop: sizes(self.pop) }
    }
}

/// Fills and empties slots and ring: ticks of the batches of memcpy, push and pop.
fn round<const SIZE: usize>(depth: u32, rounds: u32) -> [Vec<u64>; 3] {
    let [mut memcpy, mut push, mut pop] = [(); 3].map(|()| Vec::new());
    let depth = depth as usize;
    let mut slots = vec![[0u8; SIZE]; depth];
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u8; SIZE]>::new(depth);
    let mut buffer = [0x55u8; SIZE];
    for _ in 0..rounds {
        let mut slot = 0;
        for _ in 0..depth as u64 / BATCH {
            batch(&mut memcpy, || {
                black_box(&mut slots[slot]).copy_from_slice(black_box(&buffer));
                slot += 1;
            });
        }
        while producer.slots() >= BATCH as usize {
            batch(&mut push, || _ = black_box(producer.push(*black_box(&buffer))));
        }
        while consumer.slots() >= BATCH as usize {
            batch(&mut pop, || {
                if let Ok(message) = consumer.pop() {
                    *black_box(&mut buffer) = message;
                }
            });
        }
        // The guests' memory is cold in part when their turn comes; this much is not to be had by a sleep alone.
        thread::sleep(std::time::Duration::from_millis(1));
    }
    [memcpy, push, pop]
}

/// Streams `segments` from one CPU to the other: the ticks of each.
pub(super) fn stream(cpus: [u32; 2], policy: GuestPolicy, segments: u64) -> Vec<u64> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u8; 64]>::new(STREAM_DEPTH as usize);
    let sender = on(cpus[0], policy, move || {
        let buffer = [0x55u8; 64];
        for _ in 0..segments * SEGMENT {
            while producer.push(*black_box(&buffer)).is_err() {
                spin_loop();
            }
        }
    });
    let receiver = on(cpus[1], policy, move || {
        let mut buffer = [0u8; 64];
        let mut times = Vec::new();
        for _ in 0..segments {
            let before = ticks();
            for _ in 0..SEGMENT {
                loop {
                    match consumer.pop() {
                        Ok(message) => break *black_box(&mut buffer) = message,
                        Err(_) => spin_loop(),
                    }
                }
            }
            times.push(ticks() - before);
        }
        times
    });
    // They cannot panic.
    let _ = sender.join();
    receiver.join().unwrap_or_default()
}
