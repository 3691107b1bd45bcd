//! Channels beyond their number's limits, which would make long golden files.

use std::fmt::Write as _;

use super::parse;

const HEAD: &str = "\
[module]
name = \"demo\"
major_frame = \"20 ms\"
[[partition]]
name = \"a\"
image = \"a.elf\"
[[partition]]
name = \"b\"
image = \"b.elf\"
[[window]]
partition = \"a\"
start = \"0 ms\"
duration = \"5 ms\"
[[window]]
partition = \"b\"
start = \"5 ms\"
duration = \"5 ms\"
";

/// A configuration with this many channels, whose sources are sockets.
fn with_channels(count: usize) -> String {
    (0..count).fold(HEAD.to_owned(), |mut text, index| {
        let partition = if index % 2 == 0 { "a" } else { "b" };
        let (source, port) = (format!("unix:socket{index}"), format!("{partition}.port{index}"));
        writeln!(text, "[[channel]]\nname = \"c{index}\"\nkind = \"queuing\"\nmessage = \"8 B\"\ndepth = 4").unwrap();
        writeln!(text, "source = \"{source}\"\ndestinations = [\"{port}\"]").unwrap();
        text
    })
}

#[test]
fn there_may_be_1024_channels_and_no_more() {
    assert_eq!(parse("many.toml", &with_channels(1024)).unwrap().channels.len(), 1024);
    let mistakes = parse("many.toml", &with_channels(1025)).unwrap_err();
    assert!(mistakes.to_string().contains("there are 1025 channels"), "{mistakes}");
}

#[test]
fn a_partition_may_have_682_ports_and_no_more() {
    let single = |count| with_channels(count).replace("\"b.port", "\"a.port");
    assert!(parse("many.toml", &single(682)).is_ok());
    let mistakes = parse("many.toml", &single(683)).unwrap_err();
    assert_eq!(mistakes.count(), 1);
    assert!(mistakes.to_string().contains("partition `a` has too many ports"), "{mistakes}");
}
