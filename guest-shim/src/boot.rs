//! The boot information: what the partition knows about itself.

use core::sync::atomic::{AtomicPtr, Ordering};

pub use bulkhead_abi::boot::{AreaKind, BootInfo, MemoryArea, StartCondition, StartMode, Window};

static BOOT: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());

/// Why the boot information cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootError {
    /// There is none: the image was started as an ordinary program.
    Missing,
    /// The magic number is wrong.
    Magic,
    /// The supervisor speaks another version of the ABI.
    Version(u32),
}

/// Accepts the boot information at `boot` for [`info`].
///
/// # Safety
/// `boot` must be null or point to a [`BootInfo`] that stays readable and unchanged for the rest of the program.
pub unsafe fn init(boot: *const BootInfo) -> Result<(), BootError> {
    if boot.is_null() {
        return Err(BootError::Missing);
    }
    // SAFETY: not null, and readable by the caller's promise.
    let info = unsafe { &*boot };
    if info.magic != bulkhead_abi::boot::MAGIC {
        return Err(BootError::Magic);
    }
    if info.abi_version != bulkhead_abi::ABI_VERSION {
        return Err(BootError::Version(info.abi_version));
    }
    BOOT.store(boot.cast_mut(), Ordering::Release);
    Ok(())
}

/// The boot information.
///
/// # Panics
/// Before start-up has accepted one, which cannot happen in code that `main` reaches.
pub fn info() -> &'static BootInfo {
    let boot = BOOT.load(Ordering::Acquire);
    assert!(!boot.is_null(), "no boot information yet");
    // SAFETY: `init` stored it, whose caller promised that it stays readable and unchanged.
    unsafe { &*boot }
}

/// The partition's name; non-UTF-8 bytes end it.
pub fn partition_name() -> &'static str {
    text(bulkhead_abi::trim_name(&info().partition_name))
}

/// The module's name; non-UTF-8 bytes end it.
pub fn module_name() -> &'static str {
    text(bulkhead_abi::trim_name(&info().module_name))
}

/// The partition's windows in the major frame, in order of their start.
pub fn windows() -> &'static [Window] {
    let info = info();
    // SAFETY: the supervisor placed that many windows there, aligned, in read-only pages of the boot information.
    unsafe { core::slice::from_raw_parts(info.windows as *const Window, info.window_count as usize) }
}

/// The partition's arguments; the first is its name.
pub fn args() -> impl Iterator<Item = &'static str> {
    let info = info();
    // SAFETY: the supervisor placed `argc` addresses there, aligned, in read-only pages of the boot information.
    let argv = unsafe { core::slice::from_raw_parts(info.argv as *const *const core::ffi::c_char, info.argc as usize) };
    argv.iter().map(|&arg| {
        // SAFETY: each is the address of a NUL-terminated string in those pages.
        text(unsafe { core::ffi::CStr::from_ptr(arg) }.to_bytes())
    })
}

/// The memory areas of the partition.
pub fn areas() -> &'static [MemoryArea] {
    let info = info();
    &info.areas[..(info.area_count as usize).min(info.areas.len())]
}

/// The partition's RAM: address and size in bytes. It is the guest's alone; nothing in it is in use at start-up.
pub fn ram() -> (*mut u8, usize) {
    areas()
        .iter()
        .find(|area| area.kind == AreaKind::Ram as u32)
        .map_or((core::ptr::null_mut(), 0), |area| (area.base as *mut u8, area.size as usize))
}

fn text(bytes: &'static [u8]) -> &'static str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}
