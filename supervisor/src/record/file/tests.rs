use super::*;
use crate::record::event::{Kind, NO_PARTITION};
use crate::record::stats::{Precision, Stats};
use crate::record::synth::{self, Random};

fn here() -> &'static Path {
    Path::new("a recording")
}

/// The header and events of a small recording, and its bytes.
fn sample() -> (Header, Vec<Event>, Vec<u8>) {
    let header = synth::header(&synth::NAMES[..3]);
    let events = synth::events(&header, 20, 1);
    let bytes = synth::bytes(&header, &events);
    (header, events, bytes)
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    let header = synth::header(&synth::NAMES[..3]);
    // Far more than the buffer holds, in pieces of any size.
    let events = synth::events(&header, 2000, 1);
    let mut writer = Writer::create(&path, &header).unwrap();
    events.chunks(77).for_each(|chunk| writer.append(chunk).unwrap());
    writer.flush().unwrap();
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.header(), &header);
    assert_eq!(reader.by_ref().collect::<Result<Vec<_>, _>>().unwrap(), events);
    assert!(!reader.truncated_tail());
}

#[test]
fn dropping_a_writer_writes_the_rest() {
    let (header, events, _) = sample();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    Writer::create(&path, &header).unwrap().append(&events).unwrap();
    assert_eq!(Reader::open(&path).unwrap().count(), events.len());
}

#[test]
fn an_older_recording_is_replaced_as_a_whole() {
    use std::os::unix::fs::PermissionsExt;
    let (header, events, bytes) = sample();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.rec");
    std::fs::write(&path, bytes.repeat(3)).unwrap();
    Writer::create(&path, &header).unwrap().append(&events[..2]).unwrap();
    assert_eq!(Reader::open(&path).unwrap().count(), 2);
    let fresh = dir.path().join("fresh.rec");
    Writer::create(&fresh, &header).unwrap();
    assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o133, 0);
}

#[test]
fn what_is_no_recording_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("thesis.txt");
    let (header, events, bytes) = sample();
    let mut almost = bytes.clone();
    almost[7] ^= 1;
    for content in [b"x".as_slice(), b"a text that nobody wants to lose", &almost, &bytes[..4]] {
        std::fs::write(&path, content).unwrap();
        let refused = Writer::create(&path, &header).unwrap_err();
        assert!(matches!(refused.problem, Problem::WouldReplace), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    // The control: an empty file, and one that begins as a recording of whatever version.
    for content in [b"".as_slice(), &bytes[..8]] {
        std::fs::write(&path, content).unwrap();
        Writer::create(&path, &header).unwrap().append(&events).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn links_and_special_files_are_refused_and_left_alone() {
    let (header, ..) = sample();
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("precious");
    std::fs::write(&target, "precious").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let error = Writer::create(&link, &header).unwrap_err();
    assert!(matches!(error.problem, Problem::Symlink));
    assert!(error.to_string().starts_with(link.to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    let dangling = dir.path().join("dangling");
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).unwrap();
    assert!(matches!(Writer::create(&dangling, &header).unwrap_err().problem, Problem::Symlink));

    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [&fifo, dir.path(), Path::new("/dev/zero")] {
        let error = Writer::create(path, &header).unwrap_err();
        assert!(matches!(error.problem, Problem::NotRegular), "{error}");
        let error = Reader::open(path).unwrap_err();
        assert!(matches!(error.problem, Problem::NotRegular), "{error}");
    }
    // With a reader the FIFO could be opened; it is refused all the same.
    let _reader = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&fifo).unwrap();
    assert!(matches!(Writer::create(&fifo, &header).unwrap_err().problem, Problem::NotRegular));
}

#[test]
fn the_null_device_swallows_a_recording() {
    let (header, events, _) = sample();
    let mut writer = Writer::create(Path::new("/dev/null"), &header).unwrap();
    writer.append(&events).unwrap();
    writer.flush().unwrap();
}

#[test]
fn a_missing_directory_is_named() {
    let path = Path::new("/nonexistent/run.rec");
    let error = Writer::create(path, &sample().0).unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent/run.rec: No such file or directory (os error 2)");
    assert!(Reader::open(path).is_err());
}

#[test]
fn a_recording_cut_anywhere_reads_up_to_its_last_whole_event() {
    let (_, events, bytes) = sample();
    let start = bytes.len() - events.len() * event::SIZE;
    for len in bytes.len() - 5 * event::SIZE..=bytes.len() {
        let mut reader = Reader::new(&bytes[..len], here()).unwrap();
        let read: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
        assert_eq!(read, events[..(len - start) / event::SIZE], "{len} bytes");
        assert_eq!(reader.truncated_tail(), !(len - start).is_multiple_of(event::SIZE), "{len} bytes");
    }
    for len in 0..start {
        let problem = Reader::new(&bytes[..len], here()).unwrap_err().problem;
        let expected = if len < 8 { "is not a recording" } else { "ends within its header" };
        assert_eq!(problem.to_string(), expected, "{len} bytes");
    }
}

#[test]
fn a_header_that_lies_about_itself_is_refused() {
    let (_, _, bytes) = sample();
    let with = |at: usize, value: u32| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        Reader::new(&bytes[..], here()).unwrap_err().to_string()
    };
    assert_eq!(with(0, 0x464c_457f), "a recording: is not a recording");
    assert_eq!(with(8, 2), "a recording: has format version 2; this program reads version 1");
    assert!(with(12, header::MAX_LEN + 1).contains("more than the 16777216 that are allowed"));
    assert!(with(12, 112 + 1).contains("does not end at a multiple of 64"));
    assert!(with(12, 112).contains("the header is broken"));
    assert_eq!(with(12, (1 << 20) - 16), "a recording: ends within its header");
}

/// Reads and adds up whatever `bytes` may be.
fn swallow(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes, here()) else { return };
    let mut stats = Stats::new(reader.header(), Precision::Live);
    reader.by_ref().for_each(|event| stats.add(&event.unwrap()));
    let mut summary = stats.summary();
    summary.truncated_tail = reader.truncated_tail();
    serde_json::to_string(&summary).unwrap();
    for width in [60, 200] {
        crate::cli::report::text(&summary, width, width == 60);
    }
    crate::cli::report::brief(&summary);
}

#[test]
fn no_corruption_makes_the_reader_panic() {
    let (_, _, bytes) = sample();
    let mut random = Random::new(7);
    for _ in 0..3000 {
        let mut bytes = bytes.clone();
        for _ in 0..=random.below(8) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    // A whole word, extreme as often as not: times and counts at the ends of their range.
                    let word = [0, u64::MAX, random.next(), u64::MAX >> 1][random.below(4) as usize];
                    let at = at & !7;
                    let end = bytes.len().min(at + 8);
                    bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
                }
            }
        }
        swallow(&bytes);
    }
}

#[test]
fn events_of_pure_noise_do_not_panic() {
    let header = synth::header(&synth::NAMES[..3]);
    let mut random = Random::new(11);
    for _ in 0..300 {
        let mut bytes = header.encode().unwrap();
        for _ in 0..50 {
            // Mostly known kinds, cores and partitions, so that the noise gets past the first check.
            let partition = if random.below(5) == 0 { u64::from(event::NO_PARTITION) } else { random.below(4) };
            let detail = random.next() >> random.below(64) & 0xffff;
            let head = random.below(30) | random.below(3) << 16 | partition << 32 | detail << 48;
            bytes.extend(head.to_le_bytes());
            (0..7).for_each(|_| bytes.extend((random.next() >> random.below(64)).to_le_bytes()));
        }
        swallow(&bytes);
    }
}

/// A disk of limited size that accepts what fits, as a file system does.
struct Disk {
    bytes: Vec<u8>,
    size: usize,
}

impl Write for &mut Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.size - self.bytes.len());
        if len == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_keeps_what_was_written() {
    let (header, events, bytes) = sample();
    let start = bytes.len() - events.len() * event::SIZE;
    for size in [start, start + 64, start + 100, bytes.len() - 1] {
        let mut disk = Disk { bytes: vec![], size };
        let mut writer = Writer::new(&mut disk, &header).unwrap();
        writer.append(&events).unwrap();
        assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        // Room again, but behind half an event: it must not be used.
        writer.sink.size += 1000;
        assert_eq!(writer.append(&events).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        drop(writer);
        assert_eq!(disk.bytes.len(), size);
        let mut reader = Reader::new(&disk.bytes[..], here()).unwrap();
        let read: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
        assert_eq!(read, events[..(size - start) / event::SIZE]);
        assert_eq!(reader.truncated_tail(), !(size - start).is_multiple_of(event::SIZE));
    }
}

#[test]
fn a_disk_without_room_for_the_header_is_told_at_once() {
    let mut disk = Disk { bytes: vec![], size: 100 };
    let problem = Writer::new(&mut disk, &sample().0).err().unwrap();
    assert!(matches!(problem, Problem::Io(error) if error.kind() == io::ErrorKind::StorageFull));
}

/// The bytes that `docs/recording.md` promises: whoever changes them changes the version.
#[test]
fn the_format_is_the_documented_one() {
    let (header, ..) = sample();
    let kind = Kind::WindowEnd {
        frame: 2,
        planned_ns: 3,
        awake_ns: 4,
        requested_ns: 5,
        confirmed_ns: 0x0123_4567,
        first_ns: 6,
    };
    let events = [
        Event { time_ns: 1, core: 0x0a0b, partition: 0x0c0d, kind },
        Event { time_ns: 0, core: 0, partition: NO_PARTITION, kind: Kind::Exit { status: -1 } },
        Event { time_ns: 0, core: 0, partition: 0, kind: Kind::Birth { generation: 7, warm: true, took_ns: 9 } },
    ];
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, &header).unwrap().append(&events).unwrap();
    let (head, tail) = bytes.split_at(bytes.len() - 3 * 64);
    assert_eq!(head[..12], *b"BLKHDREC\x01\0\0\0");
    assert_eq!(u32::from_le_bytes(head[12..16].try_into().unwrap()) as usize, head.len() - 16);
    assert!(head[16..].starts_with(br#"{"module":"flight","major_frame_ns":10000000,"#));
    assert_eq!(tail[..8], [3, 0, 0x0b, 0x0a, 0x0d, 0x0c, 0, 0]);
    for (word, first) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (7, 6)] {
        assert_eq!(tail[word * 8..][..8], [first, 0, 0, 0, 0, 0, 0, 0], "word {word}");
    }
    assert_eq!(tail[48..56], [0x67, 0x45, 0x23, 0x01, 0, 0, 0, 0]);
    assert_eq!(tail[64..72], [7, 0, 0, 0, 0xff, 0xff, 0, 0]);
    assert_eq!(tail[80..88], [0xff; 8]);
    assert_eq!((tail[128], tail[134], tail[144], tail[152]), (6, 1, 7, 9));
}
