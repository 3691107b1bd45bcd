//! Lets the supervisor read the pages that a guest writes, with whatever a guest may leave in them at any time: the console's
//! ring, the ring of reports, the request and the note about a fault.
#![no_main]

use std::sync::atomic::{AtomicU32, Ordering};

use bulkhead::partition::Memory;
use bulkhead::supervise::console::{Lines, Tap, feed, visible};
use bulkhead::supervise::death::{Death, Note, Verdict};
use bulkhead::supervise::report::{Reports, Will};
use bulkhead_abi::report::MESSAGE_LEN;
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};

/// What the guest writes, or the supervisor does, next.
#[derive(Debug, Arbitrary)]
enum Step {
    OutHead(u32),
    OutDropped(u32),
    OutBytes { at: u16, bytes: Vec<u8> },
    InTail(u32),
    ReportHead(u32),
    ReportDropped(u32),
    Report { slot: u8, kind: u32, code: u32, process: u32, length: u32, address: u64, byte: u8 },
    Request { kind: u32, code: u32, process: u32, length: u32, address: u64, byte: u8 },
    Fault { kind: u32, signal: u32, code: u32, arch: u32, address: u64, ip: u64, sp: u64, trap: u64 },
    Drain { limit: u16 },
    Type { bytes: u8 },
    TakeReports { after_ns: u32 },
    Die { signal: Option<u8>, status: u8 },
}

const RAM: u64 = 64 << 10;
const STACK: u64 = 16 << 10;

fn set(word: &AtomicU32, value: u32) {
    word.store(value, Ordering::Relaxed);
}

fuzz_target!(|steps: Vec<Step>| {
    thread_local!(static MEMORY: Memory = Memory::new(RAM, STACK).expect("memory"));
    MEMORY.with(|memory| {
        memory.clear(true).expect("it can be cleared");
        run(memory, &steps);
    });
});

fn run(memory: &Memory, steps: &[Step]) {
    let (mut tap, mut lines, mut reports) = (Tap::default(), Lines::new("guest".to_owned()), Reports::new(0));
    let (mut now_ns, mut typed) = (0u64, 0u32);
    for step in steps {
        match *step {
            Step::OutHead(head) => set(&memory.out_producer().head, head),
            Step::OutDropped(dropped) => set(&memory.out_producer().dropped, dropped),
            Step::OutBytes { at, ref bytes } => {
                for (place, &byte) in memory.out_data()[usize::from(at)..].iter().zip(bytes) {
                    place.store(byte, Ordering::Relaxed);
                }
            }
            Step::InTail(tail) => set(&memory.in_consumer().tail, tail),
            Step::ReportHead(head) => set(&memory.report_producer().head, head),
            Step::ReportDropped(dropped) => set(&memory.report_producer().dropped, dropped),
            Step::Report { slot, kind, code, process, length, address, byte } => {
                let slots = memory.reports();
                let report = &slots[usize::from(slot) % slots.len()];
                for (word, value) in
                    [(&report.kind, kind), (&report.code, code), (&report.process, process), (&report.length, length)]
                {
                    set(word, value);
                }
                report.address.store(address, Ordering::Relaxed);
                report.message[0].store(byte, Ordering::Relaxed);
            }
            Step::Request { kind, code, process, length, address, byte } => {
                let request = &memory.vcpu().request;
                for (word, value) in
                    [(&request.kind, kind), (&request.code, code), (&request.process, process), (&request.length, length)]
                {
                    set(word, value);
                }
                request.address.store(address, Ordering::Relaxed);
                request.message[0].store(byte, Ordering::Relaxed);
            }
            Step::Fault { kind, signal, code, arch, address, ip, sp, trap } => {
                let fault = &memory.vcpu().fault;
                for (word, value) in
                    [(&fault.kind, kind), (&fault.signal, signal), (&fault.code, code), (&fault.arch, arch)]
                {
                    set(word, value);
                }
                for (word, value) in
                    [(&fault.address, address), (&fault.ip, ip), (&fault.sp, sp), (&fault.trap, trap)]
                {
                    word.store(value, Ordering::Relaxed);
                }
            }
            Step::Drain { limit } => {
                let (mut taken, mut shown) = (Vec::new(), Vec::new());
                let _ = tap.drain(memory, &mut taken, usize::from(limit));
                assert!(taken.len() <= usize::from(limit));
                lines.push(now_ns, &taken, &mut shown);
                lines.flush(&mut shown);
                assert!(!shown.contains(&0x1b), "an escape sequence got through");
            }
            Step::Type { bytes } => {
                let fed = feed(memory, &mut typed, &[b'x'; 255][..usize::from(bytes)]);
                assert!(fed <= usize::from(bytes));
            }
            Step::TakeReports { after_ns } => {
                now_ns += u64::from(after_ns);
                let (taken, _) = reports.drain(memory, now_ns);
                assert!(taken.len() <= memory.reports().len());
                for report in taken {
                    assert!(report.message.len() <= MESSAGE_LEN);
                    assert!(!visible(&report.message).contains(|c: char| c.is_control()));
                }
            }
            Step::Die { signal, status } => {
                let vcpu = memory.vcpu();
                let verdict = match signal {
                    Some(signal) => Verdict::Killed(i32::from(signal)),
                    None => Verdict::Exited(i32::from(status)),
                };
                let will = Will::read(&vcpu.request);
                let death = Death::judge(verdict, Note::read(&vcpu.fault), will.as_ref());
                assert!(!death.to_string().contains(|c: char| c.is_control()));
                let _ = (death.error(), death.event(), death.address(), death.process(), death.ip());
            }
        }
    }
}
