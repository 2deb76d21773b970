//! Addresses to listen on (B-1.2, B-10).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::settings::ControlAddress;

/// An address of this machine and a port; `localhost` is 127.0.0.1.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let localhost = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok())
        .map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    localhost.or_else(|| text.parse().ok()).ok_or_else(|| {
        format!("{text:?} is not an address: say it as in `127.0.0.1:4000`, port 0 for any free one")
    })
}

/// B-1.2: only this machine itself, unless that was asked for.
pub(super) fn check_reach(address: SocketAddr, remote: bool) -> Result<SocketAddr, String> {
    let is_loopback = match address.ip() {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.to_canonical().is_loopback(),
    };
    if is_loopback || remote {
        return Ok(address);
    }
    Err(format!("{address} can be reached from other machines: give --allow-remote if that is meant"))
}

/// A control address: `unix:PATH`, `ADDR:PORT` or `none` (B-10).
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn control_address(text: &str) -> Result<ControlAddress, String> {
    match text.trim() {
        "none" => Ok(ControlAddress::None),
        text => match text.strip_prefix("unix:") {
            Some("") => Err("there is no path behind `unix:`".into()),
            Some(path) => Ok(ControlAddress::Unix(PathBuf::from(path))),
            None => socket_address(text)
                .map(ControlAddress::Tcp)
                .map_err(|_| format!("{text:?} is none of `unix:PATH`, `ADDR:PORT` and `none`")),
        },
    }
}

/// The kernel's limit for the path of a socket, less the zero at its end.
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

pub(super) fn check_socket(path: PathBuf) -> Result<ControlAddress, String> {
    if path.as_os_str().len() <= LONGEST {
        return Ok(ControlAddress::Unix(path));
    }
    Err(format!(
        "the path {} is longer than the {LONGEST} bytes that a socket can have: give a shorter one, as in \
         --control unix:PATH",
        path.display()
    ))
}
