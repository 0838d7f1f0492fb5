//! `flashjob-operator version`: which versions meet here. Reads the cluster's version if there is a cluster.

use std::time::Duration;

use super::{Failure, connection::Connection, print};
use crate::{cluster::Reader, names::HELM_DIRECTORY_PREFIX, operator::flash_chart};
use helm_release::command;

/// How long the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Options of `version`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Rights: none beyond those of every user.")]
pub struct Version {
    #[command(flatten)]
    connection: Connection,

    /// Do not ask the cluster.
    #[arg(long)]
    client: bool,
}

impl Version {
    /// Prints one line for each.
    ///
    /// # Errors
    /// When the built-in chart cannot be read: never in a released program.
    pub async fn run(&self) -> Result<(), Failure> {
        let chart = flash_chart(None)?;
        let kubernetes = if self.client {
            String::new()
        } else {
            format!("kubernetes  {}\n", kubernetes(&self.connection).await)
        };
        let text = format!(
            "operator    {}\n{:<11} {} (built in)\nhelm        {}\n{kubernetes}",
            env!("CARGO_PKG_VERSION"),
            chart.metadata.name,
            chart.metadata.version,
            helm().await,
        );
        print(&text)
    }
}

async fn helm() -> String {
    let settings = command::Settings {
        binary: None,
        kubeconfig: None,
        processes: 1,
        timeout: Duration::from_secs(10),
        grace: Duration::from_secs(1),
        history_max: 0,
        hooks: false,
        directory_prefix: HELM_DIRECTORY_PREFIX,
    };
    match command::Helm::find(&settings).await {
        Ok(helm) => helm.version().to_string(),
        Err(error) => format!("none: {error}"),
    }
}

async fn kubernetes(connection: &Connection) -> String {
    let clients = match connection.reading(PATIENCE).await {
        Ok(clients) => clients,
        Err(error) => return format!("none: {error}"),
    };
    match Reader::new(clients.lease, PATIENCE).kube_version().await {
        Ok(version) => version,
        Err(error) => format!("none: {error}"),
    }
}
