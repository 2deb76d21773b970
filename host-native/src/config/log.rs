use tracing::level_filters::LevelFilter;

use super::ConfigError;
use super::layers::{Layers, given};
use crate::telemetry::logs::LogFormat;

/// The log on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its form.
    pub format: LogFormat,
    /// The least that is logged.
    pub level: LevelFilter,
}

pub(super) fn log(layers: &Layers<'_>) -> Result<Log, ConfigError> {
    let format = given!(layers.text, "log", log)?;
    let level = given!(layers.text, "log-level", log_level)?;
    Ok(Log {
        format: format.map_or(Ok(LogFormat::Text), |given| {
            given.read(|text| text.parse().map_err(|_| format!("{text:?} is neither text nor json")))
        })?,
        level: level.map_or(Ok(LevelFilter::INFO), |given| given.read(|text| log_level(text)))?,
    })
}

fn log_level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        "off" => Ok(LevelFilter::OFF),
        _ => Err(format!("{text:?} is none of error, warn, info, debug, trace and off")),
    }
}
