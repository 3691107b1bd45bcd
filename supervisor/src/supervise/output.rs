//! Standard output, written by a thread of its own, so that a pipe that nobody reads never holds up the supervisor.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pieces of output that may wait; with one a tick (some milliseconds) that is about a second's.
const QUEUE: usize = 128;
/// Bytes that may wait, but for the last piece: what a guest prints may grow to many times its size when it is shown.
const QUEUE_BYTES: usize = 4 << 20;

/// A sink that never blocks.
#[derive(Debug)]
pub struct Output {
    queue: Option<SyncSender<Vec<u8>>>,
    queued_bytes: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    waiting: Vec<u8>,
}

impl Output {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(sink: impl Write + Send + 'static) -> std::io::Result<Output> {
        let (queue, pieces) = sync_channel(QUEUE);
        let closed = Arc::new(AtomicBool::new(false));
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let (flag, bytes) = (Arc::clone(&closed), Arc::clone(&queued_bytes));
        let thread = std::thread::Builder::new()
            .name("console".to_owned())
            .stack_size(128 << 10)
            .spawn(move || write_all(sink, &pieces, &bytes, &flag))?;
        Ok(Output { queue: Some(queue), queued_bytes, closed, thread: Some(thread), waiting: Vec::new() })
    }

    /// The buffer to add output to. [`Output::send`] passes it on.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Whether there is room: false while a slow reader holds things up, when nothing more should be added.
    pub fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the reader has gone away.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Hands the buffer to the writing thread, if that has room for it.
    pub fn send(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(queue) = &self.queue else { return };
        let len = self.waiting.len();
        if self.queued_bytes.load(Ordering::Relaxed) > QUEUE_BYTES {
            return;
        }
        self.queued_bytes.fetch_add(len, Ordering::Relaxed);
        match queue.try_send(std::mem::take(&mut self.waiting)) {
            Ok(()) => {}
            Err(TrySendError::Full(piece)) => {
                self.queued_bytes.fetch_sub(len, Ordering::Relaxed);
                self.waiting = piece;
            }
            Err(TrySendError::Disconnected(_)) => self.closed.store(true, Ordering::Relaxed),
        }
    }

    /// Writes out what waits, but gives up after `limit`. Returns false if something was left unwritten.
    pub fn finish(mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while !self.waiting.is_empty() && !self.is_closed() && Instant::now() < end {
            self.send();
            std::thread::sleep(Duration::from_millis(1));
        }
        let complete = self.waiting.is_empty();
        // The thread ends when it has written everything that was queued.
        self.queue = None;
        let Some(thread) = self.thread.take() else { return complete };
        while !thread.is_finished() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        complete && thread.join().is_ok()
    }
}

fn write_all(mut sink: impl Write, pieces: &Receiver<Vec<u8>>, queued_bytes: &AtomicUsize, closed: &AtomicBool) {
    while let Ok(piece) = pieces.recv() {
        if sink.write_all(&piece).and_then(|()| sink.flush()).is_err() {
            closed.store(true, Ordering::Relaxed);
            return;
        }
        queued_bytes.fetch_sub(piece.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_arrives_in_order() {
        let sink = Sink::default();
        let mut output = Output::start(sink.clone()).unwrap();
        for number in 0..1000 {
            output.buffer().extend_from_slice(format!("{number}\n").as_bytes());
            output.send();
        }
        assert!(output.finish(Duration::from_secs(60)));
        let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
        assert_eq!(*sink.0.lock().unwrap(), expected.into_bytes());
    }

    #[test]
    fn what_waits_is_limited_by_its_size_too() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut output = Output::start(std::fs::File::from(writer)).unwrap();
        let mut taken = 0;
        while output.has_room() {
            output.buffer().resize(QUEUE_BYTES / 4, b'x');
            output.send();
            taken += 1;
        }
        assert_eq!(taken, 6, "five pieces, and one that waits");
        drop(reader);
    }

    #[test]
    fn a_reader_that_never_reads_blocks_nobody() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut output = Output::start(std::fs::File::from(writer)).unwrap();
        for _ in 0..QUEUE + 2 {
            output.buffer().extend_from_slice(&[b'x'; 100_000]);
            output.send();
        }
        assert!(!output.has_room());
        assert!(!output.finish(Duration::from_millis(20)));
        drop(reader);
    }
}
