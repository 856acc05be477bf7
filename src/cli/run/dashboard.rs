//! Serving the dashboard as the user asked for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use super::{Failure, Settings};
use crate::appliance::Board;
use crate::cli::output::{complain, print_error};
use crate::dashboard::{self, Dashboard, DashboardError};
use crate::files;

/// Where the dashboard is served unless said.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7373);

/// `--listen`: where the dashboard is served, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("none", _) => Ok(Listen(None)),
            (_, Ok(address)) => Ok(Listen(Some(address))),
            _ => Err(format!(
                "listen {text}: needs an address and a port such as {DEFAULT_ADDRESS} or [::1]:7373, or none"
            )),
        }
    }
}

/// Serves the dashboard; nothing where it is not wanted, or where nobody asked for the address that is in use.
pub fn start(settings: &Settings, board: &Arc<Board>) -> Result<Option<Dashboard>, Failure> {
    let Listen(address) = settings.listen.unwrap_or(Listen(Some(DEFAULT_ADDRESS)));
    let Some(address) = address else { return Ok(None) };
    let token = settings.token_file.as_deref().map(read_token).transpose()?;
    match dashboard::serve(address, board.clone(), token.as_deref()) {
        Ok(dashboard) => {
            print_error(&format!("ferscope: dashboard at http://{}/", dashboard.address()));
            Ok(Some(dashboard))
        }
        Err(error @ DashboardError::InUse(_)) if settings.listen.is_none() => {
            complain(&format!("no dashboard: {error}"));
            Ok(None)
        }
        // An address may come later, as after a power cut, or become free: a service is to try again.
        Err(
            error @ (DashboardError::InUse(_)
            | DashboardError::Listen { .. }
            | DashboardError::Start(_)),
        ) => Err(Failure::Output(format!("--listen: {error}"))),
        Err(error) => Err(Failure::Usage(format!("--listen: {error}"))),
    }
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let bytes = files::read(path, files::LARGEST_SMALL_FILE)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let is_open =
            std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if is_open {
            complain(&format!("{0}: others can read the token: chmod 600 {0}", path.display()));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::Usage(format!("{}: the token is no text", path.display())))
}
