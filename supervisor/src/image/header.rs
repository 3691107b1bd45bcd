//! The ELF header and the table of program headers: is this a linked, static x86-64 program at all?

use goblin::elf::header::*;
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP};
use goblin::elf::{Elf, Header, ProgramHeader};
use goblin::elf64::header::SIZEOF_EHDR;
use goblin::elf64::program_header::SIZEOF_PHDR;

use super::{ELF64_LE, ImageError, MAX_PROGRAM_HEADERS, printable, slice};

/// Longest piece of an interpreter's path in a message, in bytes.
const PATH_SHOWN: usize = 64;

/// Reads the ELF header and refuses whatever is no linked program for x86-64.
pub(super) fn read(bytes: &[u8]) -> Result<Header, ImageError> {
    if let Some(error) = common_mistake(bytes) {
        return Err(error);
    }
    // A whole ELF file of either class is longer: even the shorter header brings a program header with it.
    if bytes.len() < SIZEOF_EHDR {
        return Err(ImageError::Truncated { size: bytes.len() });
    }
    let ident = |field, at: usize| ImageError::Header { field, value: u64::from(bytes[at]) };
    if !matches!(bytes[EI_CLASS], ELFCLASS32 | ELFCLASS64) {
        return Err(ident("EI_CLASS", EI_CLASS));
    }
    if !matches!(bytes[EI_DATA], ELFDATA2LSB | ELFDATA2MSB) {
        return Err(ident("EI_DATA", EI_DATA));
    }
    if bytes[EI_VERSION] != EV_CURRENT {
        return Err(ident("EI_VERSION", EI_VERSION));
    }
    let header = Elf::parse_header(bytes).map_err(|_| ImageError::NotElf)?;
    is_for_this_machine(&header)?;
    match header.e_type {
        // Whether it asks for an interpreter decides what to advise.
        ET_EXEC | ET_DYN => Ok(header),
        ET_REL => Err(ImageError::Relocatable),
        ET_CORE => Err(ImageError::CoreDump),
        kind => Err(ImageError::Type { kind }),
    }
}

/// A file that is no ELF file, by its first bytes.
fn common_mistake(bytes: &[u8]) -> Option<ImageError> {
    match bytes {
        [] => Some(ImageError::Empty),
        [b'#', b'!', ..] => Some(ImageError::Script),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => Some(ImageError::Archive),
        _ if !bytes.starts_with(ELFMAG) => Some(ImageError::NotElf),
        _ => None,
    }
}

fn is_for_this_machine(header: &Header) -> Result<(), ImageError> {
    match header.e_machine {
        EM_X86_64 | EM_386 => {}
        other => return Err(ImageError::Machine { machine: machine_name(other) }),
    }
    if header.e_ident[EI_CLASS] == ELFCLASS32 {
        return Err(ImageError::Bits32);
    }
    if header.e_ident[EI_DATA] == ELFDATA2MSB {
        return Err(ImageError::BigEndian);
    }
    if header.e_machine == EM_386 {
        return Err(ImageError::Machine { machine: machine_name(EM_386) });
    }
    if header.e_version != u32::from(EV_CURRENT) {
        return Err(ImageError::Header { field: "e_version", value: header.e_version.into() });
    }
    Ok(())
}

/// What people call a processor; the ELF number of one that guests are rarely built for.
fn machine_name(machine: u16) -> String {
    let name = match machine {
        EM_386 => "i386",
        EM_AARCH64 => "AArch64",
        EM_ARM => "ARM",
        EM_MIPS => "MIPS",
        EM_PPC => "PowerPC",
        EM_PPC64 => "PowerPC 64",
        EM_RISCV => "RISC-V",
        EM_S390 => "S/390",
        EM_SPARC | EM_SPARC32PLUS => "SPARC",
        EM_SPARCV9 => "SPARC V9",
        other => return format!("machine number {other}"),
    };
    name.to_owned()
}

/// Reads the program headers, of which there is at least one.
pub(super) fn program_headers(bytes: &[u8], header: &Header) -> Result<Vec<ProgramHeader>, ImageError> {
    let (offset, count) = (header.e_phoff, header.e_phnum);
    if count == 0 {
        return Err(ImageError::NoProgramHeaders);
    }
    if usize::from(header.e_phentsize) != SIZEOF_PHDR {
        return Err(ImageError::Header { field: "e_phentsize", value: header.e_phentsize.into() });
    }
    if count > MAX_PROGRAM_HEADERS {
        return Err(ImageError::TooManyProgramHeaders { count });
    }
    let outside = ImageError::ProgramHeadersOutside { offset };
    let Some(table) = slice(bytes, offset, u64::from(count) * SIZEOF_PHDR as u64) else {
        return Err(outside);
    };
    ProgramHeader::parse(table, 0, count.into(), ELF64_LE).map_err(|_| outside)
}

/// Refuses whatever needs a dynamic linker or a relocation at start.
pub(super) fn must_be_static(bytes: &[u8], header: &Header, headers: &[ProgramHeader]) -> Result<(), ImageError> {
    if let Some(interpreter) = headers.iter().find(|header| header.p_type == PT_INTERP) {
        let path = slice(bytes, interpreter.p_offset, interpreter.p_filesz).unwrap_or(b"outside the file");
        return Err(ImageError::Interpreter { path: printable(path, PATH_SHOWN) });
    }
    if header.e_type == ET_DYN {
        return Err(ImageError::PositionIndependent);
    }
    if headers.iter().any(|header| header.p_type == PT_DYNAMIC) {
        return Err(ImageError::Dynamic);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::builder::Elf;
    use super::*;

    #[test]
    fn every_prefix_of_a_header_is_refused() {
        let good = Elf::good().bytes();
        for size in 0..SIZEOF_EHDR {
            let error = read(&good[..size]).unwrap_err();
            match size {
                0 => assert_eq!(error, ImageError::Empty),
                1..4 => assert_eq!(error, ImageError::NotElf),
                _ => assert_eq!(error, ImageError::Truncated { size }),
            }
        }
        assert!(read(&good[..SIZEOF_EHDR]).is_ok());
    }

    #[test]
    fn a_foreign_machine_is_named_before_its_width_or_byte_order() {
        let mut bytes = Elf { machine: EM_PPC, ..Elf::good() }.bytes();
        bytes[EI_CLASS] = ELFCLASS32;
        assert_eq!(read(&bytes).unwrap_err(), ImageError::Machine { machine: "PowerPC".to_owned() });
        let bytes = Elf { machine: 0xbeef, ..Elf::good() }.bytes();
        assert_eq!(read(&bytes).unwrap_err(), ImageError::Machine { machine: "machine number 48879".to_owned() });
    }

    #[test]
    fn the_table_may_end_with_the_file_but_not_behind_it() {
        let good = Elf::good();
        let header = read(&good.bytes()).unwrap();
        let end = SIZEOF_EHDR + usize::from(header.e_phnum) * SIZEOF_PHDR;
        let bytes = &good.bytes()[..end];
        assert_eq!(program_headers(bytes, &header).unwrap().len(), good.headers.len());
        let outside = Err(ImageError::ProgramHeadersOutside { offset: header.e_phoff });
        assert_eq!(program_headers(&bytes[..end - 1], &header), outside);
    }
}
