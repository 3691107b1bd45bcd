//! The rules against the table of services and what implementers get wrong, with a clock that the tests set.

mod errors;
mod logbooks;
mod objects;
mod ports;
mod processes;
mod world;

use world::{Sim, attributes, sim};
