//! The ABI note: an ELF note by which an image declares itself a guest.
//!
//! Its name is [`NAME`] with a terminating NUL, its type [`TYPE`], its descriptor a [`Note`]. Besides the version it
//! tells the supervisor where the shim's entry points are; a guest without a shim leaves them 0 and gives up precise
//! fault reports.

use crate::map::Region;

/// The note's name, without the terminating NUL that ELF asks for.
pub const NAME: &str = "Bulkhead";
/// The note's type.
pub const TYPE: u32 = 1;

/// A bit of [`Note::flags`]: the image is an executive's, whose processes have stacks at [`crate::map::PROCESS_STACKS`].
pub const PROCESS_STACKS: u32 = 1 << 0;
/// All bits that this version knows.
pub const FLAGS: u32 = PROCESS_STACKS;

/// The note's descriptor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Note {
    /// [`crate::ABI_VERSION`] that the guest was built with.
    pub abi_version: u32,
    /// Bits of what the image needs; see [`PROCESS_STACKS`].
    pub flags: u32,
    /// Handler for faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS) and interrupts (SIGALRM and
    /// [`crate::vcpu::DOORBELL`]), with the arguments of a `SA_SIGINFO` handler; 0 for none.
    pub fault_entry: u64,
    /// What a signal handler returns to: code that calls `rt_sigreturn`. Not 0 unless `fault_entry` is.
    pub restorer: u64,
    /// First address of the shim's own system call instructions.
    pub syscall_start: u64,
    /// First address behind them.
    pub syscall_end: u64,
}

/// Size of a [`Note`] in a file.
pub const SIZE: usize = 40;

impl Note {
    /// Reads a note's descriptor (little-endian); `None` if it has not the size of this version.
    pub fn parse(desc: &[u8]) -> Option<Note> {
        let desc: &[u8; SIZE] = desc.try_into().ok()?;
        let half = |at: usize| u32::from_le_bytes([desc[at], desc[at + 1], desc[at + 2], desc[at + 3]]);
        let word = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        Some(Note {
            abi_version: half(0),
            flags: half(4),
            fault_entry: word(8),
            restorer: word(16),
            syscall_start: word(24),
            syscall_end: word(32),
        })
    }

    /// The range of the shim's system call instructions, if there is one.
    pub fn syscalls(&self) -> Option<Region> {
        let size = self.syscall_end.checked_sub(self.syscall_start)?;
        (size > 0).then_some(Region { base: self.syscall_start, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn note_offsets() {
        assert_eq!(offset_of!(Note, abi_version), 0);
        assert_eq!(offset_of!(Note, flags), 4);
        assert_eq!(offset_of!(Note, fault_entry), 8);
        assert_eq!(offset_of!(Note, restorer), 16);
        assert_eq!(offset_of!(Note, syscall_start), 24);
        assert_eq!(offset_of!(Note, syscall_end), 32);
        assert_eq!(size_of::<Note>(), SIZE);
    }

    #[test]
    fn parse_reads_every_field() {
        let mut desc = [0u8; SIZE];
        for (index, byte) in desc.iter_mut().enumerate() {
            *byte = index as u8;
        }
        let note = Note::parse(&desc).unwrap();
        assert_eq!(note.abi_version, 0x0302_0100);
        assert_eq!(note.flags, 0x0706_0504);
        assert_eq!(note.fault_entry, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(note.restorer, 0x1716_1514_1312_1110);
        assert_eq!(note.syscall_start, 0x1f1e_1d1c_1b1a_1918);
        assert_eq!(note.syscall_end, 0x2726_2524_2322_2120);
        assert_eq!(Note::parse(&desc[1..]), None);
    }
}
