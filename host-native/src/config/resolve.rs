//! From flags, environment and file to the settings of a run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::component::{self, ComponentSettings};
use super::layers::{Layers, given};
use super::log::{Log, log};
use super::source::{Given, Source};
use super::{ConfigError, Environment, ServeArgs, address, limits, lists, machine, url};
use crate::settings::{ControlAddress, SecretOrigin, Settings, TokenOrigin};
use crate::store::DataPaths;

/// What a command line, its environment and its file amount to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What the proxy is told.
    pub settings: Settings,
    /// What the log is told.
    pub log: Log,
    /// What a program that runs its core as a component is told of it.
    pub component: ComponentSettings,
}

/// How long a connection to the relay may take to open, when the relay's timeout is not shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Settles every value: flag over environment over file over default (B-10, B-11).
///
/// # Errors
/// The first value that is missing or cannot be, with its key and where it stands.
pub fn resolve(args: &ServeArgs, environment: &Environment) -> Result<Resolved, ConfigError> {
    let layers = Layers::open(args, environment)?;
    let data_dir = data_dir_of(&layers)?;
    let core = machine::config(&layers)?;
    Ok(Resolved {
        log: log(&layers)?,
        component: component::component(&layers)?,
        settings: Settings {
            relay: relay(&layers)?,
            listen: listen(&layers)?,
            token: token(&layers)?,
            secret: secret(&layers, &data_dir)?,
            control: control(&layers, &data_dir)?,
            allowed_hosts: checked(given!(layers.list, "allow-host", allow_host)?, lists::check_host)?,
            allowed_origins: checked(
                given!(layers.list, "allow-origin", allow_origin)?,
                lists::check_origin,
            )?,
            http: limits::http(&layers)?,
            connect_timeout: core.relay_timeout.min(CONNECT_TIMEOUT),
            grace: limits::grace(&layers)?,
            core,
            data_dir,
        },
    })
}

/// The data directory alone, for the commands that need no relay.
///
/// # Errors
/// None is given, and there is no home directory to have one in.
pub fn data_dir(given: Option<&Path>, environment: &Environment) -> Result<PathBuf, ConfigError> {
    let args = ServeArgs { data_dir: given.map(Path::to_owned), ..ServeArgs::default() };
    data_dir_of(&Layers::open(&args, environment)?)
}

fn relay(layers: &Layers<'_>) -> Result<http::Uri, ConfigError> {
    given!(layers.text, "relay-url", relay_url)?
        .ok_or(ConfigError::Missing { key: "relay-url" })?
        .read(|text| url::relay_url(text))
}

fn allow_remote(layers: &Layers<'_>) -> Result<bool, ConfigError> {
    Ok(given!(layers.switch, "allow-remote", allow_remote)?.is_some_and(|given| given.value))
}

fn listen(layers: &Layers<'_>) -> Result<SocketAddr, ConfigError> {
    let remote = allow_remote(layers)?;
    let Some(given) = given!(layers.text, "listen", listen)? else {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    };
    given.read(|text| address::check_reach(address::socket_address(text)?, remote))
}

fn data_dir_of(layers: &Layers<'_>) -> Result<PathBuf, ConfigError> {
    if let Some(given) = given!(layers.path, "data-dir", data_dir)? {
        return Ok(given.value);
    }
    let state =
        layers.environment.get("XDG_STATE_HOME")?.map(PathBuf::from).filter(|path| path.is_absolute());
    let home = layers.environment.get("HOME")?.map(|home| Path::new(home).join(".local/state"));
    let state = state.or(home).filter(|path| path.is_absolute()).ok_or(ConfigError::NoHome)?;
    Ok(state.join("relay-mcp-proxy"))
}

fn token(layers: &Layers<'_>) -> Result<TokenOrigin, ConfigError> {
    if let Some(file) = given!(layers.path, "token-file", token_file)? {
        return Ok(TokenOrigin::File(file.value));
    }
    let token = layers.environment.get("RELAY_TOKEN")?.map(str::to_owned);
    Ok(token.map_or(TokenOrigin::None, TokenOrigin::Environment))
}

fn secret(layers: &Layers<'_>, data_dir: &Path) -> Result<SecretOrigin, ConfigError> {
    if let Some(file) = given!(layers.path, "secret-file", secret_file)? {
        return Ok(SecretOrigin::File(file.value));
    }
    Ok(match layers.environment.get("RELAY_MCP_PROXY_SECRET")? {
        Some(secret) => SecretOrigin::Environment(secret.to_owned()),
        None => SecretOrigin::File(DataPaths::new(data_dir).secret_path()),
    })
}

fn control(layers: &Layers<'_>, data_dir: &Path) -> Result<ControlAddress, ConfigError> {
    let remote = allow_remote(layers)?;
    let default = || ControlAddress::Unix(DataPaths::new(data_dir).control_socket_path());
    let given = match given!(layers.text, "control", control)? {
        Some(given) => Given {
            key: given.key,
            value: given.read(|text| address::control_address(text))?,
            from: given.from,
        },
        None => Given { key: "control", value: default(), from: Source::Default },
    };
    given.read(|control| match control {
        ControlAddress::Unix(path) => address::check_socket(layers.absolute(path, &given.from)?),
        ControlAddress::Tcp(address) => address::check_reach(*address, remote).map(ControlAddress::Tcp),
        ControlAddress::None => Ok(ControlAddress::None),
    })
}

fn checked(
    given: Option<Given<Vec<String>>>,
    check: fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, ConfigError> {
    let Some(given) = given else { return Ok(Vec::new()) };
    given.read(|values| values.iter().try_for_each(|value| check(value)))?;
    Ok(given.value)
}
