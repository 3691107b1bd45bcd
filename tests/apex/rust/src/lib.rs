//! What the conformance guests in Rust share. They call the services through the traits of `a653rs` and print the same lines as
//! those in C, see `conform.h`.
#![no_std]

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

pub use a653rs::bindings::*;
pub use bulkhead_apex::Bulkhead;
pub use bulkhead_shim::entry;
use bulkhead_shim::{partition, println};

/// Nanoseconds.
pub const MS: i64 = 1_000_000;
/// Waits for ever.
pub const FOREVER: i64 = -1;
/// Beyond all time.
pub const NEVER: i64 = i64::MAX;
/// An identifier that nothing has.
pub const NOBODY: i64 = 9999;
/// Priority of the process that runs the script.
pub const DRIVER: Priority = 50;

static MADE: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

fn name_of(code: Option<ErrorReturnCode>) -> &'static str {
    match code {
        None => "NO_ERROR",
        Some(ErrorReturnCode::NoAction) => "NO_ACTION",
        Some(ErrorReturnCode::NotAvailable) => "NOT_AVAILABLE",
        Some(ErrorReturnCode::InvalidParam) => "INVALID_PARAM",
        Some(ErrorReturnCode::InvalidConfig) => "INVALID_CONFIG",
        Some(ErrorReturnCode::InvalidMode) => "INVALID_MODE",
        Some(ErrorReturnCode::TimedOut) => "TIMED_OUT",
    }
}

fn count(good: bool) {
    MADE.fetch_add(1, Relaxed);
    FAILED.fetch_add(u32::from(!good), Relaxed);
}

/// A reply that is to be this error.
pub fn refuses<T>(service: &str, want: ErrorReturnCode, words: &str, got: Result<T, ErrorReturnCode>) {
    compare(service, Some(want), words, got.err());
}

/// A reply that is to be no error; what it brings.
pub fn works<T>(service: &str, words: &str, got: Result<T, ErrorReturnCode>) -> T {
    let code = got.as_ref().err().copied();
    compare(service, None, words, code);
    got.unwrap_or_else(|_| finish())
}

fn compare(service: &str, want: Option<ErrorReturnCode>, words: &str, got: Option<ErrorReturnCode>) {
    count(want == got);
    if want == got {
        println!("check {service} {} {words}: PASS", name_of(want));
    } else {
        println!("check {service} {} {words}: FAIL ({})", name_of(want), name_of(got));
    }
}

/// Something that a service does, besides the code.
pub fn shows(service: &str, words: &str, good: bool) {
    count(good);
    println!("check {service} - {words}: {}", if good { "PASS" } else { "FAIL" });
}

/// What implementers get wrong, by its number.
pub fn trap(number: u32, service: &str, words: &str, good: bool) {
    count(good);
    println!("trap {number} {service} {words}: {}", if good { "PASS" } else { "FAIL" });
}

/// The last line, and the end of the guest.
pub fn finish() -> ! {
    println!("done {} checks", MADE.load(Relaxed));
    partition::halt(i32::from(FAILED.load(Relaxed) != 0))
}

/// A name, NUL-padded.
pub fn name(text: &str) -> ApexName {
    let mut name = [0; MAX_NAME_LENGTH];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

/// An aperiodic process' attributes.
pub fn attributes(text: &str, entry_point: extern "C" fn(), base_priority: Priority) -> ApexProcessAttribute {
    ApexProcessAttribute {
        period: FOREVER,
        time_capacity: FOREVER,
        entry_point,
        stack_size: 16 * 1024,
        base_priority,
        deadline: Deadline::Soft,
        name: name(text),
    }
}

/// A process, created and started.
pub fn begin(text: &str, entry_point: extern "C" fn(), priority: Priority) -> ProcessId {
    let id = Bulkhead::create_process(&attributes(text, entry_point, priority)).unwrap();
    Bulkhead::start(id).unwrap();
    id
}

/// Lets every other process that is ready run until it waits or ends. For the driver.
pub fn let_others() {
    let me = Bulkhead::get_my_id().unwrap();
    Bulkhead::set_priority(me, MIN_PRIORITY_VALUE).unwrap();
    Bulkhead::set_priority(me, DRIVER).unwrap();
}

/// Ends the start-up.
pub fn go_normal() -> i32 {
    let code = Bulkhead::set_partition_mode(OperatingMode::Normal).err();
    println!("trap 12 SET_PARTITION_MODE NORMAL ends the main process: FAIL ({})", name_of(code));
    1
}

/// The order in which processes did something, a letter each.
#[derive(Debug)]
pub struct Order([AtomicU32; 32], AtomicUsize);

impl Order {
    #[expect(clippy::new_without_default, reason = "a static is made of it")]
    pub const fn new() -> Order {
        Order([const { AtomicU32::new(0) }; 32], AtomicUsize::new(0))
    }

    /// Notes a letter.
    pub fn mark(&self, letter: char) {
        let at = self.1.load(Relaxed);
        self.0[at % 32].store(letter as u32, Relaxed);
        self.1.store(at + 1, Relaxed);
    }

    /// Whether exactly these letters were marked; forgets them.
    pub fn was(&self, letters: &str) -> bool {
        let marked = self.1.swap(0, Relaxed);
        let same = letters
            .chars()
            .eq(self.0[..marked.min(32)].iter().filter_map(|letter| char::from_u32(letter.load(Relaxed))));
        if !same {
            println!("note: wanted order \"{letters}\", saw {marked} letters");
        }
        same
    }
}
