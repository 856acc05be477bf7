//! Serving the dashboard as the user asked for it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::{Failure, Settings};
use crate::appliance::Board;
use crate::cli::output::{complain, print_error};
use crate::dashboard::{self, Dashboard, DashboardError};
use crate::files;

/// Where the dashboard is served unless said.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7373";

/// Serves the dashboard; nothing where it is not wanted, or where nobody asked for the address that is in use.
pub fn start(settings: &Settings, board: &Arc<Board>) -> Result<Option<Dashboard>, Failure> {
    let asked = settings.listen.as_deref();
    let Some(address) = address(asked).map_err(Failure::Usage)? else { return Ok(None) };
    let token = settings.token_file.as_deref().map(read_token).transpose()?;
    match dashboard::serve(address, board.clone(), token.as_deref()) {
        Ok(dashboard) => {
            print_error(&format!("ferscope: dashboard at http://{}/", dashboard.address()));
            Ok(Some(dashboard))
        }
        Err(error @ DashboardError::InUse(_)) if asked.is_none() => {
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

/// Where the dashboard is to be served; none where it is not wanted.
pub fn address(listen: Option<&str>) -> Result<Option<SocketAddr>, String> {
    match listen.unwrap_or(DEFAULT_ADDRESS) {
        "none" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            format!(
                "listen {text}: needs an address and a port such as {DEFAULT_ADDRESS} or [::1]:7373, or none"
            )
        }),
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
