//! Good configurations with random damage: whatever comes out, it is a module that keeps its promises, or mistakes that
//! can be shown.

use std::collections::HashSet;

use bulkhead::config::module::{MAX_FRAME_NS, MAX_WINDOWS, MIN_FRAME_NS};
use bulkhead::config::{Module, PartitionId};

use super::{configurations, folder, parse};

/// Damaged files that are tried.
const VARIANTS: usize = 6000;

/// What may turn up in place of something else.
const TOKENS: [&str; 24] = [
    "[[window]]",
    "[[partition]]",
    "[module]",
    "\"",
    "'",
    "\n",
    "=",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"5 ms\"",
    "\"-5 ms\"",
    "0",
    "-1",
    "18446744073709551615",
    "1e400",
    "nan",
    "true",
    "2026-01-01",
    "\u{0}",
    "é",
    "every = \"1 ns\"\n",
];

/// The splitmix64 generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Damages `text` in one place.
fn damage(text: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(text.len());
    let token = |random: &mut Random| TOKENS[random.below(TOKENS.len())].bytes().collect::<Vec<u8>>();
    let word = |text: &[u8]| {
        let is_end = |byte: &u8| byte.is_ascii_whitespace();
        let start = text[..at].iter().rposition(is_end).map_or(0, |end| end + 1);
        let end = text[at..].iter().position(is_end).map_or(text.len(), |end| at + end);
        start..end
    };
    match random.below(8) {
        _ if text.is_empty() => text.extend(token(random)),
        0 => text[at] ^= 1 << random.below(8),
        1 => _ = text.remove(at),
        2 => text.insert(at, text[at]),
        3 => _ = text.splice(at..at, token(random)),
        4 => _ = text.splice(word(text), token(random)),
        5 => _ = text.drain(word(text)),
        6 => {
            let copy = text[word(text)].to_vec();
            let to = random.below(text.len());
            text.splice(to..to, copy);
        }
        _ => {
            let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
            let line = lines[random.below(lines.len())].to_vec();
            let to: usize = lines[..random.below(lines.len())].iter().map(|line| line.len()).sum();
            text.splice(to..to, line);
        }
    }
}

/// What `module.rs` promises of a module.
fn keeps_its_promises(module: &Module) {
    assert!((MIN_FRAME_NS..=MAX_FRAME_NS).contains(&module.major_frame_ns));
    let names: HashSet<_> = module.partitions.iter().map(|partition| &partition.name).collect();
    assert!(!names.is_empty());
    assert_eq!(names.len(), module.partitions.len());
    assert!(names.iter().all(|name| (1..=32).contains(&name.len())));
    assert!(module.cores.windows(2).all(|pair| pair[0].number < pair[1].number));
    for (index, core) in module.cores.iter().enumerate() {
        assert!(core.windows.windows(2).all(|pair| pair[0].end_ns() <= pair[1].start_ns));
        for window in &core.windows {
            assert!(window.duration_ns > 0 && window.end_ns() <= module.major_frame_ns);
            assert_eq!(module.partition(window.partition).core, index);
        }
    }
    for (index, partition) in module.partitions.iter().enumerate() {
        assert!(partition.memory_bytes.is_multiple_of(4096) && partition.stack_bytes.is_multiple_of(4096));
        let windows = module.windows_of(PartitionId(u16::try_from(index).unwrap())).count();
        assert!((1..=MAX_WINDOWS).contains(&windows));
    }
}

#[test]
fn damaged_configurations_never_panic() {
    let originals = configurations(&folder("good"));
    let mut random = Random(1);
    let mut refused = 0;
    for _ in 0..VARIANTS {
        let mut bytes = originals[random.below(originals.len())].1.clone().into_bytes();
        for _ in 0..=random.below(4) {
            damage(&mut bytes, &mut random);
        }
        let text = String::from_utf8_lossy(&bytes);
        match parse("damaged.toml", &text) {
            Ok(module) => keeps_its_promises(&module),
            Err(mistakes) => {
                refused += 1;
                assert!(mistakes.count() > 0);
                assert!(mistakes.render(true).len() >= mistakes.render(false).len());
            }
        }
    }
    // Damage in a comment or an argument is none; most of it is.
    assert!((VARIANTS / 2..VARIANTS).contains(&refused), "{refused} of {VARIANTS} refused");
}

#[test]
fn cut_configurations_never_panic() {
    for (_, text) in configurations(&folder("good")) {
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            if let Err(mistakes) = parse("cut.toml", &text[..end]) {
                assert!(!mistakes.render(false).is_empty());
            }
        }
    }
}
