//! `kubectl flashjob releases`.

use flashjob_operator::{
    cli::{
        history::{ReleaseRow, newest},
        terminal::Failure,
    },
    cluster::clock::now,
};

use super::output::{Output, Shown};
use crate::{
    command_line::{Common, Exit},
    show::{Line, Screen, Tone},
    view::{document::List, release::table},
};

/// What the list is called.
const KIND: &str = "ReleaseList";

/// Options of `releases`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob releases\n  \
    kubectl flashjob releases -o wide\n  \
    kubectl flashjob releases -o jsonpath='{range .items[*]}{.release}{\"\\t\"}{.status}{\"\\n\"}{end}'\n\n\
    As `helm list`, with the device and the FlashJob of each release: devices in flight, and those that failed.\n\n\
    Rights: list secrets in the namespace, in which Helm keeps its records; no role of the chart gives that.")]
pub struct Releases {
    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,
}

impl Releases {
    /// Prints the releases.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let records = cluster.releases().await?;
        let rows = newest(records.iter().filter_map(ReleaseRow::of).collect());
        let document = List::of(KIND, rows);
        let secrets = document.items.iter().map(ReleaseRow::secret);
        if self.output.print_or(&document, secrets)? {
            return Ok(Exit::Done);
        }
        let screen = Screen::of(common.color);
        if document.items.is_empty() {
            let words = format!(
                "Namespace {} has no release of a device.",
                cluster.namespace
            );
            screen.print([Line::of(Tone::Plain, &words)])?;
        } else {
            let wide = self.output.is(&Output::Wide);
            screen.print(table(&document.items, wide, now()))?;
        }
        Ok(Exit::Done)
    }
}
