//! Names for addresses, for messages about faults.
//!
//! An image has often been stripped, and its section headers need not make sense: nothing that runs depends on them. So
//! whatever is odd here yields no name instead of an error. goblin's own lookup tables are left alone, because they take
//! many times the file's size in memory when a string table consists of NULs.

use goblin::elf::header::{ELFCLASS64, ELFDATA2LSB, ELFMAG};
use goblin::elf::section_header::{SHF_EXECINSTR, SHT_STRTAB, SHT_SYMTAB};
use goblin::elf::sym::{STB_LOCAL, STT_FUNC, STT_NOTYPE};
use goblin::elf::{Elf, SectionHeader, Sym, Symtab};
use goblin::elf64::header::SIZEOF_EHDR;
use goblin::elf64::section_header::SIZEOF_SHDR;
use goblin::elf64::sym::SIZEOF_SYM;

use super::{ELF64_LE, printable, slice};

/// Longest piece of a name that is shown, in bytes.
const NAME_SHOWN: usize = 256;

/// The nearest function symbol at or below `address` in the same section, as `name` or `name+0x12`.
///
/// `None` where the image does not tell: no symbol table, an address outside the code, or a table that makes no sense.
/// A label that an assembler source left without a type counts as a function. Names are not demangled.
pub fn symbolise(bytes: &[u8], address: u64) -> Option<String> {
    let (symbol, name) = nearest(bytes, address)?;
    let name = printable(name, NAME_SHOWN);
    Some(match address - symbol.st_value {
        0 => name,
        offset => format!("{name}+{offset:#x}"),
    })
}

/// Where the function begins that `address` lies in; `None` as for [`symbolise`].
pub(super) fn function(bytes: &[u8], address: u64) -> Option<u64> {
    nearest(bytes, address).map(|(symbol, _)| symbol.st_value)
}

/// The symbol that names `address`, and its name, which other strings may follow.
fn nearest(bytes: &[u8], address: u64) -> Option<(Sym, &[u8])> {
    let sections = sections(bytes)?;
    let section = sections.iter().position(|section| is_code(section) && contains(section, address))?;
    let table = sections.iter().find(|section| section.sh_type == SHT_SYMTAB)?;
    let names = sections.get(usize::try_from(table.sh_link).ok()?).filter(|names| names.sh_type == SHT_STRTAB)?;
    let names = slice(bytes, names.sh_offset, names.sh_size)?;

    symbols(bytes, table)?
        .iter()
        .filter(|symbol| symbol.st_shndx == section && symbol.st_value <= address && is_function(symbol))
        .filter_map(|symbol| Some((symbol, names.get(symbol.st_name..).filter(|name| name.first() > Some(&0))?)))
        .max_by_key(|(symbol, _)| rank(symbol))
}

/// The section headers, if there are any that make sense.
pub(super) fn sections(bytes: &[u8]) -> Option<Vec<SectionHeader>> {
    let ident = bytes.get(..SIZEOF_EHDR)?;
    if !ident.starts_with(ELFMAG) || ident[4] != ELFCLASS64 || ident[5] != ELFDATA2LSB {
        return None;
    }
    let header = Elf::parse_header(bytes).ok()?;
    if usize::from(header.e_shentsize) != SIZEOF_SHDR || header.e_shnum == 0 {
        return None;
    }
    let table = slice(bytes, header.e_shoff, u64::from(header.e_shnum) * SIZEOF_SHDR as u64)?;
    SectionHeader::parse_from(table, 0, header.e_shnum.into(), ELF64_LE).ok()
}

/// The name of one of these sections.
pub(super) fn name<'a>(bytes: &'a [u8], sections: &[SectionHeader], section: &SectionHeader) -> Option<&'a [u8]> {
    let header = Elf::parse_header(bytes).ok()?;
    let names = sections.get(usize::from(header.e_shstrndx)).filter(|names| names.sh_type == SHT_STRTAB)?;
    slice(bytes, names.sh_offset, names.sh_size)?.get(section.sh_name..)?.split(|&byte| byte == 0).next()
}

fn symbols<'a>(bytes: &'a [u8], table: &SectionHeader) -> Option<Symtab<'a>> {
    if table.sh_entsize != SIZEOF_SYM as u64 {
        return None;
    }
    let bytes = slice(bytes, table.sh_offset, table.sh_size)?;
    Symtab::parse(bytes, 0, bytes.len() / SIZEOF_SYM, ELF64_LE).ok()
}

fn is_code(section: &SectionHeader) -> bool {
    section.sh_flags & u64::from(SHF_EXECINSTR) != 0
}

fn contains(section: &SectionHeader, address: u64) -> bool {
    address.checked_sub(section.sh_addr).is_some_and(|offset| offset < section.sh_size)
}

fn is_function(symbol: &Sym) -> bool {
    matches!(symbol.st_type(), STT_FUNC | STT_NOTYPE)
}

/// The nearest wins; at one address a typed symbol wins over a label, and a global one over a local one.
fn rank(symbol: &Sym) -> (u64, bool, bool) {
    (symbol.st_value, symbol.st_type() == STT_FUNC, symbol.st_bind() != STB_LOCAL)
}

#[cfg(test)]
mod tests {
    use super::super::builder::{CODE, ENTRY, Elf, Symbol};
    use super::*;

    fn with(symbols: &[Symbol]) -> Vec<u8> {
        Elf { symbols: symbols.to_vec(), ..Elf::good() }.bytes()
    }

    #[test]
    fn the_nearest_function_below_gives_the_name() {
        let bytes = Elf::good().bytes();
        let name = |address| symbolise(&bytes, address);
        assert_eq!(name(ENTRY).as_deref(), Some("_start"));
        assert_eq!(name(ENTRY + 0x12).as_deref(), Some("_start+0x12"));
        assert_eq!(name(CODE.end - 1).as_deref(), Some("restorer+0x1f"));
    }

    #[test]
    fn addresses_outside_the_code_have_no_name() {
        let bytes = Elf::good().bytes();
        for address in [0, CODE.start - 1, CODE.end, 0x40_1400, u64::MAX] {
            assert_eq!(symbolise(&bytes, address), None, "{address:#x}");
        }
    }

    #[test]
    fn a_function_wins_over_a_label_and_a_global_over_a_local() {
        let label = Symbol::new("label", ENTRY, STT_NOTYPE);
        let local = Symbol { local: true, ..Symbol::new("local", ENTRY, STT_FUNC) };
        let global = Symbol::new("global", ENTRY, STT_FUNC);
        for order in [[label, local, global], [global, local, label]] {
            assert_eq!(symbolise(&with(&order), ENTRY).as_deref(), Some("global"));
        }
        assert_eq!(symbolise(&with(&[local, label]), ENTRY).as_deref(), Some("local"));
        assert_eq!(symbolise(&with(&[label]), ENTRY + 1).as_deref(), Some("label+0x1"));
    }

    #[test]
    fn data_and_nameless_symbols_are_passed_over() {
        const STT_OBJECT: u8 = 1;
        let symbols = [
            Symbol::new("function", ENTRY, STT_FUNC),
            Symbol::new("object", ENTRY + 1, STT_OBJECT),
            Symbol::new("", ENTRY + 2, STT_FUNC),
        ];
        assert_eq!(symbolise(&with(&symbols), ENTRY + 4).as_deref(), Some("function+0x4"));
    }

    #[test]
    fn a_stripped_or_cut_image_has_no_names() {
        let good = Elf::good().bytes();
        assert_eq!(symbolise(&Elf { stripped: true, ..Elf::good() }.bytes(), ENTRY), None);
        assert_eq!(symbolise(b"", ENTRY), None);
        // The section headers come last, so every shorter file has lost some of them.
        for size in 0..good.len() {
            assert_eq!(symbolise(&good[..size], ENTRY), None, "{size} bytes");
        }
    }

    #[test]
    fn a_hostile_name_stays_short_and_printable() {
        let bytes = with(&[Symbol::new("evil\x1b[2J\nname", ENTRY, STT_FUNC)]);
        assert_eq!(symbolise(&bytes, ENTRY).as_deref(), Some(r"evil\x1b[2J\nname"));
        let long = "x".repeat(10_000);
        let bytes = with(&[Symbol::new(Box::leak(long.into_boxed_str()), ENTRY, STT_FUNC)]);
        assert_eq!(symbolise(&bytes, ENTRY).map(|name| name.len()), Some(NAME_SHOWN));
    }
}
