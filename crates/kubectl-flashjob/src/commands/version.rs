//! `kubectl flashjob version`.

use flashjob_operator::{
    cli::terminal::{Failure, Output},
    cluster::ApiError,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Shown;
use crate::{
    command_line::{Common, Exit},
    show::{Line, Screen, Tone},
    view::document::One,
};

/// What the document is called.
const KIND: &str = "Version";

/// Options of `version`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Rights: none beyond those of every user.")]
pub struct Version {
    /// Do not ask the cluster.
    #[arg(long)]
    client: bool,

    /// How it is printed.
    #[arg(long, short, default_value = "text")]
    output: Shown<Output>,
}

/// Versions of this program and of the cluster.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    /// Version of this program.
    pub client: String,
    /// Version of the API server; absent with --client, or where it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
}

impl Version {
    /// Prints them.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let asked = if self.client {
            None
        } else {
            Some(kubernetes(common).await)
        };
        let versions = Versions {
            client: env!("CARGO_PKG_VERSION").to_owned(),
            kubernetes: asked
                .as_ref()
                .and_then(|answer| answer.as_ref().ok().cloned()),
        };
        if self.output.print(&One::of(KIND, versions.clone()))? {
            return Ok(Exit::Done);
        }
        let mut lines = vec![Line::of(
            Tone::Plain,
            &format!("client      {}", versions.client),
        )];
        match asked {
            Some(Ok(version)) => {
                lines.push(Line::of(Tone::Plain, &format!("kubernetes  {version}")));
            }
            Some(Err(error)) => {
                lines.push(Line::of(Tone::Bad, &format!("kubernetes  none: {error}")));
            }
            None => {}
        }
        Screen::of(common.color).print(lines)?;
        Ok(Exit::Done)
    }
}

async fn kubernetes(common: &Common) -> Result<String, Failure> {
    let cluster = common.connection.connect().await?;
    let version: Result<String, ApiError> = cluster.reader.kube_version().await;
    Ok(version?)
}
