//! shim
#![no_std]
