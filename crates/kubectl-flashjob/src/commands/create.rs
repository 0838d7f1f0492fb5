//! `kubectl flashjob create`.

mod wizard;

use std::{
    io::{IsTerminal, Write as _, stderr, stdin},
    time::Duration,
};

use flashjob_operator::{
    api::FlashJob,
    cli::{
        object::UNKNOWN_UID,
        plan::Given,
        terminal::{Failure, Output, complain, print, write_out},
    },
    flashjob::{forecast::brief, spec::job::Job},
};

use kube::ResourceExt;

use super::{
    filters::Filters,
    output::{Form, Shown, job_name, print_names},
    status::Status,
};
use crate::{
    cluster::Cluster,
    command_line::{Common, Exit, Misused, PROGRAM},
    order::create::{Wanted, chosen, job, loss, words},
    show::{ColorChoice, Screen, duration, wrap},
    view::device,
};

/// Devices that are flashed at the same time where nobody says.
const BATCH: u16 = 5;
/// Wait between two batches where nobody says.
const DELAY: Duration = Duration::from_mins(1);

/// Options of `create`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob create thermo-1-2-0 --device esp32 --app thermo --all --firmware registry.example.com/thermo:1.2.0 \
    --version 1.2.0 --batch 5 --delay 60s --yes --wait\n  \
    kubectl flashjob create one --uuid 7e4a6e7b-bee6-4fac-bdea-43d671baaa15 --firmware registry.example.com/thermo:1.2.0 --version 1.2.0 \
    --dry-run=client\n  \
    kubectl flashjob create two --device esp32 --all --firmware registry.example.com/thermo:1.2.0 --version 1.2.0 --yes -o name\n\n\
    On a terminal, create asks for whatever is missing: device type, application type, filter, devices, firmware, version, batch, delay and \
    name. At the end it shows the FlashJob, what it can cost, and what plan says of it in short: what would be refused, and how long it takes; and you type the number of devices. Elsewhere it asks nothing, and lists \
    what is missing.\n\n\
    A batch begins when every device of the one before has succeeded and --delay has passed. A FlashJob of that name is left as it is: \
    creating it again is refused.\n\n\
    Rights: create flashjobs in the namespace, which the ClusterRole flashjob-editor gives; list instances.akri.sh, in the whole cluster \
    with -A, which flashjob-user gives. --wait needs those of status. To be told how long it takes, you need those of plan.\n\n\
    Exit codes: 0 created, 1 refused or failed, 2 wrong usage or something is missing; with --wait those of status.")]
pub struct Create {
    /// Name of the FlashJob.
    #[arg(value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    meant: Meant,

    /// Firmware image.
    #[arg(long, value_name = "IMAGE")]
    firmware: Option<String>,

    /// Version of the firmware.
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Devices that are flashed at the same time. Unset: 5.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: Option<u16>,

    /// Wait between two batches, such as 60s. Unset: 60s.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    delay: Option<Duration>,

    /// Print the FlashJob instead of a sentence. Unset: a sentence, with --dry-run YAML.
    #[arg(long, short, conflicts_with = "wait")]
    output: Option<Shown<Document>>,

    /// Print the FlashJob and create nothing: client asks no more of the cluster, server has it checked.
    #[arg(long, value_name = "WHERE", value_enum)]
    dry_run: Option<DryRun>,

    /// Namespace of the operator, by whose settings a person is told beforehand how long it takes.
    #[arg(long, default_value = "flashjob-system", value_name = "NAMESPACE")]
    operator_namespace: String,

    /// Wait for the end of the FlashJob, as `status` does.
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,

    /// How long --wait waits; 0 is for ever.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration::parse, requires = "wait")]
    timeout: Duration,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Which devices are flashed.
#[derive(clap::Args, Clone, Debug)]
struct Meant {
    #[command(flatten)]
    filters: Filters,

    /// Every device that the filters mean.
    #[arg(long, conflicts_with = "uuid", help_heading = "Filters")]
    all: bool,

    /// Devices of this UUID; may be given several times.
    #[arg(long, value_name = "UUID", help_heading = "Filters")]
    uuid: Vec<String>,

    /// Devices of all namespaces.
    #[arg(long, short = 'A', help_heading = "Filters")]
    all_namespaces: bool,
}

/// Where it is tried.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum DryRun {
    Client,
    Server,
}

/// How the FlashJob is printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
    /// Its name alone, as kubectl takes it.
    Name,
}

impl Form for Document {
    fn document(self) -> Option<Output> {
        match self {
            Self::Json => Some(Output::Json),
            Self::Yaml => Some(Output::Yaml),
            Self::Name => None,
        }
    }
}

impl Create {
    /// Creates the job.
    ///
    /// # Errors
    /// When something is missing, no such device exists, or the cluster refuses.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let person = !self.yes && stdin().is_terminal() && stderr().is_terminal();
        if person && !self.missing(true).is_empty() {
            let cluster = common.connection.connect().await?;
            return match wizard::ask(self, &cluster).await? {
                Some(answered) => Box::pin(answered.carry_out(common, true)).await,
                None => Ok(nothing()),
            };
        }
        Box::pin(self.carry_out(common, person)).await
    }

    /// Creates the job; a person is asked before.
    async fn carry_out(&self, common: &Common, person: bool) -> Result<Exit, Failure> {
        let asks = person && self.dry_run.is_none();
        let (name, firmware, version) = self.given(asks)?;
        let cluster = common.connection.connect().await?;
        let wanted = Wanted {
            name: name.to_owned(),
            namespace: cluster.namespace.clone(),
            firmware: firmware.to_owned(),
            version: version.to_owned(),
            device: self.meant.filters.device.clone(),
            app: self.meant.filters.app.clone(),
            uuids: self.meant.uuids(&cluster).await?,
            batch: usize::from(self.batch.unwrap_or(BATCH)),
            delay: self.delay.unwrap_or(DELAY),
        };
        let job = job(&wanted);
        if self.dry_run == Some(DryRun::Client) {
            return self.show(&job);
        }
        if asks {
            let plan = self.plan(&cluster, &job).await;
            if !confirmed(&wanted, &job, &plan)? {
                return Ok(nothing());
            }
        }
        let dry = self.dry_run.is_some();
        let created = cluster.create(&job, dry).await?;
        if dry || self.output.is_some() {
            return self.show(&created);
        }
        let namespace = &cluster.namespace;
        let words = words(&wanted);
        print(&format!(
            "FlashJob {namespace}/{name} created: it {words}; next: {PROGRAM} status {name} -n {namespace}\n"
        ))?;
        if self.wait {
            return Status::of(name, self.timeout).run(common).await;
        }
        Ok(Exit::Done)
    }

    /// Prints the job in the form that is wanted.
    fn show(&self, job: &FlashJob) -> Result<Exit, Failure> {
        let as_yaml = Shown::As(Document::Yaml);
        let output = self.output.as_ref().unwrap_or(&as_yaml);
        if !output.print(job)? {
            print_names([job_name(&job.name_any())])?;
        }
        Ok(Exit::Done)
    }

    /// What the job would do, in sentences; why it is not known, where it is not.
    async fn plan(&self, cluster: &Cluster, job: &FlashJob) -> Vec<String> {
        let mut imagined = job.clone();
        // What the API server gives it.
        imagined.metadata.uid = Some(UNKNOWN_UID.to_owned());
        imagined.metadata.resource_version = Some("1".to_owned());
        let Some(imagined) = Job::of_answer(imagined) else {
            return Vec::new();
        };
        let asking = cluster.asking(&self.operator_namespace, Given::default());
        let foretold = Box::pin(asking.foretell(imagined)).await;
        match foretold {
            Ok(foretold) => {
                let mut said = brief(&foretold);
                if !foretold.not_seen.is_empty() {
                    let words =
                        "That is not all: kubectl flashjob plan names what you may not read of it.";
                    said.push(words.to_owned());
                }
                said
            }
            Err(error) => vec![format!("How long it takes is not known: {error}")],
        }
    }

    /// What has to be given. All that is missing is said at once.
    fn given(&self, asks: bool) -> Result<(&str, &str, &str), Failure> {
        let missing = self.missing(asks);
        match (&self.name, &self.firmware, &self.version) {
            (Some(name), Some(firmware), Some(version)) if missing.is_empty() => {
                Ok((name, firmware, version))
            }
            _ => Err(Box::new(Misused(format!(
                "something is missing: {}; see: {PROGRAM} create --help",
                missing.join(", ")
            )))),
        }
    }

    fn missing(&self, asks: bool) -> Vec<&'static str> {
        let lacks = |value: &Option<String>| value.as_deref().is_none_or(str::is_empty);
        let mut missing = Vec::new();
        for (value, name) in [
            (&self.name, "NAME"),
            (&self.firmware, "--firmware"),
            (&self.version, "--version"),
        ] {
            missing.extend(lacks(value).then_some(name));
        }
        if !self.meant.all && self.meant.uuid.is_empty() {
            missing.push("--all or --uuid");
        }
        if !self.yes && !asks && self.dry_run.is_none() {
            missing.push("--yes or --dry-run");
        }
        missing
    }
}

impl Meant {
    /// The devices that are meant, in the order of flashing.
    async fn uuids(&self, cluster: &Cluster) -> Result<Vec<String>, Failure> {
        let selector = self.filters.selector(None)?;
        let fleet = cluster.fleet(&cluster.scope(self.all_namespaces)).await?;
        let known = (fleet.instances.as_slice(), &fleet.inventory);
        let found = device::rows(known, &fleet.jobs, selector.as_ref(), &self.uuid);
        Ok(chosen(&found, &self.uuid)?)
    }
}

/// The person does not want it.
fn nothing() -> Exit {
    complain(&format!("{PROGRAM}: nothing was created"));
    Exit::Failed
}

/// Says something to a person, in lines of the terminal's width. Lines after the first belong to it.
fn tell(text: &str) {
    let columns = Screen::of(ColorChoice::Never).columns;
    let sentences = text.lines().filter(|line| !line.trim().is_empty());
    for (place, sentence) in sentences.enumerate() {
        let indent = if place == 0 { "" } else { "  " };
        for line in wrap(sentence.trim(), columns, indent) {
            eprintln!("{}", line.text());
        }
    }
}

/// Shows what is going to happen, and asks a person to type how many devices are flashed.
fn confirmed(wanted: &Wanted, job: &FlashJob, plan: &[String]) -> Result<bool, Failure> {
    let devices = wanted.uuids.len();
    write_out(&Output::Yaml.show(job, |_| String::new())?)?;
    eprintln!();
    tell(&format!("This {}. {}", words(wanted), loss(wanted)));
    for words in plan {
        tell(words);
    }
    let many = if devices == 1 {
        "1 device"
    } else {
        &format!("{devices} devices")
    };
    eprint!("Type {devices} to flash {many}: ");
    stderr().flush()?;
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    Ok(line.trim() == devices.to_string())
}
