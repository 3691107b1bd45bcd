//! From a file on the command line to a module with its guests.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{HOST_CANNOT, USAGE, colour_on_stderr, complain};
use crate::config::{self, Module};
use crate::host::Cpus;
use crate::partition::Guest;
use crate::supervise::console::visible;

/// Whether the file begins like an ELF file. One that cannot be read is left to whoever reads it in earnest.
pub(super) fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    // Looking must not block on a FIFO.
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF"
}

/// By which clock a module is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The host's.
    Host,
    /// A virtual one.
    Virtual,
    /// A virtual one that goes no further than a program outside says.
    Lockstep,
}

/// A module and the guests of its partitions, by partition number.
pub(super) type Loaded = (Module, Vec<Arc<Guest>>);

/// CPUs that may serve as cores of a module that runs in virtual time, where all of them are played on one.
const VIRTUAL_CPUS: u32 = 1024;

/// Loads a configuration; every mistake has been printed when it fails with the exit status. In virtual time a module may have more
/// cores than the host.
pub(super) fn module(path: &Path, is_virtual: bool) -> Result<Loaded, u8> {
    // It may have been meant for either, a configuration or a guest.
    std::fs::metadata(path).map_err(|error| complain_of(path, &error))?;
    let mut cpus = Cpus::of_this_process().map_err(|error| complain(&error, HOST_CANNOT))?.preferred;
    if is_virtual {
        let others: Vec<u32> = (0..VIRTUAL_CPUS).filter(|cpu| !cpus.contains(cpu)).collect();
        cpus.extend(others);
    }
    let mut guests: HashMap<PathBuf, Arc<Guest>> = HashMap::new();
    let mut check = |path: &Path| {
        let guest = Guest::load(path).map_err(|error| error.to_string())?;
        guests.insert(path.to_owned(), Arc::new(guest));
        Ok(())
    };
    let module = config::load(path, &cpus, &mut check).map_err(|mistakes| {
        eprint_text(&mistakes.render(colour_on_stderr()));
        USAGE
    })?;
    let of_partitions = module.partitions.iter().map(|partition| guests.get(&partition.image).cloned());
    match of_partitions.collect::<Option<Vec<_>>>() {
        Some(of_partitions) => Ok((module, of_partitions)),
        None => Err(complain(&"an image was not checked (a defect of Bulkhead's)", HOST_CANNOT)),
    }
}

/// Makes a module of a single guest.
pub(super) fn single(path: &Path, args: &[String]) -> Result<Loaded, u8> {
    let cpus = Cpus::of_this_process().map_err(|error| complain(&error, HOST_CANNOT))?;
    let guest = Guest::load(path).map_err(|error| complain_of(path, &error))?;
    let room = bulkhead_abi::map::host::TABLES_SIZE;
    let module = Module::single(path, args.to_vec(), cpus.preferred.first().copied().unwrap_or(0));
    if config::tables_size(&module.name, args.iter().map(String::as_str), 1, 1) > room {
        return Err(complain(&format_args!("the guest's arguments take more than the {room} bytes there are"), USAGE));
    }
    Ok((module, vec![Arc::new(guest)]))
}

/// Says what is wrong with a file that somebody has named.
fn complain_of(path: &Path, error: &dyn std::fmt::Display) -> u8 {
    let name = visible(path.as_os_str().as_encoded_bytes());
    complain(&format_args!("{name}: {error}"), USAGE)
}

fn eprint_text(text: &str) {
    use std::io::Write as _;
    // Nobody can be told that standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
