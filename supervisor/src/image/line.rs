//! Lines of source code for addresses, for messages about code that is not where it should be.
//!
//! As with names, an image need not have them and they need not make sense: whatever is odd yields no line. What the reader takes is
//! in proportion to the debugging information of the unit that the address lies in.

use std::borrow::Cow;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};

use super::symbol::{name, sections};
use super::{printable, slice};

/// Longest path that is shown, in bytes.
const PATH_SHOWN: usize = 1024;

/// Where the instruction at `address` comes from, as `main.c:12` with the path that the compiler was given or found.
///
/// `None` where the image does not tell: it is stripped, was compiled without `-g` or with compressed debugging information, or makes no
/// sense.
pub fn line(bytes: &[u8], address: u64) -> Option<String> {
    let sections = sections(bytes)?;
    let load = |id: SectionId| -> Result<_, addr2line::gimli::Error> {
        let section = sections.iter().find(|section| name(bytes, &sections, section) == Some(id.name().as_bytes()));
        let content = section.and_then(|section| slice(bytes, section.sh_offset, section.sh_size));
        Ok(EndianSlice::new(content.unwrap_or_default(), LittleEndian))
    };
    let context = Context::from_dwarf(Dwarf::load(load).ok()?).ok()?;
    let location = context.find_location(address).ok()??;
    let path = Cow::from(location.file?);
    Some(format!("{}:{}", printable(path.as_bytes(), PATH_SHOWN), location.line?))
}

#[cfg(test)]
mod tests {
    use super::super::builder::{ENTRY, Elf};
    use super::*;

    #[test]
    fn an_image_without_debugging_information_has_no_lines() {
        let good = Elf::good().bytes();
        for size in 0..=good.len() {
            assert_eq!(line(&good[..size], ENTRY), None, "{size} bytes");
        }
    }

    /// This very program has lines, unless its profile says otherwise.
    #[test]
    fn whatever_is_cut_off_is_no_harm() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let entry = u64::from_le_bytes(bytes[24..32].try_into().unwrap());
        for eighth in 0..=8 {
            let _ = line(&bytes[..bytes.len() / 8 * eighth], entry);
        }
    }
}
