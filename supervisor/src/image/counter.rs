//! Whether an image has an instruction that reads the time-stamp counter. Pure.
//!
//! In virtual time such instructions have to fault, so that the shim can answer them. That is a flag in a control register, and
//! changing it at every switch between supervisor and guest costs as much as the switch where a hypervisor has to be asked. A guest
//! without such instructions does without the flag.
//!
//! All that a guest can execute comes from its file, so it is enough to look for the bytes, wherever instructions begin. Where they
//! are only parts of other instructions, as the end of a jump and the beginning of what stands behind it, decoding from the function's
//! beginning tells; where there is no symbol, they count. A guest that jumps into the middle of an instruction can read the counter
//! unseen, and have runs that differ. That is its own loss.

use std::ops::Range;

use iced_x86::{Code, Decoder, DecoderOptions};

use super::{Segment, slice, symbol};

/// RDTSC is 0F 31, RDTSCP is 0F 01 F9, and AMD's RDPRU, for which the same flag stands, is 0F 01 FD.
const ESCAPE: u8 = 0x0f;
const RDTSC: u8 = 0x31;
const GROUP: u8 = 0x01;
const RDTSCP: u8 = 0xf9;
const RDPRU: u8 = 0xfd;

/// Whether any of the executable segments has such an instruction anywhere but in `shim`.
pub(super) fn is_read(bytes: &[u8], segments: &[Segment], shim: &Range<u64>) -> bool {
    segments.iter().filter(|segment| segment.executable).any(|segment| {
        // Whole pages are mapped, whatever the file has there.
        let before = segment.address - segment.base;
        let offset = segment.file_offset - before;
        let size = (segment.end - segment.base).min(bytes.len() as u64 - offset);
        let code = slice(bytes, offset, size).unwrap_or_default();
        let found = |offset: &usize| may_read(&code[*offset..]);
        (0..code.len()).filter(found).any(|offset| {
            let address = segment.base + offset as u64;
            let is_part = || {
                let function = symbol::function(bytes, address).filter(|&function| function >= segment.base);
                function.is_some_and(|function| is_part_of_others(code, segment.base, function, address))
            };
            !shim.contains(&address) && !is_part()
        })
    })
}

/// Whether such an instruction may begin here: at the end, the next segment may go on.
fn may_read(code: &[u8]) -> bool {
    let at = |offset: usize| code.get(offset).copied();
    at(0) == Some(ESCAPE)
        && match (at(1), at(2)) {
            (Some(RDTSC) | None, _) => true,
            (Some(GROUP), second) => second.is_none_or(|second| second == RDTSCP || second == RDPRU),
            _ => false,
        }
}

/// Whether the bytes at `address` belong to instructions that do something else, if decoding begins at `function`.
fn is_part_of_others(code: &[u8], base: u64, function: u64, address: u64) -> bool {
    let Some(code) = usize::try_from(function - base).ok().and_then(|skip| code.get(skip..)) else { return false };
    for instruction in Decoder::with_ip(64, code, function, DecoderOptions::AMD) {
        let reads = matches!(instruction.code(), Code::Rdtsc | Code::Rdtscp | Code::Rdpru);
        if reads || instruction.is_invalid() {
            return false;
        }
        if instruction.next_ip() > address {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(file_offset: u64, file_size: u64) -> Segment {
        let base = 0x40_0000;
        Segment {
            base,
            end: base + 0x1000,
            address: base + file_offset,
            memory_size: file_size,
            file_offset,
            file_size,
            writable: false,
            executable: true,
        }
    }

    fn with(offset: usize, code: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x90; 0x800];
        bytes[offset..offset + code.len()].copy_from_slice(code);
        bytes
    }

    #[test]
    fn instructions_are_found_wherever_they_are() {
        for code in [&[0x0f, 0x31][..], &[0x0f, 0x01, 0xf9], &[0x0f, 0x01, 0xfd], &[0x66, 0x0f, 0x31]] {
            for offset in [0, 0x100, 0x3ff, 0x400, 0x500, 0x800 - code.len()] {
                assert!(is_read(&with(offset, code), &[segment(0x400, 0x100)], &(0..0)), "{code:x?} at {offset:#x}");
            }
        }
        for code in [&[0x0f, 0x32][..], &[0x0f, 0x01, 0xf8], &[0x31, 0x0f, 0x90], &[0x01, 0xf9]] {
            assert!(!is_read(&with(0x480, code), &[segment(0x400, 0x100)], &(0..0)), "{code:x?}");
        }
    }

    /// A jump over 15 bytes, and then `xor %edx, %edx`.
    const NO_READING: [u8; 4] = [0xeb, 0x0f, 0x31, 0xd2];

    #[test]
    fn parts_of_other_instructions_count_only_where_decoding_may_begin_elsewhere() {
        let from = |function: usize, code: &[u8]| {
            let bytes = with(0x480, code);
            let address = 0x40_0480 + code.iter().position(|&byte| byte == ESCAPE).unwrap() as u64;
            is_part_of_others(&bytes, 0x40_0000, 0x40_0000 + function as u64, address)
        };
        assert!(from(0x400, &NO_READING) && from(0x480, &NO_READING));
        assert!(!from(0x481, &NO_READING), "from here it is an instruction");
        assert!(!from(0x400, &[0x66, 0x0f, 0x31]), "with a prefix it is one, too");
        assert!(!from(0x480, &[0x06, 0xeb, 0x0f, 0x31, 0xd2]), "behind nonsense nobody knows");
        // Without a symbol it counts.
        assert!(is_read(&with(0x480, &NO_READING), &[segment(0x400, 0x100)], &(0..0)));
    }

    #[test]
    fn one_that_the_next_segment_may_complete_counts() {
        let ends = |code: &[u8]| is_read(&with(0x800 - code.len(), code), &[segment(0, 0x800)], &(0..0));
        assert!(ends(&[0x0f]) && ends(&[0x0f, 0x01]));
        assert!(!ends(&[0x01]) && !ends(&[0x0f, 0x02]));
    }

    #[test]
    fn data_and_the_shim_s_own_do_not_count() {
        let bytes = with(0x480, &[0x0f, 0x31]);
        let code = segment(0x400, 0x100);
        assert!(!is_read(&bytes, &[Segment { executable: false, ..code }], &(0..0)));
        assert!(!is_read(&bytes, &[code], &(0x40_0480..0x40_0481)));
        assert!(is_read(&bytes, &[code], &(0x40_0481..0x40_0500)));
    }
}
