//! The running appliance as a page: one small server that shows a [`Board`] to people beside a robot or kiosk.
//!
//! It reads the board, and writes to it only that it is paused. Pictures of people are served only when the board shows them.

mod access;
mod health;
mod metrics;
mod pictures;
mod reply;
mod server;
mod site;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::appliance::Board;
use access::{Access, LEAST_TOKEN, MOST_TOKEN};

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// Other machines reach the address, and nothing would keep them out.
    #[error(
        "{0} can be reached from other machines: give --token-file with a secret, or an address of this machine alone such as \
         127.0.0.1:{port}",
        port = .0.port()
    )]
    TokenNeeded(SocketAddr),
    /// The token cannot be sent, or is guessed soon.
    #[error(
        "the token must be {LEAST_TOKEN} to {MOST_TOKEN} characters of A-Z a-z 0-9 - . _ ~ + / =; `openssl rand -hex 16` makes one"
    )]
    Token,
    /// Somebody else has the address.
    #[error("{0} is in use, perhaps by another ferscope: end that, or give another port")]
    InUse(SocketAddr),
    /// The system does not give the address.
    #[error("{address} cannot be listened on: {problem}")]
    Listen { address: SocketAddr, problem: io::Error },
    /// The system gives no thread, or no events for it.
    #[error("the dashboard cannot be started: {0}")]
    Start(io::Error),
}

/// A dashboard that is served until this is dropped.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Whether this machine alone reaches an address.
pub fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Serves a board at an address on a thread of its own; port 0 takes any that is free. `token` is what every request but those for
/// `/healthz` must know; needed on addresses that other machines reach. 16 to 256 characters of `A-Z a-z 0-9 - . _ ~ + / =`; blanks
/// around it do not count.
///
/// # Errors
/// When the address is in use or not to be had, when other machines reach it and no token is given, or when the token is too short.
pub fn serve(
    address: SocketAddr,
    board: Arc<Board>,
    token: Option<&str>,
) -> Result<Dashboard, DashboardError> {
    if token.is_none() && !is_local(address) {
        return Err(DashboardError::TokenNeeded(address));
    }
    let listen = |problem: io::Error| match problem.kind() {
        io::ErrorKind::AddrInUse => DashboardError::InUse(address),
        _ => DashboardError::Listen { address, problem },
    };
    let listener = TcpListener::bind(address).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let access = match token {
        Some(token) => Access::by_token(token, address.port()).ok_or(DashboardError::Token)?,
        None => Access::ThisMachine,
    };
    let site = Arc::new(site::Site::new(board, access));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DashboardError::Start)?;
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("dashboard".to_owned())
        .spawn(move || {
            runtime.spawn(server::listen(listener, site));
            // Ends in an error: nothing is ever sent, the sender is dropped.
            let _ = runtime.block_on(stopped);
            // Connections end with the runtime, whatever they are at.
        })
        .map_err(DashboardError::Start)?;
    Ok(Dashboard { address, stop: Some(stop), thread: Some(thread) })
}

impl Dashboard {
    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has been heard of.
            let _ = thread.join();
        }
    }
}
