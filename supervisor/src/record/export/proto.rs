//! Just enough of Protocol Buffers' wire format to write messages: varints, 64-bit numbers, and nested messages.

/// Room that a message begins with, in bytes: enough for those that there are millions of, so that none of them moves while it grows.
const ROOM: usize = 96;

/// A message in the making.
#[derive(Debug, Clone)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// An empty message.
    pub(super) fn new() -> Message {
        Message(Vec::with_capacity(ROOM))
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    /// Adds a number: uint32, uint64, bool, enum, or an int64 that is not negative.
    pub(super) fn number(mut self, field: u32, value: u64) -> Message {
        self.key(field, 0);
        self.varint(value);
        self
    }

    /// Adds a fixed64.
    pub(super) fn fixed64(mut self, field: u32, value: u64) -> Message {
        self.key(field, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds a string.
    pub(super) fn text(self, field: u32, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }

    /// Adds a message within this one.
    pub(super) fn message(self, field: u32, message: Message) -> Message {
        self.bytes(field, &message.0)
    }

    fn bytes(mut self, field: u32, bytes: &[u8]) -> Message {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// What stands before this message where it is a field of another one.
    pub(super) fn head(&self, field: u32) -> Message {
        let mut head = Message::new();
        head.key(field, 2);
        head.varint(self.0.len() as u64);
        head
    }

    /// The encoded message.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        // The examples of the format's public description: field 1 = 150, and field 2 = "testing".
        assert_eq!(Message::new().number(1, 150).encoded(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").encoded(), b"\x12\x07testing");
        assert_eq!(Message::new().message(3, Message::new().number(1, 150)).encoded(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let inner = Message::new().number(1, 150);
        assert_eq!([inner.head(3).encoded(), inner.encoded()].concat(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().number(1, u64::MAX).encoded().len(), 11);
        assert_eq!(Message::new().fixed64(1, 2).encoded(), [0x09, 2, 0, 0, 0, 0, 0, 0, 0]);
        // Field numbers above 15 take two bytes.
        assert_eq!(Message::new().number(60, 1).encoded(), [0xe0, 0x03, 0x01]);
    }
}
