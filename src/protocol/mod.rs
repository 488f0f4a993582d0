//! RESP2 and RESP3: requests in, replies out; knows bytes, no command.

pub mod leaves;
pub mod reply;
pub mod request;
pub mod scout;
pub mod words;
