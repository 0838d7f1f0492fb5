//! `kubectl flashjob devices`.

use flashjob_operator::{
    cli::terminal::{self, Failure, complain},
    cluster::clock::now,
    device::Selector,
};

use super::{
    filters::Filters,
    output::{self, Shown, print_names},
};
use crate::{
    cluster::{Fleet, Tidings, Unseen},
    command_line::{Common, Exit, Misused, PROGRAM},
    show::{Line, Screen, Tone},
    view::{
        device::{self, DeviceRow},
        document::List,
    },
};

/// What the list is called.
const KIND: &str = "DeviceList";

/// Options of `devices`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob devices -A\n  \
    kubectl flashjob devices --device esp32s3 --version '<1.2.0'\n  \
    kubectl flashjob devices --app thermo -w\n  \
    kubectl flashjob devices -p SITE=roof -o uuid\n  \
    kubectl flashjob devices -o jsonpath='{.items[?(@.device==\"esp32s3\")].endpoint}'\n\n\
    The filters are those of spec.deviceSelector. A device that is flashed has another UUID afterwards: with -w it is followed by its endpoint, \
    unless --uuid names it.\n\n\
    Rights: list instances.akri.sh in the namespace, with -A in the whole cluster; to say which job is busy with a device, list \
    flashjobs. The ClusterRole flashjob-user gives both. What may not be read is said. -w also needs \
    to watch both.")]
pub struct Devices {
    /// In all namespaces.
    #[arg(long, short = 'A')]
    all_namespaces: bool,

    #[command(flatten)]
    filters: Filters,

    /// Devices of this UUID; may be given several times.
    #[arg(long, value_name = "UUID", help_heading = "Filters")]
    uuid: Vec<String>,

    /// Devices whose version lies in this range, such as '<1.2.0'.
    #[arg(long, value_name = "RANGE", help_heading = "Filters")]
    version: Option<String>,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Form>,

    /// After the list print a line for each device that changes, until it is broken off.
    #[arg(long, short)]
    watch: bool,
}

/// How devices are printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// For people, with more in it.
    Wide,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
    /// Names of the Instances, as kubectl takes them.
    Name,
    /// UUIDs alone.
    Uuid,
}

impl output::Form for Form {
    fn document(self) -> Option<terminal::Output> {
        match self {
            Self::Text | Self::Wide | Self::Name | Self::Uuid => None,
            Self::Json => Some(terminal::Output::Json),
            Self::Yaml => Some(terminal::Output::Yaml),
        }
    }
}

impl Devices {
    /// Prints the devices.
    ///
    /// # Errors
    /// When Instances cannot be read, or a filter cannot.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let selector = self.filters.selector(self.version.as_deref())?;
        if self.watch {
            return self.follow(common, selector.as_ref()).await;
        }
        let cluster = common.connection.connect().await?;
        let scope = cluster.scope(self.all_namespaces);
        let fleet = cluster.fleet(&scope).await?;
        let Fleet {
            instances,
            inventory,
            jobs,
            unseen,
        } = &fleet;
        let known = (instances.as_slice(), inventory);
        let rows = device::rows(known, jobs, selector.as_ref(), &self.uuid);
        if let Some(Unseen(words)) = unseen {
            complain(&format!("{PROGRAM}: {words}"));
        }
        self.print(rows, Screen::of(common.color), &cluster.namespace)?;
        Ok(Exit::Done)
    }

    async fn follow(&self, common: &Common, selector: Option<&Selector>) -> Result<Exit, Failure> {
        let wide = self.output.is(&Form::Wide);
        if !wide && !self.output.is(&Form::Text) {
            let words = "-w goes with -o text and -o wide alone";
            return Err(Misused(words.to_owned()).into());
        }
        let cluster = common.connection.connect().await?;
        let scope = cluster.scope(self.all_namespaces);
        let mut fleets = cluster.watch_fleet(&scope).await?;
        let screen = Screen::of(common.color);
        let mut table = device::Table::of(wide);
        let mut before: Option<Vec<DeviceRow>> = None;
        loop {
            let fleet = match fleets.next().await? {
                Tidings::Fleet(fleet) => fleet,
                Tidings::Lost(words) => {
                    complain(&format!("{PROGRAM}: {words}; trying again"));
                    continue;
                }
            };
            let known = (fleet.instances.as_slice(), &fleet.inventory);
            let rows = device::rows(known, &fleet.jobs, selector, &self.uuid);
            let lines = if let Some(before) = &before {
                table.more(before, &rows, now())
            } else {
                if let Some(Unseen(words)) = &fleet.unseen {
                    complain(&format!("{PROGRAM}: {words}"));
                }
                table.begin(&rows, now())
            };
            before = Some(rows);
            if !screen.append(lines)? {
                return Ok(Exit::Done);
            }
        }
    }

    fn print(&self, rows: Vec<DeviceRow>, screen: Screen, namespace: &str) -> Result<(), Failure> {
        let document = List::of(KIND, rows);
        if self.output.print(&document)? {
            return Ok(());
        }
        let rows = &document.items;
        if self.output.is(&Form::Name) {
            let name = |row: &DeviceRow| format!("instance.akri.sh/{}", row.instance);
            print_names(rows.iter().map(name))
        } else if self.output.is(&Form::Uuid) {
            print_names(rows.iter().map(|row| row.uuid.clone()))
        } else if rows.is_empty() {
            screen.print([self.none(namespace)])
        } else {
            screen.print(device::table(rows, self.output.is(&Form::Wide), now()))
        }
    }

    fn none(&self, namespace: &str) -> Line {
        let words = if self.all_namespaces {
            "There is no such device in the cluster.".to_owned()
        } else {
            format!(
                "Namespace {namespace} has no such device. Look everywhere: {PROGRAM} devices -A"
            )
        };
        Line::of(Tone::Plain, &words)
    }
}
