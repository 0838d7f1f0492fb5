//! Logs and metrics of the process. The log's level can be changed while it runs; metrics are in `metrics`.

#[cfg(test)]
mod chart_tests;
mod metrics;

use std::{fmt::Display, io::IsTerminal};

use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

pub use metrics::Metrics;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A log filter cannot be used.
#[derive(thiserror::Error, Debug)]
#[error(
    "the log level {filter:?} cannot be used ({message}): write error, warn, info, debug, trace, or target=level pairs"
)]
pub struct LogLevelError {
    filter: String,
    message: String,
}

/// Reads and changes the log's level.
#[derive(Clone, Debug)]
pub struct LogLevel {
    handle: reload::Handle<EnvFilter, Registry>,
}

impl LogLevel {
    /// A level that nothing listens to.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        let (_, handle) = reload::Layer::new(EnvFilter::default());
        Self { handle }
    }

    /// The filter in force.
    #[must_use]
    pub fn get(&self) -> String {
        self.handle
            .with_current(ToString::to_string)
            .unwrap_or_default()
    }

    /// Puts another filter in force.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub fn set(&self, filter: &str) -> Result<(), LogLevelError> {
        self.handle
            .reload(parse(filter)?)
            .map_err(|error| refuse(filter, &error))
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LogLevelError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| refuse(filter, &error))
}

fn refuse(filter: &str, message: &dyn Display) -> LogLevelError {
    LogLevelError {
        filter: filter.to_owned(),
        message: message.to_string(),
    }
}

/// Starts logging to standard error.
///
/// # Errors
/// When the filter cannot be parsed, or logging was started before.
pub fn start(format: LogFormat, filter: &str) -> Result<LogLevel, LogLevelError> {
    let (layer, handle) = reload::Layer::new(parse(filter)?);
    let registry = tracing_subscriber::registry().with(layer);
    let colours = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let started = match format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| refuse(filter, &error))?;
    Ok(LogLevel { handle })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_can_be_changed_and_a_wrong_one_leaves_the_old_in_force() {
        let (layer, handle) = reload::Layer::new(parse("info").expect("a level"));
        let _subscriber = tracing_subscriber::registry().with(layer);
        let level = LogLevel { handle };
        level.set("warn,flashjob_operator=debug").expect("a filter");
        let error = level.set("flashjob_operator=loud").expect_err("no level");
        assert!(error.to_string().contains("flashjob_operator=loud"));
        assert!(level.get().contains("flashjob_operator=debug"));
    }
}
