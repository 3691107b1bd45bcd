//! Images that must be refused, each with the exact message.

use bulkhead_abi::note::{Note, SIZE, TYPE};
use goblin::elf::ProgramHeader;
use goblin::elf::header::*;
use goblin::elf::program_header::*;

use super::builder::*;

/// An image that must be refused.
pub(crate) struct Bad {
    /// Short name, also of its file in the corpus.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// What the checker must say.
    pub message: &'static str,
}

/// All of them.
pub(crate) fn images() -> Vec<Bad> {
    [
        no_elf(),
        foreign(),
        tables(),
        dynamic(),
        single_segments(),
        several_segments(),
        stack_and_entry(),
        notes(),
        abi_notes(),
    ]
    .into_iter()
    .flatten()
    .map(|(name, bytes, message)| Bad { name, bytes, message })
    .collect()
}

type Row = (&'static str, Vec<u8>, &'static str);

/// The good image with bytes overwritten.
fn patched(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = Elf::good().bytes();
    put(&mut bytes, at, with);
    bytes
}

/// The good image with one program header changed.
fn changed(index: usize, change: impl FnOnce(&mut ProgramHeader)) -> Vec<u8> {
    Elf::good().with_header(index, change).bytes()
}

/// The good image with one more program header.
fn added(header: ProgramHeader) -> Vec<u8> {
    Elf::good().and_header(header).bytes()
}

/// The good image with its ABI note changed.
fn noted(change: impl FnOnce(&mut Note)) -> Vec<u8> {
    let mut note = good_note();
    change(&mut note);
    Elf::good().with_abi_note(&note).bytes()
}

fn no_elf() -> Vec<Row> {
    vec![
        ("empty", vec![], "empty file: build the guest again"),
        (
            "script",
            b"#!/bin/sh\nexec ./guest\n".to_vec(),
            "a script, not a guest image: give the ELF file that the linker wrote",
        ),
        (
            "archive",
            b"!<arch>\n/               0           0     0     0       0         `\n".to_vec(),
            "an archive of object files, not a linked image: link it into a guest with an entry point",
        ),
        ("text", b"hello, world\n".to_vec(), "not an ELF file: give the executable that the linker wrote"),
        ("magic-only", b"\x7fELF".to_vec(), "ends inside its ELF header after 4 bytes: copy or build the guest again"),
        ("class-0", patched(EI_CLASS, &[0]), "damaged ELF header (EI_CLASS is 0): copy or build the guest again"),
        ("byte-order-3", patched(EI_DATA, &[3]), "damaged ELF header (EI_DATA is 3): copy or build the guest again"),
        (
            "ident-version-2",
            patched(EI_VERSION, &[2]),
            "damaged ELF header (EI_VERSION is 2): copy or build the guest again",
        ),
        ("version-2", patched(20, &[2]), "damaged ELF header (e_version is 2): copy or build the guest again"),
    ]
}

fn foreign() -> Vec<Row> {
    let of_kind = |kind| Elf { kind, ..Elf::good() }.bytes();
    let for_machine = |machine| Elf { machine, ..Elf::good() }.bytes();
    let mut i386 = for_machine(EM_386);
    i386[EI_CLASS] = ELFCLASS32;
    let mut big_endian_sparc = for_machine(EM_SPARCV9.swap_bytes());
    big_endian_sparc[EI_DATA] = ELFDATA2MSB;
    let mut big_endian = for_machine(EM_X86_64.swap_bytes());
    big_endian[EI_DATA] = ELFDATA2MSB;
    vec![
        ("i386", i386, "a 32-bit image: build for 64-bit x86 with -m64"),
        ("x32", patched(EI_CLASS, &[ELFCLASS32]), "a 32-bit image: build for 64-bit x86 with -m64"),
        ("aarch64", for_machine(EM_AARCH64), "built for AArch64, not x86-64: build with a compiler for x86-64"),
        ("riscv", for_machine(EM_RISCV), "built for RISC-V, not x86-64: build with a compiler for x86-64"),
        ("sparc", big_endian_sparc, "built for SPARC V9, not x86-64: build with a compiler for x86-64"),
        ("machine-0", for_machine(0), "built for machine number 0, not x86-64: build with a compiler for x86-64"),
        ("i386-64", for_machine(EM_386), "built for i386, not x86-64: build with a compiler for x86-64"),
        ("big-endian", big_endian, "a big-endian image: build with a compiler for x86-64"),
        (
            "object",
            of_kind(ET_REL),
            "a relocatable object file, not a linked image: link it with the shim libbulkhead_shim.a",
        ),
        ("core", of_kind(ET_CORE), "a core dump, not a guest image: give the executable that the linker wrote"),
        ("type-0", of_kind(0), "an ELF file of the unknown type 0: link with -static -no-pie"),
    ]
}

fn tables() -> Vec<Row> {
    let mut many = Elf::good();
    many.headers.resize(129, ProgramHeader::new());
    vec![
        (
            "no-headers",
            Elf { headers: vec![], ..Elf::good() }.bytes(),
            "no program headers, so nothing to load: link the guest as an executable",
        ),
        ("many-headers", many.bytes(), "129 program headers, more than the 128 allowed: simplify the linker script"),
        (
            "headers-uncounted",
            patched(56, &[0xff, 0xff]),
            "65535 program headers, more than the 128 allowed: simplify the linker script",
        ),
        ("header-size", patched(54, &[32, 0]), "damaged ELF header (e_phentsize is 32): copy or build the guest again"),
        (
            "headers-outside",
            patched(32, &0x10_0000u64.to_le_bytes()),
            "program headers at offset 0x100000 reach beyond the end of the file: copy or build the guest again",
        ),
        (
            "headers-overflow",
            patched(32, &u64::MAX.to_le_bytes()),
            "program headers at offset 0xffffffffffffffff reach beyond the end of the file: \
             copy or build the guest again",
        ),
        (
            "cut-off",
            Elf::good().bytes()[..0x100].to_vec(),
            "program headers at offset 0x40 reach beyond the end of the file: copy or build the guest again",
        ),
    ]
}

fn dynamic() -> Vec<Row> {
    // The path lies where the good image has its code.
    let interpreter = |path: &[u8]| {
        let size = path.len() as u64;
        let header = ProgramHeader { p_type: PT_INTERP, p_offset: 0x380, p_filesz: size, ..ProgramHeader::new() };
        let mut bytes = Elf { kind: ET_DYN, ..Elf::good() }.and_header(header).bytes();
        put(&mut bytes, 0x380, path);
        bytes
    };
    let nowhere = ProgramHeader { p_type: PT_INTERP, p_offset: u64::MAX, p_filesz: 9, ..ProgramHeader::new() };
    vec![
        (
            "interpreter",
            interpreter(b"/lib64/ld-linux-x86-64.so.2\0"),
            "dynamically linked, has an interpreter /lib64/ld-linux-x86-64.so.2: link with -static -nostdlib",
        ),
        (
            "interpreter-hostile",
            interpreter(b"/lib\n\x1b[2Jld\xff"),
            r"dynamically linked, has an interpreter /lib\n\x1b[2Jld\xff: link with -static -nostdlib",
        ),
        (
            "interpreter-nowhere",
            added(nowhere),
            "dynamically linked, has an interpreter outside the file: link with -static -nostdlib",
        ),
        ("pie", Elf { kind: ET_DYN, ..Elf::good() }.bytes(), "position-independent: link with -static -no-pie"),
        (
            "dynamic",
            added(ProgramHeader { p_type: PT_DYNAMIC, ..ProgramHeader::new() }),
            "dynamically linked, has a dynamic section: link with -static -no-pie",
        ),
    ]
}

fn single_segments() -> Vec<Row> {
    let outside = "segment at 0x401400 reaches beyond the end of the file: copy or build the guest again";
    vec![
        (
            "writable-code",
            changed(TEXT, |text| text.p_flags |= PF_W),
            "segment at 0x400000 is both writable and executable: keep code and data apart (link without -n and -N)",
        ),
        (
            "executable-data",
            changed(DATA, |data| data.p_flags |= PF_X),
            "segment at 0x401400 is both writable and executable: keep code and data apart (link without -n and -N)",
        ),
        (
            "unreadable",
            changed(TEXT, |text| text.p_flags = PF_X),
            "segment at 0x400000 is not readable: give it read permission in the linker script",
        ),
        (
            "empty-segment",
            changed(DATA, |data| (data.p_filesz, data.p_memsz) = (0, 0)),
            "segment at 0x401400 is empty: take it out of the linker script",
        ),
        (
            "file-larger",
            changed(DATA, |data| data.p_memsz = 0x3f),
            "segment at 0x401400 has 64 bytes in the file but only 63 in memory: copy or build the guest again",
        ),
        ("segment-outside", changed(DATA, |data| data.p_offset = 0x10_0400), outside),
        ("segment-offset-overflow", changed(DATA, |data| data.p_offset = u64::MAX - 0x3f), outside),
        ("segment-size-overflow", changed(DATA, |data| (data.p_filesz, data.p_memsz) = (u64::MAX, u64::MAX)), outside),
        (
            "read-only-bss",
            changed(DATA, |data| data.p_flags = PF_R),
            "segment at 0x401400 has zero-filled memory but is not writable: put .bss into a writable segment",
        ),
        (
            "unaligned",
            changed(DATA, |data| data.p_align = 1),
            "segment at 0x401400 is aligned to 1 bytes: align segments to pages (link without -n and -N)",
        ),
        (
            "align-0",
            changed(TEXT, |text| text.p_align = 0),
            "segment at 0x400000 is aligned to 0 bytes: align segments to pages (link without -n and -N)",
        ),
        (
            "align-odd",
            changed(TEXT, |text| text.p_align = 0x1800),
            "segment at 0x400000 is aligned to 6144 bytes: align segments to pages (link without -n and -N)",
        ),
        (
            "incongruent",
            changed(DATA, |data| data.p_offset = 0x3f0),
            "segment at 0x401400 cannot be mapped from offset 0x3f0: \
             both need the same place within a page (link without -n and -N)",
        ),
        (
            "null-page",
            changed(TEXT, |text| text.p_vaddr = 0),
            "segment at 0x0 is not within 0x10000 to 0x100000000000, where images live: \
             link to an address such as 0x400000",
        ),
        (
            "too-high",
            changed(DATA, |data| data.p_vaddr = 0x0fff_ffff_f400),
            "segment at 0xffffffff400 is not within 0x10000 to 0x100000000000, where images live: \
             link to an address such as 0x400000",
        ),
        (
            "kernel-address",
            changed(DATA, |data| data.p_vaddr = 0xffff_ffff_ffff_f400),
            "segment at 0xfffffffffffff400 is not within 0x10000 to 0x100000000000, where images live: \
             link to an address such as 0x400000",
        ),
    ]
}

fn several_segments() -> Vec<Row> {
    let bss = |index: u64| load(PF_R | PF_W, 0, 0x50_0000 + index * 0x1000, 0, 1);
    let mut many = Elf::good();
    many.headers.extend((0..31).map(bss));
    let mut unsorted = Elf::good();
    unsorted.headers.swap(TEXT, DATA);
    vec![
        (
            "no-segment",
            Elf { headers: Elf::good().headers[NOTE..].to_vec(), ..Elf::good() }.bytes(),
            "no loadable segment: check the linker script",
        ),
        (
            "many-segments",
            many.bytes(),
            "33 loadable segments, more than the 32 allowed: merge some in the linker script",
        ),
        (
            "unsorted",
            unsorted.bytes(),
            "segment at 0x400000 comes after the one at 0x401400: sort them ascending in the linker script",
        ),
        (
            "shared-page",
            changed(DATA, |data| data.p_vaddr = 0x40_0400),
            "segments at 0x400000 and 0x400400 share the page at 0x400000: \
             start each on a page of its own in the linker script",
        ),
        (
            "twice",
            Elf { headers: [&Elf::good().headers[..1], &Elf::good().headers].concat(), ..Elf::good() }.bytes(),
            "segments at 0x400000 and 0x400000 share the page at 0x400000: \
             start each on a page of its own in the linker script",
        ),
        (
            "overlap-by-rounding",
            added(load(PF_R, 0x400, 0x40_3400, 0x40, 0x40)),
            "segments at 0x401400 and 0x403400 share the page at 0x403000: \
             start each on a page of its own in the linker script",
        ),
        (
            "too-much-memory",
            changed(DATA, |data| data.p_memsz = 4 << 30),
            "the segments take 4294975488 bytes of memory, more than the 4294967296 allowed: \
             take large areas from the partition's memory",
        ),
    ]
}

fn stack_and_entry() -> Vec<Row> {
    vec![
        (
            "no-stack-header",
            changed(STACK, |stack| stack.p_type = PT_NULL),
            "no PT_GNU_STACK header, which lets the kernel make the stack executable: link with -z noexecstack",
        ),
        (
            "executable-stack",
            changed(STACK, |stack| stack.p_flags |= PF_X),
            "asks for an executable stack: link with -z noexecstack",
        ),
        (
            "second-stack-executable",
            added(ProgramHeader { p_flags: PF_R | PF_X, ..Elf::good().headers[STACK].clone() }),
            "asks for an executable stack: link with -z noexecstack",
        ),
        (
            "no-entry",
            Elf { entry: 0, ..Elf::good() }.bytes(),
            "entry point 0x0 is not inside an executable segment: name it with -e or ENTRY()",
        ),
        (
            "entry-in-data",
            Elf { entry: 0x40_1400, ..Elf::good() }.bytes(),
            "entry point 0x401400 is not inside an executable segment: name it with -e or ENTRY()",
        ),
        (
            // The page is mapped, but this byte of it is not the segment's.
            "entry-behind-code",
            Elf { entry: CODE.end, ..Elf::good() }.bytes(),
            "entry point 0x400400 is not inside an executable segment: name it with -e or ENTRY()",
        ),
    ]
}

fn notes() -> Vec<Row> {
    let no_note = "not a Bulkhead guest: no ABI note; link the shim libbulkhead_shim.a";
    let ours = abi_note(&good_note());
    let desc = &ours[24..];
    vec![
        ("no-note-segment", changed(NOTE, |note| note.p_type = PT_NULL), no_note),
        ("other-notes-only", Elf::good().with_notes(&elf_note(b"GNU\0", 3, &[1; 20], 4)).bytes(), no_note),
        ("name-without-nul", Elf::good().with_notes(&elf_note(b"Bulkhead", TYPE, desc, 4)).bytes(), no_note),
        ("note-type-2", Elf::good().with_notes(&elf_note(b"Bulkhead\0", 2, desc, 4)).bytes(), no_note),
        (
            "two-notes",
            Elf::good().with_notes(&[&ours[..], &ours].concat()).bytes(),
            "more than one ABI note: link the shim libbulkhead_shim.a once",
        ),
        (
            "note-segment-twice",
            added(Elf::good().headers[NOTE].clone()),
            "more than one ABI note: link the shim libbulkhead_shim.a once",
        ),
        (
            "notes-outside",
            changed(NOTE, |note| note.p_offset = 0x10_0000),
            "note segment at offset 0x100000 reaches beyond the end of the file: copy or build the guest again",
        ),
        (
            "notes-too-long",
            changed(NOTE, |note| note.p_filesz = 0x1_0001),
            "note segment at offset 0x240 has 65537 bytes, more than the 65536 allowed: \
             keep other data out of note sections",
        ),
        (
            "notes-align",
            changed(NOTE, |note| note.p_align = 16),
            "note segment at offset 0x240 is aligned to 16 bytes: align note sections to 4 or 8",
        ),
        (
            "note-cut-off",
            changed(NOTE, |note| note.p_filesz -= 4),
            "note at offset 0x264 is cut off by the end of its segment: check the assembler source of the notes",
        ),
        (
            "note-size-overflow",
            patched(NOTES_AT as usize, &[0xff; 8]),
            "note at offset 0x240 is cut off by the end of its segment: check the assembler source of the notes",
        ),
    ]
}

fn abi_notes() -> Vec<Row> {
    let short = elf_note(b"Bulkhead\0", TYPE, &abi_note(&good_note())[24..24 + SIZE - 8], 4);
    vec![
        (
            "note-size",
            Elf::good().with_notes(&short).bytes(),
            "the ABI note has 32 bytes instead of 40: rebuild the guest with the matching shim",
        ),
        (
            "abi-newer",
            noted(|note| note.abi_version = 2),
            "built for ABI 2, this supervisor speaks 1: rebuild the guest with the matching shim",
        ),
        (
            "abi-0",
            noted(|note| note.abi_version = 0),
            "built for ABI 0, this supervisor speaks 1: rebuild the guest with the matching shim",
        ),
        (
            "note-flags",
            noted(|note| note.flags = 0x10),
            "the ABI note has the unknown flags 0x10: rebuild the guest with the matching shim",
        ),
        (
            "no-restorer",
            noted(|note| note.restorer = 0),
            "the ABI note names a fault handler but no restorer: name both or neither",
        ),
        (
            "no-handler",
            noted(|note| note.fault_entry = 0),
            "the ABI note names a restorer but no fault handler: name both or neither",
        ),
        (
            "handler-in-data",
            noted(|note| note.fault_entry = 0x40_1400),
            "the ABI note's fault handler 0x401400 is not inside an executable segment: check what the note refers to",
        ),
        (
            "restorer-behind-code",
            noted(|note| note.restorer = CODE.end),
            "the ABI note's restorer 0x400400 is not inside an executable segment: check what the note refers to",
        ),
        (
            "syscalls-reversed",
            noted(|note| note.syscall_end = note.syscall_start - 1),
            "the ABI note's system calls from 0x4003c0 to 0x4003bf are no range: give it a start below its end",
        ),
        (
            "syscalls-empty",
            noted(|note| note.syscall_end = note.syscall_start),
            "the ABI note's system calls from 0x4003c0 to 0x4003c0 are no range: give it a start below its end",
        ),
        (
            "syscalls-start-only",
            noted(|note| note.syscall_end = 0),
            "the ABI note's system calls from 0x4003c0 to 0x0 are no range: give it a start below its end",
        ),
        (
            "syscalls-behind-code",
            noted(|note| note.syscall_end = CODE.end + 1),
            "the ABI note's system calls from 0x4003c0 to 0x400401 are not inside one executable segment: \
             check what the note refers to",
        ),
        (
            "syscalls-in-data",
            noted(|note| (note.syscall_start, note.syscall_end) = (0x40_1400, 0x40_1402)),
            "the ABI note's system calls from 0x401400 to 0x401402 are not inside one executable segment: \
             check what the note refers to",
        ),
    ]
}
