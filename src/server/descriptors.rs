//! Enough file descriptors for the clients that are allowed, or fewer clients.
//!
//! Owns the arithmetic. It must not know sockets.

use crate::config::Config;
use crate::rt::limits;

/// Descriptors for other things than clients: the log, listeners, the standard ones, files.
const RESERVED: u64 = 32;
/// Descriptors of a shard: its ring and its bell.
const RESERVED_A_SHARD: u64 = 2;

/// Raises the limit of open files, or lowers `maxclients` to what the limit allows.
pub fn provide(config: &mut Config, shards: u16) {
    let reserved = RESERVED + RESERVED_A_SHARD * u64::from(shards);
    let wanted = config.maxclients as u64 + reserved;
    match limits::raise_open_files(wanted) {
        Ok(granted) if granted >= wanted => {}
        Ok(granted) => {
            let clients = clients_within(granted, reserved);
            log::warn!(
                "maxclients {} needs {wanted} open files but the limit is {granted} (ulimit -n): maxclients is now {clients}",
                config.maxclients
            );
            config.maxclients = clients;
        }
        Err(error) => log::warn!("The limit of open files (ulimit -n) cannot be read or raised: {error}"),
    }
}

fn clients_within(granted: u64, reserved: u64) -> usize {
    usize::try_from(granted.saturating_sub(reserved).max(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_not_for_clients() {
        assert_eq!(clients_within(1024, 34), 990);
        assert_eq!(clients_within(20, 34), 1);
    }
}
