//! One core's part of the keyspace as a state machine: requests in, replies out; knows no connection's bytes, no thread, no clock.

pub mod message;
