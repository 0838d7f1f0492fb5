//! `kubectl flashjob explain`: a FlashJob, or one device of it, in plain words. Reads only.

use flashjob_operator::{
    cli::{
        job::{class, explain_device, find_job, selection},
        operator,
        terminal::{Failure, Output, print},
    },
    cluster::{Reader, clock::now},
    flashjob::{
        explain::{self, Known},
        spec::job::Job,
    },
};

use super::output::Shown;
use crate::{
    command_line::{Common, Exit},
    view::document::One,
};

/// What the document is called that explains a FlashJob.
pub const OF_JOB: &str = "FlashJobExplanation";
/// What the document is called that explains a device.
pub const OF_DEVICE: &str = "DeviceExplanation";

/// Options of `explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob explain my-job -n demo\n  \
    kubectl flashjob explain my-job 7e4a6e7b-bee6-4fac-bdea-43d671baaa15 -n demo\n  \
    kubectl flashjob explain my-job -n demo -o yaml\n  \
    kubectl flashjob explain my-job -n demo -o jsonpath='{.notBegun[*].reason}'\n\n\
    Rights: get flashjobs in the namespace. To say of each device what it waits for, list controllerrevisions there; to show the \
     device as it is now, list instances.akri.sh; to know the class, get flashclasses; to see whether the operator \
     watches the namespace, get its Deployment and ConfigMap. The ClusterRole flashjob-user gives them; explain says \
     \"unknown\" where you may not read something.")]
pub struct Explain {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,

    /// UUID of one of its devices: as the job names it, or that of its Instance now.
    #[arg(value_name = "UUID")]
    uuid: Option<String>,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,

    /// Namespace of the operator, whose settings say whether it watches the job's.
    #[arg(long, default_value = "flashjob-system", value_name = "NAMESPACE")]
    operator_namespace: String,
}

impl Explain {
    /// Prints what is known.
    ///
    /// # Errors
    /// When the job cannot be read. What else cannot be read is left out.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let reader = &cluster.reader;
        let job = find_job(reader, &cluster.namespace, &self.job).await?;
        let selection = selection(reader, &job).await;
        let class = class(reader, &job).await;
        let known = Known {
            job: &job,
            selection: selection.as_deref(),
            class: class.as_ref(),
            watched: self.watched(reader, &job).await,
            now: now(),
        };
        if let Some(uuid) = &self.uuid {
            let own = cluster.own_addresses.clone();
            let explanation = explain_device(reader, &known, uuid, own).await;
            let document = One::of(OF_DEVICE, explanation);
            if !self.output.print(&document)? {
                print(&explain::device_text(&document.value))?;
            }
        } else {
            let document = One::of(OF_JOB, explain::job(&known));
            if !self.output.print(&document)? {
                print(&explain::job_text(&document.value))?;
            }
        }
        Ok(Exit::Done)
    }
}

impl Explain {
    /// Whether the operator watches the namespace of the job; asked only of one without a status.
    async fn watched(&self, reader: &Reader, job: &Job) -> Option<bool> {
        if !job.is_unseen() {
            return None;
        }
        let operator = operator::find(reader, &self.operator_namespace)
            .await
            .ok()?;
        Some(operator.settings.scope().contains(&job.namespace))
    }
}
