//! What a guest finds at its start.

use bulkhead_abi::{boot, map};

use crate::common::{example, guest, root};
use crate::runs::{lines_of, run, run_module};

fn boot_info() -> String {
    format!("abi 1, size {}", size_of::<boot::BootInfo>())
}

fn host_area() -> String {
    format!("area 3, writable 0, {} bytes", map::HOST.size)
}

#[test]
fn the_example_runs_to_its_end() {
    example("hello-c");
    let run = run(&[root().join("examples/hello.toml")]);
    assert_eq!(run.code(), 0, "{run:#?}");
    let c = lines_of(&run.stdout, "hello-c");
    assert_eq!(c[0], "hello from C: partition 0, start 1, 1 window(s) in a frame of 20000 us");
    assert_eq!(c.iter().filter(|line| line.starts_with("greeting")).count(), 3);
    let rust = lines_of(&run.stdout, "hello-rust");
    assert_eq!(rust[0], "hello from Rust: 1024 KiB of RAM at 0x200000000000");
    assert_eq!(rust[1..4], ["argument: from", "argument: the configuration", "a window of 5000 µs at 5000 µs"]);
    assert_eq!(
        lines_of(&run.stdout, "flaky"),
        [
            "start 1 (cold), 0 crash(es) so far",
            "start 2 (warm), 1 crash(es) so far",
            "start 3 (warm), 2 crash(es) so far",
            "start 4 (warm), 3 crash(es) so far",
            "landed",
        ]
    );
    let crash = "bulkhead: partition \"flaky\" crashed: SIGSEGV at address 0x0, instruction ";
    let crashes = run.stderr.lines().filter(|line| line.starts_with(crash));
    assert_eq!(crashes.filter(|line| line.contains(" in read_the_altimeter")).count(), 3);
    assert!(run.stderr.contains("bulkhead: every partition has ended\n"), "{run:#?}");
}

#[test]
fn a_single_guest_gets_its_arguments_and_the_whole_frame() {
    let guest = guest("r_boot");
    let run = run(&[guest.to_str().unwrap(), "--", "a", "b c", "", "--frames", "ü\n"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(
        lines_of(&run.stdout, "r_boot"),
        [
            boot_info().as_str(),
            "partition 0, generation 1, condition 0, mode 0",
            "name r_boot",
            "module r_boot",
            "frame 10000000 ns",
            "window 0 + 10000000",
            "argv[0] <r_boot>",
            "argv[1] <a>",
            "argv[2] <b c>",
            "argv[3] <>",
            "argv[4] <--frames>",
            "argv[5] <ü",
            ">",
            "argv[argc] is null",
            "area 1, writable 1, 67108864 bytes",
            "area 2, writable 1, 262144 bytes",
            host_area().as_str(),
            "area 4, writable 1, 196608 bytes",
            "RAM is zero",
            "RAM holds at both ends",
            "the stack is in its area",
            "its last page is usable",
        ]
    );
}

#[test]
fn a_partition_of_a_module_finds_what_its_configuration_says() {
    let idle = guest("idle");
    let boot = guest("r_boot");
    // As long as a name may be: no NUL ends it.
    let name = "navigation-and-guidance-computer";
    assert_eq!(name.len(), 32);
    let text = format!(
        r#"
        [module]
        name = "module of thirty-two characters!"
        major_frame = "20 ms"

        [[partition]]
        name = "other"
        image = "{}"

        [[partition]]
        name = "{name}"
        image = "{}"
        memory = "72 KiB"
        stack = "16 KiB"
        args = ["one", "two words"]
        start = "warm"

        [[window]]
        partition = "{name}"
        start = "2 ms"
        duration = "1500 us"
        every = "10 ms"

        [[window]]
        partition = "other"
        start = "5 ms"
        duration = "1 ms"

        [[window]]
        partition = "{name}"
        start = "8 ms"
        duration = "250 us"
        "#,
        idle.display(),
        boot.display()
    );
    let run = run_module(&text, &["--frames", "20"]);
    assert_eq!(run.code(), 0, "{run:#?}");
    assert_eq!(
        lines_of(&run.stdout, name),
        [
            boot_info().as_str(),
            "partition 1, generation 1, condition 0, mode 1",
            &format!("name {name}"),
            "module module of thirty-two characters!",
            "frame 20000000 ns",
            "window 2000000 + 1500000",
            "window 8000000 + 250000",
            "window 12000000 + 1500000",
            &format!("argv[0] <{name}>"),
            "argv[1] <one>",
            "argv[2] <two words>",
            "argv[argc] is null",
            "area 1, writable 1, 73728 bytes",
            "area 2, writable 1, 16384 bytes",
            host_area().as_str(),
            "area 4, writable 1, 196608 bytes",
            "RAM is zero",
            "RAM holds at both ends",
            "the stack is in its area",
            "its last page is usable",
        ]
    );
}

/// A guest is an ordinary static program as far as the kernel is concerned. Started by hand it says what it is.
#[test]
fn a_guest_started_without_bulkhead_says_so() {
    let finished = crate::common::finish(std::process::Command::new(guest("r_boot")));
    assert_eq!((finished.code(), finished.stdout.as_str()), (2, ""));
    assert_eq!(finished.stderr, "This is a Bulkhead guest; start it with: bulkhead run FILE\n");
}
