//! What a guest ELF must be before the supervisor starts a process from it.
//!
//! The kernel's loader is generous: it maps writable code, lets segments overlap, gives an image without a stack header
//! an executable stack, and starts whatever interpreter a file names. A partition must not depend on such generosity,
//! so [`check`] accepts only images whose layout leaves nothing to interpret, and tells everybody else in one line what
//! to change. It is a pure function over bytes; the caller must start the very bytes that were checked.
//!
//! An image is untrusted input. goblin decodes the fixed-size records; every count, offset and size is checked here
//! before anything follows it, so that a hostile file costs time and memory in proportion to its headers at most.

mod counter;
mod error;
mod header;
mod line;
mod note;
mod segment;
mod symbol;

use std::ops::Range;

use bulkhead_abi::note::Note;
use goblin::container::{Container, Ctx, Endian};

pub use error::{ImageError, SegmentFault};
pub use line::line;
pub use symbol::symbolise;

/// Largest image in bytes. [`check`] works on what it gets; whoever reads the file keeps to this limit.
pub const MAX_IMAGE_BYTES: u64 = 1 << 30;
/// Most address space that the segments of an image may take together, in bytes.
pub const MAX_MAPPED_BYTES: u64 = 4 << 30;
/// Most program headers.
pub const MAX_PROGRAM_HEADERS: u16 = 128;
/// Most loadable segments.
pub const MAX_SEGMENTS: usize = 32;
/// Longest note segment in bytes: it is searched before anything in it can be trusted.
pub const MAX_NOTE_BYTES: u64 = 64 << 10;

/// The only kind of ELF file that is read: 64-bit, little-endian.
const ELF64_LE: Ctx = Ctx { container: Container::Big, le: Endian::Little };

/// What a checked image tells the loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Address of the first instruction, inside an executable segment.
    pub entry: u64,
    /// The segments that are mapped, ascending; at least one, no two on the same page.
    pub segments: Vec<Segment>,
    /// The ABI note. Each of its addresses is 0 or inside an executable segment.
    pub note: Note,
}

impl Image {
    /// The segment that maps `address`, if any; whole pages count.
    pub fn segment_at(&self, address: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| (segment.base..segment.end).contains(&address))
    }
}

/// A segment of a checked image. It is always readable, and never both writable and executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First mapped address, page-aligned.
    pub base: u64,
    /// First address behind the mapping, page-aligned.
    pub end: u64,
    /// First address of the segment's own bytes, at or above `base` in its page.
    pub address: u64,
    /// Size in memory in bytes, from `address` on; not 0.
    pub memory_size: u64,
    /// Offset in the file of the byte at `address`.
    pub file_offset: u64,
    /// Bytes that come from the file; the rest of a writable segment starts as zeroes.
    pub file_size: u64,
    /// Whether the guest may write to it.
    pub writable: bool,
    /// Whether the guest may execute it. Every byte of such a segment comes from the file.
    pub executable: bool,
}

impl Segment {
    /// The addresses of the segment's own bytes.
    pub fn addresses(&self) -> Range<u64> {
        self.address..self.address + self.memory_size
    }
}

/// Checks a guest image.
///
/// # Errors
/// The first thing found wrong, as one line that says what to do about it. It does not name the file.
pub fn check(bytes: &[u8]) -> Result<Image, ImageError> {
    let header = header::read(bytes)?;
    let headers = header::program_headers(bytes, &header)?;
    header::must_be_static(bytes, &header, &headers)?;
    let segments = segment::load_segments(bytes.len() as u64, &headers)?;
    segment::stack_is_not_executable(&headers)?;
    if executable_at(&segments, header.e_entry).is_none() {
        return Err(ImageError::Entry { entry: header.e_entry });
    }
    let note = note::find(bytes, &headers)?;
    note::addresses_are_code(&note, &segments)?;
    Ok(Image { entry: header.e_entry, segments, note })
}

/// Whether something other than the shim may read the time-stamp counter, by `rdtsc` and the like. `bytes` are those that `image` was
/// checked with.
pub fn reads_counter(bytes: &[u8], image: &Image) -> bool {
    let shim = image.note.syscalls().map_or(0..0, |range| range.base..range.end());
    counter::is_read(bytes, &image.segments, &shim)
}

/// The executable segment with a byte of its own at `address`.
fn executable_at(segments: &[Segment], address: u64) -> Option<&Segment> {
    segments.iter().find(|segment| segment.executable && segment.addresses().contains(&address))
}

/// The part of a file that a record points to; `None` if it is not wholly inside.
fn slice(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(start..end)
}

/// Text from an image, fit for one line of a message: cut at the first NUL and at `longest` bytes, everything but
/// printable ASCII escaped.
fn printable(text: &[u8], longest: usize) -> String {
    let text = &text[..text.len().min(longest)];
    text.split(|&byte| byte == 0).next().unwrap_or_default().escape_ascii().to_string()
}

#[cfg(test)]
#[path = "../../../tests/image/builder.rs"]
mod builder;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_image_is_told_as_it_is() {
        let image = check(&builder::Elf::good().bytes()).unwrap();
        assert_eq!(image.entry, builder::ENTRY);
        let [text, data] = image.segments[..] else { panic!("{:?}", image.segments) };
        assert_eq!((text.base, text.end, text.writable, text.executable), (0x40_0000, 0x40_1000, false, true));
        assert_eq!((data.base, data.end, data.writable, data.executable), (0x40_1000, 0x40_4000, true, false));
        assert_eq!((data.address, data.memory_size), (0x40_1400, 0x2000));
        assert_eq!((data.file_offset, data.file_size), (0x400, 0x40));
        assert_eq!(image.note.abi_version, bulkhead_abi::ABI_VERSION);
        assert_eq!(image.note.fault_entry, builder::FAULT_ENTRY);
    }

    #[test]
    fn a_segment_is_found_by_any_address_of_its_pages() {
        let image = check(&builder::Elf::good().bytes()).unwrap();
        assert!(image.segment_at(0x40_1000).unwrap().writable);
        assert!(image.segment_at(0x40_0fff).unwrap().executable);
        assert_eq!(image.segment_at(0x40_4000), None);
        assert_eq!(image.segment_at(u64::MAX), None);
    }

    #[test]
    fn slices_stay_inside_whatever_the_record_says() {
        let bytes = [1, 2, 3];
        assert_eq!(slice(&bytes, 1, 2), Some(&bytes[1..]));
        assert_eq!(slice(&bytes, 3, 0), Some(&bytes[3..]));
        assert_eq!(slice(&bytes, 2, 2), None);
        assert_eq!(slice(&bytes, u64::MAX, 2), None);
        assert_eq!(slice(&bytes, 2, u64::MAX), None);
    }

    #[test]
    fn text_from_an_image_stays_on_one_line() {
        assert_eq!(printable(b"/lib/ld.so\0junk", 64), "/lib/ld.so");
        assert_eq!(printable(b"a\nb\x1b[2J\xff", 64), r"a\nb\x1b[2J\xff");
        assert_eq!(printable(b"abcdef", 3), "abc");
    }
}
