//! Log lines: structured events on stderr, as text or JSON, one event a line (B-8.2).

use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::one_line::OneLine;
use super::together::{Stderr, write_before_a_panic};

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: `time LEVEL target: message field="value"`.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = LogsError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogsError::Format(name.to_owned())),
        }
    }
}

/// Why the logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The format has no such name.
    #[error("`{0}` is no log format: use text or json")]
    Format(String),
    /// The filter cannot be read.
    #[error(
        "`{filter}` is no log filter ({source}): use a level (error, warn, info, debug, trace) \
         or target=level pairs, separated by commas"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another part of the process set its own logs up before.
    #[error("the logs of this process are set up already")]
    Taken,
}

/// Sends the process's log lines to stderr. The filter is a level such as `info`, or pairs such as
/// `info,relay_mcp_host_native=debug`.
///
/// # Errors
/// When the filter cannot be read, or when the logs were set up before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogsError> {
    let logs = subscriber(format, filter, || OneLine(Stderr))?;
    tracing::subscriber::set_global_default(logs).map_err(|_| LogsError::Taken)?;
    write_before_a_panic();
    Ok(())
}

fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogsError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)
        .map_err(|source| LogsError::Filter { filter: filter.to_owned(), source })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .log_internal_errors(false);
    Ok(match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, act: impl FnOnce()) -> String {
        let paper = Paper::default();
        let ink = paper.clone();
        let logs = subscriber(format, filter, move || OneLine(ink.clone())).unwrap();
        tracing::subscriber::with_default(logs, act);
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn b_8_2_a_value_cannot_forge_a_log_line() {
        let evil = "x\n2026-01-01 ERROR forged \u{1b}[2J";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, "info", || tracing::info!(field = evil, %evil, "message {evil}"));
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn b_8_2_json_lines_are_json_objects() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::warn!(key = "k\n\u{1b}\u{9b}\u{202e}1", "the relay is away")
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["key"], "k\n\u{1b}\u{9b}\u{202e}1");
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text}");
        assert_eq!(line["message"], "the relay is away");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let act = || {
            tracing::debug!("quiet");
            tracing::warn!("loud");
        };
        let text = logged(LogFormat::Text, "warn", act);
        assert!(text.contains("loud") && !text.contains("quiet"), "{text}");
    }

    #[test]
    fn a_bad_filter_or_format_is_named_in_the_error() {
        let error = subscriber(LogFormat::Text, "relay=loud", io::sink).err().unwrap().to_string();
        assert!(error.starts_with("`relay=loud` is no log filter"), "{error}");
        let error = "xml".parse::<LogFormat>().unwrap_err().to_string();
        assert_eq!(error, "`xml` is no log format: use text or json");
    }
}
