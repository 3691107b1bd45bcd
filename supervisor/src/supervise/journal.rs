//! Everything that happens goes through here: into the figures, and into a file if somebody wants a recording.

use std::fs::File;
use std::path::Path;

use bulkhead_abi::virtual_time::{DIGEST, mix};

use crate::record::event::Event;
use crate::record::figure::Precision;
use crate::record::file::{Error, Writer};
use crate::record::header::Header;
use crate::record::live::Live;
use crate::record::ring::Consumer;
use crate::record::stats::Stats;
use crate::record::summary::Summary;

/// The figures and the recording of one run.
#[derive(Debug)]
pub(super) struct Journal {
    stats: Stats,
    /// What is going on, where somebody may ask.
    live: Option<Live>,
    writer: Option<Writer<File>>,
    rings: Vec<Consumer>,
    batch: Vec<Event>,
    /// The digest of all events, in a virtual run.
    digest: Option<u64>,
    /// Why the recording ended early, if it did.
    pub(super) failure: Option<std::io::Error>,
}

impl Journal {
    /// A journal that records to `path`, if given.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn new(
        header: &Header,
        path: Option<&Path>,
        (with_digest, live): (bool, bool),
    ) -> Result<Journal, Error> {
        let writer = path.map(|path| Writer::create(path, header)).transpose()?;
        Ok(Journal {
            stats: Stats::new(header, Precision::Live),
            live: live.then(|| Live::new(header)),
            writer,
            rings: Vec::new(),
            batch: Vec::new(),
            digest: with_digest.then_some(DIGEST),
            failure: None,
        })
    }

    /// Adds the reading end of a dispatcher's ring.
    pub(super) fn add_ring(&mut self, ring: Consumer) {
        self.rings.push(ring);
    }

    /// Adds words to the digest.
    pub(super) fn digest_words(&mut self, words: &[u64]) {
        if let Some(digest) = &mut self.digest {
            *digest = words.iter().fold(*digest, |digest, &word| mix(digest, word));
        }
    }

    /// The digest of everything so far; 0 unless there is one.
    pub(super) fn digest(&self) -> u64 {
        self.digest.unwrap_or(0)
    }

    /// Notes an event of the main thread's.
    pub(super) fn note(&mut self, event: Event) {
        self.digest_words(&event.encode());
        self.stats.add(&event);
        if let Some(live) = &mut self.live {
            live.add(&event);
        }
        self.batch.push(event);
    }

    /// Keeps an event that the digest does not cover, for it is there only where there is a recording.
    pub(super) fn keep(&mut self, event: Event) {
        self.stats.add(&event);
        self.batch.push(event);
    }

    /// Takes what the dispatchers have left, hands each event to `look`, and passes everything on to the file. Returns true
    /// if the recording failed just now.
    pub(super) fn collect(&mut self, mut look: impl FnMut(&Event)) -> bool {
        for ring in &mut self.rings {
            while let Some(event) = ring.pop() {
                self.stats.add(&event);
                if let Some(live) = &mut self.live {
                    live.add(&event);
                }
                if let Some(digest) = &mut self.digest {
                    *digest = event.encode().into_iter().fold(*digest, mix);
                }
                look(&event);
                if self.writer.is_some() {
                    self.batch.push(event);
                }
            }
        }
        let Some(writer) = self.writer.as_mut() else {
            self.batch.clear();
            return false;
        };
        let result = writer.append(&self.batch).and_then(|()| writer.flush());
        self.batch.clear();
        match result {
            Ok(()) => false,
            Err(error) => {
                self.writer = None;
                self.failure = Some(error);
                true
            }
        }
    }

    /// What has happened in all and what is going on, where somebody may ask for the latter.
    pub(super) fn live(&self) -> Option<(&Stats, &Live)> {
        Some((&self.stats, self.live.as_ref()?))
    }

    /// The figures so far.
    pub(super) fn summary(&self) -> Summary {
        self.stats.summary()
    }
}
