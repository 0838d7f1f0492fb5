//! `kubectl flashjob plan`: what a FlashJob would do if it were created now, as the operator of the cluster sees it. Reads only.

use std::path::PathBuf;

use flashjob_operator::{
    api::{FlashJob, Guarded, crd::Kind},
    cli::{
        input,
        plan::{Given, ask_registry, flash_pod},
        terminal::{Failure, Output, complain, print},
    },
    flashjob::{
        forecast::{self, Answer},
        spec::job::Job,
    },
    settings::FlashPodSettings,
};
use helm_chart::engine::Capabilities;

use super::{
    output::Shown,
    render::device::{InvalidSpec, checked, values_of},
};
use crate::{
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
        let given = Given {
            settings: self.settings.clone(),
            values: values_of(&self.values)?,
            max_in_flight: self.max_in_flight,
            cool_down_seconds: self.cool_down_seconds,
        };
        // What was given has to be right whatever the cluster says.
        let values = given.values.clone();
        flash_pod(&self.settings, values, Capabilities::default())?;
        let unreachable = |error: Failure| -> Failure {
            format!(
                "{file} is valid by itself. Not checked, for that needs a cluster that can be read: its class, its devices, and what \
                 chart and guard make of their values: {error}"
            )
            .into()
        };
        let cluster = cluster.map_err(unreachable)?;
        let secrets_in = &self.operator_namespace;
        let foretold = Box::pin(cluster.asking(secrets_in, given).foretell(job)).await;
        let mut foretold = foretold.map_err(unreachable)?;
        if !self.no_registry {
            Box::pin(ask_registry(&cluster.reader, secrets_in, &mut foretold)).await;
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
}

fn refused(words: &str) -> Exit {
    complain(words);
    Exit::Waits
}
