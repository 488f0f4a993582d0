//! The tool's only door to the kernel beyond the standard library: the ring, and other processes' CPU clocks.
//!
//! Owns all `unsafe` of the tool; what it offers is safe.
#![allow(unsafe_code)]

pub mod cpu_clock;
pub mod ring;
