//! The loadable segments: what the kernel will map, and with which permissions.
//!
//! The rules are stricter than the kernel's, so that an accepted segment has one possible meaning on every version of
//! Linux: older ones map a file page for an unaligned segment without file contents, for instance, and none of them
//! zeroes the end of a read-only page.

use bulkhead_abi::map::{IMAGE, PAGE};
use goblin::elf::ProgramHeader;
use goblin::elf::program_header::{PT_GNU_STACK, PT_LOAD};

use super::{ImageError, MAX_MAPPED_BYTES, MAX_SEGMENTS, Segment, SegmentFault};

/// Checks every PT_LOAD of an image of `file_len` bytes, one by one and against its neighbour.
pub(super) fn load_segments(file_len: u64, headers: &[ProgramHeader]) -> Result<Vec<Segment>, ImageError> {
    let loads = headers.iter().filter(|header| header.p_type == PT_LOAD);
    match loads.clone().count() {
        0 => return Err(ImageError::NoSegment),
        count if count > MAX_SEGMENTS => return Err(ImageError::TooManySegments { count }),
        _ => {}
    }
    let segments = loads
        .map(|load| segment(file_len, load).map_err(|fault| ImageError::Segment { address: load.p_vaddr, fault }))
        .collect::<Result<Vec<_>, _>>()?;
    for pair in segments.windows(2) {
        must_follow(&pair[0], &pair[1])?;
    }
    // Each is inside IMAGE, so the sum cannot overflow.
    let bytes = segments.iter().map(|segment| segment.end - segment.base).sum();
    if bytes > MAX_MAPPED_BYTES {
        return Err(ImageError::TooMuchMemory { bytes });
    }
    Ok(segments)
}

fn segment(file_len: u64, load: &ProgramHeader) -> Result<Segment, SegmentFault> {
    let &ProgramHeader { p_vaddr, p_offset, p_filesz, p_memsz, p_align, .. } = load;
    if load.is_write() && load.is_executable() {
        return Err(SegmentFault::WritableAndExecutable);
    }
    if !load.is_read() {
        return Err(SegmentFault::Unreadable);
    }
    if p_memsz == 0 {
        return Err(SegmentFault::Empty);
    }
    if p_filesz > p_memsz {
        return Err(SegmentFault::FileLarger { file: p_filesz, memory: p_memsz });
    }
    if p_offset.checked_add(p_filesz).is_none_or(|end| end > file_len) {
        return Err(SegmentFault::OutsideFile);
    }
    if p_filesz < p_memsz && !load.is_write() {
        return Err(SegmentFault::ZeroFilledReadOnly);
    }
    if p_align < PAGE || !p_align.is_power_of_two() {
        return Err(SegmentFault::Align { align: p_align });
    }
    if p_vaddr % PAGE != p_offset % PAGE {
        return Err(SegmentFault::Congruence { offset: p_offset });
    }
    let end = p_vaddr.checked_add(p_memsz).filter(|&end| p_vaddr >= IMAGE.base && end <= IMAGE.end());
    // IMAGE ends on a page, so rounding up stays inside.
    let end = end.ok_or(SegmentFault::Address)?.next_multiple_of(PAGE);
    Ok(Segment {
        base: p_vaddr - p_vaddr % PAGE,
        end,
        address: p_vaddr,
        memory_size: p_memsz,
        file_offset: p_offset,
        file_size: p_filesz,
        writable: load.is_write(),
        executable: load.is_executable(),
    })
}

/// ELF wants the segments in ascending order; the supervisor wants each on pages of its own.
fn must_follow(first: &Segment, second: &Segment) -> Result<(), ImageError> {
    if second.address < first.address {
        return Err(ImageError::Unsorted { first: first.address, second: second.address });
    }
    if second.base < first.end {
        return Err(ImageError::SharedPage { first: first.address, second: second.address, page: second.base });
    }
    Ok(())
}

/// Linux makes the stack executable where the image asks for it, and on some versions where it is silent.
pub(super) fn stack_is_not_executable(headers: &[ProgramHeader]) -> Result<(), ImageError> {
    let mut stacks = headers.iter().filter(|header| header.p_type == PT_GNU_STACK).peekable();
    if stacks.peek().is_none() {
        return Err(ImageError::NoStackHeader);
    }
    if stacks.any(ProgramHeader::is_executable) {
        return Err(ImageError::ExecutableStack);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use goblin::elf::program_header::{PF_R, PF_W, PF_X};

    use super::*;

    const FILE_LEN: u64 = 0x1000;

    /// A writable segment without file contents.
    fn bss(address: u64, size: u64) -> ProgramHeader {
        ProgramHeader {
            p_type: PT_LOAD,
            p_flags: PF_R | PF_W,
            p_offset: address % PAGE,
            p_vaddr: address,
            p_memsz: size,
            p_align: PAGE,
            ..ProgramHeader::new()
        }
    }

    #[test]
    fn a_segment_may_fill_its_region_to_both_ends() {
        let first = segment(FILE_LEN, &bss(IMAGE.base, 1)).unwrap();
        assert_eq!((first.base, first.end), (IMAGE.base, IMAGE.base + PAGE));
        let last = segment(FILE_LEN, &bss(IMAGE.end() - 1, 1)).unwrap();
        assert_eq!((last.base, last.end), (IMAGE.end() - PAGE, IMAGE.end()));
        for outside in [bss(IMAGE.base - 1, 1), bss(IMAGE.end(), 1), bss(IMAGE.end() - 1, 2), bss(u64::MAX - 1, 2)] {
            assert_eq!(segment(FILE_LEN, &outside), Err(SegmentFault::Address), "{outside:?}");
        }
    }

    #[test]
    fn file_contents_may_end_with_the_file_but_not_behind_it() {
        let load = |offset, size| ProgramHeader { p_offset: offset, p_filesz: size, ..bss(0x40_0000, u64::MAX / 2) };
        let fault = |load| segment(FILE_LEN, &load).unwrap_err();
        // What is inside the file gets as far as the next rule.
        assert_eq!(fault(load(0, FILE_LEN)), SegmentFault::Address);
        assert_eq!(fault(load(0, FILE_LEN + 1)), SegmentFault::OutsideFile);
        assert_eq!(fault(load(FILE_LEN, 1)), SegmentFault::OutsideFile);
        assert_eq!(fault(load(u64::MAX, 1)), SegmentFault::OutsideFile);
    }

    #[test]
    fn neighbours_touch_but_share_no_page() {
        let at = |address, size| bss(address, size);
        assert!(load_segments(FILE_LEN, &[at(0x40_0000, 0x1000), at(0x40_1000, 1)]).is_ok());
        let shared = ImageError::SharedPage { first: 0x40_0000, second: 0x40_1800, page: 0x40_1000 };
        assert_eq!(load_segments(FILE_LEN, &[at(0x40_0000, 0x1001), at(0x40_1800, 1)]), Err(shared));
        let unsorted = ImageError::Unsorted { first: 0x40_1000, second: 0x40_0000 };
        assert_eq!(load_segments(FILE_LEN, &[at(0x40_1000, 1), at(0x40_0000, 1)]), Err(unsorted));
    }

    #[test]
    fn memory_is_bounded_in_whole_pages() {
        let half = MAX_MAPPED_BYTES / 2;
        let two = |second| load_segments(FILE_LEN, &[bss(0x40_0000, half), bss(0x2_0000_0000, second)]);
        assert!(two(half).is_ok());
        assert_eq!(two(half + 1), Err(ImageError::TooMuchMemory { bytes: MAX_MAPPED_BYTES + PAGE }));
    }

    #[test]
    fn one_executable_stack_header_among_several_is_enough() {
        let stack = |flags| ProgramHeader { p_type: PT_GNU_STACK, p_flags: flags, ..ProgramHeader::new() };
        assert_eq!(stack_is_not_executable(&[stack(PF_R | PF_W)]), Ok(()));
        let both = [stack(PF_R | PF_X), stack(PF_R)];
        assert_eq!(stack_is_not_executable(&both), Err(ImageError::ExecutableStack));
        assert_eq!(stack_is_not_executable(&[bss(0x40_0000, 1)]), Err(ImageError::NoStackHeader));
    }
}
