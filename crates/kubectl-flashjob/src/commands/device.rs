//! `kubectl flashjob logs` and `history`: one device.

use std::{collections::BTreeSet, io::Write as _, pin::pin};

use flashjob_operator::{
    api::DevicePhase,
    cli::{
        history::{History, Place, ReleaseRow, Verdict},
        job::inventory,
        terminal::{Failure, complain, print},
    },
    cluster::{ErrorKind, clock::now},
    display,
    flashjob::spec::job::Job,
};
use futures::StreamExt;

use super::output::{Output, Shown};
use crate::{
    cluster::{Cluster, Unseen},
    command_line::{Common, Exit, PROGRAM},
    show::Screen,
    view::{document::One, release::history},
};

/// What the document is called.
const KIND: &str = "DeviceHistory";

/// Options of `logs`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob logs 7e4a6e7b-bee6-4fac-bdea-43d671baaa15\n  \
    kubectl flashjob logs 192.0.2.7 -f\n\n\
    Of a flash in progress it is the log of its Pod; of one that is over, the end of it that the FlashJob keeps.\n\n\
    Rights: list flashjobs in the namespace; to read the log of a Pod, get pods/log; to know a device by its newest UUID, list \
    instances.akri.sh. The ClusterRole flashjob-user gives them.")]
pub struct Logs {
    /// UUID of the device, as the job or its Instance has it, or its endpoint.
    #[arg(value_name = "UUID")]
    device: String,

    /// Print what is written from now on, too, until the flash ends.
    #[arg(long, short)]
    follow: bool,
}

/// Options of `history`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob history 7e4a6e7b-bee6-4fac-bdea-43d671baaa15\n  \
    kubectl flashjob history 192.0.2.7 -o json\n  \
    kubectl flashjob history 192.0.2.7 -o jsonpath='{.verdicts[0].reason}'\n\n\
    Rights: list flashjobs in the namespace; to know a device by its newest UUID, list instances.akri.sh; the ClusterRole \
    flashjob-user gives both. To see its attempts in Helm's records, list secrets: no role of the chart gives that. What may not be read \
    is said.")]
pub struct HistoryOf {
    /// UUID of the device, as the job or its Instance has it, or its endpoint.
    #[arg(value_name = "UUID")]
    device: String,

    /// How it is printed. Names are those of the FlashJobs that flashed it.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,
}

/// The device that is meant, and the jobs that may have to do with it.
async fn find(
    cluster: &Cluster,
    named: &str,
) -> Result<(Place, Vec<Job>, Option<Unseen>), Failure> {
    let (jobs, unseen) = cluster.all_jobs().await?;
    let own = cluster.own_addresses.clone();
    let (inventory, _) = inventory(&cluster.reader, &cluster.namespace, own).await;
    Ok((Place::of(named, &jobs, &inventory), jobs, unseen))
}

impl Logs {
    /// Prints the log.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let (place, jobs, unseen) = find(&cluster, &self.device).await?;
        let entries = place.entries(&jobs);
        for (job, entry) in &entries {
            let flashing = entry.is(DevicePhase::Flashing);
            if let Some(pod) = entry.pod.as_deref().filter(|_| flashing) {
                return self.of_pod(&cluster, &job.namespace, pod).await;
            }
        }
        for (job, entry) in &entries {
            if let Some(tail) = &entry.log_tail {
                let (name, namespace) = (&job.name, &job.namespace);
                complain(&format!(
                    "{PROGRAM}: its Pod is gone; this is the end of its log that FlashJob {namespace}/{name} keeps"
                ));
                print(&format!("{}\n", tail.trim_end()))?;
                return Ok(Exit::Done);
            }
        }
        let unseen = unseen.map(|Unseen(words)| format!("; {words}"));
        let next = match entries.first() {
            Some((job, _)) => format!("{PROGRAM} get {} -n {}", job.name, job.namespace),
            None => format!("{PROGRAM} devices -A"),
        };
        let unseen = unseen.unwrap_or_default();
        Err(format!(
            "there is no log of device {}{unseen}; next: {next}",
            self.device
        )
        .into())
    }

    async fn of_pod(&self, cluster: &Cluster, namespace: &str, pod: &str) -> Result<Exit, Failure> {
        let mut lines = pin!(cluster.log(namespace, pod, self.follow).await?);
        while let Some(line) = lines.next().await {
            let line = display::line(&line?, display::LINE).into_owned();
            match writeln!(std::io::stdout().lock(), "{line}") {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
                written => written?,
            }
        }
        Ok(Exit::Done)
    }
}

impl HistoryOf {
    /// Prints the history.
    ///
    /// # Errors
    /// When FlashJobs cannot be read for another reason than a missing right.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let (place, jobs, unseen) = find(&cluster, &self.device).await?;
        let verdicts = place.entries(&jobs).into_iter();
        let mut not_seen: Vec<String> = unseen.map(|Unseen(words)| words).into_iter().collect();
        let attempts = attempts(&cluster, &place, &mut not_seen).await?;
        let of = History {
            device: place.named.clone(),
            endpoint: place.endpoint.clone(),
            verdicts: verdicts
                .map(|(job, entry)| Verdict::of(job, entry))
                .collect(),
            attempts,
            not_seen,
        };
        let document = One::of(KIND, of);
        let jobs = document.value.verdicts.iter();
        let jobs: BTreeSet<&str> = jobs.map(|verdict| verdict.job.as_str()).collect();
        if !self.output.print_jobs(&document, jobs)? {
            Screen::of(common.color).print(history(&document.value, now()))?;
        }
        Ok(Exit::Done)
    }
}

/// The attempts at a device that records tell of, newest first.
async fn attempts(
    cluster: &Cluster,
    place: &Place,
    not_seen: &mut Vec<String>,
) -> Result<Vec<ReleaseRow>, Failure> {
    let records = match cluster.releases().await {
        Ok(records) => records,
        Err(error) if error.kind == ErrorKind::Forbidden => {
            let namespace = &cluster.namespace;
            not_seen.push(format!(
                "you may not list secrets in namespace {namespace}, in which Helm keeps its records"
            ));
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let rows = records.iter().filter_map(ReleaseRow::of);
    let mut rows: Vec<_> = rows
        .filter(|row| place.is(&row.uuid, Some(&row.endpoint)))
        .collect();
    rows.sort_by(|a, b| (&b.updated, b.revision).cmp(&(&a.updated, a.revision)));
    Ok(rows)
}
