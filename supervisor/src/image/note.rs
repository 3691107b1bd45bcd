//! The ABI note, by which an image declares itself a guest.
//!
//! Notes are walked here instead of by goblin, whose iterator lets a note reach behind its segment and stops at the
//! first name that is not UTF-8.

use bulkhead_abi::ABI_VERSION;
use bulkhead_abi::note::{FLAGS, NAME, Note, TYPE};
use goblin::elf::ProgramHeader;
use goblin::elf::program_header::PT_NOTE;

use super::{ImageError, MAX_NOTE_BYTES, Segment, executable_at, slice};

/// Size of a note's header: the sizes of name and descriptor and the type, 32 bits each.
const HEADER: usize = 12;

/// The one ABI note of an image, of the version that the supervisor speaks.
pub(super) fn find(bytes: &[u8], headers: &[ProgramHeader]) -> Result<Note, ImageError> {
    let mut found = None;
    for header in headers.iter().filter(|header| header.p_type == PT_NOTE) {
        for desc in abi_notes(bytes, header)? {
            if found.replace(desc).is_some() {
                return Err(ImageError::TwoNotes);
            }
        }
    }
    parse(found.ok_or(ImageError::NoNote)?)
}

/// The descriptors of the ABI notes in one note segment.
fn abi_notes<'a>(bytes: &'a [u8], header: &ProgramHeader) -> Result<Vec<&'a [u8]>, ImageError> {
    let (offset, size) = (header.p_offset, header.p_filesz);
    if size > MAX_NOTE_BYTES {
        return Err(ImageError::NoteTooLong { offset, size });
    }
    let segment = slice(bytes, offset, size).ok_or(ImageError::NoteOutside { offset })?;
    let align = match header.p_align {
        // Older tools leave the alignment out; notes are never aligned to less than a word.
        0..=4 => 4,
        8 => 8,
        align => return Err(ImageError::NoteAlign { offset, align }),
    };
    let mut descs = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        let note = raw(&segment[at..], align).ok_or(ImageError::NoteCutOff { offset: offset + at as u64 })?;
        if note.is_abi() {
            descs.push(note.desc);
        }
        at += note.size;
    }
    Ok(descs)
}

struct Raw<'a> {
    name: &'a [u8],
    kind: u32,
    desc: &'a [u8],
    /// Bytes to the next note.
    size: usize,
}

impl Raw<'_> {
    fn is_abi(&self) -> bool {
        self.kind == TYPE && self.name.strip_suffix(&[0]) == Some(NAME.as_bytes())
    }
}

/// The note that `bytes` begins with; `None` if it is not whole. Only its padding may be cut off.
fn raw(bytes: &[u8], align: usize) -> Option<Raw<'_>> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let part = |start: usize, size: u32| {
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        Some((bytes.get(start..end)?, end.checked_next_multiple_of(align)?))
    };
    let (name_size, desc_size, kind) = (word(0)?, word(4)?, word(8)?);
    let (name, next) = part(HEADER, name_size)?;
    // A note without a descriptor may end the segment before its name's padding does.
    let (desc, size) = if desc_size == 0 { (&bytes[..0], next) } else { part(next, desc_size)? };
    Some(Raw { name, kind, desc, size })
}

/// Reads a descriptor. Its version comes first: another version may well have another size.
fn parse(desc: &[u8]) -> Result<Note, ImageError> {
    let size = ImageError::NoteSize { size: desc.len() };
    let Some(version) = desc.first_chunk().map(|version| u32::from_le_bytes(*version)) else {
        return Err(size);
    };
    if version != ABI_VERSION {
        return Err(ImageError::AbiVersion { version });
    }
    let note = Note::parse(desc).ok_or(size)?;
    if note.flags & !FLAGS != 0 {
        return Err(ImageError::NoteFlags { flags: note.flags });
    }
    Ok(note)
}

/// Every address in the note is 0 or code, and both halves of a pair are there or neither.
pub(super) fn addresses_are_code(note: &Note, segments: &[Segment]) -> Result<(), ImageError> {
    let handler = ("fault handler", note.fault_entry);
    let restorer = ("restorer", note.restorer);
    match (handler, restorer) {
        ((_, 0), (_, 0)) => {}
        ((named, _), (missing, 0)) | ((missing, 0), (named, _)) => {
            return Err(ImageError::NoteHalf { named, missing });
        }
        both => {
            for (what, address) in [both.0, both.1] {
                executable_at(segments, address).ok_or(ImageError::NoteAddress { what, address })?;
            }
        }
    }
    let (start, end) = (note.syscall_start, note.syscall_end);
    if (start, end) == (0, 0) {
        return Ok(());
    }
    if start >= end {
        return Err(ImageError::SyscallRange { start, end });
    }
    match executable_at(segments, start) {
        Some(segment) if end <= segment.addresses().end => Ok(()),
        _ => Err(ImageError::SyscallsOutside { start, end }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::builder::{elf_note, note_segment};
    use super::*;

    fn descriptor() -> Vec<u8> {
        let mut desc = vec![0; bulkhead_abi::note::SIZE];
        desc[..4].copy_from_slice(&ABI_VERSION.to_le_bytes());
        desc
    }

    /// Searches `bytes` as the only note segment.
    fn search(bytes: &[u8], align: u64) -> Result<Note, ImageError> {
        find(bytes, &[ProgramHeader { p_align: align, ..note_segment(0, bytes.len() as u64) }])
    }

    #[test]
    fn the_note_is_found_among_others() {
        let ours = elf_note(b"Bulkhead\0", TYPE, &descriptor(), 4);
        let others = [
            elf_note(b"GNU\0", 3, &[7; 20], 4),
            elf_note(b"Bulkhead\0", TYPE + 1, &[1, 2], 4),
            elf_note(b"Bulkhead", TYPE, &descriptor(), 4),
            elf_note(b"\xff\xfe\0", 1, &[], 4),
            elf_note(b"", 0, &[], 4),
        ]
        .concat();
        assert_eq!(search(&others, 4), Err(ImageError::NoNote));
        let note = Note { abi_version: ABI_VERSION, ..Note::default() };
        assert_eq!(search(&[&others, &ours[..]].concat(), 4), Ok(note));
        assert_eq!(search(&[&ours[..], &others].concat(), 0), Ok(note));
        assert_eq!(search(&[&ours[..], &ours].concat(), 4), Err(ImageError::TwoNotes));
    }

    #[test]
    fn alignment_to_eight_moves_the_descriptor() {
        let eight = [elf_note(b"GNU\0", 5, &[1; 12], 8), elf_note(b"Bulkhead\0", TYPE, &descriptor(), 8)].concat();
        assert!(search(&eight, 8).is_ok());
        assert!(search(&eight, 4).is_err());
        assert_eq!(search(&eight, 16), Err(ImageError::NoteAlign { offset: 0, align: 16 }));
    }

    #[test]
    fn every_cut_is_noticed() {
        let first = elf_note(b"GNU\0", 3, &[7; 20], 4);
        let both = [&first[..], &elf_note(b"Bulkhead\0", TYPE, &descriptor(), 4)].concat();
        for size in 0..both.len() {
            let expected = match size {
                0 => ImageError::NoNote,
                size if size < first.len() => ImageError::NoteCutOff { offset: 0 },
                size if size == first.len() => ImageError::NoNote,
                _ => ImageError::NoteCutOff { offset: first.len() as u64 },
            };
            assert_eq!(search(&both[..size], 4), Err(expected), "{size} bytes");
        }
    }

    #[test]
    fn only_padding_may_be_cut_off() {
        let note = elf_note(b"Bulkhead\0", TYPE, &[1, 0, 0, 0, 9], 4);
        let unpadded = &note[..note.len() - 3];
        assert_eq!(search(unpadded, 4), Err(ImageError::NoteSize { size: 5 }));
        assert_eq!(search(&unpadded[..unpadded.len() - 1], 4), Err(ImageError::NoteCutOff { offset: 0 }));
    }

    #[test]
    fn sizes_that_overflow_are_cut_off() {
        for (name_size, desc_size) in [(u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)] {
            let bytes = [name_size.to_le_bytes(), desc_size.to_le_bytes(), [1, 0, 0, 0]].concat();
            assert_eq!(search(&bytes, 4), Err(ImageError::NoteCutOff { offset: 0 }));
        }
    }

    #[test]
    fn another_version_is_told_before_its_size() {
        let newer = [&(ABI_VERSION + 1).to_le_bytes()[..], &[0; 60]].concat();
        assert_eq!(parse(&newer), Err(ImageError::AbiVersion { version: ABI_VERSION + 1 }));
        assert_eq!(parse(&[1, 0, 0]), Err(ImageError::NoteSize { size: 3 }));
    }
}
