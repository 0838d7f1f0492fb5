//! `kubectl flashjob report`: a zip for a bug report.

use std::{
    fmt::Debug,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use flashjob_operator::{
    api::{FlashClass, FlashJob, Instance},
    cli::{
        operator::DEPLOYMENT,
        terminal::{Failure, Output, print},
    },
    cluster::{ApiError, clock::now},
    names::{FLASH_CONTAINER, LABEL_JOB_UID},
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Pod, Service},
};
use kube::{Resource, ResourceExt, api::DynamicObject};

use crate::{
    cluster::{Chosen, Cluster, missing_right},
    command_line::{Common, Exit, PROGRAM},
    report::Archive,
    view::doctor::{findings, lines},
};

/// Most Pods whose logs are in a report.
const LOGS: usize = 100;
/// Columns of the doctor's words.
const COLUMNS: usize = 120;

/// Options of `report`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob report my-job -n lab\n  \
    kubectl flashjob report -n lab --file lab.zip\n\n\
    In the zip are FlashJobs, classes, Instances, and the Pods, Services, events and logs of flashes in the namespace; the Deployment, Pods \
    and logs of the operator; versions; and what `doctor` says. Tokens, passwords and values that look like secrets are replaced by \
    REDACTED, and no Secret is in it. Nobody can tell every secret by its looks: look through the files before you give them away.\n\n\
    A file has at most 1 MiB, all files 64 MiB together, a kind 500 objects, and there are logs of 100 Pods.\n\n\
    Rights: none are needed to begin with. What you may not read is left out, and missing.txt in the zip names each right that you lack. \
    The ClusterRole flashjob-user gives most of those in the namespace.\n\n\
    Exit codes: 0 the zip was written, 1 the FlashJob does not exist or the zip cannot be written.")]
pub struct Report {
    /// Name of the FlashJob that it is about. Unset: all of the namespace.
    #[arg(value_name = "JOB")]
    job: Option<String>,

    /// Namespace of the operator.
    #[arg(long, default_value = "flashjob-system", value_name = "NAME")]
    operator_namespace: String,

    /// File to write; one that is there is left as it is. Unset: flashjob-report-NAMESPACE-TIME.zip in this directory.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Report {
    /// Writes the zip.
    ///
    /// # Errors
    /// When the job does not exist, or the zip cannot be written.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let mut collection = Collection {
            cluster: &cluster,
            archive: Archive::new().map_err(|error| error.to_string())?,
        };
        collection.versions().await?;
        let jobs = collection.jobs(self.job.as_deref()).await?;
        collection.surroundings().await?;
        collection.flashes(jobs.as_deref()).await?;
        collection.operator(&self.operator_namespace).await?;
        collection.doctor(&self.operator_namespace).await?;
        let (bytes, missing) = collection.archive.finish()?;
        let file = self.file.clone().unwrap_or_else(|| {
            let time = now().strftime("%Y%m%dT%H%M%SZ");
            PathBuf::from(format!("flashjob-report-{}-{time}.zip", cluster.namespace))
        });
        write(&file, &bytes)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let missing = match missing.len() {
            0 => "nothing is missing in it".to_owned(),
            count => format!("its missing.txt says what is missing, and why, in {count} lines"),
        };
        print(&format!(
            "{} is written; {missing}. Look through it before you give it away.\n",
            file.display()
        ))?;
        Ok(Exit::Done)
    }
}

fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    // It holds what its reader may see in the cluster, and others on the machine may not.
    options.write(true).create_new(true).mode(0o600);
    let mut written = options.open(file)?;
    written.write_all(bytes)
}

/// Why something could not be read: the right that is missing, where that is why.
fn why(error: &ApiError) -> String {
    match missing_right(error) {
        Some(right) => format!("you lack the right to {}", right.name()),
        None => error.to_string(),
    }
}

/// A report that is being collected.
struct Collection<'a> {
    cluster: &'a Cluster,
    archive: Archive,
}

impl Collection<'_> {
    fn here(&self, labels: &str) -> Chosen {
        Chosen {
            namespace: Some(self.cluster.namespace.clone()),
            labels: labels.to_owned(),
            ..Chosen::default()
        }
    }

    /// Puts objects of a kind into a file. Returns them, or None where they cannot be read.
    async fn objects<K: Resource<DynamicType = ()> + Debug>(
        &mut self,
        file: &str,
        chosen: &Chosen,
        keep: impl Fn(&DynamicObject) -> bool,
    ) -> Result<Option<Vec<DynamicObject>>, Failure> {
        let listed = match self.cluster.objects::<K>(chosen).await {
            Ok(listed) => listed,
            Err(error) => {
                self.archive.miss(file, &why(&error));
                return Ok(None);
            }
        };
        if listed.more {
            let words = format!("all but the first {}", listed.items.len());
            self.archive.miss(file, &words);
        }
        let mut items = listed.items;
        items.retain(keep);
        let mut list = serde_json::to_value(&items)?;
        self.archive.redaction().object(&mut list);
        let text = Output::Yaml.show(&list, |_| String::new())?;
        self.archive.add(file, &text)?;
        Ok(Some(items))
    }

    async fn versions(&mut self) -> Result<(), Failure> {
        let client = env!("CARGO_PKG_VERSION");
        let server = match self.cluster.reader.kube_version().await {
            Ok(version) => version,
            Err(error) => {
                self.archive.miss("versions.txt", &why(&error));
                "unknown".to_owned()
            }
        };
        let text = format!("kubectl-flashjob {client}\nkubernetes {server}\n");
        Ok(self.archive.add("versions.txt", &text)?)
    }

    /// The jobs that the report is about; None where they cannot be read.
    async fn jobs(&mut self, named: Option<&str>) -> Result<Option<Vec<DynamicObject>>, Failure> {
        let mut chosen = self.here("");
        if let Some(name) = named {
            chosen.fields = format!("metadata.name={name}");
        }
        let found = self
            .objects::<FlashJob>("flashjobs.yaml", &chosen, |_| true)
            .await?;
        if let (Some(name), Some([])) = (named, found.as_deref()) {
            return Err(super::status::gone(self.cluster, name, false));
        }
        // All of the namespace are meant where none is named.
        Ok(found.filter(|_| named.is_some()))
    }

    async fn surroundings(&mut self) -> Result<(), Failure> {
        let everywhere = Chosen::default();
        self.objects::<FlashClass>("flashclasses.yaml", &everywhere, |_| true)
            .await?;
        let here = self.here("");
        self.objects::<Instance>("instances.yaml", &here, |_| true)
            .await?;
        Ok(())
    }

    /// Pods, Services, logs and events of the flashes of these jobs, or of all in the namespace.
    async fn flashes(&mut self, jobs: Option<&[DynamicObject]>) -> Result<(), Failure> {
        let uid = jobs.and_then(|jobs| jobs.first()?.metadata.uid.clone());
        let labels = match &uid {
            Some(uid) => format!("{LABEL_JOB_UID}={uid}"),
            None => LABEL_JOB_UID.to_owned(),
        };
        let flashes = self.here(&labels);
        let pods = self.objects::<Pod>("pods.yaml", &flashes, |_| true).await?;
        let services = self
            .objects::<Service>("services.yaml", &flashes, |_| true)
            .await?;
        let namespace = self.cluster.namespace.clone();
        let pods = pods.unwrap_or_default();
        self.logs(&namespace, &pods, "logs", |_| {
            Some(FLASH_CONTAINER.to_owned())
        })
        .await?;
        let about: Vec<String> = jobs
            .into_iter()
            .flatten()
            .chain(&pods)
            .chain(services.iter().flatten())
            .map(ResourceExt::name_any)
            .collect();
        let here = self.here("");
        self.objects::<Event>("events.yaml", &here, |event| {
            let name = event.data["involvedObject"]["name"].as_str();
            uid.is_none() || name.is_some_and(|name| about.iter().any(|about| about == name))
        })
        .await?;
        Ok(())
    }

    async fn logs(
        &mut self,
        namespace: &str,
        pods: &[DynamicObject],
        folder: &str,
        container: impl Fn(&DynamicObject) -> Option<String>,
    ) -> Result<(), Failure> {
        if pods.len() > LOGS {
            let words = format!("those of all but the first {LOGS} Pods");
            self.archive.miss(folder, &words);
        }
        for pod in pods.iter().take(LOGS) {
            let (name, container) = (pod.name_any(), container(pod).unwrap_or_default());
            let file = format!("{folder}/{name}.log");
            match self.cluster.end_of_log(namespace, &name, &container).await {
                Ok(log) => self.archive.add(&file, &log)?,
                Err(error) => self.archive.miss(&file, &why(&error)),
            }
        }
        Ok(())
    }

    async fn operator(&mut self, namespace: &str) -> Result<(), Failure> {
        let mut chosen = Chosen {
            namespace: Some(namespace.to_owned()),
            fields: format!("metadata.name={DEPLOYMENT}"),
            ..Chosen::default()
        };
        self.objects::<Deployment>("operator/deployment.yaml", &chosen, |_| true)
            .await?;
        chosen.fields = String::new();
        chosen.labels = format!("app.kubernetes.io/name={DEPLOYMENT}");
        let pods = self
            .objects::<Pod>("operator/pods.yaml", &chosen, |_| true)
            .await?;
        let first = |pod: &DynamicObject| {
            let name = &pod.data["spec"]["containers"][0]["name"];
            name.as_str().map(str::to_owned)
        };
        self.logs(namespace, &pods.unwrap_or_default(), "operator/logs", first)
            .await
    }

    async fn doctor(&mut self, operator_namespace: &str) -> Result<(), Failure> {
        let facts = Box::pin(self.cluster.examine(operator_namespace)).await;
        let said = lines(&findings(&facts), COLUMNS);
        let text: String = said.iter().map(|line| line.text() + "\n").collect();
        let head = format!("{PROGRAM} doctor -n {}\n\n", self.cluster.namespace);
        Ok(self.archive.add("doctor.txt", &format!("{head}{text}"))?)
    }
}
