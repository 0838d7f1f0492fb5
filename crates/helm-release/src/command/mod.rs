//! The helm program: `helm upgrade --install`, `helm template` and `helm uninstall` as child processes, a bounded number at a time.
//!
//! Runs processes and writes temporary files; talks to no API itself. [`Helm::start`] waits for a free slot and returns a
//! [`Running`], which becomes an [`Outcome`].
//!
//! A child never outlives its parent: [`Helm::stop_all`] stops it, and the kernel kills it when the parent dies (where `setpriv`
//! exists; in a container the PID namespace does it).

mod call;
mod directory;
mod operation;
mod process;
mod reason;
#[cfg(test)]
mod tests;
mod workspace;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use semver::Version;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};

pub use self::call::StartError;
pub use self::operation::{Operation, Outcome, Template, Uninstall, Upgrade};
pub use self::reason::{Failure, Reason};

use self::call::{Program, check};
use self::process::{Ended, Finished, Limits, Spawner};
use self::workspace::Workspace;

/// Oldest helm that has every flag used here; the first that is too new.
const SUPPORTED: (Version, Version) = (Version::new(3, 14, 0), Version::new(5, 0, 0));

/// Largest manifest that `helm template` may print.
const MAX_MANIFEST: usize = 4 << 20;

/// How helm is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The helm program; none: the `helm` found on PATH.
    pub binary: Option<PathBuf>,
    /// Kubeconfig; none: the Pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// How many processes may run at once; at least one.
    pub processes: u16,
    /// After this a process is stopped.
    pub timeout: Duration,
    /// Between SIGTERM, which lets helm write the record as failed, and SIGKILL.
    pub grace: Duration,
    /// Revisions kept of one release; 0 keeps all.
    pub history_max: u32,
    /// Whether installing and upgrading runs the chart's hooks. Uninstalling never does: the hooks would be those of a record,
    /// which others can write.
    pub hooks: bool,
    /// What the name of the temporary directory begins with. A directory of that prefix whose process is dead is removed at start.
    pub directory_prefix: &'static str,
}

impl Default for Settings {
    /// The helm on PATH, the Pod's own service account, four processes at once of up to five minutes, ten revisions, no hooks.
    fn default() -> Self {
        Self {
            binary: None,
            kubeconfig: None,
            processes: 4,
            timeout: Duration::from_mins(5),
            grace: Duration::from_secs(10),
            history_max: 10,
            hooks: false,
            directory_prefix: "helm-release-",
        }
    }
}

/// Why no usable helm was found.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// Not on PATH, or not at the given path.
    #[error("helm program {name} is not found")]
    NotFound {
        /// What was looked for.
        name: String,
        /// Why.
        #[source]
        source: which::Error,
    },
    /// `helm version` failed.
    #[error("{program} version: {message}")]
    Unusable {
        /// The program.
        program: PathBuf,
        /// What it said.
        message: String,
    },
    /// A version that is not supported.
    #[error("{program} is helm {found}; needed is {} or newer, older than {}", SUPPORTED.0, SUPPORTED.1)]
    Unsupported {
        /// The program.
        program: PathBuf,
        /// Its version.
        found: Version,
    },
    /// No temporary directory or no thread.
    #[error("running helm cannot be set up")]
    SetUp(#[source] std::io::Error),
}

/// A usable helm with its process slots. Clones share them.
#[derive(Clone)]
pub struct Helm {
    shared: Arc<Shared>,
    allowed: Arc<dyn Fn() -> bool + Send + Sync>,
}

struct Shared {
    program: Program,
    version: Version,
    limits: Limits,
    spawner: Spawner,
    processes: u16,
    slots: Arc<Semaphore>,
    /// Set when everything is to stop: how long a process may still take.
    stopping: watch::Sender<Option<Duration>>,
}

impl Helm {
    /// Finds helm and checks its version. Needs a tokio runtime, which later runs the processes.
    ///
    /// # Errors
    /// If there is no helm, or none of a supported version.
    pub async fn find(settings: &Settings) -> Result<Self, HelmError> {
        let spawner = Spawner::start().map_err(HelmError::SetUp)?;
        let (program, version) = Program::find(settings, &spawner).await?;
        let release = Version::new(version.major, version.minor, version.patch);
        if release < SUPPORTED.0 || release >= SUPPORTED.1 {
            return Err(HelmError::Unsupported {
                program: program.path().to_owned(),
                found: version,
            });
        }
        let processes = settings.processes.max(1);
        Ok(Self {
            allowed: Arc::new(|| true),
            shared: Arc::new(Shared {
                program,
                version,
                limits: Limits {
                    timeout: settings.timeout,
                    grace: settings.grace,
                },
                spawner,
                processes,
                slots: Arc::new(Semaphore::new(usize::from(processes))),
                stopping: watch::Sender::new(None),
            }),
        })
    }

    /// The same helm, which starts a process only while `allowed` says so: while the lease is held.
    #[must_use]
    pub fn only_while(self, allowed: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            allowed: Arc::new(allowed),
            ..self
        }
    }

    /// The version of helm.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.shared.version
    }

    /// Starts an operation once a slot is free. Dropping the future gives up the wait.
    ///
    /// # Errors
    /// If the operation cannot be put to helm, or [`Helm::stop_all`] was called.
    pub async fn start(&self, operation: Operation) -> Result<Running, StartError> {
        check(&operation)?;
        let slot = Arc::clone(&self.shared.slots)
            .acquire_owned()
            .await
            .map_err(|_| StartError::Stopping)?;
        self.run(operation, slot)
    }

    fn is_stopping(&self) -> bool {
        self.shared.stopping.borrow().is_some()
    }

    /// Stops every process and starts none any more; returns when the last one is gone.
    /// `grace` is what lies between SIGTERM and SIGKILL: short where somebody else may lead soon.
    pub async fn stop_all(&self, grace: Duration) {
        self.shared.stopping.send_replace(Some(grace));
        // Every process holds a slot until it is gone. An error would mean that nobody holds one.
        drop(
            self.shared
                .slots
                .acquire_many(u32::from(self.shared.processes))
                .await,
        );
    }

    fn run(&self, operation: Operation, slot: OwnedSemaphorePermit) -> Result<Running, StartError> {
        if self.is_stopping() || !(self.allowed)() {
            return Err(StartError::Stopping);
        }
        let stop = Arc::new(Notify::new());
        let (outcome_tx, outcome) = oneshot::channel();
        let (shared, stop_rx) = (Arc::clone(&self.shared), Arc::clone(&stop));
        tokio::spawn(async move {
            let outcome = shared.perform(operation, &stop_rx).await;
            drop(slot);
            // The caller may have lost interest; the process was followed to its end all the same.
            let _ = outcome_tx.send(outcome);
        });
        Ok(Running { outcome, stop })
    }
}

impl Shared {
    async fn perform(&self, operation: Operation, stop: &Notify) -> Outcome {
        let began = Instant::now();
        let wants_all = matches!(operation, Operation::Template(_));
        let finished = self.execute(operation, stop).await;
        let (result, stdout) = match finished {
            // Half a manifest must not be mistaken for a whole one.
            Ok(finished) if wants_all && finished.truncated => {
                (Err(Failure::too_much()), String::new())
            }
            Ok(Finished {
                ended: Ended::Exited(Some(0)),
                stdout,
                ..
            }) => (Ok(()), stdout),
            Ok(finished) => (Err(Failure::of(&finished)), finished.stdout),
            Err(error) => (Err(Failure::not_run(&error)), String::new()),
        };
        Outcome {
            result,
            stdout,
            elapsed: began.elapsed(),
        }
    }

    async fn execute(&self, operation: Operation, stop: &Notify) -> std::io::Result<Finished> {
        let parent = self.program.directory().to_owned();
        let prepared = tokio::task::spawn_blocking(move || match &operation {
            Operation::Upgrade(upgrade) => {
                Workspace::write(&parent, upgrade).map(|files| (operation, Some(files)))
            }
            Operation::Template(template) => {
                Workspace::write(&parent, &template.upgrade).map(|files| (operation, Some(files)))
            }
            Operation::Uninstall(_) => Ok((operation, None)),
        });
        let (operation, files) = prepared.await.map_err(std::io::Error::other)??;
        let command = self.program.command(&operation, files.as_ref());
        let mut stopping = self.stopping.subscribe();
        let grace = self.limits.grace;
        let stopped = async {
            tokio::select! {
                () = stop.notified() => grace,
                asked = stopping.wait_for(Option::is_some) => {
                    asked.ok().and_then(|asked| *asked).map_or(grace, |asked| asked.min(grace))
                }
            }
        };
        let kept = if matches!(operation, Operation::Template(_)) {
            MAX_MANIFEST
        } else {
            process::KEPT
        };
        process::run(&self.spawner, command, self.limits, kept, stopped).await
        // `files` is removed here, after the process that reads them.
    }
}

/// A helm process under way; a future of its [`Outcome`]. Dropped, the process goes on to its end and keeps its slot until then.
#[derive(Debug)]
pub struct Running {
    outcome: oneshot::Receiver<Outcome>,
    stop: Arc<Notify>,
}

impl Running {
    /// Asks the process to stop: SIGTERM, then SIGKILL after the grace. The outcome still comes.
    pub fn stop(&self) {
        self.stop.notify_one();
    }
}

impl Future for Running {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let received = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(received.unwrap_or_else(|_| Outcome {
            result: Err(Failure::abandoned()),
            stdout: String::new(),
            elapsed: Duration::ZERO,
        }))
    }
}
