//! Writes that may still be carried out: those that are waited for, and those whose task was dropped before the answer came.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Writes that are waited for.
    awaited: usize,
    /// Until when a write that nobody waits for may be carried out.
    abandoned: Option<Instant>,
}

/// One write, until it was answered.
pub(super) struct Awaited {
    all: UnderWay,
    until: Instant,
    answered: bool,
}

impl UnderWay {
    /// A write is sent that can no longer take effect after this time.
    pub(super) fn begin(&self, settles_within: Duration) -> Awaited {
        self.change(|known| known.awaited += 1);
        Awaited {
            all: self.clone(),
            until: Instant::now() + settles_within,
            answered: false,
        }
    }

    /// Whether there is any.
    pub(super) fn is_any(&self) -> bool {
        let now = Instant::now();
        self.change(|known| known.awaited > 0 || known.abandoned.is_some_and(|until| until > now))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Awaited {
    /// Waits until it can no longer take effect.
    pub(super) async fn settled(&self) {
        tokio::time::sleep_until(self.until).await;
    }

    /// It was answered, or can no longer take effect.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let until = (!self.answered).then_some(self.until);
        self.all.change(|known| {
            known.awaited -= 1;
            known.abandoned = known.abandoned.max(until);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(4);

    #[tokio::test(start_paused = true)]
    async fn a_write_is_under_way_until_it_is_answered_and_a_dropped_one_until_its_time_is_up() {
        let all = UnderWay::default();
        assert!(!all.is_any());
        let write = all.begin(TIMEOUT);
        assert!(all.is_any());
        write.answered();
        assert!(!all.is_any());
        drop(all.begin(TIMEOUT));
        tokio::time::advance(Duration::from_millis(3_999)).await;
        assert!(all.is_any());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!all.is_any());
    }
}
