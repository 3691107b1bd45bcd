//! Who wants to know what ports do: the digest and the clock of virtual time. Without the runtime there is nobody.

#[cfg(feature = "runtime")]
use crate::virtual_time;

/// A message has been sent from this port.
#[inline]
pub(crate) fn sent(port: u32, message: &[u8]) {
    #[cfg(feature = "runtime")]
    virtual_time::note_sent(port, message);
    let _ = (port, message);
}

/// A message has been received at this port.
#[inline]
pub(crate) fn received(port: u32, message: &[u8]) {
    #[cfg(feature = "runtime")]
    virtual_time::note_received(port, message);
    let _ = (port, message);
}

/// A port was only looked at, or looked at in vain. Who does that again and again lets time pass.
#[inline]
pub(crate) fn looked() {
    #[cfg(feature = "runtime")]
    virtual_time::charge();
}
