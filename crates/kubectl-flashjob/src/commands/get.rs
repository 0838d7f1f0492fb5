//! `kubectl flashjob get`.

use flashjob_operator::{
    cli::{
        job::{class, find_job, selection},
        terminal::Failure,
    },
    cluster::clock::now,
    flashjob::explain::Known,
};

use super::output::Output;
use crate::{
    command_line::{Common, Exit},
    show::Screen,
    view::{Tree, document::One, lines},
};

/// What the document is called.
const KIND: &str = "FlashJobTree";

/// Options of `get`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob get my-job\n  \
    kubectl flashjob get my-job -o wide\n  \
    kubectl flashjob get my-job -o json | jq '.failures[].devices[].uuid'\n\n\
    Rights: get flashjobs in the namespace, which the ClusterRole flashjob-viewer gives. To say of each device what it waits \
    for, list controllerrevisions there; to know the class, get flashclasses: the ClusterRole flashjob-user gives both. What may not \
    be read is left out.")]
pub struct Get {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,

    /// How it is printed.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

impl Get {
    /// Prints the tree.
    ///
    /// # Errors
    /// When the job cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let reader = &cluster.reader;
        let job = find_job(reader, &cluster.namespace, &self.job).await?;
        let selection = selection(reader, &job).await;
        let class = class(reader, &job).await;
        let now = now();
        let tree = Tree::of(&Known {
            job: &job,
            selection: selection.as_deref(),
            class: class.as_ref(),
            watched: None,
            now,
        });
        let document = One::of(KIND, tree);
        if !self.output.print(&document, [self.job.as_str()])? {
            let wide = self.output == Output::Wide;
            let screen = Screen::of(common.color);
            screen.print(lines(&document.value, wide, screen.columns, now))?;
        }
        Ok(Exit::Done)
    }
}
