//! Listening sockets, TCP and unix.
//!
//! Owns addresses, options and the messages about what could not be had. It must not know who accepts.
//!
//! Options of a connection are set on its listener: an accepted socket inherits TCP_NODELAY and keep-alive, which saves five
//! system calls for each connection.

use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use crate::config::Config;
use crate::coordinator::Peer;

/// Where clients come from.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    unix_path: Option<String>,
}

/// Why the server cannot listen; what happened was logged address by address.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address of `bind` cannot be had.
    #[error("Failed listening on port {port} (tcp), aborting.")]
    Tcp {
        /// The port.
        port: u16,
    },
    /// The unix socket cannot be had.
    #[error("Failed opening Unix socket: {step}: {error}")]
    Unix {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// Nothing to listen on.
    #[error("Configured to not listen anywhere, exiting.")]
    Nowhere,
}

/// How often, and after how long, a port that is in use is tried again.
const BIND_RETRIES: u32 = 20;
const BIND_RETRY: Duration = Duration::from_millis(50);

/// Opens all listeners of the configuration.
pub fn open_all(config: &Config) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    if config.port != 0 {
        for address in &config.bind {
            listeners.extend(open_tcp(address, config)?);
        }
    }
    if let Some(path) = &config.unixsocket {
        listeners.push(open_unix(path, config)?);
    }
    if listeners.is_empty() {
        return Err(ListenError::Nowhere);
    }
    Ok(listeners)
}

fn open_tcp(address: &str, config: &Config) -> Result<Option<Listener>, ListenError> {
    let optional = address.starts_with('-');
    let shown = address.strip_prefix('-').unwrap_or(address);
    let host = match shown {
        "*" => "0.0.0.0",
        "::*" => "::",
        host => host,
    };
    let opened = resolve(host, config.port).and_then(|address| bind_tcp(address, config));
    let (step, error) = match opened {
        Ok(socket) => {
            return Ok(Some(Listener {
                socket,
                unix_path: None,
            }));
        }
        Err(failure) => failure,
    };
    let port = config.port;
    log::warn!(
        "Warning: Could not create server TCP listening socket {shown}:{port}: {step}{}",
        reason(&error)
    );
    // A host without IPv6 is not at fault, whether or not the address was marked optional.
    let no_such_protocol = matches!(
        error.raw_os_error(),
        Some(
            libc::ENOPROTOOPT | libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT | libc::EPFNOSUPPORT | libc::EAFNOSUPPORT
        )
    );
    let no_such_address = error.raw_os_error() == Some(libc::EADDRNOTAVAIL);
    if no_such_protocol || (optional && no_such_address) {
        return Ok(None);
    }
    Err(ListenError::Tcp { port })
}

/// A step of opening a socket and what went wrong in it.
type Failure = (&'static str, io::Error);

fn resolve(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    let mut addresses = (host, port).to_socket_addrs().map_err(|error| ("", error))?;
    addresses
        .next()
        .ok_or_else(|| ("", io::Error::other("Name or service not known")))
}

fn bind_tcp(address: SocketAddr, config: &Config) -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(|error| ("socket: ", error))?;
    let options = || {
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
        set_keepalive(&socket, config.tcp_keepalive_s)
    };
    options().map_err(|error| ("setsockopt: ", error))?;
    bind_patiently(&socket, address).map_err(|error| ("bind: ", error))?;
    socket.listen(config.tcp_backlog).map_err(|error| ("listen: ", error))?;
    Ok(socket)
}

/// The kernel gives the port of a process that was killed back a little after it has ended, since the process's rings go first: who starts
/// another one at once waits for that.
fn bind_patiently(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    for _ in 0..BIND_RETRIES {
        match socket.bind(&address.into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::sleep(BIND_RETRY),
            outcome => return outcome,
        }
    }
    socket.bind(&address.into())
}

/// A silent peer is probed after `interval_s` and given up after three probes a third of that apart; 0: never.
fn set_keepalive(socket: &Socket, interval_s: u32) -> io::Result<()> {
    if interval_s == 0 {
        return socket.set_keepalive(false);
    }
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(interval_s.into()))
        .with_interval(Duration::from_secs((interval_s / 3).max(1).into()))
        .with_retries(3);
    socket.set_tcp_keepalive(&probes)
}

fn open_unix(path: &str, config: &Config) -> Result<Listener, ListenError> {
    let failed = |step: &'static str| move |error: io::Error| ListenError::Unix { step, error };
    // Left over from a server that did not end well; if it is something else, binding says so.
    let _absent = std::fs::remove_file(path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("socket"))?;
    let address = SockAddr::unix(path).map_err(failed("bind"))?;
    socket.bind(&address).map_err(failed("bind"))?;
    socket.listen(config.tcp_backlog).map_err(failed("listen"))?;
    if config.unixsocketperm != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(config.unixsocketperm)).map_err(failed("chmod"))?;
    }
    Ok(Listener {
        socket,
        unix_path: Some(path.to_owned()),
    })
}

/// The kernel's words, without the number that the standard library appends.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl Listener {
    /// The descriptor that the ring accepts on.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The address of a TCP listener.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// What kind of clients come here, for the log.
    pub fn kind(&self) -> &'static str {
        if self.unix_path.is_some() { "unix" } else { "tcp" }
    }

    /// Another handle of the same listening socket.
    pub fn share(&self) -> io::Result<Listener> {
        Ok(Listener {
            socket: self.socket.try_clone()?,
            unix_path: self.unix_path.clone(),
        })
    }

    /// Who connected, as CLIENT LIST shows it; the socket is given back.
    pub fn peer(&self, socket: OwnedFd) -> (OwnedFd, Peer) {
        let fd = socket.as_raw_fd();
        if let Some(path) = &self.unix_path {
            let address: Box<str> = format!("{path}:0").into();
            let peer = Peer {
                address: address.clone(),
                local_address: address,
                local: true,
                fd,
                from_primary: false,
            };
            return (socket, peer);
        }
        let stream = TcpStream::from(socket);
        let shown = |address: io::Result<SocketAddr>| match address {
            Ok(address) => address.to_string().into(),
            // It is gone already; the first receive will tell.
            Err(_) => "?:0".into(),
        };
        let address = stream.peer_addr();
        let peer = Peer {
            local: address
                .as_ref()
                .is_ok_and(|address| address.ip().to_canonical().is_loopback()),
            address: shown(address),
            local_address: shown(stream.local_addr()),
            fd,
            from_primary: false,
        };
        (stream.into(), peer)
    }

    /// Removes the unix socket's file, if there is one.
    pub fn unlink(&self) {
        if let Some(path) = &self.unix_path {
            // Somebody else may have removed it.
            let _absent = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests;
