//! Why an image is refused. Every message is one line: what is wrong, then what to do.

use bulkhead_abi::{ABI_VERSION, map};
use thiserror::Error;

use super::{MAX_MAPPED_BYTES, MAX_NOTE_BYTES, MAX_PROGRAM_HEADERS, MAX_SEGMENTS};

/// Why a file is no guest image. The caller knows the file's name and puts it in front.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A file of no bytes.
    #[error("empty file: build the guest again")]
    Empty,
    /// A file that begins with `#!`.
    #[error("a script, not a guest image: give the ELF file that the linker wrote")]
    Script,
    /// A file that `ar` wrote.
    #[error("an archive of object files, not a linked image: link it into a guest with an entry point")]
    Archive,
    /// No ELF magic.
    #[error("not an ELF file: give the executable that the linker wrote")]
    NotElf,
    /// The file ends inside its ELF header.
    #[error("ends inside its ELF header after {size} bytes: copy or build the guest again")]
    Truncated {
        /// The file's size in bytes.
        size: usize,
    },
    /// A field of the ELF header has a value that no linker writes.
    #[error("damaged ELF header ({field} is {value}): copy or build the guest again")]
    Header {
        /// The field's name as elf(5) has it.
        field: &'static str,
        /// What it says.
        value: u64,
    },
    /// ELFCLASS32, be it i386 or x32.
    #[error("a 32-bit image: build for 64-bit x86 with -m64")]
    Bits32,
    /// ELFDATA2MSB.
    #[error("a big-endian image: build with a compiler for x86-64")]
    BigEndian,
    /// Another processor's image.
    #[error("built for {machine}, not x86-64: build with a compiler for x86-64")]
    Machine {
        /// The processor's name, or its ELF number.
        machine: String,
    },
    /// ET_REL.
    #[error("a relocatable object file, not a linked image: link it with the shim libbulkhead_shim.a")]
    Relocatable,
    /// ET_CORE.
    #[error("a core dump, not a guest image: give the executable that the linker wrote")]
    CoreDump,
    /// Neither ET_EXEC nor any type with a message of its own.
    #[error("an ELF file of the unknown type {kind}: link with -static -no-pie")]
    Type {
        /// e_type.
        kind: u16,
    },
    /// No program headers.
    #[error("no program headers, so nothing to load: link the guest as an executable")]
    NoProgramHeaders,
    /// More program headers than [`MAX_PROGRAM_HEADERS`].
    #[error("{count} program headers, more than the {MAX_PROGRAM_HEADERS} allowed: simplify the linker script")]
    TooManyProgramHeaders {
        /// How many.
        count: u16,
    },
    /// The program headers lie outside the file.
    #[error("program headers at offset {offset:#x} reach beyond the end of the file: copy or build the guest again")]
    ProgramHeadersOutside {
        /// e_phoff.
        offset: u64,
    },
    /// PT_INTERP.
    #[error("dynamically linked, has an interpreter {path}: link with -static -nostdlib")]
    Interpreter {
        /// The interpreter's path, escaped and cut.
        path: String,
    },
    /// ET_DYN without an interpreter.
    #[error("position-independent: link with -static -no-pie")]
    PositionIndependent,
    /// PT_DYNAMIC.
    #[error("dynamically linked, has a dynamic section: link with -static -no-pie")]
    Dynamic,
    /// No PT_LOAD.
    #[error("no loadable segment: check the linker script")]
    NoSegment,
    /// More PT_LOAD than [`MAX_SEGMENTS`].
    #[error("{count} loadable segments, more than the {MAX_SEGMENTS} allowed: merge some in the linker script")]
    TooManySegments {
        /// How many.
        count: usize,
    },
    /// A loadable segment breaks a rule by itself.
    #[error("segment at {address:#x} {fault}")]
    Segment {
        /// p_vaddr.
        address: u64,
        /// The rule.
        fault: SegmentFault,
    },
    /// Two segments in the wrong order.
    #[error("segment at {second:#x} comes after the one at {first:#x}: sort them ascending in the linker script")]
    Unsorted {
        /// Address of the one that comes first in the file.
        first: u64,
        /// Address of the one that comes behind it.
        second: u64,
    },
    /// Two segments on the same page.
    #[error(
        "segments at {first:#x} and {second:#x} share the page at {page:#x}: \
         start each on a page of its own in the linker script"
    )]
    SharedPage {
        /// Address of the lower one.
        first: u64,
        /// Address of the upper one.
        second: u64,
        /// The first page that they share.
        page: u64,
    },
    /// More address space than [`MAX_MAPPED_BYTES`].
    #[error(
        "the segments take {bytes} bytes of memory, more than the {MAX_MAPPED_BYTES} allowed: \
         take large areas from the partition's memory"
    )]
    TooMuchMemory {
        /// Bytes of the segments seen so far, in whole pages.
        bytes: u64,
    },
    /// No PT_GNU_STACK.
    #[error("no PT_GNU_STACK header, which lets the kernel make the stack executable: link with -z noexecstack")]
    NoStackHeader,
    /// PT_GNU_STACK asks for an executable stack.
    #[error("asks for an executable stack: link with -z noexecstack")]
    ExecutableStack,
    /// The entry point is no code.
    #[error("entry point {entry:#x} is not inside an executable segment: name it with -e or ENTRY()")]
    Entry {
        /// e_entry.
        entry: u64,
    },
    /// A note segment lies outside the file.
    #[error("note segment at offset {offset:#x} reaches beyond the end of the file: copy or build the guest again")]
    NoteOutside {
        /// p_offset.
        offset: u64,
    },
    /// A note segment longer than [`MAX_NOTE_BYTES`].
    #[error(
        "note segment at offset {offset:#x} has {size} bytes, more than the {MAX_NOTE_BYTES} allowed: \
         keep other data out of note sections"
    )]
    NoteTooLong {
        /// p_offset.
        offset: u64,
        /// p_filesz.
        size: u64,
    },
    /// A note segment with an alignment that notes do not have.
    #[error("note segment at offset {offset:#x} is aligned to {align} bytes: align note sections to 4 or 8")]
    NoteAlign {
        /// p_offset.
        offset: u64,
        /// p_align.
        align: u64,
    },
    /// A note that ends behind its segment.
    #[error("note at offset {offset:#x} is cut off by the end of its segment: check the assembler source of the notes")]
    NoteCutOff {
        /// The note's offset in the file.
        offset: u64,
    },
    /// No ABI note.
    #[error("not a Bulkhead guest: no ABI note; link the shim libbulkhead_shim.a")]
    NoNote,
    /// More than one ABI note.
    #[error("more than one ABI note: link the shim libbulkhead_shim.a once")]
    TwoNotes,
    /// An ABI note that is not as long as this version's.
    #[error(
        "the ABI note has {size} bytes instead of {}: rebuild the guest with the matching shim",
        bulkhead_abi::note::SIZE
    )]
    NoteSize {
        /// Size of its descriptor in bytes.
        size: usize,
    },
    /// An ABI note of another version.
    #[error("built for ABI {version}, this supervisor speaks {ABI_VERSION}: rebuild the guest with the matching shim")]
    AbiVersion {
        /// The guest's version.
        version: u32,
    },
    /// Flags in the ABI note.
    #[error("the ABI note has the unknown flags {flags:#x}: rebuild the guest with the matching shim")]
    NoteFlags {
        /// The flags.
        flags: u32,
    },
    /// Only one of the fault handler and the restorer.
    #[error("the ABI note names a {named} but no {missing}: name both or neither")]
    NoteHalf {
        /// The one that the note names.
        named: &'static str,
        /// The one that it does not name.
        missing: &'static str,
    },
    /// An address in the ABI note that is no code.
    #[error("the ABI note's {what} {address:#x} is not inside an executable segment: check what the note refers to")]
    NoteAddress {
        /// What the address is for.
        what: &'static str,
        /// The address.
        address: u64,
    },
    /// A range of system call instructions that is none.
    #[error("the ABI note's system calls from {start:#x} to {end:#x} are no range: give it a start below its end")]
    SyscallRange {
        /// First address.
        start: u64,
        /// First address behind it.
        end: u64,
    },
    /// A range of system call instructions that is not code throughout.
    #[error(
        "the ABI note's system calls from {start:#x} to {end:#x} are not inside one executable segment: \
         check what the note refers to"
    )]
    SyscallsOutside {
        /// First address.
        start: u64,
        /// First address behind it.
        end: u64,
    },
}

/// What is wrong with a loadable segment by itself; reads on from "segment at 0x400000".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SegmentFault {
    /// PF_W and PF_X.
    #[error("is both writable and executable: keep code and data apart (link without -n and -N)")]
    WritableAndExecutable,
    /// No PF_R.
    #[error("is not readable: give it read permission in the linker script")]
    Unreadable,
    /// p_memsz is 0.
    #[error("is empty: take it out of the linker script")]
    Empty,
    /// p_filesz is above p_memsz.
    #[error("has {file} bytes in the file but only {memory} in memory: copy or build the guest again")]
    FileLarger {
        /// p_filesz.
        file: u64,
        /// p_memsz.
        memory: u64,
    },
    /// Not wholly in the file.
    #[error("reaches beyond the end of the file: copy or build the guest again")]
    OutsideFile,
    /// The kernel zeroes the rest of a segment's last page only if it is writable.
    #[error("has zero-filled memory but is not writable: put .bss into a writable segment")]
    ZeroFilledReadOnly,
    /// p_align is no power of two, or less than a page.
    #[error("is aligned to {align} bytes: align segments to pages (link without -n and -N)")]
    Align {
        /// p_align.
        align: u64,
    },
    /// Address and offset differ in their place within a page.
    #[error(
        "cannot be mapped from offset {offset:#x}: both need the same place within a page (link without -n and -N)"
    )]
    Congruence {
        /// p_offset.
        offset: u64,
    },
    /// Not within [`map::IMAGE`].
    #[error(
        "is not within {:#x} to {:#x}, where images live: link to an address such as 0x400000",
        map::IMAGE.base, map::IMAGE.end()
    )]
    Address,
}
