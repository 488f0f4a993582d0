//! Opening listeners, and what accepted sockets inherit.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use super::*;

fn config(bind: &[&str], port: u16) -> Config {
    Config {
        bind: bind.iter().map(|&address| address.to_owned()).collect(),
        port,
        ..Config::default()
    }
}

fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    probe.local_addr().expect("it is bound").port()
}

#[test]
fn an_accepted_socket_inherits_the_listeners_options() {
    let port = free_port();
    let listeners = open_all(&config(&["127.0.0.1"], port)).expect("the port is free");
    let client = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    let (accepted, _) = listeners[0].socket.accept().expect("somebody connects");
    assert!(accepted.tcp_nodelay().expect("it is a TCP socket"));
    assert!(accepted.keepalive().expect("it is a TCP socket"));
    assert_eq!(
        accepted.tcp_keepalive_time().expect("it is a TCP socket"),
        Duration::from_secs(300)
    );
    assert_eq!(
        accepted.tcp_keepalive_interval().expect("it is a TCP socket"),
        Duration::from_secs(100)
    );
    let (socket, peer) = listeners[0].peer(accepted.into());
    assert_eq!(peer.fd, socket.as_raw_fd());
    assert_eq!(
        &*peer.address,
        client.local_addr().expect("it is connected").to_string()
    );
    assert_eq!(&*peer.local_address, format!("127.0.0.1:{port}"));
    assert!(peer.local);
}

#[test]
fn an_address_that_does_not_exist_may_be_optional() {
    let port = free_port();
    // 192.0.2.0/24 is set aside for documentation; no host has it.
    assert_eq!(
        open_all(&config(&["127.0.0.1", "-192.0.2.1"], port))
            .expect("one exists")
            .len(),
        1
    );
    let refused = open_all(&config(&["192.0.2.1"], port)).expect_err("it does not exist");
    assert_eq!(
        refused.to_string(),
        format!("Failed listening on port {port} (tcp), aborting.")
    );
    assert!(matches!(
        open_all(&config(&["127.0.0.1"], 0)),
        Err(ListenError::Nowhere)
    ));
}

#[test]
fn a_taken_port_is_an_error_even_if_optional() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port();
    assert!(matches!(
        open_all(&config(&["-127.0.0.1"], port)),
        Err(ListenError::Tcp { .. })
    ));
}

#[test]
fn a_unix_socket_has_its_permissions_and_replaces_a_stale_one() {
    let path = std::env::temp_dir().join(format!("corelane-listener-{}.sock", std::process::id()));
    let path = path.to_str().expect("the name is ASCII").to_owned();
    let config = Config {
        port: 0,
        unixsocket: Some(path.clone()),
        unixsocketperm: 0o700,
        ..Config::default()
    };
    for _ in 0..2 {
        let listeners = open_all(&config).expect("the folder is writable");
        let mode = std::fs::metadata(&path).expect("it was just made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        UnixStream::connect(&path).expect("somebody listens");
        assert_eq!(listeners[0].kind(), "unix");
    }
    open_all(&config).expect("the folder is writable")[0].unlink();
    assert!(std::fs::metadata(&path).is_err());
}

#[test]
fn reasons_are_the_kernels_words() {
    assert_eq!(
        reason(&io::Error::from_raw_os_error(libc::EADDRINUSE)),
        "Address already in use"
    );
}
