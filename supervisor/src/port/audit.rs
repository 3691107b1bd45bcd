//! Positions of a queue that make no sense, and whose fault that is.
//!
//! Neither side is harmed by such a position: the ring reads as full to the one and as empty to the other. But people want to
//! know why a channel has fallen silent. Pure, but for the loads.

use std::sync::atomic::Ordering;

use super::ChannelMemory;
use crate::config::Channel;

/// Who overwrote a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Culprit {
    /// The source its head.
    Source,
    /// The destination its tail.
    Destination,
}

/// What is known of one queue's positions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Audit {
    head: u64,
    tail: u64,
    out_of_order: bool,
}

impl Audit {
    /// Looks at the positions of a queue that holds `depth` messages; says so once when they begin to make no sense.
    pub fn judge(&mut self, head: u64, tail: u64, depth: u32) -> Option<Culprit> {
        const FAR: u64 = 1 << 63;
        let used = head.wrapping_sub(tail);
        if used <= u64::from(depth) {
            *self = Audit { head, tail, out_of_order: false };
            return None;
        }
        if std::mem::replace(&mut self.out_of_order, true) {
            return None;
        }
        // Positions only grow, a tail follows its head, and a head is at most the depth ahead.
        Some(if head.wrapping_sub(self.head) >= FAR {
            Culprit::Source
        } else if tail.wrapping_sub(self.tail) >= FAR || used >= FAR {
            Culprit::Destination
        } else {
            Culprit::Source
        })
    }

    /// Looks at a channel's positions.
    pub fn look(&mut self, channel: &Channel, memory: &ChannelMemory) -> Option<Culprit> {
        let crate::config::ChannelKind::Queuing { depth } = channel.kind else { return None };
        let page = memory.destination_page()?;
        // Both sides may be moving: the head counts only if the tail stood still around its load.
        let tail = page.tail.load(Ordering::Acquire);
        let head = memory.source_page().head.load(Ordering::Acquire);
        if page.tail.load(Ordering::Acquire) != tail {
            return None;
        }
        self.judge(head, tail, depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_moved_senselessly_is_named_once() {
        let cases = [
            // Sound at 10 of 16; then:
            ((10 + 17 + 4, 4), Some(Culprit::Source)),
            ((2, 4), Some(Culprit::Source)),
            ((u64::MAX, 4), Some(Culprit::Source)),
            ((10, 11), Some(Culprit::Destination)),
            ((10, 3), None),
            ((10, 0u64.wrapping_sub(20)), Some(Culprit::Destination)),
            ((20, 4), None),
        ];
        for ((head, tail), culprit) in cases {
            let mut audit = Audit::default();
            assert_eq!(audit.judge(10, 4, 16), None);
            assert_eq!(audit.judge(head, tail, 16), culprit, "{head} {tail}");
            assert_eq!(audit.judge(head, tail, 16), None, "told once");
            assert_eq!(audit.judge(12, 12, 16), None);
            assert_eq!(audit.judge(11, 12, 16), Some(Culprit::Source), "and again after it was in order");
        }
    }
}
