//! What a real compiler and linker make of a C program, with the usual mistakes.

use std::fs;
use std::process::Command;

use bulkhead::image::{check, symbolise};

use super::invariants;

/// An ordinary program.
const ORDINARY: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

/// As little as can be linked.
const LOOP: &str = "void _start(void) { for (;;); }\n";

/// A guest with a note of its own, as a free-standing program could write it.
const GUEST: &str = r#"
__asm__(".section .note.bulkhead, \"a\", @note\n"
        ".long 9, 40, 1\n.asciz \"Bulkhead\"\n.balign 4\n"
        ".long 1, 0\n.quad handler, restorer, calls, calls_end\n"
        ".text\n"
        "handler: ret\n"
        "restorer: mov $15, %eax\ncalls: syscall\ncalls_end: ud2\n");
volatile int initialised = 5;
volatile char zeroed[100000];
int work(int index) { return initialised + zeroed[index]; }
void _start(void) { for (;;) work(initialised); }
"#;

/// Compiles a program, or says loudly why the test cannot go on here and returns `None`.
fn compile(source: &str, flags: &[&str]) -> Option<Vec<u8>> {
    build("program.c", source, flags)
}

/// The same for any file that gcc knows by its name.
fn build(file: &str, source: &str, flags: &[&str]) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(file), source).unwrap();
    let gcc = Command::new("gcc").args(["-o", "program", file]).args(flags).current_dir(dir.path()).output();
    match gcc {
        Err(error) => skip(flags, &format!("gcc does not start: {error}")),
        Ok(gcc) if !gcc.status.success() => skip(flags, &String::from_utf8_lossy(&gcc.stderr)),
        Ok(_) => Some(fs::read(dir.path().join("program")).unwrap()),
    }
}

fn skip(flags: &[&str], why: &str) -> Option<Vec<u8>> {
    eprintln!("SKIPPED: gcc {}: {}", flags.join(" "), why.trim_end());
    None
}

/// The message for a program that was compiled with `flags` must be `expected`.
#[track_caller]
fn refused(source: &str, flags: &[&str], expected: &str) {
    if let Some(bytes) = compile(source, flags) {
        let error = check(&bytes).expect_err("accepted");
        assert_eq!(error.to_string(), expected, "gcc {}", flags.join(" "));
        invariants::message_holds(&error);
    }
}

#[test]
fn a_static_guest_is_accepted_and_its_functions_have_names() {
    for flags in [
        &["-static", "-nostdlib", "-ffreestanding", "-fno-asynchronous-unwind-tables"][..],
        &["-static", "-nostdlib", "-ffreestanding", "-Wl,-z,noseparate-code", "-O2"],
        &["-static", "-nostdlib", "-ffreestanding", "-Wl,-z,max-page-size=0x200000", "-g"],
    ] {
        let Some(bytes) = compile(GUEST, flags) else { continue };
        let image = check(&bytes).unwrap_or_else(|error| panic!("gcc {}: {error}", flags.join(" ")));
        invariants::hold(&bytes, &image);
        let bss = image.segments.iter().find(|segment| segment.writable).expect("a writable segment");
        assert!(bss.memory_size > 100_000 && bss.file_size < 4096);
        assert_eq!(symbolise(&bytes, image.entry).as_deref(), Some("_start"));
        assert_eq!(symbolise(&bytes, image.note.restorer + 1).as_deref(), Some("restorer+0x1"));
        assert_eq!(symbolise(&bytes, bss.address), None);
    }
}

#[test]
fn a_stripped_guest_is_accepted_and_has_no_names() {
    let Some(bytes) = compile(GUEST, &["-static", "-nostdlib", "-ffreestanding", "-s"]) else { return };
    let image = check(&bytes).unwrap();
    assert_eq!(symbolise(&bytes, image.entry), None);
}

#[test]
fn a_dynamic_program_is_told_of_its_interpreter() {
    for flags in [&["-pie", "-fPIE"][..], &["-no-pie", "-fno-pie"]] {
        let Some(bytes) = compile(ORDINARY, flags) else { continue };
        let message = check(&bytes).expect_err("accepted").to_string();
        assert!(message.starts_with("dynamically linked, has an interpreter /"), "{message}");
        assert!(message.ends_with(": link with -static -nostdlib"), "{message}");
    }
}

#[test]
fn a_static_pie_is_told_to_be_linked_in_place() {
    let expected = "position-independent: link with -static -no-pie";
    refused(ORDINARY, &["-static-pie", "-fPIE"], expected);
    refused(LOOP, &["-static-pie", "-fPIE", "-nostdlib", "-ffreestanding"], expected);
}

#[test]
fn a_shared_library_is_told_to_be_linked_in_place() {
    refused(ORDINARY, &["-shared", "-fPIC"], "position-independent: link with -static -no-pie");
}

#[test]
fn an_ordinary_static_program_is_told_of_the_shim() {
    let expected = "not a Bulkhead guest: no ABI note; link the shim libbulkhead_shim.a";
    refused(ORDINARY, &["-static"], expected);
}

#[test]
fn an_executable_stack_is_refused() {
    let expected = "asks for an executable stack: link with -z noexecstack";
    refused(ORDINARY, &["-static", "-z", "execstack"], expected);
    refused(GUEST, &["-static", "-nostdlib", "-ffreestanding", "-z", "execstack"], expected);
}

#[test]
fn an_assembler_source_that_forgets_the_stack_is_told() {
    let source = ".globl _start\n_start: hlt\n";
    let Some(bytes) = build("program.s", source, &["-static", "-nostdlib"]) else { return };
    let message = check(&bytes).unwrap_err().to_string();
    assert!(message.ends_with("link with -z noexecstack"), "{message}");
}

#[test]
fn an_object_file_is_told_to_be_linked() {
    let expected = "a relocatable object file, not a linked image: link it with the shim libbulkhead_shim.a";
    refused(ORDINARY, &["-c"], expected);
}

#[test]
fn a_linker_that_saves_pages_is_told() {
    for flag in ["-Wl,-N", "-Wl,-n"] {
        let Some(bytes) = compile(GUEST, &["-static", "-nostdlib", "-ffreestanding", flag]) else { continue };
        let message = check(&bytes).expect_err(flag).to_string();
        assert!(message.ends_with("(link without -n and -N)"), "{flag}: {message}");
    }
}

#[test]
fn a_32_bit_program_is_refused() {
    let expected = "a 32-bit image: build for 64-bit x86 with -m64";
    refused(LOOP, &["-m32", "-static", "-nostdlib", "-ffreestanding"], expected);
    refused(LOOP, &["-mx32", "-static", "-nostdlib", "-ffreestanding"], expected);
}
