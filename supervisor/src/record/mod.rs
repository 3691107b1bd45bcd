//! The recorder.

pub mod event;
