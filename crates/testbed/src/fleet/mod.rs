//! A fleet of simulated devices: Akri's Instances, the load balancer's addresses, and what happens inside flash pods.
//!
//! Used by the example `fleet` and, in process, by the end-to-end tests. It speaks to the API server only; kwok plays the
//! node, and serves the logs that are written here.

#![allow(
    dead_code,
    unused_imports,
    reason = "the example and the tests use different parts of it"
)]

pub mod akri;
pub mod device;
mod dialled;
pub mod load_balancer;
pub mod params;
pub mod patience;
pub mod pods;
pub mod reach;
pub mod world;

use std::{path::PathBuf, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use tokio::task::JoinSet;

pub use device::Outcome;
pub use load_balancer::MAX_ADDRESSES;
pub use params::{AddressKind, Params};
use world::World;
pub use world::{Flash, Report};

/// Why a fleet cannot go on.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// The parameters contradict each other.
    #[error("parameters of the fleet: {0}")]
    Params(String),
    /// The API server refused.
    #[error("could not {action} {name}")]
    Api {
        /// What was tried.
        action: &'static str,
        /// On which object.
        name: String,
        /// Its words.
        source: Box<kube::Error>,
    },
    /// Waiting ended before it was fulfilled.
    #[error("waiting for {what}")]
    Wait {
        /// For what.
        what: &'static str,
        /// Why.
        source: Box<kube::runtime::wait::Error>,
    },
    /// Waiting took too long.
    #[error("timed out waiting for {0}")]
    Timeout(&'static str),
    /// A file could not be written.
    #[error("could not write {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    fn api(action: &'static str, name: &str) -> impl FnOnce(kube::Error) -> Self + use<> {
        let name = name.to_owned();
        move |source| Self::Api {
            action,
            name,
            source: Box::new(source),
        }
    }
}

/// A fleet that runs until it is dropped. Its Instances stay.
pub struct Fleet {
    world: Arc<World>,
    _tasks: JoinSet<()>,
    _log_directory: Option<tempfile::TempDir>,
}

impl Fleet {
    /// Installs Akri's CRD where it is absent, creates the Instances and starts to play.
    pub async fn start(client: Client, params: Params) -> Result<Self, Error> {
        let devices = device::devices(&params).map_err(Error::Params)?;
        let (log_directory, guard) = log_directory(&params)?;
        akri::install(&client).await?;
        let found: Vec<_> = stream::iter(devices)
            .map(|device| {
                let (client, params) = (&client, &params);
                async move {
                    let reading = akri::Reading {
                        device_type: &params.device_type,
                        version: &params.version,
                    };
                    let instance = akri::create(client, params, &device, 0, reading).await?;
                    Ok((device, instance))
                }
            })
            .buffered(16)
            .try_collect()
            .await?;
        let world = Arc::new(World::new(client, params, log_directory, found));
        let mut tasks = JoinSet::new();
        for namespace in world.params.watched() {
            let namespace = namespace.map(str::to_owned);
            tasks.spawn(load_balancer::run(world.clone(), namespace.clone()));
            tasks.spawn(pods::run(world.clone(), namespace));
        }
        Ok(Self {
            world,
            _tasks: tasks,
            _log_directory: guard,
        })
    }

    /// The devices by their first uid, with the fate of each, in the order of their endpoints.
    pub fn devices(&self) -> Vec<Report> {
        self.world.reports()
    }

    /// First uids of all devices: what a `FlashJob` names.
    pub fn uuids(&self) -> Vec<String> {
        self.devices()
            .into_iter()
            .map(|device| device.uuid)
            .collect()
    }

    /// Every flash so far, in the order of their starts.
    pub fn journal(&self) -> Vec<Flash> {
        self.world.journal.lock().clone()
    }
}

fn log_directory(params: &Params) -> Result<(PathBuf, Option<tempfile::TempDir>), Error> {
    if let Some(path) = &params.log_directory {
        std::fs::create_dir_all(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        let path = path.canonicalize().map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        return Ok((path, None));
    }
    let guard = tempfile::Builder::new()
        .prefix("fleet-logs-")
        .tempdir()
        .map_err(|source| Error::File {
            path: std::env::temp_dir(),
            source,
        })?;
    Ok((guard.path().to_owned(), Some(guard)))
}
