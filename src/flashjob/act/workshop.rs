//! Work by other people's words, such as rendering, on threads of its own: a few at a time, and with an end to the waiting.
//!
//! Called by `trial` and `act`. A chart is bounded in what it may take, and yet it takes time: on the threads of the runtime it would
//! keep probes from being answered and the Lease from being renewed.

use std::{num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

use crate::api::Reason;
use crate::api::Refusal;
use crate::seam;

/// How long is waited for a piece of work, its turn included. What a chart may take is far less.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most pieces of work at a time: each may take as much memory as a rendering may.
const MAX_AT_A_TIME: usize = 2;

/// See the module's documentation.
#[derive(Debug)]
pub struct Workshop {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Workshop {
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, NonZero::get);
        Self {
            places: Arc::new(Semaphore::new(threads.min(MAX_AT_A_TIME))),
            patience: PATIENCE,
        }
    }
}

impl Workshop {
    /// Does a piece of work when a place is free. A place stays taken until its work has really ended, waited for or not.
    ///
    /// # Errors
    /// What the work refuses, or that it did not end.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let places = Arc::clone(&self.places);
        let done = async move {
            let place = places.acquire_owned().await.ok()?;
            let work = seam::aside(move || {
                let done = work();
                drop(place);
                done
            });
            work.await.ok()
        };
        match timeout(self.patience, done).await {
            Ok(Some(done)) => done,
            // It panicked, or the process stops.
            Ok(None) => Err(refused("its rendering broke off")),
            Err(_) => Err(refused(&format!(
                "its rendering did not end within {} s",
                self.patience.as_secs()
            ))),
        }
    }
}

fn refused(what: &str) -> Refusal {
    Refusal {
        reason: Reason::ChartInvalid,
        message: format!(
            "the flash chart cannot be used: {what}; make its templates and its schema simpler"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn workshop(places: usize, patience: Duration) -> Workshop {
        let places = Arc::new(Semaphore::new(places));
        Workshop { places, patience }
    }

    #[tokio::test]
    async fn the_runtime_goes_on_while_a_chart_renders() {
        let workshop = workshop(1, PATIENCE);
        let (go, gone) = mpsc::channel();
        // The one thread of this runtime is needed for the ticks, without which the work does not end.
        let work = workshop.run(move || {
            for _ in 0..100 {
                gone.recv().expect("a tick");
            }
            Ok("rendered")
        });
        let ticks = async {
            let mut ticks = 0;
            while go.send(()).is_ok() {
                ticks += 1;
                tokio::task::yield_now().await;
            }
            ticks
        };
        let (done, ticks) = tokio::join!(work, ticks);
        assert_eq!(done, Ok("rendered"));
        assert!(ticks >= 100, "{ticks}");
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_given_up_and_keeps_its_place() {
        let workshop = workshop(1, Duration::from_millis(50));
        let (end, ended) = mpsc::channel::<()>();
        let hangs = workshop.run(move || {
            let _ = ended.recv();
            Ok(())
        });
        let refusal = hangs.await.unwrap_err();
        assert_eq!(refusal.reason, Reason::ChartInvalid);
        assert!(
            refusal.message.contains("did not end within"),
            "{}",
            refusal.message
        );
        // A second chart that hangs would take a second thread: it has to wait for the first one's.
        assert!(workshop.run(|| Ok(())).await.is_err());
        drop(end);
        let patient = Workshop {
            places: Arc::clone(&workshop.places),
            patience: PATIENCE,
        };
        assert_eq!(patient.run(|| Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn work_that_panics_is_refused() {
        let refusal = workshop(1, PATIENCE)
            .run(|| -> Result<(), Refusal> { panic!("on purpose") })
            .await
            .unwrap_err();
        assert!(refusal.message.contains("broke off"), "{}", refusal.message);
    }

    #[tokio::test]
    async fn what_the_work_refuses_is_handed_on() {
        let refusal = Refusal {
            reason: Reason::GuardRefused,
            message: "said so".to_owned(),
        };
        let work = {
            let refusal = refusal.clone();
            move || Err::<(), _>(refusal)
        };
        assert_eq!(workshop(1, PATIENCE).run(work).await, Err(refusal));
    }
}
