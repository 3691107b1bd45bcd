//! A guest of a few instructions, for the trial: it makes a call that no guest may make.
//!
//! It is written byte by byte so that the trial needs no file besides the `bulkhead` binary. It has no shim: a note
//! without handlers, one page of code, and whatever happens to it is the kernel's own doing.

use bulkhead_abi::ABI_VERSION;
use bulkhead_abi::note::{NAME, TYPE};

/// Status with which the guest ends if its forbidden call did not kill it.
pub(super) const SURVIVED: i32 = 42;

const BASE: u64 = 0x40_0000;
const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const NOTE_AT: u64 = HEADER + 3 * PROGRAM_HEADER;
const NOTE_SIZE: u64 = 12 + 12 + bulkhead_abi::note::SIZE as u64;
const CODE_AT: u64 = NOTE_AT + NOTE_SIZE;

/// getpid(), then exit_group([`SURVIVED`]).
const CODE: [u8; 19] = [
    0xb8,
    39,
    0,
    0,
    0, // mov eax, 39
    0x0f,
    0x05, // syscall
    0xb8,
    231,
    0,
    0,
    0, // mov eax, 231
    0xbf,
    SURVIVED as u8,
    0,
    0,
    0, // mov edi, 42
    0x0f,
    0x05, // syscall
];

/// The guest's ELF file.
pub(super) fn elf() -> Vec<u8> {
    let size = CODE_AT + CODE.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // ET_EXEC, EM_X86_64, EV_CURRENT.
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    file.extend(words(&[BASE + CODE_AT, HEADER, 0]));
    file.extend([0, 0, 0, 0]);
    // Sizes of the header and of a program header, number of those, and no section headers.
    file.extend([HEADER, PROGRAM_HEADER, 3, 64, 0, 0].iter().flat_map(|&half| (half as u16).to_le_bytes()));
    let (load, note, stack) = (1u32, 4u32, 0x6474_e551u32);
    let (read, write, execute) = (4u32, 2, 1);
    file.extend(program_header(load, read | execute, 0, size, 4096));
    file.extend(program_header(note, read, NOTE_AT, NOTE_SIZE, 4));
    file.extend(program_header(stack, read | write, 0, 0, 16));

    let name = format!("{NAME}\0");
    file.extend([name.len() as u32, bulkhead_abi::note::SIZE as u32, TYPE].iter().flat_map(|half| half.to_le_bytes()));
    file.extend(name.as_bytes());
    file.resize((NOTE_AT + NOTE_SIZE) as usize - bulkhead_abi::note::SIZE, 0);
    file.extend(words(&[u64::from(ABI_VERSION), 0, 0, 0, 0]));
    file.extend(CODE);
    file
}

fn program_header(kind: u32, flags: u32, offset: u64, size: u64, align: u64) -> Vec<u8> {
    let mut header = [kind.to_le_bytes(), flags.to_le_bytes()].concat();
    header.extend(words(&[offset, BASE + offset, BASE + offset, size, size, align]));
    header
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_guest_by_the_book() {
        let image = crate::image::check(&elf()).unwrap();
        assert_eq!(image.entry, BASE + CODE_AT);
        assert_eq!(image.note.abi_version, ABI_VERSION);
        assert_eq!(image.note.syscalls(), None);
    }
}
