//! One child process: its own group, bounded output, SIGTERM before SIGKILL.
//!
//! Starts and signals processes, nothing else. It knows nothing of helm.

use std::future::Future;
use std::io;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How much of each output is kept, where not all of it is wanted.
pub(super) const KEPT: usize = 64 << 10;
/// How long output may still come after the process has ended: something it started may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a process may run, and how long it may take to end when asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
}

/// Why a process is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code; none if a signal of somebody else ended it.
    Exited(Option<i32>),
    /// It was asked to stop.
    Stopped,
    /// It ran longer than allowed.
    TimedOut(Duration),
}

/// What is left of a process.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) ended: Ended,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// The standard output is not whole.
    pub(super) truncated: bool,
}

struct Order {
    command: Command,
    child_tx: oneshot::Sender<io::Result<Child>>,
}

/// The thread that starts every child. The kernel's parent-death signal is sent when the *thread* that started a child ends, so
/// a pooled thread, which may end any time, would kill helm at work.
pub(super) struct Spawner {
    order_tx: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread; it ends with this value, and its children with it.
    pub(super) fn start() -> io::Result<Self> {
        let (order_tx, order_rx) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("helm-parent".to_owned())
            .spawn(move || {
                let _entered = runtime.enter();
                for Order {
                    mut command,
                    child_tx,
                } in order_rx
                {
                    // An unwanted child is killed when it is dropped.
                    let _ = child_tx.send(command.spawn());
                }
            })?;
        Ok(Self { order_tx })
    }

    async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (child_tx, child) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts helm has ended");
        self.order_tx
            .send(Order { command, child_tx })
            .map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

/// Runs a command to its end, to `stop`, which says how long it may take to end, or to its time-out; then nothing of its process
/// group is left. Of its standard output the last `kept` bytes are returned.
pub(super) async fn run(
    spawner: &Spawner,
    mut command: Command,
    limits: Limits,
    kept: usize,
    stop: impl Future<Output = Duration>,
) -> io::Result<Finished> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let mut child = spawner.spawn(command).await?;
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .map(Pid::from_raw);
    let stdout = read(child.stdout.take(), kept);
    let stderr = read(child.stderr.take(), KEPT);
    let (ended, grace) = tokio::select! {
        status = child.wait() => (Ended::Exited(status?.code()), None),
        grace = stop => (Ended::Stopped, Some(grace)),
        () = sleep(limits.timeout) => (Ended::TimedOut(limits.timeout), Some(limits.grace)),
    };
    if let Some(grace) = grace {
        end(&mut child, group, grace).await?;
    }
    let (stdout, truncated) = text(stdout).await;
    Ok(Finished {
        ended,
        stdout,
        stderr: text(stderr).await.0,
        truncated,
    })
}

/// SIGTERM lets helm write the release as failed; SIGKILL leaves it pending.
async fn end(child: &mut Child, group: Option<Pid>, grace: Duration) -> io::Result<()> {
    let signal = |signal| group.map(|group| killpg(group, signal));
    signal(Signal::SIGTERM);
    let polite = timeout(grace, child.wait()).await;
    // Also after a polite end: what helm started may have stayed.
    signal(Signal::SIGKILL);
    match polite {
        Ok(status) => status.map(drop),
        Err(_) => child.wait().await.map(drop),
    }
}

struct Reading {
    task: JoinHandle<()>,
    kept: std::sync::Arc<std::sync::Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

/// Reads to the end and keeps the last `limit` bytes: an error stands at the end.
fn read<R: AsyncRead + Unpin + Send + 'static>(source: Option<R>, limit: usize) -> Reading {
    let kept = std::sync::Arc::default();
    let sink = std::sync::Arc::clone(&kept);
    let task = tokio::spawn(async move {
        let Some(mut source) = source else { return };
        let mut buffer = vec![0; 8 << 10];
        while let Ok(count @ 1..) = source.read(&mut buffer).await {
            let mut kept: std::sync::MutexGuard<'_, Kept> = lock(&sink);
            kept.bytes.extend_from_slice(&buffer[..count]);
            let excess = kept.bytes.len().saturating_sub(limit);
            kept.bytes.drain(..excess);
            kept.truncated |= excess > 0;
        }
    });
    Reading { task, kept }
}

/// What was read, and whether it is not all.
async fn text(mut reading: Reading) -> (String, bool) {
    let cut_off = timeout(DRAIN, &mut reading.task).await.is_err();
    if cut_off {
        reading.task.abort();
    }
    let kept = lock(&reading.kept);
    (
        String::from_utf8_lossy(&kept.bytes).into_owned(),
        cut_off || kept.truncated,
    )
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
