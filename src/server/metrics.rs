//! The metrics page: counters in the text form that Prometheus reads, over HTTP on a port of its own.
//!
//! Owns the page and its small HTTP server, which runs on a glommio executor beside the shards and takes nothing from them but
//! their counters. Without memory for that executor the server works, and says that it has no page.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, Placement};

use crate::config::Config;
use crate::rt::{Handle, Reading};

/// The executor's buffers for files, of which it opens none, and its ring.
const EXECUTOR_MEMORY_BYTES: usize = 64 << 10;
const EXECUTOR_RING: usize = 32;
/// The longest request that is read.
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests at one time; more are closed.
const REQUESTS_MAX: usize = 16;

/// Starts serving the page, if the configuration asks for one.
pub fn start<T: Send + 'static>(config: &Config, handle: Handle<T>)
where
    Handle<T>: Sync,
{
    if config.metrics_port == 0 {
        return;
    }
    let host = config
        .bind
        .first()
        .map_or("127.0.0.1", |address| address.trim_start_matches('-'));
    let ip = match host {
        "*" => "0.0.0.0",
        "::*" => "::",
        host => host,
    };
    let Ok(ip) = ip.parse() else {
        log::warn!("No metrics page: the first address of bind, {host}, is not an IP address");
        return;
    };
    let address = SocketAddr::new(ip, config.metrics_port);
    let thread = LocalExecutorBuilder::new(Placement::Unbound)
        .name("metrics")
        .io_memory(EXECUTOR_MEMORY_BYTES)
        .ring_depth(EXECUTOR_RING)
        .spawn(move || async move {
            if let Err(error) = serve(address, Rc::new(handle)).await {
                log::warn!("No metrics page on {address}: {error}");
            }
        });
    if let Err(error) = thread {
        log::warn!("No metrics page: {error}");
    }
}

async fn serve<T: 'static>(address: SocketAddr, handle: Rc<Handle<T>>) -> io::Result<()> {
    let listener = TcpListener::bind(address).map_err(io::Error::from)?;
    log::info!("Metrics page on http://{address}/metrics");
    // Each request holds one clone while it is answered.
    let open = Rc::new(());
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(_) => {
                // Out of descriptors, most likely: clients of the data come first.
                glommio::timer::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        if Rc::strong_count(&open) > REQUESTS_MAX {
            continue;
        }
        let (handle, counted) = (Rc::clone(&handle), Rc::clone(&open));
        glommio::spawn_local(async move {
            // The client's own fault.
            let _failed = answer(stream, &handle).await;
            drop(counted);
        })
        .detach();
    }
}

async fn answer<T>(mut stream: TcpStream, handle: &Handle<T>) -> io::Result<()> {
    let patience = |error: glommio::GlommioError<()>| io::Error::from(error);
    stream.set_read_timeout(Some(PATIENCE)).map_err(patience)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(patience)?;
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut part).await?;
        if count == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
        request.extend_from_slice(&part[..count]);
    }
    let response = respond(&request, || page(&handle.readings()));
    stream.write_all(response.as_bytes()).await?;
    stream.close().await
}

fn respond(request: &[u8], page: impl Fn() -> String) -> String {
    let line = request.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let (status, body) = match line.split(|&byte| byte == b' ').collect::<Vec<_>>()[..] {
        [b"GET", b"/metrics", ..] => ("200 OK", page()),
        [b"GET", ..] => ("404 Not Found", "The metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", String::new()),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The page for shards with these counters.
fn page(readings: &[Reading]) -> String {
    let mut page = String::new();
    let Some(first) = readings.first() else {
        return page;
    };
    for (place, (name, help, grows, _)) in first.iter().enumerate() {
        let kind = if *grows { "counter" } else { "gauge" };
        let written = writeln!(page, "# HELP corelane_{name} {help}\n# TYPE corelane_{name} {kind}").and_then(|()| {
            readings.iter().enumerate().try_for_each(|(shard, reading)| {
                writeln!(page, "corelane_{name}{{shard=\"{shard}\"}} {}", reading[place].3)
            })
        });
        written.expect("writing to a string does not fail");
    }
    page
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::rt::Counters;

    #[test]
    fn each_counter_has_a_line_for_each_shard() {
        let counters = [Counters::default(), Counters::default()];
        counters[1].passes.store(7, Ordering::Relaxed);
        let page = page(&counters.map(|counters| counters.read()));
        assert!(page.contains("# TYPE corelane_passes_total counter\n"), "{page}");
        assert!(
            page.contains("corelane_passes_total{shard=\"0\"} 0\ncorelane_passes_total{shard=\"1\"} 7\n"),
            "{page}"
        );
        assert!(page.contains("# TYPE corelane_connections gauge\n"), "{page}");
    }

    #[test]
    fn only_the_page_is_served() {
        let respond = |request: &str| respond(request.as_bytes(), || "body\n".to_owned());
        let found = respond("GET /metrics HTTP/1.1\r\n\r\n");
        assert!(
            found.starts_with("HTTP/1.1 200 ") && found.ends_with("\r\n\r\nbody\n") && found.contains("Length: 5\r\n")
        );
        assert!(respond("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(respond("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(respond("").starts_with("HTTP/1.1 405 "));
    }
}
