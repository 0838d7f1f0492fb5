//! What a FlashJob would do if it were created now, as far as whoever asks may read the cluster: for `kubectl flashjob plan` and the
//! console's. Reads only; what may not be read is noted, and the rest is foretold.

mod chart;
mod registry;
mod seen;
mod told;

use std::net::Ipv4Addr;

use helm_chart::engine::Capabilities;

use super::terminal::Failure;
use crate::{
    api::{EngineName, Round},
    cluster::{Reader, clock::now},
    flashclass::OperatorDefaults,
    flashjob::{
        blueprint::FlashPod,
        forecast::{self, Forecast, Part, Refused},
        spec::job::Job,
    },
    settings::EngineChoice,
};

pub use self::{
    chart::{Values, flash_pod},
    registry::ask_registry,
    told::{Given, unset},
};
use self::{seen::Seeing, told::Told};

/// Who asks, and of which operator.
pub struct Asking<'a> {
    /// Reads as whoever asks.
    pub reader: &'a Reader,
    /// Addresses of the cluster itself: no device is there.
    pub own_addresses: Vec<Ipv4Addr>,
    /// Namespace of the operator, which a class may mean.
    pub operator_namespace: &'a str,
    /// What takes the place of the operator's settings; none where nobody can say anything.
    pub given: Option<Given>,
}

impl Asking<'_> {
    /// What the job would do.
    ///
    /// # Errors
    /// When the cluster cannot be read. What a person may not read is noted, and the rest is foretold.
    pub async fn foretell(self, job: Job) -> Result<Forecast, Failure> {
        let namespace = job.namespace.clone();
        let mut seeing = Seeing::of(self.reader, &namespace);
        let told = Told::find(&mut seeing, self.operator_namespace, self.given.as_ref()).await;
        let devices = seeing.devices(&told.instances, self.own_addresses.clone());
        let devices = devices.await?;
        let mut classes = seeing.classes(&job).await?;
        let namespaces = seeing.namespaces().await?;
        let stored = seeing.stored(&job).await?;
        let flash_pod = self.chart(&mut seeing, &told).await?;
        classes.check(|values| flash_pod.class_fault(values));
        let helm = told.engine == EngineChoice::Helm || !flash_pod.native();
        let cluster = forecast::Cluster {
            inventory: devices.inventory,
            akri_installed: devices.akri_installed,
            max_in_flight: usize::try_from(told.max_in_flight).unwrap_or(usize::MAX),
            cool_down_seconds: i64::try_from(told.cool_down_seconds).unwrap_or(i64::MAX),
            classes,
            namespaces,
            own_namespace: self.operator_namespace.to_owned(),
            operator: OperatorDefaults {
                engine: if helm {
                    EngineName::Helm
                } else {
                    EngineName::Native
                }
                .into(),
                chart_allow: flash_pod.used.names(),
                address_timeout_seconds: i64::try_from(told.address_seconds).unwrap_or(i64::MAX),
            },
            not_seen: seeing.not_seen,
        };
        let wanted = job.wanted_round(0);
        let (stored, before) = stored.map_or((None, None), |(job, before)| (Some(job), before));
        // It renders the chart for every device, which other requests of the same process do not wait for.
        let imagined = tokio::task::spawn_blocking(move || {
            forecast::imagine(job, before.as_ref(), &cluster, &flash_pod, now())
        });
        let mut foretold = imagined.await?;
        foretold.exists = stored.is_some();
        let round = stored.and_then(|stored| stored.status.round);
        let current = round.filter(|round| is_round_of(wanted, round));
        foretold.current_round = current.map(|round| round.number);
        if !told.watched.contains(&namespace) {
            foretold.refusal = Some(unwatched(&namespace));
        }
        Ok(foretold)
    }

    /// The flash chart of the operator.
    async fn chart(&self, seeing: &mut Seeing<'_>, told: &Told) -> Result<FlashPod, Failure> {
        let mut settings = told.settings.clone();
        let given = self.given.as_ref();
        let has_a_copy = given.is_some_and(|given| given.settings.flash_pod_chart.is_some());
        // A chart of the operator's own is in its container, and the path of it means nothing here.
        if let (Some(path), false) = (&settings.flash_pod_chart, has_a_copy) {
            let help = match given {
                Some(_) => ": give a copy of it with --flash-pod-chart",
                None => "",
            };
            let message = format!(
                "the flash chart of the operator is in its container, at {}{help}; what it makes of the values is not known",
                path.display()
            );
            seeing.miss(Part::Settings, message);
            settings.flash_pod_chart = None;
            return flash_pod(&settings, None, Capabilities::default());
        }
        let version = seeing.reader.cluster_version().await;
        let capabilities = version.map(|version| Capabilities {
            kube_version: version.kube_version,
            api_versions: version.api_versions,
            ..Capabilities::default()
        });
        flash_pod(
            &settings,
            told.values.clone(),
            capabilities.unwrap_or_default(),
        )
    }
}

/// Whether a stored round is the one that a job asks for, whatever its number.
fn is_round_of(wanted: Option<Round>, stored: &Round) -> bool {
    let number = stored.number;
    wanted.is_some_and(|wanted| Round { number, ..wanted } == *stored)
}

/// Nothing starts in a namespace that the operator does not watch.
fn unwatched(namespace: &str) -> Refused {
    Refused {
        reason: "NamespaceNotWatched".into(),
        message: format!(
            "the operator does not look at namespace {namespace}: an administrator can add it to watchNamespaces of the \
             operator's chart"
        ),
    }
}
