//! The layouts that a Bulkhead supervisor and its guests share.
//!
//! Both sides compile this one crate, so a layout exists in one place: constants, `#[repr(C)]` structures, the pure
//! arithmetic of rings and clocks, and the rings and slots of [`port`]s, which guests and gateways share. The only unsafe
//! code is the copy of bytes that a peer may be changing ([`port::copy`]). Every offset has a test, because a C header
//! (`guest-shim/include/bulkhead/abi.h`) repeats them.
//!
//! A guest sees these regions besides its own image:
//!
//! * [`map::HOST`]: read-only pages that the supervisor writes (boot information, clock, console input);
//! * [`map::GUEST`]: pages that the guest writes and the supervisor distrusts (vCPU page, console output);
//! * [`map::STACK`] and [`map::ALT_STACK`]: the first stack and the one that fault handlers run on;
//! * [`map::PORTS`]: the pages of its ports, writable or read-only by direction;
//! * [`map::BLOCKS`]: the memory blocks that it shares with other partitions;
//! * [`map::RAM`]: the memory that the configuration grants.
//!
//! Everything in the guest's pages is an allegation to the supervisor. Everything in the host's pages is a promise to
//! the guest, which cannot map those pages writable.
#![no_std]

pub mod block;
pub mod boot;
pub mod clock;
pub mod exploration;
pub mod health;
pub mod map;
pub mod note;
pub mod overwrite;
pub mod port;
pub mod report;
pub mod ring;
pub mod schedule;
pub mod trace;
pub mod vcpu;
pub mod virtual_time;

/// Version of every layout in this crate. A guest's ABI note carries the version it was built with; the supervisor
/// refuses any other.
pub const ABI_VERSION: u32 = 1;

/// Longest partition or module name in bytes, as ARINC 653 has it; a shorter one is padded with NULs.
pub const NAME_LEN: usize = 32;

/// A name as the standard stores it: up to [`NAME_LEN`] bytes, NUL-padded, not necessarily NUL-terminated.
pub type Name = [u8; NAME_LEN];

/// Pads `name` with NULs; `None` if it is longer than [`NAME_LEN`] bytes or contains a NUL.
///
/// ```
/// assert_eq!(&bulkhead_abi::pad_name("nav").unwrap()[..4], b"nav\0");
/// assert!(bulkhead_abi::pad_name("a name that is far too long to fit in there").is_none());
/// ```
pub fn pad_name(name: &str) -> Option<Name> {
    let bytes = name.as_bytes();
    if bytes.len() > NAME_LEN || bytes.contains(&0) {
        return None;
    }
    let mut padded = [0; NAME_LEN];
    padded[..bytes.len()].copy_from_slice(bytes);
    Some(padded)
}

/// The bytes of a padded name before its first NUL.
pub fn trim_name(name: &Name) -> &[u8] {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME_LEN);
    &name[..end]
}
