//! The recorder: what happened in a module, from the dispatcher's hot path to a file and to figures.
//!
//! A dispatcher thread hands [`event`]s to the recorder thread through a [`ring`], which never blocks and never calls the
//! kernel. The recorder thread appends them to a [`mod@file`] and adds them up in [`stats`]; `bulkhead report` reads such a
//! file back into the very same figures; [`live`] is what they come to right now. When a ring runs full, events are lost, and the number of lost events takes
//! their place: a gap in a recording is always visible.
//!
//! [`analysis`] reads a recording for what a person wants to see: where the time went and why; [`export`] writes it down
//! in forms that others read, and [`budget`] judges it.
//!
//! [`codes`] gives the health monitor's errors and actions the numbers that events carry. The file format is described
//! in `docs/recording.md`.

pub mod analysis;
pub mod budget;
pub mod codes;
pub mod compare;
pub mod event;
pub mod export;
pub mod figure;
pub mod file;
pub mod header;
pub mod incident;
pub mod live;
pub mod ring;
pub mod stats;
pub mod summary;
#[cfg(test)]
pub(crate) mod synth;
