//! Connections: how many, how long, how large.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::site::Site;

/// At once; a browser opens up to six.
const MOST_CONNECTIONS: usize = 32;
/// Of these, for clients on this machine alone: probes and the kiosk's own screen get in whatever the network does.
const OUR_CONNECTIONS: usize = 4;
/// Bytes of a request's line and headers.
const MOST_HEADER_BYTES: usize = 16 << 10;
const MOST_HEADERS: usize = 64;
/// For the headers of a request, and between two requests.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// After this long a connection ends with the request at hand: whoever reads or writes too slowly keeps no place.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// For the request at hand.
const LAST_TIME: Duration = Duration::from_secs(2);
/// After the system could not give a connection: it has no more files, which asking at once does not change.
const PAUSE: Duration = Duration::from_millis(100);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 40\r\n\
    retry-after: 5\r\nconnection: close\r\n\r\ntoo many connections; try again shortly\n";

/// Takes connections for ever. Must run on a tokio runtime; the listener must not block.
pub async fn listen(listener: TcpListener, site: Arc<Site>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(problem) => return log::error!("the dashboard cannot listen: {problem}"),
    };
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let kept = if peer.ip().to_canonical().is_loopback() { 0 } else { OUR_CONNECTIONS };
        let is_room = places.available_permits() > kept;
        match places.clone().try_acquire_owned() {
            Ok(place) if is_room => {
                let site = site.clone();
                tokio::spawn(async move {
                    converse(stream, site).await;
                    drop(place);
                });
            }
            _ => refuse(&stream),
        }
    }
}

async fn converse(stream: TcpStream, site: Arc<Site>) {
    // Answers are whole when they are sent: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(MOST_HEADER_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // What goes wrong with a connection concerns its client alone.
    if timeout(CONNECTION_TIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_TIME, connection).await;
    }
}

/// Without waiting for anything.
fn refuse(stream: &TcpStream) {
    // A request that nobody has read would make the system take the answer back.
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(REFUSAL);
}
