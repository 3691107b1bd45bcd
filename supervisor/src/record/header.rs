//! The head of a recording: what the figures cannot be understood without.
//!
//! It holds names and numbers of everything that events refer to, so that a recording can be read without the module's
//! configuration, on another host, years later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::module::{MAX_PARTITIONS, Module};

/// The first eight bytes of a recording.
pub const MAGIC: [u8; 8] = *b"BLKHDREC";
/// The format that this program writes, and the only one that it reads.
pub const VERSION: u32 = 1;
/// Longest JSON text of a header in bytes.
pub const MAX_LEN: u32 = 16 << 20;
/// Magic, version and length of the JSON text, in bytes.
pub(super) const PREFIX: usize = 16;
/// The whole header is as long as a multiple of this, in bytes, so that every event is aligned to it.
pub(super) const ALIGN: usize = 64;

/// What was recorded, where and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The module's name.
    pub module: String,
    /// Length of the major frame in nanoseconds.
    pub major_frame_ns: u64,
    /// A window that starts later than this after its planned instant counts as late, in nanoseconds.
    pub late_after_ns: u64,
    /// A stop that takes longer than this after its window's end counts as an overrun, in nanoseconds.
    pub overrun_after_ns: u64,
    /// When the recording began, in nanoseconds since 1970-01-01 00:00 UTC.
    pub started_unix_ns: u64,
    /// When the recording began, in nanoseconds of CLOCK_MONOTONIC, which all events use.
    pub started_monotonic_ns: u64,
    /// The scheduled cores; events refer to them by index.
    pub cores: Vec<Core>,
    /// The partitions; events refer to them by index.
    pub partitions: Vec<Partition>,
    /// Names of the channels; events refer to them by index. Older recordings have none.
    #[serde(default)]
    pub channels: Vec<String>,
    /// What interrupts the host's CPUs, by names for people; events refer to them by index. Older recordings have none.
    #[serde(default)]
    pub interrupts: Vec<String>,
    /// Facts about the host that bear upon the figures: kernel release, CPU model, clock source and the like.
    pub host: BTreeMap<String, String>,
}

/// A scheduled core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Core {
    /// The number that the configuration uses.
    pub number: u32,
    /// The host's CPU that served as this core.
    pub cpu: u32,
    /// The windows of one major frame, sorted by start.
    pub windows: Vec<Window>,
}

/// A time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Index of its partition.
    pub partition: u16,
    /// Start in nanoseconds from the beginning of the major frame.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub duration_ns: u64,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name, at most 32 bytes.
    pub name: String,
    /// Index of its core.
    pub core: u16,
}

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not the JSON that a header consists of.
    #[error("the header is broken: {0}")]
    Json(#[from] serde_json::Error),
    /// The text is longer than [`MAX_LEN`].
    #[error("the header has {0} bytes, more than the {MAX_LEN} that are allowed")]
    TooLong(u64),
    /// The header's length would leave the events unaligned.
    #[error("the header has {0} bytes, which does not end at a multiple of 64")]
    Unaligned(u32),
    /// There are more parts than a module can have.
    #[error("the header has {count} {what}, more than the {most} that are allowed")]
    TooMany {
        /// Which parts.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many are allowed.
        most: usize,
    },
    /// A name is longer than a module's names can be.
    #[error("the header has a name of {0} bytes, more than the 32 that are allowed")]
    Name(usize),
    /// An index leads nowhere.
    #[error("the header refers to {what} {index}, which does not exist")]
    Dangling {
        /// What the index is for.
        what: &'static str,
        /// The index.
        index: u16,
    },
}

impl Header {
    /// The header for a recording of `module` that begins now, which is `unix_ns` and `monotonic_ns` (nanoseconds of
    /// the wall clock since 1970 and of CLOCK_MONOTONIC).
    pub fn new(module: &Module, host: BTreeMap<String, String>, unix_ns: u64, monotonic_ns: u64) -> Header {
        let windows = |core: &crate::config::module::Core| {
            let window = |window: &crate::config::module::Window| Window {
                partition: window.partition.0,
                start_ns: window.start_ns,
                duration_ns: window.duration_ns,
            };
            core.windows.iter().map(window).collect()
        };
        Header {
            module: module.name.clone(),
            major_frame_ns: module.major_frame_ns,
            late_after_ns: module.late_after_ns,
            overrun_after_ns: module.overrun_after_ns,
            started_unix_ns: unix_ns,
            started_monotonic_ns: monotonic_ns,
            cores: module
                .cores
                .iter()
                .map(|core| Core { number: core.number, cpu: core.cpu, windows: windows(core) })
                .collect(),
            interrupts: vec![],
            channels: module.channels.iter().map(|channel| channel.name.clone()).collect(),
            partitions: module
                .partitions
                .iter()
                .map(|partition| Partition { name: partition.name.clone(), core: partition.core as u16 })
                .collect(),
            host,
        }
    }

    /// The bytes that a recording begins with.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut json = serde_json::to_vec(self)?;
        let padded = (PREFIX + json.len()).next_multiple_of(ALIGN) - PREFIX;
        json.resize(padded, b' ');
        let len = u32::try_from(padded).ok().filter(|&len| len <= MAX_LEN).ok_or(Error::TooLong(padded as u64))?;
        Ok([MAGIC.as_slice(), &VERSION.to_le_bytes(), &len.to_le_bytes(), &json].concat())
    }

    /// The header that `json` holds, if everything in it is within a module's limits and refers to something.
    pub fn decode(json: &[u8]) -> Result<Header, Error> {
        let header: Header = serde_json::from_slice(json)?;
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), Error> {
        let most_cores = usize::from(u16::MAX);
        let counts = [("cores", self.cores.len(), most_cores), ("partitions", self.partitions.len(), MAX_PARTITIONS)];
        for (what, count, most) in counts {
            if count > most {
                return Err(Error::TooMany { what, count, most });
            }
        }
        let names = std::iter::once(&self.module).chain(self.partitions.iter().map(|partition| &partition.name));
        if let Some(name) = names.into_iter().find(|name| name.len() > bulkhead_abi::NAME_LEN) {
            return Err(Error::Name(name.len()));
        }
        let mut cores = self.partitions.iter().map(|partition| partition.core);
        if let Some(index) = cores.find(|&core| usize::from(core) >= self.cores.len()) {
            return Err(Error::Dangling { what: "core", index });
        }
        let mut owners = self.cores.iter().flat_map(|core| &core.windows).map(|window| window.partition);
        if let Some(index) = owners.find(|&owner| usize::from(owner) >= self.partitions.len()) {
            return Err(Error::Dangling { what: "partition", index });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synth;

    fn text(header: &Header) -> Vec<u8> {
        header.encode().unwrap()[PREFIX..].to_vec()
    }

    #[test]
    fn a_header_survives_encoding_and_ends_aligned() {
        for partitions in 1..=synth::NAMES.len() {
            let header = synth::header(&synth::NAMES[..partitions]);
            let bytes = header.encode().unwrap();
            assert_eq!(bytes.len() % ALIGN, 0);
            assert_eq!(Header::decode(&bytes[PREFIX..]).unwrap(), header);
        }
    }

    #[test]
    fn a_header_describes_its_module() {
        let module = Module::single(std::path::Path::new("/nav.elf"), vec![], 3);
        let host = BTreeMap::from([("kernel".to_owned(), "6.18".to_owned())]);
        let header = Header::new(&module, host.clone(), 5, 6);
        assert_eq!((header.module.as_str(), header.partitions[0].name.as_str()), ("nav", "nav"));
        assert_eq!((header.cores[0].number, header.cores[0].cpu), (0, 3));
        let window = Window { partition: 0, start_ns: 0, duration_ns: module.major_frame_ns };
        assert_eq!(header.cores[0].windows, [window]);
        assert_eq!((header.started_unix_ns, header.started_monotonic_ns, header.host), (5, 6, host));
    }

    #[test]
    fn indices_that_lead_nowhere_are_refused() {
        let mut header = synth::header(&["nav"]);
        header.partitions[0].core = 1;
        assert!(matches!(Header::decode(&text(&header)), Err(Error::Dangling { what: "core", index: 1 })));
        let mut header = synth::header(&["nav"]);
        header.cores[0].windows[0].partition = 9;
        assert!(matches!(Header::decode(&text(&header)), Err(Error::Dangling { what: "partition", index: 9 })));
    }

    #[test]
    fn sizes_beyond_a_modules_are_refused() {
        let mut header = synth::header(&["nav"]);
        header.partitions = vec![header.partitions[0].clone(); MAX_PARTITIONS + 1];
        assert!(matches!(Header::decode(&text(&header)), Err(Error::TooMany { what: "partitions", .. })));
        let header = synth::header(&["n".repeat(33).as_str()]);
        assert!(matches!(Header::decode(&text(&header)), Err(Error::Name(33))));
        let mut header = synth::header(&["nav"]);
        header.host.insert("fact".to_owned(), "x".repeat(MAX_LEN as usize));
        assert!(matches!(header.encode(), Err(Error::TooLong(_))));
    }
}
