//! Builds small ELF images, good and bad, byte by byte: a linker would not write most of the bad ones.
//!
//! The unit tests beside the checker and the integration tests share this file. The file layout, in offsets: ELF header
//! at 0, program headers at 0x40 (or at the end of the file if there are many), notes at 0x240, code at 0x380, data at
//! 0x400, then the symbols and, last, the section headers.
#![allow(dead_code, reason = "each of the test programs uses its own part")]

use std::ops::Range;

use bulkhead_abi::ABI_VERSION;
use bulkhead_abi::note::{NAME, Note, TYPE};
use goblin::elf::ProgramHeader;
use goblin::elf::header::{EM_X86_64, ET_EXEC};
use goblin::elf::program_header::{PF_R, PF_W, PF_X, PT_GNU_STACK, PT_LOAD, PT_NOTE};
use goblin::elf::section_header::{SHF_EXECINSTR, SHT_PROGBITS, SHT_STRTAB, SHT_SYMTAB};
use goblin::elf::sym::STT_FUNC;

/// Addresses of the good image's code.
pub(crate) const CODE: Range<u64> = 0x40_0380..0x40_0400;
/// The good image's entry point.
pub(crate) const ENTRY: u64 = CODE.start;
/// The good image's fault handler.
pub(crate) const FAULT_ENTRY: u64 = 0x40_03a0;
/// The good image's system call instructions.
pub(crate) const SYSCALLS: Range<u64> = 0x40_03c0..0x40_03e0;
/// The good image's restorer.
pub(crate) const RESTORER: u64 = 0x40_03e0;

/// Indices of the good image's program headers.
pub(crate) const TEXT: usize = 0;
pub(crate) const DATA: usize = 1;
pub(crate) const NOTE: usize = 2;
pub(crate) const STACK: usize = 3;

/// Where the good image's notes begin in the file.
pub(crate) const NOTES_AT: u64 = 0x240;
const HEADERS_AT: usize = 0x40;
const HEADERS_FIT: usize = (NOTES_AT as usize - HEADERS_AT) / 56;
const CODE_AT: usize = 0x380;
const DATA_AT: usize = 0x400;
const DATA_LEN: usize = 0x40;

/// An image to be built. What has no field here is patched into the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Elf {
    pub kind: u16,
    pub machine: u16,
    pub entry: u64,
    pub headers: Vec<ProgramHeader>,
    pub notes: Vec<u8>,
    pub symbols: Vec<Symbol>,
    /// Without symbols and section headers.
    pub stripped: bool,
}

/// A symbol in the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol {
    pub name: &'static str,
    pub address: u64,
    pub kind: u8,
    pub local: bool,
}

impl Symbol {
    pub(crate) fn new(name: &'static str, address: u64, kind: u8) -> Symbol {
        Symbol { name, address, kind, local: false }
    }
}

impl Elf {
    /// An image that the checker accepts.
    pub(crate) fn good() -> Elf {
        let text = load(PF_R | PF_X, 0, 0x40_0000, DATA_AT as u64, DATA_AT as u64);
        let data = load(PF_R | PF_W, DATA_AT as u64, 0x40_1400, DATA_LEN as u64, 0x2000);
        let stack = ProgramHeader { p_type: PT_GNU_STACK, p_flags: PF_R | PF_W, ..ProgramHeader::new() };
        Elf {
            kind: ET_EXEC,
            machine: EM_X86_64,
            entry: ENTRY,
            headers: vec![text, data, note_segment(NOTES_AT, 0), stack],
            notes: vec![],
            symbols: vec![
                Symbol::new("_start", ENTRY, STT_FUNC),
                Symbol::new("fault_entry", FAULT_ENTRY, STT_FUNC),
                Symbol::new("syscalls", SYSCALLS.start, STT_FUNC),
                Symbol::new("restorer", RESTORER, STT_FUNC),
            ],
            stripped: false,
        }
        .with_notes(&[elf_note(b"GNU\0", 3, &[0xb1; 20], 4), abi_note(&good_note())].concat())
    }

    /// The same with one program header changed.
    pub(crate) fn with_header(mut self, index: usize, change: impl FnOnce(&mut ProgramHeader)) -> Elf {
        change(&mut self.headers[index]);
        self
    }

    /// The same with one more program header.
    pub(crate) fn and_header(mut self, header: ProgramHeader) -> Elf {
        self.headers.push(header);
        self
    }

    /// The same with these notes.
    pub(crate) fn with_notes(mut self, notes: &[u8]) -> Elf {
        self.notes = notes.to_vec();
        self.with_header(NOTE, |header| header.p_filesz = notes.len() as u64)
    }

    /// The same with this ABI note only.
    pub(crate) fn with_abi_note(self, note: &Note) -> Elf {
        self.with_notes(&abi_note(note))
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        assert!(NOTES_AT as usize + self.notes.len() <= CODE_AT, "the notes reach into the code");
        let mut file = vec![0; DATA_AT + DATA_LEN];
        put(&mut file, NOTES_AT as usize, &self.notes);
        file[CODE_AT..DATA_AT].fill(0xf4); // hlt
        file[DATA_AT..].fill(0xda);
        let sections_at = if self.stripped { 0 } else { self.append_sections(&mut file) };

        let headers: Vec<u8> = self.headers.iter().flat_map(program_header).collect();
        let headers_at = if self.headers.len() <= HEADERS_FIT { HEADERS_AT } else { file.len() };
        file.resize(file.len().max(headers_at + headers.len()), 0);
        put(&mut file, headers_at, &headers);

        put(&mut file, 0, b"\x7fELF\x02\x01\x01");
        put(&mut file, 16, &self.kind.to_le_bytes());
        put(&mut file, 18, &self.machine.to_le_bytes());
        put(&mut file, 20, &1u32.to_le_bytes());
        put(&mut file, 24, &self.entry.to_le_bytes());
        put(&mut file, 32, &(headers_at as u64).to_le_bytes());
        put(&mut file, 40, &(sections_at as u64).to_le_bytes());
        put(&mut file, 52, &64u16.to_le_bytes());
        put(&mut file, 54, &56u16.to_le_bytes());
        put(&mut file, 56, &(self.headers.len() as u16).to_le_bytes());
        put(&mut file, 58, &64u16.to_le_bytes());
        put(&mut file, 60, &(if self.stripped { 0u16 } else { 4 }).to_le_bytes());
        file
    }

    /// Appends symbols, their names and the section headers; the offset of the last.
    fn append_sections(&self, file: &mut Vec<u8>) -> usize {
        let symbols_at = file.len() as u64;
        file.extend([0; 24]);
        let mut names = vec![0];
        for symbol in &self.symbols {
            let binding = if symbol.local { 0 } else { 1 };
            file.extend((names.len() as u32).to_le_bytes());
            file.extend([binding << 4 | symbol.kind, 0, 1, 0]);
            file.extend(symbol.address.to_le_bytes());
            file.extend(0u64.to_le_bytes());
            names.extend(symbol.name.as_bytes());
            names.push(0);
        }
        let names_at = file.len() as u64;
        file.extend(&names);
        file.resize(file.len().next_multiple_of(8), 0);
        let sections_at = file.len();
        let code = CODE.end - CODE.start;
        file.extend([0; 64]);
        file.extend(section(SHT_PROGBITS, u64::from(SHF_EXECINSTR), CODE.start, CODE_AT as u64, code, 0, 0));
        file.extend(section(SHT_SYMTAB, 0, 0, symbols_at, names_at - symbols_at, 3, 24));
        file.extend(section(SHT_STRTAB, 0, 0, names_at, names.len() as u64, 0, 0));
        sections_at
    }
}

/// The good image's ABI note.
pub(crate) fn good_note() -> Note {
    Note {
        abi_version: ABI_VERSION,
        flags: 0,
        fault_entry: FAULT_ENTRY,
        restorer: RESTORER,
        syscall_start: SYSCALLS.start,
        syscall_end: SYSCALLS.end,
    }
}

/// An ABI note as it lies in a file.
pub(crate) fn abi_note(note: &Note) -> Vec<u8> {
    let words = [note.fault_entry, note.restorer, note.syscall_start, note.syscall_end];
    let mut desc = [note.abi_version.to_le_bytes(), note.flags.to_le_bytes()].concat();
    desc.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    elf_note(format!("{NAME}\0").as_bytes(), TYPE, &desc, 4)
}

/// Any note as it lies in a file, padded to `align`.
pub(crate) fn elf_note(name: &[u8], kind: u32, desc: &[u8], align: usize) -> Vec<u8> {
    let mut note = [name.len() as u32, desc.len() as u32, kind].map(u32::to_le_bytes).concat();
    for part in [name, desc] {
        note.extend(part);
        note.resize(note.len().next_multiple_of(align), 0);
    }
    note
}

/// A header for notes.
pub(crate) fn note_segment(offset: u64, size: u64) -> ProgramHeader {
    ProgramHeader {
        p_type: PT_NOTE,
        p_flags: PF_R,
        p_offset: offset,
        p_filesz: size,
        p_align: 4,
        ..ProgramHeader::new()
    }
}

/// A header for a segment that is loaded.
pub(crate) fn load(flags: u32, offset: u64, address: u64, file_size: u64, memory_size: u64) -> ProgramHeader {
    ProgramHeader {
        p_type: PT_LOAD,
        p_flags: flags,
        p_offset: offset,
        p_vaddr: address,
        p_filesz: file_size,
        p_memsz: memory_size,
        p_align: 0x1000,
        ..ProgramHeader::new()
    }
}

/// Overwrites the bytes at `at`.
pub(crate) fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn program_header(header: &ProgramHeader) -> Vec<u8> {
    let words = [header.p_offset, header.p_vaddr, header.p_paddr, header.p_filesz, header.p_memsz, header.p_align];
    let mut bytes = [header.p_type.to_le_bytes(), header.p_flags.to_le_bytes()].concat();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

fn section(kind: u32, flags: u64, address: u64, offset: u64, size: u64, link: u32, entry_size: u64) -> Vec<u8> {
    let mut bytes = [0u32.to_le_bytes(), kind.to_le_bytes()].concat();
    bytes.extend([flags, address, offset, size].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend([link, 0].iter().flat_map(|half| half.to_le_bytes()));
    bytes.extend([1, entry_size].iter().flat_map(|word| word.to_le_bytes()));
    bytes
}
