//! Configuration: text becomes a raw document, the raw document becomes a [`Module`], or a list of mistakes.

pub mod module;

pub use module::{Module, Partition, PartitionId, Window};
