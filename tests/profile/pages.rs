//! A guest that waits for its pages when its window ends, and that its successor's lateness is blamed on that; next to a control that
//! keeps its pages.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::causes::{Group, blamed, run_in};
use super::page::judged;
use crate::common::{finish, guest, is_root, round_robin, skip, write_module};
use crate::running::alone;

const PAGE: usize = 4096;
/// Of the swap file: room for both guests' memory, twice.
const PAGES: u32 = 16_384;
/// Runs of which one at least is to show what all of them provoke.
const ATTEMPTS: u32 = 10;

/// A file that the host may put pages into. Dropping it takes them back.
struct Swap(CString);

impl Swap {
    /// Swap space in this folder, if the host has it.
    fn new(folder: &Path) -> Option<Swap> {
        let path = folder.join("swap");
        let mut bytes = vec![0; PAGE * PAGES as usize];
        // The header is in the first page: version, number of the last page, no bad ones; and the magic at the page's end.
        bytes[1024..1028].copy_from_slice(&1u32.to_ne_bytes());
        bytes[1028..1032].copy_from_slice(&(PAGES - 1).to_ne_bytes());
        bytes[PAGE - 10..PAGE].copy_from_slice(b"SWAPSPACE2");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).ok()?;
        std::io::Write::write_all(&mut file, &bytes).ok()?;
        file.sync_all().ok()?;
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        // SAFETY: reads a string that lives on.
        (unsafe { libc::swapon(path.as_ptr(), 0) } == 0).then_some(Swap(path))
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        // SAFETY: reads a string that lives on.
        unsafe { libc::swapoff(self.0.as_ptr()) };
    }
}

/// A control group whose memory the host can be asked to take: the file for it, and what is to be written to it.
fn group() -> Option<(Group, &'static str, &'static str)> {
    let versions = [("/sys/fs/cgroup/memory", "memory.force_empty", "0"), ("/sys/fs/cgroup", "memory.reclaim", "64M")];
    versions.into_iter().find_map(|(parent, file, value)| {
        let group = Group::below(parent)?;
        group.has(file).then_some((group, file, value))
    })
}

/// The profile of a guest that walks through its memory, with another one behind it, while `meanwhile` happens again and again.
fn profile(folder: &Path, procs: &Path, meanwhile: impl Fn()) -> Value {
    let (pages, spin) = (guest("r_pages"), guest("spin"));
    // A stop is waited for, however long it takes.
    let text = round_robin(&[("walks", &pages, ""), ("next", &spin, "")], 2_000, 1_000)
        .replacen("major_frame", "overrun_after = \"20 ms\"\nmajor_frame", 1)
        .replacen("64 KiB", "16 MiB", 1);
    let (module, recording) = (write_module(folder, &text), folder.join("x.rec"));
    let _core = alone();
    let command = run_in(procs, &recording, &module);
    let run = std::thread::spawn(move || finish(command));
    while !run.is_finished() {
        meanwhile();
        std::thread::sleep(Duration::from_millis(2));
    }
    let run = run.join().unwrap();
    assert!(recording.exists() && !run.stderr.contains("panicked"), "{run:#?}");
    judged(&recording, "start=500us")
}

#[test]
fn a_guest_that_waits_for_its_pages() {
    if !is_root() {
        return skip("no right to swap space");
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(_swap) = Swap::new(folder.path()) else { return skip("no swap space in the folder for temporary files") };
    let Some((group, file, value)) = group() else { return skip("no control group that can be asked for memory") };
    let control = profile(folder.path(), Path::new("/dev/null"), || ());
    // Zero, unless the host is short of memory by itself.
    let (before_ms, before) = blamed(&control, "page_fault");
    // Whether a window ends while its guest waits is chance.
    let mut worst = Vec::new();
    for _ in 0..ATTEMPTS {
        // The host takes as much as it can, which is less than is asked for.
        let found = profile(folder.path(), &group.procs(), || {
            let _ = group.set(file, value);
        });
        let (ms, windows) = blamed(&found, "page_fault");
        if ms > before_ms + 2 && windows > before + 2 {
            return;
        }
        worst.push(((ms, windows), found["worst"].clone()));
    }
    panic!("{worst:#?}");
}
