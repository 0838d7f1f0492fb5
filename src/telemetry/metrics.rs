//! What the operator counts. Labels are words from closed sets, never names of objects.
//!
//! Written by `cluster` and the controllers, read by `http`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
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

use crate::identifiers::JobUid;

type Word = Cow<'static, str>;
type Labels<const N: usize> = [(&'static str, Word); N];

/// Devices by phase and reason.
type Devices = BTreeMap<(&'static str, &'static str), i64>;

/// Every metric of the process; a clone is the same metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    reconciles: Family<Labels<1>, Counter>,
    reconcile_seconds: Histogram,
    devices: Family<Labels<2>, Gauge>,
    /// What each job adds to `devices`, by its uid.
    shares: Arc<Mutex<HashMap<JobUid, Devices>>>,
    verdicts: Family<Labels<2>, Counter>,
    flash_seconds: Family<Labels<1>, Histogram>,
    firmware_lookup_seconds: Family<Labels<1>, Histogram>,
    api_writes: Family<Labels<3>, Counter>,
    releases: Family<Labels<3>, Counter>,
    watch_failures: Family<Labels<1>, Counter>,
    unsealed: Family<Labels<1>, Counter>,
    refused_settings: Family<Labels<1>, Gauge>,
    leader: Gauge,
    other_operators: Family<Labels<1>, Gauge>,
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
            shares: Arc::default(),
            verdicts: Family::default(),
            flash_seconds: Family::new_with_constructor(|| {
                Histogram::new([
                    5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0,
                ])
            }),
            firmware_lookup_seconds: Family::new_with_constructor(|| {
                Histogram::new([0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0])
            }),
            api_writes: Family::default(),
            releases: Family::default(),
            watch_failures: Family::default(),
            unsealed: Family::default(),
            refused_settings: Family::default(),
            leader: Gauge::default(),
            other_operators: Family::default(),
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
        registry.register(
            "reconciles",
            "Reconciles by outcome",
            self.reconciles.clone(),
        );
        registry.register(
            "devices",
            "Devices of unfinished jobs by phase and reason",
            self.devices.clone(),
        );
        registry.register(
            "verdicts",
            "Devices whose end was stored, by phase and reason",
            self.verdicts.clone(),
        );
        registry.register(
            "api_writes",
            "Writes to the API server by verb, kind and outcome",
            self.api_writes.clone(),
        );
        registry.register(
            "release_operations",
            "Release operations by engine, operation and outcome",
            self.releases.clone(),
        );
        registry.register(
            "watch_failures",
            "Failed watches by kind",
            self.watch_failures.clone(),
        );
        registry.register(
            "unsealed_objects",
            "Objects with the operator's labels and without its seal that were seen, by kind",
            self.unsealed.clone(),
        );
        registry.register(
            "refused_settings",
            "What administrators set and cannot be used: the values for all devices, and classes",
            self.refused_settings.clone(),
        );
        registry.register("leader", "1 while this process leads", self.leader.clone());
        registry.register(
            "other_operators",
            "Other operators in this cluster, by how they were seen",
            self.other_operators.clone(),
        );
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
            "firmware_lookup",
            "Duration of a look at the firmware of a round in its registry, by outcome",
            Unit::Seconds,
            self.firmware_lookup_seconds.clone(),
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

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many other operators were seen that way: `leader` of another namespace, or the `original`.
    pub fn other_operators(&self, seen: &'static str, count: usize) {
        let gauge = self.other_operators.get_or_create(&[word("seen", seen)]);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A reconcile ended.
    pub fn reconciled(&self, outcome: &'static str, took: Duration) {
        self.reconciles
            .get_or_create(&[word("outcome", outcome)])
            .inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// Where the devices of one job stand: replaces what was known of this job. Costs as much as the job has places.
    pub fn devices(&self, job_uid: &JobUid, share: Devices) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        for ((phase, reason), count) in &share {
            self.devices
                .get_or_create(&[word("phase", *phase), word("reason", *reason)])
                .inc_by(*count);
        }
        let before = if share.is_empty() {
            shares.remove(job_uid)
        } else {
            shares.insert(job_uid.clone(), share)
        };
        for ((phase, reason), count) in before.unwrap_or_default() {
            let labels = [word("phase", phase), word("reason", reason)];
            // After the new ones were added: zero means that no job has any there.
            let left = self.devices.get_or_create(&labels).dec_by(count) - count;
            if left == 0 {
                self.devices.remove(&labels);
            }
        }
    }

    /// A job is gone, and its devices with it.
    pub fn forget_devices(&self, job_uid: &JobUid) {
        self.devices(job_uid, Devices::new());
    }

    /// Verdicts were stored.
    pub fn verdicts(&self, stored: Devices) {
        for ((phase, reason), count) in stored {
            self.verdicts
                .get_or_create(&[word("phase", phase), word("reason", reason)])
                .inc_by(u64::try_from(count).unwrap_or(0));
        }
    }

    /// Shows verdicts that there were none of: the first is an increase then.
    pub fn expect_verdicts(
        &self,
        phase: &'static str,
        reasons: impl IntoIterator<Item = &'static str>,
    ) {
        self.verdicts(
            reasons
                .into_iter()
                .map(|reason| ((phase, reason), 0))
                .collect(),
        );
    }

    /// A flash ended.
    pub fn flashed(&self, outcome: &'static str, took: Duration) {
        self.flash_seconds
            .get_or_create(&[word("outcome", outcome)])
            .observe(took.as_secs_f64());
    }

    /// The registry of a round's firmware was asked what it serves and who signed it.
    pub fn firmware_looked_up(&self, outcome: &'static str, took: Duration) {
        self.firmware_lookup_seconds
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

    /// An object that claims to be the operator's and is not was seen for the first time.
    pub fn unsealed(&self, kind: &'static str) {
        self.unsealed.get_or_create(&[word("kind", kind)]).inc();
    }

    /// So much of what administrators set cannot be used: `values` for all devices, or `flashclass`.
    pub fn refused_settings(&self, setting: &'static str, count: usize) {
        let gauge = self
            .refused_settings
            .get_or_create(&[word("setting", setting)]);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
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
mod tests;
