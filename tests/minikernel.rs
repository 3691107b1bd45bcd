//! The paravirtualizing header, tried with a kernel of the project's own: `tests/minikernel` is written for a bare processor
//! (cli, sti, pushf, popf, iretq, hlt, wrmsr, rdmsr) and compiled through the header. The guest checks itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

mod common;
#[path = "common/running.rs"]
mod running;

use common::{Finished, bulkhead, eventually, finish, guest, root, write_module};
use running::{Running, alone};

fn kernel() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // Which also brings the shim up to date.
        guest("spin");
        let folder = root().join("tests/minikernel");
        let output = Command::new("make").arg("-C").arg(&folder).output().expect("make runs");
        assert!(output.status.success(), "it does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        folder.join("minikernel.elf")
    })
}

/// The number behind `name` in the guest's last line.
fn figure(run: &Finished, name: &str) -> u64 {
    let line = run.stdout.lines().find(|line| line.contains("checks ")).unwrap_or_else(|| panic!("{run:#?}"));
    let mut words = line.split_whitespace().skip_while(|&word| word != name).skip(1);
    words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line}"))
}

fn is_well(run: &Finished) {
    assert_eq!(run.code(), 0, "{run:#?}");
    assert!(!run.stdout.contains("FAILED"), "{run:#?}");
    assert_eq!(figure(run, "failures"), 0, "{run:#?}");
    assert!(figure(run, "checks") >= 500_000, "{run:#?}");
    // Every sleep, every ping and its answer is a switch.
    assert!(figure(run, "switches") > 400_000, "{run:#?}");
    assert!(figure(run, "idle") > 0, "{run:#?}");
}

#[test]
fn it_runs_alone() {
    let _alone = alone();
    let mut command = bulkhead();
    command.arg("run").arg(kernel());
    is_well(&finish(command));
}

/// Struck at whatever instruction in virtual time, a share of its rounds only: each takes thousands of traps.
#[test]
fn it_runs_step_by_step_and_the_same_every_time() {
    let _alone = alone();
    let once = || {
        let mut command = bulkhead();
        command.args(["run", "--virtual", "--preempt", "step", "--block-ns", "50"]).arg(kernel()).args(["--", "1000"]);
        finish(command)
    };
    let (first, second) = (once(), once());
    assert_eq!(first.code(), 0, "{first:#?}");
    assert_eq!((figure(&first, "failures"), figure(&first, "idle") > 0), (0, true), "{first:#?}");
    assert!(figure(&first, "checks") >= 500, "{first:#?}");
    assert_eq!(first.stdout, second.stdout);
}

/// Stopped half of the time at whatever instruction the window ends, with a peer on the core that never waits.
#[test]
fn it_runs_in_every_other_window_beside_a_guest_that_spins() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[module]\nname = \"minikernel\"\nmajor_frame = \"2 ms\"\n\
         [[partition]]\nname = \"kernel\"\nimage = \"{}\"\nmemory = \"64 KiB\"\n\
         [[partition]]\nname = \"peer\"\nimage = \"{}\"\nmemory = \"64 KiB\"\n\
         [[window]]\npartition = \"kernel\"\nstart = \"0 us\"\nduration = \"1 ms\"\n\
         [[window]]\npartition = \"peer\"\nstart = \"1 ms\"\nduration = \"1 ms\"\n",
        kernel().display(),
        guest("spin").display(),
    );
    let module = write_module(folder.path(), &text);
    let mut command = bulkhead();
    command.arg("run").arg(module);
    let running = Running::start(command);
    // The peer stays for ever.
    eventually("the last line", || running.stdout().contains("checks ").then_some(()));
    let run = running.interrupt();
    assert!(run.stdout.contains("failures 0 "), "{run:#?}");
    is_well(&run);
}

/// Interrupts strike at blocks, loops of assembly files take time, and an empty endless loop is as good as asleep.
#[test]
fn it_runs_in_virtual_time_the_same_every_time() {
    let runs = [(); 2].map(|()| {
        let mut command = bulkhead();
        command.args(["run", "--virtual"]).arg(kernel());
        finish(command)
    });
    for run in &runs {
        is_well(run);
        let digest = |run: &Finished| run.stderr.rsplit_once("digest ").map(|(_, digest)| digest.to_owned());
        assert!(digest(run).is_some(), "{run:#?}");
        assert_eq!((digest(run), &run.stdout), (digest(&runs[0]), &runs[0].stdout));
    }
}
