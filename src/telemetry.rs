//! Logs and metrics of the process. The log's level can be changed while it runs; metrics are in `metrics`.

#[cfg(test)]
mod chart_tests;
mod filter;
mod lines;
mod metrics;

use std::{fmt::Display, io::IsTerminal};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use self::lines::Lines;

pub use filter::LogLevelError;
pub use metrics::Metrics;

/// Target of the lines that hold receipts of flashes.
pub const RECEIPTS: &str = "receipts";
/// What no filter keeps out of the log: receipts are nowhere else.
const ALWAYS: &str = "receipts=info";

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
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
        let filter = self.handle.with_current(ToString::to_string);
        let filter = filter.unwrap_or_default();
        let asked = filter.split(',').filter(|part| *part != ALWAYS);
        asked.collect::<Vec<_>>().join(",")
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

/// The filter, if it can be used.
///
/// # Errors
/// When a part of it is not a level, and does not give one.
pub fn log_filter(filter: &str) -> Result<String, LogLevelError> {
    filter::check(filter)
}

fn parse(filter: &str) -> Result<EnvFilter, LogLevelError> {
    let checked = filter::check(filter)?;
    EnvFilter::builder()
        .parse(format!("{checked},{ALWAYS}"))
        .map_err(|error| refuse(filter, &error))
}

fn refuse(filter: &str, message: &dyn Display) -> LogLevelError {
    LogLevelError::Refused {
        filter: filter.to_owned(),
        message: message.to_string(),
    }
}

/// Where the client library logs answers that it could not read, word for word: the answer about a release Secret is its record.
const WHOLE_ANSWERS: &str = "kube_client::client";
/// Where it logs as errors that some request failed, without saying which.
const ERRORS_OF_REQUESTS: &str = "kube_client::client::builder";

/// Whether an event may be logged at all. What went wrong with a request is in the error that its caller gets and reports.
fn may_be_logged(event: &Metadata<'_>) -> bool {
    let repeats = event.target() == ERRORS_OF_REQUESTS && *event.level() == Level::ERROR;
    event.target() != WHOLE_ANSWERS && !repeats
}

/// Starts logging to standard error.
///
/// # Errors
/// When the filter cannot be parsed, or logging was started before.
pub fn start(format: LogFormat, filter: &str) -> Result<LogLevel, LogLevelError> {
    let colours = std::io::stderr().is_terminal();
    let (subscriber, level) = subscriber(format, filter, colours, std::io::stderr)?;
    subscriber
        .try_init()
        .map_err(|error| refuse(filter, &error))?;
    Ok(level)
}

/// Writes to `out` what the filter lets through, but for what no filter may.
fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    colours: bool,
    out: W,
) -> Result<(Box<dyn Subscriber + Send + Sync>, LogLevel), LogLevelError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (layer, handle) = reload::Layer::new(parse(filter)?);
    let registry = tracing_subscriber::registry()
        .with(layer)
        .with(filter_fn(may_be_logged));
    let lines = fmt::layer()
        .with_writer(Lines::new(out, format, colours))
        .with_ansi(colours);
    let subscriber: Box<dyn Subscriber + Send + Sync> = match format {
        LogFormat::Text => Box::new(registry.with(lines)),
        LogFormat::Json => {
            Box::new(registry.with(lines.json().flatten_event(true).with_current_span(false)))
        }
    };
    Ok((subscriber, LogLevel { handle }))
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        io,
        sync::{Arc, Mutex},
    };

    use k8s_openapi::api::core::v1::Secret;
    use kube::{Api, Client, client::Body};
    use tower::service_fn;

    use super::*;
    use crate::display;

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("a log").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[rstest::rstest]
    #[case::json(LogFormat::Json, false)]
    #[case::text(LogFormat::Text, false)]
    #[case::coloured(LogFormat::Text, true)]
    fn what_others_wrote_is_one_line_of_the_log_and_tells_a_terminal_nothing(
        #[case] format: LogFormat,
        #[case] colours: bool,
    ) {
        let kept = Kept::default();
        let out = kept.clone();
        let (log, _level) =
            subscriber(format, "info", colours, move || out.clone()).expect("a log");
        let foreign = "0.1\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\nINFO forged";
        tracing::subscriber::with_default(log, || {
            tracing::info!(device = foreign, error = %foreign, "flash ended: {foreign}");
        });
        let logged = String::from_utf8(kept.0.lock().expect("a log").clone()).expect("text");
        let line = logged.strip_suffix('\n').expect("a line");
        // The colours of the formatter itself.
        let line = if colours {
            line.replace("\u{1b}[", "")
        } else {
            line.to_owned()
        };
        assert!(!line.chars().any(display::is_hidden), "{line:?}");
        assert!(line.contains("owned"), "{line}");
        if format == LogFormat::Json {
            let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(event["device"], foreign, "the same text for a program");
        }
    }

    #[rstest::rstest]
    #[case::text(LogFormat::Text)]
    #[case::json(LogFormat::Json)]
    fn an_event_names_the_spans_that_it_is_in_at_every_level(#[case] format: LogFormat) {
        let kept = Kept::default();
        let out = kept.clone();
        let (log, _level) = subscriber(format, "warn", false, move || out.clone()).expect("a log");
        tracing::subscriber::with_default(log, || {
            let _pass = tracing::error_span!("pass", job = "lab/lamps").entered();
            let _step = tracing::error_span!("step", uuid = "7e4a", round = 2).entered();
            tracing::warn!(reason = "Timeout", "step failed");
        });
        let logged = String::from_utf8(kept.0.lock().expect("a log").clone()).expect("text");
        if format == LogFormat::Text {
            let spans = r#"pass{job="lab/lamps"}:step{uuid="7e4a" round=2}:"#;
            assert!(logged.contains(spans), "{logged}");
            return;
        }
        let event: serde_json::Value = serde_json::from_str(&logged).expect("JSON");
        assert_eq!(event["spans"][0]["job"], "lab/lamps");
        assert_eq!(event["spans"][1]["uuid"], "7e4a");
        assert_eq!(event["span"], serde_json::Value::Null, "said once");
    }

    /// What is logged at `trace` about a request for a Secret that fails.
    async fn logged(client: Client) -> String {
        let kept = Kept::default();
        let out = kept.clone();
        let (log, _level) =
            subscriber(LogFormat::Json, "trace", false, move || out.clone()).expect("a log");
        let _log = tracing::subscriber::set_default(log);
        let secrets: Api<Secret> = Api::default_namespaced(client);
        let error = secrets.get("one").await.expect_err("no Secret");
        tracing::warn!(%error, "what the operator says of it");
        let logged = kept.0.lock().expect("a log").clone();
        let logged = String::from_utf8(logged).expect("text");
        assert!(logged.contains("what the operator says of it"), "{logged}");
        logged
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_in_no_log_whatever_the_level() {
        let garbled = service_fn(|_: http::Request<Body>| async {
            let answer = br#"{"data": {"release": "c2VjcmV0"}, "type": [}"#;
            Ok::<_, Infallible>(http::Response::new(Body::from(answer.to_vec())))
        });
        let logged = logged(Client::new(garbled, "lab")).await;
        assert!(!logged.contains("c2VjcmV0"), "{logged}");
    }

    #[tokio::test]
    async fn a_request_that_fails_is_logged_by_who_made_it_alone() {
        let nobody = "http://127.0.0.1:1".parse().expect("an address");
        let mut config = kube::Config::new(nobody);
        config.default_retry = false;
        let client = Client::try_from(config).expect("a client");
        let logged = logged(client).await;
        assert!(!logged.contains("ERROR"), "{logged}");
    }

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
