//! Builds the guests that `bulkhead bench` measures with, so that the command needs nothing but itself.
//!
//! They are compiled with the very compiler that compiles the supervisor, from the workspace's own shim: a few
//! calls, no dependency, no second cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for source in ["../guest-shim/abi/src", "../guest-shim/src", "../apex/src", "guests"] {
        println!("cargo:rerun-if-changed={source}");
    }
    let abi = out.join("libbulkhead_abi.rlib");
    let shim = out.join("libbulkhead_shim.rlib");
    compile("bulkhead_abi", "rlib", Path::new("../guest-shim/abi/src/lib.rs"), &abi, &[]);
    let mut args = vec!["--extern".to_owned(), format!("bulkhead_abi={}", abi.display())];
    args.extend(["--cfg".to_owned(), "feature=\"runtime\"".to_owned()]);
    compile("bulkhead_shim", "rlib", Path::new("../guest-shim/src/lib.rs"), &shim, &args);
    let mut args = vec!["--extern".to_owned(), format!("bulkhead_shim={}", shim.display())];
    args.push(format!("-Ldependency={}", out.display()));
    let apex = out.join("libbulkhead_apex.rlib");
    let mut with_runtime = args.clone();
    with_runtime.extend(["--cfg".to_owned(), "feature=\"runtime\"".to_owned()]);
    with_runtime.extend(["--extern".to_owned(), format!("bulkhead_abi={}", abi.display())]);
    compile("bulkhead_apex", "rlib", Path::new("../apex/src/lib.rs"), &apex, &with_runtime);
    args.extend(["--extern".to_owned(), format!("bulkhead_apex={}", apex.display())]);
    for arg in ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,-z,noexecstack"] {
        args.push(format!("-Clink-arg={arg}"));
    }
    for guest in ["edge", "irq", "trace", "apex", "port"] {
        let source = format!("guests/{guest}.rs");
        compile(guest, "bin", Path::new(&source), &out.join(format!("{guest}.elf")), &args);
    }
}

fn compile(name: &str, kind: &str, source: &Path, output: &Path, more: &[String]) {
    let compiler = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let status = Command::new(compiler)
        .args(["--edition=2024", "--cap-lints=allow", "-Copt-level=2", "-Cpanic=abort", "-Cdebuginfo=0"])
        .args([format!("--crate-name={name}"), format!("--crate-type={kind}"), format!("--target={target}")])
        .args(more)
        .arg("-o")
        .arg(output)
        .arg(source)
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => panic!("the benchmark's guest does not compile ({name}: {other:?})"),
    }
}
