//! Configuration: text becomes a raw document, the raw document becomes a [`Module`], or a list of mistakes.
//!
//! The way goes through three stages, each of which collects every mistake it can find before it gives up:
//!
//! 1. `document` reads the TOML text, recovers from syntax errors, and turns every table into a raw structure by
//!    itself, so that one wrong key hides no other;
//! 2. `validate` gives the raw values their meaning: units, ranges, names, cores;
//! 3. `windows` lays the time windows out in the major frame.
//!
//! [`Mistakes`] shows what was found with the lines in question. `docs/configuration.md` describes the language.

pub mod block;
mod blocks;
pub mod channel;
mod channels;
mod checks;
mod cores;
mod document;
mod health;
mod mistakes;
pub mod module;
mod overlap;
mod periods;
mod quantity;
mod raw;
mod schedules;
mod suggest;
mod tables;
mod validate;
mod windows;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use block::Block;
pub use channel::{Channel, ChannelKind, End};
pub use mistakes::Mistakes;
pub use module::{Module, Partition, PartitionId, Window};
pub use quantity::{bytes_text, ns_text, parse_duration_ns};
pub use tables::tables_size;

/// Largest configuration file in bytes. The largest sensible module needs a fraction of it.
pub const MAX_FILE: u64 = 4 << 20;

/// Reads the configuration at `path`; a relative image path starts at the file's folder.
///
/// `host_cpus` are the host's CPUs that may keep windows, in the order in which they serve as core 0, 1, ... of a
/// configuration without `cores`. `check_image` is asked once for every distinct image and says what is wrong with it.
///
/// # Errors
/// Every mistake found: in the file itself (missing, unreadable, larger than [`MAX_FILE`], not text), in its syntax, or
/// in its meaning.
pub fn load(
    path: &Path,
    host_cpus: &[u32],
    check_image: &mut dyn FnMut(&Path) -> Result<(), String>,
) -> Result<Module, Mistakes> {
    let text = read(path).map_err(|problem| Mistakes::of_file(path, &problem))?;
    parse(path, &text, path.parent().unwrap_or(Path::new("")), host_cpus, check_image)
}

/// Like [`load`], for a `text` that was read from `path_for_messages` and whose image paths start at `base_dir`.
///
/// # Errors
/// Every mistake in the text's syntax, or else every mistake in its meaning.
pub fn parse(
    path_for_messages: &Path,
    text: &str,
    base_dir: &Path,
    host_cpus: &[u32],
    check_image: &mut dyn FnMut(&Path) -> Result<(), String>,
) -> Result<Module, Mistakes> {
    let mut found = Vec::new();
    let module = document::read(text, &mut found)
        .map(|document| validate::module(&document, base_dir, host_cpus, check_image, &mut found));
    match module {
        Some(module) if found.is_empty() => Ok(module),
        _ => Err(Mistakes::new(path_for_messages, text, found)),
    }
}

/// What is to be said about a configuration with channels that end at a program outside, to somebody who runs it without one.
pub fn outside_is_missing(path: &Path) -> Mistakes {
    let (text, mut found) = (read(path).unwrap_or_default(), Vec::new());
    if let Some(document) = document::read(&text, &mut found) {
        channels::object_to_outside(&document.channels, &mut found);
    }
    // The file may be another one by now.
    match found.is_empty() {
        true => Mistakes::of_file(path, "ends channels at a program outside, and this run has none"),
        false => Mistakes::new(path, &text, found),
    }
}

/// The text of the file at `path`, or what is wrong with the file.
fn read(path: &Path) -> Result<String, String> {
    let bytes = read_bytes(path).map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => "is a directory; name the configuration file in it".to_owned(),
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("is larger than {}, which no module needs", bytes_text(MAX_FILE)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("is not UTF-8 text: line {line} contains other bytes (at offset {at})")
    })
}

/// At most one byte more than [`MAX_FILE`], so that an endless file is read no further than that.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
