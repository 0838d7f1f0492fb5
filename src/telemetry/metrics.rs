//! What the operator counts. Labels are words from closed sets, never names of objects.
//!
//! Written by `cluster` and the controllers, read by `http`.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

type Word = Cow<'static, str>;
type Labels<const N: usize> = [(&'static str, Word); N];

/// Every metric of the process; a clone is the same metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    reconciles: Family<Labels<1>, Counter>,
    reconcile_seconds: Histogram,
    devices: Family<Labels<2>, Gauge>,
    flash_seconds: Family<Labels<1>, Histogram>,
    api_writes: Family<Labels<3>, Counter>,
    releases: Family<Labels<3>, Counter>,
    watch_failures: Family<Labels<1>, Counter>,
    leader: Gauge,
    status_bytes: Counter,
    started: Gauge<f64, AtomicU64>,
}

fn word(key: &'static str, value: impl Into<Word>) -> (&'static str, Word) {
    (key, value.into())
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            devices: Family::default(),
            flash_seconds: Family::new_with_constructor(|| {
                Histogram::new([
                    5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0,
                ])
            }),
            api_writes: Family::default(),
            releases: Family::default(),
            watch_failures: Family::default(),
            leader: Gauge::default(),
            status_bytes: Counter::default(),
            started: Gauge::default(),
        };
        let mut registry = Registry::with_prefix("flashjob");
        metrics.register(&mut registry);
        *metrics.registry() = registry;
        metrics
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        let mut counted = |name: &str, help: &str, family: &dyn Fn(&mut Registry, &str, &str)| {
            family(registry, name, help);
        };
        counted("reconciles", "Reconciles by outcome", &|r, n, h| {
            r.register(n, h, self.reconciles.clone());
        });
        counted("devices", "Devices by phase and reason", &|r, n, h| {
            r.register(n, h, self.devices.clone());
        });
        counted(
            "api_writes",
            "Writes to the API server by verb, kind and outcome",
            &|r, n, h| {
                r.register(n, h, self.api_writes.clone());
            },
        );
        counted(
            "release_operations",
            "Release operations by engine, operation and outcome",
            &|r, n, h| {
                r.register(n, h, self.releases.clone());
            },
        );
        counted("watch_failures", "Failed watches by kind", &|r, n, h| {
            r.register(n, h, self.watch_failures.clone());
        });
        counted("leader", "1 while this process leads", &|r, n, h| {
            r.register(n, h, self.leader.clone());
        });
        registry.register_with_unit(
            "status_written",
            "Size of all status writes",
            Unit::Bytes,
            self.status_bytes.clone(),
        );
        registry.register_with_unit(
            "reconcile",
            "Duration of a reconcile",
            Unit::Seconds,
            self.reconcile_seconds.clone(),
        );
        registry.register_with_unit(
            "flash",
            "Duration of a flash by outcome, from the Pod's start to its end",
            Unit::Seconds,
            self.flash_seconds.clone(),
        );
        registry.register_with_unit(
            "start_time",
            "When the process started, since the epoch",
            Unit::Seconds,
            self.started.clone(),
        );
        registry.register(
            "build",
            "Version of the operator",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A reconcile ended.
    pub fn reconciled(&self, outcome: &'static str, took: Duration) {
        self.reconciles
            .get_or_create(&[word("outcome", outcome)])
            .inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// All devices by phase and reason: replaces what was known.
    pub fn devices(&self, counts: impl IntoIterator<Item = (&'static str, &'static str, i64)>) {
        self.devices.clear();
        for (phase, reason, count) in counts {
            self.devices
                .get_or_create(&[word("phase", phase), word("reason", reason)])
                .set(count);
        }
    }

    /// A flash ended.
    pub fn flashed(&self, outcome: &'static str, took: Duration) {
        self.flash_seconds
            .get_or_create(&[word("outcome", outcome)])
            .observe(took.as_secs_f64());
    }

    /// A write was sent to the API server, or refused before.
    pub fn api_write(&self, verb: &'static str, kind: &str, outcome: &'static str) {
        let labels = [
            word("verb", verb),
            word("kind", kind.to_owned()),
            word("outcome", outcome),
        ];
        self.api_writes.get_or_create(&labels).inc();
    }

    /// An engine installed, upgraded or uninstalled a release.
    pub fn release(&self, engine: &'static str, operation: &'static str, outcome: &'static str) {
        let labels = [
            word("engine", engine),
            word("operation", operation),
            word("outcome", outcome),
        ];
        self.releases.get_or_create(&labels).inc();
    }

    /// A watch failed and tries again.
    pub fn watch_failed(&self, kind: &'static str) {
        self.watch_failures
            .get_or_create(&[word("kind", kind)])
            .inc();
    }

    /// Whether this process leads.
    pub fn leading(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// A status of this many bytes was sent.
    pub fn status_written(&self, bytes: usize) {
        self.status_bytes.inc_by(bytes as u64);
    }

    /// When the process started.
    pub fn started(&self, time: jiff::Timestamp) {
        self.started.set(time.as_duration().as_secs_f64());
    }

    /// All metrics as text.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry())?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown() {
        let metrics = Metrics::default();
        metrics.reconciled("ok", Duration::from_millis(3));
        metrics.clone().api_write("create", "Pod", "ok");
        metrics.release("native", "install", "ok");
        metrics.flashed("Succeeded", Duration::from_secs(42));
        metrics.leading(true);
        metrics.status_written(10);
        let text = metrics.encode().expect("text");
        for line in [
            r#"flashjob_reconciles_total{outcome="ok"} 1"#,
            r#"flashjob_api_writes_total{verb="create",kind="Pod",outcome="ok"} 1"#,
            r#"flashjob_release_operations_total{engine="native",operation="install",outcome="ok"} 1"#,
            r#"flashjob_flash_seconds_bucket{le="60.0",outcome="Succeeded"} 1"#,
            "flashjob_leader 1",
            "flashjob_status_written_bytes_total 10",
            concat!(
                r#"flashjob_build_info{version=""#,
                env!("CARGO_PKG_VERSION"),
                r#""} 1"#
            ),
        ] {
            assert!(text.lines().any(|one| one == line), "{line} not in\n{text}");
        }
    }

    #[test]
    fn a_phase_without_devices_disappears() {
        let metrics = Metrics::default();
        metrics.devices([("Flashing", "Flashing", 3)]);
        metrics.devices([("Succeeded", "FirmwareSent", 3)]);
        let text = metrics.encode().expect("text");
        assert!(text.contains(r#"flashjob_devices{phase="Succeeded",reason="FirmwareSent"} 3"#));
        assert!(!text.contains("Flashing"));
    }
}
