//! The services as Rust functions.
//!
//! Each is the rules' method of (nearly) the same name, called with interrupts masked and followed by whatever change of
//! processes it brings about. What they do and return is told where the C interface declares them (`include/apex`); NO_ERROR
//! is `Ok`. They are for the main process, the processes and the error handler, not for interrupt handlers.

mod extended;
mod intra;
mod port;
mod process;
mod status;

pub use extended::*;
pub use intra::*;
pub use port::*;
pub use process::*;
pub use status::*;
