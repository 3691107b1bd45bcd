//! `bulkhead bench port`: what messages between partitions cost.
//!
//! Two guests take turns on one core, in windows of 1 ms: the one writes samples and fills queues, the other reads and empties
//! them. Then, where there are two CPUs, two others run at the same time, one sending and one receiving without a pause. What
//! is compared with runs in this process, on the same CPUs under the same scheduling policy, half of it before and half after,
//! since a machine's speed changes with time: memcpy through as many slots, and the same traffic through a lock-free ring
//! that many programs use (the crate rtrb; see `peer`).
//!
//! All times are batches of 16 operations, divided; so a p99 is one of batches.

mod peer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use serde::Serialize;

use super::figure::{FineFigure, Samples};
use super::records::ps;
use super::{Failure, choose_cpu, host_cannot, show};
use crate::cli::HOST_CANNOT;
use crate::config::module::Core;
use crate::config::{Channel, ChannelKind, End, Module, PartitionId, Window};
use crate::dispatch::policy::GuestPolicy;
use crate::host::{self, Cpus};
use crate::partition::{Fences, Guest};
use crate::supervise::timekeeper::{Sample, Timekeeper};
use crate::supervise::{self, ConsoleMode, Options};

const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/port.elf"));

/// What a record of the guest holds. guests/port.rs has the same.
const WRITE: u64 = 1;
const READ: u64 = 2;
const SEND: u64 = 3;
const RECEIVE: u64 = 4;
const RATE: u64 = 5;
const LARGE: u64 = 0x10;
/// Operations in a batch.
const BATCH: u64 = 16;
/// Messages in a segment of the stream.
const SEGMENT: u64 = 16384;
/// Segments that are streamed.
const SEGMENTS: u64 = 100;
/// Messages that the queues hold, for 64 bytes and for 4 KiB.
const DEPTHS: [u32; 2] = [1024, 128];
/// Messages that the stream's queue holds.
const STREAM_DEPTH: u32 = 1024;
const WINDOW_NS: u64 = 1_000_000;

/// One figure for each size of message.
#[derive(Debug, Clone, Copy, Serialize)]
struct Sizes {
    #[serde(rename = "64")]
    small: FineFigure,
    #[serde(rename = "4096")]
    large: FineFigure,
}

/// Samples for each size of message.
struct Both([Samples; 2]);

impl Both {
    fn new() -> Both {
        Both([Samples::new(), Samples::new()])
    }

    fn sizes(self) -> Sizes {
        let [small, large] = self.0;
        Sizes { small: small.into(), large: large.into() }
    }
}

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    sampling_write_ns: Sizes,
    sampling_read_ns: Sizes,
    queuing_send_ns: Sizes,
    queuing_receive_ns: Sizes,
    /// memcpy of the C library, into as many slots as the queues have.
    memcpy_ns: Sizes,
    /// `push` and `pop` of rtrb, in this process.
    rtrb_push_ns: Sizes,
    rtrb_pop_ns: Sizes,
    /// Messages of 64 bytes a second from core to core within a window: the median of segments of 16384 messages. Without a
    /// second CPU: what the medians of sending and receiving amount to.
    queuing_messages_per_s: f64,
    /// The same through rtrb.
    rtrb_messages_per_s: f64,
    /// p50 of `queuing_send_ns` and `queuing_receive_ns` together, divided by that of `rtrb_push_ns` and `rtrb_pop_ns`.
    ratio_64: f64,
    ratio_4096: f64,
    /// `rtrb_messages_per_s` divided by `queuing_messages_per_s`.
    ratio_stream: f64,
    cpu: u32,
    /// The CPU of the stream's receiver, if there is one.
    other_cpu: Option<u32>,
    guest_policy: GuestPolicy,
    host: BTreeMap<String, String>,
}

/// Runs the subcommand; the result is the exit status.
pub(in crate::cli) fn run(json: bool, windows: u32, cpu: Option<u32>) -> u8 {
    show(measure(windows, cpu), json, text)
}

fn measure(windows: u32, cpu: Option<u32>) -> Result<Report, Failure> {
    let cpus = Cpus::of_this_process().map_err(host_cannot)?;
    let cpu = choose_cpu(&cpus, cpu)?;
    let other_cpu = cpus.preferred.iter().copied().find(|&other| other != cpu);
    // The windows leave half of the core idle.
    let guest_policy = host::real_time().guest_policy(1, 2);
    let clock = Sample::take();

    let mut bare = peer::Bare::new();
    bare.measure(cpu, guest_policy, windows / 2);
    let mut rates = other_cpu.map(|other| peer::stream([cpu, other], guest_policy, SEGMENTS / 2)).unwrap_or_default();
    let printed = run_module(turns(cpu, windows))?;
    let streamed = other_cpu.map(|other| run_module(streams([cpu, other]))).transpose()?.unwrap_or_default();
    bare.measure(cpu, guest_policy, windows - windows / 2);
    rates.extend(other_cpu.map(|other| peer::stream([cpu, other], guest_policy, SEGMENTS / 2)).unwrap_or_default());

    let mult = Timekeeper::new(clock, Sample::take()).scale().mult;
    let mut inside: BTreeMap<u64, Both> = [WRITE, READ, SEND, RECEIVE].map(|what| (what, Both::new())).into();
    for (what, ticks) in records(&printed) {
        if let Some(Both(sizes)) = inside.get_mut(&(what & !LARGE)) {
            sizes[usize::from(what & LARGE != 0)].add_ps(ps(ticks, mult) / BATCH);
        }
    }
    let mut figure = |what| inside.remove(&what).unwrap_or_else(Both::new).sizes();
    let (write, read, send, receive) = (figure(WRITE), figure(READ), figure(SEND), figure(RECEIVE));
    if [write, read, send, receive].iter().any(|sizes| sizes.small.count == 0 || sizes.large.count == 0) {
        return Err((HOST_CANNOT, "the guests measured nothing".to_owned()));
    }
    let peer::Figures { memcpy, push, pop } = bare.figures(|ticks| ps(ticks, mult) / BATCH);
    let streamed: Vec<u64> = records(&streamed).filter(|&(what, _)| what == RATE).map(|(_, ticks)| ticks).collect();
    let rate = |segments: Vec<u64>, small: [FineFigure; 2]| match median(segments) {
        Some(ticks) => SEGMENT as f64 * 1e12 / ps(ticks, mult) as f64,
        None => 1e9 / (small[0].p50 + small[1].p50),
    };
    let ours = rate(streamed, [send.small, receive.small]);
    let theirs = rate(rates, [push.small, pop.small]);
    let ratio = |a: FineFigure, b: FineFigure, c: FineFigure, d: FineFigure| (a.p50 + b.p50) / (c.p50 + d.p50);
    Ok(Report {
        ratio_64: ratio(send.small, receive.small, push.small, pop.small),
        ratio_4096: ratio(send.large, receive.large, push.large, pop.large),
        ratio_stream: theirs / ours,
        sampling_write_ns: write,
        sampling_read_ns: read,
        queuing_send_ns: send,
        queuing_receive_ns: receive,
        memcpy_ns: memcpy,
        rtrb_push_ns: push,
        rtrb_pop_ns: pop,
        queuing_messages_per_s: ours,
        rtrb_messages_per_s: theirs,
        cpu,
        other_cpu,
        guest_policy,
        host: host::facts(),
    })
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// The records in what guests have printed.
fn records(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    bytes.chunks_exact(16).map(|record| {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| record[at + byte]));
        (word(0), word(8))
    })
}

/// Runs a module of two partitions to its end; the result is what they have printed, one behind the other.
fn run_module(module: Module) -> Result<Vec<u8>, Failure> {
    let guest = Arc::new(Guest::from_bytes(Path::new("port"), GUEST.to_vec()).map_err(host_cannot)?);
    let (sink, printed) = channel();
    let options = Options {
        frames: None,
        duration: None,
        record: None,
        console: ConsoleMode::Capture(sink),
        require_rt: false,
        console_on_stderr: true,
        quiet: true,
        fences: Fences::ALL,
        stop_on_start_ns: None,
        tap: None,
        control: None,
        debug: None,
        virtual_time: None,
    };
    let outcome = supervise::run(&module, vec![Arc::clone(&guest), guest], &options).map_err(host_cannot)?;
    if outcome.failed() {
        return Err((HOST_CANNOT, format!("a guest failed: {:?}", outcome.partitions)));
    }
    // Dropped with the options: nothing more comes.
    drop(options);
    let mut streams = [Vec::new(), Vec::new()];
    for (id, bytes) in printed {
        streams[id.index()].extend_from_slice(&bytes);
    }
    Ok(streams.concat())
}

/// A module of two partitions with these arguments, of which windows and channels are still to be set.
fn module(cpu: u32, args: [[String; 2]; 2]) -> Module {
    let mut module = Module::single(Path::new("port"), Vec::new(), cpu);
    let one = module.partitions.remove(0);
    module.partitions = args
        .into_iter()
        .map(|args| {
            let mut partition = one.clone();
            partition.name = args[0].clone();
            partition.args = args.into();
            partition.stdin = false;
            partition
        })
        .collect();
    module.late_after_ns = u64::MAX;
    module.overrun_after_ns = 100 * WINDOW_NS;
    module
}

fn channel_between(name: &str, kind: ChannelKind, message_bytes: u32) -> Channel {
    let end = |partition| End::Port { partition: PartitionId(partition), name: name.to_owned() };
    Channel { name: name.to_owned(), kind, message_bytes, source: end(0), destinations: vec![end(1)] }
}

/// Source and destination take turns for so many frames.
fn turns(cpu: u32, windows: u32) -> Module {
    let role = |role: &str| [role.to_owned(), windows.to_string()];
    let mut module = module(cpu, [role("source"), role("destination")]);
    let window = |index: u16| Window {
        partition: PartitionId(index),
        start_ns: u64::from(index) * WINDOW_NS,
        duration_ns: WINDOW_NS,
    };
    module.major_frame_ns = 4 * WINDOW_NS;
    module.cores[0].windows = vec![window(0), window(1)];
    let sampling = ChannelKind::Sampling { refresh_ns: 1_000_000_000 };
    for (size, depth) in [(64, DEPTHS[0]), (4096, DEPTHS[1])] {
        module.channels.push(channel_between(&format!("sample{size}"), sampling, size));
        module.channels.push(channel_between(&format!("queue{size}"), ChannelKind::Queuing { depth }, size));
    }
    module
}

/// Sender and receiver, each on a CPU of its own.
fn streams(cpus: [u32; 2]) -> Module {
    let role = |role: &str| [role.to_owned(), SEGMENTS.to_string()];
    let mut module = module(cpus[0], [role("send"), role("receive")]);
    module.partitions[1].core = 1;
    module.major_frame_ns = 40 * WINDOW_NS;
    let core = |index: u16| Core {
        number: u32::from(index),
        cpu: cpus[usize::from(index)],
        windows: vec![Window { partition: PartitionId(index), start_ns: 0, duration_ns: 20 * WINDOW_NS }],
        alternatives: Vec::new(),
    };
    module.cores = vec![core(0), core(1)];
    module.channels.push(channel_between("stream", ChannelKind::Queuing { depth: STREAM_DEPTH }, 64));
    module
}

fn text(report: &Report) -> String {
    let mut out = format!("{:28}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "ns", "min", "p50", "p99", "max", "batches");
    let rows = [
        ("write a sample", report.sampling_write_ns),
        ("read a sample", report.sampling_read_ns),
        ("send a message", report.queuing_send_ns),
        ("receive a message", report.queuing_receive_ns),
        ("memcpy", report.memcpy_ns),
        ("rtrb: push", report.rtrb_push_ns),
        ("rtrb: pop", report.rtrb_pop_ns),
    ];
    for (name, sizes) in rows {
        for (size, figure) in [("64 B", sizes.small), ("4 KiB", sizes.large)] {
            out += &format!(
                "{:28}{:>9.1}{:>9.1}{:>9.1}{:>9.0}{:>9}\n",
                format!("{name}, {size}"),
                figure.min,
                figure.p50,
                figure.p99,
                figure.max,
                figure.count
            );
        }
    }
    let place = match report.other_cpu {
        Some(other) => format!("from CPU {} to CPU {other}", report.cpu),
        None => format!("in turns on CPU {}", report.cpu),
    };
    out += &format!(
        "\nmessages of 64 B a second {place}: {:.1} million, through rtrb {:.1} million\n\
         at p50, sending and receiving: {:.2} times rtrb's time for 64 B, {:.2} times for 4 KiB; guests {:?}\n",
        report.queuing_messages_per_s / 1e6,
        report.rtrb_messages_per_s / 1e6,
        report.ratio_64,
        report.ratio_4096,
        report.guest_policy
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_pairs_of_words() {
        let bytes: Vec<u8> = [1u64, 500, 0x14, 7].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(records(&bytes).collect::<Vec<_>>(), [(1, 500), (RECEIVE | LARGE, 7)]);
        assert_eq!(records(&bytes[..20]).count(), 1);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_modules_have_their_windows_and_channels() {
        let turns = turns(0, 10);
        assert_eq!((turns.channels.len(), turns.cores[0].windows.len()), (4, 2));
        assert!(turns.channels.iter().all(|channel| channel.slot_bytes() > 0));
        let streams = streams([3, 5]);
        assert_eq!((streams.cores[0].cpu, streams.cores[1].cpu), (3, 5));
        assert_eq!(streams.partitions[1].core, 1);
    }
}
