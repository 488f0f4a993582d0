//! Idle connections: what each costs the server's memory.
//!
//! Owns the opening and counting; must not know how the result is printed.

use std::io;
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::options::Options;
use crate::process::{Memory, Process};

/// Memory of the server without and with the connections.
#[derive(Debug, Clone, Copy)]
pub struct IdleOutcome {
    pub connections: usize,
    pub before: Memory,
    pub after: Memory,
}

impl IdleOutcome {
    /// Growth per connection in bytes: of all resident memory, and of what belongs to no file.
    pub fn bytes_per_connection(&self) -> (f64, f64) {
        let per = |before: u64, after: u64| (after as f64 - before as f64) / self.connections.max(1) as f64;
        (
            per(self.before.resident, self.after.resident),
            per(self.before.anonymous, self.after.anonymous),
        )
    }
}

/// Opens the connections, lets each ask once so that it is known to be served, waits `settle`, and closes them.
pub fn measure(options: &Options, connections: usize, settle: Duration, server: &Process) -> io::Result<IdleOutcome> {
    // The first connection pays for what the server allocates once.
    Client::connect(options)?.call(&["PING"])?;
    let before = server.memory()?;
    let mut open = Vec::with_capacity(connections);
    for at in 0..connections {
        let mut client = Client::connect(options).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("connection {at}: {error} (limits: ulimit -n, maxclients)"),
            )
        })?;
        client.call(&["PING"])?;
        open.push(client);
    }
    thread::sleep(settle);
    let after = server.memory()?;
    Ok(IdleOutcome {
        connections,
        before,
        after,
    })
}
