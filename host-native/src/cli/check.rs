//! `check`: what `serve` would do, said without doing it.

use std::io::{self, Write};

use serde::Serialize;

use super::CheckArgs;
use crate::config::units::show;
use crate::config::{ConfigError, Environment, Resolved, resolve};
use crate::run::Describe;
use crate::secret::{SecretError, existing_secret};
use crate::settings::{ControlAddress, SecretOrigin, Settings, TokenOrigin};
use crate::store::{DataPaths, StoreError, inspect};
use crate::token::{TokenError, TokenSource};

/// Why `serve` would stop.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Exit code 2.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Exit code 2.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Exit code 4 when it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Exit code 2.
    #[error("the data directory {0} is not a directory: choose another --data-dir")]
    NotADirectory(String),
    /// Exit code 2.
    #[error("{0}")]
    Engine(String),
    /// Exit code 1.
    #[error("what was found cannot be printed: {0}")]
    Output(#[from] io::Error),
}

impl CheckError {
    /// The exit code, the same that `serve` would end with (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(error) => error.exit_code(),
            Self::Token(_) | Self::Secret(_) | Self::NotADirectory(_) | Self::Engine(_) => 2,
            Self::Store(error) => error.exit_code(),
            Self::Output(_) => 1,
        }
    }
}

/// Settles and checks everything that `serve` would be told, and prints it. Creates nothing, connects to
/// nothing.
///
/// # Errors
/// The first thing for which `serve` would stop.
pub fn check(
    args: &CheckArgs,
    environment: &Environment,
    describe: Describe,
    out: &mut impl Write,
) -> Result<(), CheckError> {
    let resolved = resolve(&args.serve, environment)?;
    let component = describe(&resolved.component).map_err(CheckError::Engine)?;
    let report = Report { component, ..Report::of(&resolved)? };
    if args.json {
        serde_json::to_writer(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        report.print(out)?;
    }
    Ok(())
}

/// What was found: sentences for people, names as in the configuration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    relay_url: String,
    listen: String,
    data_dir: String,
    store: &'static str,
    token: String,
    secret: String,
    control: String,
    context: String,
    menu: Vec<String>,
    bufferable: Vec<String>,
    limits: String,
    times: String,
    log: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
}

impl Report {
    fn of(resolved: &Resolved) -> Result<Self, CheckError> {
        let settings = &resolved.settings;
        let core = &settings.core;
        let context: Vec<_> = core.context.iter().map(|(flag, value)| format!("{flag}={value}")).collect();
        Ok(Self {
            relay_url: settings.relay.to_string(),
            listen: listen(settings),
            data_dir: data_dir(settings)?,
            store: store(settings)?,
            token: token(&settings.token)?,
            secret: secret(&settings.secret)?,
            control: control(&settings.control),
            context: context.join(" "),
            menu: core.rules.iter().map(rule).collect(),
            bufferable: core.bufferable.clone(),
            limits: limits(settings),
            times: times(settings),
            log: format!("{:?}, from {} on", resolved.log.format, resolved.log.level).to_lowercase(),
            component: None,
            notes: notes(settings),
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let lines = [
            ("relay-url", self.relay_url.as_str()),
            ("listen", &self.listen),
            ("data-dir", &self.data_dir),
            ("store", self.store),
            ("token", &self.token),
            ("secret", &self.secret),
            ("control", &self.control),
            ("context", &self.context),
            ("bufferable", &self.bufferable.join(", ")),
            ("limits", &self.limits),
            ("times", &self.times),
            ("log", &self.log),
        ];
        let menu = self.menu.iter().map(|rule| ("menu", rule.as_str()));
        let notes = self.notes.iter().map(|note| ("note", *note));
        let component = self.component.iter().map(|component| ("component", component.as_str()));
        for (name, line) in lines.into_iter().chain(component).chain(menu).chain(notes) {
            writeln!(out, "{name:<11} {line}")?;
        }
        Ok(())
    }
}

fn listen(settings: &Settings) -> String {
    match settings.listen.port() {
        0 => format!("{}, any free port", settings.listen.ip()),
        _ => settings.listen.to_string(),
    }
}

fn data_dir(settings: &Settings) -> Result<String, CheckError> {
    let shown = settings.data_dir.display().to_string();
    match settings.data_dir.metadata() {
        Ok(found) if found.is_dir() => Ok(shown),
        Ok(_) => Err(CheckError::NotADirectory(shown)),
        Err(_) => Ok(format!("{shown}, will be created")),
    }
}

fn store(settings: &Settings) -> Result<&'static str, CheckError> {
    let found = inspect(&DataPaths::new(&settings.data_dir).store_path())?;
    Ok(if found { "there, looks sound" } else { "will be created" })
}

fn token(origin: &TokenOrigin) -> Result<String, CheckError> {
    let there = TokenSource::open(origin)?.current().is_some();
    Ok(match origin {
        TokenOrigin::File(path) if there => format!("from the file {}", path.display()),
        TokenOrigin::File(path) => format!("from the file {}, which has none yet", path.display()),
        TokenOrigin::Environment(_) => "from RELAY_TOKEN".into(),
        TokenOrigin::None => "none: the relay is called without one".into(),
    })
}

fn secret(origin: &SecretOrigin) -> Result<String, CheckError> {
    let there = existing_secret(origin)?.is_some();
    Ok(match origin {
        SecretOrigin::File(path) if there => format!("from the file {}", path.display()),
        SecretOrigin::File(path) => format!("will be created in the file {}", path.display()),
        SecretOrigin::Environment(_) => "from RELAY_MCP_PROXY_SECRET".into(),
    })
}

fn control(address: &ControlAddress) -> String {
    match address {
        ControlAddress::Unix(path) => format!("unix:{}", path.display()),
        ControlAddress::Tcp(address) => address.to_string(),
        ControlAddress::None => "none".into(),
    }
}

fn rule(rule: &relay_mcp_core::MenuRule) -> String {
    let tools: Vec<_> = rule.tools.iter().map(ToString::to_string).collect();
    format!("{} only with {}", tools.join(", "), rule.needs)
}

fn limits(settings: &Settings) -> String {
    let (http, core) = (&settings.http, &settings.core.limits);
    format!(
        "request head {} bytes, body {} bytes, {} requests, {} bytes of them at once, {} connections, {} streams; \
         outbox {} entries, {} bytes",
        http.max_header_bytes,
        http.max_body_bytes,
        http.max_requests,
        http.max_inflight_bytes,
        http.max_connections,
        core.streams,
        core.outbox_entries,
        core.outbox_bytes
    )
}

fn times(settings: &Settings) -> String {
    let (http, core) = (&settings.http, &settings.core);
    format!(
        "request head {}, body {}; relay {}, calls {}; keepalive {}; grace {}",
        show(&http.head_timeout),
        show(&http.body_timeout),
        show(&core.relay_timeout),
        show(&core.call_timeout),
        show(&core.keepalive),
        show(&settings.grace)
    )
}

fn notes(settings: &Settings) -> Vec<&'static str> {
    let host = settings.relay.host().unwrap_or_default();
    let clear = settings.relay.scheme_str() == Some("http") && !relay_mcp_core::door::is_loopback(host);
    let with_token = !matches!(settings.token, TokenOrigin::None);
    let note = "the relay token crosses the network unencrypted: use an https URL";
    [note].into_iter().filter(|_| clear && with_token).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn data_dir(&self) -> std::path::PathBuf {
            self.0.path().join("data")
        }

        fn check(&self, flags: &[&str]) -> Result<String, CheckError> {
            let data_dir = format!("--data-dir={}", self.data_dir().display());
            let words = ["x", "check", "--relay-url=http://relay.example", &data_dir].into_iter();
            let cli = Cli::try_parse_from(words.chain(flags.iter().copied())).unwrap();
            let Command::Check(args) = cli.command else { panic!("not check") };
            let mut out = Vec::new();
            let variables = [("RELAY_TOKEN".to_owned(), "hush")];
            check(&args, &variables.into_iter().collect(), |given| given.refuse().map(|()| None), &mut out)?;
            Ok(String::from_utf8(out).unwrap())
        }
    }

    fn place() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    #[test]
    fn b_10_check_says_what_serve_would_do_and_creates_nothing() {
        let place = place();
        let said = place.check(&[]).unwrap();
        for line in [
            "relay-url   http://relay.example/api/mcp\n",
            "listen      127.0.0.1, any free port\n",
            "store       will be created\n",
            "token       from RELAY_TOKEN\n",
            "context     isolatedWorktree=false\n",
            "note        the relay token crosses the network unencrypted",
        ] {
            assert!(said.contains(line), "{line}{said}");
        }
        assert!(!said.contains("hush"));
        assert!(!place.data_dir().exists());
        let json: serde_json::Value = serde_json::from_str(&place.check(&["--json"]).unwrap()).unwrap();
        assert_eq!(json["bufferable"][0], "relay_reply");
    }

    #[test]
    fn b_10_check_ends_with_the_exit_code_that_serve_would_end_with() {
        let place = place();
        assert_eq!(place.check(&["--listen=x"]).unwrap_err().exit_code(), 2);
        assert_eq!(place.check(&["--component-memory=64MiB"]).unwrap_err().exit_code(), 2);
        std::fs::write(place.data_dir(), "").unwrap();
        assert_eq!(place.check(&[]).unwrap_err().exit_code(), 2);
        std::fs::remove_file(place.data_dir()).unwrap();
        std::fs::create_dir(place.data_dir()).unwrap();
        std::fs::write(place.data_dir().join("store.sqlite3"), "not a store").unwrap();
        assert_eq!(place.check(&[]).unwrap_err().exit_code(), 4);
        std::fs::write(place.data_dir().join("token"), "to ken").unwrap();
        let token = format!("--token-file={}", place.data_dir().join("token").display());
        std::fs::remove_file(place.data_dir().join("store.sqlite3")).unwrap();
        let error = place.check(&[&token]).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().contains("chmod 600")), (2, true), "{error}");
    }
}
