//! `kubectl flashjob plan`: what a FlashJob would do if it were created now, as the operator of the cluster sees it. Reads only.

mod told;

use std::path::PathBuf;

use flashjob_operator::{
    api::{FlashJob, Guarded, Round, crd::Kind},
    cli::{
        input,
        terminal::{Failure, Output, complain, print},
    },
    cluster::clock::now,
    flashjob::{
        blueprint::FlashPod,
        forecast::{self, Answer, Forecast, Part, Refused},
        spec::job::Job,
    },
    settings::{EngineChoice, FlashPodSettings},
};
use helm_chart::engine::Capabilities;

use self::told::Told;
use super::{
    output::Shown,
    render::device::{InvalidSpec, Values, checked, flash_pod, values_of},
};
use crate::{
    cluster::{Cluster, Seeing},
    command_line::{Common, Exit},
    view::document::One,
};

/// What the document is called.
pub const KIND: &str = "FlashJobForecast";

/// Options of `plan`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob plan -f job.yaml -n demo\n  \
    kustomize build . | kubectl flashjob plan -f - -n demo\n  \
    kubectl flashjob plan -f job.yaml -n demo --values operator-values.yaml --allowed-value-paths /resources\n  \
    kubectl flashjob plan -f job.yaml -o json\n  \
    kubectl flashjob plan -f job.yaml -o jsonpath='{.failures.atMost}'\n\n\
    The operator's settings and the administrator's chart values are those of the cluster. What is given here takes their place. The \
    registry of the firmware is asked which image it serves, for which kinds of device, and whose signatures it has, as far as you may read \
    the Secrets that the classes name.\n\n\
    Exit codes:\n  \
    0  every device would be flashed, or needs no flash\n  \
    1  it cannot be told: the file or the cluster cannot be read, or nothing that you may read stops the job, but you may not read all\n  \
    2  wrong usage\n  \
    3  something would be refused, is not discovered, or nothing would start until somebody acts; approvals, which are part of a rollout, \
    are told and not counted\n\n\
    Rights: in the namespace of the job, get flashjobs and namespaces, list controllerrevisions and instances.akri.sh: the ClusterRole \
    flashjob-user, by a RoleBinding there. To tell all of it, also list instances.akri.sh where the devices are; list flashclasses, \
    which the ClusterRole flashclass-viewer gives by a ClusterRoleBinding; and get the operator's Deployment and ConfigMap, which the Role \
    flashjob-settings-viewer in its namespace gives; and get the Secrets there that the classes name for registries, signatures and \
    receipts. The plan names what you may not read, and covers the rest.")]
pub struct Plan {
    /// File of the FlashJob; - for standard input.
    #[arg(long = "file", short = 'f', value_name = "FILE")]
    file: PathBuf,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,

    /// Chart values of the administrator for all devices. Later files win. Unset: those of the operator.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,

    /// Devices in flight at the same time, over all FlashJobs. Unset: as the operator has it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "COUNT")]
    max_in_flight: Option<u32>,

    /// Seconds that an address is kept after a transfer that was cut off. Unset: as the operator has it.
    #[arg(long, value_name = "SECONDS")]
    cool_down_seconds: Option<u32>,

    /// Namespace of the operator, which a class may mean.
    #[arg(long, default_value = "flashjob-system", value_name = "NAMESPACE")]
    operator_namespace: String,

    /// Leave the registry of the firmware alone: it is not asked which image it serves, and for which kinds of device.
    #[arg(long)]
    no_registry: bool,

    #[command(flatten)]
    settings: FlashPodSettings,
}

impl Plan {
    /// With the settings of the operator in this namespace, and nothing in their place.
    pub fn by_operator(namespace: &str) -> Self {
        Self {
            file: PathBuf::new(),
            output: Shown::As(Output::Text),
            values: Vec::new(),
            max_in_flight: None,
            cool_down_seconds: None,
            operator_namespace: namespace.to_owned(),
            no_registry: true,
            settings: told::unset(),
        }
    }

    /// Prints what would happen.
    ///
    /// # Errors
    /// When it cannot be told: a file cannot be read, or the cluster.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        input::only_one(std::iter::once(&self.file).chain(&self.values))?;
        let cluster = common.connection.connect().await;
        let here = cluster.as_ref().ok().map(|cluster| &cluster.namespace);
        let namespace = here.or(common.connection.namespace.as_ref());
        let namespace = namespace.map_or("default", String::as_str);
        let guard = checked(Kind::FlashJob, namespace, &self.file);
        let guard: Guarded<FlashJob> = match guard {
            Err(error) if error.is::<InvalidSpec>() => return Ok(refused(&error.to_string())),
            other => other?,
        };
        let file = input::name(&self.file);
        let job = Job::parse(&guard)
            .ok_or_else(|| format!("{file}: the FlashJob lacks metadata.name"))?;
        let invalid = job.spec.as_ref().err().or(job.invalid.as_ref());
        if let Some(error) = invalid {
            let words = format!("{file}: the FlashJob cannot be used: {error}");
            return Ok(refused(&words));
        }
        let given = values_of(&self.values)?;
        // What was given has to be right whatever the cluster says.
        flash_pod(&self.settings, given.clone(), Capabilities::default())?;
        let unreachable = |error: Failure| -> Failure {
            format!(
                "{file} is valid by itself. Not checked, for that needs a cluster that can be read: its class, its devices, and what \
                 chart and guard make of their values: {error}"
            )
            .into()
        };
        let cluster = cluster.map_err(unreachable)?;
        let foretold = Box::pin(self.foretell(&cluster, job, given)).await;
        let mut foretold = foretold.map_err(unreachable)?;
        if !self.no_registry {
            let secrets_in = &self.operator_namespace;
            Box::pin(cluster.ask_registry(secrets_in, &mut foretold)).await;
        }
        let answer = foretold.answer();
        let document = One::of(KIND, foretold);
        if !self.output.print(&document)? {
            print(&forecast::text(&document.value))?;
        }
        Ok(match answer {
            Answer::WouldRun => Exit::Done,
            Answer::CannotTell => Exit::Failed,
            Answer::Refused => Exit::Waits,
        })
    }

    /// What the job would do.
    ///
    /// # Errors
    /// When the cluster cannot be read. What a person may not read is noted, and the rest is foretold.
    pub async fn foretell(
        &self,
        cluster: &Cluster,
        job: Job,
        given: Values,
    ) -> Result<Forecast, Failure> {
        let own = cluster.own_addresses.clone();
        let namespace = job.namespace.clone();
        let mut seeing = Seeing::of(&cluster.reader, &namespace);
        let told = self.told(&mut seeing, given).await;
        let devices = seeing.devices(&told.instances, own).await?;
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
            own_namespace: self.operator_namespace.clone(),
            engine: if helm { "helm" } else { "native" }.into(),
            address_seconds: i64::try_from(told.address_seconds).unwrap_or(i64::MAX),
            not_seen: seeing.not_seen,
        };
        let wanted = job.wanted_round(0);
        let before = stored.as_ref().and_then(|(_, before)| before.as_ref());
        let mut foretold = forecast::imagine(job, before, &cluster, &flash_pod, now());
        foretold.exists = stored.is_some();
        let round = stored.and_then(|(stored, _)| stored.status.round);
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
        // A chart of the operator's own is in its container, and the path of it means nothing here.
        if let (Some(path), None) = (&settings.flash_pod_chart, &self.settings.flash_pod_chart) {
            let message = format!(
                "the flash chart of the operator is in its container, at {}: give a copy of it with --flash-pod-chart; what it makes of the \
                 values is not known",
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

fn refused(words: &str) -> Exit {
    complain(words);
    Exit::Waits
}
