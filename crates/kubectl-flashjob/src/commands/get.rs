//! `kubectl flashjob get`.

use std::{
    io::{IsTerminal, stdin, stdout},
    time::Duration,
};

use flashjob_operator::{
    cli::{
        job::{class, find_job, selection},
        terminal::Failure,
    },
    cluster::clock::now,
    flashjob::explain::Known,
};

use super::{
    output::{Output, Shown},
    status::Status,
    watch::watch,
};
use crate::{
    command_line::{Common, Exit, Misused},
    show::Screen,
    view::{Look, Tree, document::One, lines},
};

/// What the document is called.
const KIND: &str = "FlashJobTree";

/// Options of `get`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob get my-job\n  \
    kubectl flashjob get my-job -o wide\n  \
    kubectl flashjob get my-job -w\n  \
    kubectl flashjob get my-job -o json | jq '.failures[].devices[].uuid'\n  \
    kubectl flashjob get my-job -o jsonpath='{.counts.failed}'\n\n\
    With -w the tree is drawn anew as the FlashJob changes, five times a second at most. Keys: q quits and leaves the FlashJob as it is, p \
    suspends it or lets it go on, a approves the step that waits, l reads the log of a device in flight, ? names all keys. Without a \
    terminal -w prints a line for each change and ends as `status --timeout 0` does.\n\n\
    Rights: get flashjobs in the namespace, which the ClusterRole flashjob-viewer gives. To say of each device what it waits \
    for, list controllerrevisions there; to know the class, get flashclasses: the ClusterRole flashjob-user gives both. What may not \
    be read is left out. -w also needs list and watch flashjobs, and its keys need what `suspend`, `approve` and `logs` do.")]
pub struct Get {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,

    /// Draw it anew whenever it changes, until q is pressed.
    #[arg(long, short)]
    watch: bool,
}

impl Get {
    /// Prints the tree.
    ///
    /// # Errors
    /// When the job cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        if self.watch {
            return self.watch(common).await;
        }
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
        if !self.output.print_jobs(&document, [self.job.as_str()])? {
            let wide = self.output.is(&Output::Wide);
            let screen = Screen::of(common.color);
            screen.print(lines(&document.value, Look::of(wide, screen.columns), now))?;
        }
        Ok(Exit::Done)
    }

    async fn watch(&self, common: &Common) -> Result<Exit, Failure> {
        let wide = self.output.is(&Output::Wide);
        if !wide && !self.output.is(&Output::Text) {
            let words = "-w is for people: it goes with -o text and -o wide alone";
            return Err(Misused(words.to_owned()).into());
        }
        if !(stdin().is_terminal() && stdout().is_terminal()) {
            return Status::of(&self.job, Duration::ZERO).run(common).await;
        }
        let cluster = common.connection.connect().await?;
        watch(&cluster, &self.job, wide, Screen::of(common.color)).await
    }
}
