//! Bulkhead.

pub mod config;
pub mod health;
pub mod record;
