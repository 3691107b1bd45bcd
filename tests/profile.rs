//! The profiler: what a recording becomes, and what `bulkhead profile` says of a run.

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

#[path = "profile/causes.rs"]
mod causes;
#[path = "profile/exports.rs"]
mod exports;
#[path = "profile/gate.rs"]
mod gate;
#[path = "profile/inside.rs"]
mod inside;
#[path = "profile/overruns.rs"]
mod overruns;
#[path = "profile/page.rs"]
mod page;
#[path = "profile/pages.rs"]
mod pages;
#[path = "profile/traced.rs"]
mod traced;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use common::{Finished, bulkhead, finish, guest, round_robin, write_module};
use running::alone;

/// Four partitions in turn, a millisecond each, one of which keeps crashing.
fn module(folder: &Path) -> PathBuf {
    let (spin, fail) = (guest("spin"), guest("r_fail"));
    let crash = "args = [\"null_read\", \"3\"]\nhealth = { crash = \"warm_start\" }\n";
    write_module(
        folder,
        &round_robin(&[("nav", &spin, ""), ("io", &spin, ""), ("radio", &spin, ""), ("flaky", &fail, crash)], 1000, 0),
    )
}

/// A command to its end, which must not be a panic.
fn bulkhead_with(args: &[impl AsRef<OsStr>]) -> Finished {
    let mut command = bulkhead();
    command.args(args);
    let finished = finish(command);
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
    finished
}

/// Records a module for so many frames, and returns the recording.
fn record(folder: &Path, module: &Path, frames: u32) -> PathBuf {
    let _core = alone();
    let path = folder.join("run.rec");
    let mut command = bulkhead();
    command.args(["run", "-q", "--frames", &frames.to_string(), "--record"]).arg(&path).arg(module);
    let run = finish(command);
    assert!(!run.stderr.contains("panicked") && path.exists(), "{run:#?}");
    path
}
