//! Who wants to know what ports do: the digest and the clock of virtual time, and recordings. Without the runtime there is nobody.

#[cfg(feature = "runtime")]
use bulkhead_abi::trace::Kind;

#[cfg(feature = "runtime")]
use crate::{trace, virtual_time};

/// A message has been sent from this port, the channel's with this number.
#[inline]
pub(crate) fn sent(port: u32, sequence: u64, message: &[u8]) {
    #[cfg(feature = "runtime")]
    virtual_time::note_sent(port, message);
    #[cfg(feature = "runtime")]
    trace::note(Kind::Sent, port, sequence);
    let _ = (port, sequence, message);
}

/// A message has been received at this port, the channel's with this number.
#[inline]
pub(crate) fn received(port: u32, sequence: u64, message: &[u8]) {
    #[cfg(feature = "runtime")]
    virtual_time::note_received(port, message);
    #[cfg(feature = "runtime")]
    trace::note(Kind::Received, port, sequence);
    let _ = (port, sequence, message);
}

/// A port was only looked at, or looked at in vain. Who does that again and again lets time pass.
#[inline]
pub(crate) fn looked() {
    #[cfg(feature = "runtime")]
    virtual_time::charge();
}
