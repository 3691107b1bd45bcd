//! The health monitor: an error, a table, an action.
//!
//! This module only decides; the main thread hands it what happened and carries out what it answers.
//!
//! * [`table`]: what can go wrong, what can be done about it, and the table of a partition that joins the two;
//! * [`classify`]: which error a signal stands for;
//! * [`storm`]: when restarts come too thick.

pub mod classify;
pub mod storm;
pub mod table;

pub use bulkhead_abi::health::{ErrorCode, Level};
pub use storm::{Storm, StormAction, StormWatch};
pub use table::{Action, Error, ModuleTable, Response, Table};
