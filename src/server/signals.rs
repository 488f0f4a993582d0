//! Signals: SIGTERM and SIGINT end the server, SIGHUP is for others.
//!
//! Owns the thread that waits for them. It must not know how shards end.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::rt::Handle;

/// Signals that no longer kill the process.
pub struct Watch(Signals);

impl Watch {
    /// From now on signals wait for [`Watch::stop_on_arrival`].
    pub fn begin() -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map(Watch)
    }

    /// Ends the shards when a signal asks for it; a second SIGINT does not wait for them.
    pub fn stop_on_arrival<T: Send + 'static>(mut self, handle: Handle<T>) {
        let watch = move || {
            let mut told = false;
            for signal in self.0.forever() {
                told |= react(signal, told, &handle);
            }
        };
        if let Err(error) = thread::Builder::new().name("signals".into()).spawn(watch) {
            log::warn!("No thread to wait for signals: {error}");
        }
    }
}

/// Does what a signal asks for; true when the shards were told to end.
fn react<T>(signal: i32, told: bool, handle: &Handle<T>) -> bool {
    let name = match signal {
        SIGINT if told => {
            log::warn!("Received SIGINT again, exiting now");
            std::process::exit(1);
        }
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        _ => return false,
    };
    log::warn!("Received {name} scheduling shutdown...");
    handle.stop();
    true
}
