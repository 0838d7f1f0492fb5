//! A simulated process: its clocks and its chance, its end, and the time for which it is stopped.
//!
//! Every task of a process runs [`within`] it. A process that died has no task left: each ends when it would go on.

use std::{
    cell::{Cell, RefCell},
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Notify, watch},
    task::JoinError,
    time::Instant,
};

use super::chance::Chance;
use crate::seam::{Bug, Clocks};

/// When every world begins, in seconds after the epoch.
pub const BEGINNING: i64 = 1_780_000_000;
/// How long a machine has been up when its world begins, at least.
const UPTIME: u64 = 1_000;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Process>>> = const { RefCell::new(None) };
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Process {
    /// Which replica it is.
    pub place: usize,
    /// How many processes of this replica there were before.
    pub life: u32,
    begun: Instant,
    /// By how many milliseconds its wall clock is ahead.
    skew: i64,
    state: Mutex<State>,
    death: Notify,
    end: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    dead: bool,
    stopped: bool,
    waiting: Vec<Waker>,
    chance: Chance,
}

impl Process {
    /// A new process of a replica in a world that began at this instant.
    pub fn new((place, life): (usize, u32), begun: Instant, skew: i64, chance: Chance) -> Self {
        let state = State {
            dead: false,
            stopped: false,
            waiting: Vec::new(),
            chance,
        };
        Self {
            place,
            life,
            begun,
            skew,
            state: Mutex::new(state),
            death: Notify::new(),
            end: watch::Sender::new(false),
        }
    }

    pub fn is_dead(&self) -> bool {
        self.state.lock().unwrap().dead
    }

    pub fn is_stopped(&self) -> bool {
        self.state.lock().unwrap().stopped
    }

    /// Ends all of its tasks.
    pub fn kill(&self) {
        self.change(|state| state.dead = true);
        self.death.notify_one();
    }

    /// Waits until it died.
    pub async fn died(&self) {
        self.death.notified().await;
    }

    /// Asks it to end in good order.
    pub fn ask_to_end(&self) {
        self.end.send_replace(true);
    }

    pub fn asked_to_end(&self) -> watch::Receiver<bool> {
        self.end.subscribe()
    }

    /// Stops it, or lets it go on.
    pub fn stop(&self, stopped: bool) {
        self.change(|state| state.stopped = stopped);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.state.lock().unwrap();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn clocks(&self) -> Clocks {
        let up = self.begun.elapsed();
        let millis = i64::try_from(up.as_millis()).unwrap() + self.skew;
        let wall = Timestamp::from_second(BEGINNING).unwrap() + SignedDuration::from_millis(millis);
        // Machines did not boot at the same time.
        let boot = up + Duration::from_secs(UPTIME * (1 + u64::try_from(self.place).unwrap()));
        (wall, boot)
    }

    /// Does something as this process.
    pub fn run<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(Arc::clone(self)));
        let done = work();
        CURRENT.set(before);
        done
    }
}

/// A task of a process.
pub struct Within<F> {
    process: Option<Arc<Process>>,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(process) = self.process.clone() else {
            return self.task.as_mut().poll(cx);
        };
        {
            let mut state = process.state.lock().unwrap();
            if state.dead {
                drop(state);
                resume_unwind(Box::new("its process died"));
            }
            if state.stopped {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
        }
        process.run(|| self.task.as_mut().poll(cx))
    }
}

fn current<T>(read: impl FnOnce(&Arc<Process>) -> T) -> Option<T> {
    CURRENT.with_borrow(|current| current.as_ref().map(read))
}

/// Makes a task part of the process that starts it.
pub fn within<F: Future>(task: F) -> Within<F> {
    let process = current(Arc::clone);
    Within {
        process,
        task: Box::pin(task),
    }
}

/// The clocks of the process that runs.
#[must_use]
pub fn clocks() -> Option<Clocks> {
    current(|process| process.clocks())
}

/// Plants a bug into the code that this thread runs.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is planted.
#[must_use]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Random bytes: a process has its own chance.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let drawn = current(|process| {
        let chance = &mut process.state.lock().unwrap().chance;
        std::array::from_fn(|_| chance.byte())
    });
    drawn.unwrap_or_else(rand::random)
}

/// Does work that takes a while; a simulated process does it at once, as its time is not that of the machine.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if current(|_| ()).is_some() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}
