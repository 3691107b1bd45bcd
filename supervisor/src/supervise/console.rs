//! A partition's console, as the supervisor sees it: bytes out of a ring that the guest may scribble over.
//!
//! What a guest prints is shown, never obeyed: control characters become visible, bytes that are no UTF-8 too, and a
//! flood is cut off at [`RATE`] with a count of what was lost.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use bulkhead_abi::map::{guest, host};
use bulkhead_abi::ring::{split, used};

use crate::partition::Memory;

/// Bytes a second that a partition may print in the long run.
pub const RATE: u64 = 1 << 20;
/// Bytes that it may print at once.
pub const BURST: u64 = 1 << 20;
/// Longest line; a longer one is broken.
const MAX_LINE: usize = 2048;
/// A piece of a line that has waited this long for its end is shown without, in nanoseconds.
const PATIENCE_NS: u64 = 250_000_000;

/// The reading end of a partition's output ring. Position and size are private; only the head is the guest's word.
#[derive(Debug, Default)]
pub struct Tap {
    tail: u32,
    dropped: u32,
    /// Whether the guest's positions made no sense at some time.
    pub corrupted: bool,
}

impl Tap {
    /// Takes what the ring holds, but at most `limit` bytes, onto the end of `out`. Returns how many bytes the guest says
    /// that it had to drop since the last time.
    pub fn drain(&mut self, memory: &Memory, out: &mut Vec<u8>, limit: usize) -> u32 {
        let producer = memory.out_producer();
        // SYNC POINT ring-data: pairs with the guest's release of the head.
        let head = producer.head.load(Ordering::Acquire);
        let len = match used(head, self.tail, guest::OUT_SIZE) {
            Some(len) => len.min(u32::try_from(limit).unwrap_or(u32::MAX)),
            None => {
                self.corrupted = true;
                self.tail = head;
                0
            }
        };
        let (first, rest) = split(self.tail, len, guest::OUT_SIZE);
        let data = memory.out_data();
        out.extend(data[first].iter().chain(&data[..rest]).map(|byte| byte.load(Ordering::Relaxed)));
        self.tail = self.tail.wrapping_add(len);
        // SYNC POINT ring-space: pairs with the guest's acquire of the tail.
        memory.out_consumer().tail.store(self.tail, Ordering::Release);
        let dropped = producer.dropped.load(Ordering::Relaxed);
        let more = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        more
    }
}

/// Feeds bytes into a partition's input ring; returns how many fitted.
pub fn feed(memory: &Memory, position: &mut u32, bytes: &[u8]) -> usize {
    let tail = memory.in_consumer().tail.load(Ordering::Acquire);
    let Some(in_use) = used(*position, tail, host::IN_SIZE) else { return 0 };
    let len = bytes.len().min((host::IN_SIZE - in_use) as usize);
    let (first, rest) = split(*position, len as u32, host::IN_SIZE);
    let data = memory.in_data();
    for (slot, &byte) in data[first].iter().chain(&data[..rest]).zip(bytes) {
        slot.store(byte, Ordering::Relaxed);
    }
    *position = position.wrapping_add(len as u32);
    // SYNC POINT ring-data: pairs with the guest's acquire of the head.
    memory.in_producer().head.store(*position, Ordering::Release);
    len
}

/// Lets [`RATE`] bytes a second through, and [`BURST`] at once.
#[derive(Debug)]
pub struct Throttle {
    tokens: u64,
    last_ns: u64,
    is_open: bool,
}

impl Throttle {
    /// A throttle with its burst still to spend.
    pub fn new(now_ns: u64) -> Throttle {
        Throttle { tokens: BURST, last_ns: now_ns, is_open: false }
    }

    /// A throttle that lets everything through, where a flood holds up nobody but the guest that prints it.
    pub fn open() -> Throttle {
        Throttle { tokens: 0, last_ns: 0, is_open: true }
    }

    /// How many of `wanted` bytes may pass now.
    pub fn pass(&mut self, now_ns: u64, wanted: u64) -> u64 {
        if self.is_open {
            return wanted;
        }
        let earned = u128::from(now_ns.saturating_sub(self.last_ns)) * u128::from(RATE) / 1_000_000_000;
        if earned > 0 {
            self.tokens = BURST.min(self.tokens + earned.min(u128::from(BURST)) as u64);
            self.last_ns = now_ns;
        }
        let passed = wanted.min(self.tokens);
        self.tokens -= passed;
        passed
    }
}

/// Cuts a partition's bytes into lines and writes each with a prefix.
#[derive(Debug)]
pub struct Lines {
    prefix: String,
    pending: Vec<u8>,
    pending_since_ns: u64,
}

impl Lines {
    /// Lines that begin with `prefix`.
    pub fn new(prefix: String) -> Lines {
        Lines { prefix, pending: Vec::new(), pending_since_ns: 0 }
    }

    /// Adds `bytes`; whole lines go to `out`.
    pub fn push(&mut self, now_ns: u64, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.pending.is_empty() {
                self.pending_since_ns = now_ns;
            }
            self.pending.extend_from_slice(piece);
            while self.pending.len() > MAX_LINE {
                let rest = self.pending.split_off(cut(&self.pending));
                self.flush(out);
                self.pending = rest;
            }
            if self.pending.last() == Some(&b'\n') {
                self.pending.pop();
                if self.pending.last() == Some(&b'\r') {
                    self.pending.pop();
                }
                self.write_line(out);
            }
        }
    }

    /// Shows a line that has waited too long for its end.
    pub fn tick(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        if now_ns.saturating_sub(self.pending_since_ns) > PATIENCE_NS {
            self.flush(out);
        }
    }

    /// Shows what is left.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            self.write_line(out);
        }
    }

    fn write_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(visible(&self.pending).as_bytes());
        out.push(b'\n');
        self.pending.clear();
    }
}

/// Where to break a line that is longer than [`MAX_LINE`]: there, or before a character that would be torn.
fn cut(line: &[u8]) -> usize {
    let is_inside = |&at: &usize| line.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has at most three bytes that continue it; where there are more, it is none.
    (MAX_LINE - 3..=MAX_LINE).rev().find(|at| !is_inside(at)).unwrap_or(MAX_LINE)
}

/// `bytes` as text in which everything that a terminal might obey is spelled out.
pub fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\t' || !(c.is_control() || is_invisible(c)) {
                text.push(c);
            } else if c.is_ascii() {
                let _ = write!(text, "\\x{:02x}", c as u32);
            } else {
                let _ = write!(text, "\\u{{{:x}}}", c as u32);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Characters that change the direction or the look of what surrounds them: line separators, bidirectional and
/// zero-width marks (Unicode general categories Zl, Zp and Cf, as far as terminals heed them).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(visible(b"a\tb"), "a\tb");
        assert_eq!(visible(b"\x1b[31mred\x07"), "\\x1b[31mred\\x07");
        assert_eq!(visible("gr\u{fc}n \u{9b}1m \u{202e}x".as_bytes()), "gr\u{fc}n \\u{9b}1m \\u{202e}x");
        assert_eq!(visible(b"\xff\xfe ok"), "\\xff\\xfe ok");
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let mut lines = Lines::new("[a] ".to_owned());
        let mut out = Vec::new();
        lines.push(0, b"one\ntw", &mut out);
        lines.push(0, b"o\r\n\nthree", &mut out);
        assert_eq!(out, b"[a] one\n[a] two\n[a] \n");
        lines.tick(PATIENCE_NS, &mut out);
        assert_eq!(out, b"[a] one\n[a] two\n[a] \n");
        lines.tick(PATIENCE_NS + 1, &mut out);
        assert_eq!(out, b"[a] one\n[a] two\n[a] \n[a] three\n");
        lines.flush(&mut out);
        assert!(out.ends_with(b"three\n"));
    }

    #[test]
    fn an_endless_line_is_broken() {
        let mut lines = Lines::new(String::new());
        let mut out = Vec::new();
        lines.push(0, &[b'x'; 2 * MAX_LINE + 1], &mut out);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 2);
        assert_eq!(lines.pending.len(), 1);
    }

    #[test]
    fn a_broken_line_tears_no_character() {
        for lead in ["", "x", "xx", "xxx"] {
            let text = lead.to_owned() + &"\u{20ac}".repeat(MAX_LINE);
            let mut lines = Lines::new(String::new());
            let mut out = Vec::new();
            lines.push(0, text.as_bytes(), &mut out);
            lines.flush(&mut out);
            assert_eq!(String::from_utf8(out).unwrap().replace('\n', ""), text);
        }
        // What only looks like the inside of a character is broken all the same.
        let mut lines = Lines::new(String::new());
        lines.push(0, &[0x80; MAX_LINE + 1], &mut Vec::new());
        assert_eq!(lines.pending.len(), 1);
    }

    #[test]
    fn the_throttle_lets_its_rate_through_and_no_more() {
        let mut throttle = Throttle::new(0);
        assert_eq!(throttle.pass(0, 10 * BURST), BURST);
        assert_eq!(throttle.pass(0, 1), 0);
        let mut passed = 0;
        for step in 1..=1000 {
            passed += throttle.pass(step * 1_000_000, u64::MAX);
        }
        assert!(passed.abs_diff(RATE) <= 1000, "{passed}");
    }

    #[test]
    fn a_hostile_head_is_noticed_and_gives_nothing() {
        let memory = Memory::new(1 << 16, 1 << 14).unwrap();
        let mut tap = Tap::default();
        let mut out = Vec::new();
        memory.out_producer().head.store(guest::OUT_SIZE + 1, Ordering::Relaxed);
        tap.drain(&memory, &mut out, usize::MAX);
        assert!(tap.corrupted && out.is_empty());
        // It goes on from where the guest now says it is.
        memory.out_producer().head.store(guest::OUT_SIZE + 4, Ordering::Relaxed);
        tap.drain(&memory, &mut out, usize::MAX);
        assert_eq!(out.len(), 3);
    }

    #[test]
    fn input_stops_at_a_full_ring() {
        let memory = Memory::new(1 << 16, 1 << 14).unwrap();
        let mut position = 0;
        let bytes = vec![7; 5000];
        assert_eq!(feed(&memory, &mut position, &bytes), host::IN_SIZE as usize);
        assert_eq!(feed(&memory, &mut position, &bytes), 0);
        memory.in_consumer().tail.store(10, Ordering::Relaxed);
        assert_eq!(feed(&memory, &mut position, &bytes), 10);
    }
}
