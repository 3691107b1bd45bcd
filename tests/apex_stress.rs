//! The executive under stress: stacks that overflow while interrupts strike.

use std::process::Command;

#[path = "common/mod.rs"]
mod common;
#[path = "common/running.rs"]
mod running;
#[path = "common/runs.rs"]
mod runs;

use common::{guest, root};
use runs::{lines_of, run_module};

#[test]
fn an_overflow_is_one_wherever_an_interrupt_strikes() {
    // Which also brings the library up to date.
    guest("idle");
    let folder = root().join("tests/apex");
    let output = Command::new("make").arg("-C").arg(&folder).arg("stress_overflow.elf").output().expect("make runs");
    assert!(output.status.success(), "it does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let module = format!(
        "[module]\nname = \"stress\"\nmajor_frame = \"20 ms\"\n\
         [[partition]]\nname = \"deep\"\nimage = \"{}\"\n\
         [[window]]\npartition = \"deep\"\nstart = \"0 ms\"\nduration = \"15 ms\"\n",
        folder.join("stress_overflow.elf").display()
    );
    let run = run_module(&module, &["--for", "300s"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let lines = lines_of(&run.stdout, "deep");
    let last = lines.last().unwrap_or_else(|| panic!("{run:#?}"));
    assert!(last.starts_with("overflows 5000 others 0 ticks "), "{last}");
    // The control: interrupts did strike.
    let ticks: u32 = last.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    assert!(ticks > 0, "{last}");
}
