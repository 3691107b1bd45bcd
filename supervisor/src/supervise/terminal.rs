//! The supervisor's own messages, the prefixes of partitions' lines, and what is typed.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};

use super::output::Output;

/// Most bytes of output that wait when a message is added: nobody has read anything for long.
const MAX_MESSAGES: usize = 4 << 20;

/// Adds a message to an output, unless too many wait there already.
pub(super) fn put(output: &mut Output, words: &str) {
    let buffer = output.buffer();
    if buffer.len() < MAX_MESSAGES {
        buffer.extend_from_slice(format!("bulkhead: {words}\n").as_bytes());
    }
    output.send();
}

/// What stands before a partition's lines.
pub(super) fn prefix(name: &str, index: usize, width: usize, colour: bool) -> String {
    // Cyan, yellow, green, magenta, blue, and their bright variants: readable on light and on dark.
    const COLOURS: [u8; 8] = [36, 33, 32, 35, 34, 96, 92, 95];
    if colour {
        format!(
            "\x1b[{}m[{name}]\x1b[0m{:pad$} ",
            COLOURS[index % COLOURS.len()],
            "",
            pad = width - name.chars().count()
        )
    } else {
        format!("[{name}]{:pad$} ", "", pad = width - name.chars().count())
    }
}

/// A thread that reads standard input. It ends with the process.
pub(super) fn read_stdin() -> Receiver<Vec<u8>> {
    use std::io::Read as _;
    let (sender, receiver) = sync_channel(16);
    let reader = move || {
        let mut buffer = [0; 4096];
        while let Ok(len) = io::stdin().read(&mut buffer) {
            if len == 0 || sender.send(buffer[..len].to_vec()).is_err() {
                break;
            }
        }
    };
    // Without the thread there is no input, as with a closed standard input.
    let _ = std::thread::Builder::new().name("stdin".to_owned()).stack_size(128 << 10).spawn(reader);
    receiver
}
