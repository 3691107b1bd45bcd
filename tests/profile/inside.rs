//! Causes that lie behind the dispatcher, on the way to the guest's first instruction, or below it, in interrupts; each next to a
//! control without it.

use std::net::UdpSocket;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::causes::{be_real_time, blamed, hog, profile_by};
use crate::common::{is_root, skip};

/// Windows whose partition was continued in time, and whose guest came to run more than 2 ms late, by the CSV.
fn late_on_the_way(csv: &str) -> usize {
    let number = |line: &str, column: usize| line.split(',').nth(column).unwrap().parse::<u64>().ok();
    let is_late = |line: &&str| {
        let (Some(planned), Some(lateness), Some(first)) = (number(line, 4), number(line, 7), number(line, 12)) else {
            return false;
        };
        lateness < 500_000 && first - planned > 2_000_000
    };
    csv.lines().filter(|line| line.contains(",ran,")).filter(is_late).count()
}

fn share_of(worst: &Value, cause: &str) -> u64 {
    let shares = worst["shares"].as_array().unwrap();
    shares.iter().find(|share| share["cause"] == cause).map_or(0, |share| share["ns"].as_u64().unwrap())
}

/// A thread between the dispatcher's priority and the guests': the dispatcher is in time, and its guest is not.
#[test]
fn a_thread_that_keeps_guests_from_their_first_instruction() {
    if !is_root() {
        return skip("no right to real-time scheduling");
    }
    let (control, control_csv) = profile_by("first=2ms", |_, _| ());
    let mut could = true;
    let (found, csv) = profile_by("first=2ms", |_, cpu| could = hog(cpu, 80, 40));
    if !could {
        return skip("no right to real-time scheduling");
    }
    // Undisturbed, the way to the first instruction has its ordinary price in all windows.
    let causes = control["causes"].as_array().unwrap();
    let entry = causes.iter().find(|total| total["cause"] == "entry").unwrap_or_else(|| panic!("{control:#}"));
    assert_eq!(entry["name"], "reaching its first instruction");
    assert!(entry["ns"].as_u64() > Some(0), "{entry:#}");
    let (late, before) = (late_on_the_way(&csv), late_on_the_way(&control_csv));
    assert!(late > before + 1, "{late} windows, before {before}: {:#}", found["worst"]);
    let ((ms, windows), (before_ms, before)) = (blamed(&found, "core_taken"), blamed(&control, "core_taken"));
    assert!(ms > before_ms + 10 && windows > before + 1, "{ms} ms, before {before_ms} ms: {:#}", found["worst"]);
    // It is the time behind the continuation that the thread is blamed for.
    let worst = found["worst"].as_array().unwrap();
    let is_one = |worst: &&Value| worst["to_first_instruction"] == true && share_of(worst, "core_taken") > 2_000_000;
    assert!(worst.iter().any(|worst| is_one(&worst)), "{worst:#?}");
}

/// A packet socket whose filter takes long over every packet on the loopback and keeps none.
fn slow_filter() -> Option<OwnedFd> {
    let ip = i32::from(0x0800u16.to_be());
    // SAFETY: makes a descriptor; no memory is involved.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return None;
    }
    // SAFETY: the kernel has just made this descriptor for us.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let instruction = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    // A = 0xffff_ffff; then divisions by 1, each of which waits for the one before.
    let mut program = vec![instruction(0x00, u32::MAX)];
    program.resize(4095, instruction(0x34, 1));
    program.push(instruction(0x06, 0));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel reads the structure, and as many instructions as it says, all of which live on.
    let attached = unsafe {
        let len = size_of_val(&filter) as libc::socklen_t;
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, (&raw const filter).cast(), len)
    };
    // SAFETY: all zero is a valid address.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ip as u16;
    // SAFETY: reads a name that lives on.
    address.sll_ifindex = unsafe { libc::if_nametoindex(c"lo".as_ptr()) } as i32;
    // SAFETY: reads the structure that lives on this stack.
    let bound = unsafe { libc::bind(fd, (&raw const address).cast(), size_of_val(&address) as libc::socklen_t) };
    (attached == 0 && bound == 0).then_some(socket)
}

/// Packets on the loopback that each keep their CPU in a soft interrupt for some milliseconds.
struct SlowPackets {
    filters: Vec<OwnedFd>,
    from: UdpSocket,
    /// Nobody reads it, and what it has no room for is dropped.
    _to: UdpSocket,
}

impl SlowPackets {
    /// None if the host lets nobody filter its packets.
    fn new() -> Option<SlowPackets> {
        let [from, to] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0"));
        let (from, to) = (from.ok()?, to.ok()?);
        from.connect(to.local_addr().ok()?).ok()?;
        let mut packets = SlowPackets { filters: Vec::new(), from, _to: to };
        for _ in 0..40 {
            for _ in 0..50 {
                packets.filters.push(slow_filter()?);
            }
            // The fastest of some, for the thread may lose its CPU meanwhile.
            if (0..5).map(|_| packets.send()).min() > Some(Duration::from_millis(6)) {
                return Some(packets);
            }
        }
        None
    }

    /// Sends one, and says how long that took.
    fn send(&self) -> Duration {
        let begun = Instant::now();
        self.from.send(b"x").unwrap();
        begun.elapsed()
    }
}

/// Whether the kernel's ticks count the time of soft interrupts.
fn soft_interrupts_are_counted(packets: &SlowPackets) -> bool {
    let ticks = || {
        let text = std::fs::read_to_string("/proc/stat").unwrap();
        text.split_whitespace().nth(7).unwrap().parse::<u64>().unwrap()
    };
    let before = ticks();
    for _ in 0..50 {
        packets.send();
    }
    ticks() > before + 5
}

#[test]
fn interrupts_that_keep_the_core() {
    let Some(packets) = SlowPackets::new() else { return skip("no right to filter packets, or none that is slow") };
    if !soft_interrupts_are_counted(&packets) {
        return skip("a kernel that does not count the time of soft interrupts");
    }
    let (control, _) = profile_by("start=2ms", |_, _| ());
    let (before_ms, before) = blamed(&control, "interrupts");
    // Which packet is under way when a window is to begin, and whether the kernel's tick falls into it, is chance.
    let mut worst = Vec::new();
    for _ in 0..5 {
        let (found, _) = profile_by("start=2ms", |_, cpu| keep_busy(&packets, cpu));
        let (ms, windows) = blamed(&found, "interrupts");
        if ms > before_ms + 5 && windows > before + 1 {
            return;
        }
        worst.push(found["worst"].clone());
    }
    panic!("before {before_ms} ms in {before} windows: {worst:#?}");
}

/// Keeps a CPU in soft interrupts wherever it has nothing better to do, for a second and a half.
fn keep_busy(packets: &SlowPackets, cpu: usize) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Below the guests, and above all others: it runs between the windows, and what it has begun goes on into them.
        scope.spawn(|| {
            be_real_time(cpu, 10);
            while !stop.load(Ordering::Relaxed) {
                packets.send();
            }
        });
        std::thread::sleep(Duration::from_millis(1500));
        stop.store(true, Ordering::Relaxed);
    });
}
