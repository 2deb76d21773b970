//! The TOML file of `--config`: the flags' names in kebab-case, and what has no flag: `[[menu]]` and
//! `[context]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::ConfigError;

/// What the file says. There is no place for a token or a secret in it, only for where they are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) relay_url: Option<Text>,
    pub(super) listen: Option<Text>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) control: Option<Text>,
    pub(super) isolated_worktree: Option<bool>,
    pub(super) bufferable: Option<Vec<String>>,
    pub(super) max_body_bytes: Option<Text>,
    pub(super) max_header_bytes: Option<Text>,
    pub(super) head_timeout: Option<Text>,
    pub(super) body_timeout: Option<Text>,
    pub(super) max_requests: Option<Text>,
    pub(super) max_inflight_bytes: Option<Text>,
    pub(super) max_connections: Option<Text>,
    pub(super) max_streams: Option<Text>,
    pub(super) outbox_max_entries: Option<Text>,
    pub(super) outbox_max_bytes: Option<Text>,
    pub(super) relay_timeout: Option<Text>,
    pub(super) call_timeout: Option<Text>,
    pub(super) keepalive: Option<Text>,
    pub(super) grace: Option<Text>,
    pub(super) allow_host: Option<Vec<String>>,
    pub(super) allow_origin: Option<Vec<String>>,
    pub(super) allow_remote: Option<bool>,
    pub(super) component: Option<PathBuf>,
    pub(super) component_step_time: Option<Text>,
    pub(super) component_memory: Option<Text>,
    pub(super) component_table_elements: Option<Text>,
    pub(super) component_instances: Option<Text>,
    pub(super) log: Option<Text>,
    pub(super) log_level: Option<Text>,
    pub(super) context: Option<BTreeMap<String, bool>>,
    pub(super) menu: Option<Vec<Rule>>,
}

/// A rule of the menu (B-4.1).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) tools: Vec<String>,
    pub(super) needs: String,
}

/// A value as the command line would have it; a whole number may stand without quotes.
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a string or a whole number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, has an unknown key, or a value of another type.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| refusal(path, &text, &error))
    }
}

fn refusal(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    ConfigError::File {
        path: path.to_owned(),
        line: line + 1,
        text: without_value(text.lines().nth(line).unwrap_or_default()).to_owned(),
        reason: error.message().to_owned(),
    }
}

/// The key of a line, or its heading. Its value is not shown: it may be a token that somebody put there (B-8.2).
fn without_value(line: &str) -> &str {
    let line = line.trim();
    match line.split_once('=') {
        Some((key, _)) => key.trim_end(),
        None if line.starts_with('[') => line,
        None => "…",
    }
}
