//! Hosts that nobody has at hand.
