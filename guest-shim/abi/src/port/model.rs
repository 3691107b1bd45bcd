//! Model checking of the ring and the slots: every order in which two processors' loads and stores can take effect.
//!
//! Run by `scripts/model`. The models are small, so that all of their executions can be tried; each property comes with a
//! control that breaks the protocol and has to be found out. What the checker does not try is a load that is late, behind a
//! later store of the same thread; so the release of a tail, which keeps the copy before it, rests on reading alone.

use super::queue::{ReceiveError, Receiver, SendError, Sender};
use super::sampling::{ReadError, Reader, Sample, Writer};
use super::sync::{AtomicU64, Ordering};
use super::{DestinationPage, SourcePage, copy, queue, sampling};

use loom::sync::Arc;
use loom::thread;

extern crate std;
use std::vec::Vec;

/// All executions with at most this many involuntary switches.
const SWITCHES: usize = 3;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(SWITCHES);
    builder.check(model);
}

struct Pages {
    source: SourcePage,
    destination: DestinationPage,
    slots: Vec<AtomicU64>,
}

fn pages(words: usize) -> Arc<Pages> {
    let slots = (0..words).map(|_| AtomicU64::new(0)).collect();
    Arc::new(Pages { source: SourcePage::default(), destination: DestinationPage::default(), slots })
}

fn message(number: u8) -> [u8; 16] {
    [number; 16]
}

const QUEUE: queue::Shape = queue::Shape::new(16, 1).unwrap();
const SLOTS: sampling::Shape = sampling::Shape::new(16).unwrap();

impl Pages {
    fn sender(&self) -> Sender<'_> {
        Sender::new(QUEUE, &self.source, &self.destination, &self.slots).unwrap()
    }

    fn receiver(&self) -> Receiver<'_> {
        Receiver::new(QUEUE, &self.source, &self.destination, &self.slots).unwrap()
    }

    fn writer(&self) -> Writer<'_> {
        Writer::new(SLOTS, &self.source, &self.slots).unwrap()
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(SLOTS, &self.source, &self.slots, 0).unwrap()
    }
}

#[test]
fn queued_messages_arrive_whole_in_order_and_once() {
    check(|| {
        let pages = pages(QUEUE.words());
        let theirs = Arc::clone(&pages);
        let sender = thread::spawn(move || {
            // The depth is one: the second message reuses the first one's slot.
            for number in 1..=2 {
                while let Err(error) = theirs.sender().send(1, &message(number)) {
                    assert_eq!(error, SendError::Full);
                    thread::yield_now();
                }
            }
        });
        let mut expected = 1;
        while expected <= 2 {
            let mut buffer = [0; 16];
            match pages.receiver().receive(&mut buffer) {
                Ok(received) => {
                    assert_eq!((received.len, buffer), (16, message(expected)));
                    expected += 1;
                }
                Err(error) => {
                    assert_eq!(error, ReceiveError::Empty);
                    thread::yield_now();
                }
            }
        }
        sender.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "a message that is not whole")]
fn a_receiver_that_does_not_wait_for_the_head_is_found_out() {
    check(|| {
        let pages = pages(QUEUE.words());
        let theirs = Arc::clone(&pages);
        let sender = thread::spawn(move || theirs.sender().send(1, &message(1)).unwrap());
        let length = pages.slots[0].load(Ordering::Relaxed);
        let mut buffer = [0; 16];
        copy::load(&mut buffer, &pages.slots[1..]);
        assert!(length == 0 || buffer == message(1), "a message that is not whole");
        sender.join().unwrap();
    });
}

#[test]
fn a_new_source_and_a_moving_receiver_lose_nothing() {
    check(|| {
        let pages = pages(QUEUE.words());
        pages.sender().send(1, &message(1)).unwrap();
        let theirs = Arc::clone(&pages);
        let source = thread::spawn(move || {
            assert!(!queue::mend_source(QUEUE, &theirs.source, &theirs.destination));
            theirs.sender().send(2, &message(2)).is_ok()
        });
        let mut buffer = [0; 16];
        assert_eq!(pages.receiver().receive(&mut buffer).map(|received| received.generation), Ok(1));
        assert_eq!(buffer, message(1));
        let sent = source.join().unwrap();
        let next = pages.receiver().receive(&mut buffer).map(|received| received.generation);
        assert_eq!(next, if sent { Ok(2) } else { Err(ReceiveError::Empty) });
    });
}

/// A writer that goes all the way round while somebody reads.
fn lapped(read: impl Fn(&Pages) + Sync + Send + 'static) {
    check(move || {
        let pages = pages(SLOTS.words());
        pages.writer().write(1, 1, &message(1)).unwrap();
        let theirs = Arc::clone(&pages);
        let writer = thread::spawn(move || {
            for number in 2..=5 {
                theirs.writer().write(1, u64::from(number), &message(number)).unwrap();
            }
        });
        read(&pages);
        writer.join().unwrap();
    });
}

#[test]
fn a_sample_is_whole_whatever_the_writer_does_meanwhile() {
    lapped(|pages| {
        let mut buffer = [0; 16];
        match pages.reader().read(&mut buffer) {
            Ok(Sample { number, written_ns, len, .. }) => {
                assert_eq!((written_ns, len, buffer), (number, 16, message(number as u8)));
            }
            Err(error) => assert_eq!(error, ReadError::Torn),
        }
    });
}

#[test]
#[should_panic(expected = "a sample that is not whole")]
fn a_reader_that_does_not_look_at_the_mark_again_is_found_out() {
    lapped(|pages| {
        // Number 5 goes into the slot of number 1.
        let start = SLOTS.words() / 4;
        let mut buffer = [0; 16];
        if pages.source.head.load(Ordering::Acquire) == 1 && pages.slots[start].load(Ordering::Acquire) == 2 {
            copy::load(&mut buffer, &pages.slots[start + 3..]);
            assert!(buffer == message(1) || buffer == message(5), "a sample that is not whole");
        }
    });
}
