//! What holds for every image that the checker accepts, stated a second time and read from the bytes by other code than
//! the checker's: no goblin, no shared helper. Tests and the fuzz target use this file.

use bulkhead::image::{Image, ImageError};

const PAGE: u64 = 0x1000;
const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const PT_NOTE: u64 = 4;
const PT_GNU_STACK: u64 = 0x6474_e551;

/// Panics unless `image` obeys every rule and says what `bytes` say.
pub(crate) fn hold(bytes: &[u8], image: &Image) {
    assert_eq!(&bytes[..7], b"\x7fELF\x02\x01\x01");
    assert_eq!((number(bytes, 16, 2), number(bytes, 18, 2)), (2, 62), "executable for x86-64");
    assert_eq!((number(bytes, 20, 4), number(bytes, 54, 2)), (1, 56), "versions and sizes");
    assert_eq!(image.entry, number(bytes, 24, 8));
    let headers = headers(bytes);
    assert!((1..=128).contains(&headers.len()));
    assert!(headers.iter().all(|header| header.kind != PT_INTERP && header.kind != PT_DYNAMIC));
    let mut stacks = headers.iter().filter(|header| header.kind == PT_GNU_STACK).peekable();
    assert!(stacks.peek().is_some() && stacks.all(|stack| stack.flags & 1 == 0), "stack not executable");
    let loads: Vec<_> = headers.iter().filter(|header| header.kind == PT_LOAD).collect();
    segments_hold(bytes, image, &loads);
    note_holds(bytes, image, &headers);
}

/// A message is one printable line of bearable length that gives advice.
pub(crate) fn message_holds(error: &ImageError) {
    let message = error.to_string();
    assert!(message.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{message:?}");
    assert!((20..400).contains(&message.len()), "{message:?}");
    assert!(message.contains(": "), "{message:?}");
}

/// A symbol's name is one printable line of bearable length, whatever the image says.
pub(crate) fn name_holds(name: &str) {
    assert!(name.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name:?}");
    assert!(!name.is_empty() && name.len() < 1100, "{name:?}");
}

struct Header {
    kind: u64,
    flags: u64,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
    align: u64,
}

fn headers(bytes: &[u8]) -> Vec<Header> {
    let (offset, count) = (number(bytes, 32, 8) as usize, number(bytes, 56, 2) as usize);
    (0..count)
        .map(|index| {
            let field = |at, size| number(bytes, offset + index * 56 + at, size);
            Header {
                kind: field(0, 4),
                flags: field(4, 4),
                offset: field(8, 8),
                address: field(16, 8),
                file_size: field(32, 8),
                memory_size: field(40, 8),
                align: field(48, 8),
            }
        })
        .collect()
}

fn segments_hold(bytes: &[u8], image: &Image, loads: &[&Header]) {
    assert!((1..=32).contains(&loads.len()));
    assert_eq!(loads.len(), image.segments.len());
    let (mut free, mut mapped) = (0x1_0000u128, 0u128);
    for (load, segment) in loads.iter().zip(&image.segments) {
        let (readable, writable, executable) = (load.flags & 4 != 0, load.flags & 2 != 0, load.flags & 1 != 0);
        assert!(readable && !(writable && executable));
        assert_eq!((segment.writable, segment.executable), (writable, executable));
        assert_eq!((segment.address, segment.memory_size), (load.address, load.memory_size));
        assert_eq!((segment.file_offset, segment.file_size), (load.offset, load.file_size));
        assert!(load.memory_size > 0 && load.file_size <= load.memory_size);
        assert!(writable || load.file_size == load.memory_size);
        assert!(u128::from(load.offset) + u128::from(load.file_size) <= bytes.len() as u128);
        assert!(load.align >= PAGE && load.align.count_ones() == 1);
        assert_eq!(load.address % PAGE, load.offset % PAGE);
        let (base, end) = (u128::from(segment.base), u128::from(segment.end));
        let page = u128::from(PAGE);
        assert_eq!(base, u128::from(load.address) / page * page);
        assert_eq!(end, (u128::from(load.address) + u128::from(load.memory_size)).div_ceil(page) * page);
        assert!(base >= free, "ascending, no shared page, nothing below the first address");
        free = end;
        mapped += end - base;
    }
    assert!(free <= 0x1000_0000_0000);
    assert!(mapped <= 4 << 30);
}

fn note_holds(bytes: &[u8], image: &Image, headers: &[Header]) {
    // Notes begin at multiples of four: look at every place where one could.
    let mut found = 0;
    for header in headers.iter().filter(|header| header.kind == PT_NOTE) {
        let segment = &bytes[header.offset as usize..][..header.file_size as usize];
        let places = (0..segment.len()).step_by(4).map(|at| &segment[at..]);
        let pattern = b"\x09\0\0\0\x28\0\0\0\x01\0\0\0Bulkhead\0";
        found += places.filter(|place| place.starts_with(pattern)).filter(|place| says(place, image)).count();
    }
    assert!(found >= 1, "the note that the image reports is in the file");
    let note = &image.note;
    assert_eq!(note.abi_version, 1);
    assert_eq!(note.flags & !1, 0, "no flag but that for stacks of processes");
    assert!(is_code(image, image.entry, 1));
    assert_eq!(note.fault_entry == 0, note.restorer == 0);
    assert!(note.fault_entry == 0 || is_code(image, note.fault_entry, 1) && is_code(image, note.restorer, 1));
    if (note.syscall_start, note.syscall_end) != (0, 0) {
        assert!(note.syscall_start < note.syscall_end);
        assert!(is_code(image, note.syscall_start, note.syscall_end - note.syscall_start));
    }
}

/// Whether the raw note says what the image's note says.
fn says(raw: &[u8], image: &Image) -> bool {
    let note = &image.note;
    let fields = [note.fault_entry, note.restorer, note.syscall_start, note.syscall_end];
    raw.len() >= 64
        && number(raw, 24, 4) == u64::from(note.abi_version)
        && number(raw, 28, 4) == u64::from(note.flags)
        && fields.iter().enumerate().all(|(index, &field)| number(raw, 32 + index * 8, 8) == field)
}

fn is_code(image: &Image, address: u64, size: u64) -> bool {
    image.segments.iter().any(|segment| {
        let offset = u128::from(address).checked_sub(u128::from(segment.address));
        segment.executable && offset.is_some_and(|at| at + u128::from(size) <= u128::from(segment.file_size))
    })
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
