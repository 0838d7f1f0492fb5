//! Other operators in the cluster: a Lease is of one namespace, so nothing else keeps two of them, or this one and the original, from
//! flashing a device at the same time. Called around the election.
//!
//! As in the election, nobody's clock is read: a foreign Lease counts until this process has seen it unchanged for its duration.

use std::{collections::BTreeMap, convert::Infallible, fmt, time::Duration};

use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::{Lease, LeaseSpec},
};
use kube::{ResourceExt, api::ObjectMeta};
use tokio::{
    sync::watch as signal,
    time::{Instant, sleep},
};

use crate::{
    cluster::{
        ApiError, Others, Traces, clock,
        lease::{Decision, Observed, decide, holder},
    },
    http::Readiness,
    names,
    telemetry::Metrics,
};

/// Between two looks while another operator is in the way.
const PAUSE: Duration = Duration::from_secs(2);
/// Between two looks of a process that leads or stands by.
const WATCH_PERIOD: Duration = Duration::from_secs(30);
/// How often the same is logged again.
const REMINDER: Duration = Duration::from_mins(1);
/// Longest duration of a Lease that is believed: whoever may write Leases may write any.
const LONGEST_LEASE: i32 = 120;
/// Most of a holder's name that is shown, in characters.
const LONGEST_HOLDER: usize = 128;
/// The duration of a Lease that names none.
const USUAL_LEASE: Duration = Duration::from_secs(15);
/// Environment variable that only the original operator has.
const ORIGINAL_VARIABLE: &str = "FLASHJOB_IMAGE";
/// Every namespace, among those that are ignored.
const ALL: &str = "*";

/// Another operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rival {
    /// It holds the leader election Lease of another namespace.
    Leader {
        /// The namespace.
        namespace: String,
        /// Who holds it: for most operators the name of a Pod and a random part.
        holder: String,
    },
    /// The original operator's Deployment is scaled up.
    Original {
        /// Its namespace.
        namespace: String,
        /// How many Pods it is to have.
        replicas: i32,
    },
}

impl fmt::Display for Rival {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader { namespace, holder } => write!(
                out,
                "Lease {namespace}/{} is held by {holder:?}: scale the Deployment of that Pod to 0, or uninstall it (kubectl get \
                 deployments -n {namespace}); what nobody renews is believed for two minutes at most",
                names::LEASE
            ),
            Self::Original {
                namespace,
                replicas,
            } => {
                let name = names::ORIGINAL_DEPLOYMENT;
                write!(
                    out,
                    "the original operator's Deployment {namespace}/{name} has {replicas} replicas: kubectl scale deployment -n \
                     {namespace} {name} --replicas=0",
                )
            }
        }
    }
}

/// What stands in the way of leading.
struct InTheWay<'a>(&'a [Rival]);

impl fmt::Display for InTheWay<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(
            "another operator is at work in this cluster, and two would flash a device at the same time; this one begins when it is gone",
        )?;
        for rival in self.0 {
            write!(out, ". {rival}")?;
        }
        out.write_str(". See docs/migration.md; --ignored-operators NAMESPACE leaves out one that is not in the way")
    }
}

/// What is known of other operators.
pub(super) struct Rivals {
    others: Others,
    memory: Memory,
    metrics: Metrics,
    logged: Option<(Vec<Rival>, Instant)>,
    said_hidden: bool,
}

/// What was seen before. Pure.
struct Memory {
    /// The operator's own namespace.
    own: String,
    ignored: Vec<String>,
    leases: BTreeMap<String, Observed>,
}

impl Rivals {
    /// Nothing is known yet. `own` is the operator's namespace, `ignored` are those whose operators are not in the way.
    pub fn new(others: Others, own: &str, ignored: &[String], metrics: Metrics) -> Self {
        Self {
            others,
            memory: Memory {
                own: own.to_owned(),
                ignored: ignored.to_vec(),
                leases: BTreeMap::new(),
            },
            metrics,
            logged: None,
            said_hidden: false,
        }
    }

    /// Waits until there is no other operator, and says meanwhile which one there is.
    pub async fn gone(&mut self, ready: &signal::Sender<Readiness>) {
        loop {
            match self.look().await {
                Ok(found) if found.is_empty() => return,
                Ok(found) => {
                    let message = InTheWay(&found).to_string();
                    if self.is_news(&found) {
                        tracing::warn!(reason = message, "not leading");
                    }
                    ready.send_replace(Readiness::Waiting(message));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot look for other operators; trying again");
                    let message = format!("cannot look for other operators: {error}");
                    ready.send_replace(Readiness::Waiting(message));
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// When the API server did not answer.
    pub async fn look(&mut self) -> Result<Vec<Rival>, ApiError> {
        if self.memory.is_ignored(ALL) {
            return Ok(Vec::new());
        }
        let traces = self.others.look().await?;
        if !traces.hidden.is_empty() && !self.said_hidden {
            let refusals: Vec<_> = traces.hidden.iter().map(ToString::to_string).collect();
            tracing::warn!(
                refusals = refusals.join("; "),
                "other operators cannot be seen everywhere: see to it that there is none. The operator's chart gives the rights \
                 to list Leases and Deployments of these names in all namespaces"
            );
        }
        self.said_hidden = !traces.hidden.is_empty();
        let found = self.memory.look(traces, clock::boot_time());
        let leaders = found
            .iter()
            .filter(|rival| matches!(rival, Rival::Leader { .. }));
        let leaders = leaders.count();
        self.metrics.other_operators("leader", leaders);
        self.metrics
            .other_operators("original", found.len() - leaders);
        Ok(found)
    }

    /// Goes on looking, so that a Lease that nobody renews is known when it matters, and says what appears. `leads`: beside this
    /// process, which leads.
    pub async fn watch(&mut self, leads: bool) -> Infallible {
        loop {
            sleep(WATCH_PERIOD).await;
            // A look that failed is made up for by the next.
            if let Ok(found) = self.look().await
                && !found.is_empty()
                && self.is_news(&found)
            {
                let found: Vec<_> = found.iter().map(ToString::to_string).collect();
                let (others, message) = (
                    found.join(". "),
                    "another operator is at work in this cluster",
                );
                if leads {
                    tracing::error!(
                        others,
                        "{message} while this one leads: both may flash the same device"
                    );
                } else {
                    tracing::warn!(others, "{message}");
                }
            }
        }
    }

    /// Whether these were not logged just now.
    fn is_news(&mut self, found: &[Rival]) -> bool {
        let now = Instant::now();
        let logged = self.logged.as_ref();
        let is_news = logged.is_none_or(|(last, at)| last != found || now >= *at + REMINDER);
        if is_news {
            self.logged = Some((found.to_vec(), now));
        }
        is_news
    }
}

impl Memory {
    fn is_ignored(&self, namespace: &str) -> bool {
        self.ignored.iter().any(|one| one == namespace)
    }

    /// Who is there, after another look.
    fn look(&mut self, traces: Traces, boot_time: Duration) -> Vec<Rival> {
        let mut before = std::mem::take(&mut self.leases);
        let mut found = Vec::new();
        for lease in traces.leases {
            let namespace = lease.namespace().unwrap_or_default();
            if namespace == self.own || self.is_ignored(&namespace) {
                continue;
            }
            let observed = before.remove(&namespace).unwrap_or_default();
            let observed = observed.look(Some(bounded(&lease)), boot_time);
            let decision = decide(&observed, "", false, USUAL_LEASE, boot_time);
            if let (Decision::Wait { .. }, Some(lease)) = (decision, &observed.lease) {
                found.push(Rival::Leader {
                    namespace: namespace.clone(),
                    holder: holder(lease).to_owned(),
                });
            }
            self.leases.insert(namespace, observed);
        }
        let originals = traces.deployments.iter().filter_map(original);
        found.extend(
            originals
                .filter(|(namespace, _)| !self.is_ignored(namespace))
                .map(|(namespace, replicas)| Rival::Original {
                    namespace,
                    replicas,
                }),
        );
        found
    }
}

/// What is remembered of a Lease: whoever may write one may write any length and any duration.
fn bounded(lease: &Lease) -> Lease {
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref());
    let holder = holder.map(|holder| holder.chars().take(LONGEST_HOLDER).collect());
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
    Lease {
        metadata: ObjectMeta {
            uid: lease.metadata.uid.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: holder,
            lease_duration_seconds: seconds.map(|seconds| seconds.min(LONGEST_LEASE)),
            renew_time: spec.and_then(|spec| spec.renew_time.clone()),
            ..LeaseSpec::default()
        }),
    }
}

/// Namespace and replicas of a Deployment that is the original operator's and is scaled up. Many operators have a Deployment of that name.
fn original(deployment: &Deployment) -> Option<(String, i32)> {
    let spec = deployment.spec.as_ref()?;
    let replicas = spec.replicas.unwrap_or(1);
    let containers = &spec.template.spec.as_ref()?.containers;
    let is_original = containers.iter().any(|container| {
        let mut variables = container.env.iter().flatten();
        let image = container.image.as_deref().unwrap_or_default();
        variables.any(|variable| variable.name == ORIGINAL_VARIABLE) || image.contains("flashjob")
    });
    let there = deployment.metadata.deletion_timestamp.is_none() && replicas > 0;
    (is_original && there).then(|| (deployment.namespace().unwrap_or_default(), replicas))
}

#[cfg(test)]
mod tests;
