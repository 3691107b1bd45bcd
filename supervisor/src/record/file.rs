//! A recording on disk: a header, then events of 64 bytes until the file ends. `docs/recording.md` has every byte.
//!
//! The file only grows, so whatever ends a recording early (a full disk, a killed supervisor, a power cut) costs its tail
//! and no more. The reader takes nothing in a file for granted: it may come from anywhere.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::event::{self, Event};
use super::header::{self, Header};

/// Bytes that a writer collects before it calls the kernel.
const BUFFER: usize = 64 << 10;

/// What is wrong with a recording, and which one.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The recording.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What can be wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The kernel refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A recording would go where a link points; links are not followed.
    #[error("is a symbolic link; name the file itself")]
    Symlink,
    /// Neither a regular file nor, for writing, `/dev/null`.
    #[error("is not a regular file")]
    NotRegular,
    /// It does not begin as a recording does.
    #[error("is not a recording")]
    NotARecording,
    /// A recording would replace what is none.
    #[error("exists and is not a recording; it is left as it is")]
    WouldReplace,
    /// Another version of Bulkhead wrote it.
    #[error("has format version {0}; this program reads version {known}", known = header::VERSION)]
    Version(u32),
    /// It ends within its header.
    #[error("ends within its header")]
    Cut,
    /// Its header cannot be used.
    #[error("{0}")]
    Header(#[from] header::Error),
}

impl Problem {
    fn of(self, path: &Path) -> Error {
        Error { path: path.to_owned(), problem: self }
    }
}

/// Writes a recording, buffered; dropping it writes the rest out, but tells no error.
#[derive(Debug)]
pub struct Writer<W: Write> {
    sink: W,
    buffer: Vec<u8>,
    /// The first error. After it nothing is written any more: events behind a gap of unknown length would be misread.
    failed: Option<io::ErrorKind>,
}

impl Writer<File> {
    /// Creates the file at `path` (mode 0644), or replaces the recording that is there, and writes the header. An empty file or
    /// `/dev/null` will do as well.
    ///
    /// # Errors
    /// A symbolic link, a file that is not regular, or one that holds something else than a recording is refused and left
    /// as it is.
    pub fn create(path: &Path, header: &Header) -> Result<Writer<File>, Error> {
        let file = open_for_writing(path).map_err(|problem| problem.of(path))?;
        Writer::new(file, header).map_err(|problem| problem.of(path))
    }
}

impl<W: Write> Writer<W> {
    /// Writes a recording to `sink`: its header now, events as they come.
    pub fn new(sink: W, header: &Header) -> Result<Writer<W>, Problem> {
        let mut writer = Writer { sink, buffer: header.encode()?, failed: None };
        writer.flush()?;
        writer.buffer.reserve_exact(BUFFER);
        Ok(writer)
    }

    /// Appends `events`; they reach the file with a later call, or with [`Writer::flush`].
    ///
    /// # Errors
    /// Of writing out what was collected. What the file holds by then stays readable; nothing is written after an error,
    /// and every later call fails with the same kind of error.
    pub fn append(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            if self.buffer.len() + event::SIZE > BUFFER {
                self.write_out()?;
            }
            self.buffer.extend(event.encode().iter().flat_map(|word| word.to_le_bytes()));
        }
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Hands everything appended so far to the kernel.
    ///
    /// # Errors
    /// As for [`Writer::append`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.sink.flush()
    }

    fn write_out(&mut self) -> io::Result<()> {
        let done = match self.failed {
            Some(kind) => Err(kind.into()),
            None => self.sink.write_all(&self.buffer),
        };
        self.buffer.clear();
        done.inspect_err(|error| self.failed = Some(error.kind()))
    }
}

impl<W: Write> Drop for Writer<W> {
    fn drop(&mut self) {
        // Nobody is left to tell; whoever cares has flushed.
        let _ = self.flush();
    }
}

/// Opens without truncating, looks at what it got, and only then empties it.
fn open_for_writing(path: &Path) -> Result<File, Problem> {
    // Opening a FIFO would wait for a reader, but for O_NONBLOCK; to a regular file it means nothing. Descriptors of
    // the standard library are close-on-exec.
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let mut file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) if path.is_symlink() => Problem::Symlink,
        Some(libc::ENXIO | libc::EISDIR) => Problem::NotRegular,
        _ => Problem::Io(error),
    })?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        let mut magic = [0; header::MAGIC.len()];
        let len = fill(&mut file, &mut magic)?;
        if len != 0 && magic != header::MAGIC {
            return Err(Problem::WouldReplace);
        }
        file.set_len(0)?;
        file.rewind()?;
    } else if !(metadata.file_type().is_char_device() && metadata.rdev() == libc::makedev(1, 3)) {
        return Err(Problem::NotRegular);
    }
    Ok(file)
}

/// Reads a recording event by event, as an iterator.
///
/// After an error of the kernel's the iterator ends.
#[derive(Debug)]
pub struct Reader<R: Read> {
    source: R,
    path: PathBuf,
    header: Header,
    truncated_tail: bool,
    ended: bool,
}

impl Reader<BufReader<File>> {
    /// Opens the recording at `path` and reads its header.
    ///
    /// # Errors
    /// For whatever is not a regular file with an intact header of this version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = open_for_reading(path).map_err(|problem| problem.of(path))?;
        Reader::new(BufReader::with_capacity(BUFFER, file), path)
    }
}

fn open_for_reading(path: &Path) -> Result<File, Problem> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Problem::NotRegular) }
}

impl<R: Read> Reader<R> {
    /// Reads the header of the recording that `source` holds; `path` is what errors call it.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn new(mut source: R, path: &Path) -> Result<Self, Error> {
        let header = read_header(&mut source).map_err(|problem| problem.of(path))?;
        Ok(Reader { source, path: path.to_owned(), header, truncated_tail: false, ended: false })
    }

    /// The recording's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the file ended within an event, which was left out. Known when the iterator has ended.
    pub fn truncated_tail(&self) -> bool {
        self.truncated_tail
    }

    fn read_event(&mut self) -> io::Result<Option<Event>> {
        let mut bytes = [0; event::SIZE];
        let len = fill(&mut self.source, &mut bytes)?;
        self.truncated_tail = len != 0 && len != event::SIZE;
        Ok((len == event::SIZE).then(|| Event::decode(&words(&bytes))))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.read_event().map_err(|error| Problem::Io(error).of(&self.path)).transpose();
        self.ended = !matches!(event, Some(Ok(_)));
        event
    }
}

fn read_header(source: &mut impl Read) -> Result<Header, Problem> {
    let mut prefix = [0; header::PREFIX];
    let len = fill(source, &mut prefix)?;
    let [magic @ .., v0, v1, v2, v3, l0, l1, l2, l3] = prefix;
    if len < header::MAGIC.len() || magic != header::MAGIC {
        return Err(Problem::NotARecording);
    }
    if len < header::PREFIX {
        return Err(Problem::Cut);
    }
    let (version, len) = (u32::from_le_bytes([v0, v1, v2, v3]), u32::from_le_bytes([l0, l1, l2, l3]));
    if version != header::VERSION {
        return Err(Problem::Version(version));
    }
    if len > header::MAX_LEN {
        return Err(header::Error::TooLong(len.into()).into());
    }
    if !(header::PREFIX + len as usize).is_multiple_of(header::ALIGN) {
        return Err(header::Error::Unaligned(len).into());
    }
    // Grows with what the file really holds, not with what it claims.
    let mut json = Vec::new();
    source.take(len.into()).read_to_end(&mut json)?;
    if json.len() < len as usize {
        return Err(Problem::Cut);
    }
    Ok(Header::decode(&json)?)
}

/// Reads until `buffer` is full or the source ends; tells how many bytes it got.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match source.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

fn words(bytes: &[u8; event::SIZE]) -> event::Words {
    let (chunks, _) = bytes.as_chunks::<8>();
    let mut words = event::Words::default();
    words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
    words
}

#[cfg(test)]
mod tests;
