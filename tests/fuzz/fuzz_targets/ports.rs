//! Gives the ends of channels any memory that the other side may have left, and changes it between calls.
#![no_main]

use bulkhead::port::audit::Audit;
use bulkhead_abi::port::sync::{AtomicU64, Ordering};
use bulkhead_abi::port::{DestinationPage, SourcePage, queue, sampling};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};

/// What the other side, or this one, does next.
#[derive(Debug, Arbitrary)]
enum Step {
    Head(u64),
    Tail(u64),
    Lost(u64),
    Word { index: u16, value: u64 },
    Send { len: u8 },
    Receive { room: u8 },
    Clear,
    Write { len: u8, now: u64 },
    Read { room: u8 },
    RestartSource,
    RestartDestination,
}

#[derive(Debug, Arbitrary)]
struct Input {
    message_bytes: u8,
    depth: u8,
    floor: u64,
    steps: Vec<Step>,
}

/// Longer than any message, with a known byte behind what a call may fill.
const BUFFER: usize = 300;
const UNTOUCHED: u8 = 0xa5;

fuzz_target!(|input: Input| {
    let (message, depth) = (u32::from(input.message_bytes), u32::from(input.depth));
    let (Some(queue_shape), Some(sample_shape)) = (queue::Shape::new(message, depth), sampling::Shape::new(message))
    else {
        assert!(message == 0 || depth == 0);
        return;
    };
    let words = |count: usize| -> Vec<AtomicU64> { (0..count).map(|_| AtomicU64::new(0)).collect() };
    let (source, destination) = (SourcePage::default(), DestinationPage::default());
    let (slots, samples) = (words(queue_shape.words()), words(sample_shape.words()));
    let sample_source = SourcePage::default();
    let sender = queue::Sender::new(queue_shape, &source, &destination, &slots).unwrap();
    let receiver = queue::Receiver::new(queue_shape, &source, &destination, &slots).unwrap();
    let writer = sampling::Writer::new(sample_shape, &sample_source, &samples).unwrap();
    let reader = sampling::Reader::new(sample_shape, &sample_source, &samples, input.floor).unwrap();
    let mut audit = Audit::default();
    let content = [7u8; BUFFER];
    for step in input.steps {
        let mut buffer = [UNTOUCHED; BUFFER];
        let mut filled = 0;
        match step {
            Step::Head(value) => {
                source.head.store(value, Ordering::Relaxed);
                sample_source.head.store(value, Ordering::Relaxed);
            }
            Step::Tail(value) => destination.tail.store(value, Ordering::Relaxed),
            Step::Lost(value) => source.lost.store(value, Ordering::Relaxed),
            Step::Word { index, value } => {
                for words in [&slots, &samples] {
                    words[usize::from(index) % words.len()].store(value, Ordering::Relaxed);
                }
            }
            Step::Send { len } => {
                let sent = sender.send(1, &content[..usize::from(len)]);
                assert_eq!(sent == Err(queue::SendError::TooLong), u32::from(len) > message);
            }
            Step::Receive { room } => {
                filled = usize::from(room);
                if let Ok(received) = receiver.receive(&mut buffer[..filled]) {
                    assert!(received.len <= message as usize);
                }
            }
            Step::Clear => assert!(receiver.clear() <= depth),
            Step::Write { len, now } => {
                let written = writer.write(1, now, &content[..usize::from(len)]);
                assert_eq!(written.is_err(), u32::from(len) > message);
            }
            Step::Read { room } => {
                filled = usize::from(room);
                if let Ok(sample) = reader.read(&mut buffer[..filled]) {
                    assert!(sample.len <= message as usize && sample.number != input.floor && sample.number != 0);
                    sample.is_valid(sample.written_ns, 0);
                }
            }
            Step::RestartSource => _ = queue::mend_source(queue_shape, &source, &destination),
            Step::RestartDestination => queue::clear_destination(&source, &destination),
        }
        assert!(buffer[filled..].iter().all(|&byte| byte == UNTOUCHED), "bytes beyond the buffer");
        assert!(receiver.waiting() <= depth && sender.waiting() <= depth && sender.room() <= depth);
        receiver.take_overflow();
        audit.judge(source.head.load(Ordering::Relaxed), destination.tail.load(Ordering::Relaxed), depth);
    }
    // Once both sides have been prepared for new processes, the channel works.
    queue::mend_source(queue_shape, &source, &destination);
    queue::clear_destination(&source, &destination);
    let mut buffer = [0; BUFFER];
    assert_eq!(sender.send(2, &content[..message as usize]), Ok(()));
    assert_eq!(receiver.receive(&mut buffer).map(|received| received.len), Ok(message as usize));
    assert_eq!(buffer[..message as usize], content[..message as usize]);
    writer.write(2, 0, &content[..message as usize]).unwrap();
    let number = sample_source.head.load(Ordering::Relaxed);
    let reader = sampling::Reader::new(sample_shape, &sample_source, &samples, number.wrapping_sub(1)).unwrap();
    assert_eq!(reader.read(&mut buffer).map(|sample| sample.number), Ok(number));
});
