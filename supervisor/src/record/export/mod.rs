//! A recording in forms that others read.
//!
//! [`html`] is for people; the others are for the tools that people have already. Each takes what it needs from the
//! recording as it reads along, so none of them holds a long recording in memory.

pub mod csv;
pub mod cyclictest;
pub mod gate;
pub mod hdr;
pub mod html;
pub mod perfetto;
mod proto;

use std::io;

use super::file;

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] file::Error),
    /// What it became cannot be written.
    #[error("{0}")]
    Output(#[from] io::Error),
}
