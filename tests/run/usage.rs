//! What is refused before anything runs: status 2, nothing on standard output, and one message that names the culprit.

use std::ffi::OsString;

use crate::common::{example, guest, root};
use crate::runs::run;

/// Whether a line begins a message, rather than going on with one.
fn begins_a_message(line: &&str) -> bool {
    line.starts_with("error") || line.starts_with("bulkhead: ") || line.starts_with("warning")
}

fn refused(args: &[OsString], culprit: &str) {
    let run = run(args);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{args:?}: {run:#?}");
    assert!(run.stderr.contains(culprit), "{args:?} does not name {culprit:?}: {run:#?}");
    assert_eq!(run.stderr.lines().filter(begins_a_message).count(), 1, "{args:?}: {run:#?}");
}

fn words(text: &[&str]) -> Vec<OsString> {
    text.iter().map(OsString::from).collect()
}

#[test]
fn wrong_arguments() {
    let idle = guest("idle");
    let idle = idle.to_str().unwrap();
    for (args, culprit) in [
        (&["--nonsense", idle][..], "--nonsense"),
        (&[], "<FILE>"),
        (&[idle, "argument"], "argument"),
        (&["--frames", "0", idle], "--frames"),
        (&["--frames", "-1", idle], "-1"),
        (&["--frames", "many", idle], "many"),
        (&["--for", "0s", idle], "longer than zero"),
        (&["--for", "soon", idle], "soon"),
        (&["--for", "10", idle], "10"),
        (&["--console", "loud", idle], "loud"),
        (&["--require", "wings", idle], "wings"),
        (&["--record"], "--record"),
        (&["absent.elf"], "bulkhead: absent.elf: No such file or directory"),
    ] {
        refused(&words(args), culprit);
    }
}

#[test]
fn files_that_are_neither_a_module_nor_a_guest() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string()
    };
    for (path, culprit) in [
        (folder.path().join("nowhere.toml").into_os_string(), "nowhere.toml"),
        (folder.path().join("nowhere.elf").into_os_string(), "nowhere.elf"),
        (folder.path().as_os_str().to_owned(), "directory"),
        (file("prose.txt", b"Dear Sir or Madam,\n"), "prose.txt"),
        (file("random.bin", b"\x00\xff\xfe\x80random"), "random.bin"),
        (file("cut.elf", b"\x7fELF"), "cut.elf"),
        (file("text.elf", b"\x7fELF is how it begins, but not how it goes on. Not at all, I am afraid."), "text.elf"),
        (OsString::from("/bin/sh"), "/bin/sh"),
        (OsString::from("/proc/self/mem"), "/proc/self/mem"),
    ] {
        refused(&[path], culprit);
    }
    // An empty file lacks several things; each is said.
    let run = run(&[file("empty.toml", b"")]);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:#?}");
    assert!(run.stderr.contains("empty.toml") && run.stderr.contains("[module]"), "{run:#?}");
}

#[test]
fn names_that_are_no_text_are_shown_all_the_same() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().unwrap();
    let mut path = folder.path().as_os_str().to_owned().into_vec();
    path.extend(b"/\x1b[31m\xff.elf");
    let path = OsString::from_vec(path);
    std::fs::write(&path, b"\x7fELF").unwrap();
    let run = run(&[path]);
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""), "{run:#?}");
    assert!(run.stderr.contains(".elf") && !run.stderr.contains('\x1b'), "{run:#?}");
}

#[test]
fn what_only_a_single_guest_may_have() {
    example("hello-c");
    let module = root().join("examples/hello.toml");
    let module = module.to_str().unwrap();
    refused(&words(&[module, "--console", "raw"]), "--console raw");
    refused(&words(&[module, "--", "argument"]), "--");
}

#[test]
fn arguments_that_are_too_long_for_a_guest() {
    let idle = guest("idle");
    refused(&words(&[idle.to_str().unwrap(), "--", &"x".repeat(50_000)]), "arguments");
}
